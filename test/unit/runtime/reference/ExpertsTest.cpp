//===- ExpertsTest.cpp - Reference of what experts compute ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of small integers are exact in any order, so sums are compared for
// equality; depths around the vector length have every kind of tail.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Experts.h"

#include "moe/runtime/core/DType.h"

#include "gtest/gtest.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

using namespace moe;
using namespace moe::reference;
using namespace moe::semantics;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Doubles = std::vector<double>;

void expectSame(const Doubles &got, const Doubles &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    else
      EXPECT_EQ(got[i], want[i]) << i;
}

std::mt19937 random1(19);
Doubles integers(int64_t size) {
  Doubles list(size);
  for (double &v : list)
    v = double(random1() % 21) - 10;
  return list;
}

TEST(Experts, LinearIsRowsTimesTransposedWeight) {
  for (int64_t depth : {0, 1, 7, 8, 9, 16, 23, 40})
    for (int64_t columns : {1, 3})
      for (int64_t numRows : {0, 1, 5}) {
        Doubles rows = integers(numRows * depth);
        Doubles weight = integers(columns * depth), bias = integers(columns);
        Doubles plain, biased;
        for (int64_t r = 0; r < numRows; ++r)
          for (int64_t n = 0; n < columns; ++n) {
            double sum = 0;
            for (int64_t k = 0; k < depth; ++k)
              sum += rows[r * depth + k] * weight[n * depth + k];
            plain.push_back(sum);
            biased.push_back(sum + bias[n]);
          }
        MatmulShape shape{numRows, columns, depth};
        expectSame(linear(shape, rows, weight), plain);
        expectSame(linear(shape, rows, weight, bias), biased);
      }
}

TEST(Experts, GroupedMatmulTakesEachGroupsMatrix) {
  const int64_t numRows = 9, columns = 4, depth = 11, numExperts = 4;
  const std::vector<int32_t> offsets = {0, 3, 3, 4, 7};
  const std::vector<int32_t> source = {4, 0, 1, 1, 3, 2, 0, -1, -1};
  Doubles tokens = integers(5 * depth), rows = integers(numRows * depth);
  Doubles rhs = integers(numExperts * columns * depth);
  Doubles direct(numRows * columns, nan), gathered = direct;
  for (int64_t e = 0; e < numExperts; ++e)
    for (int64_t r = offsets[e]; r < offsets[e + 1]; ++r)
      for (int64_t n = 0; n < columns; ++n) {
        double sum = 0, gatheredSum = 0;
        for (int64_t k = 0; k < depth; ++k) {
          double w = rhs[(e * columns + n) * depth + k];
          sum += rows[r * depth + k] * w;
          gatheredSum += tokens[source[r] * depth + k] * w;
        }
        direct[r * columns + n] = sum;
        gathered[r * columns + n] = gatheredSum;
      }
  MatmulShape shape{numRows, columns, depth};
  expectSame(groupedMatmul(shape, offsets, {}, rows, rhs), direct);
  expectSame(groupedMatmul(shape, offsets, source, tokens, rhs), gathered);
}

TEST(Experts, ActivateReadsTheTable) {
  Doubles x = {-2, 0, 3, nan}, up = {5, 6, -7, 1};
  Doubles silu, glu, clamped;
  for (size_t i = 0; i < x.size(); ++i) {
    silu.push_back(x[i] / (1 + std::exp(-x[i])));
    glu.push_back(x[i] / (1 + std::exp(-x[i])) * up[i]);
    double g = x[i] > 1.5 ? 1.5 : x[i];
    double u = std::min(std::max(up[i], -1.5), 1.5);
    clamped.push_back(g / (1 + std::exp(-1.702 * g)) * (u + 1));
  }
  expectSame(activate(lookup(Activation::Silu), {}, x), silu);
  expectSame(activate(lookup(Activation::SwiGLU), Doubles{1, 0}, x, up), glu);
  expectSame(
      activate(lookup(Activation::ClampGLU), Doubles{1.702, 1, 1.5}, x, up),
      clamped);
  EXPECT_TRUE(activate(lookup(Activation::SwiGLU), Doubles{1, 0}, {}).empty());
}

TEST(Experts, Fp8BlocksAreValueTimesScale) {
  const QuantRow &format = lookup(QuantFormat::Fp8Block);
  QuantShape shape{.rows = 5, .cols = 7, .blockRows = 2, .blockCols = 3};
  const int64_t numMatrices = 3;
  Doubles codes, scales(numMatrices * 3 * 3);
  for (int64_t i = 0; i < numMatrices * 35; ++i)
    codes.push_back(codeValues(CodeKind::E4M3FN)[random1() % 127]);
  codes[40] = nan;
  for (double &s : scales)
    s = 0.001 * double(1 + random1() % 1000);
  Doubles want;
  for (int64_t m = 0; m < numMatrices; ++m)
    for (int64_t r = 0; r < 5; ++r)
      for (int64_t c = 0; c < 7; ++c)
        want.push_back(codes[m * 35 + r * 7 + c] *
                       scales[m * 9 + r / 2 * 3 + c / 3]);
  auto got = dequantize(format, shape, numMatrices, codes, scales);
  ASSERT_TRUE(bool(got));
  expectSame(*got, want);
}

TEST(Experts, Mxfp4DecodesNibbles) {
  const QuantRow &format = lookup(QuantFormat::Mxfp4);
  const double lut[] = {0,   0.5,  1,  1.5,  2,  3,  4,  6,
                        -0., -0.5, -1, -1.5, -2, -3, -4, -6};
  QuantShape shape{.rows = 2, .cols = 64, .blockRows = 1, .blockCols = 32};
  const int64_t numMatrices = 2;
  Doubles codes, scales;
  for (int i = 0; i < numMatrices * 64; ++i)
    codes.push_back(double((i * 37 + 11) % 256));
  for (int i = 0; i < numMatrices * 4; ++i)
    scales.push_back(118 + 3 * i);
  Doubles want;
  for (int64_t m = 0; m < numMatrices; ++m)
    for (int64_t r = 0; r < 2; ++r)
      for (int64_t block = 0; block < 2; ++block)
        for (int64_t b = 0; b < 16; ++b) {
          int byte = int(codes[((m * 2 + r) * 2 + block) * 16 + b]);
          double scale = std::exp2(scales[(m * 2 + r) * 2 + block] - 127.0);
          want.push_back(lut[byte % 16] * scale);
          want.push_back(lut[byte / 16] * scale);
        }
  auto got = dequantize(format, shape, numMatrices, codes, scales);
  ASSERT_TRUE(bool(got));
  expectSame(*got, want);

  // The same bytes read as i8.
  for (double &code : codes)
    code = code > 127 ? code - 256 : code;
  for (double &scale : scales)
    scale = scale > 127 ? scale - 256 : scale;
  expectSame(*dequantize(format, shape, numMatrices, codes, scales), want);
}

/// Groups of 4 columns, 11 x 10, two matrices; what is stored is made from
/// codes, zeros and groups by the formats' own formulas.
struct Int4Case {
  static constexpr int64_t rows = 11, cols = 10, groups = 3, matrices = 2;
  QuantShape shape{.rows = rows, .cols = cols, .blockRows = 1, .blockCols = 4};
  Doubles scales, zeros;
  std::vector<int> codes, zeroPoints, order;

  Int4Case() {
    for (int64_t i = 0; i < matrices * rows * cols; ++i)
      codes.push_back(int(random1() % 16));
    for (int64_t i = 0; i < matrices * rows * groups; ++i) {
      zeroPoints.push_back(1 + int(random1() % 15));
      scales.push_back(double(1 + random1() % 99) / 64);
    }
    for (int64_t i = 0; i < matrices * cols; ++i)
      order.push_back(int(random1() % groups));
  }
  /// Words of `bits` codes along rows or columns, with the given slot order.
  static Doubles pack(int64_t rows, int64_t cols, bool alongRows,
                      std::array<int, 8> slots,
                      const std::function<int(int64_t, int64_t, int64_t)> &at) {
    int64_t wordRows = alongRows ? (rows + 7) / 8 : rows;
    int64_t wordCols = alongRows ? cols : (cols + 7) / 8;
    Doubles words;
    for (int64_t m = 0; m < matrices; ++m)
      for (int64_t r = 0; r < wordRows; ++r)
        for (int64_t c = 0; c < wordCols; ++c) {
          uint32_t word = 0;
          for (int slot = 0; slot < 8; ++slot) {
            int64_t row = alongRows ? r * 8 + slots[slot] : r;
            int64_t col = alongRows ? c : c * 8 + slots[slot];
            if (row < rows && col < cols)
              word |= uint32_t(at(m, row, col)) << (4 * slot);
          }
          words.push_back(int32_t(word));
        }
    return words;
  }
  Doubles packCodes(bool alongRows, std::array<int, 8> slots) {
    return pack(rows, cols, alongRows, slots,
                [&](int64_t m, int64_t r, int64_t c) {
                  return codes[(m * rows + r) * cols + c];
                });
  }
  Doubles packZeros(std::array<int, 8> slots, int less) {
    return pack(rows, groups, true, slots,
                [&](int64_t m, int64_t r, int64_t g) {
                  return zeroPoints[(m * rows + r) * groups + g] - less;
                });
  }
  Doubles want(bool ordered, std::optional<int> zero = {}) {
    Doubles values;
    for (int64_t m = 0; m < matrices; ++m)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) {
          int64_t g = ordered ? order[m * cols + c] : c / 4;
          int64_t at = (m * rows + r) * groups + g;
          values.push_back((codes[(m * rows + r) * cols + c] -
                            zero.value_or(zeroPoints[at])) *
                           scales[at]);
        }
    return values;
  }
};

TEST(Experts, Int4OfEveryPacking) {
  Int4Case c;
  const std::array<int, 8> inOrder = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::array<int, 8> awqOrder = {0, 2, 4, 6, 1, 3, 5, 7};
  Doubles order(c.order.begin(), c.order.end());
  Doubles codes = c.packCodes(false, inOrder);
  auto decode = [&](QuantFormat format, const Doubles &codes,
                    const QuantExtras &extras) {
    auto got = dequantize(lookup(format), c.shape, 2, codes, c.scales, extras);
    EXPECT_TRUE(bool(got));
    return got ? *got : Doubles();
  };
  Doubles less = c.packZeros(inOrder, 1), plain = c.packZeros(inOrder, 0);
  expectSame(decode(QuantFormat::GptqInt4, codes, {less}), c.want(false));
  expectSame(decode(QuantFormat::GptqInt4, codes, {less, {}, order}),
             c.want(true));
  expectSame(decode(QuantFormat::GptqV2Int4, codes, {plain}), c.want(false));
  expectSame(decode(QuantFormat::PackedInt4Zeros, codes, {plain}),
             c.want(false));
  expectSame(decode(QuantFormat::PackedInt4, codes, {}), c.want(false, 8));
  expectSame(decode(QuantFormat::PackedInt4, codes, {{}, {}, order}),
             c.want(true, 8));
  expectSame(decode(QuantFormat::AwqInt4, c.packCodes(true, awqOrder),
                    {c.packZeros(awqOrder, 0)}),
             c.want(false));
  // A zero of 16 is stored as 15: there is no carry.
  c.zeroPoints[0] = 16;
  expectSame(decode(QuantFormat::GptqInt4, codes, {c.packZeros(inOrder, 1)}),
             c.want(false));
}

TEST(Experts, ColumnGroupsThatDoNotExistAreRefused) {
  Int4Case c;
  Doubles codes = c.packCodes(false, {0, 1, 2, 3, 4, 5, 6, 7});
  Doubles order(c.order.begin(), c.order.end());
  for (double wrong : {3.0, -1.0}) {
    order[13] = wrong;
    auto got = dequantize(lookup(QuantFormat::PackedInt4), c.shape, 2, codes,
                          c.scales, {{}, {}, order});
    ASSERT_FALSE(bool(got));
    EXPECT_EQ(got.error().id, core::ErrorId::WeightValue);
    EXPECT_EQ(got.error().message, "expects column groups 0 to 2, got " +
                                       std::to_string(int(wrong)) +
                                       " for column 3 of matrix 1");
  }
  // The first column is looked at, too.
  order[0] = 3;
  auto got = dequantize(lookup(QuantFormat::PackedInt4), c.shape, 2, codes,
                        c.scales, {{}, {}, order});
  ASSERT_FALSE(bool(got));
  EXPECT_EQ(got.error().message,
            "expects column groups 0 to 2, got 3 for column 0 of matrix 0");
}

TEST(Experts, Int8IsSigned) {
  QuantShape shape{.rows = 3, .cols = 5, .blockRows = 1, .blockCols = 5};
  Doubles codes, scales = {0.5, 2, 0.25}, want;
  for (int i = 0; i < 15; ++i) {
    int code = i * 17 - 128;
    codes.push_back(code);
    want.push_back(code * scales[i / 5]);
  }
  auto got = dequantize(lookup(QuantFormat::Int8), shape, 1, codes, scales);
  ASSERT_TRUE(bool(got));
  expectSame(*got, want);
}

TEST(Experts, Nvfp4HasTwoScales) {
  const double lut[] = {0,   0.5,  1,  1.5,  2,  3,  4,  6,
                        -0., -0.5, -1, -1.5, -2, -3, -4, -6};
  QuantShape shape{.rows = 3, .cols = 32, .blockRows = 1, .blockCols = 16};
  Doubles codes, scales, matrixScales = {0.1, 3}, times, by;
  for (int i = 0; i < 2 * 3 * 16; ++i)
    codes.push_back(double(random1() % 256));
  for (int i = 0; i < 2 * 3 * 2; ++i)
    scales.push_back(codeValues(CodeKind::E4M3FN)[1 + random1() % 126]);
  for (int64_t m = 0; m < 2; ++m)
    for (int64_t r = 0; r < 3; ++r)
      for (int64_t c = 0; c < 32; ++c) {
        int byte = int(codes[(m * 3 + r) * 16 + c / 2]);
        double value = lut[c % 2 ? byte / 16 : byte % 16] *
                       scales[(m * 3 + r) * 2 + c / 16];
        times.push_back(value * matrixScales[m]);
        by.push_back(value / matrixScales[m]);
      }
  expectSame(*dequantize(lookup(QuantFormat::Nvfp4), shape, 2, codes, scales,
                         {{}, matrixScales, {}}),
             times);
  expectSame(*dequantize(lookup(QuantFormat::Nvfp4Divisor), shape, 2, codes,
                         scales, {{}, matrixScales, {}}),
             by);
}

TEST(Experts, AScaleOfNaNIsRefused) {
  const QuantRow &format = lookup(QuantFormat::Mxfp4);
  QuantShape shape{.rows = 3, .cols = 32, .blockRows = 1, .blockCols = 32};
  Doubles codes(2 * 48, 0), scales(2 * 3, 127);
  for (double byte : {255.0, -1.0}) {
    scales[5] = byte;
    auto got = dequantize(format, shape, 2, codes, scales);
    ASSERT_FALSE(bool(got));
    EXPECT_EQ(got.error().id, core::ErrorId::WeightValue);
    EXPECT_EQ(got.error().message,
              "expects e8m0 scales of bytes 0 to 254, got 255, a NaN, at "
              "position 2 of matrix 1");
  }
  scales[5] = 254;
  EXPECT_TRUE(bool(dequantize(format, shape, 2, codes, scales)));
}

TEST(Experts, ElementTypesAndCodeTablesAgree) {
  // Two rooms know f8E4M3FN and e8m0: as a type of host tensors and as codes of
  // weights.
  for (int code = 0; code < 256; ++code) {
    uint8_t byte = uint8_t(code);
    expectSame({core::loadAsDouble(core::DType::F8E4M3, &byte, 0),
                core::loadAsDouble(core::DType::F8E8M0, &byte, 0)},
               {codeValues(CodeKind::E4M3FN)[code], e8m0Value(byte)});
  }
}

} // namespace
