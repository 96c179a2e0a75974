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
#include <iterator>
#include <vector>

using namespace moe::semantics;

namespace {

const QuantRow &fp8 = lookup(QuantFormat::Fp8Block);
const QuantRow &mxfp4 = lookup(QuantFormat::Mxfp4);

/// The table once more, as its sources describe it.
TEST(QuantFormat, Rows) {
  struct Want {
    QuantFormat id;
    const char *name;
    CodeKind code;
    ScaleKind scale;
    unsigned wordBits, codesPerWord;
    int64_t blockRows, blockCols;
    PackedAlong along;
    bool nested, evenFirst, zeros;
    int64_t zeroOffset;
    bool columnGroups;
    MatrixScale matrixScale;
  };
  using F = QuantFormat;
  using C = CodeKind;
  using S = ScaleKind;
  using M = MatrixScale;
  constexpr auto cols = PackedAlong::Columns, down = PackedAlong::Rows;
  constexpr bool no = false, yes = true;
  const Want wants[] = {
      {F::Fp8Block, "fp8_block", C::E4M3FN, S::Float, 8, 1, 0, 0, cols, no, no,
       no, 0, no, M::None},
      {F::Mxfp4, "mxfp4", C::E2M1, S::E8M0, 8, 2, 1, 32, cols, yes, no, no, 0,
       no, M::None},
      {F::GptqInt4, "gptq_int4", C::UInt4, S::Float, 32, 8, 0, 0, cols, no, no,
       yes, 1, yes, M::None},
      {F::GptqV2Int4, "gptq_v2_int4", C::UInt4, S::Float, 32, 8, 0, 0, cols, no,
       no, yes, 0, yes, M::None},
      {F::AwqInt4, "awq_int4", C::UInt4, S::Float, 32, 8, 0, 0, down, no, yes,
       yes, 0, no, M::None},
      {F::PackedInt4, "packed_int4", C::UInt4, S::Float, 32, 8, 0, 0, cols, no,
       no, no, 8, yes, M::None},
      {F::PackedInt4Zeros, "packed_int4_zeros", C::UInt4, S::Float, 32, 8, 0, 0,
       cols, no, no, yes, 0, yes, M::None},
      {F::Int8, "int8", C::Int8, S::Float, 8, 1, 0, 0, cols, no, no, no, 0, no,
       M::None},
      {F::Nvfp4, "nvfp4", C::E2M1, S::E4M3FN, 8, 2, 1, 16, cols, no, no, no, 0,
       no, M::Factor},
      {F::Nvfp4Divisor, "nvfp4_divisor", C::E2M1, S::E4M3FN, 8, 2, 1, 16, cols,
       no, no, no, 0, no, M::Divisor},
      {F::Fp8BlockE8M0, "fp8_block_e8m0", C::E4M3FN, S::E8M0, 8, 1, 0, 0, cols,
       no, no, no, 0, no, M::None},
      {F::Mxfp4Rows, "mxfp4_rows", C::E2M1, S::E8M0, 8, 2, 1, 32, cols, no, no,
       no, 0, no, M::None},
  };
  ASSERT_EQ(quantFormats().size(), std::size(wants));
  for (const Want &want : wants) {
    SCOPED_TRACE(want.name);
    const QuantRow &row = lookup(want.id);
    EXPECT_EQ(row.id, want.id);
    EXPECT_EQ(row.name, want.name);
    EXPECT_EQ(row.code, want.code);
    EXPECT_EQ(row.scale, want.scale);
    EXPECT_EQ(row.wordBits, want.wordBits);
    EXPECT_EQ(row.codesPerWord, want.codesPerWord);
    EXPECT_EQ(row.blockRows, want.blockRows);
    EXPECT_EQ(row.blockCols, want.blockCols);
    EXPECT_EQ(row.nested, want.nested);
    EXPECT_EQ(row.along, want.along);
    EXPECT_EQ(row.evenFirst, want.evenFirst);
    EXPECT_EQ(row.zeros, want.zeros);
    EXPECT_EQ(row.zeroOffset, want.zeroOffset);
    EXPECT_EQ(row.columnGroups, want.columnGroups);
    EXPECT_EQ(row.matrixScale, want.matrixScale);
    EXPECT_FALSE(row.source.empty());
    EXPECT_EQ(quantFormatFromName(want.name), want.id);
  }
  EXPECT_EQ(quantFormatFromName("fp8"), std::nullopt);
}

TEST(QuantFormat, AZeroServesItsBlockOfRows) {
  // 2 rows a block: rows 0 to 15 have the zeros of the first word.
  QuantShape shape{.rows = 40, .cols = 24, .blockRows = 2, .blockCols = 8};
  const QuantRow &format = lookup(QuantFormat::GptqInt4);
  for (int64_t row = 0; row < shape.rows; ++row)
    for (int64_t group = 0; group < 3; ++group) {
      CodePosition position = zeroPosition(format, shape, row, group);
      EXPECT_EQ(position.word, row / 16 * 3 + group);
      EXPECT_EQ(position.slot, row % 16 / 2);
    }
  EXPECT_EQ(zeroWords(format, shape), 3 * 3);
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
