//===- OptMain.cpp - moe-opt, moe-lsp-server, moe-reduce ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/RegisterAll.h"
#include "moe/runtime/core/Version.h"
#include "moe/runtime/jit/Decisions.h"
#include "moe/runtime/jit/InputGuard.h"
#include "moe/runtime/jit/OptPhases.h"
#include "moe/runtime/jit/Source.h"
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

/// Adds the phases that were asked for after the passes of the command line.
static MlirOptMainConfig
withPhases(const MlirOptMainConfig &config, const jit::OptPhases &phases,
           const std::shared_ptr<jit::PassRemarks> &remarks, bool explains) {
  MlirOptMainConfig made = config;
  made.setPassPipelineSetupFn(
      [config, phases, remarks, explains](PassManager &pm) {
        if (failed(config.setupPassPipeline(pm)))
          return failure();
        if (explains)
          jit::collectRemarks(*pm.getContext(), remarks);
        return jit::addOptPhases(pm, phases);
      });
  return made;
}

/// What passes remarked and the decisions that they left in printed IR.
static core::Result<std::string>
explained(const std::string &text, const jit::PassRemarks &remarks, bool json) {
  std::unique_ptr<MLIRContext> context = jit::makeContext();
  // Of --split-input-file there are several, each with names of its own.
  OwningOpRef<ModuleOp> all = ModuleOp::create(UnknownLoc::get(context.get()));
  SmallVector<StringRef> parts;
  StringRef(text).split(parts, "// -----");
  for (StringRef part : parts) {
    auto module = jit::parseText(*context, part.str(), "the result");
    if (!module)
      return module.takeError();
    all->push_back(module->release());
  }
  return json ? jit::decisionsAsJson(*all, remarks)
              : jit::decisionsAsText(*all, remarks);
}

int jit::optMain(int argc, char **argv) {
  llvm::setBugReportMsg(
      "moe-opt crashed, which is a defect of moec or of MLIR: "
      "please report it with this text and the input\n");
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllPasses();
  registerSetTarget();
  static llvm::cl::opt<std::string> pipeline(
      "moe-pipeline",
      llvm::cl::desc("Run the compiler's phases after the given passes: "
                     "\"target=T from=PHASE to=PHASE\"; default: host, from "
                     "input to exec"),
      llvm::cl::value_desc("phases"));
  static llvm::cl::opt<std::string> explain(
      "moe-explain", llvm::cl::ValueOptional,
      llvm::cl::desc("Print what was decided up to plan, and why, in place of "
                     "the IR: text, or json"),
      llvm::cl::value_desc("json"));
  static llvm::cl::opt<std::string> fast(
      "moe-fast",
      llvm::cl::desc("With phases: allow rewrites that change ids where scores "
                     "tie"),
      llvm::cl::value_desc("approx"), llvm::cl::init("none"));
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
  bool explains = explain.getNumOccurrences() > 0;
  if (explains && !explain.empty() && explain != "json")
    return core::reportError(
        Error(ErrorId::UsageInvalid,
              "--moe-explain: unknown form '" + explain + "', expected json"));
  auto remarks = std::make_shared<jit::PassRemarks>();
  if (explains || pipeline.getNumOccurrences() > 0) {
    core::Result<OptPhases> phases = parseOptPhases(pipeline.getValue());
    if (!phases)
      return core::reportError(phases.error());
    core::Result<bool> approx = approxFromName(fast.getValue());
    if (!approx)
      return core::reportError(approx.error());
    phases->approx = *approx;
    if (explains)
      phases->to = Phase::Plan;
    config = withPhases(config, *phases, remarks, explains);
  }
  auto input = openInput(inputName);
  if (!input)
    return core::reportError(input.error());
  StringRef text = (*input)->getBuffer();
  if (core::Status status =
          checkInput({text.data(), text.size()}, inputName, allowBytecode);
      !status)
    return core::reportError(status.error());
  if (outputName == "-" && !explains)
    return asMainReturnCode(
        MlirOptMain(llvm::outs(), std::move(*input), registry, config));
  std::string result;
  llvm::raw_string_ostream os(result);
  if (failed(MlirOptMain(os, std::move(*input), registry, config)))
    return 1;
  if (explains) {
    core::Result<std::string> text =
        explained(result, *remarks, explain == "json");
    if (!text)
      return core::reportError(text.error());
    result = std::move(*text);
  }
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
