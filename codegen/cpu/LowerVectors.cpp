//===- LowerVectors.cpp - Vector ops to one dimension ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Expansions.h"

#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe::cpu;

namespace {

/// vector.create_mask of one dimension as one comparison of 32-bit lanes: half
/// the width of an index, and what masked loads want. The bound is clamped
/// first, so that narrowing it is harmless.
struct ExpandCreateMask : OpRewritePattern<vector::CreateMaskOp> {
  ExpandCreateMask(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/10) {}
  LogicalResult matchAndRewrite(vector::CreateMaskOp op,
                                PatternRewriter &rewriter) const override {
    VectorType type = op.getType();
    if (type.getRank() != 1)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    const int64_t lanes = type.getDimSize(0);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value all = arith::ConstantIndexOp::create(b, lanes);
    Value bound = arith::MinSIOp::create(
        b, arith::MaxSIOp::create(b, op.getOperand(0), zero), all);
    Type i32 = b.getI32Type();
    auto laneType = VectorType::get({lanes}, i32);
    Value bounds = vector::BroadcastOp::create(
        b, laneType, arith::IndexCastOp::create(b, i32, bound));
    SmallVector<int32_t> numbers =
        llvm::to_vector(llvm::seq<int32_t>(0, lanes));
    Value steps = arith::ConstantOp::create(b, b.getI32VectorAttr(numbers));
    rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, arith::CmpIPredicate::slt,
                                               steps, bounds);
    return success();
  }
};

/// A float reduction that may be reassociated as a tree: the upper half is
/// added to the lower half until one element is left. The order is in the IR,
/// the same for all targets; a sequence of additions stays one.
struct ReductionToTree : OpRewritePattern<vector::ReductionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::ReductionOp op,
                                PatternRewriter &rewriter) const override {
    VectorType type = op.getSourceVectorType();
    const vector::CombiningKind kind = op.getKind();
    const bool sums = kind == vector::CombiningKind::ADD ||
                      kind == vector::CombiningKind::MUL;
    const bool reassociable = arith::bitEnumContainsAny(
        op.getFastmath(), arith::FastMathFlags::reassoc);
    if (!isa<FloatType>(type.getElementType()) || type.getRank() != 1 ||
        !llvm::isPowerOf2_64(type.getDimSize(0)) || (sums && !reassociable))
      return failure();
    // What is added to what is decided here and not again by LLVM.
    const arith::FastMathFlags flags =
        op.getFastmath() & ~arith::FastMathFlags::reassoc;
    auto flagsAttr = arith::FastMathFlagsAttr::get(op.getContext(), flags);
    Value value = op.getVector();
    for (int64_t half = type.getDimSize(0) / 2; half >= 1; half /= 2) {
      SmallVector<int64_t> low = llvm::to_vector(llvm::seq<int64_t>(0, half));
      SmallVector<int64_t> high =
          llvm::to_vector(llvm::seq<int64_t>(half, 2 * half));
      Value a =
          vector::ShuffleOp::create(rewriter, op.getLoc(), value, value, low);
      Value c =
          vector::ShuffleOp::create(rewriter, op.getLoc(), value, value, high);
      value = vector::makeArithReduction(rewriter, op.getLoc(), kind, a, c,
                                         flagsAttr);
    }
    value = vector::ExtractOp::create(rewriter, op.getLoc(), value,
                                      ArrayRef<int64_t>{0});
    if (Value acc = op.getAcc())
      value = vector::makeArithReduction(rewriter, op.getLoc(), kind, acc,
                                         value, flagsAttr);
    rewriter.replaceOp(op, value);
    return success();
  }
};

} // namespace

LogicalResult moe::cpu::lowerVectors(Operation *root) {
  MLIRContext *context = root->getContext();
  {
    RewritePatternSet patterns(context);
    vector::populateVectorToVectorCanonicalizationPatterns(patterns);
    vector::populateVectorBroadcastLoweringPatterns(patterns);
    vector::populateVectorContractLoweringPatterns(
        patterns, vector::VectorContractLowering::OuterProduct);
    vector::populateVectorMultiReductionLoweringPatterns(
        patterns, vector::VectorMultiReductionLowering::InnerReduction);
    vector::populateVectorMaskOpLoweringPatterns(patterns);
    vector::populateVectorShapeCastLoweringPatterns(patterns);
    vector::populateVectorInterleaveLoweringPatterns(patterns);
    vector::populateVectorBitCastLoweringPatterns(patterns);
    vector::populateVectorGatherLoweringPatterns(patterns);
    vector::populateVectorStepLoweringPatterns(patterns);
    vector::populateVectorRankReducingFMAPattern(patterns);
    vector::populateVectorTransposeLoweringPatterns(
        patterns, vector::VectorTransposeLowering::Shuffle1D);
    vector::populateVectorTransferPermutationMapLoweringPatterns(patterns);
    vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
    vector::populateVectorFromElementsUnrollPatterns(patterns);
    vector::populateVectorToElementsUnrollPatterns(patterns);
    if (failed(rewrite(root, std::move(patterns))))
      return failure();
  }
  {
    RewritePatternSet patterns(context);
    VectorTransferToSCFOptions options;
    options.enableFullUnroll();
    populateVectorToSCFConversionPatterns(patterns, options);
    if (failed(rewrite(root, std::move(patterns))))
      return failure();
  }
  RewritePatternSet patterns(context);
  vector::populateVectorMaskMaterializationPatterns(
      patterns, /*force32BitVectorIndices=*/false);
  vector::populateVectorTransferLoweringPatterns(patterns,
                                                 /*maxTransferRank=*/1);
  patterns.add<ExpandCreateMask, ReductionToTree>(context);
  return rewrite(root, std::move(patterns));
}
