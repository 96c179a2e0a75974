//===- Experts.cpp - Reference of what experts compute ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products are Matmul.h's: the only loop here that time is spent in.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Experts.h"

#include "moe/runtime/reference/Matmul.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string>

using namespace moe;
using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

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
  std::vector<double> gathered;
  for (size_t e = 0; e + 1 < offsets.size(); ++e) {
    int64_t first = offsets[e], rows = offsets[e + 1] - first;
    const double *own = lhs.data() + first * shape.depth;
    if (!lhsRow.empty()) {
      gathered.resize(rows * shape.depth);
      for (int64_t row = 0; row < rows; ++row)
        std::copy_n(lhs.data() + lhsRow[first + row] * shape.depth, shape.depth,
                    gathered.data() + row * shape.depth);
      own = gathered.data();
    }
    multiplyTransposed(own, rhs.data() + e * matrix,
                       result.data() + first * shape.columns, rows,
                       shape.columns, shape.depth);
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
  std::vector<double> inputs(row.arity), result;
  result.reserve(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    inputs[0] = x[i];
    if (row.arity == 2)
      inputs[1] = up[i];
    result.push_back(formula(inputs, params));
  }
  return result;
}

/// A word that was read as an integer of either sign.
static uint32_t wordOf(double value) {
  return static_cast<uint32_t>(static_cast<int64_t>(value));
}

core::Result<std::vector<double>>
reference::dequantize(const QuantRow &format, const QuantShape &shape,
                      int64_t numMatrices, std::span<const double> codes,
                      std::span<const double> scales,
                      const QuantExtras &extras) {
  const int64_t numCodes = codeWords(format, shape);
  const int64_t numZeros = zeroWords(format, shape);
  const int64_t scaleCols = shape.scaleCols();
  const int64_t numScales = shape.scaleRows() * scaleCols;
  assert(int64_t(codes.size()) == numMatrices * numCodes);
  assert(int64_t(scales.size()) == numMatrices * numScales);
  assert(int64_t(extras.zeros.size()) == numMatrices * numZeros);

  std::vector<double> factors(scales.begin(), scales.end());
  if (format.scale == ScaleKind::E8M0)
    for (size_t i = 0; i < scales.size(); ++i) {
      factors[i] = e8m0Value(static_cast<uint8_t>(wordOf(scales[i])));
      if (std::isnan(factors[i]))
        return core::Error(core::ErrorId::WeightValue,
                           "expects e8m0 scales of bytes 0 to 254, got 255, a "
                           "NaN, at position " +
                               std::to_string(i % numScales) + " of matrix " +
                               std::to_string(i / numScales));
    }
  for (size_t i = 0; i < extras.columnGroups.size(); ++i)
    if (double group = extras.columnGroups[i];
        !(group >= 0 && group < static_cast<double>(scaleCols)))
      return core::Error(core::ErrorId::WeightValue,
                         "expects column groups 0 to " +
                             std::to_string(scaleCols - 1) + ", got " +
                             std::to_string(static_cast<int64_t>(group)) +
                             " for column " + std::to_string(i % shape.cols) +
                             " of matrix " + std::to_string(i / shape.cols));

  std::vector<double> result;
  result.reserve(numMatrices * shape.rows * shape.cols);
  for (int64_t matrix = 0; matrix < numMatrices; ++matrix)
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t col = 0; col < shape.cols; ++col) {
        CodePosition position = codePosition(format, shape, row, col);
        double value = codes[matrix * numCodes + position.word];
        if (format.code != CodeKind::E4M3FN)
          value = codeValues(
              format.code)[codeInWord(format, wordOf(value), position.slot)];
        int64_t scaleCol =
            extras.columnGroups.empty()
                ? col / shape.blockCols
                : static_cast<int64_t>(
                      extras.columnGroups[matrix * shape.cols + col]);
        if (format.zeros) {
          CodePosition at = zeroPosition(format, shape, row, scaleCol);
          value -= codeInWord(format,
                              wordOf(extras.zeros[matrix * numZeros + at.word]),
                              at.slot);
        }
        value -= static_cast<double>(format.zeroOffset);
        value *= factors[matrix * numScales +
                         row / shape.blockRows * scaleCols + scaleCol];
        if (format.matrixScale == MatrixScale::Factor)
          value *= extras.matrixScales[matrix];
        else if (format.matrixScale == MatrixScale::Divisor)
          value /= extras.matrixScales[matrix];
        result.push_back(value);
      }
  return result;
}
