//===- ImportMain.cpp - moe-import ----------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CommandLine.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/import/Family.h"
#include "moe/runtime/import/Import.h"
#include "moe/runtime/jit/Source.h"
#include "moe/runtime/jit/ToolMain.h"
#include "moe/runtime/jit/ToolOutput.h"

#include "llvm/Support/raw_ostream.h"

using namespace moe;
using namespace moe::core;

static constexpr Flag kFlags[] = {
    {"layer", "N", "the layer; may be left out where there is one MoE layer"},
    {"dtype", "f32|bf16|f16", "of activations; default: the checkpoint's"},
    {"list", "", "print the MoE layers, one a line, the number first"},
    {"families", "", "print the families of models, each with its model types"},
    {"o", "FILE", "where to write; default: standard output"},
};
static constexpr Tool kTool{"moe-import", "DIR|FILE.gguf [flags]",
                            "Writes one MoE layer of a Hugging Face or GGUF "
                            "checkpoint as IR. Weights stay in "
                            "the checkpoint: the IR names them.",
                            kFlags};

static int list(const std::string &folder) {
  Result<std::vector<import::MoeLayer>> layers = import::listLayers(folder);
  if (!layers)
    return reportError(layers.error());
  for (const import::MoeLayer &layer : *layers)
    llvm::outs() << layer.number << "\t" << layer.description << "\n";
  return 0;
}

/// What is supported, for people and for the table in the documentation.
static int listFamilies() {
  for (const import::Family &family : import::families()) {
    llvm::outs() << family.name << "\t";
    llvm::interleave(
        family.modelTypes, llvm::outs(),
        [](std::string_view name) { llvm::outs() << name; }, " ");
    llvm::outs() << "\n";
  }
  return 0;
}

/// What is stored beside what is read.
static void noteUnread(mlir::ModuleOp module, const std::string &folder,
                       int64_t layer) {
  Result<std::vector<std::string>> unread =
      import::unreadTensors(module, folder, layer);
  if (!unread || unread->empty())
    return;
  llvm::errs() << "note: '" << folder
               << "' has tensors of the layer that are not read: ";
  llvm::interleaveComma(*unread, llvm::errs());
  llvm::errs() << "\n";
}

int jit::importMain(int argc, char **argv) {
  Result<CommandLine> line = CommandLine::parse(kTool, argc, argv);
  if (!line)
    return reportError(line.error());
  if (std::optional<int> done = printHelpOrVersion(*line, kTool))
    return *done;
  if (line->has("families") && line->positional().empty())
    return listFamilies();
  if (line->positional().size() != 1)
    return reportError(Error(ErrorId::UsageInvalid,
                             "moe-import: expected one folder of a checkpoint; "
                             "see moe-import --help"));
  const std::string &folder = line->positional().front();
  if (line->has("list"))
    return list(folder);
  Result<int64_t> layer = line->getInt("layer", -1, 0, INT32_MAX);
  if (!layer)
    return reportError(layer.error());
  std::string dtype = line->get("dtype", "");
  moe_plugin_source source{};
  source.kind = MOE_SOURCE_CHECKPOINT;
  source.text = source.name = folder.c_str();
  source.layer = *layer;
  source.dtype = dtype.empty() ? nullptr : dtype.c_str();
  std::unique_ptr<mlir::MLIRContext> context = makeContext();
  auto module = loadSource(*context, source);
  if (!module)
    return reportError(module.error());
  noteUnread(**module, folder, *layer);
  std::string text;
  llvm::raw_string_ostream(text) << **module << "\n";
  return writeOutput(line->get("o", "-"), text);
}
