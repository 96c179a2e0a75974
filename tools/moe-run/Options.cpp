//===- Options.cpp - What moe-run was asked to do -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-run/Options.h"

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Source.h"
#include "moe/runtime/core/ThreadPool.h"
#include "moe/tools/common/Executors.h"

using namespace moe;
using namespace moe::core;
using namespace moe::tools;

static constexpr Flag kFlags[] = {
    {"layer", "N", "the checkpoint's layer; default: its only MoE layer"},
    {"function", "NAME", "the function to run; default: the only public one"},
    {"weights", "DIR",
     "a checkpoint's folder; default: the source, if it is one"},
    {"random-weights", "SEED", "random weights instead"},
    {"packed-cache", "DIR",
     "keep the packed weights there, and map them the next time"},
    {"input", "FILE", "a safetensors file with the inputs by name"},
    {"args", "FILE", "the same, for functions: arg0, arg1, ..."},
    {"tokens", "T", "random hidden_states of T tokens"},
    {"random-args", "SEED",
     "random arguments; dynamic sizes are --tokens or 8"},
    {"seed", "S", "of --tokens; default 0"},
    {"output", "FILE", "where the results go, as safetensors"},
    {"expect", "FILE|DIR",
     "what the results should be; DIR: every "
     "input-T*.safetensors with its expect-T*"},
    {"rtol", "R", "largest relative error; default 1e-5, 5e-3 for 16-bit"},
    {"executor", "NAME",
     "reference, cpu (the default), cuda, or cuda-sim: CUDA kernels run by a "
     "simulator on the CPU"},
    {"target", "T",
     "what to compile for; default: host, which is the GPU for cuda, and "
     "sm_90a for cuda-sim"},
    {"moe-fast", "approx", "allow rewrites that change ids where scores tie"},
    {"threads", "N", "default: MOE_NUM_THREADS, else all physical cores"},
    {"check", "", "compare with the reference"},
    {"check-phases", "",
     "interpret the IR after each phase and name the first "
     "pass that changed the values"},
    {"exact", "", "reference only: do not round results to their types"},
    {"explain", "[json]", "print what the compiler decided and why"},
    {"memory", "", "print the memory plan and what was used"},
    {"timing", "", "print times of phases, binding and kernels"},
    {"repeat", "N", "run N times, for --timing; default: 1"},
    {"stats", "FILE.json",
     "say how tokens spread over experts, and write it as JSON"},
};

const Tool tools::kMoeRun{"moe-run", "FILE.mlir|FILE.moe|DIR [flags]",
                          "Runs an MoE layer, or any function of IR: from IR, "
                          "from a package, or from "
                          "a checkpoint's folder.",
                          kFlags};

static Error usage(std::string text) {
  return Error(ErrorId::UsageInvalid, "moe-run: " + std::move(text));
}

/// A whole number that a flag gives, if it is given.
template <typename T>
static Status readInt(const CommandLine &line, std::string_view flag,
                      int64_t most, std::optional<T> &into) {
  if (!line.has(flag))
    return Status::ok();
  Result<int64_t> value = line.getInt(flag, 0, 0, most);
  if (!value)
    return value.takeError();
  into = static_cast<T>(*value);
  return Status::ok();
}

static Status parseExecutor(const std::string &name, RunOptions &options) {
  Result<ExecutorChoice> executor = executorFromName(name);
  if (name == "reference")
    options.executor = ExecutorKind::Reference;
  else if (!executor)
    return usage("unknown --executor=" + name +
                 ", expected reference, cpu, cuda or cuda-sim");
  else if (executor->cuda)
    options.executor = ExecutorKind::Cuda;
  if (executor)
    options.cudaDriver = executor->driver;
  return Status::ok();
}

Result<RunOptions> tools::parseOptions(const CommandLine &line) {
  RunOptions options;
  if (line.positional().size() != 1)
    return usage("expected one file of IR, package or folder of a checkpoint; "
                 "see moe-run --help");
  options.source = line.positional().front();
  options.isCheckpoint = core::isCheckpoint(options.source);
  std::optional<uint64_t> seed, argSeed;
  std::optional<uint32_t> threads;
  for (Status status :
       {readInt(line, "layer", INT32_MAX, options.layer),
        readInt(line, "random-weights", INT64_MAX, options.weightSeed),
        readInt(line, "tokens", INT64_MAX, options.tokens),
        readInt(line, "repeat", 1000000, options.repeat),
        readInt(line, "seed", INT64_MAX, seed),
        readInt(line, "random-args", INT64_MAX, argSeed),
        readInt(line, "threads", ThreadPool::maxThreads, threads)})
    if (!status)
      return status.takeError();
  Result<double> rtol = line.getDouble("rtol", 0);
  Status executor = parseExecutor(line.get("executor", "cpu"), options);
  if (!rtol)
    return rtol.takeError();
  if (!executor)
    return executor.takeError();
  if (line.has("rtol"))
    options.rtol = *rtol;
  options.threads = threads.value_or(0);
  options.seed = argSeed.value_or(seed.value_or(0));
  options.randomInputs = options.tokens || argSeed;
  options.function = line.get("function");
  options.weights = line.get("weights");
  options.input = line.has("input") ? line.get("input") : line.get("args");
  options.output = line.get("output");
  options.expect = line.get("expect");
  options.target = line.get("target");
  options.stats = line.get("stats");
  options.fast = line.get("moe-fast");
  options.packedCache = line.get("packed-cache");
  options.check = line.has("check");
  options.checkPhases = line.has("check-phases");
  options.exact = line.has("exact");
  options.explain = line.has("explain");
  options.memory = line.has("memory");
  options.timing = line.has("timing");

  if (options.executor == ExecutorKind::Cpu && options.target &&
      options.target->starts_with("sm_"))
    return Error(ErrorId::TargetUnsupported,
                 "target " + quote(*options.target) +
                     " cannot run with --executor=cpu; use --executor=cuda or "
                     "--executor=cuda-sim");
  if (options.input && options.randomInputs)
    return usage("expected inputs from a file or random ones, not both");
  if (options.weights && options.weightSeed)
    return usage("expected --weights or --random-weights, not both");
  if (options.packedCache && options.executor == ExecutorKind::Reference)
    return usage("--packed-cache is for compiled layers");
  if (options.exact && options.executor != ExecutorKind::Reference)
    return usage("--exact is for --executor=reference");
  bool fixture = options.expect && os::fileInfo(*options.expect) &&
                 os::fileInfo(*options.expect)->isDirectory;
  if (!fixture && !options.input && !options.randomInputs && !options.explain)
    return usage("expected inputs: --input=FILE, --tokens=T, or --expect=DIR");
  return options;
}
