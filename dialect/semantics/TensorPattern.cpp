//===- TensorPattern.cpp - Names of stored tensors, one an expert ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/TensorPattern.h"

#include <charconv>

using namespace moe;
using namespace moe::semantics;

std::optional<ExpertNumber>
semantics::expertNumberIn(std::string_view pattern) {
  constexpr std::string_view plain = "{e}", shifted = "{e+";
  for (size_t at = pattern.find("{e"); at != std::string_view::npos;
       at = pattern.find("{e", at + 1)) {
    std::string_view rest = pattern.substr(at);
    if (rest.starts_with(plain))
      return ExpertNumber{at, plain.size(), 0};
    if (!rest.starts_with(shifted))
      continue;
    // More digits than that are no number of an expert.
    int32_t first = 0;
    const char *begin = rest.data() + shifted.size();
    const char *end = rest.data() + rest.size();
    auto [stop, error] = std::from_chars(begin, end, first);
    if (error == std::errc() && first >= 0 && stop != end && *stop == '}')
      return ExpertNumber{at, static_cast<size_t>(stop + 1 - rest.data()),
                          first};
  }
  return std::nullopt;
}

std::string semantics::nameOfExpert(std::string_view pattern, int64_t expert) {
  std::string name(pattern);
  if (std::optional<ExpertNumber> number = expertNumberIn(pattern))
    name.replace(number->at, number->length,
                 std::to_string(number->first + expert));
  return name;
}
