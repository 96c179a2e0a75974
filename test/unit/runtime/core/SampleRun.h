//===- SampleRun.h - The sample package, bound and called -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tests of the executor share: the sample's weights, its inputs and
// outputs, and what it ought to compute.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_CORE_SAMPLERUN_H
#define MOE_TEST_UNIT_RUNTIME_CORE_SAMPLERUN_H

#include "moe/runtime/core/Run.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include <array>
#include <cstdlib>

namespace moe::test {

/// The stored weights: @w is {1, 2, 3, 4}, the bias of id e {10 e, ...}.
struct SampleWeights {
  std::array<float, 4> w{1, 2, 3, 4};
  std::array<std::array<float, 4>, 3> bias{
      {{0, 0, 0, 0}, {10, 10, 10, 10}, {20, 20, 20, 20}}};

  std::vector<core::NamedWeight> tensors() const {
    std::vector<core::NamedWeight> list{
        {"layer.w", {core::DType::F32, {4}, w.data()}}};
    for (size_t e = 0; e < 3; ++e)
      list.push_back({"layer.e." + std::to_string(e) + ".bias",
                      {core::DType::F32, {4}, bias[e].data()}});
    return list;
  }
};

inline std::shared_ptr<const core::Bound>
bindSample(std::shared_ptr<const core::Program> program = sampleProgram()) {
  SampleWeights weights;
  core::ThreadPool pool;
  core::Result<std::shared_ptr<const core::Bound>> bound = core::bind(
      std::move(program), core::namedWeights(weights.tensors()).get(),
      {pool.executor(), 2, {}});
  if (!bound)
    std::abort();
  return *bound;
}

inline std::unique_ptr<core::Workspace>
sampleWorkspace(const core::Bound &bound, int64_t tokens, uint32_t threads,
                core::WorkspaceOptions options = {}) {
  core::Result<core::WorkspaceSize> size =
      bound.program().workspaceSize(std::vector<int64_t>{tokens}, threads);
  if (!size)
    std::abort();
  core::Result<std::unique_ptr<core::Workspace>> workspace =
      core::Workspace::create(*size, std::move(options));
  if (!workspace)
    std::abort();
  return *std::move(workspace);
}

/// Inputs and outputs of `tokens` tokens; outputs begin as -1.
struct SampleCall {
  explicit SampleCall(int64_t tokens, int seed = 0)
      : tokens(tokens), x(tokens * 4), ids(tokens), y(tokens * 4, -1),
        sums(tokens, -1) {
    for (int64_t i = 0; i < tokens * 4; ++i)
      x[i] = static_cast<float>((i * 7 + seed) % 23);
    for (int64_t t = 0; t < tokens; ++t)
      ids[t] = static_cast<int32_t>((t + seed) % 3);
  }

  core::Status run(const core::Bound &bound, core::Workspace &workspace,
                   const core::RunOptions &options = {}) {
    const std::array<core::Operand, 2> outputs{yOperand(), sumsOperand()};
    return runFor(bound, workspace, outputs, options);
  }
  core::Status runFor(const core::Bound &bound, core::Workspace &workspace,
                      std::span<const core::Operand> outputs,
                      const core::RunOptions &options = {}) {
    const std::array<core::Operand, 2> inputs{xOperand(), idsOperand()};
    return core::run(bound, inputs, outputs, workspace, options);
  }

  core::Operand xOperand() {
    return {"hidden_states", core::DType::F32, matrix, x.data()};
  }
  core::Operand idsOperand() {
    return {"ids", core::DType::I32, vector, ids.data()};
  }
  core::Operand yOperand() {
    return {"hidden_states", core::DType::F32, matrix, y.data()};
  }
  core::Operand sumsOperand() {
    return {"sums", core::DType::F32, vector, sums.data()};
  }

  /// Elements of y and sums that are wrong.
  int64_t wrong() const {
    int64_t count = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      float sum = 0;
      for (int64_t i = 0; i < 4; ++i) {
        const float value = x[t * 4 + i] * static_cast<float>(i + 1) +
                            20 * static_cast<float>(ids[t]);
        sum += value;
        count += y[t * 4 + i] != value;
      }
      count += sums[t] != sum;
    }
    return count;
  }

  int64_t tokens;
  std::vector<float> x;
  std::vector<int32_t> ids;
  std::vector<float> y, sums;
  std::array<int64_t, 2> matrix{tokens, 4};
  std::array<int64_t, 1> vector{tokens};
};

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_CORE_SAMPLERUN_H
