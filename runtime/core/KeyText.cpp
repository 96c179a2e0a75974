//===- KeyText.cpp - What a cache entry is found by -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/KeyText.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moe::core;

void KeyText::add(std::string_view field) {
  const uint64_t size = field.size();
  text.append(reinterpret_cast<const char *>(&size), sizeof(size));
  text += field;
}

std::string KeyText::hash() const {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  std::string hex;
  for (const unsigned char byte : bytes.digest)
    for (const int digit : {byte >> 4, byte & 15})
      hex += "0123456789abcdef"[digit];
  return hex;
}
