//===- QuantFormatTest.cpp - The table of quantized formats -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes against the values their standards list; positions against a walk over
// the layout in storage order.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/QuantFormat.h"

#include "gtest/gtest.h"

#include <cmath>
#include <vector>

using namespace moe::semantics;

namespace {

const QuantRow &fp8 = lookup(QuantFormat::Fp8Block);
const QuantRow &mxfp4 = lookup(QuantFormat::Mxfp4);

TEST(QuantFormat, Rows) {
  ASSERT_EQ(quantFormats().size(), 10u);
  EXPECT_EQ(fp8.id, QuantFormat::Fp8Block);
  EXPECT_EQ(fp8.name, "fp8_block");
  EXPECT_EQ(fp8.code, CodeKind::E4M3FN);
  EXPECT_EQ(fp8.scale, ScaleKind::Float);
  EXPECT_EQ(fp8.codesPerWord, 1u);
  EXPECT_EQ(fp8.blockRows, 0);
  EXPECT_EQ(fp8.blockCols, 0);
  EXPECT_EQ(mxfp4.id, QuantFormat::Mxfp4);
  EXPECT_EQ(mxfp4.name, "mxfp4");
  EXPECT_EQ(mxfp4.code, CodeKind::E2M1);
  EXPECT_EQ(mxfp4.scale, ScaleKind::E8M0);
  EXPECT_EQ(mxfp4.codesPerWord, 2u);
  EXPECT_EQ(mxfp4.blockRows, 1);
  EXPECT_EQ(mxfp4.blockCols, 32);
  EXPECT_EQ(quantFormatFromName("fp8_block"), QuantFormat::Fp8Block);
  EXPECT_EQ(quantFormatFromName("mxfp4"), QuantFormat::Mxfp4);
  EXPECT_EQ(quantFormatFromName("fp8"), std::nullopt);
}

TEST(QuantFormat, E2M1Codes) {
  const double want[] = {0.0,  0.5,  1.0,  1.5,  2.0,  3.0,  4.0,  6.0,
                         -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0};
  std::span<const double> got = codeValues(CodeKind::E2M1);
  ASSERT_EQ(got.size(), 16u);
  for (int code = 0; code < 16; ++code) {
    EXPECT_EQ(got[code], want[code]) << code;
    EXPECT_EQ(std::signbit(got[code]), code >= 8) << code;
  }
}

TEST(QuantFormat, E4M3Codes) {
  std::span<const double> got = codeValues(CodeKind::E4M3FN);
  ASSERT_EQ(got.size(), 256u);
  // The examples of the OCP specification: largest, one, smallest normal,
  // largest and smallest subnormal.
  EXPECT_EQ(got[0x7e], 448);
  EXPECT_EQ(got[0x38], 1);
  EXPECT_EQ(got[0x08], 0.015625);
  EXPECT_EQ(got[0x07], 0.013671875);
  EXPECT_EQ(got[0x01], 0.001953125);
  EXPECT_EQ(got[0x00], 0);
  for (int code = 0; code < 0x7f; ++code) {
    int exponent = code / 8, mantissa = code % 8;
    double want = exponent == 0
                      ? mantissa / 512.0
                      : (1 + mantissa / 8.0) * std::pow(2.0, exponent - 7);
    EXPECT_EQ(got[code], want) << code;
    EXPECT_EQ(got[code + 128], -want) << code;
    EXPECT_TRUE(std::signbit(got[code + 128])) << code;
  }
  EXPECT_TRUE(std::isnan(got[0x7f]));
  EXPECT_TRUE(std::isnan(got[0xff]));
}

TEST(QuantFormat, E8M0Scales) {
  EXPECT_EQ(e8m0Value(127), 1);
  EXPECT_EQ(e8m0Value(120), 0.0078125);
  EXPECT_EQ(e8m0Value(0), 5.877471754111438e-39);
  for (int byte = 0; byte < 255; ++byte)
    EXPECT_EQ(e8m0Value(byte), std::exp2(byte - 127.0)) << byte;
  EXPECT_TRUE(std::isnan(e8m0Value(255)));
}

TEST(QuantFormat, Fp8BlocksAreCutAtTheEnds) {
  QuantShape shape{.rows = 200, .cols = 136, .blockRows = 128, .blockCols = 64};
  EXPECT_EQ(shape.scaleRows(), 2);
  EXPECT_EQ(shape.scaleCols(), 3);
  for (int64_t row = 0; row < shape.rows; ++row)
    for (int64_t col = 0; col < shape.cols; ++col) {
      int64_t blockRow = row < 128 ? 0 : 1;
      int64_t blockCol = col < 64 ? 0 : col < 128 ? 1 : 2;
      ASSERT_EQ(shape.scaleIndex(row, col), blockRow * 3 + blockCol);
      CodePosition position = codePosition(fp8, shape, row, col);
      ASSERT_EQ(position.word, row * 136 + col);
      ASSERT_EQ(position.slot, 0u);
    }
  QuantShape whole{.rows = 256, .cols = 64, .blockRows = 128, .blockCols = 64};
  EXPECT_EQ(whole.scaleRows(), 2);
  EXPECT_EQ(whole.scaleCols(), 1);
  // A last block of one row and one column.
  QuantShape sliver{.rows = 129, .cols = 65, .blockRows = 128, .blockCols = 64};
  EXPECT_EQ(sliver.scaleRows(), 2);
  EXPECT_EQ(sliver.scaleCols(), 2);
  QuantShape single;
  EXPECT_EQ(single.blockRows, 1);
  EXPECT_EQ(single.blockCols, 1);
}

TEST(QuantFormat, Mxfp4PutsTheLowNibbleFirst) {
  QuantShape shape{.rows = 3, .cols = 96, .blockRows = 1, .blockCols = 32};
  EXPECT_EQ(shape.scaleRows(), 3);
  EXPECT_EQ(shape.scaleCols(), 3);
  // Storage order: u8 [rows, blocks, 16], two columns a byte.
  int64_t byte = 0;
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t block = 0; block < 3; ++block)
      for (int64_t b = 0; b < 16; ++b, ++byte)
        for (int64_t half = 0; half < 2; ++half) {
          int64_t col = block * 32 + 2 * b + half;
          CodePosition position = codePosition(mxfp4, shape, row, col);
          EXPECT_EQ(position.word, byte);
          EXPECT_EQ(position.slot, half);
          EXPECT_EQ(shape.scaleIndex(row, col), row * 3 + block);
        }
  for (int packed = 0; packed < 256; ++packed) {
    EXPECT_EQ(codeInWord(mxfp4, uint8_t(packed), 0), packed % 16);
    EXPECT_EQ(codeInWord(mxfp4, uint8_t(packed), 1), packed / 16);
    EXPECT_EQ(codeInWord(fp8, uint8_t(packed), 0), packed);
  }
}

TEST(QuantFormat, IntegerCodes) {
  ASSERT_EQ(codeValues(CodeKind::UInt4).size(), 16u);
  for (int code = 0; code < 16; ++code)
    EXPECT_EQ(codeValues(CodeKind::UInt4)[code], code);
  ASSERT_EQ(codeValues(CodeKind::Int8).size(), 256u);
  for (int code = 0; code < 256; ++code)
    EXPECT_EQ(codeValues(CodeKind::Int8)[code],
              static_cast<int8_t>(static_cast<uint8_t>(code)));
}

/// Packed by shifting the codes into words one after the other, unpacked by the
/// positions; sizes that end in the middle of a word.
TEST(QuantFormat, WordsAlongEitherSide) {
  const int64_t rows = 11, cols = 21;
  QuantShape shape{.rows = rows, .cols = cols, .blockRows = 1, .blockCols = 8};
  auto code = [](int64_t row, int64_t col) {
    return uint32_t(row * 7 + col * 3) % 16;
  };
  const QuantRow &gptq = lookup(QuantFormat::GptqInt4);
  std::vector<uint32_t> words(rows * 3);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col)
      words[row * 3 + col / 8] |= code(row, col) << (col % 8 * 4);
  EXPECT_EQ(codeWords(gptq, shape), rows * 3);
  // AutoAWQ: slot j holds row order[j] of the eight.
  const QuantRow &awq = lookup(QuantFormat::AwqInt4);
  const int order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  std::vector<uint32_t> awqWords(2 * cols);
  for (int64_t word = 0; word < 2; ++word)
    for (int64_t col = 0; col < cols; ++col)
      for (int slot = 0; slot < 8; ++slot)
        if (int64_t row = word * 8 + order[slot]; row < rows)
          awqWords[word * cols + col] |= code(row, col) << (slot * 4);
  EXPECT_EQ(codeWords(awq, shape), 2 * cols);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col) {
      CodePosition position = codePosition(gptq, shape, row, col);
      EXPECT_EQ(codeInWord(gptq, words[position.word], position.slot),
                code(row, col));
      position = codePosition(awq, shape, row, col);
      EXPECT_EQ(codeInWord(awq, awqWords[position.word], position.slot),
                code(row, col));
    }
}

TEST(QuantFormat, ZerosAreWordsAlongRows) {
  QuantShape shape{.rows = 11, .cols = 21, .blockRows = 1, .blockCols = 8};
  const QuantRow &gptq = lookup(QuantFormat::GptqInt4);
  const QuantRow &awq = lookup(QuantFormat::AwqInt4);
  EXPECT_EQ(zeroWords(gptq, shape), 2 * 3);
  EXPECT_EQ(zeroWords(awq, shape), 2 * 3);
  EXPECT_EQ(zeroWords(fp8, shape), 0);
  EXPECT_EQ(zeroPosition(gptq, shape, 9, 2).word, 5);
  EXPECT_EQ(zeroPosition(gptq, shape, 9, 2).slot, 1u);
  EXPECT_EQ(zeroPosition(awq, shape, 9, 2).word, 5);
  EXPECT_EQ(zeroPosition(awq, shape, 9, 2).slot, 4u);
  EXPECT_EQ(zeroPosition(awq, shape, 6, 0).slot, 3u);
}

} // namespace
