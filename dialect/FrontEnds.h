//===- FrontEnds.h - Dialects that front ends bring ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs come with ops of dialects that are not upstream's. A few of two of
// them are read, in generic form; for the rest the answer is the pass, of the
// project that has it, which turns them into what is read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_FRONTENDS_H
#define MOE_DIALECT_FRONTENDS_H

#include "mlir/IR/Dialect.h"

namespace moe {

/// tm_tensor (torch-mlir) and iree_linalg_ext (IREE): any op of theirs parses
/// in generic form, none is registered.
void registerFrontEndDialects(mlir::DialectRegistry &registry);

/// Who turns a foreign dialect's ops into what is read here; empty where nobody
/// is known.
llvm::StringRef legalizerOf(llvm::StringRef dialect);

/// The same for the first foreign dialect that a text, such as a parser's
/// complaint, names as in `stablehlo.add`.
llvm::StringRef legalizerInText(llvm::StringRef text);

} // namespace moe

#endif // MOE_DIALECT_FRONTENDS_H
