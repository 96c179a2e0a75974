//===- Experts.h - Reference of what experts compute ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic between dispatch and combine: matrix products, activations and
// decoded weights. Sums run in double whatever `acc` an op states: f32 is the
// precision that executors may use, not a rounding that belongs to the model.
// The contract of spans and rounding is Routing.h's.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_REFERENCE_EXPERTS_H
#define MOE_RUNTIME_REFERENCE_EXPERTS_H

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/QuantFormat.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace moe::reference {

struct MatmulShape {
  int64_t rows = 0;    ///< R, of the result
  int64_t columns = 0; ///< N
  int64_t depth = 0;   ///< K, the contracted size
};

/// [R, N] = rows [R, K] times the transpose of weight [N, K], plus bias [N].
std::vector<double> linear(const MatmulShape &shape,
                           std::span<const double> rows,
                           std::span<const double> weight,
                           std::span<const double> bias = {});

/// The accumulators [R, N] of a grouped matmul, before its epilogue: row r of
/// group e is row r of lhs [R, K], or row lhsRow[r] where that is given, times
/// the transpose of rhs[e] of [E, N, K]. `offsets` are E + 1, as
/// plan::verifyOffsets accepts them for R rows; rows past the last are NaN.
std::vector<double> groupedMatmul(const MatmulShape &shape,
                                  std::span<const int32_t> offsets,
                                  std::span<const int32_t> lhsRow,
                                  std::span<const double> lhs,
                                  std::span<const double> rhs);

/// A row of the activation table over each element of x, or of x (the gate) and
/// up. `params` in the order of the row, defaults filled in.
std::vector<double> activate(const semantics::ActivationRow &row,
                             std::span<const double> params,
                             std::span<const double> x,
                             std::span<const double> up = {});

/// What a format has beyond codes and scales; empty where it has not.
struct QuantExtras {
  /// Words, for each matrix semantics::zeroWords of them.
  std::span<const double> zeros = {};
  /// One a matrix.
  std::span<const double> matrixScales = {};
  /// The scale column of each column, for each matrix.
  std::span<const double> columnGroups = {};
};

/// `numMatrices` matrices of one shape, (code - zero) * scale in real
/// arithmetic. The shape's block is the op's or the format's.
///
/// Codes and scales of f8E4M3FN come as the values of that type, NaN included,
/// which stays NaN. Other codes and zeros come as words, e8m0 scales as bytes;
/// both may be read as signed or unsigned integers. An e8m0 byte of 255, which
/// is NaN, and a column group that does not exist are WeightValue.
core::Result<std::vector<double>> dequantize(const semantics::QuantRow &format,
                                             const semantics::QuantShape &shape,
                                             int64_t numMatrices,
                                             std::span<const double> codes,
                                             std::span<const double> scales,
                                             const QuantExtras &extras = {});

} // namespace moe::reference

#endif // MOE_RUNTIME_REFERENCE_EXPERTS_H
