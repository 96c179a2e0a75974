//===- Error.cpp - Errors as values -----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that spells an error's id, so that what a user reads is what
// docs/errors.md is searched for.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Error.h"

using namespace moe::core;

std::string Error::str() const {
  std::string digits = std::to_string(static_cast<unsigned>(id));
  if (digits.size() < 4)
    digits.insert(0, 4 - digits.size(), '0');
  return "E" + digits + ": " + message;
}

std::string moe::core::quote(std::string_view text) {
  constexpr size_t longest = 200;
  constexpr char digits[] = "0123456789abcdef";
  std::string result = "'";
  for (unsigned char c : text.substr(0, longest)) {
    if (c >= 0x20 && c != 0x7f) {
      result += static_cast<char>(c);
      continue;
    }
    result += "\\x";
    result += digits[c >> 4];
    result += digits[c & 15];
  }
  return result + (text.size() > longest ? "...'" : "'");
}
