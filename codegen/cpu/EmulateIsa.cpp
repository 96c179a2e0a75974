//===- EmulateIsa.cpp - Instructions the target lacks, as vector ops ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machines with AMX are rare, and the code for them must be right on all. What
// runs here computes what the instruction set manuals say, in their order, so
// that what is checked here is what runs there.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/CpuTargets.h"
#include "moe/codegen/cpu/EmulateAmx.h"
#include "moe/codegen/cpu/IsaOps.h"
#include "moe/codegen/cpu/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/DialectConversion.h"

namespace moe::cpu {
#define GEN_PASS_DEF_EMULATEISAPASS
#include "moe/codegen/cpu/Passes.h.inc"
} // namespace moe::cpu

using namespace mlir;
using namespace moe::cpu;

namespace {

/// Elementwise arithmetic on vectors of `lanes` elements.
struct LaneBuilder {
  ImplicitLocOpBuilder b;
  int64_t lanes;

  VectorType f32() { return VectorType::get({lanes}, b.getF32Type()); }
  VectorType f64() { return VectorType::get({lanes}, b.getF64Type()); }
  VectorType i64() { return VectorType::get({lanes}, b.getI64Type()); }
  Value real(double value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(f64(), value));
  }
  Value integer(int64_t value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(i64(), value));
  }
  Value wide(Value v) { return arith::ExtFOp::create(b, f64(), v); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value ifEqual(Value x, double value, Value yes, Value no) {
    Value is =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, real(value));
    return arith::SelectOp::create(b, is, yes, no);
  }
  /// The lanes whose bit is set in `bits` (an integer as wide as there are
  /// lanes) from `on`, the others from `off`.
  Value masked(Value bits, Value on, Value off) {
    Value word = vector::BroadcastOp::create(
        b, VectorType::get({1}, bits.getType()), bits);
    Value mask = vector::BitCastOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), word);
    return arith::SelectOp::create(b, mask, on, off);
  }
};

/// VDPBF16PS: the product of the odd elements is added first. Both products are
/// exact in f32.
struct EmulateDot : OpRewritePattern<x86vector::DotBF16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(x86vector::DotBF16Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type sums = op.getType();
    auto a = vector::DeinterleaveOp::create(b, op.getA());
    auto c = vector::DeinterleaveOp::create(b, op.getB());
    auto wide = [&](Value half) {
      return arith::ExtFOp::create(b, sums, half);
    };
    Value sum = vector::FMAOp::create(b, wide(a.getRes2()), wide(c.getRes2()),
                                      op.getSrc());
    rewriter.replaceOpWithNewOp<vector::FMAOp>(op, wide(a.getRes1()),
                                               wide(c.getRes1()), sum);
    return success();
  }
};

/// VCVTNEPS2BF16, but subnormal numbers are not flushed.
struct EmulateConvert : OpRewritePattern<x86vector::CvtPackedF32ToBF16Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(x86vector::CvtPackedF32ToBF16Op op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), op.getA());
    return success();
  }
};

/// VSCALEFPS: a * 2^floor(b), rounded once. In f64 the product is exact. NaN
/// stays NaN; the instruction lets an infinite b win over it.
/// The op's operands are named otherwise than the instruction's: its `src` is
/// a, its `a` is b, its `b` is what lanes outside of the mask keep.
struct EmulateScale : OpRewritePattern<x86vector::MaskScaleFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(x86vector::MaskScaleFOp op,
                                PatternRewriter &rewriter) const override {
    LaneBuilder l{ImplicitLocOpBuilder(op.getLoc(), rewriter),
                  cast<VectorType>(op.getType()).getDimSize(0)};
    ImplicitLocOpBuilder &b = l.b;
    Value exponent = math::FloorOp::create(b, l.wide(op.getA()));
    // 600 takes the smallest f32 beyond the largest; NaN falls through the
    // comparisons and is put back below.
    Value clamped = arith::MinNumFOp::create(
        b, arith::MaxNumFOp::create(b, exponent, l.real(-600)), l.real(600));
    Value biased = arith::AddIOp::create(
        b, arith::FPToSIOp::create(b, l.i64(), clamped), l.integer(1023));
    Value power = arith::BitcastOp::create(
        b, l.f64(), arith::ShLIOp::create(b, biased, l.integer(52)));
    const double infinity = std::numeric_limits<double>::infinity();
    power = l.ifEqual(exponent, infinity, exponent, power);
    power = l.ifEqual(exponent, -infinity, l.real(0), power);
    Value isNaN =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, exponent, exponent);
    power = arith::SelectOp::create(b, isNaN, exponent, power);
    Value scaled =
        arith::TruncFOp::create(b, l.f32(), l.mul(l.wide(op.getSrc()), power));
    rewriter.replaceOp(op, l.masked(op.getK(), scaled, op.getB()));
    return success();
  }
};

/// VRNDSCALEPS: 2^-M * round(a * 2^M); M and the rounding are in the immediate.
/// Operand names as above: `src` is a, `k` the immediate, `a` what is kept,
/// `imm` the mask.
struct EmulateRound : OpRewritePattern<x86vector::MaskRndScaleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(x86vector::MaskRndScaleOp op,
                                PatternRewriter &rewriter) const override {
    LaneBuilder l{ImplicitLocOpBuilder(op.getLoc(), rewriter),
                  cast<VectorType>(op.getType()).getDimSize(0)};
    ImplicitLocOpBuilder &b = l.b;
    APInt bits;
    if (!matchPattern(op.getK(), m_ConstantInt(&bits)))
      return failure();
    const uint64_t immediate = bits.getZExtValue();
    const double scale = std::ldexp(1.0, immediate >> 4 & 15);
    Value value = l.mul(l.wide(op.getSrc()), l.real(scale));
    // Bit 2 means "as MXCSR says", which is to nearest even.
    switch (immediate & 4 ? 0 : immediate & 3) {
    case 0:
      value = math::RoundEvenOp::create(b, value);
      break;
    case 1:
      value = math::FloorOp::create(b, value);
      break;
    case 2:
      value = math::CeilOp::create(b, value);
      break;
    default:
      value = math::TruncOp::create(b, value);
    }
    value =
        arith::TruncFOp::create(b, l.f32(), l.mul(value, l.real(1 / scale)));
    rewriter.replaceOp(op, l.masked(op.getImm(), value, op.getA()));
    return success();
  }
};

/// VPCOMPRESS: the chosen elements move to the front, one after the other.
struct EmulateCompress : OpRewritePattern<x86vector::MaskCompressOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(x86vector::MaskCompressOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<VectorType>(op.getType());
    Value result = op.getSrc();
    if (!result) {
      auto initial = op.getConstantSrc() ? cast<TypedAttr>(*op.getConstantSrc())
                                         : cast<TypedAttr>(b.getZeroAttr(type));
      result = arith::ConstantOp::create(b, initial);
    }
    Value place = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    for (int64_t lane = 0; lane < type.getDimSize(0); ++lane) {
      ArrayRef<int64_t> at(lane);
      Value chosen = vector::ExtractOp::create(b, op.getK(), at);
      Value element = vector::ExtractOp::create(b, op.getA(), at);
      Value inserted =
          vector::InsertOp::create(b, element, result, OpFoldResult(place));
      result = arith::SelectOp::create(b, chosen, inserted, result);
      place = arith::SelectOp::create(
          b, chosen, arith::AddIOp::create(b, place, one), place);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct EmulateIsaPass : moe::cpu::impl::EmulateIsaPassBase<EmulateIsaPass> {
  using EmulateIsaPassBase::EmulateIsaPassBase;
  void runOnOperation() override;
};

} // namespace

/// f32 only: the emulation of f64 would need something wider.
static bool canEmulate(Operation *op) {
  auto isF32 = [](Type type) { return getElementTypeOrSelf(type).isF32(); };
  // 4: round as the environment says, which is to nearest.
  auto isDefault = [](Value rounding) {
    return getConstantIntValue(rounding) == 4;
  };
  if (auto scale = dyn_cast<x86vector::MaskScaleFOp>(op))
    return isF32(scale.getType()) && isDefault(scale.getRounding());
  if (auto round = dyn_cast<x86vector::MaskRndScaleOp>(op))
    return isF32(round.getType()) && isDefault(round.getRounding()) &&
           getConstantIntValue(round.getK());
  return isa<amx::AMXDialect>(op->getDialect()) ||
         isa<x86vector::DotBF16Op, x86vector::CvtPackedF32ToBF16Op,
             x86vector::MaskCompressOp>(op);
}

void EmulateIsaPass::runOnOperation() {
  ModuleOp module = getOperation();
  std::optional<CpuTarget> cpu = CpuTarget::parse(target);
  if (!cpu) {
    module.emitError("unknown CPU target '")
        << target << "'; expected " << CpuTarget::knownNames();
    return signalPassFailure();
  }
  auto lacks = [&](Operation *op) {
    std::optional<IsaNeed> need = isaNeed(op);
    return need && (!need->known || need->arch != cpu->arch ||
                    !cpu->features.contains(need->features));
  };

  // Tiles are registers or vectors, for the whole module.
  bool emulateTiles = false;
  bool ok = true;
  module.walk([&](Operation *op) {
    if (!lacks(op))
      return;
    emulateTiles |= isa<amx::AMXDialect>(op->getDialect());
    if (canEmulate(op))
      return;
    ok = false;
    std::optional<IsaNeed> need = isaNeed(op);
    InFlightDiagnostic diag = op->emitOpError();
    if (need->known)
      diag << "needs " << need->features.str() << ", which target "
           << cpu->name() << " lacks, and has no emulation";
    else
      diag << "stands for an instruction that no target of moec has, and has "
              "no emulation";
  });
  auto isTile = [](Type type) { return isa<amx::TileType>(type); };
  if (emulateTiles)
    module.walk([&](Operation *op) {
      bool carries = llvm::any_of(op->getOperandTypes(), isTile) ||
                     llvm::any_of(op->getResultTypes(), isTile);
      if (auto function = dyn_cast<FunctionOpInterface>(op))
        carries = llvm::any_of(function.getArgumentTypes(), isTile) ||
                  llvm::any_of(function.getResultTypes(), isTile);
      if (!carries || isa<amx::AMXDialect, scf::SCFDialect>(op->getDialect()))
        return;
      ok = false;
      op->emitOpError("passes an AMX tile on; only amx and scf ops may where "
                      "tiles are emulated");
    });
  if (!ok)
    return signalPassFailure();

  MLIRContext *context = &getContext();
  TypeConverter converter;
  converter.addConversion([](Type type) { return type; });
  RewritePatternSet patterns(context);
  ConversionTarget conversion(*context);
  conversion.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return !lacks(op); });
  if (emulateTiles) {
    addTileConversion(converter);
    populateAmxEmulation(converter, patterns, conversion);
  }
  patterns.add<EmulateDot, EmulateConvert, EmulateScale, EmulateRound,
               EmulateCompress>(context);
  if (failed(applyPartialConversion(module, conversion, std::move(patterns))))
    signalPassFailure();
}
