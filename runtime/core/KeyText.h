//===- KeyText.h - What a cache entry is found by ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that an entry depends on, as one text, and the hash of it that names the
// entry.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_KEYTEXT_H
#define MOE_RUNTIME_CORE_KEYTEXT_H

#include <cstdint>
#include <string>
#include <string_view>

namespace moe::core {

/// Fields with their lengths, so that no two lists of fields are one text.
class KeyText {
public:
  void add(std::string_view field);
  void add(uint64_t number) { add(std::to_string(number)); }

  /// 32 hex digits.
  std::string hash() const;

private:
  std::string text;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_KEYTEXT_H
