//===- MemoryFunctions.h - memcpy and its kin inside an image ----*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM turns loops into memcpy, memmove and memset, which a code image cannot
// call in libc. Their bodies travel with the code that needs them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_MEMORYFUNCTIONS_H
#define MOE_CODEGEN_CPU_MEMORYFUNCTIONS_H

#include "llvm/Support/Error.h"

namespace llvm {
class Module;
} // namespace llvm

namespace moe::cpu {

/// Defines the three functions if the module copies or fills memory. Belongs
/// after the optimizer, which would find calls of memcpy inside memcpy.
llvm::Error addMemoryFunctions(llvm::Module &module);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_MEMORYFUNCTIONS_H
