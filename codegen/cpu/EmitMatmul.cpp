//===- EmitMatmul.cpp - Grouped matmuls -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task packs its tile's rows, runs every block of them against every panel,
// and puts the sums through the epilogue while they are in cache. Sums of a
// block leave the registers once, for a small buffer: so the epilogue exists
// once a kernel and not once a block size, and the inner loop stays bare.
//
// Where weights come unpacked, a task packs a part of its panels, as much as
// stays in cache while all blocks pass over it, and then the next.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/cpu/MatmulShape.h"
#include "moe/codegen/cpu/PanelPacker.h"
#include "moe/codegen/cpu/TileFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {

/// The rows of one task: of expert `expert` (global number), rows [first,
/// first + count), in `blocks` blocks of `small` rows, or one more for the
/// first `larger`. In AMX tiles blocks are full but for the last, and `held`
/// rows have sums: as many as the last block's tiles have.
struct RowTile {
  Value index, expert, first, count;
  Value blocks, small, larger;
  Value held;
};

/// A block of a tile: its number and first row within the tile, its rows, and
/// the rows that it is computed with.
struct RowBlock {
  Value index, first, rows, height;
};

class MatmulEmitter {
public:
  MatmulEmitter(KernelFrame &frame, GroupedMatmulOp op)
      : frame(frame), l(frame.l), op(op), shape(op, frame.target),
        packer(frame, op.getRhs(), PackShape(shape.packedType)) {}

  void run();

private:
  Type f32() { return l.b.getF32Type(); }
  RowTile rowTile(Value index);
  Value tileHeight(Value rows);
  Value slotOf(Value row);
  Value sourceRow(Value row);
  void forBlocks(const RowTile &tile,
                 function_ref<void(const RowBlock &)> body);
  void packRows(const RowTile &tile, Value wordBegin, Value words);
  void packRow(Value source, Value target, const RowBlock &block, Value words);
  void packPairs(Value source, Value target, const RowBlock &block,
                 Value wordBegin, Value words);
  void panels(const RowTile &tile, Value panelBegin, Value panelCount);
  void callTile(Value rows, ArrayRef<Value> arguments, bool fetches);
  SmallVector<Value> shareOf(const RowBlock &block, const RowTile &tile,
                             const LinesAhead &ahead, Value cached);
  void epilogue(const RowTile &tile, Value panelBegin, Value panelCount);
  Value operand(unsigned index, const RowTile &tile, Value row, Value column,
                int64_t width);

  KernelFrame &frame;
  LeafBuilder &l;
  GroupedMatmulOp op;
  const MatmulShape shape;
  PanelPacker packer; ///< of a matmul that packs
  Value packedRows, sums;
  Value weights; ///< packed: all of them, or what the task has just packed
  Value slotsPerToken; ///< with gather
};

} // namespace

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

RowTile MatmulEmitter::rowTile(Value index) {
  RowTile tile;
  tile.index = index;
  if (op.getGroups()) {
    const TilesBuffer &tiles = frame.tiles(op.getTiles());
    Type i32 = l.b.getI32Type();
    auto field = [&](int64_t number) {
      return l.toI64(
          l.loadElement(i32, tiles.list, l.add(l.mul(index, 3), number)));
    };
    tile.expert = field(0);
    tile.first = field(1);
    tile.count = l.sub(field(2), tile.first);
  } else {
    // Equal tiles of all rows, as dialect/plan/TileWalk.h cuts a group.
    Value rows = frame.tensor(op.getResult()).sizes[0];
    Value tiles = l.ceilDiv(rows, shape.tileRows);
    Value small = l.div(rows, tiles), larger = l.rem(rows, tiles);
    tile.expert = l.i64(0);
    tile.first = l.add(l.mul(index, small), l.min(index, larger));
    tile.count =
        l.add(small, l.select(l.less(index, larger), l.i64(1), l.i64(0)));
  }
  tile.blocks = l.ceilDiv(tile.count, shape.rows);
  if (shape.inTiles()) {
    Value full = l.mul(l.sub(tile.blocks, l.i64(1)), amxRows);
    tile.held = l.add(full, tileHeight(l.sub(tile.count, full)));
    return tile;
  }
  tile.held = tile.count;
  tile.small = l.div(tile.count, tile.blocks);
  tile.larger = l.rem(tile.count, tile.blocks);
  return tile;
}

/// The flat slot of a row; 0 for the rows that no slot has, which no task
/// should meet.
Value MatmulEmitter::slotOf(Value row) {
  Value slot = l.toI64(l.loadElement(
      l.b.getI32Type(), frame.groups(op.getGroups()).slotOfRow, row));
  return l.max(slot, l.i64(0));
}

Value MatmulEmitter::sourceRow(Value row) {
  if (!op.getGather())
    return row;
  return l.div(slotOf(row), slotsPerToken);
}

/// Rows that AMX tiles have for so many: a tile of 8 rows takes little more
/// than half the time of one of 16, fewer rows save nothing.
Value MatmulEmitter::tileHeight(Value rows) {
  Value half = l.select(l.less(l.i64(8), rows), l.i64(16), l.i64(8));
  return l.select(l.less(l.i64(16), rows), l.i64(amxRows), half);
}

void MatmulEmitter::forBlocks(const RowTile &tile,
                              function_ref<void(const RowBlock &)> body) {
  l.loop(tile.blocks, [&](Value block) {
    if (shape.inTiles()) {
      Value first = l.mul(block, amxRows);
      Value rows = l.min(l.sub(tile.count, first), l.i64(amxRows));
      return body({block, first, rows, tileHeight(rows)});
    }
    Value first = l.add(l.mul(block, tile.small), l.min(block, tile.larger));
    Value one = l.select(l.less(block, tile.larger), l.i64(1), l.i64(0));
    Value rows = l.add(tile.small, one);
    body({block, first, rows, rows});
  });
}

/// The tile's rows at words [wordBegin, wordBegin + words), block by block.
void MatmulEmitter::packRows(const RowTile &tile, Value wordBegin,
                             Value words) {
  const TensorBuffer &lhs = frame.tensor(op.getLhs());
  forBlocks(tile, [&](const RowBlock &block) {
    Value base =
        l.offset(packedRows, l.mul(block.first, 4 * shape.packedWords()));
    l.loop(block.rows, [&](Value r) {
      Value source = sourceRow(l.add(tile.first, l.add(block.first, r)));
      Value at =
          l.add(l.mul(source, shape.depth), l.mul(wordBegin, shape.interleave));
      Value from = l.element(lhs.base, lhs.element, at);
      Value to = l.offset(base, l.mul(r, 4 * rowRun));
      if (shape.interleave == 1)
        packRow(from, to, block, words);
      else
        packPairs(from, to, block, wordBegin, words);
    });
  });
}

/// Copies runs of a row, as f32, to every run of a block that is the row's.
void MatmulEmitter::packRow(Value source, Value target, const RowBlock &block,
                            Value words) {
  Type element = frame.tensor(op.getLhs()).element;
  Value stride = l.mul(block.height, 4 * rowRun);
  Value runs = l.div(words, rowRun);
  Type run = VectorType::get({rowRun}, element);
  l.loop(runs, [&](Value i) {
    Value x = l.load(run, l.element(source, element, l.mul(i, rowRun)));
    l.store(l.toFloat(x, f32()), l.offset(target, l.mul(i, stride)));
  });
  Value done = l.mul(runs, rowRun);
  Value last = l.offset(target, l.mul(runs, stride));
  l.loop(done, words, 1, [&](Value k) {
    Value x = l.loadElement(element, source, k);
    l.store(l.toFloat(x, f32()), l.element(last, f32(), l.sub(k, done)));
  });
}

/// The same with pairs of bf16 as they stand. Half a pair, and the words that
/// have no k, are filled up with zeros: what lies behind a row need not be
/// finite.
void MatmulEmitter::packPairs(Value source, Value target, const RowBlock &block,
                              Value wordBegin, Value words) {
  Type i16 = l.b.getI16Type(), i32 = l.b.getI32Type();
  Value whole = l.i64(shape.depth / 2); // pairs of the row
  whole = l.min(l.sub(whole, wordBegin), words);
  Value stride = l.mul(block.height, 4 * rowRun);
  Value runs = l.div(whole, rowRun);
  Type run = VectorType::get({rowRun}, i32);
  l.loop(runs, [&](Value i) {
    Value x = l.load(run, l.element(source, i32, l.mul(i, rowRun)));
    l.store(x, l.offset(target, l.mul(i, stride)));
  });
  Value done = l.mul(runs, rowRun);
  Value last = l.offset(target, l.mul(runs, stride));
  auto place = [&](Value word) {
    return l.element(last, i32, l.sub(word, done));
  };
  l.loop(done, whole, 1, [&](Value word) {
    l.store(l.loadElement(i32, source, word), place(word));
  });
  Value filled = whole;
  if (shape.depth % 2 != 0) {
    l.when(l.less(whole, words), [&] {
      Value half = l.loadElement(i16, source, l.mul(whole, 2));
      l.store(arith::ExtUIOp::create(l.b, l.loc, i32, half), place(whole));
    });
    filled = l.min(l.add(whole, 1), words);
  }
  if (shape.words * 2 > shape.depth + 1)
    l.loop(filled, words, 1,
           [&](Value word) { l.store(l.constant(i32, 0), place(word)); });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Calls the tile function for a block of `rows` rows.
void MatmulEmitter::callTile(Value rows, ArrayRef<Value> arguments,
                             bool fetches) {
  SmallVector<int64_t> cases;
  if (shape.inTiles())
    cases = {8, 16};
  else
    cases = llvm::to_vector(llvm::seq<int64_t>(1, shape.rows));
  auto call = [&](int64_t rows) {
    TileShape tile{rows,
                   shape.vectors(),
                   shape.lanes,
                   shape.packs() ? 1 : shape.streamsFor(rows),
                   shape.prefetch,
                   shape.weight,
                   shape.words % rowRun == 0 && shape.runWords % rowRun == 0,
                   fetches,
                   shape.reduction};
    func::FuncOp function = getTileFunction(frame.leaves, tile);
    func::CallOp::create(l.b, l.loc, function, arguments);
  };
  Value index =
      arith::IndexCastOp::create(l.b, l.loc, l.b.getIndexType(), rows);
  auto branch = scf::IndexSwitchOp::create(l.b, l.loc, TypeRange(), index,
                                           cases, cases.size());
  OpBuilder::InsertionGuard guard(l.b);
  auto fill = [&](Region &region, int64_t rows) {
    l.b.setInsertionPointToStart(&region.emplaceBlock());
    call(rows);
    scf::YieldOp::create(l.b, l.loc);
  };
  for (auto [region, rows] : llvm::zip(branch.getCaseRegions(), cases))
    fill(region, rows);
  fill(branch.getDefaultRegion(), shape.rows);
}

/// The lines that a block fetches of those that are packed next: both a word if
/// it is the only one, one if it is one of the first two, none otherwise.
SmallVector<Value> MatmulEmitter::shareOf(const RowBlock &block,
                                          const RowTile &tile,
                                          const LinesAhead &ahead,
                                          Value cached) {
  Value alone = l.equal(tile.blocks, l.i64(1));
  Value second = l.equal(block.index, l.i64(1));
  Value some = l.less(block.index, l.i64(2));
  auto ifSome = [&](Value value, Value none) {
    return l.select(some, value, none);
  };
  Value one = l.select(second, ahead.second, ahead.first);
  return {ifSome(one, cached),
          ifSome(l.select(alone, ahead.second, one), cached),
          ifSome(ahead.perWord, l.i64(0)), ifSome(ahead.perRun, l.i64(0))};
}

/// Panels [panelBegin, panelBegin + panelCount) of the tile, at most as many
/// as the buffer of sums holds.
void MatmulEmitter::panels(const RowTile &tile, Value panelBegin,
                           Value panelCount) {
  Value sumStride = l.mul(tile.held, 4 * shape.width());
  Value numSums = l.mul(panelCount, l.mul(tile.held, shape.width()));
  l.lanes(numSums, shape.lanes, /*whole=*/true, [&](int64_t width, Value i) {
    l.store(l.constant(l.widened(f32(), width), 0), l.element(sums, f32(), i));
  });

  // A single block walks several panels at once; otherwise, and where a panel
  // has just been packed, it stays in cache while the blocks pass over it.
  Value together = shape.packs()
                       ? arith::ConstantIntOp::create(l.b, l.loc, 0, 1)
                       : l.equal(tile.blocks, l.i64(1));
  Value group = l.select(together, panelCount, l.i64(1));
  Value groups = l.select(together, l.i64(1), panelCount);
  // Words [done, done + words) of the packed rows by the weights at a place.
  auto blocks = [&](Value weightsAt, Value sumsAt, Value done, Value words,
                    std::optional<LinesAhead> lines = {}) {
    forBlocks(tile, [&](const RowBlock &block) {
      Value rowsAt = l.add(l.mul(block.first, shape.packedWords()),
                           l.mul(done, block.height));
      // Each of several blocks fetches its share of what follows the words.
      Value bytes = l.mul(words, shape.stepBytes());
      Value share = l.div(bytes, tile.blocks);
      Value ahead = l.select(together, l.i64(shape.prefetch),
                             l.add(bytes, l.mul(block.index, share)));
      SmallVector<Value> arguments{
          l.offset(packedRows, l.mul(rowsAt, 4)),
          weightsAt,
          l.offset(sumsAt, l.mul(block.first, 4 * shape.width())),
          words,
          group,
          l.i64(shape.panelBytes()),
          sumStride,
          ahead,
          l.div(l.i64(shape.stepBytes()), tile.blocks)};
      if (lines)
        llvm::append_range(arguments, shareOf(block, tile, *lines, weightsAt));
      callTile(block.height, arguments, lines.has_value());
    });
  };
  Value expert = l.sub(tile.expert, l.i64(shape.firstExpert));
  // Words [wordBegin, wordBegin + words), which the packed rows hold: as many
  // at once as stay in cache.
  auto run = [&](Value wordBegin, Value words) {
    l.loop(groups, [&](Value index) {
      Value panel = l.add(panelBegin, index);
      Value sumsAt = l.offset(sums, l.mul(index, sumStride));
      Value first = l.add(l.mul(expert, shape.expertBytes),
                          l.add(l.mul(panel, shape.panelBytes()),
                                l.mul(wordBegin, shape.stepBytes())));
      if (shape.cachedWords() >= shape.runWords && !shape.packs())
        return blocks(l.offset(weights, first), sumsAt, l.i64(0), words);
      Value atOnce = l.select(together, words, l.i64(shape.cachedWords()));
      Value times = l.div(l.add(words, l.sub(atOnce, l.i64(1))), atOnce);
      l.loop(times, [&](Value i) {
        Value done = l.mul(i, atOnce);
        Value count = l.min(atOnce, l.sub(words, done));
        if (shape.packs()) {
          Value word = l.add(wordBegin, done);
          packer.pack({expert, panel, word, count, weights});
          Value end = l.add(done, count), more = l.less(end, words);
          return blocks(
              weights, sumsAt, done, count,
              packer.linesOf({expert, l.select(more, panel, l.add(panel, 1)),
                              l.select(more, l.add(wordBegin, end), wordBegin),
                              Value(), Value()}));
        }
        Value at = l.add(first, l.mul(done, shape.stepBytes()));
        blocks(l.offset(weights, at), sumsAt, done, count);
      });
    });
  };
  if (shape.depthRuns() == 1)
    run(l.i64(0), l.i64(shape.words));
  else
    l.loop(l.i64(0), l.i64(shape.words), shape.runWords, [&](Value begin) {
      Value words =
          l.min(l.i64(shape.runWords), l.sub(l.i64(shape.words), begin));
      packRows(tile, begin, words);
      run(begin, words);
    });
  epilogue(tile, panelBegin, panelCount);
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

Value MatmulEmitter::operand(unsigned index, const RowTile &tile, Value row,
                             Value column, int64_t width) {
  Value tensor = op.getEpilogueOperands()[index];
  Value expert = l.sub(tile.expert, l.i64(shape.firstExpert));
  auto vectorAt = [&](Value line) {
    Value at = l.add(l.mul(line, shape.columnsTotal), column);
    return frame.elements(tensor, at, width);
  };
  auto scalarAt = [&](Value at) {
    return l.splat(frame.elements(tensor, at, 1), width);
  };
  switch (op.getIndexOf(index)) {
  case EpilogueIndex::Columns:
    return vectorAt(expert);
  case EpilogueIndex::Elements:
    return vectorAt(row);
  case EpilogueIndex::Slots:
    return scalarAt(slotOf(row));
  case EpilogueIndex::Experts:
    return scalarAt(expert);
  }
  llvm_unreachable("a known index");
}

void MatmulEmitter::epilogue(const RowTile &tile, Value panelBegin,
                             Value panelCount) {
  const TensorBuffer &result = frame.tensor(op.getResult());
  const bool whole = shape.columnsTotal % shape.lanes == 0;
  l.loop(panelCount, [&](Value panel) {
    Value column0 = l.mul(l.add(panelBegin, panel), shape.columns);
    Value columns =
        l.min(l.i64(shape.columns), l.sub(l.i64(shape.columnsTotal), column0));
    l.loop(tile.count, [&](Value r) {
      Value row = l.add(tile.first, r);
      Value line = l.add(l.mul(panel, tile.held), r);
      Value sumsAt = l.offset(sums, l.mul(line, 4 * shape.width()));
      l.lanes(columns, shape.lanes, whole, [&](int64_t width, Value j) {
        Value column = l.add(column0, j);
        SmallVector<Value> arguments;
        for (unsigned side = 0; side < op.getNumRhs(); ++side)
          arguments.push_back(
              l.load(l.widened(f32(), width),
                     l.element(sumsAt, f32(), l.add(j, side * shape.columns))));
        for (unsigned i = 0; i < op.getEpilogueOperands().size(); ++i)
          arguments.push_back(operand(i, tile, row, column, width));
        Value value =
            cloneWidened(l, op.getEpilogue().front(), arguments, width)[0];
        Value at = l.add(l.mul(row, shape.columnsTotal), column);
        l.store(value, l.element(result.base, result.element, at));
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

void MatmulEmitter::run() {
  if (!shape.packs() || packer.inVectors())
    frame.keepAsWritten();
  packedRows = frame.scratch(0);
  sums = frame.scratch(shape.packedRowBytes());
  weights = shape.packs()
                ? frame.scratch(shape.packedRowBytes() + shape.sumBytes())
                : frame.packed(op.getRhs()[0]);
  if (op.getGather()) {
    Value tokens = frame.tensor(op.getLhs()).sizes[0];
    Value slots = frame.groups(op.getGroups()).rows;
    slotsPerToken = l.max(l.div(slots, l.max(tokens, l.i64(1))), l.i64(1));
  }
  const int64_t columnTasks = shape.columnTasks();
  auto task = [&](Value task, ValueRange carried) {
    RowTile tile = rowTile(l.div(task, columnTasks));
    // Tasks of one tile follow each other: its rows are packed once a range.
    if (shape.depthRuns() == 1) {
      Value known = l.equal(tile.index, carried[0]);
      l.choose(
          known, TypeRange(), [] { return LeafBuilder::Values(); },
          [&] {
            packRows(tile, l.i64(0), l.i64(shape.words));
            return LeafBuilder::Values();
          });
    }
    Value panelBegin = l.mul(l.rem(task, columnTasks), shape.panelsPerTask);
    Value panelEnd =
        l.min(l.add(panelBegin, shape.panelsPerTask), l.i64(shape.panels()));
    l.loop(panelBegin, panelEnd, shape.panelsAtOnce(), [&](Value panel) {
      panels(tile, panel,
             l.min(l.i64(shape.panelsAtOnce()), l.sub(panelEnd, panel)));
    });
    return LeafBuilder::Values{tile.index};
  };
  l.loop(frame.begin, frame.end, 1, ValueRange(l.i64(-1)), task);
}

void moe::cpu::emitMatmul(KernelFrame &frame, GroupedMatmulOp op) {
  MatmulEmitter(frame, op).run();
}
