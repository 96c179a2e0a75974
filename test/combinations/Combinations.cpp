//===- Combinations.cpp - Layers that no model is -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles and runs combinations of everything that a layer can have, and
// compares with the interpreter. Workspaces and results hold NaN before each
// run, so that what a kernel reads or leaves unwritten shows:
//
//   moe-combinations [--target=T] [--isa=L] [--cuda-driver=FILE] [--every=N]
//                    [--only=N] [--table=FILE.md]
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Compare.h"
#include "moe/runtime/core/Tensor.h"
#include "moe/test/combinations/Axes.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

using namespace moe;
using namespace moe::test;

namespace {

struct Arguments {
  CompilerOptions compiler;
  size_t every = 1;
  std::optional<size_t> only;
  std::string table;
};

std::optional<Arguments> parse(int argc, char **argv) {
  Arguments made;
  made.compiler.cache = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const std::string value(equals == word.npos ? "" : word.substr(equals + 1));
    if (key == "--target") {
      made.compiler.target = value;
    } else if (key == "--isa") {
      made.compiler.isa = value;
    } else if (key == "--cuda-driver") {
      made.compiler.executor = Executor::Cuda;
      made.compiler.cuda_driver = value;
    } else if (key == "--every") {
      made.every = std::max(1, std::atoi(value.c_str()));
    } else if (key == "--only") {
      made.only = std::strtoul(value.c_str(), nullptr, 10);
    } else if (key == "--table") {
      made.table = value;
    } else {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return std::nullopt;
    }
  }
  return made;
}

/// The element type in runtime/core's words.
core::DType dtypeOf(const Tensor &tensor) {
  const moe_dtype type = tensor.dlpackType();
  if (type.code == MOE_DL_INT)
    return core::DType::I32;
  if (type.bits == 32)
    return core::DType::F32;
  return type.code == MOE_DL_BFLOAT ? core::DType::BF16 : core::DType::F16;
}

/// Nearly normal: the sum of four uniform numbers.
double normal(std::mt19937 &random) {
  double sum = 0;
  for (int n = 0; n < 4; ++n)
    sum += random() / 4294967296.0 - 0.5;
  return sum * 1.7;
}

struct Input {
  std::string name;
  core::Tensor tensor;
};

/// Hidden states of the layer's type, and whatever else it reads.
std::vector<Input> randomInputs(const LayerForm &layer, int64_t tokens) {
  std::mt19937 random(77u + unsigned(tokens));
  const std::map<std::string, core::DType> types = {{"f32", core::DType::F32},
                                                    {"bf16", core::DType::BF16},
                                                    {"f16", core::DType::F16}};
  std::vector<Input> inputs;
  auto add = [&](const std::string &name, core::DType type,
                 const std::vector<int64_t> &shape, auto value) {
    core::Tensor &tensor =
        inputs.emplace_back(name, core::Tensor(type, shape)).tensor;
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      tensor.set(i, value());
  };
  add("hidden_states", types.at(layer.dtype), {tokens, layer.hidden_size},
      [&] { return normal(random); });
  for (const LayerInput &input : inputsOf(layer)) {
    std::vector<int64_t> shape = input.shape;
    std::replace(shape.begin(), shape.end(), int64_t(-1), tokens);
    if (input.name == "places") {
      // Each at most once, as a shuffled list of places holds them.
      std::vector<int64_t> places(layer.columns() * layer.capacity->per_expert);
      std::iota(places.begin(), places.end(), 0);
      for (size_t i = places.size(); i > 1; --i)
        std::swap(places[i - 1], places[random() % i]);
      auto next = places.begin();
      add(input.name, core::DType::I32, shape, [&] { return *next++; });
    } else if (input.name == "factors") {
      add(input.name, core::DType::F32, shape,
          [&] { return 0.5 + random() / 4294967296.0; });
    } else {
      add(input.name, core::DType::F32, shape, [&] { return normal(random); });
    }
  }
  return inputs;
}

Tensor view(const core::Tensor &tensor) {
  const std::map<core::DType, DType> types = {{core::DType::F32, DType::F32},
                                              {core::DType::BF16, DType::BF16},
                                              {core::DType::F16, DType::F16},
                                              {core::DType::I32, DType::I32}};
  return Tensor(types.at(tensor.dtype()), tensor.data(), tensor.shape());
}

/// What went wrong with one token count; empty: nothing.
std::string compare(const Compiler &compiler, const Source &source,
                    const Weights &weights, const Bound &bound,
                    const LayerForm &layer, int64_t tokens) {
  const std::vector<Input> given = randomInputs(layer, tokens);
  std::vector<NamedTensor> inputs;
  for (const Input &input : given)
    inputs.push_back({input.name.c_str(), view(input.tensor)});
  Result<Results> truth = compiler.reference(source, weights, inputs);
  if (!truth)
    return "the reference: " + truth.error().str();
  std::vector<core::NamedView> expected, results;
  std::vector<core::Tensor> owned;
  std::vector<NamedTensor> outputs;
  for (size_t i = 0; i < truth->size(); ++i) {
    NamedTensor each = (*truth)[i];
    const core::DType type = dtypeOf(each.tensor);
    expected.push_back(
        {each.name, {type, each.tensor.shape(), each.tensor.data()}});
    core::Tensor &made = owned.emplace_back(type, each.tensor.shape());
    for (int64_t at = 0; at < made.numElements(); ++at)
      made.set(at, type == core::DType::I32 ? 1e9 : std::nan(""));
    outputs.push_back({each.name, view(owned.back())});
    results.push_back({each.name, owned.back().view()});
  }
  WorkspaceOptions room;
  room.max_tokens = std::max<int64_t>(tokens, 1);
  room.max_threads = 2;
  room.poison = true;
  Result<Workspace> workspace = bound.workspace(room);
  if (!workspace)
    return workspace.error().str();
  if (Status status = bound.run(inputs, outputs, *workspace); !status)
    return status.error().str();
  if (Status status = workspace->wait(); !status)
    return status.error().str();
  std::string problems;
  for (const core::TensorReport &report :
       core::compareTensors(results, expected)) {
    // A score that is rounded may round to the other side of a midpoint.
    const bool narrow =
        !layer.router.score_dtype.empty() ||
        (layer.dtype != "f32" && report.name == "hidden_states");
    if (!report.agrees(narrow ? 5e-3 : 1e-5))
      problems += " " + report.name + " " +
                  (report.problem.empty() ? std::to_string(report.error)
                                          : report.problem);
  }
  return problems;
}

std::string check(const CompilerOptions &options, const LayerForm &layer) {
  Compiler compiler(options);
  Source source = layer.source();
  Result<Program> program = compiler.compile(source);
  if (!program)
    return program.error().str();
  Weights weights = Weights::random(11);
  Result<Bound> bound = program->bind(weights);
  if (!bound)
    return bound.error().str();
  for (int64_t tokens : {0, 1, 6, 33}) {
    std::string problem =
        compare(compiler, source, weights, *bound, layer, tokens);
    if (!problem.empty())
      return "T=" + std::to_string(tokens) + ":" + problem;
  }
  return "";
}

} // namespace

int main(int argc, char **argv) {
  std::optional<Arguments> arguments = parse(argc, argv);
  if (!arguments)
    return 2;
  const std::vector<Axis> axes = layerAxes();
  const std::vector<Combination> all = coverPairs(axes);
  std::map<std::pair<size_t, size_t>, std::pair<int, int>> tally; // held, of
  size_t ran = 0, held = 0;
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < all.size(); ++i) {
    if (arguments->only ? i != *arguments->only : i % arguments->every != 0)
      continue;
    const std::string problem =
        check(arguments->compiler, layerOf(axes, all[i]));
    ++ran;
    held += problem.empty();
    for (size_t axis = 0; axis < axes.size(); ++axis) {
      auto &[good, of] = tally[{axis, all[i][axis]}];
      good += problem.empty();
      ++of;
    }
    if (!problem.empty()) {
      std::printf("%zu: %s\n    %s\n", i, nameOf(axes, all[i]).c_str(),
                  problem.c_str());
      std::fflush(stdout);
    }
    if (arguments->only)
      std::printf("%s", irOf(layerOf(axes, all[i])).c_str());
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  std::printf("%zu of %zu combinations agree with the interpreter (%zu are "
              "every pair of values), %.0f s\n",
              held, ran, all.size(), took.count());
  if (!arguments->table.empty()) {
    std::ofstream out(arguments->table);
    out << "| axis | value | held |\n|---|---|---|\n";
    for (const auto &[key, count] : tally)
      out << "| " << axes[key.first].name << " | "
          << axes[key.first].values[key.second].name << " | " << count.first
          << " of " << count.second << " |\n";
  }
  return ran > 0 && held == ran ? 0 : 1;
}
