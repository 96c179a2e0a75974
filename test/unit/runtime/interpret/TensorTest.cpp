//===- TensorTest.cpp - The tensor dialect in the interpreter -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cmath>

using namespace moe;
using namespace moe::interpret::test;

using Values = std::vector<double>;

static Values counted(int64_t count) {
  Values values;
  for (int64_t index = 0; index < count; ++index)
    values.push_back(index);
  return values;
}

TEST(Tensor, EmptyIsPoisonSoThatAReadShows) {
  Program program{R"(
    func.func @main(%n: index) -> tensor<?xf32> {
      %r = tensor.empty(%n) : tensor<?xf32>
      return %r : tensor<?xf32>
    })",
                  {i64({}, {2})}};
  Values values = program.values();
  ASSERT_EQ(values.size(), 2u);
  EXPECT_TRUE(std::isnan(values[0]) && std::isnan(values[1]));
}

TEST(Tensor, InsertLeavesTheOriginalAlone) {
  Program program{R"(
    func.func @main(%t: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
      %c1 = arith.constant 1 : index
      %v = arith.constant 9.0 : f32
      %r = tensor.insert %v into %t[%c1] : tensor<3xf32>
      return %t, %r : tensor<3xf32>, tensor<3xf32>
    })",
                  {f32({3}, {1, 2, 3})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{1, 2, 3}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{1, 9, 3}));
}

TEST(Tensor, ExtractAndShapes) {
  Program program{R"(
    func.func @main(%t: tensor<?x3xf32>) -> (f32, index, index, tensor<2xf32>, tensor<2x2xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %e = tensor.extract %t[%c1, %c2] : tensor<?x3xf32>
      %d = tensor.dim %t, %c0 : tensor<?x3xf32>
      %r = tensor.rank %t : tensor<?x3xf32>
      %f = tensor.from_elements %e, %e : tensor<2xf32>
      %s = tensor.splat %e : tensor<2x2xf32>
      return %e, %d, %r, %f, %s : f32, index, index, tensor<2xf32>, tensor<2x2xf32>
    })",
                  {f32({2, 3}, counted(6))}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), 5);
  EXPECT_EQ((*results)[1].tensor.at(0), 2);
  EXPECT_EQ((*results)[2].tensor.at(0), 2);
  EXPECT_EQ(valuesOf((*results)[3].tensor), (Values{5, 5}));
  EXPECT_EQ(valuesOf((*results)[4].tensor), (Values{5, 5, 5, 5}));
}

TEST(Tensor, GenerateReadsWhatItCaptures) {
  Program program{R"(
    func.func @main(%t: tensor<2x3xi32>) -> tensor<3x2xi32> {
      %r = tensor.generate {
      ^bb0(%i: index, %j: index):
        %c1 = arith.constant 1 : index
        %flipped = arith.subi %c1, %j : index
        %v = tensor.extract %t[%flipped, %i] : tensor<2x3xi32>
        tensor.yield %v : i32
      } : tensor<3x2xi32>
      return %r : tensor<3x2xi32>
    })",
                  {i32({2, 3}, counted(6))}};
  EXPECT_EQ(program.values(), (Values{3, 0, 4, 1, 5, 2}));
}

TEST(Tensor, Reshapes) {
  Program program{R"(
    func.func @main(%t: tensor<?x6xf32>, %n: index) -> (tensor<?xf32>, tensor<?x3x2xf32>, tensor<3x4xf32>) {
      %a = tensor.collapse_shape %t [[0, 1]] : tensor<?x6xf32> into tensor<?xf32>
      %b = tensor.expand_shape %t [[0], [1, 2]] output_shape [%n, 3, 2] : tensor<?x6xf32> into tensor<?x3x2xf32>
      %s = arith.constant dense<[3, 4]> : tensor<2xindex>
      %c = tensor.reshape %t(%s) : (tensor<?x6xf32>, tensor<2xindex>) -> tensor<3x4xf32>
      return %a, %b, %c : tensor<?xf32>, tensor<?x3x2xf32>, tensor<3x4xf32>
    })",
                  {f32({2, 6}, counted(12)), i64({}, {2})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.shape(), std::vector<int64_t>{12});
  EXPECT_EQ((*results)[1].tensor.shape(), (std::vector<int64_t>{2, 3, 2}));
  EXPECT_EQ((*results)[2].tensor.shape(), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(valuesOf((*results)[2].tensor), counted(12));
  program.arguments[1] = i64({}, {3});
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:4:12: 'tensor.expand_shape' expands a tensor of "
            "shape [2, 6] to [3, 3, 2]");
}

TEST(Tensor, ReassociationsThatNameNoDimension) {
  // Verified upstream after a truncation to 32 bits.
  Program program{R"(
    func.func @main(%t: tensor<1x?x3xf32>) -> tensor<?x3xf32> {
      %r = tensor.collapse_shape %t [[4294967296, 1], [2]] : tensor<1x?x3xf32> into tensor<?x3xf32>
      return %r : tensor<?x3xf32>
    })",
                  {f32({1, 2, 3}, counted(6))}};
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:3:12: 'tensor.collapse_shape' collapses "
            "dimensions [4294967296, 1] of a tensor of shape [1, 2, 3]");
}

TEST(Tensor, SlicesWithStridesAndDroppedDims) {
  Program program{R"(
    func.func @main(%t: tensor<3x4xf32>, %o: index) -> (tensor<2x2xf32>, tensor<4xf32>, tensor<3x4xf32>) {
      %a = tensor.extract_slice %t[%o, 0] [2, 2] [1, 2] : tensor<3x4xf32> to tensor<2x2xf32>
      %b = tensor.extract_slice %t[%o, 0] [1, 4] [1, 1] : tensor<3x4xf32> to tensor<4xf32>
      %c = tensor.insert_slice %b into %t[0, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<3x4xf32>
      return %a, %b, %c : tensor<2x2xf32>, tensor<4xf32>, tensor<3x4xf32>
    })",
                  {f32({3, 4}, counted(12)), i64({}, {1})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{4, 6, 8, 10}));
  EXPECT_EQ(valuesOf((*results)[1].tensor), (Values{4, 5, 6, 7}));
  EXPECT_EQ(valuesOf((*results)[2].tensor),
            (Values{4, 5, 6, 7, 4, 5, 6, 7, 8, 9, 10, 11}));
  program.arguments[1] = i64({}, {2});
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:3:12: 'tensor.extract_slice' takes offsets [2, 0]"
            " sizes [2, 2] strides [1, 2] of a tensor of shape [3, 4]");
}

TEST(Tensor, ConcatAndPad) {
  Program program{
      R"(
    func.func @main(%a: tensor<2x1xf32>, %b: tensor<2x2xf32>, %n: index) -> (tensor<2x3xf32>, tensor<?x4xf32>) {
      %v = arith.constant -1.0 : f32
      %c = tensor.concat dim(1) %a, %b : (tensor<2x1xf32>, tensor<2x2xf32>) -> tensor<2x3xf32>
      %p = tensor.pad %c low[0, 1] high[%n, 0] {
      ^bb0(%i: index, %j: index):
        tensor.yield %v : f32
      } : tensor<2x3xf32> to tensor<?x4xf32>
      return %c, %p : tensor<2x3xf32>, tensor<?x4xf32>
    })",
      {f32({2, 1}, {1, 4}), f32({2, 2}, {2, 3, 5, 6}), i64({}, {1})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ(valuesOf((*results)[0].tensor), (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(valuesOf((*results)[1].tensor),
            (Values{-1, 1, 2, 3, -1, 4, 5, 6, -1, -1, -1, -1}));
}

TEST(Tensor, NothingLeavesATensor) {
  Program extract{R"(
    func.func @main(%t: tensor<2xf32>, %i: index) -> f32 {
      %r = tensor.extract %t[%i] : tensor<2xf32>
      return %r : f32
    })",
                  {f32({2}, {1, 2}), i64({}, {2})}};
  EXPECT_EQ(extract.error(),
            "E0306: test.mlir:3:12: 'tensor.extract' reaches element [2] of a "
            "tensor of shape [2]");
  extract.arguments[1] = i64({}, {-1});
  EXPECT_EQ(extract.error(),
            "E0306: test.mlir:3:12: 'tensor.extract' reaches element [-1] of a "
            "tensor of shape [2]");
}

TEST(Tensor, CastsArePromises) {
  Program program{R"(
    func.func @main(%t: tensor<?xf32>) -> tensor<2xf32> {
      %r = tensor.cast %t : tensor<?xf32> to tensor<2xf32>
      return %r : tensor<2xf32>
    })",
                  {f32({2}, {1, 2})}};
  EXPECT_EQ(program.values(), (Values{1, 2}));
  program.arguments[0] = f32({3}, {1, 2, 3});
  EXPECT_EQ(program.error(),
            "E0306: test.mlir:3:12: 'tensor.cast' casts a tensor of shape [3] "
            "to [2]");
}

TEST(Tensor, SizesAreBounded) {
  Program program{R"(
    func.func @main(%n: index) -> tensor<?x?xf32> {
      %r = tensor.empty(%n, %n) : tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    })",
                  {i64({}, {1000})}};
  program.options.maxBytes = 1 << 20;
  EXPECT_EQ(program.error(),
            "E0710: test.mlir:3:12: 'tensor.empty' needs 8000000 bytes more "
            "than the 0 in use; the interpreter may hold 1048576");
  program.arguments[0] = i64({}, {4294967296.0});
  EXPECT_EQ(program.error(),
            "E0710: test.mlir:3:12: 'tensor.empty' needs 9223372036854775807 "
            "bytes more than the 0 in use; the interpreter may hold 1048576");
  program.arguments[0] = i64({}, {-1});
  EXPECT_EQ(program.error(), "E0306: test.mlir:3:12: 'tensor.empty' makes a "
                             "dimension of size -1");
}
