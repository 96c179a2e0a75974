//===- FrontEndTest.cpp - Ops that front ends write in generic form -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <limits>

using namespace moe;
using namespace moe::interpret::test;

using Values = std::vector<double>;

static Program sortBy(const std::string &compare) {
  return {R"(
    func.func @main(%keys: tensor<6xf32>, %ids: tensor<6xi64>) -> (tensor<6xf32>, tensor<6xi64>) {
      %r:2 = "tm_tensor.sort"(%keys, %ids) <{dimension = 0 : i64, operandSegmentSizes = array<i32: 0, 2>}> ({
      ^bb0(%a: f32, %b: f32, %i: i64, %j: i64):
        %c = )" +
              compare + R"(
        "tm_tensor.yield"(%c) : (i1) -> ()
      }) : (tensor<6xf32>, tensor<6xi64>) -> (tensor<6xf32>, tensor<6xi64>)
      return %r#0, %r#1 : tensor<6xf32>, tensor<6xi64>
    })",
          {f32({6}, {2, 1, 2, 3, 1, 2}), i64({6}, {0, 1, 2, 3, 4, 5})}};
}

TEST(FrontEnd, SortIsStableForStrictAndOtherComparators) {
  for (const char *predicate : {"olt", "ole"}) {
    auto results =
        sortBy(std::string("arith.cmpf ") + predicate + ", %a, %b : f32").run();
    ASSERT_TRUE(results) << results.error().str();
    EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{1, 1, 2, 2, 2, 3}));
    EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{1, 4, 0, 2, 5, 3}));
  }
  auto results = sortBy("arith.cmpf oge, %a, %b : f32").run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{3, 0, 2, 5, 1, 4}));
}

TEST(FrontEnd, SortSurvivesANonsenseComparator) {
  auto results = sortBy("arith.constant true").run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{0, 1, 2, 3, 4, 5}));
}

TEST(FrontEnd, SortAlongAnInnerAndAnOuterDimension) {
  for (int dimension : {0, 1}) {
    Program program{R"(
    func.func @main(%keys: tensor<2x3xi32>) -> tensor<2x3xi32> {
      %r = "iree_linalg_ext.sort"(%keys) <{dimension = )" +
                        std::to_string(dimension) + R"( : i64}> ({
      ^bb0(%a: i32, %b: i32):
        %c = arith.cmpi slt, %a, %b : i32
        "iree_linalg_ext.yield"(%c) : (i1) -> ()
      }) : (tensor<2x3xi32>) -> tensor<2x3xi32>
      return %r : tensor<2x3xi32>
    })",
                    {i32({2, 3}, {3, 1, 2, 0, 5, 1})}};
    EXPECT_EQ(program.values(), dimension == 0 ? (Values{0, 1, 1, 3, 5, 2})
                                               : (Values{1, 2, 3, 0, 1, 5}));
  }
}

TEST(FrontEnd, TopKPrefersTheFirstOfEquals) {
  double low = -std::numeric_limits<double>::infinity();
  Program program{R"(
    func.func @main(%x: tensor<1x5xf32>, %v: tensor<1x3xf32>, %i: tensor<1x3xi32>) -> (tensor<1x3xf32>, tensor<1x3xi32>) {
      %r:2 = "iree_linalg_ext.topk"(%x, %v, %i) <{dimension = 1 : i64}> ({
      ^bb0(%a: f32, %b: f32):
        %c = arith.cmpf ogt, %a, %b : f32
        "iree_linalg_ext.yield"(%c) : (i1) -> ()
      }) : (tensor<1x5xf32>, tensor<1x3xf32>, tensor<1x3xi32>) -> (tensor<1x3xf32>, tensor<1x3xi32>)
      return %r#0, %r#1 : tensor<1x3xf32>, tensor<1x3xi32>
    })",
                  {f32({1, 5}, {1, 7, 3, 7, 3}), f32({1, 3}, {low, low, low}),
                   i32({1, 3}, {9, 9, 9})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{7, 7, 3}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{1, 3, 2}));
}

TEST(FrontEnd, ScanInclusiveAndExclusive) {
  for (bool inclusive : {true, false}) {
    Program program{R"(
    func.func @main(%x: tensor<3x2xi64>, %o: tensor<3x2xi64>, %c: tensor<2xi64>) -> (tensor<3x2xi64>, tensor<2xi64>) {
      %r:2 = "tm_tensor.scan"(%x, %o, %c) <{dimension = 0 : i64, inclusive = )" +
                        std::string(inclusive ? "true" : "false") +
                        R"(, operandSegmentSizes = array<i32: 1, 2>}> ({
      ^bb0(%a: i64, %b: i64):
        %s = arith.addi %a, %b : i64
        "tm_tensor.yield"(%s) : (i64) -> ()
      }) : (tensor<3x2xi64>, tensor<3x2xi64>, tensor<2xi64>) -> (tensor<3x2xi64>, tensor<2xi64>)
      return %r#0, %r#1 : tensor<3x2xi64>, tensor<2xi64>
    })",
                    {i64({3, 2}, {1, 10, 2, 20, 3, 30}),
                     i64({3, 2}, {0, 0, 0, 0, 0, 0}), i64({2}, {0, 0})}};
    auto results = program.run();
    ASSERT_TRUE(results) << results.error().str();
    EXPECT_EQ(valuesOf((*results)[0].tensor),
              inclusive ? (Values{1, 10, 3, 30, 6, 60})
                        : (Values{0, 0, 1, 10, 3, 30}));
    EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{6, 60}));
  }
}

TEST(FrontEnd, ScatterOfRowsAdds) {
  Program program{R"(
    func.func @main(%u: tensor<3x2xf32>, %i: tensor<3x1xi64>, %o: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %r = "tm_tensor.scatter"(%u, %i, %o) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
      ^bb0(%new: f32, %old: f32):
        %s = arith.addf %new, %old : f32
        "tm_tensor.yield"(%s) : (f32) -> ()
      }) : (tensor<3x2xf32>, tensor<3x1xi64>, tensor<2x2xf32>) -> tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })",
                  {f32({3, 2}, {1, 2, 3, 4, 5, 6}), i64({3, 1}, {1, 0, 1}),
                   f32({2, 2}, {0, 0, 100, 100})}};
  EXPECT_EQ(program.values(), (Values{3, 4, 106, 108}));
  program.arguments[1] = i64({3, 1}, {1, 2, 1});
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:3:12: 'tm_tensor.scatter' writes update 2 outside"
            " the output of shape [2, 2]");
}

TEST(FrontEnd, ScatterOfElementsByTwoIndices) {
  Program program{R"(
    func.func @main(%u: tensor<2xf32>, %i: tensor<2x2xi32>, %o: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %r = "iree_linalg_ext.scatter"(%u, %i, %o) <{dimension_map = array<i64: 0, 1>, unique_indices = true}> ({
      ^bb0(%new: f32, %old: f32):
        "iree_linalg_ext.yield"(%new) : (f32) -> ()
      }) : (tensor<2xf32>, tensor<2x2xi32>, tensor<2x3xf32>) -> tensor<2x3xf32>
      return %r : tensor<2x3xf32>
    })",
                  {f32({2}, {7, 8}), i32({2, 2}, {1, 2, 0, 1}),
                   f32({2, 3}, {0, 0, 0, 0, 0, 0})}};
  EXPECT_EQ(program.values(), (Values{0, 8, 0, 0, 0, 7}));
}

TEST(FrontEnd, NothingAboutThemIsTrusted) {
  auto error = [](const std::string &op) {
    Program program{"func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n" +
                        op + "\nreturn %r : tensor<2xf32> }",
                    {f32({2}, {1, 2})}};
    return program.error();
  };
  EXPECT_EQ(
      error(R"(%r = "tm_tensor.sort"(%x) : (tensor<2xf32>) -> tensor<2xf32>)"),
      "E0306: test.mlir:2:6: 'tm_tensor.sort' expects 'dimension' below "
      "the rank 1");
  EXPECT_EQ(
      error(
          R"(%r = "tm_tensor.sort"(%x) {dimension = 1 : i64} : (tensor<2xf32>) -> tensor<2xf32>)"),
      "E0306: test.mlir:2:6: 'tm_tensor.sort' expects 'dimension' below "
      "the rank 1");
  EXPECT_EQ(
      error(
          R"(%r = "tm_tensor.sort"(%x) {dimension = 0 : i64} : (tensor<2xf32>) -> tensor<2xf32>)"),
      "E0306: test.mlir:2:6: 'tm_tensor.sort' expects one region of one "
      "block");
  EXPECT_EQ(error(R"(%r = "tm_tensor.sort"(%x) ({
    ^bb0(%a: f32, %b: f32):
      "tm_tensor.yield"(%a) : (f32) -> ()
    }) {dimension = 0 : i64} : (tensor<2xf32>) -> tensor<2xf32>)"),
            "E0306: test.mlir:2:6: 'tm_tensor.sort' expects a region over 2 "
            "scalars of its tensors' element types that yields one value");
  EXPECT_EQ(
      error(R"(%r = "tm_tensor.scan"(%x) : (tensor<2xf32>) -> tensor<2xf32>)"),
      "E0306: test.mlir:2:6: 'tm_tensor.scan' expects at least 3 operands"
      " and 2 results, got 1 and 1");
  EXPECT_EQ(
      error(
          R"(%r = "tm_tensor.scatter"(%x, %x, %x) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>)"),
      "E0306: test.mlir:2:6: 'tm_tensor.scatter' expects updates [b..., "
      "w...], integer indices [b..., n], an output and a 'dimension_map' "
      "of n of its dimensions");
}
