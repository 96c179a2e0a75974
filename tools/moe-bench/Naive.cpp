//===- Naive.cpp - What a plain loop nest makes of the same layer ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The baseline: for each expert, for each of its rows, dot products, in f32,
// compiled with -O3 and nothing else. Experts are split over the threads.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Cell.h"

#include <chrono>
#include <cmath>
#include <random>
#include <thread>

using namespace moe;
using namespace moe::tools;

/// out[n] = sum over k of row[k] * weight[n][k]
static void multiply(const float *row, const float *weight, float *out,
                     int64_t n, int64_t k) {
  for (int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < k; ++j)
      sum += row[j] * weight[i * k + j];
    out[i] = sum;
  }
}

double tools::measureNaive(const Model &model, int64_t numExperts,
                           const Picks &ids, int64_t tokens, uint32_t threads) {
  int64_t h = model.hiddenSize, n = model.intermediateSize, k = model.topK;
  bool gated = model.matrices() == 3;
  // One expert's weights serve all: a loop nest this slow is not bound by
  // memory, and the layer's own weights take the memory there is.
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-0.05f, 0.05f);
  std::vector<float> up(n * h), down(n * h), x(tokens * h), y(tokens * h);
  for (std::vector<float> *each : {&up, &down, &x})
    for (float &value : *each)
      value = uniform(random);
  auto work = [&](uint32_t worker) {
    std::vector<float> gate(n), hidden(n), out(h);
    for (int64_t e = worker; e < numExperts; e += threads)
      for (int64_t slot = 0; slot < tokens * k; ++slot) {
        if (ids[slot] != e)
          continue;
        const float *row = x.data() + slot / k * h;
        multiply(row, up.data(), hidden.data(), n, h);
        if (gated) {
          multiply(row, down.data(), gate.data(), n, h);
          for (int64_t i = 0; i < n; ++i)
            hidden[i] *= gate[i] / (1 + std::exp(-gate[i]));
        }
        multiply(hidden.data(), down.data(), out.data(), h, n);
        // Rows of one token may meet here; nobody reads the sums.
        float *to = y.data() + slot / k * h;
        for (int64_t i = 0; i < h; ++i)
          to[i] += out[i];
      }
  };
  auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> pool;
  for (uint32_t worker = 1; worker < threads; ++worker)
    pool.emplace_back(work, worker);
  work(0);
  for (std::thread &thread : pool)
    thread.join();
  std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  return took.count();
}
