//===- MoeTest.cpp - The moe dialect in the interpreter -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernels have tests of their own (runtime/reference): here it is how ops
// are joined to them, and what depends on sizes that only run time knows.
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cmath>
#include <limits>

using namespace moe;
using namespace moe::interpret::test;

using Values = std::vector<double>;

static const double kNaN = std::numeric_limits<double>::quiet_NaN();

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

TEST(Moe, RouteIsScoreSelectWeigh) {
  std::vector<core::Tensor> arguments = {
      f32({2, 4}, {1, 3, 2, 0, kNaN, 1, 2, 3}), f32({4}, {0, -5, 0, 0})};
  Program whole{R"(
    func.func @main(%l: tensor<?x4xf32>, %b: tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %i, %w = moe.route %l score sigmoid bias %b groups(2 keep 1 by max fill -inf) select top_k(2)
          normalize l1(eps 1.0e-20 add) scale 2.0
          : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
    })",
                arguments};
  Program parts{R"(
    func.func @main(%l: tensor<?x4xf32>, %b: tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %s = moe.score sigmoid %l : tensor<?x4xf32> -> tensor<?x4xf32>
      %i = moe.select %s bias %b groups(2 keep 1 by max fill -inf) top_k(2) : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x2xi32>
      %w = moe.weigh %s, %i normalize l1(eps 1.0e-20 add) scale 2.0 : tensor<?x4xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
      return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
    })",
                arguments};
  auto a = whole.run(), b = parts.run();
  ASSERT_TRUE(a) << a.error().str();
  ASSERT_TRUE(b) << b.error().str();
  // Row 0: the second group has the larger maximum, 2 against 1 (3 - 5 < 1).
  EXPECT_EQ(valuesOf((*a)[0].tensor), (Values{2, 3, 3, 2}));
  EXPECT_EQ(valuesOf((*a)[0].tensor), valuesOf((*b)[0].tensor));
  EXPECT_EQ(valuesOf((*a)[1].tensor), valuesOf((*b)[1].tensor));
  double first = (*a)[1].tensor.at(0), second = (*a)[1].tensor.at(1);
  EXPECT_NEAR(first + second, 2.0, 1e-6);
}

TEST(Moe, ScoresAreRoundedWhereTheIrSaysSo) {
  // In bf16 the two probabilities are equal: the lower index wins.
  Program program{R"(
    func.func @main(%l: tensor<1x2xf32>) -> (tensor<1x1xi32>, tensor<1x1xf32>, tensor<1x2xbf16>) {
      %i, %w, %s = moe.route %l score softmax as bf16 select top_k(1)
          : tensor<1x2xf32> -> tensor<1x1xi32>, tensor<1x1xf32>, tensor<1x2xbf16>
      return %i, %w, %s : tensor<1x1xi32>, tensor<1x1xf32>, tensor<1x2xbf16>
    })",
                  {f32({1, 2}, {1, 1.001})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), 0);
  EXPECT_EQ((*results)[1].tensor.at(0), 0.5);
  program.options.exact = true;
  results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), 1);
  EXPECT_EQ((*results)[2].tensor.dtype(), core::DType::F64);
  EXPECT_GT((*results)[1].tensor.at(0), 0.5);
}

TEST(Moe, CapacityDropsInTokenOrder) {
  Program program{R"(
    func.func @main(%i: tensor<?x1xi32>, %w: tensor<?x1xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
      %j, %v = moe.capacity %i, %w cap 2 order token_major overflow drop : tensor<?x1xi32>, tensor<?x1xf32>
      return %j, %v : tensor<?x1xi32>, tensor<?x1xf32>
    })",
                  {i32({4, 1}, {0, 0, 0, 1}), f32({4, 1}, {1, 2, 3, 4})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{0, 0, -1, 1}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{1, 2, 0, 4}));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static const char *kWayOfRows = R"(
    func.func @main(%x: tensor<?x2xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %init: tensor<?x2xf32>)
        -> (tensor<4xi32>, tensor<?x2xf32>, tensor<?x2xf32>) {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
      %o = moe.offsets %g : !moe.groups<experts = 3, ragged> -> tensor<4xi32>
      %r = moe.dispatch %x by %g : tensor<?x2xf32>, !moe.groups<experts = 3, ragged> -> tensor<?x2xf32>
      %y = moe.combine %r by %g weights %w init %init acc f32 order slot
          : (tensor<?x2xf32>, !moe.groups<experts = 3, ragged>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      return %o, %r, %y : tensor<4xi32>, tensor<?x2xf32>, tensor<?x2xf32>
    })";

TEST(Moe, RowsWithoutATokenAreNaN) {
  Program program{kWayOfRows,
                  {f32({2, 2}, {1, 2, 3, 4}), i32({2, 2}, {2, 0, 0, -1}),
                   f32({2, 2}, {10, 100, 1000, 7}),
                   f32({2, 2}, {.5, .5, 0, 0})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{0, 2, 2, 3}));
  Values rows = valuesOf((*results)[1].tensor);
  ASSERT_EQ(rows.size(), 8u);
  EXPECT_EQ(Values(rows.begin(), rows.begin() + 6), (Values{1, 2, 3, 4, 1, 2}));
  EXPECT_TRUE(std::isnan(rows[6]) && std::isnan(rows[7]));
  EXPECT_EQ(valuesOf((*results)[2].tensor),
            (Values{.5 + 110, .5 + 220, 3000, 4000}));
}

TEST(Moe, IdsOutOfRangeAndSizesThatDiffer) {
  Program program{kWayOfRows,
                  {f32({1, 2}, {1, 2}), i32({1, 2}, {2, 3}),
                   f32({1, 2}, {1, 1}), f32({1, 2}, {0, 0})}};
  EXPECT_EQ(program.error(), "E0708: test.mlir:4:12: 'moe.group' expects ids "
                             "in [-1, 3), got 3 at slot 1");
  program.arguments[1] = i32({2, 2}, {0, 1, 0, 1});
  EXPECT_EQ(program.error(), "E0306: test.mlir:6:12: 'moe.dispatch' has "
                             "operands of 1 and 2 tokens");
}

TEST(Moe, NoTokens) {
  Program program{
      kWayOfRows,
      {f32({0, 2}, {}), i32({0, 2}, {}), f32({0, 2}, {}), f32({0, 2}, {})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{0, 0, 0, 0}));
  EXPECT_EQ((*results)[2].tensor.shape(), (std::vector<int64_t>{0, 2}));
}

TEST(Moe, ExpertsThatAreElsewhereHaveNoRows) {
  Program program{R"(
    func.func @main(%x: tensor<?x1xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x1x1xf32>) -> (tensor<5xi32>, tensor<?x1xf32>) {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 4, local = [1, 2], ragged>
      %o = moe.offsets %g : !moe.groups<experts = 4, local = [1, 2], ragged> -> tensor<5xi32>
      %r = moe.dispatch %x by %g : tensor<?x1xf32>, !moe.groups<experts = 4, local = [1, 2], ragged> -> tensor<?x1xf32>
      %e = moe.expert %r by %g weights(%w) {
      ^bb0(%a: tensor<?x1xf32>, %b: tensor<1x1xf32>):
        %l = moe.linear %a, %b acc f32 : (tensor<?x1xf32>, tensor<1x1xf32>) -> tensor<?x1xf32>
        moe.yield %l : tensor<?x1xf32>
      } : (tensor<?x1xf32>, !moe.groups<experts = 4, local = [1, 2], ragged>, tensor<2x1x1xf32>) -> tensor<?x1xf32>
      %y = moe.combine %e by %g acc f32 order slot : (tensor<?x1xf32>, !moe.groups<experts = 4, local = [1, 2], ragged>) -> tensor<?x1xf32>
      return %o, %y : tensor<5xi32>, tensor<?x1xf32>
    })",
                  {f32({2, 1}, {1, 2}), i32({2, 2}, {0, 2, 1, 3}),
                   f32({2, 1, 1}, {10, 100})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{0, 0, 1, 2, 2}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{100, 20}));
}

//===----------------------------------------------------------------------===//
// Experts in both phases
//===----------------------------------------------------------------------===//

TEST(Moe, ExpertAndGroupedMatmulAgree) {
  // Gather, two right-hand sides, and an operand of every index.
  std::vector<core::Tensor> arguments = {
      f32({3, 2}, {1, 2, -1, 0.5, 3, 1}),
      i32({3, 2}, {1, 0, 1, -1, 0, 1}),
      f32({2, 2, 2}, {1, 0, 0, 1, 2, 1, 1, 2}),
      f32({2, 2, 2}, {1, 1, 1, -1, 0, 1, 1, 0}),
      f32({2, 2}, {.5, 1, 2, 3}),
      f32({3, 2}, {1, 2, 3, 4, 5, 6})};
  Program input{R"(
    func.func @main(%x: tensor<?x2xf32>, %ids: tensor<?x2xi32>, %g0: tensor<2x2x2xf32>, %u0: tensor<2x2x2xf32>,
                    %b: tensor<2x2xf32>, %w: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
      %r = moe.dispatch %x by %g : tensor<?x2xf32>, !moe.groups<experts = 2, ragged> -> tensor<?x2xf32>
      %e = moe.expert %r by %g weights(%g0, %u0, %b) {
      ^bb0(%a: tensor<?x2xf32>, %wg: tensor<2x2xf32>, %wu: tensor<2x2xf32>, %bias: tensor<2xf32>):
        %p = moe.linear %a, %wg bias %bias acc f32 : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
        %q = moe.linear %a, %wu acc f32 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
        %m = arith.mulf %p, %q : tensor<?x2xf32>
        moe.yield %m : tensor<?x2xf32>
      } : (tensor<?x2xf32>, !moe.groups<experts = 2, ragged>, tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      %y = moe.combine %e by %g weights %w acc f32 order slot : (tensor<?x2xf32>, !moe.groups<experts = 2, ragged>, tensor<?x2xf32>) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })",
                arguments};
  Program group{R"(
    func.func @main(%x: tensor<?x2xf32>, %ids: tensor<?x2xi32>, %g0: tensor<2x2x2xf32>, %u0: tensor<2x2x2xf32>,
                    %b: tensor<2x2xf32>, %w: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
      %t = moe.tiles %g : !moe.groups<experts = 2, ragged> -> !moe.tiles<rows = 2>
      %e = moe.grouped_matmul lhs(%x gather) rhs(%g0, %u0) by %g tiles(%t) operands(%b columns, %w slots) acc f32 {
      ^bb0(%p: f32, %q: f32, %bias: f32, %weight: f32):
        %s = arith.addf %p, %bias : f32
        %m = arith.mulf %s, %q : f32
        %v = arith.mulf %m, %weight : f32
        moe.yield %v : f32
      } : (tensor<?x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>, !moe.groups<experts = 2, ragged>, !moe.tiles<rows = 2>,
           tensor<2x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      %y = moe.combine %e by %g acc f32 order slot : (tensor<?x2xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })",
                arguments};
  Values values = input.values();
  EXPECT_EQ(values, group.values());
  // Token 1, expert 1 alone: gate (2*-1 + .5 + 2, -1 + 1 + 3), up (.5, -1).
  ASSERT_EQ(values.size(), 6u);
  EXPECT_EQ(values[2], 3 * 0.5 * 0.5);
  EXPECT_EQ(values[3], 3 * 3.0 * -1);
}

TEST(Moe, GroupedMatmulByOffsetsAndWithoutGroups) {
  Program program{R"(
    func.func @main(%x: tensor<4x1xf32>, %o: tensor<3xi32>, %w: tensor<2x1x1xf32>, %d: tensor<2x1xf32>, %f: tensor<2xf32>, %el: tensor<4x2xf32>)
        -> (tensor<4x1xf32>, tensor<4x2xf32>) {
      %g = moe.groups_from_offsets %o : tensor<3xi32> -> !moe.groups<experts = 2, ragged>
      %a = moe.grouped_matmul lhs(%x) rhs(%w) by %g operands(%f experts) acc f32 {
      ^bb0(%s: f32, %e: f32):
        %v = arith.addf %s, %e : f32
        moe.yield %v : f32
      } : (tensor<4x1xf32>, tensor<2x1x1xf32>, !moe.groups<experts = 2, ragged>, tensor<2xf32>) -> tensor<4x1xf32>
      %b = moe.grouped_matmul lhs(%x) rhs(%d) operands(%f columns, %el elements) acc f32 {
      ^bb0(%s: f32, %c: f32, %e: f32):
        %v = arith.addf %s, %c : f32
        %u = arith.addf %v, %e : f32
        moe.yield %u : f32
      } : (tensor<4x1xf32>, tensor<2x1xf32>, tensor<2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
      return %a, %b : tensor<4x1xf32>, tensor<4x2xf32>
    })",
                  {f32({4, 1}, {1, 2, 3, 4}), i32({3}, {0, 1, 3}),
                   f32({2, 1, 1}, {10, 100}), f32({2, 1}, {1, -1}),
                   f32({2}, {.5, .25}), f32({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  Values rows = valuesOf((*results)[0].tensor);
  EXPECT_EQ(Values(rows.begin(), rows.begin() + 3),
            (Values{10.5, 200.25, 300.25}));
  EXPECT_TRUE(std::isnan(rows[3]));
  EXPECT_EQ(valuesOf((*results)[1].tensor),
            (Values{2.5, 1.25, 5.5, 2.25, 8.5, 3.25, 11.5, 4.25}));
  program.arguments[1] = i32({3}, {0, 2, 5});
  EXPECT_EQ(program.error(), "E0306: test.mlir:5:12: 'moe.grouped_matmul' has "
                             "groups of 5 rows over a tensor of 4");
  program.arguments[1] = i32({3}, {0, 2, 1});
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:4:12: 'moe.groups_from_offsets' expects offsets "
            "that never descend, got 1 after 2 at position 2");
}

TEST(Moe, ByTokensChoosesByTheCount) {
  Program program{R"(
    func.func @main(%t: index) -> i32 {
      %one = arith.constant 1 : i32
      %two = arith.constant 2 : i32
      %three = arith.constant 3 : i32
      %r = moe.by_tokens %t [8, 128] -> (i32) {
        moe.yield %one : i32
      }, {
        moe.yield %two : i32
      }, {
        moe.yield %three : i32
      }
      return %r : i32
    })",
                  {i64({}, {0})}};
  for (auto [tokens, form] :
       {std::pair{0, 1}, {7, 1}, {8, 2}, {127, 2}, {128, 3}, {9999, 3}}) {
    program.arguments[0] = i64({}, {double(tokens)});
    EXPECT_EQ(program.values(), Values{double(form)}) << tokens;
  }
}

TEST(Moe, ChecksOfGivenIds) {
  Program program{R"(
    func.func @main(%ids: tensor<?x2xi32>) -> tensor<1xi64> {
      %s = moe.check_ids %ids experts 4 : tensor<?x2xi32> -> tensor<1xi64>
      moe.require %s error 708 : tensor<1xi64>
      return %s : tensor<1xi64>
    })",
                  {i32({2, 2}, {-1, 0, 3, 2})}};
  EXPECT_EQ(program.values(), Values{-1});
  program.arguments[0] = i32({2, 2}, {0, 1, 4, -2});
  EXPECT_EQ(program.error(),
            "E0708: test.mlir:4:7: 'moe.require' fails with status 2");
}

TEST(Moe, AssumeIsChecked) {
  Program program{R"(
    func.func @main(%t: index) -> index {
      %r = moe.assume %t in [0, 16]
      return %r : index
    })",
                  {i64({}, {16})}};
  EXPECT_EQ(program.values(), Values{16});
  program.arguments[0] = i64({}, {17});
  EXPECT_EQ(program.error(), "E0704: test.mlir:3:12: 'moe.assume' assumes a "
                             "value in [0, 16], got 17");
}

TEST(Moe, LinearSumsInDoubleAndRoundsOnce) {
  // Each partial sum in f32 would lose the ones.
  Program program{R"(
    func.func @main(%x: tensor<1x4xf32>, %w: tensor<1x4xbf16>, %b: tensor<1xf32>) -> tensor<1x1xf32> {
      %r = moe.linear %x, %w bias %b acc f32 : (tensor<1x4xf32>, tensor<1x4xbf16>, tensor<1xf32>) -> tensor<1x1xf32>
      return %r : tensor<1x1xf32>
    })",
                  {f32({1, 4}, {33554432, 1, 1, -33554432}),
                   tensorOf(core::DType::BF16, {1, 4}, {1, 1, 1, 1}),
                   f32({1}, {0.5})}};
  EXPECT_EQ(program.values(), Values{2.5});
}

TEST(Moe, ActivateWithParameters) {
  Program program{R"(
    func.func @main(%g: tensor<1x2xf32>, %u: tensor<1x2xf32>) -> tensor<1x2xf32> {
      %r = moe.activate clamp_glu(%g, %u) {alpha = 2.0, beta = 1.0, limit = 3.0}
          : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
      return %r : tensor<1x2xf32>
    })",
                  {f32({1, 2}, {10, -1}), f32({1, 2}, {-10, 0.5})}};
  program.options.exact = true;
  Values got = program.values();
  ASSERT_EQ(got.size(), 2u);
  EXPECT_NEAR(got[0], 3 / (1 + std::exp(-6.)) * (-3 + 1), 1e-12);
  EXPECT_NEAR(got[1], -1 / (1 + std::exp(2.)) * 1.5, 1e-12);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

TEST(Moe, ParamsThroughTheirSources) {
  Program program{R"(
    moe.param @each : tensor<2x1x2xf32> from #moe.source<"e.{e}.w" : 1x2xf32>
    moe.param @up : tensor<2x2x3xf32> from #moe.source<"gate_up" : 2x3x4xf32 transpose [0, 2, 1] slice 1 from 1 step 2 size 2>
    moe.param @plain : tensor<2xbf16>
    func.func @main() -> (tensor<2x1x2xf32>, tensor<2x2x3xf32>, tensor<2xbf16>) {
      %a = moe.load_param @each : tensor<2x1x2xf32>
      %b = moe.load_param @up : tensor<2x2x3xf32>
      %c = moe.load_param @plain : tensor<2xbf16>
      return %a, %b, %c : tensor<2x1x2xf32>, tensor<2x2x3xf32>, tensor<2xbf16>
    })"};
  Values counted;
  for (int value = 0; value < 24; ++value)
    counted.push_back(value);
  program.weights["e.0.w"] = f32({1, 2}, {1, 2});
  program.weights["e.1.w"] = f32({1, 2}, {3, 4});
  program.weights["gate_up"] = f32({2, 3, 4}, counted);
  program.weights["plain"] = tensorOf(core::DType::BF16, {2}, {5, 6});
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{1, 2, 3, 4}));
  EXPECT_EQ(valuesOf((*results)[1].tensor),
            (Values{1, 5, 9, 3, 7, 11, 13, 17, 21, 15, 19, 23}));
  EXPECT_EQ(valuesOf((*results)[2].tensor), (Values{5, 6}));

  program.weights["e.1.w"] = f32({2, 1}, {3, 4});
  EXPECT_EQ(program.error(), "E0602: tensor 'e.1.w' is f32 [2, 1], parameter "
                             "@each is made of f32 [1, 2]");
  program.weights["e.1.w"] = tensorOf(core::DType::BF16, {1, 2}, {3, 4});
  EXPECT_EQ(program.error(), "E0602: tensor 'e.1.w' is bf16 [1, 2], parameter "
                             "@each is made of f32 [1, 2]");
  program.weights.erase("e.1.w");
  EXPECT_EQ(program.error(), "E0108: no tensor 'e.1.w'");
}

TEST(Moe, ExpertsReadOnlyTheWeightsThatTheyNeed) {
  // Expert 1 has no rows, and no weights in the checkpoint.
  Program program{R"(
    moe.param @w : tensor<2x1x1xf32> from #moe.source<"e.{e}.w" : 1x1xf32>
    func.func @main(%x: tensor<?x1xf32>, %ids: tensor<?x1xi32>) -> tensor<?x1xf32> {
      %w = moe.load_param @w : tensor<2x1x1xf32>
      %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 2, ragged>
      %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x1xf32>, tensor<2x1x1xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x1xf32>
      return %y : tensor<?x1xf32>
    })",
                  {f32({1, 1}, {3}), i32({1, 1}, {0})}};
  program.weights["e.0.w"] = f32({1, 1}, {2});
  EXPECT_EQ(program.values(), Values{6});
  program.arguments[1] = i32({1, 1}, {1});
  EXPECT_EQ(program.error(), "E0108: no tensor 'e.1.w'");
}

TEST(Moe, DequantizesExpertByExpertAndWhole) {
  Program program{R"(
    moe.param @codes : tensor<2x1x1x16xi8> from #moe.source<"blocks" : 2x1x1x16xi8>
    moe.param @scales : tensor<2x1x1xi8> from #moe.source<"scales" : 2x1x1xi8>
    func.func @main(%x: tensor<?x32xf32>, %ids: tensor<?x1xi32>) -> (tensor<?x1xf32>, tensor<2x1x32xf32>) {
      %c = moe.load_param @codes : tensor<2x1x1x16xi8>
      %s = moe.load_param @scales : tensor<2x1x1xi8>
      %w = moe.dequantize mxfp4 %c, %s : tensor<2x1x1x16xi8>, tensor<2x1x1xi8> -> tensor<2x1x32xf32>
      %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 2, ragged>
      %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
      ^bb0(%sum: f32):
        moe.yield %sum : f32
      } : (tensor<?x32xf32>, tensor<2x1x32xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x1xf32>
      return %y, %w : tensor<?x1xf32>, tensor<2x1x32xf32>
    })",
                  {f32({2, 32}, Values(64, 1)), i32({2, 1}, {0, 1})}};
  // Codes 2 (1.0) low and 9 (-0.5) high; scales 2^0 and 2^3.
  program.weights["blocks"] =
      tensorOf(core::DType::U8, {2, 1, 1, 16}, Values(32, 0x92));
  program.weights["scales"] = tensorOf(core::DType::U8, {2, 1, 1}, {127, 130});
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{8, 64}));
  EXPECT_EQ((*results)[1].tensor.at(0), 1);
  EXPECT_EQ((*results)[1].tensor.at(1), -0.5);
  EXPECT_EQ((*results)[1].tensor.at(32), 8);
  program.weights["scales"] = tensorOf(core::DType::U8, {2, 1, 1}, {127, 255});
  EXPECT_EQ(program.error(),
            "E0603: test.mlir:7:12: 'moe.dequantize' expects e8m0 scales of "
            "bytes 0 to 254, got 255, a NaN, at position 0 of matrix 0");
}

//===----------------------------------------------------------------------===//
// The border
//===----------------------------------------------------------------------===//

static const char *kNamed = R"(
    func.func @main(%x: tensor<?x2xf32> {moe.name = "hidden_states", moe.dims = ["T", "H"]}, %y: tensor<?xf32> {moe.dims = ["T"]})
        -> (tensor<?x2xf32> {moe.name = "out"}) attributes {moe.bounds = {T = 3}} {
      return %x : tensor<?x2xf32>
    })";

TEST(Interpret, NamesShapesAndBounds) {
  Program program{kNamed, {f32({2, 2}, {1, 2, 3, 4}), f32({2}, {0, 0})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].name, "out");

  program.arguments = {f32({2, 2}, {1, 2, 3, 4})};
  EXPECT_EQ(program.error(),
            "E0701: input 'arg1' is missing; given 'hidden_states'");
  program.arguments = {f32({1, 3}, {1, 2, 3}), f32({1}, {0})};
  EXPECT_EQ(program.error(), "E0702: input 'hidden_states' has shape [1, 3], "
                             "the function takes tensor<?x2xf32>");
  program.arguments = {tensorOf(core::DType::BF16, {1, 2}, {1, 2}),
                       f32({1}, {0})};
  EXPECT_EQ(program.error(), "E0703: input 'hidden_states' is bf16, the "
                             "function takes tensor<?x2xf32>");
  program.arguments = {f32({4, 2}, Values(8, 0)), f32({4}, Values(4, 0))};
  EXPECT_EQ(program.error(), "E0704: input 'hidden_states' has T = 4, the "
                             "function's bound is T <= 3");
  program.arguments = {f32({2, 2}, Values(4, 0)), f32({1}, {0})};
  EXPECT_EQ(program.error(), "E0702: input 'arg1' has T = 1, an input before "
                             "it has T = 2");
}

TEST(Interpret, OpsOutsideTheSet) {
  Program program{R"(
    func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
      %r = "other.op"(%x) : (tensor<2xf32>) -> tensor<2xf32>
      return %r : tensor<2xf32>
    })",
                  {f32({2}, {1, 2})}};
  EXPECT_EQ(program.error(),
            "E0305: test.mlir:3:12: 'other.op' is not an op that the "
            "interpreter knows; it runs the moe dialect up to the plan phase, "
            "linalg on tensors, arith, math, tensor, scf, func.call, cf.assert "
            "and affine index arithmetic");
}
