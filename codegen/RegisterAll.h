//===- RegisterAll.h - Every dialect and pass of moec -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that knows them all: the tools, the JIT and the tests register
// through it, so that IR which one of them writes every other can read.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_REGISTERALL_H
#define MOE_CODEGEN_REGISTERALL_H

namespace mlir {
class DialectRegistry;
}

namespace moe {

/// The dialects of moec, and those of MLIR that its IR is made of, with the
/// external models that its passes need.
void registerAllDialects(mlir::DialectRegistry &registry);

/// The passes and pipelines of moec and the general ones of MLIR. Once a
/// process; only tools that parse pass pipelines need it.
void registerAllPasses();

} // namespace moe

#endif // MOE_CODEGEN_REGISTERALL_H
