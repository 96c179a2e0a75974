//===- SampleError.cpp - Are the timed numbers right? ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A wrong kernel is often a fast one. Rows are independent, so a few of them
// are interpreted alone and compared.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Cell.h"

#include <cmath>
#include <cstring>

using namespace moe;
using namespace moe::tools;
using core::Result;
using core::Status;
using core::Tensor;

static constexpr int64_t kSampledRows = 8;

/// Rows first, first + step, ... of a tensor.
static Tensor takeRows(const Tensor &tensor, int64_t count, int64_t step) {
  std::vector<int64_t> shape = tensor.shape();
  size_t row = tensor.bytes() / static_cast<size_t>(shape[0]);
  shape[0] = count;
  Tensor made(tensor.dtype(), shape);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(static_cast<char *>(made.data()) + i * row,
                static_cast<const char *>(tensor.data()) + i * step * row, row);
  return made;
}

Result<double> tools::sampleError(BenchLayer &layer, const HostTensors &inputs,
                                  const HostTensors &results) {
  const Tensor *y = results.find("hidden_states");
  int64_t tokens = y->shape()[0];
  if (tokens == 0)
    return 0.0;
  int64_t count = std::min(tokens, kSampledRows), step = tokens / count;
  HostTensors sample;
  for (const core::NamedTensor &each : inputs.all())
    sample.add(each.name, takeRows(each.tensor, count, step));
  const moe_source source = layer.source();
  moe_weights weights{};
  weights.size = sizeof weights;
  weights.kind = MOE_WEIGHTS_RANDOM;
  weights.seed = 1;
  const auto &named = sample.named();
  moe_results *made = nullptr;
  if (Status status = take(moe_reference(&source, &weights, named.data(),
                                         named.size(), 1, &made));
      !status)
    return status.takeError();
  Results owned(made);
  double squares = 0, norm = 0;
  Tensor got = takeRows(*y, count, step);
  for (size_t i = 0; i < moe_results_size(made); ++i) {
    moe_named_tensor each;
    moe_results_get(made, i, &each);
    if (std::string_view(each.name) != "hidden_states")
      continue;
    Tensor want = copyTensor(each.tensor);
    for (int64_t j = 0; j < want.numElements(); ++j) {
      double difference = got.at(j) - want.at(j);
      squares += difference * difference;
      norm += want.at(j) * want.at(j);
    }
  }
  return norm == 0 ? std::sqrt(squares) : std::sqrt(squares / norm);
}
