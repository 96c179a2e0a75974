//===- PerLayer.cpp - Every expert as a layer of its own ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The baseline that tells what grouping is worth: for each expert the rows of
// its tokens are gathered, go through a dense layer, and are added to the
// result, as a framework does it that has a fast matmul and no grouped one. The
// dense layer is ours, so that kernels, packing and threads are the same.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Cell.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace moe;
using namespace moe::tools;
using core::DType;
using core::Result;
using core::Status;

namespace {

/// A feed-forward layer without experts, bound `copies` times with weights of
/// its own.
class Dense {
public:
  static Result<Dense> make(const Model &model, int64_t width, uint64_t copies,
                            int64_t tokens, const BenchOptions &options);
  /// y [rows, H] of x [rows, H], by the weights of one copy.
  Status run(uint64_t copy, void *x, void *y, int64_t rows);

private:
  Program program;
  std::vector<Bound> copies;
  Workspace memory;
  DType dtype = DType::F32;
  int64_t hidden = 0;
  uint32_t threads = 1;
};

} // namespace

Result<Dense> Dense::make(const Model &model, int64_t width, uint64_t copies,
                          int64_t tokens, const BenchOptions &options) {
  Dense dense;
  dense.dtype = *core::dtypeFromName(options.dtype);
  dense.hidden = model.hiddenSize;
  dense.threads = options.threads;
  Model expert = model;
  expert.numExperts = expert.topK = 1;
  expert.intermediateSize = width;
  expert.sharedSize = 0;
  // One expert has no router worth the name.
  nlohmann::ordered_json spec =
      nlohmann::ordered_json::parse(expert.spec(options.dtype, 0));
  spec.erase("router");
  const std::string text = spec.dump();
  moe_source source{};
  source.size = sizeof source;
  source.kind = MOE_FROM_SPEC;
  source.data = text.c_str();
  moe_compile_options how{};
  how.size = sizeof how;
  if (!options.target.empty())
    how.targets = options.target.c_str();
  moe_program *program = nullptr;
  if (Status status = take(moe_compile(&source, &how, &program)); !status)
    return status.takeError();
  dense.program.reset(program);
  for (uint64_t copy = 0; copy < copies; ++copy) {
    moe_weights weights{};
    weights.size = sizeof weights;
    weights.kind = MOE_WEIGHTS_RANDOM;
    weights.seed = copy;
    moe_bind_options bind{};
    bind.size = sizeof bind;
    bind.threads = options.threads;
    moe_bound *bound = nullptr;
    if (Status status = take(moe_bind(program, &weights, &bind, &bound));
        !status)
      return status.takeError();
    dense.copies.emplace_back(bound);
  }
  moe_dim dim{"T", tokens};
  moe_workspace_options wanted{};
  wanted.size = sizeof wanted;
  wanted.dims = &dim;
  wanted.num_dims = 1;
  wanted.threads = options.threads;
  moe_workspace *memory = nullptr;
  if (Status status =
          take(moe_workspace_create(dense.copies[0].get(), &wanted, &memory));
      !status)
    return status.takeError();
  dense.memory.reset(memory);
  return dense;
}

/// A row-major matrix of the caller's.
static moe_named_tensor matrix(const char *name, void *data, DType dtype,
                               int64_t *shape) {
  moe_named_tensor named{};
  named.name = name;
  named.tensor.data = data;
  named.tensor.device.device_type = 1; // host memory
  named.tensor.ndim = 2;
  named.tensor.dtype.code = dtype == DType::F32 ? MOE_DL_FLOAT : MOE_DL_BFLOAT;
  named.tensor.dtype.bits = dtype == DType::F32 ? 32 : 16;
  named.tensor.dtype.lanes = 1;
  named.tensor.shape = shape;
  return named;
}

Status Dense::run(uint64_t copy, void *x, void *y, int64_t rows) {
  int64_t shape[] = {rows, hidden};
  const moe_named_tensor in = matrix("hidden_states", x, dtype, shape);
  const moe_named_tensor out = matrix("hidden_states", y, dtype, shape);
  moe_run_options options{};
  options.size = sizeof options;
  options.threads = threads;
  return take(moe_run(copies[copy % copies.size()].get(), &in, 1, &out, 1,
                      memory.get(), &options));
}

/// to += from, of `count` elements; bf16 in its upper half of f32.
static void accumulate(float *to, const void *from, DType dtype,
                       int64_t count) {
  if (dtype == DType::F32) {
    auto *row = static_cast<const float *>(from);
    for (int64_t i = 0; i < count; ++i)
      to[i] += row[i];
    return;
  }
  auto *row = static_cast<const uint16_t *>(from);
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(row[i]) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    to[i] += value;
  }
}

Result<double> tools::measurePerLayer(const Model &model, int64_t numExperts,
                                      const Picks &ids, int64_t tokens,
                                      const BenchOptions &options) {
  const DType dtype = *core::dtypeFromName(options.dtype);
  const int64_t h = model.hiddenSize, k = model.topK;
  if (tokens == 0)
    return 0.0;
  // Different weights for each expert until they are more than caches hold.
  const uint64_t expertBytes = static_cast<uint64_t>(
      model.bytes(1, static_cast<int64_t>(core::byteSize(dtype))));
  const uint64_t copies = std::min<uint64_t>(
      numExperts, (uint64_t(1) << 29) / std::max<uint64_t>(expertBytes, 1) + 1);
  Result<Dense> experts =
      Dense::make(model, model.intermediateSize, copies, tokens, options);
  if (!experts)
    return experts.takeError();
  std::optional<Dense> shared;
  if (model.sharedSize) {
    Result<Dense> made =
        Dense::make(model, model.sharedSize, 1, tokens, options);
    if (!made)
      return made.takeError();
    shared.emplace(*std::move(made));
  }
  core::Tensor x = randomTensor(dtype, {tokens, h}, 7, "hidden_states");
  core::Tensor rows(dtype, {tokens, h}), out(dtype, {tokens, h});
  std::vector<float> y(tokens * h);
  const size_t rowBytes = h * core::byteSize(dtype);
  std::vector<int64_t> picked;
  auto pass = [&]() -> Status {
    std::fill(y.begin(), y.end(), 0.0f);
    for (int64_t e = 0; e < numExperts; ++e) {
      picked.clear();
      for (int64_t slot = 0; slot < tokens * k; ++slot)
        if (ids[slot] == e)
          picked.push_back(slot / k);
      if (picked.empty())
        continue;
      for (size_t i = 0; i < picked.size(); ++i)
        std::memcpy(static_cast<char *>(rows.data()) + i * rowBytes,
                    static_cast<const char *>(x.data()) + picked[i] * rowBytes,
                    rowBytes);
      if (Status status = experts->run(e, rows.data(), out.data(),
                                       static_cast<int64_t>(picked.size()));
          !status)
        return status;
      for (size_t i = 0; i < picked.size(); ++i)
        accumulate(y.data() + picked[i] * h,
                   static_cast<const char *>(out.data()) + i * rowBytes, dtype,
                   h);
    }
    return shared ? shared->run(0, x.data(), out.data(), tokens) : Status::ok();
  };
  double best = 0;
  for (int round = 0; round < 4; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    if (Status status = pass(); !status)
      return status.takeError();
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - begin;
    // The first touches the memory.
    if (round == 1 || (round > 1 && took.count() < best))
      best = took.count();
  }
  return best;
}
