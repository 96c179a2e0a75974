//===- LinalgTest.cpp - linalg ops in the interpreter ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cmath>
#include <random>

using namespace moe;
using namespace moe::interpret::test;

using Values = std::vector<double>;

static Values random(int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  Values values;
  for (int64_t index = 0; index < count; ++index)
    values.push_back(distribution(engine));
  return values;
}

TEST(Linalg, MatmulAgreesWithItsDefinition) {
  // Odd sizes: every edge of the blocked product is met.
  constexpr int64_t m = 13, n = 11, k = 301;
  Values a = random(m * k, 1), b = random(k * n, 2), c = random(m * n, 3);
  Program program{R"(
    func.func @main(%a: tensor<?x301xf32>, %b: tensor<301x11xf32>, %c: tensor<?x11xf32>) -> tensor<?x11xf32> {
      %r = linalg.matmul ins(%a, %b : tensor<?x301xf32>, tensor<301x11xf32>)
                         outs(%c : tensor<?x11xf32>) -> tensor<?x11xf32>
      return %r : tensor<?x11xf32>
    })",
                  {f32({m, k}, a), f32({k, n}, b), f32({m, n}, c)}};
  program.options.exact = true;
  Values got = program.values();
  ASSERT_EQ(got.size(), size_t(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = c[i * n + j];
      for (int64_t l = 0; l < k; ++l)
        sum += a[i * k + l] * b[l * n + j];
      EXPECT_NEAR(got[i * n + j], sum, 1e-12);
    }
  program.options.exact = false;
  Values rounded = program.values();
  for (size_t index = 0; index < got.size(); ++index)
    EXPECT_EQ(rounded[index], static_cast<float>(got[index]));
}

TEST(Linalg, ContractionOverTwoDimsWithTransposedOperands) {
  // out[n, b, m] = sum over k, l of lhs[k, b, m, l] * rhs[b, n, l, k]
  Values lhs = random(3 * 2 * 4 * 5, 4), rhs = random(2 * 6 * 5 * 3, 5);
  Program program{R"(
    #l = affine_map<(b, m, n, k, l) -> (k, b, m, l)>
    #r = affine_map<(b, m, n, k, l) -> (b, n, l, k)>
    #o = affine_map<(b, m, n, k, l) -> (n, b, m)>
    func.func @main(%a: tensor<3x2x4x5xf32>, %b: tensor<2x6x5x3xf32>) -> tensor<6x2x4xf32> {
      %z = arith.constant dense<0.0> : tensor<6x2x4xf32>
      %r = linalg.generic {indexing_maps = [#l, #r, #o],
          iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
          ins(%a, %b : tensor<3x2x4x5xf32>, tensor<2x6x5x3xf32>) outs(%z : tensor<6x2x4xf32>) {
      ^bb0(%x: f32, %y: f32, %o: f32):
        %p = arith.mulf %x, %y : f32
        %s = arith.addf %o, %p : f32
        linalg.yield %s : f32
      } -> tensor<6x2x4xf32>
      return %r : tensor<6x2x4xf32>
    })",
                  {f32({3, 2, 4, 5}, lhs), f32({2, 6, 5, 3}, rhs)}};
  program.options.exact = true;
  Values got = program.values();
  ASSERT_EQ(got.size(), 48u);
  for (int b = 0; b < 2; ++b)
    for (int m = 0; m < 4; ++m)
      for (int n = 0; n < 6; ++n) {
        double sum = 0;
        for (int k = 0; k < 3; ++k)
          for (int l = 0; l < 5; ++l)
            sum += lhs[((k * 2 + b) * 4 + m) * 5 + l] *
                   rhs[((b * 6 + n) * 5 + l) * 3 + k];
        EXPECT_NEAR(got[(n * 2 + b) * 4 + m], sum, 1e-13);
      }
}

TEST(Linalg, CastsOfMasksFollowTheirSign) {
  // Upstream casts i1 as signed unless told otherwise: true is -1.
  Program program{
      R"(
    func.func @main(%a: tensor<1x2xi1>, %b: tensor<2x1xf32>) -> (tensor<1x1xf32>, tensor<1x1xf32>) {
      %z = arith.constant dense<0.0> : tensor<1x1xf32>
      %s = linalg.matmul ins(%a, %b : tensor<1x2xi1>, tensor<2x1xf32>) outs(%z : tensor<1x1xf32>) -> tensor<1x1xf32>
      %u = linalg.matmul {cast = #linalg.type_fn<cast_unsigned>} ins(%a, %b : tensor<1x2xi1>, tensor<2x1xf32>) outs(%z : tensor<1x1xf32>) -> tensor<1x1xf32>
      return %s, %u : tensor<1x1xf32>, tensor<1x1xf32>
    })",
      {tensorOf(core::DType::Bool, {1, 2}, {1, 0}), f32({2, 1}, {5, 7})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), -5);
  EXPECT_EQ((*results)[1].tensor.at(0), 5);
}

TEST(Linalg, TransposeBroadcastReduce) {
  Program program{R"(
    func.func @main(%a: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<2x3xf32>, tensor<2xf32>) {
      %e = tensor.empty() : tensor<3x2xf32>
      %t = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      %z = arith.constant dense<0.0> : tensor<2xf32>
      %s = linalg.reduce ins(%a : tensor<2x3xf32>) outs(%z : tensor<2xf32>) dimensions = [1]
        (%in: f32, %init: f32) {
          %0 = arith.addf %in, %init : f32
          linalg.yield %0 : f32
        }
      %f = tensor.empty() : tensor<2x3xf32>
      %b = linalg.broadcast ins(%s : tensor<2xf32>) outs(%f : tensor<2x3xf32>) dimensions = [1]
      return %t, %b, %s : tensor<3x2xf32>, tensor<2x3xf32>, tensor<2xf32>
    })",
                  {f32({2, 3}, {1, 2, 3, 4, 5, 6})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{6, 6, 6, 15, 15, 15}));
  EXPECT_EQ(valuesOf((*results)[2].tensor), (Values{6, 15}));
}

TEST(Linalg, ArgmaxWithTwoResultsAndAnIndex) {
  Program program{
      R"(
    #id = affine_map<(i, j) -> (i, j)>
    #row = affine_map<(i, j) -> (i)>
    func.func @main(%a: tensor<?x3xf32>, %m: tensor<?xf32>, %n: tensor<?xi64>) -> (tensor<?xf32>, tensor<?xi64>) {
      %r:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
          ins(%a : tensor<?x3xf32>) outs(%m, %n : tensor<?xf32>, tensor<?xi64>) {
      ^bb0(%x: f32, %best: f32, %at: i64):
        %j = linalg.index 1 : index
        %k = arith.index_cast %j : index to i64
        %max = arith.maximumf %x, %best : f32
        %gt = arith.cmpf ogt, %x, %best : f32
        %pick = arith.select %gt, %k, %at : i64
        linalg.yield %max, %pick : f32, i64
      } -> (tensor<?xf32>, tensor<?xi64>)
      return %r#0, %r#1 : tensor<?xf32>, tensor<?xi64>
    })",
      {f32({2, 3}, {1, 5, 5, 7, -1, 0}), f32({2}, {-9, -9}), i64({2}, {0, 0})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{5, 7}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{1, 0}));
}

TEST(Linalg, StripsLongerThanOneAndIndices) {
  // 600 elements are three strips; the index must go on through them.
  Program program{R"(
    #id = affine_map<(i) -> (i)>
    func.func @main(%n: index) -> tensor<?xi32> {
      %e = tensor.empty(%n) : tensor<?xi32>
      %r = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%e : tensor<?xi32>) {
      ^bb0(%o: i32):
        %i = linalg.index 0 : index
        %v = arith.index_cast %i : index to i32
        linalg.yield %v : i32
      } -> tensor<?xi32>
      return %r : tensor<?xi32>
    })",
                  {i64({}, {600})}};
  Values got = program.values();
  ASSERT_EQ(got.size(), 600u);
  for (int index = 0; index < 600; ++index)
    EXPECT_EQ(got[index], index);
}

TEST(Linalg, MapsThatAreNotPermutations) {
  // A window sum and a division: linear and not linear in the loops.
  Program window{R"(
    func.func @main(%a: tensor<6xf32>) -> tensor<2xf32> {
      %z = arith.constant dense<0.0> : tensor<2xf32>
      %w = tensor.empty() : tensor<3xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i * 2 + j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>],
          iterator_types = ["parallel", "reduction"]} ins(%a, %w : tensor<6xf32>, tensor<3xf32>) outs(%z : tensor<2xf32>) {
      ^bb0(%x: f32, %unused: f32, %o: f32):
        %s = arith.addf %x, %o : f32
        linalg.yield %s : f32
      } -> tensor<2xf32>
      return %r : tensor<2xf32>
    })",
                 {f32({6}, {1, 2, 4, 8, 16, 32})}};
  EXPECT_EQ(window.values(), (Values{7, 28}));
  Program division{R"(
    func.func @main(%a: tensor<2xf32>) -> tensor<4xf32> {
      %e = tensor.empty() : tensor<4xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>],
          iterator_types = ["parallel"]} ins(%a : tensor<2xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%x: f32, %o: f32):
        linalg.yield %x : f32
      } -> tensor<4xf32>
      return %r : tensor<4xf32>
    })",
                   {f32({2}, {3, 4})}};
  EXPECT_EQ(division.values(), (Values{3, 3, 4, 4}));
}

TEST(Linalg, ScalarOperandsAndNoElements) {
  Program program{R"(
    func.func @main(%s: f32, %a: tensor<?x3xf32>) -> tensor<?x3xf32> {
      %r = linalg.fill ins(%s : f32) outs(%a : tensor<?x3xf32>) -> tensor<?x3xf32>
      return %r : tensor<?x3xf32>
    })",
                  {f32({}, {2}), f32({1, 3}, {0, 0, 0})}};
  EXPECT_EQ(program.values(), (Values{2, 2, 2}));
  program.arguments[1] = f32({0, 3}, {});
  EXPECT_EQ(program.values(), Values{});
}

TEST(Linalg, BodiesReadCapturedTensors) {
  Program gather{R"(
    #id = affine_map<(i, j) -> (i, j)>
    #row = affine_map<(i, j) -> (i)>
    func.func @main(%t: tensor<3x2xf32>, %ids: tensor<2xi32>) -> tensor<2x2xf32> {
      %e = tensor.empty() : tensor<2x2xf32>
      %c3 = arith.constant 3 : index
      %r = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
          ins(%ids : tensor<2xi32>) outs(%e : tensor<2x2xf32>) {
      ^bb0(%id: i32, %o: f32):
        %i = arith.index_cast %id : i32 to index
        %inside = arith.cmpi slt, %i, %c3 : index
        cf.assert %inside, "id is a row"
        %j = linalg.index 1 : index
        %v = tensor.extract %t[%i, %j] : tensor<3x2xf32>
        linalg.yield %v : f32
      } -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })",
                 {f32({3, 2}, {0, 1, 2, 3, 4, 5}), i32({2}, {2, 0})}};
  EXPECT_EQ(gather.values(), (Values{4, 5, 0, 1}));
  gather.arguments[1] = i32({2}, {0, -1});
  EXPECT_EQ(gather.error(),
            "E0306: test.mlir:14:14: 'tensor.extract' reads element [-1, 0] of "
            "a tensor of shape [3, 2]");
  gather.arguments[1] = i32({2}, {0, 3});
  EXPECT_EQ(gather.error(),
            "E0306: test.mlir:12:9: 'cf.assert' fails: id is a row");
}

TEST(Linalg, LoopsStayInsideTheirOperands) {
  Program program{R"(
    #id = affine_map<(i) -> (i)>
    func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
      %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%a : tensor<?xf32>) outs(%b : tensor<?xf32>) {
      ^bb0(%x: f32, %o: f32):
        linalg.yield %x : f32
      } -> tensor<?xf32>
      return %r : tensor<?xf32>
    })",
                  {f32({3}, {1, 2, 3}), f32({2}, {0, 0})}};
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:4:12: 'linalg.generic' has loops [3] that leave "
            "dimension 0 of an operand of shape [2]");
}

TEST(Linalg, AnOpThatIsNotScalarInABody) {
  Program program{R"(
    #id = affine_map<(i) -> (i)>
    func.func @main(%a: tensor<1xf32>) -> tensor<1xf32> {
      %r = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%a : tensor<1xf32>) {
      ^bb0(%o: f32):
        %v = "other.op"(%o) : (f32) -> f32
        linalg.yield %v : f32
      } -> tensor<1xf32>
      return %r : tensor<1xf32>
    })",
                  {f32({1}, {0})}};
  EXPECT_EQ(program.error().substr(0, 58),
            "E0305: test.mlir:6:14: 'other.op' is not an op that the in");
}
