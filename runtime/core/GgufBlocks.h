//===- GgufBlocks.h - What the blocks of GGUF tensors hold ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GGUF tensor is a row of blocks, each a few scales and the codes of 32 or
// 256 elements. Scales lie between the codes, so that no tensor of either can
// be named; a block is decoded to floats where it is read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_GGUFBLOCKS_H
#define MOE_RUNTIME_CORE_GGUFBLOCKS_H

#include "moe/runtime/core/DType.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace moe::core {

struct GgufType {
  uint32_t id;           ///< as files have it
  std::string_view name; ///< "Q4_K"
  int64_t elements;      ///< of a block
  size_t bytes;          ///< of a block
  /// Of blocks of one element: what it is.
  std::optional<DType> plain = std::nullopt;
  /// Of others: writes `elements` floats.
  void (*decode)(const uint8_t *block, float *out) = nullptr;
};

/// All that moec reads, by id.
std::span<const GgufType> ggufTypes();
/// Null for a type that moec does not know.
const GgufType *ggufType(uint32_t id);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_GGUFBLOCKS_H
