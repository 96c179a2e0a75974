//===- CodeImage.h - From an object to position-independent bytes *- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linking happens here, once, so that loading needs no linker. What could not
// be loaded by copying bytes is refused.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_CODEIMAGE_H
#define MOE_CODEGEN_CPU_CODEIMAGE_H

#include "moe/codegen/abi/CodeImage.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <string>

namespace moe::cpu {

/// Lays out what `entries` reach of the ELF objects as one image and resolves
/// their PC-relative relocations. An object may call functions of those before
/// it. Reports, and fails for: undefined symbols, data that is written,
/// thread-local data, requests for a GOT, absolute relocations, a missing
/// entry.
///
/// `base` is where the layout pretends to be; the bytes do not depend on it
/// (tests link at two bases to show that).
mlir::FailureOr<abi::CodeImage>
linkCodeImage(mlir::ArrayRef<llvm::StringRef> objects,
              mlir::ArrayRef<std::string> entries,
              llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
              uint64_t base = 0x10000);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_CODEIMAGE_H
