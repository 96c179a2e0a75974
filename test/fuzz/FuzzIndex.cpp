//===- FuzzIndex.cpp - Any bytes as an index --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any bytes are a map to names of files that stay in their folder, or an error
// with a text.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Index.h"

#include <cstdint>
#include <cstdlib>

using namespace moe::core;

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Result<WeightMap> map = parseIndex(text, "model.safetensors.index.json");
  if (!map) {
    if (map.error().message.empty())
      std::abort();
    return 0;
  }
  for (const auto &[tensor, file] : *map)
    if (file.find('/') != std::string::npos ||
        !file.ends_with(".safetensors") || file.find('\0') != std::string::npos)
      std::abort();
  return 0;
}
