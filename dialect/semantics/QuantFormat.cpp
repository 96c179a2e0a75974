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

static constexpr QuantRow rows[] = {
    {QuantFormat::Fp8Block, "fp8_block", CodeKind::E4M3FN, ScaleKind::Float,
     /*codesPerByte=*/1, /*blockRows=*/0, /*blockCols=*/0,
     "DeepSeek-V3 weight_scale_inv"},
    {QuantFormat::Mxfp4, "mxfp4", CodeKind::E2M1, ScaleKind::E8M0,
     /*codesPerByte=*/2, /*blockRows=*/1, /*blockCols=*/32,
     "OCP Microscaling Formats v1.0; gpt-oss"},
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

CodePosition moe::semantics::codePosition(const QuantRow &format,
                                          const QuantShape &shape, int64_t row,
                                          int64_t col) {
  int64_t element = row * shape.cols + col;
  return {element / format.codesPerByte,
          static_cast<unsigned>(element % format.codesPerByte)};
}

uint8_t moe::semantics::codeInByte(const QuantRow &format, uint8_t byte,
                                   unsigned sub) {
  unsigned bits = 8 / format.codesPerByte;
  return static_cast<uint8_t>(byte >> (sub * bits) & ((1u << bits) - 1));
}
