//===- MoeTestDialect.cpp - A target that is no machine -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MoeTestDialect.h"

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/exec/MoeExecOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::test;

#include "MoeTestDialect.cpp.inc"

// "[8, 128]"
static ParseResult parseBuckets(AsmParser &parser,
                                SmallVector<int64_t> &buckets) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(buckets.emplace_back());
  });
}
static void printBuckets(AsmPrinter &printer, ArrayRef<int64_t> buckets) {
  printer << "[";
  llvm::interleaveComma(buckets, printer);
  printer << "]";
}

#define GET_ATTRDEF_CLASSES
#include "MoeTestAttrs.cpp.inc"

void MoeTestDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "MoeTestAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// LayoutAttr, PlanAttr
//===----------------------------------------------------------------------===//

int64_t
LayoutAttr::getBytesPerExpert(ArrayRef<RankedTensorType> tensors) const {
  int64_t bytes = 0;
  for (RankedTensorType tensor : tensors) {
    ArrayRef<int64_t> matrix = tensor.getShape().take_back(2);
    bytes += llvm::alignTo(matrix[0], getColumns()) * matrix[1] *
             llvm::divideCeil(tensor.getElementTypeBitWidth(), 8);
  }
  return bytes;
}

std::string LayoutAttr::getPackError(ArrayRef<RankedTensorType> tensors) const {
  int64_t depth = tensors.front().getShape().back();
  return depth % 4 == 0
             ? ""
             : "K must be a multiple of 4, got " + std::to_string(depth);
}

std::string PlanAttr::getReductionClass() const { return getSums().str(); }

std::string PlanAttr::getPlanError(Operation *op) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return "only a moe.grouped_matmul has a plan";
  if (getTile() != 0 && !matmul.getGroups())
    return "tiles are listed for groups only";
  return "";
}

PackedLayoutAttrInterface PlanAttr::getWeightLayout() const {
  if (getColumns() == 0)
    return {};
  return cast<PackedLayoutAttrInterface>(
      LayoutAttr::get(getContext(), getColumns()));
}

bool PlanAttr::packsInKernel() const { return getPacks(); }

int64_t PlanAttr::getTileRows() const { return getTile(); }

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

std::string TargetAttr::getTargetName() const { return "test"; }
std::string TargetAttr::getIsaName() const { return "test"; }

SmallVector<int64_t> TargetAttr::getTokenBuckets(Operation *) const {
  return SmallVector<int64_t>(getBuckets());
}

PlanChoice TargetAttr::choosePlan(Operation *op, int64_t minTokens,
                                  int64_t maxTokens,
                                  bool weightsAtRunTime) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return {};
  std::string sums = "sums";
  if (getClasses())
    sums += "_" + std::to_string(llvm::count_if(getBuckets(), [&](int64_t cut) {
              return cut <= minTokens;
            }));
  MLIRContext *context = getContext();
  auto plan = PlanAttr::get(context, sums, matmul.getGroups() ? getTile() : 0,
                            getColumns(), getPacks() && weightsAtRunTime);
  Builder builder(context);
  auto figures = builder.getDictionaryAttr(
      {builder.getNamedAttr("from", builder.getI64IntegerAttr(minTokens)),
       builder.getNamedAttr("to", builder.getI64IntegerAttr(maxTokens))});
  return {plan, DecisionAttr::get(context, "plan of a matmul", sums,
                                  "the test said so", "none", figures)};
}

Rates TargetAttr::getRates(Type, Type) const { return {1e9, 1e9}; }

KernelShape TargetAttr::getKernelShape(Operation *op) const {
  auto kernel = cast<exec::KernelOp>(op);
  KernelShape shape;
  // One task a value of the first dimension, one where there is none.
  MLIRContext *context = getContext();
  unsigned dims = kernel.getNumDims();
  shape.tasks = AffineMap::get(dims, 0,
                               dims ? getAffineDimExpr(0, context)
                                    : getAffineConstantExpr(1, context));
  kernel->walk([&](GroupedMatmulOp matmul) {
    shape.scratchBytes = 256;
    if (!matmul.getTiles())
      return;
    shape.perTile = true;
    shape.times = llvm::divideCeil(matmul.getNumColumns(),
                                   std::max<int64_t>(getColumns(), 1));
  });
  return shape;
}

std::string TargetAttr::getUnsupported(Operation *op) const {
  StringRef name = op->getName().getStringRef();
  return name == getUnsupported().getValue() ? "there is no kernel for it" : "";
}
