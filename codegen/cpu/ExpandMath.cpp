//===- ExpandMath.cpp - Transcendental functions as polynomials -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// exp is half of every activation and of softmax, so it is written here: about
// twenty instructions, no branch, no table, correct to the ends of the range.
// The rarer functions come from upstream.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Expansions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace moe::cpu;

namespace {

/// f32 arithmetic on scalars or on vectors of one shape.
struct RealBuilder {
  ImplicitLocOpBuilder b;
  Type type;

  Type integers() {
    Type i32 = b.getI32Type();
    auto shape = dyn_cast<ShapedType>(type);
    return shape ? Type(shape.clone(i32)) : i32;
  }
  Value splat(Type type, TypedAttr value) {
    if (auto shape = dyn_cast<ShapedType>(type))
      value = DenseElementsAttr::get(shape, Attribute(value));
    return arith::ConstantOp::create(b, value);
  }
  Value real(float value) { return splat(type, b.getF32FloatAttr(value)); }
  Value integer(int32_t value) {
    return splat(integers(), b.getI32IntegerAttr(value));
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  /// Clamps; NaN stays NaN, since no comparison with it holds.
  Value clamp(Value x, float low, float high) {
    for (auto [predicate, limit] :
         {std::pair(arith::CmpFPredicate::OLT, low),
          std::pair(arith::CmpFPredicate::OGT, high)}) {
      Value bound = real(limit);
      Value beyond = arith::CmpFOp::create(b, predicate, x, bound);
      x = arith::SelectOp::create(b, beyond, bound, x);
    }
    return x;
  }

  struct Rounded {
    Value real;    ///< the nearest integer, as f32
    Value integer; ///< ... and as i32; any value for NaN
  };
  /// Rounds t + magic to the nearest integer. 1.5 * 2^23 pushes the fraction
  /// out of the significand, where the integer stays behind in the low bits: no
  /// conversion instruction, and nothing undefined for NaN.
  static constexpr float magic = 12582912.0f;
  Rounded rounded(Value tPlusMagic) {
    Value bits = arith::BitcastOp::create(b, integers(), tPlusMagic);
    return {sub(tPlusMagic, real(magic)),
            arith::SubIOp::create(b, bits, integer(0x4b400000))};
  }

  /// 2^n * e^r for |r| <= ln(2)/2 and n in [-151, 129]. The power of two is
  /// applied in two halves: one alone would not be a normal number at the ends
  /// of the range. Only the second product rounds, once, where the result is
  /// subnormal.
  Value scaledExp(Value r, Value n) {
    static constexpr float coefficients[] = {1.3981999507e-3f, 8.3334519073e-3f,
                                             4.1665795894e-2f, 1.6666665459e-1f,
                                             5.0000001201e-1f};
    Value p = real(1.9875691500e-4f);
    for (float c : coefficients)
      p = fma(p, r, real(c));
    Value series = add(fma(p, mul(r, r), r), real(1.0f));
    Value first = arith::ShRSIOp::create(b, n, integer(1));
    Value second = arith::SubIOp::create(b, n, first);
    return mul(mul(series, powerOfTwo(first)), powerOfTwo(second));
  }
  Value powerOfTwo(Value n) {
    Value biased = arith::AddIOp::create(b, n, integer(127));
    Value bits = arith::ShLIOp::create(b, biased, integer(23));
    return arith::BitcastOp::create(b, type, bits);
  }
};

struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    RealBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    // Beyond the limits the result is 0 or infinity, as at them.
    Value x = b.clamp(op.getOperand(), -104.0f, 89.0f);
    auto n = b.rounded(
        b.fma(x, b.real(1.44269504088896341f), b.real(RealBuilder::magic)));
    // x - n ln 2, with ln 2 in two parts: n times the first is exact.
    Value r = b.fma(n.real, b.real(-0.693359375f), x);
    r = b.fma(n.real, b.real(2.12194440e-4f), r);
    rewriter.replaceOp(op, b.scaledExp(r, n.integer));
    return success();
  }
};

struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    RealBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    Value x = b.clamp(op.getOperand(), -151.0f, 129.0f);
    auto n = b.rounded(b.add(x, b.real(RealBuilder::magic)));
    Value r = b.mul(b.sub(x, n.real), b.real(0.693147180559945f));
    rewriter.replaceOp(op, b.scaledExp(r, n.integer));
    return success();
  }
};

} // namespace

void moe::cpu::populateMathExpansions(RewritePatternSet &patterns) {
  patterns.add<ExpandExp, ExpandExp2>(patterns.getContext());
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
    return llvm::is_contained(
        {"math.acos", "math.asin", "math.atan", "math.atan2", "math.cbrt",
         "math.cos", "math.erf", "math.erfc", "math.expm1", "math.log",
         "math.log1p", "math.log2", "math.sin", "math.tanh"},
        name);
  });
  math::populateExpansionPatterns(patterns, {"rsqrt"});
}
