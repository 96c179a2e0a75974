//===- FuzzGguf.cpp - Any bytes as a GGUF file ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any bytes are a header whose tensors lie in the file and can be decoded, or
// an error with a text.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Gguf.h"

#include <cstdlib>

using namespace moe::core;

static void require(bool condition) {
  if (!condition)
    std::abort();
}

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span file(reinterpret_cast<const std::byte *>(data), size);
  Result<GgufHeader> header = parseGguf(file, "fuzz.gguf");
  if (!header) {
    require(!header.error().message.empty());
    return 0;
  }
  volatile float sum = 0;
  for (const GgufTensor &tensor : header->tensors) {
    require(tensor.begin <= tensor.end && tensor.end <= size);
    if (!tensor.type || !tensor.type->decode)
      continue;
    // Reading every block, the sanitizers see where.
    float values[256];
    for (size_t at = tensor.begin; at < tensor.end; at += tensor.type->bytes) {
      tensor.type->decode(data + at, values);
      sum = sum + values[0];
    }
  }
  return 0;
}
