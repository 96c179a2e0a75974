//===- CudaText.cpp - A module as one CUDA text ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaText.h"

#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/cuda/device/DeviceText.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// The nested module that moe-cuda-lower-kernels made.
static ModuleOp leavesOf(ModuleOp lowered) {
  for (auto nested : lowered.getOps<ModuleOp>())
    return nested;
  return {};
}

/// The files of device code that kernels need, in their order.
static SmallVector<StringRef> deviceFiles(ModuleOp lowered) {
  bool loops[3] = {}, routes = false, indexes = false;
  for (auto kernel : lowered.getOps<exec::KernelOp>())
    switch (classOf(kernel)) {
    case KernelClass::Matmul: {
      auto op = onlyOp<GroupedMatmulOp>(kernel);
      auto plan = cast<MatmulAttr>(op->getAttr(MoeDialect::kPlanAttr));
      loops[static_cast<unsigned>(plan.getMainloop())] = true;
      break;
    }
    case KernelClass::Route:
      routes = true;
      break;
    case KernelClass::Index:
      indexes = true;
      break;
    default:
      break;
    }
  const bool matmuls = loops[0] || loops[1] || loops[2];
  SmallVector<StringRef> files = {"sizes.cuh", "types.cuh", "intrinsics.cuh",
                                  "elements.cuh"};
  if (matmuls || indexes)
    files.push_back("matmul.cuh");
  if (loops[static_cast<unsigned>(MainLoop::Fma)])
    files.push_back("matmul_fma.cuh");
  if (loops[static_cast<unsigned>(MainLoop::Sm80Mma)])
    files.push_back("matmul_sm80.cuh");
  if (loops[static_cast<unsigned>(MainLoop::Sm90Wgmma)])
    files.push_back("matmul_sm90.cuh");
  if (routes)
    files.push_back("route.cuh");
  if (indexes)
    files.push_back("index.cuh");
  return files;
}

FailureOr<std::string> moe::cuda::printCuda(ModuleOp lowered,
                                            cuda::TargetAttr target) {
  ModuleOp leaves = leavesOf(lowered);
  if (!leaves && !lowered.getOps<exec::KernelOp>().empty())
    return lowered.emitError("expects lowered kernels in a nested module");
  std::string text;
  llvm::raw_string_ostream os(text);
  for (StringRef file : deviceFiles(lowered))
    os << getDeviceText(file) << "\n";
  TextContext context;
  context.leaves = leaves;
  context.target = target;
  lowered.walk([&](exec::ProgramOp program) {
    if (!context.decisions)
      context.decisions =
          program->getAttrOfType<ArrayAttr>(MoeDialect::kDecisionsAttr);
  });
  os << "//"
        "===-------------------------------------------------------------------"
        "---"
        "===//\n// Kernels for "
     << target.getName()
     << "\n//"
        "===------------------------------------------------------------------"
        "----===//\n\nnamespace moe {\n\n";
  for (auto kernel : lowered.getOps<exec::KernelOp>())
    KernelText(kernel, context, os).print();
  os << "} // namespace moe\n";
  return text;
}
