//===- Cell.h - One measured cell -------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_BENCH_CELL_H
#define MOE_TOOLS_MOE_BENCH_CELL_H

#include "moe/runtime/core/HostLimits.h"
#include "moe/tools/common/Executors.h"
#include "moe/tools/common/Handles.h"
#include "moe/tools/common/HostTensors.h"
#include "moe/tools/moe-bench/Models.h"
#include "moe/tools/moe-bench/Routing.h"

#include <optional>
#include <string>
#include <vector>

namespace moe::tools {

/// What is timed beside a layer.
enum class Baseline {
  None,
  Naive,   ///< plain loops (Naive.cpp)
  PerLayer ///< each expert by itself (PerLayer.cpp)
};

struct BenchOptions {
  std::string dtype = "f32";
  std::string routingName = "uniform", baselineName;
  RoutingKind routing = RoutingKind::Uniform;
  uint32_t threads = 2;
  int64_t experts = 0; ///< 0: the model's
  Baseline baseline = Baseline::None;
  double seconds = 1.0; ///< spent on timing a cell, at least
  ExecutorChoice executor;
  std::string executorName = "cpu";
  std::string target;  ///< empty: this machine
  std::string package; ///< a file with the layer; empty: it is compiled
  /// A checkpoint's configuration, or IR, instead of a model of the table.
  std::string config;
  std::optional<int64_t> layer; ///< of the configuration
};

/// A layer that is compiled and bound, as often as it takes to keep its weights
/// out of the caches.
struct BenchLayer {
  Model model;
  std::string spec;  ///< a layer as JSON; empty: it is at `path`
  std::string path;  ///< what --config stands for
  std::string dtype; ///< of activations
  std::optional<int64_t> layer;
  int64_t elementBytes = 4; ///< of weights
  int64_t numExperts = 0;
  Program program;
  std::vector<Bound> copies;
  Signature signature;
  std::string isa, device;
  double compileMs = 0, bindMs = 0;
  uint64_t weightBytes = 0;

  /// What is compiled and interpreted, with routing as an input. Borrows.
  moe_source source() const;
};

struct Cell {
  int64_t tokens = 0;
  double msMedian = 0, msMin = 0;
  double flops = 0, bytes = 0;
  double limitGflops = 0, limitGbps = 0;
  double rooflineMs = 0, fraction = 0;
  /// None where there is no compiler, which has the interpreter.
  std::optional<double> relErr;
  std::optional<double> baselineMs;
  /// Best time over that of balanced routing in the same run.
  std::optional<double> timesBalanced;
  std::string kernels;
};

/// Compiles the layer, or opens its package; without weights.
core::Result<BenchLayer> compileLayer(const Model &model,
                                      const BenchOptions &options);
/// Binds it too. OutOfMemory names the size where it does not fit.
core::Result<BenchLayer> openLayer(const Model &model,
                                   const BenchOptions &options);

/// Times one token count; the limits are measured in between.
core::Result<Cell> measureCell(BenchLayer &layer, int64_t tokens,
                               const BenchOptions &options,
                               core::HostLimits *limits);

/// The relative error of sampled rows against the interpreter.
core::Result<double> sampleError(BenchLayer &layer, const HostTensors &inputs,
                                 const HostTensors &results);

/// Picks of one routing, as Routing.h makes them.
using Picks = std::vector<int32_t>;

/// ms of one pass over the routed experts, each a dense layer of its own.
core::Result<double> measurePerLayer(const Model &model, int64_t numExperts,
                                     const Picks &ids, int64_t tokens,
                                     const BenchOptions &options);
/// ms of one pass of plain loops over the same work (see Naive.cpp).
double measureNaive(const Model &model, int64_t numExperts, const Picks &ids,
                    int64_t tokens, uint32_t threads);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_BENCH_CELL_H
