//===- Backends.cpp - The list of backends --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/Backend.h"
#include "moe/codegen/cpu/CpuBackend.h"
#include "moe/codegen/cuda/CudaBackend.h"

using namespace moe;

llvm::ArrayRef<const Backend *> moe::getBackends() {
  static const cpu::CpuBackend cpuBackend;
  static const cuda::CudaBackend cudaBackend;
  static const Backend *const all[] = {&cpuBackend, &cudaBackend};
  return all;
}

const Backend *moe::findBackend(llvm::StringRef targetName) {
  for (const Backend *backend : getBackends())
    if (backend->knows(targetName))
      return backend;
  return nullptr;
}
