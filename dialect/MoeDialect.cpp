//===- MoeDialect.cpp - The moe dialect -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The discardable attributes are the public face of a function: names, named
// dimensions and bounds become the signature of a package, so they are verified
// like any op.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/Clauses.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace moe;

#include "moe/dialect/MoeDialect.cpp.inc"

void MoeDialect::initialize() {
  registerAttributes();
  registerTypes();
  registerBytecode();
  addOperations<
#define GET_OP_LIST
#include "moe/dialect/MoeOps.cpp.inc"
      >();
}

Operation *MoeDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                           Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

static LogicalResult verifyBounds(Operation *op, Attribute value) {
  auto bounds = dyn_cast<DictionaryAttr>(value);
  if (!bounds || !isa<FunctionOpInterface>(op))
    return op->emitError() << MoeDialect::kBoundsAttr
                           << " expects a dictionary on a function, such as "
                              "{T = 4096}";
  for (NamedAttribute bound : bounds) {
    auto limit = dyn_cast<IntegerAttr>(bound.getValue());
    if (!limit || !limit.getType().isSignlessInteger(64) ||
        limit.getInt() < 1 || limit.getInt() > (int64_t(1) << 31))
      return op->emitError()
             << MoeDialect::kBoundsAttr << " expects 1 to 2147483648 for "
             << bound.getName() << ", got " << bound.getValue();
  }
  return success();
}

LogicalResult MoeDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  if (name == kBoundsAttr)
    return verifyBounds(op, value);
  if (name == kPlanAttr) {
    auto plan = dyn_cast<PlanAttrInterface>(value);
    if (!plan)
      return op->emitError() << kPlanAttr << " expects a plan, got " << value;
    // Attributes are verified before the op that has them; a plan may rely on
    // an op that is well formed.
    if (auto info = op->getRegisteredInfo())
      if (failed(info->verifyInvariants(op)))
        return failure();
    std::string error = plan.getPlanError(op);
    if (!error.empty())
      return op->emitError() << kPlanAttr << " does not fit: " << error;
    return success();
  }
  if (name == kTargetAttr) {
    if (!isa<TargetAttrInterface>(value))
      return op->emitError()
             << kTargetAttr << " expects a target, got " << value;
    return success();
  }
  if (name == kDecisionsAttr) {
    auto list = dyn_cast<ArrayAttr>(value);
    if (!list || !llvm::all_of(list, llvm::IsaPred<DecisionAttr>))
      return op->emitError()
             << kDecisionsAttr << " expects an array of #moe.decision";
    return success();
  }
  if (name == kKernelAttr) {
    if (!isa<UnitAttr>(value) || !isa<FunctionOpInterface>(op))
      return op->emitError()
             << kKernelAttr << " expects a unit on a function, got " << value;
    return success();
  }
  if (name == kDeterminismAttr) {
    auto text = dyn_cast<StringAttr>(value);
    if (!text || (text != "row" && text != "none"))
      return op->emitError() << kDeterminismAttr
                             << " expects \"row\" or \"none\", got " << value;
    return success();
  }
  if (name == kFastAttr) {
    auto text = dyn_cast<StringAttr>(value);
    if (!text || (text != "none" && text != "approx"))
      return op->emitError()
             << kFastAttr << " expects \"none\" or \"approx\", got " << value;
    return success();
  }
  if (name == kDisableAttr) {
    auto names = dyn_cast<ArrayAttr>(value);
    auto isOptional = [](Attribute given) {
      auto text = dyn_cast<StringAttr>(given);
      return text && llvm::is_contained(kOptionalPasses, text.getValue());
    };
    if (names && llvm::all_of(names, isOptional))
      return success();
    InFlightDiagnostic error = op->emitError()
                               << kDisableAttr << " expects an array of ";
    llvm::interleaveComma(kOptionalPasses, error,
                          [&](StringRef pass) { error << "'" << pass << "'"; });
    return error << ", got " << value;
  }
  return op->emitError() << "unknown attribute " << attribute.getName()
                         << " of the moe dialect";
}

LogicalResult MoeDialect::verifyRegionArgAttribute(Operation *op,
                                                   unsigned region,
                                                   unsigned argument,
                                                   NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kNameAttr) {
    if (!isa<StringAttr>(attribute.getValue()))
      return op->emitError()
             << kNameAttr << " expects a string, got " << attribute.getValue();
    return success();
  }
  if (name == kDimsAttr) {
    auto function = dyn_cast<FunctionOpInterface>(op);
    auto names = dyn_cast<ArrayAttr>(attribute.getValue());
    auto type =
        function
            ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[argument])
            : RankedTensorType();
    if (!type || !names ||
        static_cast<int64_t>(names.size()) != type.getRank() ||
        !llvm::all_of(names, llvm::IsaPred<StringAttr>))
      return op->emitError()
             << kDimsAttr << " expects one name a dimension of argument "
             << argument << ", got " << attribute.getValue();
    return success();
  }
  if (name == "moe.source") {
    if (!isa<SourceAttr>(attribute.getValue()))
      return op->emitError() << "moe.source expects a #moe.source, got "
                             << attribute.getValue();
    return success();
  }
  return op->emitError() << "unknown attribute " << attribute.getName()
                         << " on argument " << argument;
}

LogicalResult MoeDialect::verifyRegionResultAttribute(
    Operation *op, unsigned region, unsigned result, NamedAttribute attribute) {
  if (attribute.getName() != kNameAttr)
    return op->emitError() << "unknown attribute " << attribute.getName()
                           << " on result " << result;
  if (!isa<StringAttr>(attribute.getValue()))
    return op->emitError() << kNameAttr << " expects a string, got "
                           << attribute.getValue();
  return success();
}

#define GET_OP_CLASSES
#include "moe/dialect/MoeOps.cpp.inc"
