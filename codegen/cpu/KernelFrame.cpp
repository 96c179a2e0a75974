//===- KernelFrame.cpp - The frame of a CPU kernel ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelFrame.h"

#include "moe/codegen/cpu/ObjectEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

/// moe_kernel_fn of codegen/abi/kernel.h.
static SmallVector<Type> leafArguments(MLIRContext *context) {
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  return {pointer, i64, i64, IntegerType::get(context, 32), pointer};
}

KernelFrame::KernelFrame(exec::KernelOp kernel, cpu::TargetAttr target,
                         ModuleOp leaves)
    : LeafFrame(kernel, leaves, leafArguments(kernel.getContext())),
      target(target) {
  Block &entry = function.getBody().front();
  begin = entry.getArgument(1);
  end = entry.getArgument(2);
  scratchBase = entry.getArgument(4);
  // moe_kernel_args: the pointers, then the dimensions.
  Type pointer = scratchBase.getType();
  Value pointers = l.load(pointer, entry.getArgument(0));
  Value dimList = l.load(pointer, l.offset(entry.getArgument(0), 8));
  SmallVector<Value> dimensions;
  for (int64_t i = 0; i < static_cast<int64_t>(kernel.getNumDims()); ++i)
    dimensions.push_back(l.load(l.b.getI64Type(), l.offset(dimList, 8 * i)));
  int64_t next = 0;
  bind([&] { return l.load(pointer, l.offset(pointers, 8 * next++)); },
       dimensions);
}

void KernelFrame::keepAsWritten() {
  function->setAttr("passthrough", l.b.getStrArrayAttr({asWrittenAttr}));
}
