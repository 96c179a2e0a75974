//===- QuantFormat.cpp - The table of quantized weight formats --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of codes are computed from the definition of their float format
// when moec is compiled, so that no table of numbers has to be believed.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/QuantFormat.h"
#include "moe/dialect/semantics/Table.h"

#include <array>
#include <cmath>
#include <limits>

using namespace moe::semantics;

static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

/// A float with one sign bit on top and no infinities: its sizes in bits.
struct MiniFloat {
  unsigned exponentBits;
  unsigned mantissaBits;
  int bias;
};

// OCP 8-bit and microscaling formats.
static constexpr MiniFloat e4m3 = {4, 3, 7};
static constexpr MiniFloat e2m1 = {2, 1, 1};

static constexpr double powerOfTwo(int exponent) {
  if (exponent < 0)
    return 1 / powerOfTwo(-exponent);
  return exponent > 0 ? 2 * powerOfTwo(exponent - 1) : 1;
}

static constexpr double decode(const MiniFloat &format, unsigned code) {
  unsigned mantissaCount = 1u << format.mantissaBits;
  unsigned mantissa = code % mantissaCount;
  unsigned field = (code >> format.mantissaBits) % (1u << format.exponentBits);
  bool negative = code >> (format.mantissaBits + format.exponentBits);
  // A subnormal has the exponent of the smallest normal and no leading one.
  unsigned significand = field ? mantissaCount + mantissa : mantissa;
  int exponent = static_cast<int>(field ? field : 1) - format.bias -
                 static_cast<int>(format.mantissaBits);
  double magnitude = significand * powerOfTwo(exponent);
  return negative ? -magnitude : magnitude;
}

template <size_t N>
static constexpr std::array<double, N> decodeAll(const MiniFloat &format) {
  std::array<double, N> values = {};
  for (unsigned code = 0; code < N; ++code)
    values[code] = decode(format, code);
  return values;
}

static constexpr std::array<double, 256> e4m3Values = [] {
  std::array<double, 256> values = decodeAll<256>(e4m3);
  // "fn": all bits of exponent and mantissa set are NaN, the only one.
  values[0x7f] = values[0xff] = notANumber;
  return values;
}();
static constexpr std::array<double, 16> e2m1Values = decodeAll<16>(e2m1);

/// A code is its number, in two's complement where it has a sign.
template <size_t N, bool Signed>
static constexpr std::array<double, N> integers = [] {
  std::array<double, N> values = {};
  for (size_t code = 0; code < N; ++code) {
    bool negative = Signed && code >= N / 2;
    values[code] = static_cast<double>(code) - (negative ? N : 0);
  }
  return values;
}();

/// Codes of 4 bits, 8 a word of 32, and groups of columns that the op gives.
static constexpr QuantRow int4(QuantFormat id, std::string_view name,
                               std::string_view source) {
  QuantRow row = {id,
                  name,
                  CodeKind::UInt4,
                  ScaleKind::Float,
                  /*wordBits=*/32,
                  /*codesPerWord=*/8,
                  /*blockRows=*/0,
                  /*blockCols=*/0};
  row.source = source;
  return row;
}

static constexpr QuantRow gptqInt4(QuantFormat id, std::string_view name,
                                   std::string_view source,
                                   int64_t zeroOffset) {
  QuantRow row = int4(id, name, source);
  row.zeros = row.columnGroups = true;
  row.zeroOffset = zeroOffset;
  return row;
}

static constexpr QuantRow awqInt4 = [] {
  QuantRow row =
      int4(QuantFormat::AwqInt4, "awq_int4", "AutoAWQ, version gemm");
  row.along = PackedAlong::Rows;
  row.evenFirst = row.zeros = true;
  return row;
}();

static constexpr QuantRow packedInt4(QuantFormat id, std::string_view name,
                                     bool zeros) {
  QuantRow row = int4(id, name, "compressed-tensors pack-quantized");
  row.columnGroups = true;
  row.zeros = zeros;
  row.zeroOffset = zeros ? 0 : 8;
  return row;
}

static constexpr QuantRow mxfp4(QuantFormat id, std::string_view name,
                                std::string_view source, bool nested) {
  QuantRow row = {id,
                  name,
                  CodeKind::E2M1,
                  ScaleKind::E8M0,
                  /*wordBits=*/8,
                  /*codesPerWord=*/2,
                  /*blockRows=*/1,
                  /*blockCols=*/32};
  row.nested = nested;
  row.source = source;
  return row;
}

static constexpr QuantRow nvfp4(QuantFormat id, std::string_view name,
                                std::string_view source, MatrixScale scale) {
  QuantRow row = {id,
                  name,
                  CodeKind::E2M1,
                  ScaleKind::E4M3FN,
                  /*wordBits=*/8,
                  /*codesPerWord=*/2,
                  /*blockRows=*/1,
                  /*blockCols=*/16};
  row.matrixScale = scale;
  row.source = source;
  return row;
}

static constexpr QuantRow bytes(QuantFormat id, std::string_view name,
                                CodeKind code, std::string_view source,
                                ScaleKind scale = ScaleKind::Float) {
  QuantRow row = {id,
                  name,
                  code,
                  scale,
                  /*wordBits=*/8,
                  /*codesPerWord=*/1,
                  /*blockRows=*/0,
                  /*blockCols=*/0};
  row.source = source;
  return row;
}

static constexpr QuantRow rows[] = {
    bytes(QuantFormat::Fp8Block, "fp8_block", CodeKind::E4M3FN,
          "DeepSeek-V3 weight_scale_inv; compressed-tensors float-quantized"),
    mxfp4(QuantFormat::Mxfp4, "mxfp4", "OCP Microscaling Formats v1.0; gpt-oss",
          true),
    gptqInt4(QuantFormat::GptqInt4, "gptq_int4", "AutoGPTQ", 1),
    gptqInt4(QuantFormat::GptqV2Int4, "gptq_v2_int4", "GPTQModel gptq_v2", 0),
    awqInt4,
    packedInt4(QuantFormat::PackedInt4, "packed_int4", false),
    packedInt4(QuantFormat::PackedInt4Zeros, "packed_int4_zeros", true),
    bytes(QuantFormat::Int8, "int8", CodeKind::Int8,
          "compressed-tensors int-quantized"),
    nvfp4(QuantFormat::Nvfp4, "nvfp4", "modelopt NVFP4", MatrixScale::Factor),
    nvfp4(QuantFormat::Nvfp4Divisor, "nvfp4_divisor",
          "compressed-tensors nvfp4-pack-quantized", MatrixScale::Divisor),
    bytes(QuantFormat::Fp8BlockE8M0, "fp8_block_e8m0", CodeKind::E4M3FN,
          "DeepSeek-V3.1 and V4, scale_fmt ue8m0", ScaleKind::E8M0),
    mxfp4(QuantFormat::Mxfp4Rows, "mxfp4_rows", "DeepSeek-V4's experts", false),
};

std::span<const QuantRow> moe::semantics::quantFormats() { return rows; }

const QuantRow &moe::semantics::lookup(QuantFormat id) {
  return rowOf(quantFormats(), id);
}

std::optional<QuantFormat>
moe::semantics::quantFormatFromName(std::string_view name) {
  return idOfName(quantFormats(), name);
}

std::span<const double> moe::semantics::codeValues(CodeKind kind) {
  switch (kind) {
  case CodeKind::E4M3FN:
    return e4m3Values;
  case CodeKind::E2M1:
    return e2m1Values;
  case CodeKind::UInt4:
    return integers<16, false>;
  case CodeKind::Int8:
    return integers<256, true>;
  }
  return {};
}

double moe::semantics::e8m0Value(uint8_t byte) {
  return byte == 255 ? notANumber : std::ldexp(1.0, byte - 127);
}

int64_t QuantShape::scaleRows() const {
  return (rows + blockRows - 1) / blockRows;
}
int64_t QuantShape::scaleCols() const {
  return (cols + blockCols - 1) / blockCols;
}
int64_t QuantShape::scaleIndex(int64_t row, int64_t col) const {
  return row / blockRows * scaleCols() + col / blockCols;
}

/// Words that hold `count` codes.
static int64_t wordsOf(const QuantRow &format, int64_t count) {
  return (count + format.codesPerWord - 1) / format.codesPerWord;
}

/// The slot of element `index` of a word.
static unsigned slotOf(const QuantRow &format, int64_t index) {
  auto slot = static_cast<unsigned>(index);
  return format.evenFirst ? slot / 2 + slot % 2 * (format.codesPerWord / 2)
                          : slot;
}

CodePosition moe::semantics::codePosition(const QuantRow &format,
                                          const QuantShape &shape, int64_t row,
                                          int64_t col) {
  int64_t perWord = format.codesPerWord;
  if (format.along == PackedAlong::Rows)
    return {row / perWord * shape.cols + col, slotOf(format, row % perWord)};
  return {row * wordsOf(format, shape.cols) + col / perWord,
          slotOf(format, col % perWord)};
}

CodePosition moe::semantics::zeroPosition(const QuantRow &format,
                                          const QuantShape &shape, int64_t row,
                                          int64_t scaleCol) {
  int64_t perWord = format.codesPerWord, scaleRow = row / shape.blockRows;
  return {scaleRow / perWord * shape.scaleCols() + scaleCol,
          slotOf(format, scaleRow % perWord)};
}

int64_t moe::semantics::codeWords(const QuantRow &format,
                                  const QuantShape &shape) {
  return format.along == PackedAlong::Rows
             ? wordsOf(format, shape.rows) * shape.cols
             : shape.rows * wordsOf(format, shape.cols);
}

int64_t moe::semantics::zeroWords(const QuantRow &format,
                                  const QuantShape &shape) {
  return format.zeros ? wordsOf(format, shape.scaleRows()) * shape.scaleCols()
                      : 0;
}

uint8_t moe::semantics::codeInWord(const QuantRow &format, uint32_t word,
                                   unsigned slot) {
  unsigned bits = format.codeBits();
  return static_cast<uint8_t>(word >> (slot * bits) & ((1u << bits) - 1));
}
