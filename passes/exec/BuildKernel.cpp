//===- BuildKernel.cpp - The kernel of a group of ops ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/KernelNames.h"
#include "moe/passes/exec/ProgramBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

static bool isScalar(Type type) { return type.isIntOrIndexOrFloat(); }

/// The expression of the dimensions that a scalar stands for, if it does.
AffineExpr ProgramBuilder::sizeBehind(Value scalar) {
  if (!scalar.getType().isIntOrIndex())
    return {};
  // What an assertion asks is computed as it is written, down to the sizes
  // that do not follow from it.
  if (asserting &&
      (!scalar.getDefiningOp<tensor::DimOp>() || dims.unprovenValue(scalar)))
    return {};
  return dims.tryExprOf(scalar);
}

/// Values that a group reads from outside, in order of first use. Sizes, other
/// scalars and repeatable ops are not among them, but what they read is.
SmallVector<Value> ProgramBuilder::findArguments(const KernelGroup &group) {
  llvm::SetVector<Value> arguments;
  llvm::SmallPtrSet<Operation *, 16> seen;
  auto visit = [&](auto &&self, Operation *op) -> void {
    if (!seen.insert(op).second)
      return;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *definition = operand.getDefiningOp();
        bool inside = op->isAncestor(operand.getParentBlock()->getParentOp()) ||
                      llvm::is_contained(group.ops, definition);
        if (inside || (isScalar(operand.getType()) && sizeBehind(operand)))
          continue;
        if (Value asked = asserting ? dims.unprovenValue(operand) : Value())
          definition = asked.getDefiningOp();
        if (definition && (isRepeatable(definition) || isScalarOp(definition)))
          self(self, definition);
        else
          arguments.insert(operand);
      }
    });
  };
  for (Operation *op : group.ops)
    visit(visit, op);
  return arguments.takeVector();
}

SmallVector<Value> moe::findResults(const KernelGroup &group) {
  SmallVector<Value> results;
  for (Operation *op : group.ops)
    for (Value result : op->getResults())
      // A loop works in the buffers of all that it carries.
      if ((op->getNumRegions() > 0 && isa<scf::SCFDialect>(op->getDialect())) ||
          llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !llvm::is_contained(group.ops, user);
          }))
        results.push_back(result);
  return results;
}

FailureOr<KernelOp> ProgramBuilder::buildKernel(const KernelGroup &group,
                                                ArrayRef<Value> arguments,
                                                ArrayRef<Value> results) {
  SmallVector<Type> argumentTypes, resultTypes;
  SmallVector<Attribute> sizes;
  for (Value value : arguments)
    argumentTypes.push_back(value.getType());
  for (Value value : results)
    resultTypes.push_back(value.getType());
  for (ArrayRef<Value> list : {arguments, results})
    for (Value value : list) {
      // Packed weights and parameters are static.
      FailureOr<AffineMap> map =
          getNumDynamicSizes(value.getType()) == 0
              ? FailureOr<AffineMap>(
                    AffineMap::get(dims.dims().size(), 0, builder.getContext()))
              : dims.sizesOf(value);
      if (failed(map))
        return failure();
      sizes.push_back(AffineMapAttr::get(*map));
    }
  OpBuilder kernels =
      OpBuilder::atBlockEnd(cast<ModuleOp>(function->getParentOp()).getBody());
  Location loc = group.ops.back()->getLoc();
  auto kernel = KernelOp::create(
      kernels, loc, kernelName(group, target),
      kernels.getFunctionType(argumentTypes, resultTypes),
      /*sym_visibility=*/StringAttr(), /*arg_attrs=*/ArrayAttr(),
      /*res_attrs=*/ArrayAttr(), dims.dims().size(),
      kernels.getArrayAttr(sizes), /*scratch=*/IntegerAttr());
  Block *block = kernels.createBlock(&kernel.getBody());
  IRMapping mapping;
  for (Value value : arguments)
    mapping.map(value, block->addArgument(value.getType(), value.getLoc()));
  // Sizes become expressions of the dimensions; constants, and scalars that
  // are made of what kernels wrote, are repeated.
  auto bring = [&](auto &&self, Operation *op) -> LogicalResult {
    WalkResult walked = op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        bool inside = op->isAncestor(operand.getParentBlock()->getParentOp());
        if (mapping.contains(operand) || inside)
          continue;
        Operation *definition = operand.getDefiningOp();
        const bool repeats = definition && isRepeatable(definition);
        if (!repeats && isScalar(operand.getType()))
          if (AffineExpr expr = sizeBehind(operand)) {
            Value size = SizeOp::create(kernels, loc, builder.getIndexType(),
                                        AffineMapAttr::get(dims.map(expr)));
            if (!operand.getType().isIndex())
              size = arith::IndexCastOp::create(kernels, loc, operand.getType(),
                                                size);
            mapping.map(operand, size);
            continue;
          }
        Value asked = asserting ? dims.unprovenValue(operand) : Value();
        if (asked && asked != operand)
          definition = asked.getDefiningOp();
        if (!definition || !(repeats || isScalarOp(definition)))
          continue;
        if (!asked || !mapping.contains(asked)) {
          if (failed(self(self, definition)))
            return WalkResult::interrupt();
          kernels.clone(*definition, mapping);
        }
        if (asked && asked != operand)
          mapping.map(operand, getValueOrCreateCastToIndexLike(
                                   kernels, loc, operand.getType(),
                                   mapping.lookup(asked)));
      }
      return WalkResult::advance();
    });
    return failure(walked.wasInterrupted());
  };
  for (Operation *op : group.ops) {
    if (failed(bring(bring, op)))
      return failure();
    kernels.clone(*op, mapping);
  }
  SmallVector<Value> returned;
  for (Value value : results)
    returned.push_back(mapping.lookup(value));
  ReturnOp::create(kernels, loc, returned);
  symbols.insert(kernel);
  return kernel;
}
