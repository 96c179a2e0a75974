//===- ExpandMath.cpp - Transcendental functions as polynomials -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// exp is half of every activation and of softmax, so it is written here: about
// twenty instructions, no branch, no table, right to the ends of the range. So
// is log, of which upstream's is wrong below 2^-126. The rarer functions come
// from upstream.
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

#include <limits>

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

  struct Split {
    Value exponent; ///< f32
    Value fraction; ///< m - 1
  };
  /// x = 2^exponent * m with m in [sqrt(1/2), sqrt(2)), for positive finite x.
  Split split(Value x) {
    Value smallest = real(0x1p-126f);
    Value subnormal =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, smallest);
    Value scaled =
        arith::SelectOp::create(b, subnormal, mul(x, real(0x1p23f)), x);
    Value offset =
        arith::SelectOp::create(b, subnormal, integer(-23), integer(0));
    Value root = integer(0x3f3504f3); // sqrt(1/2)
    Value bits = arith::SubIOp::create(
        b, arith::BitcastOp::create(b, integers(), scaled), root);
    Value exponent = arith::AddIOp::create(
        b, arith::ShRSIOp::create(b, bits, integer(23)), offset);
    Value significand = arith::AddIOp::create(
        b, arith::AndIOp::create(b, bits, integer(0x7fffff)), root);
    return {arith::SIToFPOp::create(b, type, exponent),
            sub(arith::BitcastOp::create(b, type, significand), real(1.0f))};
  }
  /// ln(1 + f) - f for f in [-0.3, 0.42).
  Value logTail(Value f) {
    static constexpr float coefficients[] = {
        -1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f,
        1.4249322787e-1f,  -1.6668057665e-1f, 2.0000714765e-1f,
        -2.4999993993e-1f, 3.3333331174e-1f};
    Value p = real(7.0376836292e-2f);
    for (float c : coefficients)
      p = fma(p, f, real(c));
    Value square = mul(f, f);
    return fma(mul(p, f), square, mul(square, real(-0.5f)));
  }
  /// `result` for positive finite x, else what a logarithm is there.
  Value logOrSpecial(Value x, Value result) {
    auto compare = [&](arith::CmpFPredicate predicate, float limit) {
      return arith::CmpFOp::create(b, predicate, x, real(limit));
    };
    const float infinity = std::numeric_limits<float>::infinity();
    Value special = arith::SelectOp::create(
        b, compare(arith::CmpFPredicate::OEQ, 0), real(-infinity), x);
    special = arith::SelectOp::create(
        b, compare(arith::CmpFPredicate::OLT, 0),
        real(std::numeric_limits<float>::quiet_NaN()), special);
    Value ordinary =
        arith::AndIOp::create(b, compare(arith::CmpFPredicate::OGT, 0),
                              compare(arith::CmpFPredicate::OLT, infinity));
    return arith::SelectOp::create(b, ordinary, result, special);
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

struct ExpandLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::LogOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    RealBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    auto [exponent, f] = b.split(op.getOperand());
    Value low = b.fma(exponent, b.real(-2.12194440e-4f), b.logTail(f));
    Value log = b.fma(exponent, b.real(0.693359375f), b.add(f, low));
    rewriter.replaceOp(op, b.logOrSpecial(op.getOperand(), log));
    return success();
  }
};

struct ExpandLog2 : OpRewritePattern<math::Log2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log2Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    RealBuilder b{ImplicitLocOpBuilder(op.getLoc(), rewriter), op.getType()};
    auto [exponent, f] = b.split(op.getOperand());
    // log2(e) = 1 + 0.4427: the 1 is added without a product.
    Value tail = b.logTail(f);
    Value factor = b.real(0.44269504088896341f);
    Value log = b.fma(f, factor, b.mul(tail, factor));
    log = b.add(b.add(b.add(log, tail), f), exponent);
    rewriter.replaceOp(op, b.logOrSpecial(op.getOperand(), log));
    return success();
  }
};

} // namespace

void moe::cpu::populateMathExpansions(RewritePatternSet &patterns) {
  patterns.add<ExpandExp, ExpandExp2, ExpandLog, ExpandLog2>(
      patterns.getContext());
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
    return llvm::is_contained(
        {"math.acos", "math.asin", "math.atan", "math.atan2", "math.cbrt",
         "math.cos", "math.erf", "math.erfc", "math.expm1", "math.log",
         "math.log1p", "math.log2", "math.sin", "math.tanh"},
        name);
  });
  math::populateExpansionPatterns(patterns, {"rsqrt"});
}
