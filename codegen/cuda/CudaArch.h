//===- CudaArch.h - What is known of CUDA architectures ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A target's name fixes what its code may use; how large a device of it is has
// a usual answer, which a target attribute can overrule.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_CUDAARCH_H
#define MOE_CODEGEN_CUDA_CUDAARCH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace moe::cuda {

struct CudaArch {
  llvm::StringRef name; ///< "sm_90a", as compilers spell it
  int64_t sms;          ///< of the usual device
  int64_t smem;         ///< dynamic shared memory of a block, bytes
  int64_t l2;           ///< bytes
  bool hasWgmma;        ///< TMA, mbarrier and wgmma
  /// Of one multiprocessor in a cycle, in f32 and in bf16 tensor cores.
  int64_t fmas, tensorFmas;
  double clock;  ///< cycles a second, boosted
  double memory; ///< bytes a second
  llvm::StringRef device;
};

llvm::ArrayRef<CudaArch> cudaArchs();
/// Null for a name that is none.
const CudaArch *findArch(llvm::StringRef name);
/// "sm_80, sm_86, ...".
std::string knownArchNames();

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_CUDAARCH_H
