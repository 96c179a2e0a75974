//===- ToolOutput.cpp - What the compiler's tools share -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/ToolOutput.h"

#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Version.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

using namespace moe;
using namespace moe::core;

std::optional<int> jit::printHelpOrVersion(const CommandLine &line,
                                           const Tool &tool) {
  if (line.has("help")) {
    llvm::outs() << helpText(tool);
    return 0;
  }
  if (line.has("version")) {
    llvm::outs() << versionText(tool.name) << "LLVM " LLVM_VERSION_STRING "\n";
    return 0;
  }
  return std::nullopt;
}

int jit::writeOutput(const std::string &path, std::string_view bytes) {
  if (path == "-") {
    llvm::outs() << llvm::StringRef(bytes.data(), bytes.size());
    return 0;
  }
  if (Status status = os::writeFile(path, bytes); !status)
    return reportError(status.error());
  return 0;
}
