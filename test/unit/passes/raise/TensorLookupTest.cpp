//===- TensorLookupTest.cpp - Tensors that hold a formula's values --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/TensorLookup.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

using namespace mlir;
using namespace moe::raise;

namespace {

constexpr llvm::StringLiteral text = R"(
func.func @f(%w: tensor<3x12x6xf32>, %x: tensor<?x6xf32>, %ids: tensor<?x2xi32>)
    -> tensor<?x6xf32> {
  %y = math.exp %x : tensor<?x6xf32>
  %later = math.exp %y : tensor<?x6xf32>
  return %later : tensor<?x6xf32>
}
)";

struct Lookup : testing::Test {
  Lookup() {
    context.loadDialect<func::FuncDialect, tensor::TensorDialect,
                        arith::ArithDialect, math::MathDialect,
                        linalg::LinalgDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    function = *module->getOps<func::FuncOp>().begin();
    auto ops = function.getBody().front().begin();
    exp = ops->getResult(0);
    // Only what is defined before it can be used there.
    lookup.emplace(view, &*++ops);
    later = ops->getResult(0);
  }
  Value argument(unsigned index) { return function.getArgument(index); }
  Expr name(int64_t extent) { return f.variable(f.integer(extent)); }
  Expr weight(Expr e, Expr n, Expr k) {
    return f.read(argument(0), {e, n, k}, false);
  }
  llvm::ArrayRef<int64_t> shape(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getShape();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  Formulas f;
  ElementView view{f};
  std::optional<TensorLookup> lookup;
  Value exp, later;
};

TEST_F(Lookup, AnArgumentAsItIs) {
  Expr e = name(3), n = name(12), k = name(6);
  EXPECT_EQ(lookup->find(weight(e, n, k), {e, n, k}), argument(0));
  // A name that nothing depends on has no dimension.
  Expr other = name(5);
  EXPECT_FALSE(lookup->find(weight(e, n, k), {e, n, k, other}));
}

TEST_F(Lookup, NamesInAnotherOrderTranspose) {
  Expr e = name(3), n = name(12), k = name(6);
  Value found = lookup->find(weight(e, n, k), {e, k, n});
  ASSERT_TRUE(found);
  EXPECT_TRUE(isa<linalg::TransposeOp>(found.getDefiningOp()));
  EXPECT_EQ(shape(found), llvm::ArrayRef<int64_t>({3, 6, 12}));
}

TEST_F(Lookup, PartOfADimensionIsASlice) {
  Expr e = name(3), n = name(6), k = name(6);
  Expr upper = weight(e, f.add(n, f.integer(6)), k);
  Value found = lookup->find(upper, {e, n, k});
  ASSERT_TRUE(found);
  auto slice = found.getDefiningOp<tensor::ExtractSliceOp>();
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice.getStaticOffsets(), llvm::ArrayRef<int64_t>({0, 6, 0}));
  // Every other row.
  Expr odd = weight(e, f.add(f.mul(f.integer(2), n), f.one()), k);
  slice = lookup->find(odd, {e, n, k}).getDefiningOp<tensor::ExtractSliceOp>();
  ASSERT_TRUE(slice);
  EXPECT_EQ(slice.getStaticStrides(), llvm::ArrayRef<int64_t>({1, 2, 1}));
  // Rows from the last to the first are no slice.
  EXPECT_FALSE(lookup->find(weight(e, f.sub(f.integer(5), n), k), {e, n, k}));
}

TEST_F(Lookup, ADimensionThatTwoNamesWalk) {
  Expr e = name(3), head = name(4), part = name(3), k = name(6);
  Expr split = weight(e, f.add(f.mul(f.integer(3), head), part), k);
  Value found = lookup->find(split, {e, head, part, k});
  ASSERT_TRUE(found);
  EXPECT_EQ(shape(found), llvm::ArrayRef<int64_t>({3, 4, 3, 6}));
  // Steps that do not tile it overlap.
  Expr overlapping = weight(e, f.add(f.mul(f.integer(2), head), part), k);
  EXPECT_FALSE(lookup->find(overlapping, {e, head, part, k}));
}

TEST_F(Lookup, ADiagonalIsNoTensor) {
  Expr e = name(3), k = name(6);
  EXPECT_FALSE(lookup->find(weight(e, k, k), {e, k}));
}

TEST_F(Lookup, OneOfTheExperts) {
  Expr n = name(12), k = name(6);
  Value found = lookup->find(weight(f.integer(2), n, k), {n, k});
  ASSERT_TRUE(found);
  EXPECT_EQ(shape(found), llvm::ArrayRef<int64_t>({12, 6}));
  // Which one must be known.
  EXPECT_FALSE(lookup->find(weight(f.call("id", {}, true), n, k), {n, k}));
}

TEST_F(Lookup, ResultsOfOpsThatComeBefore) {
  Expr t = f.variable(view.size(exp, 0)), k = name(6);
  EXPECT_EQ(lookup->find(view.element(exp, {t, k}), {t, k}), exp);
  EXPECT_FALSE(lookup->find(view.element(later, {t, k}), {t, k}));
  // The first rows of it are a slice.
  Expr few = name(4);
  Value first = lookup->find(view.element(exp, {few, k}), {few, k});
  ASSERT_TRUE(first);
  EXPECT_TRUE(isa<tensor::ExtractSliceOp>(first.getDefiningOp()));
  EXPECT_EQ(shape(first), llvm::ArrayRef<int64_t>({4, 6}));
}

TEST_F(Lookup, NumbersOfTheirKind) {
  Expr t = f.variable(view.size(argument(2), 0)), j = name(2);
  EXPECT_EQ(lookup->find(f.read(argument(2), {t, j}, true), {t, j}),
            argument(2));
  EXPECT_FALSE(lookup->find(f.call("unknown", {t, j}, true), {t, j}));
}

} // namespace
