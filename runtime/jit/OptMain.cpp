//===- OptMain.cpp - moe-opt, moe-lsp-server, moe-reduce ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/RegisterAll.h"
#include "moe/runtime/jit/InputGuard.h"
#include "moe/runtime/jit/ToolMain.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace moe;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

int jit::optMain(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  static llvm::cl::opt<bool> allowBytecode(
      "allow-bytecode",
      llvm::cl::desc("Read MLIR bytecode: only from a source you trust"));
  auto [inputName, outputName] = registerAndParseCLIOptions(
      argc, argv, "moe-opt: passes of moec\n", registry);
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects())
    return asMainReturnCode(
        MlirOptMain(argc, argv, inputName, outputName, registry));
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> input = openInputFile(inputName, &error);
  if (!input)
    return fail(error);
  std::unique_ptr<llvm::ToolOutputFile> output =
      openOutputFile(outputName, &error);
  if (!output)
    return fail(error);
  StringRef text = input->getBuffer();
  if (core::Status status =
          checkInput({text.data(), text.size()}, inputName, allowBytecode);
      !status)
    return fail(status.error().str());
  if (failed(MlirOptMain(output->os(), std::move(input), registry, config)))
    return 1;
  output->keep();
  return 0;
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
