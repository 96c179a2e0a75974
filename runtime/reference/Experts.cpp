//===- Experts.cpp - Reference of what experts compute ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product of a row with a weight row is the only loop here that time is
// spent in, and the only one written for speed.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Experts.h"

#include <cassert>
#include <cmath>
#include <limits>
#include <string>

using namespace moe;
using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// In eight partial sums, which is what lets the compiler use vectors.
static double dot(const double *a, const double *b, int64_t size) {
  constexpr int64_t lanes = 8;
  double sums[lanes] = {};
  int64_t k = 0;
  for (; k + lanes <= size; k += lanes)
    for (int64_t lane = 0; lane < lanes; ++lane)
      sums[lane] += a[k + lane] * b[k + lane];
  for (; k < size; ++k)
    sums[0] += a[k] * b[k];
  double sum = 0;
  for (double lane : sums)
    sum += lane;
  return sum;
}

std::vector<double> reference::linear(const MatmulShape &shape,
                                      std::span<const double> rows,
                                      std::span<const double> weight,
                                      std::span<const double> bias) {
  // A dense layer is one group that holds every row.
  int32_t offsets[] = {0, static_cast<int32_t>(shape.rows)};
  std::vector<double> result =
      groupedMatmul(shape, offsets, /*lhsRow=*/{}, rows, weight);
  if (!bias.empty())
    for (size_t i = 0; i < result.size(); ++i)
      result[i] += bias[i % shape.columns];
  return result;
}

std::vector<double> reference::groupedMatmul(const MatmulShape &shape,
                                             std::span<const int32_t> offsets,
                                             std::span<const int32_t> lhsRow,
                                             std::span<const double> lhs,
                                             std::span<const double> rhs) {
  const int64_t matrix = shape.columns * shape.depth;
  assert(offsets.back() <= shape.rows && "the offsets were verified");
  assert(rhs.size() == (offsets.size() - 1) * matrix && "rhs is [E, N, K]");
  std::vector<double> result(shape.rows * shape.columns,
                             std::numeric_limits<double>::quiet_NaN());
  for (size_t e = 0; e + 1 < offsets.size(); ++e)
    for (int64_t row = offsets[e]; row < offsets[e + 1]; ++row) {
      int64_t source = lhsRow.empty() ? row : lhsRow[row];
      for (int64_t n = 0; n < shape.columns; ++n)
        result[row * shape.columns + n] =
            dot(lhs.data() + source * shape.depth,
                rhs.data() + e * matrix + n * shape.depth, shape.depth);
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

std::vector<double> reference::activate(const ActivationRow &row,
                                        std::span<const double> params,
                                        std::span<const double> x,
                                        std::span<const double> up) {
  assert(params.size() == row.params.size() && "defaults are filled in");
  assert((row.arity == 1 || up.size() == x.size()) && "gate and up are alike");
  Evaluator formula(row.formula);
  std::vector<double> result;
  result.reserve(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    double inputs[] = {x[i], row.arity == 2 ? up[i] : 0.0};
    result.push_back(formula(std::span(inputs, row.arity), params));
  }
  return result;
}

/// A byte that was read as an integer of either sign.
static uint8_t byteOf(double value) {
  return static_cast<uint8_t>(static_cast<int64_t>(value));
}

core::Result<std::vector<double>>
reference::dequantize(const QuantRow &format, const QuantShape &shape,
                      int64_t numMatrices, std::span<const double> codes,
                      std::span<const double> scales) {
  const bool packed = format.codesPerByte > 1;
  const int64_t numCodes = shape.rows * shape.cols / format.codesPerByte;
  const int64_t numScales = shape.scaleRows() * shape.scaleCols();
  assert(int64_t(codes.size()) == numMatrices * numCodes);
  assert(int64_t(scales.size()) == numMatrices * numScales);

  std::vector<double> factors(scales.begin(), scales.end());
  if (format.scale == ScaleKind::E8M0)
    for (size_t i = 0; i < scales.size(); ++i) {
      factors[i] = e8m0Value(byteOf(scales[i]));
      if (std::isnan(factors[i]))
        return core::Error(core::ErrorId::WeightValue,
                           "expects e8m0 scales of bytes 0 to 254, got 255, a "
                           "NaN, at position " +
                               std::to_string(i % numScales) + " of matrix " +
                               std::to_string(i / numScales));
    }

  std::vector<double> result;
  result.reserve(numMatrices * shape.rows * shape.cols);
  for (int64_t matrix = 0; matrix < numMatrices; ++matrix)
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t col = 0; col < shape.cols; ++col) {
        CodePosition position = codePosition(format, shape, row, col);
        double code = codes[matrix * numCodes + position.byte];
        if (packed)
          code = codeValues(
              format.code)[codeInByte(format, byteOf(code), position.sub)];
        result.push_back(
            code * factors[matrix * numScales + shape.scaleIndex(row, col)]);
      }
  return result;
}
