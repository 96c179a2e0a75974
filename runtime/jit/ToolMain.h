//===- ToolMain.h - Tools that are the compiler -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// moe-opt, moe-import, moe-compile, moe-lsp-server and moe-reduce work on IR:
// they are functions of libmoe_compiler.so, and their programs only call them.
// These, the plugin's C entry and the registration are all that it exports.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_TOOLMAIN_H
#define MOE_RUNTIME_JIT_TOOLMAIN_H

#define MOE_COMPILER_EXPORT __attribute__((visibility("default")))

namespace moe::jit {

/// Each returns the process's exit code: 0, 1 after a diagnostic, 2 for wrong
/// usage.
MOE_COMPILER_EXPORT int optMain(int argc, char **argv);
MOE_COMPILER_EXPORT int importMain(int argc, char **argv);
MOE_COMPILER_EXPORT int compileMain(int argc, char **argv);
MOE_COMPILER_EXPORT int lspServerMain(int argc, char **argv);
MOE_COMPILER_EXPORT int reduceMain(int argc, char **argv);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_TOOLMAIN_H
