//===- Cell.cpp - One measured cell ---------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Cell.h"

#include "moe/runtime/core/Os.h"
#include "moe/tools/moe-bench/Runner.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace moe;
using namespace moe::tools;
using core::DType;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;

/// Layers below this rotate over copies of their weights.
static constexpr uint64_t kCacheProof = uint64_t(1) << 29;
static constexpr int kRoutings = 8;
static constexpr int kMinRuns = 2 * kRoutings;

static double milliseconds() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

moe_source BenchLayer::source() const {
  moe_source source{};
  source.size = sizeof source;
  source.kind = path.empty() ? MOE_FROM_SPEC : MOE_FROM_PATH;
  source.data = path.empty() ? spec.c_str() : path.c_str();
  source.name = model.name.data();
  source.override_ids = 1;
  if (!path.empty()) {
    source.dtype = dtype.c_str();
    source.has_layer = layer.has_value();
    source.layer = layer.value_or(0);
  }
  return source;
}

/// The sizes of a layer that is no row of the table, from its outputs and from
/// the tensors that its parameters are made of.
static Status measure(BenchLayer &layer, const nlohmann::json &info) {
  Model &model = layer.model;
  auto last = [](const std::vector<Signature::Value> &values,
                 std::string_view name) {
    for (const Signature::Value &value : values)
      if (value.name == name && value.sizes.size() == 2)
        return value.sizes[1];
    return int64_t(0);
  };
  model.hiddenSize = last(layer.signature.inputs, "hidden_states");
  model.topK = last(layer.signature.outputs, "topk_ids");
  model.numExperts = last(layer.signature.outputs, "router_logits");
  if (model.hiddenSize < 1 || model.topK < 1 || model.numExperts < 1)
    return Error(ErrorId::UsageInvalid,
                 "moe-bench: '" + std::string(model.name) +
                     "' is no layer with an input hidden_states [T, H] and "
                     "outputs topk_ids [T, K] and router_logits [T, E], as "
                     "moe-import writes it");
  layer.numExperts = model.numExperts;
  double experts = 0, others = 0; // elements
  for (const nlohmann::json &param : info.at("params"))
    for (const nlohmann::json &source : param.at("sources")) {
      const auto shape = source.at("shape").get<std::vector<int64_t>>();
      const bool each =
          source.at("name").get<std::string>().find("{e}") != std::string::npos;
      const bool all = shape.size() == 3 && shape[0] == model.numExperts;
      double elements = each ? static_cast<double>(model.numExperts) : 1;
      for (int64_t size : shape)
        elements *= static_cast<double>(size);
      (each || all ? experts : others) += elements;
      if (each || all)
        layer.elementBytes = source.at("dtype") == "f32" ? 4 : 2;
    }
  const auto column = static_cast<double>(3 * model.hiddenSize);
  const double router = static_cast<double>(model.numExperts) / 3;
  model.intermediateSize = static_cast<int64_t>(
      experts / column / static_cast<double>(model.numExperts) + 0.5);
  model.sharedSize =
      static_cast<int64_t>(std::max(others / column - router, 0.0) + 0.5);
  return Status::ok();
}

static Status compile(BenchLayer &layer, const BenchOptions &options) {
  moe_source source = layer.source();
  if (!options.package.empty()) {
    source.kind = MOE_FROM_PATH;
    source.data = source.name = options.package.c_str();
    source.override_ids = 0;
  }
  moe_compile_options how{};
  how.size = sizeof how;
  if (!options.target.empty())
    how.targets = options.target.c_str();
  how.executor = options.executor.cuda ? MOE_EXECUTOR_CUDA : MOE_EXECUTOR_CPU;
  if (!options.executor.driver.empty())
    how.cuda_driver = options.executor.driver.c_str();
  double start = milliseconds();
  moe_program *made = nullptr;
  if (Status status = take(moe_compile(&source, &how, &made)); !status)
    return status;
  layer.program.reset(made);
  layer.compileMs = milliseconds() - start;
  moe_text *json = nullptr;
  if (Status status = take(moe_program_info(made, &json)); !status)
    return status;
  Text text(json);
  Result<Signature> signature = parseSignature(view(text));
  if (!signature)
    return signature.takeError();
  layer.signature = std::move(*signature);
  auto info = nlohmann::json::parse(view(text));
  layer.isa = info.at("target").get<std::string>();
  layer.weightBytes = info.at("weight_bytes").get<uint64_t>();
  return layer.path.empty() ? Status::ok() : measure(layer, info);
}

static Status bindCopies(BenchLayer &layer, const BenchOptions &options) {
  uint64_t bytes = std::max<uint64_t>(layer.weightBytes, 1);
  uint64_t wanted = bytes >= kCacheProof ? 1 : kCacheProof / bytes + 1;
  // A GPU says itself what it has no room for; a simulator is slow enough.
  if (options.executor.cuda && !options.executor.driver.empty())
    wanted = 1;
  uint64_t room = core::os::availableBytes();
  if (!options.executor.cuda && wanted * bytes > room / 10 * 9)
    return Error(ErrorId::OutOfMemory,
                 std::string(layer.model.name) + " in " + options.dtype +
                     " needs " + std::to_string(wanted * bytes >> 20) +
                     " MiB for its weights, " + std::to_string(room >> 20) +
                     " MiB are free: give --experts=N for a slice of it");
  double start = milliseconds();
  for (uint64_t copy = 0; copy < wanted; ++copy) {
    moe_weights weights{};
    weights.size = sizeof weights;
    weights.kind = MOE_WEIGHTS_RANDOM;
    // One seed: every copy computes the same.
    weights.seed = 1;
    moe_bind_options bind{};
    bind.size = sizeof bind;
    bind.threads = options.threads;
    moe_bound *made = nullptr;
    if (Status status =
            take(moe_bind(layer.program.get(), &weights, &bind, &made));
        !status)
      return status;
    layer.copies.emplace_back(made);
    if (copy == 0)
      layer.bindMs = milliseconds() - start;
  }
  return Status::ok();
}

Result<BenchLayer> tools::compileLayer(const Model &model,
                                       const BenchOptions &options) {
  BenchLayer layer;
  layer.model = model;
  layer.dtype = options.dtype;
  if (options.config.empty()) {
    layer.numExperts = options.experts ? options.experts : model.numExperts;
    layer.spec = model.spec(options.dtype, options.experts);
    layer.elementBytes = static_cast<int64_t>(
        core::byteSize(*core::dtypeFromName(options.dtype)));
  } else {
    // A configuration is what its folder holds.
    std::filesystem::path path(options.config);
    layer.path =
        path.filename() == "config.json"
            ? (path.has_parent_path() ? path.parent_path() : ".").string()
            : options.config;
    layer.layer = options.layer;
  }
  if (Status status = compile(layer, options); !status)
    return status.takeError();
  return layer;
}

Result<BenchLayer> tools::openLayer(const Model &model,
                                    const BenchOptions &options) {
  Result<BenchLayer> layer = compileLayer(model, options);
  if (!layer)
    return layer;
  if (Status status = bindCopies(*layer, options); !status)
    return status.takeError();
  if (options.executor.cuda) {
    Result<std::string> name = gpuName(options.executor.driver);
    if (!name)
      return name.takeError();
    layer->device = *name;
  }
  return layer;
}

namespace {

/// Everything that one token count is run with.
struct Setup {
  HostTensors inputs[kRoutings];
  HostTensors outputs;
  double touched = 0; ///< experts, on average over the routings
};

} // namespace

static Result<Setup> setUp(BenchLayer &layer, int64_t tokens,
                           const BenchOptions &options) {
  Setup setup;
  const Model &model = layer.model;
  DType dtype = *core::dtypeFromName(options.dtype);
  core::Tensor x =
      randomTensor(dtype, {tokens, model.hiddenSize}, 7, "hidden_states");
  for (int r = 0; r < kRoutings; ++r) {
    std::vector<int32_t> ids = makeRouting(options.routing, tokens, model.topK,
                                           layer.numExperts, 1000 + r);
    setup.touched +=
        static_cast<double>(touchedExperts(ids, layer.numExperts)) / kRoutings;
    core::Tensor tensor(DType::I32, {tokens, model.topK});
    std::copy(ids.begin(), ids.end(), static_cast<int32_t *>(tensor.data()));
    setup.inputs[r].add("hidden_states", x);
    setup.inputs[r].add("override_ids", std::move(tensor));
  }
  for (const Signature::Value &value : layer.signature.outputs) {
    Result<std::vector<int64_t>> shape = shapeOf(value, {{"T", tokens}});
    if (!shape)
      return shape.takeError();
    setup.outputs.add(value.name, core::Tensor(value.dtype, *shape));
  }
  return setup;
}

Result<Cell> tools::measureCell(BenchLayer &layer, int64_t tokens,
                                const BenchOptions &options,
                                core::HostLimits *limits) {
  Result<Setup> made = setUp(layer, tokens, options);
  if (!made)
    return made.takeError();
  Setup &setup = *made;
  DType dtype = *core::dtypeFromName(options.dtype);
  const Runs runs{layer.copies, setup.inputs, &setup.outputs, tokens,
                  options.threads};
  Result<std::unique_ptr<Runner>> opened =
      options.executor.cuda ? gpuRunner(runs, options.executor.driver)
                            : cpuRunner(runs, *limits);
  if (!opened)
    return opened.takeError();
  Runner &runner = **opened;
  // Every routing once, so that pages are there before anything is timed.
  const bool simulated = !options.executor.driver.empty();
  for (int r = 0; r < kRoutings && !simulated; ++r)
    if (Result<double> ran = runner.run(r, 0); !ran)
      return ran.takeError();
  // A simulator's times say nothing that a second run would say better.
  const int runsAtLeast = simulated ? 1 : kMinRuns;
  std::vector<double> times;
  double spent = 0;
  size_t copy = 0;
  while (static_cast<int>(times.size()) < runsAtLeast ||
         (!simulated && spent < options.seconds * 1e3)) {
    int routing = static_cast<int>(times.size()) % kRoutings;
    if (routing == 0)
      runner.measureLimits();
    copy = (copy + 1) % layer.copies.size();
    Result<double> ran = runner.run(routing, copy);
    if (!ran)
      return ran.takeError();
    times.push_back(*ran);
    spent += times.back();
  }
  std::sort(times.begin(), times.end());

  Cell cell;
  cell.tokens = tokens;
  cell.msMin = times.front();
  cell.msMedian = times[times.size() / 2];
  const Model &model = layer.model;
  cell.flops = model.flops(tokens);
  cell.bytes = model.bytes(setup.touched, layer.elementBytes);
  cell.limitGflops = runner.gflops(dtype);
  cell.limitGbps = runner.gbps();
  // A limit that is not known limits nothing.
  auto bound = [](double work, double limit) {
    return limit > 0 ? work / limit / 1e6 : 0;
  };
  cell.rooflineMs = std::max(bound(cell.bytes, cell.limitGbps),
                             bound(cell.flops, cell.limitGflops));
  cell.fraction = cell.rooflineMs / cell.msMin;
  moe_kernel_use use{};
  use.size = sizeof use;
  for (size_t i = 0; moe_workspace_kernel(runner.workspace(), i, &use); ++i)
    if (use.launches)
      cell.kernels +=
          (cell.kernels.empty() ? "" : ", ") + std::string(use.name);

  if (Result<double> ran = runner.run(0, 0); !ran)
    return ran.takeError();
  Result<const HostTensors *> outputs = runner.outputs();
  if (!outputs)
    return outputs.takeError();
  Result<double> error = sampleError(layer, setup.inputs[0], **outputs);
  if (error)
    cell.relErr = *error;
  else if (error.error().id != ErrorId::CompilerAbsent)
    return error.takeError();
  if (options.baseline == Baseline::None)
    return cell;
  const core::Tensor *tensor = setup.inputs[0].find("override_ids");
  auto *first = static_cast<const int32_t *>(tensor->data());
  const Picks ids(first, first + tensor->numElements());
  if (options.baseline == Baseline::Naive) {
    cell.baselineMs =
        measureNaive(model, layer.numExperts, ids, tokens, options.threads);
    return cell;
  }
  Result<double> apart =
      measurePerLayer(model, layer.numExperts, ids, tokens, options);
  if (!apart)
    return apart.takeError();
  cell.baselineMs = *apart;
  return cell;
}
