//===- LowerFrontEnd.cpp - Front ends' sort, top-k, scan, scatter as loops ===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch-mlir and IREE bring four ops that upstream lacks. Where raising found
// no MoE layer in them they still have to run: as loops that carry tensors, the
// form in which the same ops arrive from who lowers them first. The ops are
// unregistered, so nothing about them was verified before.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/FrontEnds.h"
#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERFRONTENDPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

using Values = SmallVector<Value>;

/// One op on its way to loops. The last `outs` operands are what the loops
/// carry, and become the results.
class FrontEndOp {
public:
  FrontEndOp(Operation *op) : op(op), b(op->getLoc(), op) {}

  LogicalResult sort();
  LogicalResult topk();
  LogicalResult scan();
  LogicalResult scatter();

private:
  using Body = llvm::function_ref<Values(ArrayRef<Value>, ValueRange)>;

  bool hasFrame(unsigned ins, unsigned outs, ArrayRef<unsigned> region,
                bool yieldsBool);
  int64_t dimension(Value tensor);
  void replace(ValueRange results) {
    op->replaceAllUsesWith(results);
    op->erase();
  }

  /// A constant, in front of the op.
  Value index(int64_t value) {
    Value &constant = constants[value];
    if (!constant) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(op);
      constant = arith::ConstantIndexOp::create(b, value);
    }
    return constant;
  }
  Value size(Value tensor, int64_t dim) {
    return b.createOrFold<tensor::DimOp>(tensor, index(dim));
  }
  Value extract(Value tensor, ValueRange at) {
    return tensor::ExtractOp::create(b, tensor, at);
  }
  Value insert(Value value, Value tensor, ValueRange at) {
    return tensor::InsertOp::create(b, value, tensor, at);
  }
  Value region(ValueRange arguments);
  Values loop(Value begin, Value end, ValueRange carried,
              llvm::function_ref<Values(Value, ValueRange)> body);
  Values nest(ArrayRef<Value> sizes, ValueRange carried, Body body);
  Values otherSizes(Value tensor, int64_t dim);

  Operation *op;
  ImplicitLocOpBuilder b;
  llvm::DenseMap<int64_t, Value> constants;
};

} // namespace

static int64_t rankOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getRank();
}

static Type elementOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

/// `rest` with `index` put in as dimension `dim`.
static Values at(ArrayRef<Value> rest, int64_t dim, Value index) {
  Values all(rest);
  all.insert(all.begin() + dim, index);
  return all;
}

//===----------------------------------------------------------------------===//
// What all of them need
//===----------------------------------------------------------------------===//

/// Whether the op has the frame of all of them; `region` is the element types
/// of the region's arguments.
bool FrontEndOp::hasFrame(unsigned ins, unsigned outs,
                          ArrayRef<unsigned> region, bool yieldsBool) {
  if (op->getNumOperands() < ins + outs || op->getNumResults() != outs ||
      op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock() ||
      op->getRegion(0).front().empty() ||
      !llvm::all_of(op->getOperandTypes(), llvm::IsaPred<RankedTensorType>) ||
      op->getOperands().take_back(outs).getTypes() != op->getResultTypes())
    return false;
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() != region.size() ||
      block.back().getNumOperands() != 1 || block.back().getNumResults() != 0)
    return false;
  for (auto [argument, operand] : llvm::zip(block.getArguments(), region))
    if (argument.getType() != elementOf(op->getOperand(operand)))
      return false;
  Type yielded = block.back().getOperand(0).getType();
  return yieldsBool ? yielded.isInteger(1)
                    : yielded == block.getArgument(0).getType();
}

/// The attribute 'dimension'; -1 where it is not below the rank.
int64_t FrontEndOp::dimension(Value tensor) {
  auto attribute = op->getAttrOfType<IntegerAttr>("dimension");
  return attribute && attribute.getInt() >= 0 &&
                 attribute.getInt() < rankOf(tensor)
             ? attribute.getInt()
             : -1;
}

/// The region's value for these arguments.
Value FrontEndOp::region(ValueRange arguments) {
  Block &block = op->getRegion(0).front();
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &inner : llvm::drop_end(block)) // the yield is foreign
    b.clone(inner, mapping);
  return mapping.lookupOrDefault(block.back().getOperand(0));
}

Values FrontEndOp::loop(Value begin, Value end, ValueRange carried,
                        llvm::function_ref<Values(Value, ValueRange)> body) {
  auto made = scf::ForOp::create(b, begin, end, index(1), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(made.getBody());
  Values results = body(made.getInductionVar(), made.getRegionIterArgs());
  scf::YieldOp::create(b, results);
  return Values(made.getResults());
}

Values FrontEndOp::nest(ArrayRef<Value> sizes, ValueRange carried, Body body) {
  Values indices;
  std::function<Values(ValueRange)> level = [&](ValueRange inner) -> Values {
    if (indices.size() == sizes.size())
      return body(indices, inner);
    return loop(index(0), sizes[indices.size()], inner,
                [&](Value i, ValueRange tensors) {
                  indices.push_back(i);
                  Values results = level(tensors);
                  indices.pop_back();
                  return results;
                });
  };
  return level(carried);
}

Values FrontEndOp::otherSizes(Value tensor, int64_t dim) {
  Values sizes;
  for (int64_t d = 0; d < rankOf(tensor); ++d)
    if (d != dim)
      sizes.push_back(size(tensor, d));
  return sizes;
}

//===----------------------------------------------------------------------===//
// The four
//===----------------------------------------------------------------------===//

/// By insertion: an element moves down past those that it belongs before. What
/// the comparator finds equal, strict or not, keeps its order.
LogicalResult FrontEndOp::sort() {
  const unsigned count = op->getNumOperands();
  SmallVector<unsigned> types;
  for (unsigned number = 0; number < count; ++number)
    types.append(2, number);
  if (count == 0 || !hasFrame(0, count, types, /*yieldsBool=*/true) ||
      dimension(op->getOperand(0)) < 0 ||
      failed(verifyCompatibleShapes(op->getOperandTypes())))
    return op->emitOpError(
        "expects tensors of one shape, results of their types, 'dimension' "
        "below their rank, and a region over two elements of each that yields "
        "an i1");
  Value first = op->getOperand(0);
  const int64_t dim = dimension(first);
  Values sizes = otherSizes(first, dim);
  sizes.push_back(size(first, dim));
  auto body = [&](ArrayRef<Value> indices, ValueRange carried) {
    ArrayRef<Value> rest = indices.drop_back();
    Value i = indices.back();
    auto step = [&](Value back, ValueRange tensors) -> Values {
      Value high = arith::SubIOp::create(b, i, back);
      Value low = arith::SubIOp::create(b, high, index(1));
      Values atLow = at(rest, dim, low), atHigh = at(rest, dim, high);
      Values below, above, lowFirst, highFirst;
      for (Value tensor : tensors) {
        below.push_back(extract(tensor, atLow));
        above.push_back(extract(tensor, atHigh));
        lowFirst.append({below.back(), above.back()});
        highFirst.append({above.back(), below.back()});
      }
      Value no = arith::ConstantIntOp::create(b, 1, 1);
      Value swap = arith::AndIOp::create(
          b, region(highFirst), arith::XOrIOp::create(b, region(lowFirst), no));
      auto branch = scf::IfOp::create(b, TypeRange(tensors), swap, true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      Values swapped;
      for (auto [tensor, x, y] : llvm::zip(tensors, below, above))
        swapped.push_back(insert(y, insert(x, tensor, atHigh), atLow));
      scf::YieldOp::create(b, swapped);
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, tensors);
      return Values(branch.getResults());
    };
    return loop(index(0), i, carried, step);
  };
  replace(nest(sizes, op->getOperands(), body));
  return success();
}

/// Every candidate goes down the list of those kept so far and changes places
/// with each that the comparator ranks below it.
LogicalResult FrontEndOp::topk() {
  const bool framed = hasFrame(1, 2, {0, 0}, /*yieldsBool=*/true);
  const unsigned ins = framed ? op->getNumOperands() - 2 : 0;
  auto alike = [&](unsigned a, unsigned b) {
    return elementOf(op->getOperand(a)) == elementOf(op->getOperand(b)) &&
           rankOf(op->getOperand(a)) == rankOf(op->getOperand(b));
  };
  if (!framed || ins > 2 || dimension(op->getOperand(0)) < 0 ||
      !alike(0, ins) || (ins == 2 && !alike(1, ins + 1)) ||
      rankOf(op->getOperand(ins)) != rankOf(op->getOperand(ins + 1)) ||
      !elementOf(op->getOperand(ins + 1)).isIntOrIndex())
    return op->emitOpError(
        "expects values, perhaps their indices, outputs of the same element "
        "types and rank, 'dimension' below it, and a region over two values "
        "that yields an i1");
  Value values = op->getOperand(0),
        outs[] = {op->getOperand(ins), op->getOperand(ins + 1)};
  const int64_t dim = dimension(values);
  Type id = elementOf(outs[1]);
  Values sizes = otherSizes(values, dim);
  sizes.push_back(size(values, dim));
  Value kept = size(outs[0], dim);
  auto body = [&](ArrayRef<Value> indices, ValueRange carried) {
    ArrayRef<Value> rest = indices.drop_back();
    Values from = at(rest, dim, indices.back());
    Values inner(carried);
    inner.push_back(extract(values, from));
    Value number = indices.back();
    if (ins == 2)
      number = extract(op->getOperand(1), from);
    else if (!id.isIndex())
      number = arith::IndexCastOp::create(b, id, number);
    inner.push_back(number);
    auto step = [&](Value j, ValueRange now) -> Values {
      Values place = at(rest, dim, j);
      Value value = now[2], number = now[3];
      Value oldValue = extract(now[0], place), oldId = extract(now[1], place);
      Value better = region({value, oldValue});
      auto pick = [&](Value x, Value y) -> Value {
        return arith::SelectOp::create(b, better, x, y);
      };
      return {insert(pick(value, oldValue), now[0], place),
              insert(pick(number, oldId), now[1], place), pick(oldValue, value),
              pick(oldId, number)};
    };
    Values results = loop(index(0), kept, inner, step);
    results.pop_back_n(2);
    return results;
  };
  replace(nest(sizes, outs, body));
  return success();
}

LogicalResult FrontEndOp::scan() {
  auto inclusive = op->getAttrOfType<BoolAttr>("inclusive");
  auto same = [&](unsigned other, int64_t fewer) {
    return elementOf(op->getOperand(other)) == elementOf(op->getOperand(0)) &&
           rankOf(op->getOperand(other)) == rankOf(op->getOperand(0)) - fewer;
  };
  if (!hasFrame(1, 2, {0, 0}, /*yieldsBool=*/false) || !inclusive ||
      op->getNumOperands() != 3 || dimension(op->getOperand(0)) < 0 ||
      !same(1, 0) || !same(2, 1))
    return op->emitOpError(
        "expects 'inclusive', 'dimension' below the rank, an input, an output "
        "like it, a carry without that dimension, and a region over two "
        "elements that yields one");
  Value input = op->getOperand(0), out = op->getOperand(1),
        carry = op->getOperand(2);
  const int64_t dim = dimension(input);
  Values sizes = otherSizes(input, dim);
  sizes.push_back(size(input, dim));
  auto body = [&](ArrayRef<Value> indices, ValueRange carried) -> Values {
    ArrayRef<Value> rest = indices.drop_back();
    Values place = at(rest, dim, indices.back());
    Value before = extract(carried[1], rest);
    Value next = region({before, extract(input, place)});
    return {insert(inclusive.getValue() ? next : before, carried[0], place),
            insert(next, carried[1], rest)};
  };
  replace(nest(sizes, {out, carry}, body));
  return success();
}

/// Update [b..., w...] goes to element [w...] of the output, moved along the
/// dimensions of 'dimension_map' by the index vector [b...].
LogicalResult FrontEndOp::scatter() {
  auto map = op->getAttrOfType<DenseI64ArrayAttr>("dimension_map");
  auto fits = [&] {
    if (!hasFrame(2, 1, {0, 2}, /*yieldsBool=*/false) || !map ||
        op->getNumOperands() != 3 || rankOf(op->getOperand(1)) < 1 ||
        elementOf(op->getOperand(0)) != elementOf(op->getOperand(2)) ||
        !elementOf(op->getOperand(1)).isIntOrIndex())
      return false;
    auto ids = cast<RankedTensorType>(op->getOperand(1).getType());
    const int64_t window = rankOf(op->getOperand(0)) - ids.getRank() + 1;
    const int64_t rank = rankOf(op->getOperand(2));
    return window >= 0 && window <= rank &&
           ids.getShape().back() == static_cast<int64_t>(map.size()) &&
           llvm::all_of(map.asArrayRef(),
                        [&](int64_t dim) { return dim >= 0 && dim < rank; });
  };
  if (!fits())
    return op->emitOpError(
        "expects updates [b..., w...], integer indices [b..., n], an output, a "
        "'dimension_map' of n of its dimensions, and a region over two "
        "elements that yields one");
  Value updates = op->getOperand(0), ids = op->getOperand(1),
        out = op->getOperand(2);
  const int64_t batch = rankOf(ids) - 1, window = rankOf(updates) - batch;
  Values sizes;
  for (int64_t d = 0; d < rankOf(updates); ++d)
    sizes.push_back(size(updates, d));
  auto body = [&](ArrayRef<Value> indices, ValueRange carried) -> Values {
    Values place(rankOf(out) - window);
    llvm::append_range(place, indices.drop_front(batch));
    for (auto [number, dim] : llvm::enumerate(map.asArrayRef())) {
      Values from(indices.take_front(batch));
      from.push_back(index(number));
      Value offset = extract(ids, from);
      if (!offset.getType().isIndex())
        offset = arith::IndexCastOp::create(b, b.getIndexType(), offset);
      place[dim] =
          place[dim] ? arith::AddIOp::create(b, offset, place[dim]).getResult()
                     : offset;
    }
    for (Value &dim : place)
      if (!dim)
        dim = index(0);
    Value next =
        region({extract(updates, indices), extract(carried[0], place)});
    return {insert(next, carried[0], place)};
  };
  replace(nest(sizes, {out}, body));
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

using Lowering = LogicalResult (FrontEndOp::*)();

static Lowering loweringOf(Operation *op) {
  if (op->isRegistered())
    return nullptr;
  auto [dialect, name] = op->getName().getStringRef().split('.');
  if (dialect != "tm_tensor" && dialect != "iree_linalg_ext")
    return nullptr;
  return llvm::StringSwitch<Lowering>(name)
      .Case("sort", &FrontEndOp::sort)
      .Cases({"topk", "topk_v2"}, &FrontEndOp::topk)
      .Case("scan", &FrontEndOp::scan)
      .Case("scatter", &FrontEndOp::scatter)
      .Default(nullptr);
}

namespace {
struct LowerFrontEndPass : moe::impl::LowerFrontEndPassBase<LowerFrontEndPass> {
  void runOnOperation() override {
    SmallVector<Operation *> found;
    WalkResult walked =
        getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
          if (loweringOf(op)) {
            found.push_back(op);
            return WalkResult::skip();
          }
          if (op->isRegistered())
            return WalkResult::advance();
          StringRef dialect = op->getName().getDialectNamespace();
          InFlightDiagnostic diag = op->emitOpError(
              "is of a dialect that is not compiled here; expects upstream's "
              "func, linalg, tensor, arith, math and scf, and moe");
          if (StringRef who = legalizerOf(dialect); !who.empty())
            diag << "; what legalizes it: " << who;
          return WalkResult::interrupt();
        });
    if (walked.wasInterrupted())
      return signalPassFailure();
    for (Operation *op : found) {
      std::string name = op->getName().getStringRef().str();
      Location loc = op->getLoc();
      if (failed((FrontEndOp(op).*loweringOf(op))()))
        return signalPassFailure();
      remark::missed(
          loc,
          remark::RemarkOpts::name("slow-path").category("moe-lower-front-end"))
          << "slow path: " + name + " runs as loops of one task";
    }
  }
};
} // namespace
