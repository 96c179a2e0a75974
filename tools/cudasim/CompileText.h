//===- CompileText.h - A kernel text becomes a host library -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// clang++ as a child process is all the compiler that a test machine needs;
// what it made is kept in the cache under a hash of everything that went in.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_COMPILETEXT_H
#define MOE_TOOLS_CUDASIM_COMPILETEXT_H

#include <string>
#include <string_view>
#include <vector>

namespace moe::cudasim {

/// Names of the __global__ functions of a text.
std::vector<std::string> kernelsOf(std::string_view text);

enum class CompileStatus { Done, Failed, NoCompiler };

struct CompiledText {
  CompileStatus status = CompileStatus::Failed;
  void *library = nullptr; ///< from dlopen
  std::string log;
};

/// Compiles and loads a text.
CompiledText compileText(std::string_view text);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_COMPILETEXT_H
