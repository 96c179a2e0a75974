//===- TransposeFunction.cpp - Rows of words as columns -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/TransposeFunction.h"

#include "moe/codegen/cpu/ObjectEmitter.h"

#include "moe/codegen/leaf/LeafBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe::cpu;
using moe::leaf::LeafBuilder;

namespace {

struct TransposeEmitter {
  LeafBuilder &l;
  const TransposeShape &shape;

  using Values = LeafBuilder::Values;
  Type vector() {
    return VectorType::get({shape.lanes}, l.b.getIntegerType(shape.wordBits));
  }

  void exchange(Value &a, Value &b, ArrayRef<int64_t> low,
                ArrayRef<int64_t> high) {
    Value x = vector::ShuffleOp::create(l.b, l.loc, a, b, low);
    b = vector::ShuffleOp::create(l.b, l.loc, a, b, high);
    a = x;
  }

  /// A square of words. Each step exchanges one bit of a word's row number with
  /// one of its place: within 128 bits by interleaving two rows, then whole
  /// 128-bit parts, which are the shuffles that processors have.
  void transpose(Values &rows) {
    const int64_t lanes = shape.lanes;
    const int64_t part = std::min(lanes, 128 / shape.wordBits);
    auto step = [&](int64_t distance, ArrayRef<int64_t> low,
                    ArrayRef<int64_t> high) {
      for (int64_t r = 0; r < lanes; ++r)
        if ((r & distance) == 0)
          exchange(rows[r], rows[r + distance], low, high);
    };
    SmallVector<int64_t> low(lanes), high(lanes);
    // Bits of the place within a part, the highest first.
    for (int64_t at = 0; at < lanes; ++at) {
      low[at] = at / part * part + at % part / 2 + at % 2 * lanes;
      high[at] = low[at] + part / 2;
    }
    for (int64_t distance = part / 2; distance >= 1; distance /= 2)
      step(distance, low, high);
    // Bits of the part's number, the lowest first: the even parts of both rows,
    // and the odd ones.
    for (int64_t at = 0; at < lanes; ++at) {
      low[at] = 2 * (at / part) * part + at % part;
      high[at] = low[at] + part;
    }
    for (int64_t distance = part; distance < lanes; distance *= 2)
      step(distance, low, high);
  }

  /// Columns of which there are `rows`; what the rest would be read from is the
  /// last one.
  void run(Value source, Value target, Value rows, Value words, bool partial) {
    Values offsets;
    Value present;
    if (partial) {
      SmallVector<int32_t> numbers =
          llvm::to_vector(llvm::seq<int32_t>(0, shape.lanes));
      Value places =
          arith::ConstantOp::create(l.b, l.loc, l.b.getI32VectorAttr(numbers));
      present =
          arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::slt, places,
                                l.splat(l.toI32(rows), shape.lanes));
      for (int64_t r = 0; r < shape.lanes; ++r)
        offsets.push_back(
            l.mul(l.min(l.i64(r), l.sub(rows, l.i64(1))), shape.sourceStride));
    }
    l.loop(l.i64(0), words, shape.lanes, [&](Value word) {
      Value from = l.offset(source, l.mul(word, shape.wordBits / 8));
      Value to = l.offset(target, l.mul(word, shape.targetStride));
      Values square;
      for (int64_t r = 0; r < shape.lanes; ++r)
        square.push_back(
            l.load(vector(), partial ? l.offset(from, offsets[r])
                                     : l.offset(from, r * shape.sourceStride)));
      transpose(square);
      for (int64_t r = 0; r < shape.lanes; ++r) {
        Value line = square[r];
        if (partial)
          line = l.select(present, line, l.constant(vector(), 0));
        l.store(line, l.offset(to, r * shape.targetStride));
      }
    });
  }
};

} // namespace

func::FuncOp moe::cpu::getTransposeFunction(ModuleOp leaves,
                                            const TransposeShape &shape) {
  std::string name;
  llvm::raw_string_ostream(name)
      << "transpose_" << shape.lanes << "x" << shape.wordBits << "_"
      << shape.sourceStride << "_" << shape.targetStride
      << (shape.partial ? "_part" : "");
  if (auto known = leaves.lookupSymbol<func::FuncOp>(name))
    return known;
  OpBuilder builder = OpBuilder::atBlockEnd(leaves.getBody());
  Location loc = leaves.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(leaves.getContext());
  Type i64 = builder.getI64Type();
  auto function = func::FuncOp::create(
      builder, loc, name,
      builder.getFunctionType({pointer, pointer, i64, i64}, {}));
  function.setPrivate();
  function->setAttr(
      "passthrough",
      builder.getStrArrayAttr({"noinline", "norecurse", asWrittenAttr}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto args = entry->getArguments();
  LeafBuilder l(builder, loc);
  TransposeEmitter emitter{l, shape};
  auto run = [&](bool partial) {
    emitter.run(args[0], args[1], args[2], args[3], partial);
    return LeafBuilder::Values();
  };
  if (shape.partial)
    l.choose(
        l.equal(args[2], l.i64(shape.lanes)), TypeRange(),
        [&] { return run(false); }, [&] { return run(true); });
  else
    run(false);
  func::ReturnOp::create(l.b, loc);
  return function;
}
