//===- moe-run.cpp - Run a layer and compare ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Version.h"
#include "moe/tools/moe-run/Cases.h"
#include "moe/tools/moe-run/Layer.h"
#include "moe/tools/moe-run/Reports.h"

#include <cstdio>

using namespace moe;
using namespace moe::core;
using namespace moe::tools;

/// Runs every case; the first Error ends it, a mismatch is reported at the end.
static Status runCases(const RunOptions &options) {
  Result<std::vector<Case>> cases = findCases(options);
  if (!cases)
    return cases.takeError();
  std::string dtype = options.isCheckpoint ? inputDType(cases->front()) : "";
  Result<std::unique_ptr<Layer>> layer =
      options.executor == ExecutorKind::Reference
          ? openReference(options, dtype)
          : openCompiled(options, dtype);
  if (!layer)
    return layer.takeError();
  unsigned mismatches = 0;
  for (Case &each : *cases) {
    Result<HostTensors> inputs =
        readInputs(options, each, (*layer)->signature());
    if (!inputs)
      return inputs.takeError();
    Result<HostTensors> results = (*layer)->run(*inputs);
    if (!results)
      return results.takeError();
    Result<bool> held = reportCase(options, each, dtype, *inputs, *results);
    if (!held)
      return held.takeError();
    mismatches += !*held;
  }
  std::string names;
  for (const std::string &name : (*layer)->kernels())
    names += (names.empty() ? "" : ", ") + name;
  std::printf("kernels: %s\n", names.c_str());
  (*layer)->report();
  if (mismatches)
    return Error(ErrorId::ResultMismatch,
                 std::to_string(mismatches) + " of " +
                     std::to_string(cases->size()) +
                     " runs differ by more than the tolerance");
  return Status::ok();
}

int main(int argc, char **argv) {
  Result<CommandLine> line = CommandLine::parse(kMoeRun, argc, argv);
  if (!line)
    return reportError(line.error());
  if (line->has("help") || line->has("version")) {
    std::fputs(line->has("help") ? helpText(kMoeRun).c_str()
                                 : versionText("moe-run").c_str(),
               stdout);
    return 0;
  }
  Result<RunOptions> options = parseOptions(*line);
  if (!options)
    return reportError(options.error());
  if (options->explain) {
    Status status = printDecisions(*options, line->get("explain") == "json");
    return status ? 0 : reportError(status.error());
  }
  Status status = runCases(*options);
  return status ? 0 : reportError(status.error());
}
