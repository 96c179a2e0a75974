//===- RandomWeights.cpp - Weights from a seed ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integer arithmetic up to the sum of four uniform numbers, then products and
// one square root in double: no function whose last bit a library chooses.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/RandomWeights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace moe::core;

namespace {

/// splitmix64: a bijection whose every output bit depends on every input bit.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// Mean 0, variance 1, from four uniform numbers of 16 bits.
double normal(uint64_t bits) {
  const int64_t sum =
      static_cast<int64_t>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                           (bits >> 32 & 0xffff) + (bits >> 48));
  // Each has mean 65535 / 2 and variance (2^32 - 1) / 12.
  constexpr double unit = 2.6428997921303018e-05; // sqrt(3 / (2^32 - 1))
  return static_cast<double>(sum - 2 * 65535) * unit;
}

bool isScale(std::string_view name) {
  return name.ends_with("scale") || name.ends_with("scales") ||
         name.ends_with("scale_inv");
}

} // namespace

RandomTensor::RandomTensor(uint64_t seed, std::string_view name, DType dtype,
                           std::span<const int64_t> shape)
    : key(XXH3_64bits_withSeed(name.data(), name.size(), seed)), dtype(dtype),
      kind(Kind::Normal) {
  const double last =
      shape.empty() ? 1
                    : static_cast<double>(std::max<int64_t>(shape.back(), 1));
  switch (dtype) {
  case DType::F64:
  case DType::F32:
  case DType::BF16:
  case DType::F16:
    if (isScale(name)) {
      kind = Kind::Positive;
      scale = 1 / (16 * std::sqrt(128 * last));
    } else {
      scale = shape.size() >= 2 ? 1 / std::sqrt(last) : 0.02;
    }
    break;
  case DType::F8E4M3:
  case DType::F8E5M2:
    scale = 16;
    break;
  case DType::F8E8M0:
    kind = Kind::PowerOfTwo;
    break;
  case DType::U8:
    kind = isScale(name) ? Kind::PowerOfTwo : Kind::Bits;
    break;
  default:
    kind = Kind::Bits;
  }
  if (kind == Kind::PowerOfTwo)
    exponent = 127 + std::ilogb(std::sqrt(2.0) / (3 * std::sqrt(32 * last)));
}

void RandomTensor::fill(int64_t begin, int64_t end, void *out) const {
  const size_t size = byteSize(dtype);
  auto *bytes = static_cast<uint8_t *>(out);
  for (int64_t i = begin; i < end; ++i) {
    const uint64_t bits = mix(key + static_cast<uint64_t>(i));
    const auto at = static_cast<size_t>(i - begin);
    switch (kind) {
    case Kind::Normal:
      storeFromDouble(dtype, out, at, normal(bits) * scale);
      break;
    case Kind::Positive:
      storeFromDouble(dtype, out, at, (1 + normal(bits) / 8) * scale);
      break;
    case Kind::PowerOfTwo:
      bytes[at] = static_cast<uint8_t>(
          std::clamp(exponent + static_cast<int>(bits % 3) - 1, 0, 254));
      break;
    case Kind::Bits:
      if (dtype == DType::Bool)
        bytes[at] = bits >> 63;
      else
        std::memcpy(bytes + at * size, &bits, size);
      break;
    }
  }
}
