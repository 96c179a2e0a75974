//===- TensorPattern.h - Names of stored tensors, one an expert -*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that knows how a pattern names a tensor an expert: "{e}" stands
// for its number, "{e+64}" for its number and 64 (the second half of a
// checkpoint's experts).
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_TENSORPATTERN_H
#define MOE_DIALECT_SEMANTICS_TENSORPATTERN_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moe::semantics {

/// Where a pattern has the number, and what is added to it.
struct ExpertNumber {
  size_t at, length;
  int64_t first;
};

/// The pattern's first number; nothing if it names one tensor. "{e+" without
/// digits and a brace is part of the name.
std::optional<ExpertNumber> expertNumberIn(std::string_view pattern);

inline bool isPerExpert(std::string_view pattern) {
  return expertNumberIn(pattern).has_value();
}

/// The tensor of one expert, or the pattern itself if it names one tensor.
std::string nameOfExpert(std::string_view pattern, int64_t expert);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_TENSORPATTERN_H
