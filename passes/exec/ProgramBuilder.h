//===- ProgramBuilder.h - A function as a program ----------------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moe-form-kernels keeps while it walks a function: FormKernels.cpp walks
// it and gives values their buffers, BuildKernel.cpp makes the kernels.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_PROGRAMBUILDER_H
#define MOE_PASSES_EXEC_PROGRAMBUILDER_H

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/exec/MoeExecOps.h"
#include "moe/passes/Passes.h"
#include "moe/passes/exec/DimExprs.h"
#include "moe/passes/exec/KernelPartition.h"
#include "moe/passes/exec/Prepare.h"
#include "moe/passes/plan/WeightOnly.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace moe {

class ProgramBuilder {
public:
  ProgramBuilder(mlir::func::FuncOp function, TargetAttrInterface target,
                 PrepareBuilder &prepares, mlir::SymbolTable &symbols)
      : function(function), target(target), prepares(prepares),
        symbols(symbols), weights(function), dims(function), builder(function) {
  }

  mlir::LogicalResult run();

private:
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitGroup(const KernelGroup &group);
  mlir::LogicalResult emitByTokens(ByTokensOp op);
  mlir::LogicalResult emitCheck(RequireOp op);
  mlir::LogicalResult emitAssert(mlir::cf::AssertOp op);
  mlir::LogicalResult emitView(mlir::Operation *op);
  mlir::LogicalResult emitConstant(mlir::Value value);
  mlir::LogicalResult
  emitCopies(mlir::ValueRange values,
             llvm::ArrayRef<llvm::SmallVector<mlir::Value>> to);
  llvm::SmallVector<mlir::Value> findArguments(const KernelGroup &group);
  mlir::FailureOr<exec::KernelOp>
  buildKernel(const KernelGroup &group, llvm::ArrayRef<mlir::Value> arguments,
              llvm::ArrayRef<mlir::Value> results);
  mlir::AffineExpr sizeBehind(mlir::Value scalar);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> buffersOf(mlir::Value value);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>> allocate(mlir::Value value);
  void createProgram();

  mlir::func::FuncOp function;
  TargetAttrInterface target;
  PrepareBuilder &prepares;
  mlir::SymbolTable &symbols;
  WeightOnly weights;
  DimExprs dims;
  mlir::OpBuilder builder;
  exec::ProgramOp program;
  mlir::Value workspace;
  mlir::AffineExpr used;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> buffers;
  /// Conditions that a step has checked, and whether one is being built: it
  /// may not take for granted what it asks.
  llvm::DenseSet<mlir::Value> asserted;
  bool asserting = false;
};

/// What a group makes that somebody else reads.
llvm::SmallVector<mlir::Value> findResults(const KernelGroup &group);

} // namespace moe

#endif // MOE_PASSES_EXEC_PROGRAMBUILDER_H
