//===- CudaArch.cpp - What is known of CUDA architectures -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaArch.h"

using namespace moe::cuda;

llvm::ArrayRef<CudaArch> moe::cuda::cudaArchs() {
  static const CudaArch all[] = {
      {"sm_80", 108, 163 << 10, 40 << 20, false, "A100"},
      {"sm_86", 84, 99 << 10, 6 << 20, false, "A40"},
      {"sm_89", 142, 99 << 10, 96 << 20, false, "L40S"},
      {"sm_90a", 132, 227 << 10, 50 << 20, true, "H100, H200"},
      {"sm_120", 188, 99 << 10, 128 << 20, false, "RTX PRO 6000"},
  };
  return all;
}

const CudaArch *moe::cuda::findArch(llvm::StringRef name) {
  for (const CudaArch &arch : cudaArchs())
    if (arch.name == name)
      return &arch;
  return nullptr;
}

std::string moe::cuda::knownArchNames() {
  std::string names;
  for (const CudaArch &arch : cudaArchs())
    names += (names.empty() ? "" : ", ") + arch.name.str();
  return names;
}
