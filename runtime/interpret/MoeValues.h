//===- MoeValues.h - Tensors of the moe ops as spans ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// runtime/reference computes on spans of double and int32; handlers of the moe
// ops meet it here. It asserts sizes that only run time knows, so they are
// checked first.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_MOEVALUES_H
#define MOE_RUNTIME_INTERPRET_MOEVALUES_H

#include "moe/runtime/interpret/Evaluator.h"

#include <span>

namespace moe::interpret {

/// The elements of a float tensor; none of an absent one.
inline std::span<const double> floatsOf(const Array &array) {
  return {array.floats(), static_cast<size_t>(array.size())};
}
std::vector<int32_t> intsOf(const Array &array);

/// Sets a result of the op, rounded to its element type.
void setFloats(Call &call, unsigned result, llvm::ArrayRef<int64_t> shape,
               std::span<const double> values);
void setInts(Call &call, unsigned result, llvm::ArrayRef<int64_t> shape,
             std::span<const int32_t> values);

/// Both sizes are of the same thing.
core::Status sameSize(const Call &call, llvm::StringRef what, int64_t a,
                      int64_t b);
/// The groups come from slots of this many tokens.
core::Status checkSlots(const Call &call, const GroupsValue &groups,
                        int64_t tokens);

/// Slice `index` of a tensor's leading dimension, decoded if need be.
core::Result<Array> sliceOf(const Value &value, int64_t index);
/// Rows [first, last) of a matrix, as a matrix of their own.
Array rowsOf(const Call &call, const Array &matrix, int64_t first,
             int64_t last);

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_MOEVALUES_H
