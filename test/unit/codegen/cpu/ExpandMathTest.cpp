//===- ExpandMathTest.cpp - The accuracy of the polynomials ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sweep over the bit patterns of f32, against double. Errors in units of the
// last place of the exact result, which is 2^-149 where that is subnormal. The
// figures in docs/ come from this test's output.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <cstdio>

using namespace moe;
using namespace moe::test;

namespace {

double ulp(double exact) {
  if (std::abs(exact) < 0x1p-126)
    return 0x1p-149;
  if (!std::isfinite(exact))
    return 1;
  return std::ldexp(1.0, std::ilogb(exact) - 23);
}

struct Function {
  const char *op;
  double (*exact)(double);
  double limit;     ///< ulp
  double low, high; ///< the inputs swept, infinities and NaN aside
};

double rsqrt(double x) { return 1 / std::sqrt(x); }
constexpr double huge = 3.5e38;

const Function functions[] = {
    {"math.exp", std::exp, 1.1, -huge, huge},
    {"math.exp2", std::exp2, 1.1, -huge, huge},
    {"math.expm1", std::expm1, 3, -huge, huge},
    {"math.log", std::log, 1.1, -huge, huge},
    {"math.log2", std::log2, 2, -huge, huge},
    {"math.log1p", std::log1p, 3, -1, huge},
    {"math.tanh", std::tanh, 6, -huge, huge},
    {"math.erf", std::erf, 6, -huge, huge},
    {"math.rsqrt", rsqrt, 1.5, 0, huge},
    {"math.sqrt", std::sqrt, 0.5, 0, huge},
};

class ExpandMathTest
    : public testing::TestWithParam<std::tuple<const char *, Function>> {};

TEST_P(ExpandMathTest, IsAccurate) {
  const auto &[target, function] = GetParam();
  if (!hostRuns(target))
    GTEST_SKIP() << "this host lacks " << target;
  CompiledKernel kernel = compileKernels(
      elementwise(16, "f32", "f32",
                  "%y = " + std::string(function.op) + " %x : vector<16xf32>"),
      target);
  ASSERT_EQ(kernel.errors, std::vector<std::string>());

  std::vector<float> x;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 997)
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  std::vector<float> y(x.size());
  kernel.run({x.data(), y.data()}, {}, x.size());
  double worst = 0;
  float worstAt = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      ASSERT_TRUE(std::isnan(y[i]));
      continue;
    }
    if (x[i] < function.low || x[i] > function.high)
      continue;
    const double exact = function.exact(x[i]);
    const auto rounded = static_cast<float>(exact);
    double error = std::abs(y[i] - exact) / ulp(exact);
    if (std::isinf(rounded) || std::isinf(y[i]) || std::isnan(exact))
      error = y[i] == rounded || (std::isnan(y[i]) && std::isnan(exact)) ||
                      (std::isinf(rounded) && y[i] >= 0x1.fffffep127f)
                  ? 0
                  : 1e30;
    if (error > worst || std::isnan(error)) {
      worst = std::isnan(error) ? 1e30 : error;
      worstAt = x[i];
    }
  }
  std::printf("%s on %s: %.2f ulp at %a\n", function.op, target, worst,
              worstAt);
  RecordProperty("ulp", std::to_string(worst));
  EXPECT_LE(worst, function.limit);

  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> ends = {infinity, -infinity, 0.0f, -0.0f};
  y.resize(4);
  kernel.run({ends.data(), y.data()}, {}, 4);
  for (size_t i = 0; i < ends.size(); ++i) {
    const double exact = function.exact(ends[i]);
    if (std::isnan(exact))
      EXPECT_TRUE(std::isnan(y[i])) << ends[i];
    else if (std::isinf(exact))
      EXPECT_EQ(y[i], static_cast<float>(exact)) << ends[i];
    else
      EXPECT_LE(std::abs(y[i] - exact), function.limit * ulp(exact));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, ExpandMathTest,
    testing::Combine(testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4"),
                     testing::ValuesIn(functions)),
    [](const auto &info) {
      std::string name = std::string(std::get<0>(info.param)) + "_" +
                         std::get<1>(info.param).op;
      for (char &c : name)
        if (!isalnum(c))
          c = '_';
      return name;
    });

} // namespace
