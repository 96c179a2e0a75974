//===- LayerWriter.h - Ops of a layer as text -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops are written by the values that they read, whose types follow. Weights
// have the types that runtime/import gives them: products stay in f32, what
// goes into one has the activations' type.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_COMBINATIONS_LAYERWRITER_H
#define MOE_TEST_COMBINATIONS_LAYERWRITER_H

#include "moe/test/combinations/LayerForm.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace moe::test {

using Shape = std::vector<int64_t>;

/// A value of the text; without a name there is none.
struct Value {
  std::string name;
  Shape shape; ///< -1: dynamic
  std::string element;

  explicit operator bool() const { return !name.empty(); }
  std::string type() const {
    if (shape.empty())
      return element;
    std::string text = "tensor<";
    for (int64_t size : shape)
      text += (size < 0 ? "?" : std::to_string(size)) + "x";
    return text + element + ">";
  }
};

template <typename List, typename Text>
std::string joined(const List &list, Text text) {
  std::string all;
  for (const auto &each : list)
    all += (all.empty() ? "" : ", ") + text(each);
  return all;
}
/// "%a, %b".
std::string names(const std::vector<Value> &values);
/// "f32, i32".
std::string types(const std::vector<Value> &values);
/// With a point, which MLIR wants.
std::string real(double value);

/// Of one layer, once.
class LayerWriter {
public:
  explicit LayerWriter(const LayerForm &layer);

  std::string module();

private:
  using Body = std::function<Value(Value rows, std::span<const Value> slices)>;

  Value define(const std::string &op, const Shape &shape,
               const std::string &element);
  Value weight(const std::string &name, const Shape &shape,
               const std::string &element);
  Value ofExperts(const std::string &name, Shape shape);
  Value input(const std::string &name);
  Value linear(Value rows, Value matrix, Value bias);
  Value activate(const std::vector<Value> &operands);
  Value numRows(Value rows);
  Value emptyAs(Value rows);
  Value timesColumn(Value rows, Value column, bool sigmoid);
  Value adapted(Value rows, Value base, Value down, Value up);
  void route(Value logits);
  void limit();
  Value sharedExperts(Value x);
  Value perExpert(Value rows, const std::vector<Value> &matrices,
                  int64_t columns, const std::string &element, Body make);
  Value enter(Value rows, std::span<const Value> &slices);
  Value leave(Value rows, std::span<const Value> &slices);
  Value experts(Value rows);
  Value mixture(Value x, Value init);

  const LayerForm &layer;
  const std::string act, stored;
  const int64_t hidden, width;
  const bool gated;
  std::string params, body;
  int count = 0;
  Value x, ids, weights, scores, groups;
};

} // namespace moe::test

#endif // MOE_TEST_COMBINATIONS_LAYERWRITER_H
