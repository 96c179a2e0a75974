//===- Reports.cpp - What a run gave --------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-run/Reports.h"

#include "moe/runtime/core/Compare.h"
#include "moe/runtime/core/Os.h"
#include "moe/tools/common/Handles.h"
#include "moe/tools/moe-run/Layer.h"
#include "moe/tools/moe-run/Statistics.h"

#include <cstdio>

using namespace moe;
using namespace moe::tools;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

/// The tolerance that was asked for, or the one of the layer's precision.
static double tolerance(const RunOptions &options, const HostTensors &results) {
  if (options.rtol)
    return *options.rtol;
  const core::Tensor *y = results.find("hidden_states");
  bool narrow = y && core::byteSize(y->dtype()) < 4;
  return narrow ? 5e-3 : 1e-5;
}

static std::vector<core::NamedView> viewsOf(const HostTensors &tensors) {
  std::vector<core::NamedView> views;
  for (const core::NamedTensor &each : tensors.all())
    views.push_back({each.name, each.tensor.view()});
  return views;
}

/// Compares and prints a line; whether all tensors agree.
static bool compare(const std::string &what, const HostTensors &results,
                    const HostTensors &expected, double rtol) {
  std::string line, problems;
  bool held = true;
  for (const core::TensorReport &each :
       core::compareTensors(viewsOf(results), viewsOf(expected))) {
    char error[32];
    std::snprintf(error, sizeof error, "%.1e", each.error);
    line += "  " + each.name + " " + (each.problem.empty() ? error : "DIFFERS");
    if (each.agrees(rtol))
      continue;
    held = false;
    problems += "  " + each.name + " " +
                (each.problem.empty() ? std::string("has error ") + error
                                      : each.problem) +
                "\n";
  }
  std::printf("%s%s  %s (tolerance %.0e)\n%s", what.c_str(), line.c_str(),
              held ? "ok" : "DIFFERS", rtol, problems.c_str());
  return held;
}

static Result<bool> compareWithReference(const RunOptions &options,
                                         const std::string &label,
                                         const std::string &dtype,
                                         HostTensors &inputs,
                                         const HostTensors &results) {
  Result<std::unique_ptr<Layer>> reference = openReference(options, dtype);
  if (!reference)
    return reference.takeError();
  Result<HostTensors> truth = (*reference)->run(inputs);
  if (!truth)
    return truth.takeError();
  return compare(label + " against the reference:", results, *truth,
                 tolerance(options, results));
}

static Status checkPhases(const RunOptions &options, const std::string &dtype,
                          HostTensors &inputs, double rtol) {
  moe_source source = sourceOf(options, dtype);
  std::optional<moe_weights> weights = weightsOf(options);
  moe_compile_options compile = compileOptionsOf(options);
  const auto &named = inputs.named();
  moe_text *report = nullptr;
  if (Status status = take(
          moe_check_phases(&source, &compile, weights ? &*weights : nullptr,
                           named.data(), named.size(), rtol, &report));
      !status)
    return status;
  Text text(report);
  std::printf("%s", std::string(view(text)).c_str());
  return Status::ok();
}

/// "T=7" where there are tokens.
static std::string labelOf(const HostTensors &inputs) {
  const core::Tensor *x = inputs.find("hidden_states");
  if (!x || x->shape().empty())
    return "run";
  return "T=" + std::to_string(x->shape()[0]);
}

Result<bool> tools::reportCase(const RunOptions &options, const Case &each,
                               const std::string &dtype, HostTensors &inputs,
                               const HostTensors &results) {
  std::string label = labelOf(inputs);
  double rtol = tolerance(options, results);
  bool held = true, said = false;
  if (!each.expect.empty()) {
    Result<HostTensors> expected = readTensors(each.expect);
    if (!expected)
      return expected.takeError();
    held &= compare(label, results, *expected, rtol);
    said = true;
  }
  if (options.check) {
    Result<bool> same =
        compareWithReference(options, label, dtype, inputs, results);
    if (!same)
      return same.takeError();
    held &= *same;
    said = true;
  }
  if (options.checkPhases)
    if (Status status = checkPhases(options, dtype, inputs, rtol); !status)
      return status.takeError();
  if (options.output)
    if (Status status = writeTensors(*options.output, results); !status)
      return status.takeError();
  if (options.stats) {
    Result<RoutingStatistics> spread = routingStatistics(results);
    if (!spread)
      return spread.takeError();
    std::printf("%s", spread->text(label).c_str());
    if (Status status = core::os::writeFile(*options.stats, spread->json());
        !status)
      return status.takeError();
    said = true;
  }
  if (!said)
    std::printf("%s  ran\n", label.c_str());
  return held;
}

Status tools::printDecisions(const RunOptions &options, bool json) {
  moe_source source = sourceOf(options, "");
  moe_compile_options compile = compileOptionsOf(options);
  moe_text *made = nullptr;
  if (Status status = take(moe_explain(&source, &compile, json, &made));
      !status)
    return status;
  Text text(made);
  std::fwrite(view(text).data(), 1, view(text).size(), stdout);
  return Status::ok();
}
