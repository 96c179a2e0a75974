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
      {"sm_80", 108, 163 << 10, 40 << 20, false, 64, 1024, 1.41e9, 2.04e12,
       "A100"},
      {"sm_86", 84, 99 << 10, 6 << 20, false, 128, 512, 1.74e9, 0.70e12, "A40"},
      {"sm_89", 142, 99 << 10, 96 << 20, false, 128, 512, 2.52e9, 0.86e12,
       "L40S"},
      {"sm_90a", 132, 227 << 10, 50 << 20, true, 128, 2048, 1.83e9, 3.35e12,
       "H100, H200"},
      {"sm_120", 188, 99 << 10, 128 << 20, false, 128, 512, 2.62e9, 1.79e12,
       "RTX PRO 6000"},
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
