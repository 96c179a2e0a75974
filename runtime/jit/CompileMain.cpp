//===- CompileMain.cpp - moe-compile --------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CommandLine.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Source.h"
#include "moe/runtime/jit/Compile.h"
#include "moe/runtime/jit/InputGuard.h"
#include "moe/runtime/jit/ToolMain.h"
#include "moe/runtime/jit/ToolOutput.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace moe;
using namespace moe::core;

static constexpr Flag kFlags[] = {
    {"layer", "N", "the checkpoint's layer; default: its only MoE layer"},
    {"dtype", "f32|bf16|f16", "of activations; default: the checkpoint's"},
    {"function", "NAME",
     "the function of the IR; default: its only public one"},
    {"target", "T[,T...]",
     "host, x86-64-v2, x86-64-v3, x86-64-v4, "
     "sapphirerapids, aarch64; default: host"},
    {"emit", "KIND", "package, object, llvm, asm, plan or exec"},
    {"from", "PHASE", "the phase of the input: input, group, plan, exec"},
    {"to", "PHASE", "stop after this phase and print the IR"},
    {"dump-phases", "DIR", "write the IR after each phase into a folder"},
    {"strip-ir", "", "leave the input IR out of the package"},
    {"moe-fast", "approx", "allow rewrites that change ids where scores tie"},
    {"explain", "[json]", "print what was decided and why, and stop"},
    {"timing", "", "print the time of each phase to standard error"},
    {"o", "FILE", "where to write; default: standard output"},
};
static constexpr Tool kTool{
    "moe-compile", "FILE.mlir|DIR [flags]",
    "Compiles a layer, from IR or from a checkpoint's folder, into a package "
    "that runs without a compiler. Weights are not part of it.",
    kFlags};

/// Text to standard output is fine; a package to a terminal is not.
static bool isBinary(const std::string &emit) {
  return emit == "package" || emit == "object" || emit == "cubin";
}

int jit::compileMain(int argc, char **argv) {
  Result<CommandLine> line = CommandLine::parse(kTool, argc, argv);
  if (!line)
    return reportError(line.error());
  if (std::optional<int> done = printHelpOrVersion(*line, kTool))
    return *done;
  if (line->positional().size() != 1)
    return reportError(
        Error(ErrorId::UsageInvalid,
              "moe-compile: expected one file of IR or folder of a checkpoint; "
              "see moe-compile --help"));
  const std::string &input = line->positional().front();
  Result<int64_t> layer = line->getInt("layer", -1, 0, INT32_MAX);
  if (!layer)
    return reportError(layer.error());
  std::string emit = line->get("emit", "package");
  std::string output = line->get("o", "-");
  if (output == "-" && isBinary(emit) && !line->has("to") &&
      !line->has("explain") && llvm::outs().is_displayed())
    return reportError(Error(ErrorId::UsageInvalid,
                             "moe-compile: expected -o FILE, since --emit=" +
                                 emit + " writes no text"));

  moe_plugin_source source{};
  std::string text = input;
  if (core::isCheckpoint(input)) {
    source.kind = MOE_SOURCE_CHECKPOINT;
  } else {
    source.kind = MOE_SOURCE_TEXT;
    if (input == "-") {
      auto buffer = llvm::MemoryBuffer::getSTDIN();
      if (!buffer)
        return reportError(
            Error(ErrorId::FileUnreadable, "cannot read standard input"));
      text = (*buffer)->getBuffer().str();
    } else {
      Result<std::string> file = os::readFile(input, kMaxTextBytes);
      if (!file)
        return reportError(file.error());
      text = *file;
    }
  }
  auto orNull = [](const std::optional<std::string> &value) {
    return value ? value->c_str() : nullptr;
  };
  auto dtype = line->get("dtype"), function = line->get("function");
  source.text = text.c_str();
  source.name = input.c_str();
  source.layer = *layer;
  source.dtype = orNull(dtype);
  source.function = orNull(function);

  auto isa = environment(Variable::Isa);
  if (!isa)
    return reportError(isa.error());
  auto targets = line->get("target"), from = line->get("from"),
       to = line->get("to"), dumps = line->get("dump-phases"),
       fast = line->get("moe-fast");
  moe_plugin_options options{};
  options.targets = orNull(targets);
  options.isa = orNull(*isa);
  options.emit = emit.c_str();
  options.from_phase = orNull(from);
  options.to_phase = orNull(to);
  options.dump_dir = orNull(dumps);
  options.strip_ir = line->has("strip-ir");
  options.deterministic = 1;
  options.fast = orNull(fast);

  if (std::optional<std::string> format = line->get("explain")) {
    Result<std::string> decisions = explain(source, options, *format == "json");
    return decisions ? writeOutput(output, *decisions)
                     : reportError(decisions.error());
  }
  Timing timing;
  if (line->has("timing"))
    timing = [](std::string_view phase, double ms) {
      llvm::errs() << llvm::format("%8.2f ms  ", ms) << std::string(phase)
                   << "\n";
    };
  Result<std::string> made = compile(source, options, timing);
  return made ? writeOutput(output, *made) : reportError(made.error());
}
