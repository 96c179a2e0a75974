//===- FuzzSafetensors.cpp - Any bytes as a safetensors file ----*- C++ -*-===//
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any bytes are a header with entries that lie in the file and cover it, or an
// error with a text.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Safetensors.h"

#include <cstdlib>

using namespace moe::core;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span file(reinterpret_cast<const std::byte *>(data), size);
  Result<SafetensorsHeader> header = parseSafetensors(file, "fuzz.safetensors");
  if (!header) {
    require(!header.error().message.empty());
    return 0;
  }
  size_t total = 0;
  for (const SafetensorsEntry &entry : header->entries) {
    require(entry.begin <= entry.end && entry.end <= size);
    total += entry.end - entry.begin;
    std::optional<DType> dtype = dtypeFromSafetensors(entry.dtypeName);
    if (!dtype)
      continue;
    TensorView view{*dtype, entry.shape, data + entry.begin};
    require(view.bytes() == entry.end - entry.begin);
    // Reading every element, the sanitizers see where.
    volatile double sum = 0;
    for (int64_t i = 0; i < view.numElements(); ++i)
      sum = sum + view.at(i);
  }
  require(total <= size);
  return 0;
}
