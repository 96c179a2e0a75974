//===- TileFunction.cpp - The inner loop of a matmul ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/TileFunction.h"

#include "moe/codegen/cpu/ObjectEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace moe::cpu;

namespace {

/// Emits the loops of one tile function.
struct TileEmitter {
  LeafBuilder &l;
  const TileShape &shape;
  const TileArguments &arg;

  using Values = LeafBuilder::Values;
  Type f32() { return l.b.getF32Type(); }
  Type vector() { return VectorType::get({shape.lanes}, f32()); }
  bool inPairs() const { return lookup(shape.reduction).interleave == 2; }
  /// What a vector of words is multiplied as.
  Type pairs() { return VectorType::get({2 * shape.lanes}, l.b.getBF16Type()); }

  /// Row r of panel s, vector v, in the accumulators.
  size_t at(int64_t s, int64_t r, int64_t v) const {
    return (s * shape.rows + r) * shape.vectors + v;
  }
  Value sumPointer(Value sumBase, int64_t r, int64_t v) {
    return l.offset(sumBase, 4 * (r * shape.width() + v * shape.lanes));
  }

  Value weightAt(Value base, int64_t v) {
    if (inPairs())
      return l.load(pairs(), l.offset(base, 4 * v * shape.lanes));
    Type stored = VectorType::get({shape.lanes}, shape.weight);
    Value at = l.offset(base, v * shape.lanes * byteWidth(shape.weight));
    return l.toFloat(l.load(stored, at), f32());
  }
  Value elementAt(Value row, int64_t r) {
    if (inPairs()) {
      Value word = l.load(l.b.getI32Type(), l.offset(row, 4 * r * rowRun));
      return vector::BitCastOp::create(l.b, l.loc, pairs(),
                                       l.splat(word, shape.lanes));
    }
    Value x = l.load(f32(), l.offset(row, 4 * r * rowRun));
    return l.splat(x, shape.lanes);
  }

  /// One word: the elements of every row at `row`, those of each panel at
  /// `weights`. What is held in registers beside the sums is the smaller side:
  /// the vectors of one panel, or the rows when several panels are walked.
  void step(Values &acc, Value row, ArrayRef<Value> weights) {
    auto add = [&](int64_t s, int64_t r, int64_t v, Value x, Value w) {
      Value &sum = acc[at(s, r, v)];
      sum = inPairs()
                ? x86vector::DotBF16Op::create(l.b, l.loc, sum, x, w).getDst()
                : vector::FMAOp::create(l.b, l.loc, x, w, sum).getResult();
    };
    Values held;
    if (weights.size() == 1) {
      for (int64_t v = 0; v < shape.vectors; ++v)
        held.push_back(weightAt(weights[0], v));
      for (int64_t r = 0; r < shape.rows; ++r) {
        Value x = elementAt(row, r);
        for (int64_t v = 0; v < shape.vectors; ++v)
          add(0, r, v, x, held[v]);
      }
      return;
    }
    for (int64_t r = 0; r < shape.rows; ++r)
      held.push_back(elementAt(row, r));
    for (size_t s = 0; s < weights.size(); ++s)
      for (int64_t v = 0; v < shape.vectors; ++v) {
        Value w = weightAt(weights[s], v);
        for (int64_t r = 0; r < shape.rows; ++r)
          add(s, r, v, held[r], w);
      }
  }

  /// Steps in a loop iteration, so that its instructions are mostly
  /// multiply-adds. They divide a run: none crosses into the next.
  int64_t unroll(int64_t streams) const {
    if (streams > 1) // many pointers and vectors in flight as it is
      return 1;
    int64_t sums = shape.rows * shape.vectors, steps = rowRun;
    while (steps > 1 && sums * steps > 24)
      steps /= 2;
    return steps;
  }

  /// What the loop will want in a while: as much ahead in all panels together,
  /// however many are walked, or from `shared` on what the caller says.
  void fetchAhead(ArrayRef<Value> weights, Value shared, int64_t steps) {
    auto lines = [&](Value base, int64_t ahead) {
      for (int64_t line = 0; line < steps * shape.stepBytes(); line += 64)
        LLVM::Prefetch::create(l.b, l.loc, l.offset(base, line + ahead),
                               /*rw=*/0, /*hint=*/3, /*cache=*/1);
    };
    if (shape.prefetch == 0)
      return;
    if (shared)
      return lines(shared, 0);
    const int64_t ahead =
        shape.prefetch / static_cast<int64_t>(weights.size()) / 64 * 64;
    for (Value base : weights)
      lines(base, ahead);
  }

  /// The lines of `steps` words from k on.
  void fetchLines(Value k, int64_t steps) {
    Value at = l.add(l.mul(l.div(k, rowRun), arg.lines.perRun),
                     l.mul(l.rem(k, rowRun), arg.lines.perWord));
    for (int64_t u = 0; u < steps; ++u, at = l.add(at, arg.lines.perWord))
      for (Value base : {arg.lines.first, arg.lines.second})
        LLVM::Prefetch::create(l.b, l.loc, l.offset(base, at), /*rw=*/0,
                               /*hint=*/3, /*cache=*/1);
  }

  /// `streams` panels from `first` on.
  void panels(Value first, int64_t streams) {
    Values weights, sumBases, acc;
    for (int64_t s = 0; s < streams; ++s) {
      Value index = l.add(first, s);
      weights.push_back(l.offset(arg.panel, l.mul(index, arg.panelStride)));
      sumBases.push_back(l.offset(arg.sums, l.mul(index, arg.sumStride)));
      for (int64_t r = 0; r < shape.rows; ++r)
        for (int64_t v = 0; v < shape.vectors; ++v)
          acc.push_back(l.load(vector(), sumPointer(sumBases[s], r, v)));
    }
    Value shared;
    if (streams == 1 && sharesFetches(shape.stepBytes()))
      shared = l.offset(weights[0], arg.ahead);
    auto loop = [&](Value begin, Value end, int64_t steps) {
      acc = l.loop(begin, end, steps, acc, [&](Value k, ValueRange carried) {
        Values sum(carried), at;
        for (Value base : weights)
          at.push_back(l.offset(base, l.mul(k, shape.stepBytes())));
        Value run = l.mul(l.div(k, rowRun), 4 * shape.rows * rowRun);
        Value row = l.offset(arg.rows, l.add(run, l.mul(l.rem(k, rowRun), 4)));
        fetchAhead(at,
                   shared ? l.offset(shared, l.mul(k, arg.aheadStep)) : Value(),
                   steps);
        if (shape.fetches)
          fetchLines(k, steps);
        for (int64_t u = 0; u < steps; ++u) {
          step(sum, l.offset(row, 4 * u), at);
          for (Value &base : at)
            base = l.offset(base, shape.stepBytes());
        }
        return sum;
      });
    };
    const int64_t steps = unroll(streams);
    if (shape.wholeRuns || steps == 1) {
      loop(l.i64(0), arg.words, steps);
    } else {
      Value main = l.sub(arg.words, l.rem(arg.words, steps));
      loop(l.i64(0), main, steps);
      loop(main, arg.words, 1);
    }
    for (int64_t s = 0; s < streams; ++s)
      for (int64_t r = 0; r < shape.rows; ++r)
        for (int64_t v = 0; v < shape.vectors; ++v)
          l.store(acc[at(s, r, v)], sumPointer(sumBases[s], r, v));
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

func::FuncOp moe::cpu::getTileFunction(ModuleOp leaves,
                                       const TileShape &shape) {
  std::string name;
  llvm::raw_string_ostream(name)
      << "tile_" << lookup(shape.reduction).name << "_" << shape.weight << "_"
      << shape.rows << "x" << shape.vectors << "x" << shape.lanes << "_s"
      << shape.streams << "_p" << shape.prefetch
      << (shape.wholeRuns ? "" : "_k") << (shape.fetches ? "_f" : "");
  if (auto known = leaves.lookupSymbol<func::FuncOp>(name))
    return known;

  OpBuilder builder = OpBuilder::atBlockEnd(leaves.getBody());
  Location loc = leaves.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(leaves.getContext());
  Type i64 = builder.getI64Type();
  SmallVector<Type> types{pointer, pointer, pointer, i64, i64,
                          i64,     i64,     i64,     i64};
  if (shape.fetches)
    types.append({pointer, pointer, i64, i64});
  auto function = func::FuncOp::create(builder, loc, name,
                                       builder.getFunctionType(types, {}));
  function.setPrivate();
  // Inlined, it would share its registers with everything around it.
  function->setAttr(
      "passthrough",
      builder.getStrArrayAttr({"noinline", "norecurse", asWrittenAttr}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto args = entry->getArguments();
  TileArguments arguments{args[0], args[1], args[2], args[3], args[4],
                          args[5], args[6], args[7], args[8], {}};
  if (shape.fetches)
    arguments.lines = {args[9], args[10], args[11], args[12]};
  LeafBuilder l(builder, loc);
  if (shape.reduction == Reduction::AmxBf16)
    emitAmxTile(l, shape, arguments);
  else
    TileEmitter{l, shape, arguments}.run();
  func::ReturnOp::create(l.b, loc);
  return function;
}
