//===- ExpandFloats.cpp - 16-bit floats and FMA where there are none ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Expansions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/DialectConversion.h"

using namespace mlir;
using namespace moe::cpu;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

LogicalResult moe::cpu::widenHalfFloats(Operation *root) {
  MLIRContext *context = root->getContext();
  TypeConverter converter;
  arith::populateEmulateUnsupportedFloatsConversions(
      converter, {Float16Type::get(context), BFloat16Type::get(context)},
      Float32Type::get(context));
  RewritePatternSet patterns(context);
  arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
  ConversionTarget target(*context);
  arith::populateEmulateUnsupportedFloatsLegality(target, converter);
  // The same rule for math, which upstream leaves to a pass of its own.
  target.addDynamicallyLegalDialect<math::MathDialect>(
      [&](Operation *op) { return converter.isLegal(op); });
  if (failed(applyPartialConversion(root, target, std::move(patterns))))
    return failure();
  // Upstream lets folders drop the rounding between two ops (contract). Here a
  // value has its type's precision, as the interpreter computes it.
  root->walk([](Operation *op) {
    if (auto ext = dyn_cast<arith::ExtFOp>(op))
      ext.removeFastmathAttr();
    if (auto trunc = dyn_cast<arith::TruncFOp>(op))
      trunc.removeFastmathAttr();
  });
  return success();
}

namespace {

/// vector.fma is lowered to an intrinsic that LLVM may split again; math.fma is
/// always one rounding.
struct FuseFma : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::FMAOp op,
                                PatternRewriter &b) const override {
    b.replaceOpWithNewOp<math::FmaOp>(op, op.getLhs(), op.getRhs(),
                                      op.getAcc());
    return success();
  }
};

template <typename FmaOp> struct ExpandFma : OpRewritePattern<FmaOp> {
  using OpRewritePattern<FmaOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(FmaOp op, PatternRewriter &b) const override {
    Value product = arith::MulFOp::create(b, op.getLoc(), op->getOperand(0),
                                          op->getOperand(1));
    b.replaceOpWithNewOp<arith::AddFOp>(op, product, op->getOperand(2));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Builds i32 arithmetic on scalars or on vectors of one shape.
struct BitBuilder {
  ImplicitLocOpBuilder b;
  Type shaped; ///< a type of the shape that results have

  Type typed(Type element) const {
    auto shape = dyn_cast<ShapedType>(shaped);
    return shape ? Type(shape.clone(element)) : element;
  }
  Type i16() { return typed(b.getI16Type()); }
  Type i32() { return typed(b.getI32Type()); }
  Type f32() { return typed(b.getF32Type()); }

  Value constant(Type element, Attribute value) {
    Type type = typed(element);
    if (auto shape = dyn_cast<ShapedType>(type))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(shape, value));
    return arith::ConstantOp::create(b, cast<TypedAttr>(value));
  }
  Value bits(uint32_t value) {
    return constant(b.getI32Type(),
                    b.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  Value real(float value) {
    return constant(b.getF32Type(), b.getF32FloatAttr(value));
  }
  Value cast32(Value half) {
    return arith::ExtUIOp::create(b, i32(),
                                  arith::BitcastOp::create(b, i16(), half));
  }
  Value asF32(Value v) { return arith::BitcastOp::create(b, f32(), v); }
  Value asI32(Value v) { return arith::BitcastOp::create(b, i32(), v); }
  Value band(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value bor(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubIOp::create(b, x, y); }
  Value shl(Value x, uint32_t n) {
    return arith::ShLIOp::create(b, x, bits(n));
  }
  Value shr(Value x, uint32_t n) {
    return arith::ShRUIOp::create(b, x, bits(n));
  }
  /// x >= n ? yes : no, unsigned.
  Value ifAtLeast(Value x, uint32_t n, Value yes, Value no) {
    Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, x, bits(n));
    return arith::SelectOp::create(b, is, yes, no);
  }
};

/// f16 -> f32, exact: the exponent is rebased by a multiplication, which also
/// normalises subnormal numbers; infinity and NaN are put together by hand.
struct ExpandExtF16 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF16() ||
        !getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    BitBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    Value half = b.cast32(op.getIn());
    Value magnitude = b.band(half, b.bits(0x7fff));
    Value sign = b.shl(b.band(half, b.bits(0x8000)), 16);
    Value shifted = b.shl(magnitude, 13);
    Value finite =
        b.asI32(arith::MulFOp::create(b.b, b.asF32(shifted), b.real(0x1p112f)));
    Value special = b.bor(shifted, b.bits(0x7f800000));
    special = b.ifAtLeast(magnitude, 0x7c01, b.bor(special, b.bits(0x400000)),
                          special); // a quiet NaN
    Value value = b.ifAtLeast(magnitude, 0x7c00, special, finite);
    rewriter.replaceOp(op, b.asF32(b.bor(value, sign)));
    return success();
  }
};

/// f32 -> f16, to nearest even. Subnormal results: adding 0.5 lets the adder
/// round at the right bit.
struct ExpandTruncF16 : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF32() ||
        !getElementTypeOrSelf(op.getType()).isF16())
      return failure();
    BitBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    Value word = b.asI32(op.getIn());
    Value magnitude = b.band(word, b.bits(0x7fffffff));
    Value sign = b.band(b.shr(word, 16), b.bits(0x8000));
    Value odd = b.band(b.shr(magnitude, 13), b.bits(1));
    Value normal = b.shr(
        b.add(b.add(b.sub(magnitude, b.bits(112u << 23)), b.bits(0xfff)), odd),
        13);
    Value aligned =
        arith::AddFOp::create(b.b, b.asF32(magnitude), b.real(0.5f));
    Value subnormal = b.sub(b.asI32(aligned), b.bits(0x3f000000));
    Value value = b.ifAtLeast(magnitude, 113u << 23, normal, subnormal);
    value = b.ifAtLeast(magnitude, 143u << 23, b.bits(0x7c00), value);
    value = b.ifAtLeast(magnitude, 0x7f800001, b.bits(0x7e00), value);
    Value half = arith::TruncIOp::create(b.b, b.i16(), b.bor(value, sign));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

/// The larger (smaller) number, or the one that is a number. LLVM narrows this
/// op to f16 where its operands come from there, and then calls a library.
template <typename Op, arith::CmpFPredicate less>
struct ExpandNumber : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getLhs(), y = op.getRhs();
    Value takeY = arith::CmpFOp::create(b, less, x, y); // also if x is NaN
    Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, y, y);
    Value result = arith::SelectOp::create(b, takeY, y, x);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isNaN, x, result);
    return success();
  }
};

/// 16-bit float -> f64 in two exact steps.
struct SplitExtToF64 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (getElementTypeOrSelf(op.getIn()).getIntOrFloatBitWidth() != 16 ||
        !getElementTypeOrSelf(op.getType()).isF64())
      return failure();
    Type f32 = rewriter.getF32Type();
    if (auto shape = dyn_cast<ShapedType>(op.getType()))
      f32 = shape.clone(f32);
    Value middle =
        arith::ExtFOp::create(rewriter, op.getLoc(), f32, op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), middle);
    return success();
  }
};

} // namespace

void moe::cpu::replaceHalfFloats(ModuleOp module, const CpuTarget &target) {
  AttrTypeReplacer replacer;
  auto asBits = [](Type type) -> Type {
    return IntegerType::get(type.getContext(), 16);
  };
  auto isReplaced = [&](Type type) {
    return (type.isBF16() && !target.hasBf16Conversion()) ||
           (type.isF16() && !target.hasF16Conversion());
  };
  if (!target.hasBf16Conversion())
    replacer.addReplacement([&](BFloat16Type type) { return asBits(type); });
  if (!target.hasF16Conversion())
    replacer.addReplacement([&](Float16Type type) { return asBits(type); });

  auto constantBits = [&](Attribute value) -> Attribute {
    if (auto real = dyn_cast<FloatAttr>(value))
      return IntegerAttr::get(asBits(real.getType()),
                              real.getValue().bitcastToAPInt());
    if (auto dense = dyn_cast<DenseElementsAttr>(value))
      return dense.bitcast(asBits(dense.getElementType()));
    return value; // of a type whose constants are undef, poison or zero
  };
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    function.walk([&](LLVM::ConstantOp constant) {
      if (isReplaced(getElementTypeOrSelf(constant.getType())))
        constant.setValueAttr(constantBits(constant.getValue()));
    });
    replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
}

void moe::cpu::populateFmaExpansions(RewritePatternSet &patterns,
                                     const CpuTarget &target) {
  if (target.hasFma())
    patterns.add<FuseFma>(patterns.getContext());
  else
    patterns.add<ExpandFma<math::FmaOp>, ExpandFma<vector::FMAOp>>(
        patterns.getContext());
}

void moe::cpu::populateHalfFloatExpansions(RewritePatternSet &patterns,
                                           const CpuTarget &target) {
  patterns.add<SplitExtToF64>(patterns.getContext());
  if (!target.hasF16Conversion())
    patterns.add<ExpandExtF16, ExpandTruncF16>(patterns.getContext());
  if (!target.hasBf16Conversion())
    arith::populateExpandBFloat16Patterns(patterns);
  if (!target.hasF16Arithmetic())
    patterns.add<ExpandNumber<arith::MaxNumFOp, arith::CmpFPredicate::ULT>,
                 ExpandNumber<arith::MinNumFOp, arith::CmpFPredicate::UGT>>(
        patterns.getContext());
}
