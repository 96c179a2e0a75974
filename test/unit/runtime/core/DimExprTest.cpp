//===- DimExprTest.cpp - Sizes that depend on dimensions --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interval of an expression holds every value that it takes.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DimExpr.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include "gtest/gtest.h"

#include <limits>
#include <random>

namespace moe::test {
using namespace core;
using abi::ExprOp;
namespace {

/// An expression in a buffer of its own.
class Built {
public:
  explicit Built(std::vector<int64_t> code) {
    abi::ExprT object;
    object.code = std::move(code);
    builder.Finish(abi::Expr::Pack(builder, &object));
  }
  explicit Built(std::initializer_list<ExprWord> words)
      : Built(expr(words)->code) {}
  const abi::Expr &operator*() const {
    return *flatbuffers::GetRoot<abi::Expr>(builder.GetBufferPointer());
  }

private:
  flatbuffers::FlatBufferBuilder builder;
};

std::string rangeError(const Built &built, std::vector<int64_t> bounds) {
  Result<DimRange> range = rangeOf(*built, bounds);
  return range ? "no error" : range.error().message;
}

TEST(DimExprTest, Values) {
  // ceildiv(T * 12, 64) * 64 + U
  Built built{dim(0),
              constant(12),
              op(ExprOp::Mul),
              constant(64),
              op(ExprOp::CeilDiv),
              constant(64),
              op(ExprOp::Mul),
              dim(1),
              op(ExprOp::Add)};
  const std::vector<int64_t> bounds{1000, 7};
  Result<DimRange> range = rangeOf(*built, bounds);
  ASSERT_TRUE(range) << range.error().message;
  EXPECT_EQ(range->low, 0);
  EXPECT_EQ(range->high, 12032 + 7);
  EXPECT_EQ(evaluate(*built, std::vector<int64_t>{0, 0}), 0);
  EXPECT_EQ(evaluate(*built, std::vector<int64_t>{1, 5}), 69);
  EXPECT_EQ(evaluate(*built, std::vector<int64_t>{1000, 7}), 12039);
}

TEST(DimExprTest, DivisionRoundsAsItsNameSays) {
  for (int64_t value : {-9, -8, -7, -1, 0, 1, 7, 8, 9}) {
    const double quotient = static_cast<double>(value) / 4;
    auto with = [&](ExprOp kind) {
      Built built{constant(value), constant(4), op(kind)};
      Result<DimRange> range = rangeOf(*built, {});
      EXPECT_TRUE(range);
      int64_t result = evaluate(*built, {});
      EXPECT_LE(range->low, result);
      EXPECT_GE(range->high, result);
      return result;
    };
    EXPECT_EQ(with(ExprOp::FloorDiv), std::floor(quotient));
    EXPECT_EQ(with(ExprOp::CeilDiv), std::ceil(quotient));
    EXPECT_EQ(with(ExprOp::Mod), value - 4 * std::floor(quotient));
  }
}

TEST(DimExprTest, IllFormed) {
  EXPECT_EQ(rangeError(Built(std::vector<int64_t>{}), {}),
            "an expression of 0 words");
  EXPECT_EQ(rangeError(Built(std::vector<int64_t>{0}), {}),
            "an expression of 1 words");
  EXPECT_EQ(rangeError(Built(std::vector<int64_t>{7, 0}), {}),
            "an expression with the unknown operation 7");
  EXPECT_EQ(rangeError(Built(std::vector<int64_t>{-1, 0}), {}),
            "an expression with the unknown operation -1");
  EXPECT_EQ(rangeError(Built{constant(1), op(ExprOp::Add)}, {}),
            "an expression that lacks an operand");
  EXPECT_EQ(rangeError(Built{constant(1), constant(2)}, {}),
            "an expression that leaves 2 values");
  EXPECT_EQ(rangeError(Built{dim(1)}, {5}),
            "an expression of dimension 1 of 1");
  EXPECT_EQ(rangeError(Built{dim(-1)}, {5}),
            "an expression of dimension -1 of 1");
  std::vector<int64_t> deep;
  for (int i = 0; i < 33; ++i)
    deep.insert(deep.end(), {0, 1});
  EXPECT_EQ(rangeError(Built(deep), {}),
            "an expression that needs more than 32 values at a time");
}

TEST(DimExprTest, DivisorsArePositive) {
  for (ExprOp kind : {ExprOp::FloorDiv, ExprOp::CeilDiv, ExprOp::Mod}) {
    EXPECT_EQ(rangeError(Built{constant(1), constant(0), op(kind)}, {}),
              "an expression that divides by 0");
    EXPECT_EQ(rangeError(Built{constant(1), constant(-4), op(kind)}, {}),
              "an expression that divides by -4");
    // A dimension may be 0.
    EXPECT_EQ(rangeError(Built{constant(1), dim(0), op(kind)}, {5}),
              "an expression that divides by 0");
    EXPECT_EQ(rangeError(Built{constant(9), dim(0), constant(1),
                               op(ExprOp::Add), op(kind)},
                         {5}),
              "no error");
  }
}

TEST(DimExprTest, Overflow) {
  const std::string message =
      "an expression that overflows within the bounds of its dimensions";
  const int64_t most = std::numeric_limits<int64_t>::max();
  Built sum{dim(0), constant(most - 5), op(ExprOp::Add)};
  EXPECT_EQ(rangeError(sum, {5}), "no error");
  EXPECT_EQ(rangeError(sum, {6}), message);
  Built product{dim(0), constant(int64_t(1) << 40), op(ExprOp::Mul)};
  EXPECT_EQ(rangeError(product, {(int64_t(1) << 23) - 1}), "no error");
  EXPECT_EQ(rangeError(product, {int64_t(1) << 23}), message);
  // In the middle of an expression whose result would fit.
  EXPECT_EQ(rangeError(Built{dim(0), constant(most), op(ExprOp::Mul),
                             constant(most), op(ExprOp::FloorDiv)},
                       {2}),
            message);
}

/// Random expressions: all values lie within the interval, and its ends are
/// taken where nothing but sums, products and divisions by constants occur.
TEST(DimExprTest, IntervalsHold) {
  std::mt19937 random(1);
  auto pick = [&](int n) { return static_cast<int>(random() % n); };
  int checked = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<int64_t> code;
    int depth = 0;
    while (depth != 1 || pick(4)) {
      if (code.size() > 40)
        break;
      if (depth < 2 || pick(2)) {
        if (pick(2))
          code.insert(code.end(), {0, pick(21) - 10});
        else
          code.insert(code.end(), {1, pick(2)});
        ++depth;
        continue;
      }
      code.insert(code.end(), {2 + pick(5), 0});
      --depth;
    }
    Built built(code);
    const std::vector<int64_t> bounds{6, 9};
    Result<DimRange> range = rangeOf(*built, bounds);
    if (!range)
      continue;
    ++checked;
    for (int64_t a = 0; a <= 6; ++a)
      for (int64_t b = 0; b <= 9; ++b) {
        int64_t value = evaluate(*built, std::vector<int64_t>{a, b});
        ASSERT_GE(value, range->low);
        ASSERT_LE(value, range->high);
      }
  }
  EXPECT_GT(checked, 300);
}

} // namespace
} // namespace moe::test
