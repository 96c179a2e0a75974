//===- TensorMap.h - A tensor map of the simulator --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a driver hides in a tensor map's 128 bytes is its own affair.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_TENSORMAP_H
#define MOE_TOOLS_CUDASIM_TENSORMAP_H

#include <cstdint>

namespace moe::cudasim {

struct TensorMapData {
  static constexpr uint64_t expectedMagic = 0x50414d204d495345;

  uint64_t magic;
  uint64_t base;
  uint64_t sizes[2];  ///< elements, inner dimension first
  uint64_t rowStride; ///< bytes
  uint32_t box[2];    ///< elements
  uint32_t elementBytes;
  uint32_t swizzle128; ///< else none
};
static_assert(sizeof(TensorMapData) <= 128);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_TENSORMAP_H
