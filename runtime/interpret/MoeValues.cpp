//===- MoeValues.cpp - Tensors of the moe ops as spans --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/MoeValues.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;

std::vector<int32_t> interpret::intsOf(const Array &array) {
  std::vector<int32_t> values(array.size());
  for (int64_t index = 0; index < array.size(); ++index)
    values[index] = static_cast<int32_t>(array.data()[index].i);
  return values;
}

void interpret::setFloats(Call &call, unsigned result,
                          llvm::ArrayRef<int64_t> shape,
                          std::span<const double> values) {
  Element element = call.resultElement(result);
  Array array = call.newArray(element, shape);
  Cell *cells = array.write();
  for (size_t index = 0; index < values.size(); ++index)
    cells[index].f = values[index];
  if (!call.evaluator.exact())
    roundCells(element.dtype, cells, values.size());
  call.setResult(result, std::move(array));
}

void interpret::setInts(Call &call, unsigned result,
                        llvm::ArrayRef<int64_t> shape,
                        std::span<const int32_t> values) {
  Array array = call.newArray(call.resultElement(result), shape);
  Cell *cells = array.write();
  for (size_t index = 0; index < values.size(); ++index)
    cells[index].i = values[index];
  call.setResult(result, std::move(array));
}

core::Status interpret::sameSize(const Call &call, llvm::StringRef what,
                                 int64_t a, int64_t b) {
  if (a == b)
    return core::Status::ok();
  return call.fault("has operands of " + llvm::Twine(a) + " and " +
                    llvm::Twine(b) + " " + what);
}

core::Status interpret::checkSlots(const Call &call, const GroupsValue &groups,
                                   int64_t tokens) {
  if (!groups.fromSlots())
    return call.fault("expects groups made from slots by moe.group; groups "
                      "from offsets have no map to tokens");
  return sameSize(call, "tokens", tokens, groups.numTokens());
}

core::Result<Array> interpret::sliceOf(const Value &value, int64_t index) {
  if (auto *array = std::get_if<Array>(&value))
    return array->slice(index);
  return std::get<std::shared_ptr<const LazyArray>>(value)->read(index);
}

Array interpret::rowsOf(const Call &call, const Array &matrix, int64_t first,
                        int64_t last) {
  int64_t width = matrix.shape()[1];
  Array rows = call.newArray(matrix.element(), {last - first, width});
  std::copy_n(matrix.data() + first * width, rows.size(), rows.write());
  return rows;
}
