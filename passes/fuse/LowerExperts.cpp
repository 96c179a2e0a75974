//===- LowerExperts.cpp - moe.expert over the rows of all experts ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildGeneric.h"
#include "moe/passes/fuse/BuildMatmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWEREXPERTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

/// Lifts one expert's body op by op. A value of the body is per-expert (a slice
/// of a weight, or computed from slices alone), or holds rows, or is shared.
class ExpertLowering {
public:
  explicit ExpertLowering(ExpertOp op) : expert(op), builder(op) {}
  LogicalResult run();

private:
  LogicalResult lift(Operation *op);
  LogicalResult liftLinear(LinearOp op);
  Type liftedType(Operation *op, Type type);
  bool isPerExpert(Value value) const { return perExpert.contains(value); }
  /// Whether the region of an op reads an expert's weights past its operands.
  bool readsExpertInside(Operation *op) const {
    bool reads = false;
    for (Region &region : op->getRegions())
      region.walk([&](Operation *inner) {
        for (Value value : inner->getOperands())
          reads |= isPerExpert(value);
      });
    return reads;
  }
  void liftEmpty(tensor::EmptyOp op);
  LogicalResult liftMixed(linalg::LinalgOp op);
  Value spread(Value slices);

  ExpertOp expert;
  OpBuilder builder;
  IRMapping mapping;
  llvm::DenseSet<Value> perExpert, rowValues;
  llvm::DenseSet<Value> emptyRows; ///< buffers of as many rows, without values
  Value rowExperts; ///< the local expert of every row, once it is asked for
};

} // namespace

/// The type of a result over all experts: rows in place of one expert's rows,
/// or a leading expert dimension.
Type ExpertLowering::liftedType(Operation *op, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  SmallVector<int64_t> shape(tensor.getShape());
  auto holds = [&](const llvm::DenseSet<Value> &set) {
    return llvm::any_of(op->getOperands(),
                        [&](Value value) { return set.contains(value); });
  };
  if (holds(rowValues)) {
    auto rows = cast<RankedTensorType>(expert.getRows().getType());
    shape[0] = rows.getDimSize(0);
  } else if (holds(perExpert)) {
    auto groups = cast<GroupsType>(expert.getGroups().getType());
    shape.insert(shape.begin(), groups.getLocalCount());
  }
  return RankedTensorType::get(shape, tensor.getElementType());
}

LogicalResult ExpertLowering::liftLinear(LinearOp op) {
  bool grouped = isPerExpert(op.getWeight());
  if (op.getBias() && isPerExpert(op.getBias()) != grouped)
    return op.emitOpError("expects weight and bias to be both an expert's own "
                          "or both shared by all experts");
  Value bias = op.getBias() ? mapping.lookupOrDefault(op.getBias()) : Value();
  auto matmul = buildMatmul(
      builder, op.getLoc(), liftedType(op, op.getResult().getType()),
      mapping.lookupOrDefault(op.getRows()),
      mapping.lookupOrDefault(op.getWeight()),
      grouped ? expert.getGroups() : Value(), bias, op.getAcc());
  mapping.map(op.getResult(), matmul.getResult());
  return success();
}

/// A buffer for rows holds the rows of all experts, whose number may be known.
void ExpertLowering::liftEmpty(tensor::EmptyOp op) {
  SmallVector<OpFoldResult> sizes = op.getMixedSizes();
  for (OpFoldResult &size : sizes)
    if (auto value = dyn_cast<Value>(size)) {
      auto dim = value.getDefiningOp<tensor::DimOp>();
      if (dim && rowValues.contains(dim.getSource()) &&
          dim.getConstantIndex() == 0) {
        size = tensor::getMixedSize(builder, op.getLoc(), expert.getRows(), 0);
        emptyRows.insert(op.getResult());
      } else
        size = mapping.lookupOrDefault(value);
    }
  mapping.map(op.getResult(),
              tensor::EmptyOp::create(builder, op.getLoc(), sizes,
                                      op.getType().getElementType())
                  .getResult());
}

/// An expert's own slice for each of its rows: [E, ...] to [N, ...].
Value ExpertLowering::spread(Value slices) {
  Location loc = expert.getLoc();
  OpFoldResult rows = tensor::getMixedSize(builder, loc, expert.getRows(), 0);
  if (!rowExperts) {
    int64_t count =
        cast<RankedTensorType>(expert.getRows().getType()).getDimSize(0);
    rowExperts = RowExpertsOp::create(
        builder, loc, RankedTensorType::get({count}, builder.getI32Type()),
        expert.getGroups(),
        getValueOrCreateConstantIndexOp(builder, loc, rows));
  }
  auto type = cast<RankedTensorType>(slices.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, slices);
  sizes[0] = rows;
  return buildGeneric(
      builder, loc, type.getElementType(), sizes, 0, {{rowExperts, {0}}},
      Value(), [&](OpBuilder &inner, ValueRange elements, Value) -> Value {
        // Rows of no expert read one that exists.
        Value zero = arith::ConstantIntOp::create(inner, loc, 0, 32);
        Value own = arith::MaxSIOp::create(inner, loc, elements[0], zero);
        SmallVector<Value> at = {
            arith::IndexCastOp::create(inner, loc, inner.getIndexType(), own)};
        for (int64_t dim = 1; dim < type.getRank(); ++dim)
          at.push_back(linalg::IndexOp::create(inner, loc, dim));
        return tensor::ExtractOp::create(inner, loc, slices, at);
      });
}

/// Rows and an expert's own weights in one op: the weights are spread over the
/// rows and walked along with them.
LogicalResult ExpertLowering::liftMixed(linalg::LinalgOp op) {
  // Rows lead the output, and so does their loop.
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineExpr rowLoop = output.getResult(0);
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs, outputs;
  SmallVector<Type> types;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    Value value = mapping.lookupOrDefault(operand.get());
    if (isPerExpert(operand.get())) {
      value = spread(value);
      map = map.insertResult(rowLoop, 0);
    }
    maps.push_back(map);
    (op.isDpsInit(&operand) ? outputs : inputs).push_back(value);
  }
  for (Value value : outputs)
    types.push_back(value.getType());
  auto lifted =
      linalg::GenericOp::create(builder, op.getLoc(), types, inputs, outputs,
                                maps, op.getIteratorTypesArray());
  builder.cloneRegionBefore(op->getRegion(0), lifted.getRegion(),
                            lifted.getRegion().begin(), mapping);
  mapping.map(op->getResults(), lifted->getResults());
  return success();
}

LogicalResult ExpertLowering::lift(Operation *op) {
  // Regions read values too.
  bool ofRows = false, ofExpert = false;
  op->walk([&](Operation *inner) {
    for (Value value : inner->getOperands()) {
      ofRows |= rowValues.contains(value);
      ofExpert |= isPerExpert(value);
    }
  });
  if (isa<linalg::LinalgOp>(op))
    for (Value value : op->getOperands())
      ofRows |= emptyRows.contains(value);
  auto linear = dyn_cast<LinearOp>(op);
  if (linear && ofRows) {
    if (failed(liftLinear(linear)))
      return failure();
  } else if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    liftEmpty(empty);
  } else if (auto mixed = dyn_cast<linalg::LinalgOp>(op);
             mixed && ofRows && ofExpert && !readsExpertInside(mixed)) {
    if (failed(liftMixed(mixed)))
      return failure();
  } else {
    // Only ops that know nothing of shapes take operands of another rank.
    bool shapeless = isa<ActivateOp, DequantizeOp>(op) ||
                     OpTrait::hasElementwiseMappableTraits(op);
    if (ofExpert && (ofRows || !shapeless))
      return op->emitOpError(
          "mixes an expert's own weights into rows in a way that cannot be "
          "lowered to the rows of all experts; expects them in moe.linear or "
          "as operands of a linalg op");
    Operation *lifted = builder.clone(*op, mapping);
    auto destination = dyn_cast<DestinationStyleOpInterface>(lifted);
    for (auto [from, to] : llvm::zip(op->getResults(), lifted->getResults()))
      if (destination)
        to.setType(destination.getTiedOpOperand(to)->get().getType());
      else if (shapeless || isa<tensor::CastOp>(op))
        to.setType(liftedType(op, from.getType()));
  }
  if (ofRows && !isa<tensor::DimOp>(op))
    rowValues.insert(op->result_begin(), op->result_end());
  else if (ofExpert)
    perExpert.insert(op->result_begin(), op->result_end());
  return success();
}

LogicalResult ExpertLowering::run() {
  Block &body = expert.getBody().front();
  mapping.map(body.getArgument(0), expert.getRows());
  rowValues.insert(body.getArgument(0));
  for (auto [argument, weight] :
       llvm::zip(body.getArguments().drop_front(), expert.getWeights())) {
    mapping.map(argument, weight);
    perExpert.insert(argument);
  }
  for (Operation &op : body.without_terminator())
    if (failed(lift(&op)))
      return failure();
  Value yielded = mapping.lookup(body.getTerminator()->getOperand(0));
  // One of the two types may know how many rows there are.
  Type result = expert.getResult().getType();
  if (yielded.getType() != result)
    yielded = tensor::CastOp::create(builder, expert.getLoc(), result, yielded);
  expert.getResult().replaceAllUsesWith(yielded);
  expert.erase();
  return success();
}

namespace {
struct LowerExpertsPass : moe::impl::LowerExpertsPassBase<LowerExpertsPass> {
  void runOnOperation() override {
    SmallVector<ExpertOp> experts;
    getOperation().walk([&](ExpertOp op) { experts.push_back(op); });
    for (ExpertOp op : experts)
      if (failed(ExpertLowering(op).run()))
        return signalPassFailure();
  }
};
} // namespace
