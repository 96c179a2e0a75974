//===- EmulateAmx.cpp - AMX tiles as vectors ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/EmulateAmx.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/DialectConversion.h"

#include <map>
#include <memory>
#include <tuple>

using namespace mlir;
using namespace moe::cpu;

static Value constant(ImplicitLocOpBuilder &b, int64_t index) {
  return arith::ConstantIndexOp::create(b, index);
}

static Value zeros(ImplicitLocOpBuilder &b, Type type) {
  return arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
}

static VectorType rowOf(VectorType tile) {
  return VectorType::get({tile.getDimSize(1)}, tile.getElementType());
}

/// Where row `row` of a tile lies: `indices` with one of them moved. Without a
/// stride it is the last but one; a stride counts elements of the last.
static SmallVector<Value> rowIndices(ImplicitLocOpBuilder &b,
                                     ValueRange indices, Value stride,
                                     int64_t row) {
  SmallVector<Value> moved(indices);
  Value step = constant(b, row);
  if (stride)
    step = arith::MulIOp::create(b, step, stride);
  Value &place = stride ? moved.back() : moved[moved.size() - 2];
  place = arith::AddIOp::create(b, place, step);
  return moved;
}

static Value loadTile(ImplicitLocOpBuilder &b, VectorType type, Value memory,
                      ValueRange indices, Value stride) {
  Value tile = zeros(b, type);
  for (int64_t row = 0; row < type.getDimSize(0); ++row) {
    Value values = vector::LoadOp::create(b, rowOf(type), memory,
                                          rowIndices(b, indices, stride, row));
    tile = vector::InsertOp::create(b, values, tile, ArrayRef<int64_t>{row});
  }
  return tile;
}

static void storeTile(ImplicitLocOpBuilder &b, Value tile, Value memory,
                      ValueRange indices, Value stride) {
  for (int64_t row = 0; row < cast<VectorType>(tile.getType()).getDimSize(0);
       ++row) {
    Value values = vector::ExtractOp::create(b, tile, ArrayRef<int64_t>{row});
    vector::StoreOp::create(b, values, memory,
                            rowIndices(b, indices, stride, row));
  }
}

namespace {

struct EmulateTileZero : OpConversionPattern<amx::TileZeroOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(amx::TileZeroOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op,
                       zeros(b, getTypeConverter()->convertType(op.getType())));
    return success();
  }
};

struct EmulateTileLoad : OpConversionPattern<amx::TileLoadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(amx::TileLoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<VectorType>(getTypeConverter()->convertType(op.getType()));
    rewriter.replaceOp(op, loadTile(b, type, adaptor.getBase(),
                                    adaptor.getIndices(), adaptor.getStride()));
    return success();
  }
};

struct EmulateTileStore : OpConversionPattern<amx::TileStoreOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(amx::TileStoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    storeTile(b, adaptor.getVal(), adaptor.getBase(), adaptor.getIndices(),
              adaptor.getStride());
    rewriter.eraseOp(op);
    return success();
  }
};

/// Copies of tiles on the stack, for access by a loop's index. All products of
/// a function that need a copy of one type in one role share it.
class TileCopies {
public:
  Value copy(ImplicitLocOpBuilder &b, Operation *user, Value tile, int role) {
    auto type = cast<VectorType>(tile.getType());
    auto function = user->getParentOfType<FunctionOpInterface>();
    Value &memory = copies[{function, type.getAsOpaquePointer(), role}];
    if (!memory) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&function.getFunctionBody().front());
      memory = memref::AllocaOp::create(
          b, MemRefType::get(type.getShape(), type.getElementType()));
    }
    Value first = constant(b, 0);
    storeTile(b, tile, memory, {first, first}, /*stride=*/{});
    return memory;
  }

private:
  std::map<std::tuple<Operation *, const void *, int>, Value> copies;
};

/// A product of tiles: acc[m][n] += sum over k and p < group of
/// lhs[m][group k + p] * rhs[k][group n + p]. Loops over m and k; n is a
/// vector.
///
/// Integers wrap, so their order is free. Floats: TDPBF16PS and TDPFP16PS sum
/// the even and the odd products apart over k, add the two sums, then add that
/// to the destination. A product of 16-bit floats is exact in f32, so a fused
/// and a separate addition are the same.
template <typename MulOp> struct EmulateTileMul : OpConversionPattern<MulOp> {
  static constexpr bool isFloat = std::is_same_v<MulOp, amx::TileMulFOp>;
  static constexpr int64_t group = isFloat ? 2 : 4;

  EmulateTileMul(const TypeConverter &converter, MLIRContext *context,
                 std::shared_ptr<TileCopies> copies)
      : OpConversionPattern<MulOp>(converter, context),
        copies(std::move(copies)) {}

  /// `narrow` in the accumulator's type.
  static Value widen(ImplicitLocOpBuilder &b, Value narrow, Type type,
                     bool isUnsigned) {
    if constexpr (isFloat)
      return arith::ExtFOp::create(b, type, narrow);
    if (isUnsigned)
      return arith::ExtUIOp::create(b, type, narrow);
    return arith::ExtSIOp::create(b, type, narrow);
  }

  LogicalResult
  matchAndRewrite(MulOp op, typename MulOp::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    bool unsignedLhs = false, unsignedRhs = false;
    if constexpr (!isFloat) {
      unsignedLhs = op.getIsZextLhs();
      unsignedRhs = op.getIsZextRhs();
    }
    auto accType = cast<VectorType>(adaptor.getAcc().getType());
    auto rhsType = cast<VectorType>(adaptor.getRhs().getType());
    const int64_t rows = accType.getDimSize(0);
    const int64_t lanes = accType.getDimSize(1);
    VectorType rowType = rowOf(accType);
    Type accElement = accType.getElementType();
    Value lhs = copies->copy(b, op, adaptor.getLhs(), 0);
    Value rhs = copies->copy(b, op, adaptor.getRhs(), 1);
    Value acc = copies->copy(b, op, adaptor.getAcc(), 2);
    Value c0 = constant(b, 0), c1 = constant(b, 1);
    Value groupSize = constant(b, group);
    Value zero = zeros(b, rowType);

    auto oneStep = [&](Value m, Value k, ValueRange sums) {
      Value groups =
          vector::LoadOp::create(b, rowOf(rhsType), rhs, ValueRange{k, c0});
      SmallVector<Value> next(sums);
      for (int64_t p = 0; p < group; ++p) {
        SmallVector<int64_t> picks;
        for (int64_t n = 0; n < lanes; ++n)
          picks.push_back(group * n + p);
        Value part = vector::ShuffleOp::create(b, groups, groups, picks);
        part = widen(b, part, rowType, unsignedRhs);
        Value column = arith::AddIOp::create(
            b, arith::MulIOp::create(b, k, groupSize), constant(b, p));
        Value scalar = memref::LoadOp::create(b, lhs, ValueRange{m, column});
        scalar = widen(b, scalar, accElement, unsignedLhs);
        Value factor = vector::BroadcastOp::create(b, rowType, scalar);
        Value &sum = next[isFloat ? p : 0];
        if constexpr (isFloat)
          sum = vector::FMAOp::create(b, factor, part, sum);
        else
          sum = arith::AddIOp::create(b, sum,
                                      arith::MulIOp::create(b, factor, part));
      }
      scf::YieldOp::create(b, next);
    };
    auto oneRow = [&](Value m) {
      SmallVector<Value> initial(isFloat ? 2 : 1, zero);
      auto loop = scf::ForOp::create(
          b, c0, constant(b, rhsType.getDimSize(0)), c1, initial,
          [&](OpBuilder &inner, Location, Value k, ValueRange sums) {
            OpBuilder::InsertionGuard guard(b);
            b.setInsertionPoint(inner.getInsertionBlock(),
                                inner.getInsertionPoint());
            oneStep(m, k, sums);
          });
      Value old = vector::LoadOp::create(b, rowType, acc, ValueRange{m, c0});
      Value sum = loop.getResult(0);
      if constexpr (isFloat) {
        sum = arith::AddFOp::create(b, sum, loop.getResult(1));
        sum = arith::AddFOp::create(b, old, sum);
      } else {
        sum = arith::AddIOp::create(b, old, sum);
      }
      vector::StoreOp::create(b, sum, acc, ValueRange{m, c0});
    };
    scf::ForOp::create(b, c0, constant(b, rows), c1, ValueRange{},
                       [&](OpBuilder &inner, Location, Value m, ValueRange) {
                         OpBuilder::InsertionGuard guard(b);
                         b.setInsertionPoint(inner.getInsertionBlock(),
                                             inner.getInsertionPoint());
                         oneRow(m);
                         scf::YieldOp::create(b);
                       });
    rewriter.replaceOp(op, loadTile(b, accType, acc, {c0, c0}, /*stride=*/{}));
    return success();
  }

  std::shared_ptr<TileCopies> copies;
};

} // namespace

void moe::cpu::addTileConversion(TypeConverter &converter) {
  converter.addConversion([](amx::TileType tile) -> Type {
    return VectorType::get(tile.getShape(), tile.getElementType());
  });
}

void moe::cpu::populateAmxEmulation(const TypeConverter &converter,
                                    RewritePatternSet &patterns,
                                    ConversionTarget &target) {
  MLIRContext *context = patterns.getContext();
  auto copies = std::make_shared<TileCopies>();
  patterns.add<EmulateTileZero, EmulateTileLoad, EmulateTileStore>(converter,
                                                                   context);
  patterns
      .add<EmulateTileMul<amx::TileMulFOp>, EmulateTileMul<amx::TileMulIOp>>(
          converter, context, copies);
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  target.addIllegalDialect<amx::AMXDialect>();
}
