//===- OptMain.cpp - moe-opt, moe-lsp-server, moe-reduce ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/RegisterAll.h"
#include "moe/runtime/core/Version.h"
#include "moe/runtime/jit/InputGuard.h"
#include "moe/runtime/jit/ToolMain.h"
#include "moe/runtime/jit/ToolOutput.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/PrettyStackTrace.h"

using namespace mlir;
using namespace moe;
using core::Error;
using core::ErrorId;

/// The input's bytes; a file may be a pipe, as for every tool of MLIR.
static core::Result<std::unique_ptr<llvm::MemoryBuffer>>
openInput(const std::string &name) {
  auto input = llvm::MemoryBuffer::getFileOrSTDIN(name);
  if (input)
    return std::move(*input);
  if (input.getError() == std::errc::no_such_file_or_directory)
    return Error(ErrorId::FileNotFound, core::quote(name) + " does not exist");
  return Error(ErrorId::FileUnreadable,
               core::quote(name) +
                   " cannot be read: " + input.getError().message());
}

int jit::optMain(int argc, char **argv) {
  llvm::setBugReportMsg(
      "moe-opt crashed, which is a defect of moec or of MLIR: "
      "please report it with this text and the input\n");
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  static llvm::cl::opt<bool> allowBytecode(
      "allow-bytecode",
      llvm::cl::desc("Read MLIR bytecode: only from a source you trust"));
  static llvm::cl::opt<std::string> inputName(llvm::cl::Positional,
                                              llvm::cl::desc("<input file>"),
                                              llvm::cl::init("-"));
  static llvm::cl::opt<std::string> outputName(
      "o", llvm::cl::desc("Output filename"), llvm::cl::value_desc("filename"),
      llvm::cl::init("-"));
  std::string help = registerCLIOptions("moe-opt: passes of moec\n", registry);
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << core::versionText("moe-opt") << "LLVM " LLVM_VERSION_STRING "\n";
  });
  // Given a stream for them, the parser returns on errors instead of exiting
  // with 1, which is for errors in the input.
  if (!llvm::cl::ParseCommandLineOptions(argc, argv, help, &llvm::errs()))
    return 2;
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects())
    return asMainReturnCode(
        MlirOptMain(argc, argv, inputName, outputName, registry));
  auto input = openInput(inputName);
  if (!input)
    return core::reportError(input.error());
  StringRef text = (*input)->getBuffer();
  if (core::Status status =
          checkInput({text.data(), text.size()}, inputName, allowBytecode);
      !status)
    return core::reportError(status.error());
  if (outputName == "-")
    return asMainReturnCode(
        MlirOptMain(llvm::outs(), std::move(*input), registry, config));
  std::string result;
  llvm::raw_string_ostream os(result);
  if (failed(MlirOptMain(os, std::move(*input), registry, config)))
    return 1;
  return writeOutput(outputName, result);
}

int jit::lspServerMain(int argc, char **argv) {
  DialectRegistry registry;
  registerAllDialects(registry);
  return asMainReturnCode(MlirLspServerMain(argc, argv, registry));
}

int jit::reduceMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  MLIRContext context(registry);
  return asMainReturnCode(mlirReduceMain(argc, argv, context));
}
