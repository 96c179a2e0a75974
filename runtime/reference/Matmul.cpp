//===- Matmul.cpp - The one product of matrices in double -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of kRows x kColumns sums stay in registers while k runs; the columns'
// rows of b lie interleaved in a panel, so that one step of k reads kColumns
// neighbours and the compiler vectorizes over them.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Matmul.h"

#include <algorithm>
#include <array>
#include <vector>

using namespace moe;

static constexpr int64_t kRows = 4;
static constexpr int64_t kColumns = 8;
/// Steps of k for which a panel stays in the first-level cache.
static constexpr int64_t kDepth = 256;

/// Adds rows [0, rows) x columns [0, columns) of the block to c. Missing rows
/// of a read the first one again; their sums are dropped.
static void addBlock(const double *a, int64_t lda, int64_t rows,
                     const double *panel, int64_t depth, double *c, int64_t ldc,
                     int64_t columns) {
  std::array<std::array<double, kColumns>, kRows> sums = {};
  std::array<const double *, kRows> row;
  for (int64_t i = 0; i < kRows; ++i)
    row[i] = a + (i < rows ? i : 0) * lda;
  for (int64_t k = 0; k < depth; ++k) {
    const double *b = panel + k * kColumns;
    for (int64_t i = 0; i < kRows; ++i) {
      double x = row[i][k];
      for (int64_t j = 0; j < kColumns; ++j)
        sums[i][j] += x * b[j];
    }
  }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      c[i * ldc + j] += sums[i][j];
}

void reference::multiplyTransposed(const double *a, const double *b, double *c,
                                   int64_t m, int64_t n, int64_t k) {
  std::fill_n(c, m * n, 0.0);
  std::vector<double> panel(kDepth * kColumns);
  for (int64_t k0 = 0; k0 < k; k0 += kDepth) {
    int64_t depth = std::min(kDepth, k - k0);
    for (int64_t n0 = 0; n0 < n; n0 += kColumns) {
      int64_t columns = std::min(kColumns, n - n0);
      for (int64_t j = 0; j < kColumns; ++j)
        for (int64_t i = 0; i < depth; ++i)
          panel[i * kColumns + j] =
              j < columns ? b[(n0 + j) * k + k0 + i] : 0.0;
      for (int64_t m0 = 0; m0 < m; m0 += kRows)
        addBlock(a + m0 * k + k0, k, std::min(kRows, m - m0), panel.data(),
                 depth, c + m0 * n + n0, n, columns);
    }
  }
}
