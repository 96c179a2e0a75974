//===- KernelParts.cpp - Kernels that compile at the same time ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelParts.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include "llvm/ADT/SCCIterator.h"

using namespace mlir;
using namespace moe::cpu;

/// Parts beyond this help few hosts and cost each a little.
static constexpr int64_t maxParts = 4;
/// A thread for less work than this is not worth it.
static constexpr int64_t minWork = 500;

/// What compiling takes goes with the ops, and with the blocks: a branch costs
/// more than arithmetic.
static int64_t workOf(ArrayRef<LLVM::LLVMFuncOp> functions) {
  int64_t work = 0;
  for (LLVM::LLVMFuncOp function : functions)
    for (Block &block : function.getBody())
      work += 3 + static_cast<int64_t>(block.getOperations().size());
  return work;
}

/// Functions that call each other in a circle together, after all they call.
static SmallVector<SmallVector<LLVM::LLVMFuncOp>> callOrder(ModuleOp kernels) {
  SmallVector<SmallVector<LLVM::LLVMFuncOp>> order;
  const CallGraph graph(kernels);
  for (auto it = llvm::scc_begin(&graph); !it.isAtEnd(); ++it) {
    SmallVector<LLVM::LLVMFuncOp> circle;
    for (CallGraphNode *node : *it)
      if (!node->isExternal())
        circle.push_back(
            cast<LLVM::LLVMFuncOp>(node->getCallableRegion()->getParentOp()));
    if (!circle.empty())
      order.push_back(std::move(circle));
  }
  return order;
}

/// Adds what a part names of others: functions are declared, data is copied.
static void addSymbols(ModuleOp part, const SymbolTable &all) {
  SymbolTable own(part);
  SmallVector<Operation *> users;
  for (Operation &op : *part.getBody())
    users.push_back(&op);
  auto add = [&](StringRef name) {
    Operation *symbol = own.lookup(name) ? nullptr : all.lookup(name);
    if (!symbol)
      return;
    if (isa<LLVM::LLVMFuncOp>(symbol)) {
      auto declared = cast<LLVM::LLVMFuncOp>(symbol->cloneWithoutRegions());
      declared.setLinkage(LLVM::Linkage::External);
      own.insert(declared);
      return;
    }
    users.push_back(symbol->clone());
    own.insert(users.back());
  };
  while (!users.empty())
    users.pop_back_val()->walk([&](Operation *op) {
      if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
        add(address.getGlobalName());
      if (auto call = dyn_cast<LLVM::CallOp>(op))
        if (std::optional<StringRef> callee = call.getCallee())
          add(*callee);
    });
}

SmallVector<ModuleOp> moe::cpu::splitKernels(ModuleOp kernels) {
  const SymbolTable all(kernels);
  SmallVector<SmallVector<LLVM::LLVMFuncOp>> order = callOrder(kernels);
  int64_t rest = 0;
  for (ArrayRef<LLVM::LLVMFuncOp> circle : order)
    rest += workOf(circle);
  int64_t count = std::clamp(rest / minWork, int64_t(1), maxParts);
  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  SmallVector<ModuleOp> parts;
  int64_t work = 0; // of the last part
  for (ArrayRef<LLVM::LLVMFuncOp> circle : order) {
    const int64_t more = workOf(circle);
    // A part ends nearest to an equal share of what is left.
    const bool full = count > 1 && (work + more / 2) * count > rest;
    if (parts.empty() || (full && work > 0)) {
      if (!parts.empty()) {
        rest -= work;
        --count;
      }
      parts.push_back(ModuleOp::create(builder, kernels.getLoc()));
      work = 0;
    }
    for (LLVM::LLVMFuncOp function : circle) {
      function->remove();
      parts.back().push_back(function);
    }
    work += more;
  }
  for (ModuleOp part : parts)
    addSymbols(part, all);
  return parts;
}
