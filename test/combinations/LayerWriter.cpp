//===- LayerWriter.cpp - Ops of a layer as text ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/test/combinations/LayerWriter.h"

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/Expr.h"

#include <algorithm>

using namespace moe;
using namespace moe::test;
using std::to_string;

std::string test::names(const std::vector<Value> &values) {
  return joined(values, [](const Value &value) { return value.name; });
}
std::string test::types(const std::vector<Value> &values) {
  return joined(values, [](const Value &value) { return value.type(); });
}

std::string test::real(double value) {
  std::string text = semantics::decimalText(value);
  if (text.find('.') == text.npos)
    text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

LayerWriter::LayerWriter(const LayerForm &layer)
    : layer(layer), act(layer.dtype),
      stored(layer.weight_dtype.empty() ? layer.dtype : layer.weight_dtype),
      hidden(layer.hidden_size), width(layer.intermediate_size),
      gated(semantics::lookup(
                *semantics::activationFromName(layer.activation.name))
                .arity == 2) {}

Value LayerWriter::define(const std::string &op, const Shape &shape,
                          const std::string &element) {
  Value value{"%v" + to_string(count++), shape, element};
  body += "  " + value.name + " = " + op + value.type() + "\n";
  return value;
}

Value LayerWriter::weight(const std::string &name, const Shape &shape,
                          const std::string &element) {
  params +=
      "moe.param @" + name + " : " + Value{"", shape, element}.type() + "\n";
  return define("moe.load_param @" + name + " : ", shape, element);
}

/// A weight with a slice for each expert that has weights.
Value LayerWriter::ofExperts(const std::string &name, Shape shape) {
  shape.insert(shape.begin(), layer.num_experts + layer.select.always);
  return weight(name, shape, stored);
}

Value LayerWriter::input(const std::string &name) {
  for (const LayerInput &each : inputsOf(layer))
    if (each.name == name)
      return {"%" + name, each.shape, each.dtype == DType::I32 ? "i32" : "f32"};
  return {};
}

Value LayerWriter::linear(Value rows, Value matrix, Value bias) {
  std::vector<Value> operands = {rows, matrix};
  std::string op = "moe.linear " + names(operands);
  if (bias) {
    op += " bias " + bias.name;
    operands.push_back(bias);
  }
  return define(op + " acc f32 : (" + types(operands) + ") -> ",
                {-1, matrix.shape[0]}, "f32");
}

Value LayerWriter::activate(const std::vector<Value> &operands) {
  std::string op =
      "moe.activate " + layer.activation.name + "(" + names(operands) + ")";
  if (!layer.activation.params.empty())
    op += " {" +
          joined(layer.activation.params,
                 [](const auto &param) {
                   return param.first + " = " + real(param.second) + " : f64";
                 }) +
          "}";
  return define(op + " : (" + types(operands) + ") -> ", operands.front().shape,
                act);
}

Value LayerWriter::numRows(Value rows) {
  const Value zero = define("arith.constant 0 : ", {}, "index");
  const Value size{"%n" + to_string(count++), {}, "index"};
  body += "  " + size.name + " = tensor.dim " + names({rows, zero}) + " : " +
          rows.type() + "\n";
  return size;
}

/// A place for rows as many as these.
Value LayerWriter::emptyAs(Value rows) {
  const std::string size = rows.shape[0] < 0 ? numRows(rows).name : "";
  return define("tensor.empty(" + size + ") : ", rows.shape, rows.element);
}

/// rows[r, n] * column[r, 0], or times its sigmoid.
Value LayerWriter::timesColumn(Value rows, Value column, bool sigmoid) {
  const Value empty = emptyAs(rows);
  const std::string all = "affine_map<(r, n) -> (r, n)>";
  std::string op = "linalg.generic {indexing_maps = [" + all +
                   ", affine_map<(r, n) -> (r, 0)>, " + all +
                   "], iterator_types = [\"parallel\", \"parallel\"]} ins(" +
                   names({rows, column}) + " : " + types({rows, column}) +
                   ") outs(" + empty.name + " : " + empty.type() +
                   ") {\n  ^bb0(%row: " + rows.element +
                   ", %factor: f32, %out: " + rows.element + "):\n";
  auto line = [&](const std::string &text) { op += "    " + text + "\n"; };
  std::string row = "%row", factor = "%factor";
  if (rows.element != "f32") {
    line("%wide = arith.extf %row : " + rows.element + " to f32");
    row = "%wide";
  }
  if (sigmoid) {
    line("%one = arith.constant 1.0 : f32");
    line("%negated = arith.negf %factor : f32");
    line("%power = math.exp %negated : f32");
    line("%below = arith.addf %power, %one : f32");
    line("%gate = arith.divf %one, %below : f32");
    factor = "%gate";
  }
  line("%product = arith.mulf " + row + ", " + factor + " : f32");
  if (rows.element != "f32")
    line("%narrow = arith.truncf %product : f32 to " + rows.element);
  line(std::string("linalg.yield ") +
       (rows.element == "f32" ? "%product" : "%narrow") + " : " + rows.element);
  return define(op + "  } -> ", rows.shape, rows.element);
}

/// base + 2 * up(down(rows)).
Value LayerWriter::adapted(Value rows, Value base, Value down, Value up) {
  const Value delta = linear(linear(rows, down, {}), up, {});
  const Value empty = emptyAs(base);
  const Value two = define("arith.constant 2.0 : ", {}, "f32");
  const Value scale = define("linalg.fill ins(" + two.name + " : f32) outs(" +
                                 empty.name + " : " + empty.type() + ") -> ",
                             base.shape, "f32");
  const Value scaled =
      define("arith.mulf " + names({delta, scale}) + " : ", base.shape, "f32");
  return define("arith.addf " + names({base, scaled}) + " : ", base.shape,
                "f32");
}
