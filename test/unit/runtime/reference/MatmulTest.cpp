//===- MatmulTest.cpp - The one product of matrices in double ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of small integers are exact in any order. Sizes lie around every
// block size, so that each kind of remainder occurs.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/reference/Matmul.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace moe::reference;

namespace {

using Doubles = std::vector<double>;

/// The product, with a guard on either side of it that must stay.
Doubles multiply(const Doubles &a, const Doubles &b, int64_t m, int64_t n,
                 int64_t k) {
  const double guard = 12345, old = std::numeric_limits<double>::quiet_NaN();
  Doubles c(m * n + 2, old);
  c.front() = c.back() = guard;
  multiplyTransposed(a.data(), b.data(), c.data() + 1, m, n, k);
  EXPECT_EQ(c.front(), guard);
  EXPECT_EQ(c.back(), guard);
  return {c.begin() + 1, c.end() - 1};
}

TEST(Matmul, EverySize) {
  std::mt19937 random(23);
  for (int64_t k : {0, 1, 5, 255, 256, 257, 513})
    for (int64_t m : {0, 1, 3, 4, 5, 8, 9})
      for (int64_t n : {0, 1, 7, 8, 9, 16, 17}) {
        Doubles a(m * k), b(n * k), want;
        for (double &v : a)
          v = double(random() % 21) - 10;
        for (double &v : b)
          v = double(random() % 21) - 10;
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int64_t l = 0; l < k; ++l)
              sum += a[i * k + l] * b[j * k + l];
            want.push_back(sum);
          }
        ASSERT_EQ(multiply(a, b, m, n, k), want) << m << " " << n << " " << k;
      }
}

TEST(Matmul, NaNStaysInItsRowAndColumn) {
  const int64_t m = 5, n = 9, k = 300;
  Doubles a(m * k, 1), b(n * k, 1);
  a[0 * k + 299] = std::numeric_limits<double>::quiet_NaN();
  b[8 * k + 2] = std::numeric_limits<double>::infinity();
  Doubles c = multiply(a, b, m, n, k);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double got = c[i * n + j];
      if (i == 0)
        EXPECT_TRUE(std::isnan(got)) << j;
      else
        EXPECT_EQ(got, j == 8 ? std::numeric_limits<double>::infinity() : k)
            << i << " " << j;
    }
}

} // namespace
