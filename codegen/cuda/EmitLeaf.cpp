//===- EmitLeaf.cpp - Kernels of ordinary ops for CUDA --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/EmitLeaf.h"

#include "moe/codegen/cuda/device/sizes.cuh"
#include "moe/codegen/leaf/ElementReader.h"
#include "moe/codegen/leaf/RouteRows.h"
#include "moe/dialect/EmitExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using leaf::ElementReader;
using leaf::GroupsBuffer;
using leaf::LeafBuilder;
using leaf::TensorBuffer;
using Values = LeafBuilder::Values;

//===----------------------------------------------------------------------===//
// The frame
//===----------------------------------------------------------------------===//

namespace {

/// One thread's part of one task.
class LeafThread : public leaf::LeafFrame {
public:
  LeafThread(exec::KernelOp kernel, ModuleOp leaves);

  Value task, thread;

private:
  Value intrinsic(StringRef name);
};

} // namespace

static SmallVector<Type> parameters(exec::KernelOp kernel) {
  MLIRContext *context = kernel.getContext();
  SmallVector<Type> types(kernel.getBufferTypes().size(),
                          LLVM::LLVMPointerType::get(context));
  types.append(kernel.getNumDims() + 1, IntegerType::get(context, 64));
  return types;
}

LeafThread::LeafThread(exec::KernelOp kernel, ModuleOp leaves)
    : LeafFrame(kernel, leaves, parameters(kernel)) {
  ValueRange arguments = function.getArguments();
  unsigned next = 0;
  const unsigned buffers = kernel.getBufferTypes().size();
  task = intrinsic("blockIndex");
  thread = intrinsic("threadIndex");
  bind([&] { return arguments[next++]; },
       arguments.slice(buffers, kernel.getNumDims()));
}

Value LeafThread::intrinsic(StringRef name) {
  Type i64 = l.b.getI64Type();
  auto callee = leaves.lookupSymbol<func::FuncOp>(name);
  if (!callee) {
    OpBuilder top = OpBuilder::atBlockBegin(leaves.getBody());
    callee = func::FuncOp::create(top, l.loc, name,
                                  l.b.getFunctionType(TypeRange(), i64));
    callee.setPrivate();
  }
  return func::CallOp::create(l.b, l.loc, callee, ValueRange()).getResult(0);
}

//===----------------------------------------------------------------------===//
// Ordinary ops
//===----------------------------------------------------------------------===//

static void emitElements(LeafThread &frame) {
  LeafBuilder &l = frame.l;
  ElementReader reader(frame);
  const ElementGrid grid = elementGrid(frame.kernel);
  Operation *end = frame.kernel.getBody().front().getTerminator();
  auto storeAt = [&](unsigned number, Value value, const Values &indices) {
    const TensorBuffer &buffer = frame.result(number);
    Value at = l.i64(0);
    for (auto [index, stride] : llvm::zip(indices, buffer.strides))
      at = l.add(at, l.mul(index, stride));
    l.store(reader.read(value, indices),
            l.element(buffer.base, buffer.element, at));
  };
  auto results = [&](Value index) {
    for (auto [number, value] : llvm::enumerate(end->getOperands())) {
      const TensorBuffer &buffer = frame.result(number);
      Values indices = reader.delinearize(
          index, ArrayRef(buffer.sizes).take_front(grid.dims));
      const size_t rank = buffer.sizes.size();
      if (indices.size() == rank) {
        if (grid.runs)
          storeAt(number, value, indices);
        else // an element a task: one thread's
          reader.when(l.equal(frame.thread, l.i64(0)),
                      [&] { storeAt(number, value, indices); });
        continue;
      }
      std::function<void()> nest = [&] {
        Value size = buffer.sizes[indices.size()];
        const bool last = indices.size() + 1 == rank;
        reader.loop(last ? frame.thread : l.i64(0), size,
                    last ? elementThreads : 1, [&](Value i) {
                      indices.push_back(i);
                      if (last)
                        storeAt(number, value, indices);
                      else
                        nest();
                      indices.pop_back();
                    });
      };
      nest();
    }
  };
  if (!grid.runs)
    return results(frame.task);
  Value index = l.add(l.mul(frame.task, elementThreads), frame.thread);
  Value count = frame.expression(
      AffineMap::get(frame.kernel.getNumDims(), 0, grid.count));
  reader.when(l.less(index, count), [&] { results(index); });
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// A task is eight columns of every tensor of an expert: what device/sizes.cuh
/// keeps together. Columns and depth that there are too many hold zeros.
static void emitPack(LeafThread &frame, PackOp op) {
  LeafBuilder &l = frame.l;
  ElementReader reader(frame);
  PackedType packed = op.getPacked().getType();
  RankedTensorType type = packed.getTensors().front();
  Type element = type.getElementType();
  const int64_t rank = type.getRank(), depth = type.getDimSize(rank - 1),
                columns = type.getDimSize(rank - 2),
                sides = packed.getTensors().size();
  constexpr int64_t run = sizes::packedGroup;
  const int64_t runs = sizes::packedColumns(columns) / run;
  const int64_t pitch =
      sizes::packedDepth(depth, type.getElementTypeBitWidth() / 8);
  Value base = frame.packed(op.getPacked());
  Value expert = l.div(frame.task, runs);
  Value first = l.mul(l.rem(frame.task, runs), run);
  Value there = l.min(l.i64(run), l.sub(l.i64(columns), first));
  auto fill = [&](Value line, int64_t from) {
    Value begin = from == 0 ? frame.thread : l.add(frame.thread, from);
    l.loop(begin, l.i64(pitch), elementThreads, [&](Value k) {
      l.store(l.constant(element, 0), l.element(base, element, l.add(line, k)));
    });
  };
  for (auto [side, tensor] : llvm::enumerate(op.getTensors())) {
    auto lineOf = [&, side = side](Value j) {
      Value row = l.add(l.mul(l.add(l.mul(frame.task, sides), side), run), j);
      return l.mul(row, pitch);
    };
    reader.loop(l.i64(0), there, 1, [&, tensor = tensor](Value j) {
      Value line = lineOf(j);
      reader.loop(frame.thread, l.i64(depth), elementThreads, [&](Value k) {
        Values indices{l.add(first, j), k};
        if (rank == 3)
          indices.insert(indices.begin(), expert);
        l.store(reader.read(tensor, indices),
                l.element(base, element, l.add(line, k)));
      });
      if (pitch != depth)
        fill(line, depth);
    });
    if (columns % run != 0)
      reader.loop(there, l.i64(run), 1, [&](Value j) { fill(lineOf(j), 0); });
  }
}

//===----------------------------------------------------------------------===//
// Combine
//===----------------------------------------------------------------------===//

namespace {

/// A task is a run of combineColumns columns of a token. A thread sums several
/// of them side by side, so that it waits for rows of all at once; columns that
/// there are too many are others' and not stored.
class Combine {
public:
  Combine(LeafThread &frame, CombineOp op)
      : frame(frame), l(frame.l), op(op), acc(op.getAcc()),
        rows(frame.tensor(op.getRows())), groups(frame.groups(op.getGroups())) {
  }
  void emit();

private:
  Value readRow(Value slot) {
    return l.toI64(l.loadElement(l.b.getI32Type(), groups.rowOfSlot, slot));
  }
  Values addRow(Value row, Value slot, ValueRange sums);
  Value nextRow(Value previous);
  Values start(Value token);
  Values sum(Value token);

  LeafThread &frame;
  LeafBuilder &l;
  CombineOp op;
  Type acc;
  const TensorBuffer &rows;
  const GroupsBuffer &groups;
  Value width, firstSlot, slots;
  Values columns; ///< of the thread
};

} // namespace

/// sums + weight * row, products and sums rounded to acc; the sums themselves
/// where there is no row.
Values Combine::addRow(Value row, Value slot, ValueRange sums) {
  auto add = [&] {
    Type product = acc;
    Value weight;
    if (op.getWeights()) {
      weight = frame.elements(op.getWeights(), slot, 1);
      product = leaf::productType(l.b, weight.getType(), rows.element, acc);
      weight = l.toFloat(weight, product);
    }
    Values results;
    for (auto [column, sum] : llvm::zip(columns, sums)) {
      Value at = l.add(l.mul(row, width), column);
      Value x = l.toFloat(l.loadElement(rows.element, rows.base, at), product);
      if (weight)
        x = arith::MulFOp::create(l.b, l.loc, weight, x);
      results.push_back(
          arith::AddFOp::create(l.b, l.loc, sum, l.toFloat(x, acc)));
    }
    return results;
  };
  return l.choose(l.less(l.i64(-1), row), sums.getTypes(), add,
                  [&] { return Values(sums); });
}

/// The token's first row behind `previous`, or -1. Rows are sorted by expert.
Value Combine::nextRow(Value previous) {
  const int64_t none = std::numeric_limits<int64_t>::max();
  Value best = l.loop(l.i64(0), slots, 1, ValueRange(l.i64(none)),
                      [&](Value j, ValueRange carried) {
                        Value row = readRow(l.add(firstSlot, j));
                        Value candidate =
                            l.select(l.less(previous, row), row, l.i64(none));
                        return Values{l.min(candidate, carried[0])};
                      })[0];
  return l.select(l.equal(best, l.i64(none)), l.i64(-1), best);
}

Values Combine::start(Value token) {
  Values sums;
  for (Value column : columns)
    sums.push_back(
        op.getInit()
            ? l.toFloat(frame.elements(op.getInit(),
                                       l.add(l.mul(token, width), column), 1),
                        acc)
            : l.constant(acc, 0));
  return sums;
}

Values Combine::sum(Value token) {
  Values sums = start(token);
  if (op.getOrder() != CombineOrder::Expert)
    return l.loop(l.i64(0), slots, 1, sums, [&](Value j, ValueRange carried) {
      Value slot = l.add(firstSlot, j);
      return addRow(readRow(slot), slot, carried);
    });
  sums.push_back(l.i64(-1)); // the row before
  return l.loop(l.i64(0), slots, 1, sums, [&](Value, ValueRange carried) {
    Value previous = carried.back();
    Value row = nextRow(previous);
    Value slot = l.toI64(l.loadElement(l.b.getI32Type(), groups.slotOfRow,
                                       l.max(row, l.i64(0))));
    Values next = addRow(row, slot, carried.drop_back());
    // After the last row there is none behind it either.
    next.push_back(l.max(row, previous));
    return next;
  });
}

void Combine::emit() {
  const TensorBuffer &result = frame.tensor(op.getResult());
  const int64_t size =
      cast<RankedTensorType>(op.getResult().getType()).getShape().back();
  const int64_t runs =
      std::max<int64_t>(llvm::divideCeil(size, combineColumns), 1);
  const bool whole = size % combineColumns == 0;
  Value token = l.div(frame.task, runs);
  Value first =
      l.add(l.mul(l.rem(frame.task, runs), combineColumns), frame.thread);
  width = result.sizes.back();
  // A slot that is kept apart is a token of one slot.
  slots = op.getKeepSlots()
              ? l.i64(1)
              : l.div(groups.rows, l.max(result.sizes[0], l.i64(1)));
  firstSlot = l.mul(token, slots);
  Values own;
  for (int64_t at = 0; at < std::min(combineColumns, size);
       at += elementThreads) {
    own.push_back(l.add(first, at));
    columns.push_back(whole ? own.back() : l.min(own.back(), l.i64(size - 1)));
  }
  Values sums = sum(token);
  for (auto [column, value] : llvm::zip(own, sums)) {
    Value at = l.add(l.mul(token, width), column);
    auto put = [&, value = value] {
      l.store(l.toFloat(value, result.element),
              l.element(result.base, result.element, at));
    };
    if (whole)
      put();
    else
      l.when(l.less(column, width), put);
  }
}

void moe::cuda::emitLeaf(exec::KernelOp kernel, ModuleOp leaves) {
  LeafThread frame(kernel, leaves);
  switch (classOf(kernel)) {
  case KernelClass::Elements:
    emitElements(frame);
    break;
  case KernelClass::Pack:
    emitPack(frame, onlyOp<PackOp>(kernel));
    break;
  case KernelClass::Combine:
    Combine(frame, onlyOp<CombineOp>(kernel)).emit();
    break;
  default:
    llvm_unreachable("kernels with device code of their own");
  }
  frame.finish();
}

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

std::string moe::cuda::epilogueName(exec::KernelOp kernel) {
  return (kernel.getName() + "_epilogue").str();
}
std::string moe::cuda::formulaName(exec::KernelOp kernel, unsigned index) {
  return (kernel.getName() + "_formula" + Twine(index)).str();
}

static func::FuncOp makeFunction(ModuleOp leaves, Location loc, StringRef name,
                                 TypeRange arguments, Type result) {
  OpBuilder builder = OpBuilder::atBlockEnd(leaves.getBody());
  auto function = func::FuncOp::create(
      builder, loc, name, builder.getFunctionType(arguments, result));
  function.addEntryBlock();
  return function;
}

static void emitFormula(exec::KernelOp kernel, ModuleOp leaves, Location loc,
                        unsigned index, const semantics::Expr &formula) {
  Type f32 = Float32Type::get(kernel.getContext());
  func::FuncOp function =
      makeFunction(leaves, loc, formulaName(kernel, index), f32, f32);
  OpBuilder builder = OpBuilder::atBlockEnd(&function.getBody().front());
  Value result = emitExpr(builder, loc, formula, function.getArguments());
  func::ReturnOp::create(builder, loc, result);
}

void moe::cuda::emitFormulas(exec::KernelOp kernel, ModuleOp leaves) {
  unsigned formulas = 0;
  for (Operation &op : kernel.getBody().front()) {
    if (auto matmul = dyn_cast<GroupedMatmulOp>(op)) {
      Block &region = matmul.getEpilogue().front();
      func::FuncOp function = makeFunction(
          leaves, op.getLoc(), epilogueName(kernel), region.getArgumentTypes(),
          region.getTerminator()->getOperand(0).getType());
      OpBuilder builder = OpBuilder::atBlockEnd(&function.getBody().front());
      IRMapping mapping;
      mapping.map(region.getArguments(), function.getArguments());
      for (Operation &inner : region.without_terminator())
        builder.clone(inner, mapping);
      func::ReturnOp::create(
          builder, op.getLoc(),
          mapping.lookupOrDefault(region.getTerminator()->getOperand(0)));
    } else if (auto score = dyn_cast<ScoreOp>(op)) {
      emitFormula(kernel, leaves, op.getLoc(), formulas++,
                  semantics::lookup(score.getFn().getValue()).formula);
    } else if (auto capacity = dyn_cast<CapacityOp>(op)) {
      if (NormAttr renorm = capacity.getRenormAttr())
        for (const semantics::Expr &formula : formulasOf(renorm.getSpec()))
          emitFormula(kernel, leaves, op.getLoc(), formulas++, formula);
    } else if (auto weigh = dyn_cast<WeighOp>(op)) {
      for (const semantics::NormStep &step : weigh.getSpec().normalize)
        for (const semantics::Expr &formula : formulasOf(step))
          emitFormula(kernel, leaves, op.getLoc(), formulas++, formula);
    }
  }
}
