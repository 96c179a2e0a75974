//===- SafetensorsBytes.h - Safetensors files as text -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Spells files that our writer would never write.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_CORE_SAFETENSORSBYTES_H
#define MOE_TEST_UNIT_RUNTIME_CORE_SAFETENSORSBYTES_H

#include <cstdint>
#include <string>
#include <string_view>

namespace moe::test {

inline std::string littleEndian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// The length of `header`, `header`, and `dataBytes` bytes 0, 1, 2, ...
inline std::string safetensorsBytes(std::string_view header, size_t dataBytes) {
  std::string bytes = littleEndian(header.size()) + std::string(header);
  for (size_t i = 0; i < dataBytes; ++i)
    bytes += static_cast<char>(i);
  return bytes;
}

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_CORE_SAFETENSORSBYTES_H
