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

namespace {

/// A narrow float type, for the values that it holds as normal numbers.
template <typename Bits, int mantissaBits, int bias> struct Narrow {
  /// storeFromDouble, in the few instructions that normal numbers need: nearly
  /// every value is one, and a layer has billions.
  static void store(DType dtype, void *out, size_t at, double value) {
    constexpr int dropped = 52 - mantissaBits;
    constexpr uint64_t one = 1;
    const auto bits = std::bit_cast<uint64_t>(value);
    const uint64_t magnitude = bits & ~(one << 63);
    if (magnitude < uint64_t(1023 + 1 - bias) << 52)
      return storeFromDouble(dtype, out, at, value);
    const uint64_t rounded =
        (magnitude + (one << (dropped - 1)) - 1 + (magnitude >> dropped & 1)) >>
        dropped;
    const uint64_t sign = bits >> 63 << (8 * sizeof(Bits) - 1);
    static_cast<Bits *>(out)[at] = static_cast<Bits>(
        sign | (rounded - (uint64_t(1023 - bias) << mantissaBits)));
  }
};

} // namespace

template <typename Store>
void RandomTensor::each(int64_t begin, int64_t end, Store store) const {
  for (int64_t i = begin; i < end; ++i)
    store(static_cast<size_t>(i - begin), mix(key + static_cast<uint64_t>(i)));
}

void RandomTensor::fillNormal(int64_t begin, int64_t end, void *out) const {
  auto with = [&](auto store) {
    each(begin, end, [&](size_t at, uint64_t bits) {
      store(dtype, out, at, normal(bits) * scale);
    });
  };
  switch (dtype) {
  case DType::F32:
    return with([](DType, void *out, size_t at, double value) {
      static_cast<float *>(out)[at] = static_cast<float>(value);
    });
  case DType::BF16:
    return with(Narrow<uint16_t, 7, 127>::store);
  case DType::F16:
    return with(Narrow<uint16_t, 10, 15>::store);
  case DType::F8E4M3:
    return with(Narrow<uint8_t, 3, 7>::store);
  case DType::F8E5M2:
    return with(Narrow<uint8_t, 2, 15>::store);
  default:
    return with(storeFromDouble);
  }
}

void RandomTensor::fill(int64_t begin, int64_t end, void *out) const {
  auto *bytes = static_cast<uint8_t *>(out);
  switch (kind) {
  case Kind::Normal:
    return fillNormal(begin, end, out);
  case Kind::Positive:
    return each(begin, end, [&](size_t at, uint64_t bits) {
      storeFromDouble(dtype, out, at, (1 + normal(bits) / 8) * scale);
    });
  case Kind::PowerOfTwo:
    return each(begin, end, [&](size_t at, uint64_t bits) {
      bytes[at] = static_cast<uint8_t>(
          std::clamp(exponent + static_cast<int>(bits % 3) - 1, 0, 254));
    });
  case Kind::Bits:
    return each(begin, end,
                [&, size = byteSize(dtype)](size_t at, uint64_t bits) {
                  if (dtype == DType::Bool)
                    bits >>= 63;
                  std::memcpy(bytes + at * size, &bits, size);
                });
  }
}
