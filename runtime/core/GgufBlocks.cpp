//===- GgufBlocks.cpp - What the blocks of GGUF tensors hold --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every type is one of two shapes. A block of 32 has a scale, perhaps a minimum
// and codes whose low nibbles are elements 0 to 15 and whose high ones 16 to
// 31. A block of 256 has scales of its parts, which are multiples of scales of
// the whole.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/GgufBlocks.h"

#include <algorithm>
#include <cmath>

using namespace moe::core;

static float half(const uint8_t *at) {
  return static_cast<float>(loadAsDouble(DType::F16, at, 0));
}

//===----------------------------------------------------------------------===//
// Blocks of 32
//===----------------------------------------------------------------------===//

/// Nibble of element `i`: the low ones come first.
static int nibble(const uint8_t *codes, int i) {
  return i < 16 ? codes[i] & 15 : codes[i - 16] >> 4;
}

/// The fifth bit of element `i`.
static int fifthBit(const uint8_t *bits, int i) {
  return (bits[i / 8] >> (i % 8) & 1) << 4;
}

static void decodeQ4_0(const uint8_t *block, float *out) {
  const float scale = half(block);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(nibble(block + 2, i) - 8);
}

static void decodeQ4_1(const uint8_t *block, float *out) {
  const float scale = half(block), minimum = half(block + 2);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(nibble(block + 4, i)) + minimum;
}

static void decodeQ5_0(const uint8_t *block, float *out) {
  const float scale = half(block);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(
                         (nibble(block + 6, i) | fifthBit(block + 2, i)) - 16);
}

static void decodeQ5_1(const uint8_t *block, float *out) {
  const float scale = half(block), minimum = half(block + 2);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(nibble(block + 8, i) |
                                        fifthBit(block + 4, i)) +
             minimum;
}

static void decodeQ8_0(const uint8_t *block, float *out) {
  const float scale = half(block);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

/// e2m1 codes times two to the power of a byte less 127. No NaN comes of byte
/// 255, as in the format's own implementation.
static void decodeMxfp4(const uint8_t *block, float *out) {
  static constexpr float magnitudes[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  const float scale = std::ldexp(1.0f, block[0] - 127);
  for (int i = 0; i < 32; ++i) {
    const int code = nibble(block + 1, i);
    const float magnitude = magnitudes[code & 7] * scale;
    out[i] = code & 8 ? -magnitude : magnitude;
  }
}

//===----------------------------------------------------------------------===//
// Blocks of 256
//===----------------------------------------------------------------------===//

/// Scale and minimum of part `j` of eight, six bits each in twelve bytes: the
/// first four lie in bytes of their own, whose upper bits belong to the others.
struct ScaleAndMinimum {
  int scale, minimum;
};
static ScaleAndMinimum partOf(const uint8_t *packed, int j) {
  if (j < 4)
    return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | packed[j - 4] >> 6 << 4,
          packed[j + 4] >> 4 | packed[j] >> 6 << 4};
}

/// Parts of 32: of each two the first is in the low nibbles of 32 bytes. Five
/// bits where `high` is given, a bit of each byte for each part.
static void decodeParts(const uint8_t *block, const uint8_t *high,
                        const uint8_t *codes, float *out) {
  const float scale = half(block), minimum = half(block + 2);
  for (int j = 0; j < 8; ++j) {
    const ScaleAndMinimum part = partOf(block + 4, j);
    const float factor = scale * static_cast<float>(part.scale);
    const float offset = minimum * static_cast<float>(part.minimum);
    for (int i = 0; i < 32; ++i) {
      int code = codes[j / 2 * 32 + i] >> (j % 2 * 4) & 15;
      if (high)
        code |= (high[i] >> j & 1) << 4;
      out[j * 32 + i] = factor * static_cast<float>(code) - offset;
    }
  }
}

static void decodeQ4_K(const uint8_t *block, float *out) {
  decodeParts(block, nullptr, block + 16, out);
}

static void decodeQ5_K(const uint8_t *block, float *out) {
  decodeParts(block, block + 16, block + 48, out);
}

/// Halves of 128 elements: four times 32, whose low four bits are in 64 bytes
/// and whose high two in 32; sixteen parts, each with a scale of eight bits.
static void decodeQ6_K(const uint8_t *block, float *out) {
  const uint8_t *low = block, *high = block + 128, *scales = block + 192;
  const float scale = half(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int inHalf = i % 128, quarter = inHalf / 32, at = i / 128;
    const int bits = low[at * 64 + inHalf % 64] >> (quarter / 2 * 4) & 15;
    const int top = high[at * 32 + inHalf % 32] >> (quarter * 2) & 3;
    const float factor =
        scale * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
    out[i] = factor * static_cast<float>((bits | top << 4) - 32);
  }
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr GgufType kTypes[] = {
    {0, "F32", 1, 4, DType::F32},
    {1, "F16", 1, 2, DType::F16},
    {2, "Q4_0", 32, 18, std::nullopt, decodeQ4_0},
    {3, "Q4_1", 32, 20, std::nullopt, decodeQ4_1},
    {6, "Q5_0", 32, 22, std::nullopt, decodeQ5_0},
    {7, "Q5_1", 32, 24, std::nullopt, decodeQ5_1},
    {8, "Q8_0", 32, 34, std::nullopt, decodeQ8_0},
    {12, "Q4_K", 256, 144, std::nullopt, decodeQ4_K},
    {13, "Q5_K", 256, 176, std::nullopt, decodeQ5_K},
    {14, "Q6_K", 256, 210, std::nullopt, decodeQ6_K},
    {30, "BF16", 1, 2, DType::BF16},
    {39, "MXFP4", 32, 17, std::nullopt, decodeMxfp4},
};

std::span<const GgufType> moe::core::ggufTypes() { return kTypes; }

const GgufType *moe::core::ggufType(uint32_t id) {
  const auto *at = std::ranges::find(kTypes, id, &GgufType::id);
  return at == std::end(kTypes) ? nullptr : at;
}
