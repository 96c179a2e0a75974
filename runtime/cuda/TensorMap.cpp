//===- TensorMap.cpp - Descriptors for copies of tiles ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Made for each launch: an address and a token count are all that changes, and
// the driver needs a microsecond.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/TensorMap.h"
#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/DimExpr.h"

#include <algorithm>
#include <array>

using namespace moe;
using namespace moe::cuda;
using core::DType;

/// The driver fills what lies outside with a zero of this type; of types that
/// it does not know only the size matters, as zero is no bits.
static CuTensorMapType typeOf(DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return CuTensorMapType::BFloat16;
  case DType::F16:
  case DType::I16:
    return CuTensorMapType::Float16;
  case DType::F32:
    return CuTensorMapType::Float32;
  case DType::I32:
    return CuTensorMapType::Int32;
  case DType::F64:
    return CuTensorMapType::Float64;
  case DType::I64:
    return CuTensorMapType::Int64;
  default:
    return CuTensorMapType::UInt8;
  }
}

static CuTensorMapSwizzle swizzleOf(uint8_t bytes) {
  switch (bytes) {
  case 32:
    return CuTensorMapSwizzle::B32;
  case 64:
    return CuTensorMapSwizzle::B64;
  case 128:
    return CuTensorMapSwizzle::B128;
  default:
    return CuTensorMapSwizzle::None;
  }
}

core::Status
moe::cuda::encodeTensorMap(const Driver &driver, const abi::TensorMap &table,
                           CuDevicePtr base, std::span<const int64_t> dims,
                           std::string_view kernel, CuTensorMap &map) {
  constexpr size_t maxRank = 5;
  std::array<uint64_t, maxRank> sizes{}, strides{};
  std::array<uint32_t, maxRank> box{}, steps{};
  const flatbuffers::uoffset_t rank = table.sizes()->size();
  for (flatbuffers::uoffset_t i = 0; i < rank; ++i) {
    // A tensor without elements is never copied from, but the driver wants one.
    sizes[i] = static_cast<uint64_t>(
        std::max<int64_t>(core::evaluate(*table.sizes()->Get(i), dims), 1));
    if (i + 1 < rank)
      strides[i] =
          static_cast<uint64_t>(core::evaluate(*table.strides()->Get(i), dims));
    box[i] = table.box()->Get(i);
    steps[i] = 1;
  }
  return driver.checked(driver.cuTensorMapEncodeTiled(
                            &map, typeOf(static_cast<DType>(table.dtype())),
                            rank, reinterpret_cast<void *>(base), sizes.data(),
                            strides.data(), box.data(), steps.data(),
                            tensorMapInterleaveNone, swizzleOf(table.swizzle()),
                            tensorMapPromotionL2128B, tensorMapFillZero),
                        [&] {
                          return "kernel " + core::quote(kernel) +
                                 " has a tensor map that the driver refuses";
                        });
}
