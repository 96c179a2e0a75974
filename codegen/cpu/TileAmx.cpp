//===- TileAmx.cpp - A block of rows times a panel, in AMX tiles ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packed rows and panels are laid out so that a tile is a load: 16 words of up
// to 16 rows stand a cache line apart, and 16 words of 16 columns a step of the
// panel apart. Tiles never leave the registers within a run of words: a copy
// of one would go through memory.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/TileFunction.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace moe::cpu;

namespace {

/// Rows and columns of a tile at most.
constexpr int64_t tileSide = 16;

struct AmxTileEmitter {
  LeafBuilder &l;
  const TileShape &shape;
  const TileArguments &arg;

  using Values = LeafBuilder::Values;

  int64_t rowTiles() const { return llvm::divideCeil(shape.rows, tileSide); }
  int64_t tileRows() const { return std::min(shape.rows, tileSide); }

  Type sumTile() {
    return amx::TileType::get({tileRows(), tileSide}, l.b.getF32Type());
  }
  /// A tile of pairs: of rows, or of the words of columns.
  Type pairTile(int64_t rows) {
    return amx::TileType::get({rows, 2 * tileSide}, l.b.getBF16Type());
  }

  /// What lies at a pointer as a memref without a known end.
  Value memoryAt(Value pointer, Type element) {
    auto type = MemRefType::get({ShapedType::kDynamic}, element);
    Type i64 = l.b.getI64Type();
    Type array = LLVM::LLVMArrayType::get(i64, 1);
    Type descriptor = LLVM::LLVMStructType::getLiteral(
        l.b.getContext(),
        {pointer.getType(), pointer.getType(), i64, array, array});
    Value value = LLVM::PoisonOp::create(l.b, l.loc, descriptor);
    auto set = [&](Value field, ArrayRef<int64_t> position) {
      value = LLVM::InsertValueOp::create(l.b, l.loc, value, field, position);
    };
    set(pointer, 0);
    set(pointer, 1);
    set(l.i64(0), 2);
    set(l.i64(std::numeric_limits<int64_t>::max()), {3, 0});
    set(l.i64(1), {4, 0});
    return UnrealizedConversionCastOp::create(l.b, l.loc, type, value)
        .getResult(0);
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(l.b, l.loc, value);
  }

  /// `stride` in bytes.
  Value load(Type tile, Value pointer, int64_t stride) {
    Type element = cast<amx::TileType>(tile).getElementType();
    return amx::TileLoadOp::create(l.b, l.loc, tile, memoryAt(pointer, element),
                                   index(0),
                                   index(stride / byteWidth(element)));
  }
  void store(Value tile, Value pointer, int64_t stride) {
    Type element = cast<amx::TileType>(tile.getType()).getElementType();
    amx::TileStoreOp::create(l.b, l.loc, memoryAt(pointer, element), index(0),
                             tile, index(stride / byteWidth(element)));
  }

  /// `streams` panels from `first` on.
  void panels(Value first, int64_t streams) {
    const int64_t sumStride = 4 * shape.width();
    Values weights, sums, acc;
    for (int64_t s = 0; s < streams; ++s) {
      Value at = l.add(first, s);
      weights.push_back(l.offset(arg.panel, l.mul(at, arg.panelStride)));
      sums.push_back(l.offset(arg.sums, l.mul(at, arg.sumStride)));
    }
    auto eachSum = [&](llvm::function_ref<void(Value)> body) {
      for (Value base : sums)
        for (int64_t r = 0; r < rowTiles(); ++r)
          for (int64_t v = 0; v < shape.vectors; ++v)
            body(l.offset(base, r * tileSide * sumStride + v * 4 * tileSide));
    };
    eachSum([&](Value at) { acc.push_back(load(sumTile(), at, sumStride)); });
    acc = l.loop(
        l.i64(0), arg.words, rowRun, acc, [&](Value word, ValueRange carried) {
          Values sum(carried), rows;
          Value block = l.offset(arg.rows, l.mul(word, 4 * shape.rows));
          for (int64_t r = 0; r < rowTiles(); ++r)
            rows.push_back(load(pairTile(tileRows()),
                                l.offset(block, r * tileSide * 4 * rowRun),
                                4 * rowRun));
          Value step = l.mul(word, shape.stepBytes());
          size_t at = 0;
          for (Value base : weights) {
            Value line = l.offset(base, step);
            fetchAhead(line, streams);
            Values columns;
            for (int64_t v = 0; v < shape.vectors; ++v)
              columns.push_back(load(pairTile(tileSide),
                                     l.offset(line, v * 4 * tileSide),
                                     shape.stepBytes()));
            for (Value row : rows)
              for (Value column : columns) {
                sum[at] = amx::TileMulFOp::create(l.b, l.loc, sumTile(), row,
                                                  column, sum[at]);
                ++at;
              }
          }
          return sum;
        });
    size_t at = 0;
    eachSum([&](Value place) { store(acc[at++], place, sumStride); });
  }

  /// The lines that the loop will want in a while, as many as it reads now.
  void fetchAhead(Value line, int64_t streams) {
    const int64_t ahead = shape.prefetch / streams / 64 * 64;
    for (int64_t at = 0; ahead && at < rowRun * shape.stepBytes(); at += 64)
      LLVM::Prefetch::create(l.b, l.loc, l.offset(line, at + ahead), /*rw=*/0,
                             /*hint=*/3, /*cache=*/1);
  }

  void run() {
    Value main = l.i64(0);
    if (shape.streams > 1) {
      main = l.sub(arg.panels, l.rem(arg.panels, shape.streams));
      l.loop(l.i64(0), main, shape.streams,
             [&](Value first) { panels(first, shape.streams); });
    }
    l.loop(main, arg.panels, 1, [&](Value first) { panels(first, 1); });
  }
};

} // namespace

void moe::cpu::emitAmxTile(LeafBuilder &l, const TileShape &shape,
                           const TileArguments &arguments) {
  AmxTileEmitter{l, shape, arguments}.run();
}
