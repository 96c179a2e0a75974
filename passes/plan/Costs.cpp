//===- Costs.cpp - What a function computes and moves ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/plan/Costs.h"

#include "moe/dialect/MoeOps.h"
#include "moe/passes/exec/DimExprs.h"
#include "moe/passes/exec/KernelPartition.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace moe;

Cost &Cost::operator+=(const Cost &other) {
  flops += other.flops;
  bytes += other.bytes;
  computeTime += other.computeTime;
  isWhole &= other.isWhole;
  return *this;
}

Cost Cost::operator*(double times) const {
  return {flops * times, bytes * times, computeTime * times, isWhole};
}

bool moe::hasDynamicSizes(func::FuncOp function) {
  return llvm::any_of(function.getArgumentTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  });
}

/// A call deeper than this is not followed: it may be recursive.
static constexpr unsigned deepestCall = 8;

/// out + a * b, which is what makes a reduction a contraction.
static bool sumsProducts(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return false;
  auto sum = op.getBlock()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  return llvm::any_of(sum->getOperands(), [](Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (isa<arith::MulFOp>(op))
        return true;
      if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
        return false;
      value = op->getOperand(0);
    }
    return false;
  });
}

namespace {

class Counter {
public:
  Counter(func::FuncOp function, TargetAttrInterface target,
          SmallVector<int64_t> sizes, DimExprs dims, unsigned depth)
      : function(function), target(target), dims(std::move(dims)),
        weights(function), depth(depth) {
    for (int64_t size : sizes)
      constants.push_back(getAffineConstantExpr(size, function.getContext()));
  }

  Cost count(Block &block);

private:
  /// The number behind an expression, or nothing: then the cost is not whole.
  std::optional<double> evaluate(AffineExpr expr);
  std::optional<double> size(Value value, unsigned position) {
    return evaluate(dims.trySizeOf(value, position));
  }
  /// 0 where the size is not known.
  double elements(Value tensor);
  double bytesOf(Value value);
  double touched(Value groups, double experts);
  double readBytes(Operation *op, Value operand);
  double writtenBytes(Operation *op, Value result);
  Cost products(double count, Type rows, Type weights);
  Cost contraction(linalg::LinalgOp op, std::optional<double> rows);
  Cost arithmetic(Operation *op);
  Cost call(func::CallOp op);
  Cost control(Operation *op);
  Cost kernel(ArrayRef<Operation *> ops);

  func::FuncOp function;
  TargetAttrInterface target;
  DimExprs dims;
  WeightOnly weights;
  SmallVector<AffineExpr> constants; ///< of every dimension
  unsigned depth;
  bool isWhole = true;
};

} // namespace

std::optional<double> Counter::evaluate(AffineExpr expr) {
  if (expr)
    if (auto number = dyn_cast<AffineConstantExpr>(
            expr.replaceDimsAndSymbols(constants, {}));
        number && number.getValue() >= 0)
      return static_cast<double>(number.getValue());
  isWhole = false;
  return std::nullopt;
}

double Counter::elements(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return 0;
  double count = 1;
  for (int64_t d = 0; d < type.getRank(); ++d)
    count *= type.isDynamicDim(d) ? size(tensor, d).value_or(0)
                                  : static_cast<double>(type.getDimSize(d));
  return count;
}

double Counter::bytesOf(Value value) {
  if (auto packed = dyn_cast<PackedType>(value.getType())) {
    RankedTensorType type = packed.getTensors().front();
    const double experts = type.getRank() == 3 ? type.getDimSize(0) : 1;
    return experts * packed.getLayout().getBytesPerExpert(packed.getTensors());
  }
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.getElementType().isIntOrIndexOrFloat())
    return 0;
  const unsigned bits =
      type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
  return elements(value) * llvm::divideCeil(bits, 8);
}

/// Experts that have a row, if tokens pick distinct ones by chance.
double Counter::touched(Value groups, double experts) {
  auto group = groups.getDefiningOp<GroupOp>();
  if (!group || group.isByExpert())
    return experts;
  const double all =
      std::max<double>(cast<GroupsType>(groups.getType()).getNumExperts(), 1);
  const double slots = size(group.getIds(), 1).value_or(all),
               tokens = size(group.getIds(), 0).value_or(0);
  return experts * (1 - std::pow(std::max(1 - slots / all, 0.0), tokens));
}

/// What an op reads of an operand, which is nothing where it would write over
/// it and no more than it has elements to ask for.
double Counter::readBytes(Operation *op, Value operand) {
  if (Operation *definition = operand.getDefiningOp();
      definition && isRepeatable(definition)) {
    DenseElementsAttr data;
    if (!matchPattern(operand, m_Constant(&data)) || data.isSplat())
      return 0;
  }
  const double all = bytesOf(operand);
  if (auto matmul = dyn_cast<GroupedMatmulOp>(op)) {
    if (!llvm::is_contained(matmul.getRhs(), operand) || !matmul.getGroups())
      return all;
    const double experts = matmul.getNumGroups();
    return all / std::max(experts, 1.0) * touched(matmul.getGroups(), experts);
  }
  if (auto expert = dyn_cast<ExpertOp>(op)) {
    if (!llvm::is_contained(expert.getWeights(), operand))
      return all;
    return all * touched(expert.getGroups(), 1);
  }
  if (isa<tensor::ExtractSliceOp>(op))
    return std::min(all, bytesOf(op->getResult(0)));
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return operand == insert.getSource() ? all : 0;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return all;
  for (OpOperand &use : op->getOpOperands())
    if (use.get() == operand)
      return linalgOp.payloadUsesValueFromOperand(&use) ? all : 0;
  // A tensor that the body extracts elements of.
  if (op->getNumResults() == 0)
    return all;
  const double asked = elements(op->getResult(0));
  return asked == 0
             ? all
             : std::min(all, all / std::max(elements(operand), 1.0) * asked);
}

double Counter::writtenBytes(Operation *op, Value result) {
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return bytesOf(insert.getSource());
  return bytesOf(result);
}

Cost Counter::products(double count, Type rows, Type weights) {
  Cost cost;
  cost.flops = 2 * count;
  cost.computeTime =
      cost.flops /
      target.getRates(getElementTypeOrSelf(rows), getElementTypeOrSelf(weights))
          .flops;
  return cost;
}

/// `rows` stands for sizes of an expert's rows, of which the body knows none.
Cost Counter::contraction(linalg::LinalgOp op, std::optional<double> rows) {
  double count = 1;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [loop, range] : llvm::enumerate(ranges)) {
    if (!ShapedType::isDynamic(range)) {
      count *= range;
      continue;
    }
    std::optional<double> found = rows;
    for (OpOperand &operand : op->getOpOperands()) {
      if (found)
        break;
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [position, expr] : llvm::enumerate(map.getResults()))
        if (expr == getAffineDimExpr(loop, op.getContext()))
          found = size(operand.get(), position);
    }
    if (!found) {
      isWhole = false;
      return {};
    }
    count *= *found;
  }
  Type left = op.getDpsInputs()[0].getType();
  return products(count, left, op.getDpsInputs().back().getType());
}

/// The FLOPs of one op that is no control flow.
Cost Counter::arithmetic(Operation *op) {
  if (auto matmul = dyn_cast<GroupedMatmulOp>(op)) {
    const double rows = size(matmul.getResult(), 0).value_or(0);
    return products(rows * matmul.getNumColumns() * matmul.getDepth() *
                        matmul.getNumRhs(),
                    matmul.getLhs().getType(), matmul.getRhsType(0));
  }
  if (auto linear = dyn_cast<LinearOp>(op))
    return products(elements(linear.getWeight()) *
                        size(linear.getRows(), 0).value_or(0),
                    linear.getRows().getType(), linear.getWeight().getType());
  if (auto expert = dyn_cast<ExpertOp>(op)) {
    const std::optional<double> rows = size(expert.getRows(), 0);
    Cost cost;
    expert.getBody().walk([&](Operation *inner) {
      if (auto linear = dyn_cast<LinearOp>(inner))
        cost +=
            products(elements(linear.getWeight()) * rows.value_or(0),
                     linear.getRows().getType(), linear.getWeight().getType());
      else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(inner);
               linalgOp && sumsProducts(linalgOp))
        cost += contraction(linalgOp, rows);
    });
    return cost;
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      linalgOp && linalgOp.getNumDpsInputs() > 0 && sumsProducts(linalgOp))
    return contraction(linalgOp, std::nullopt);
  return {};
}

Cost Counter::call(func::CallOp op) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      op, op.getCalleeAttr());
  if (!callee || !callee.getBody().hasOneBlock() || depth == deepestCall) {
    isWhole = false;
    return {};
  }
  DimExprs inner(callee);
  SmallVector<int64_t> sizes(inner.dims().size(), 0);
  for (auto [i, operand] : llvm::enumerate(op.getOperands()))
    if (auto type = dyn_cast<RankedTensorType>(callee.getArgumentTypes()[i]))
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (type.isDynamicDim(d))
          sizes[inner.argDim(i, d)] =
              static_cast<int64_t>(size(operand, d).value_or(0));
  return Counter(callee, target, sizes, std::move(inner), depth + 1)
      .count(callee.getBody().front());
}

/// The cost of an op that holds ops which run, or calls some.
Cost Counter::control(Operation *op) {
  return llvm::TypeSwitch<Operation *, Cost>(op)
      .Case([&](func::CallOp op) { return call(op); })
      .Case([&](ByTokensOp op) {
        const double tokens =
            evaluate(dims.tryExprOf(op.getTokens())).value_or(0);
        unsigned form = 0;
        while (form < op.getBuckets().size() && tokens >= op.getBuckets()[form])
          ++form;
        return count(op.getForms()[form].front());
      })
      .Case([&](scf::ForOp op) {
        auto first = evaluate(dims.tryExprOf(op.getLowerBound())),
             last = evaluate(dims.tryExprOf(op.getUpperBound())),
             step = evaluate(dims.tryExprOf(op.getStep()));
        const double trips = first && last && step
                                 ? std::ceil(std::max(*last - *first, 0.0) /
                                             std::max(*step, 1.0))
                                 : 1;
        return count(*op.getBody()) * trips;
      })
      .Case([&](scf::IfOp op) {
        Cost then = count(*op.thenBlock());
        Cost other = op.elseBlock() ? count(*op.elseBlock()) : Cost();
        return then.flops + then.bytes > other.flops + other.bytes ? then
                                                                   : other;
      })
      .Default([&](Operation *op) {
        // A loop that ends by data runs once here.
        isWhole = false;
        Cost cost;
        for (Region &region : op->getRegions())
          for (Block &block : region)
            cost += count(block);
        return cost;
      });
}

/// Ops that run together: they read what comes from outside and write what
/// others read.
Cost Counter::kernel(ArrayRef<Operation *> ops) {
  Cost cost;
  llvm::MapVector<Value, double> reads;
  for (Operation *op : ops) {
    cost += arithmetic(op);
    const bool isExpert = isa<ExpertOp>(op);
    op->walk([&](Operation *inner) {
      if (isExpert && inner != op)
        return; // one expert's slices
      for (Value operand : inner->getOperands()) {
        if (op->isAncestor(operand.getParentBlock()->getParentOp()) ||
            llvm::is_contained(ops, operand.getDefiningOp()))
          continue;
        double &most = reads[operand];
        most = std::max(most, readBytes(op, operand));
      }
    });
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !llvm::is_contained(ops, user);
          }))
        cost.bytes += writtenBytes(op, result);
  }
  for (const auto &[value, bytes] : reads)
    cost.bytes += bytes;
  return cost;
}

Cost Counter::count(Block &block) {
  Cost cost;
  for (const KernelGroup &group : partition(block, weights)) {
    Operation *op = group.ops.back();
    if (isa<func::CallOp, ByTokensOp, LoopLikeOpInterface, scf::IfOp>(op) ||
        isa<scf::SCFDialect>(op->getDialect()))
      cost += control(op);
    // A reshape is another view of what is there.
    else if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                  tensor::CastOp, RequireOp, cf::AssertOp>(op))
      cost += kernel(group.ops);
  }
  cost.isWhole &= isWhole;
  return cost;
}

std::optional<Cost> moe::countCost(func::FuncOp function,
                                   TargetAttrInterface target, int64_t tokens) {
  if (!function.getBody().hasOneBlock())
    return std::nullopt;
  DimExprs dims(function);
  SmallVector<int64_t> sizes(dims.dims().size(), tokens);
  return Counter(function, target, sizes, std::move(dims), 0)
      .count(function.getBody().front());
}
