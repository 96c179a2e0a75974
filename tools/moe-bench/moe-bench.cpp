//===- moe-bench.cpp - How fast, and how far from the limit ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CommandLine.h"
#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Version.h"
#include "moe/tools/moe-bench/Cell.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace moe;
using namespace moe::core;
using namespace moe::tools;

static constexpr Flag kFlags[] = {
    {"model", "NAME",
     "mixtral-8x7b, qwen3-30b-a3b, deepseek-v2-lite, "
     "deepseek-v3, olmoe, switch-base-8, gpt-oss-20b, dbrx, "
     "dense-llama-70b, odd-160"},
    {"tokens", "T[,T...]", "token counts; default: 1,16,256"},
    {"dtype", "f32|bf16", "of weights and activations; default: f32"},
    {"config", "FILE",
     "a config.json, a checkpoint's folder or IR instead of a model's name"},
    {"layer", "N", "of --config, where there are several MoE layers"},
    {"routing", "KIND[,KIND...]",
     "uniform (default), balanced, zipf, hot, one, empty; after balanced, "
     "others are compared with it"},
    {"threads", "N", "default: MOE_NUM_THREADS, else all physical cores"},
    {"experts", "N", "bench a slice of the experts"},
    {"baseline", "NAME",
     "time beside it: naive, plain loops; perlayer, every expert as a dense "
     "layer of its own, by the same kernels"},
    {"seconds", "S", "spent on timing a cell, at least; default: 1"},
    {"executor", "NAME", "cpu (the default), cuda or cuda-sim"},
    {"target", "T", "what to compile for; default: this CPU or GPU"},
    {"package", "FILE.moe", "the layer, compiled by --write-package"},
    {"write-package", "FILE.moe",
     "compile the layer for --target, write it and stop"},
    {"json", "FILE", "write the cells as JSON"},
    {"host", "", "print this host's features and limits and stop"},
};
static constexpr Tool kTool{
    "moe-bench", "--model=NAME|--config=FILE [flags]",
    "Times whole MoE layers, router included, with random weights, against "
    "limits that are measured in the same run.",
    kFlags};

static Result<std::vector<int64_t>> parseTokens(const std::string &list) {
  std::vector<int64_t> tokens;
  std::istringstream stream(list);
  for (std::string item; std::getline(stream, item, ',');) {
    char *end = nullptr;
    int64_t value = std::strtoll(item.c_str(), &end, 10);
    if (item.empty() || *end || value < 0)
      return Error(ErrorId::UsageInvalid,
                   "moe-bench: --tokens expects whole numbers, got " +
                       quote(list));
    tokens.push_back(value);
  }
  return tokens;
}

static Result<std::vector<std::string>> parseRoutings(const std::string &list) {
  std::vector<std::string> names;
  std::istringstream stream(list);
  for (std::string item; std::getline(stream, item, ',');) {
    Result<RoutingKind> kind = parseRouting(item);
    if (!kind)
      return kind.takeError();
    names.push_back(item);
  }
  if (names.empty())
    return parseRouting(list).takeError();
  return names;
}

static nlohmann::ordered_json toJson(const BenchLayer &layer, const Cell &cell,
                                     const BenchOptions &options) {
  nlohmann::ordered_json json;
  json["model"] = layer.model.name;
  json["dtype"] = options.dtype;
  json["tokens"] = cell.tokens;
  json["routing"] = options.routingName;
  json["threads"] = options.threads;
  json["executor"] = options.executorName;
  json["isa"] = layer.isa;
  json["cpu"] = hostCpu().model;
  if (options.executor.cuda)
    json["gpu"] = layer.device;
  json["determinism"] = "row";
  json["ms_median"] = cell.msMedian;
  json["ms_min"] = cell.msMin;
  json["compile_ms"] = layer.compileMs;
  json["bind_ms"] = layer.bindMs;
  json["flops"] = cell.flops;
  json["weight_bytes"] = cell.bytes;
  json["gflops"] = cell.flops / cell.msMin / 1e6;
  json["gbps"] = cell.bytes / cell.msMin / 1e6;
  json["limit_gflops"] = nullptr;
  if (cell.limitGflops > 0)
    json["limit_gflops"] = cell.limitGflops;
  json["limit_gbps"] = cell.limitGbps;
  json["roofline_ms"] = cell.rooflineMs;
  json["roofline_fraction"] = cell.fraction;
  json["rel_err"] = nullptr;
  if (cell.relErr)
    json["rel_err"] = *cell.relErr;
  json["baseline_ms"] = nullptr;
  if (cell.baselineMs)
    json["baseline_ms"] = *cell.baselineMs;
  json["baseline"] = nullptr;
  if (cell.baselineMs)
    json["baseline"] = options.baselineName;
  json["times_balanced"] = nullptr;
  if (cell.timesBalanced)
    json["times_balanced"] = *cell.timesBalanced;
  json["kernels"] = cell.kernels;
  return json;
}

static void print(const BenchLayer &layer, const Cell &cell,
                  const BenchOptions &options) {
  std::printf("%-16s %-5s T=%-5lld %9.3f ms (median %.3f)  %6.1f GFLOP/s  "
              "%5.1f GB/s  %5.1f %% of the bound (%.0f GFLOP/s, %.1f GB/s)",
              layer.model.name.data(), options.dtype.c_str(),
              static_cast<long long>(cell.tokens), cell.msMin, cell.msMedian,
              cell.flops / cell.msMin / 1e6, cell.bytes / cell.msMin / 1e6,
              100 * cell.fraction, cell.limitGflops, cell.limitGbps);
  if (cell.relErr)
    std::printf("  error %.1e", *cell.relErr);
  if (cell.baselineMs)
    std::printf("  %s %.1f ms (%.1fx)", options.baselineName.c_str(),
                *cell.baselineMs, *cell.baselineMs / cell.msMin);
  if (cell.timesBalanced)
    std::printf("  %s %.2fx balanced", options.routingName.c_str(),
                *cell.timesBalanced);
  std::printf("\n");
  std::fflush(stdout);
}

/// What a machine without a compiler is to bench.
static Status writePackage(const Model &model, const BenchOptions &options,
                           const std::string &path) {
  Result<BenchLayer> layer = compileLayer(model, options);
  if (!layer)
    return layer.takeError();
  const char *data = nullptr;
  size_t size = 0;
  moe_program_package(layer->program.get(), &data, &size);
  return os::writeFile(path, {data, size});
}

static Status runBench(const CommandLine &line) {
  BenchOptions options;
  Result<unsigned> threads = numThreads();
  if (!threads)
    return threads.takeError();
  Result<int64_t> given = line.getInt("threads", *threads, 1, 1024);
  Result<int64_t> experts = line.getInt("experts", 0, 1, 1 << 20);
  Result<double> seconds = line.getDouble("seconds", 1.0);
  Result<std::vector<int64_t>> tokens =
      parseTokens(line.get("tokens", "1,16,256"));
  Result<std::vector<std::string>> routings =
      parseRoutings(line.get("routing", "uniform"));
  options.config = line.get("config", "");
  Model configured{};
  configured.name = options.config;
  Result<const Model *> model = options.config.empty()
                                    ? findModel(line.get("model", ""))
                                    : Result<const Model *>(&configured);
  options.dtype = line.get("dtype", "f32");
  if (line.has("host")) {
    ThreadPool pool;
    HostLimits limits(pool.executor(), *threads);
    for (int round = 0; round < 5; ++round)
      limits.measure();
    std::printf("%s\n%u threads: f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, read "
                "%.1f GB/s\n",
                versionText("moe-bench").c_str(), *threads,
                limits.gflops(DType::F32), limits.gflops(DType::BF16),
                limits.gbps());
    return Status::ok();
  }
  if (!given || !experts || !seconds || !tokens || !routings || !model)
    return !given      ? given.takeError()
           : !experts  ? experts.takeError()
           : !seconds  ? seconds.takeError()
           : !tokens   ? tokens.takeError()
           : !routings ? routings.takeError()
                       : model.takeError();
  if (options.dtype != "f32" && options.dtype != "bf16")
    return Error(ErrorId::UsageInvalid, "moe-bench: --dtype expects f32 or "
                                        "bf16, got " +
                                            quote(options.dtype));
  options.baselineName = line.get("baseline", "");
  const std::string &baseline = options.baselineName;
  if (!baseline.empty() && baseline != "naive" && baseline != "perlayer")
    return Error(ErrorId::UsageInvalid,
                 "moe-bench: --baseline expects naive or perlayer, got " +
                     quote(baseline));
  // Both know gated experts and plain ones, and no others.
  for (const char *flag : {"model", "baseline", "experts"})
    if (!options.config.empty() && line.has(flag))
      return Error(ErrorId::UsageInvalid, "moe-bench: --" + std::string(flag) +
                                              " does not go with --config");
  if (line.has("layer")) {
    Result<int64_t> layer = line.getInt("layer", 0, 0, 1 << 20);
    if (!layer)
      return layer.takeError();
    if (options.config.empty())
      return Error(ErrorId::UsageInvalid,
                   "moe-bench: --layer is one of a --config");
    options.layer = *layer;
  }
  options.threads = static_cast<uint32_t>(*given);
  options.experts = *experts;
  options.seconds = *seconds;
  options.baseline = baseline == "naive"      ? Baseline::Naive
                     : baseline == "perlayer" ? Baseline::PerLayer
                                              : Baseline::None;
  options.executorName = line.get("executor", "cpu");
  Result<ExecutorChoice> executor = executorFromName(options.executorName);
  if (!executor)
    return Error(ErrorId::UsageInvalid,
                 "moe-bench: " + executor.error().message);
  options.executor = *executor;
  options.target = line.get("target", "");
  options.package = line.get("package", "");
  if (std::optional<std::string> path = line.get("write-package"))
    return writePackage(**model, options, *path);

  Result<BenchLayer> layer = openLayer(**model, options);
  if (!layer)
    return layer.takeError();
  ThreadPool pool;
  std::optional<HostLimits> limits;
  if (!options.executor.cuda)
    limits.emplace(pool.executor(), options.threads);
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (int64_t count : *tokens) {
    std::optional<double> balanced;
    for (const std::string &name : *routings) {
      options.routingName = name;
      options.routing = *parseRouting(name);
      Result<Cell> cell =
          measureCell(*layer, count, options, limits ? &*limits : nullptr);
      if (!cell)
        return cell.takeError();
      if (options.routing == RoutingKind::Balanced)
        balanced = cell->msMin;
      else if (balanced)
        cell->timesBalanced = cell->msMin / *balanced;
      print(*layer, *cell, options);
      cells.push_back(toJson(*layer, *cell, options));
    }
  }
  if (std::optional<std::string> path = line.get("json"))
    return os::writeFile(*path, cells.dump(2) + "\n");
  return Status::ok();
}

int main(int argc, char **argv) {
  Result<CommandLine> line = CommandLine::parse(kTool, argc, argv);
  if (!line)
    return reportError(line.error());
  if (line->has("help") || line->has("version")) {
    std::fputs(line->has("help") ? helpText(kTool).c_str()
                                 : versionText("moe-bench").c_str(),
               stdout);
    return 0;
  }
  Status status = runBench(*line);
  return status ? 0 : reportError(status.error());
}
