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

#include <cmath>
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
