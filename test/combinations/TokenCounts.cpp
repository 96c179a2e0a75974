//===- TokenCounts.cpp - One compilation for every token count ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer is compiled once and run with every token count from 1 to 1000, by
// one and by two threads: each row has the bits that it has in the longest run,
// nothing is allocated, by the layer or by the threads, and when all is done
// nobody spins.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/moe.hpp"
#include "moe/test/lib/CountAllocations.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <thread>
#include <vector>

using namespace moe;

static int fail(const std::string &what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  return 1;
}

int main() {
  constexpr int64_t most = 1000;
  LayerSpec spec;
  spec.num_experts = 16;
  spec.top_k = 4;
  spec.hidden_size = 64;
  spec.intermediate_size = 48;
  spec.max_tokens = most;
  spec.router.score = "softmax";
  spec.router.normalize = {{"l1"}};
  int compilations = 0;
  CompilerOptions options;
  options.cache = false;
  options.timing = [&](const char *phase, double) {
    compilations += std::strcmp(phase, "object") == 0;
  };
  Result<Program> program = Compiler(options).compile(Source::layer(spec));
  if (!program)
    return fail(program.error().str());
  Result<Bound> bound = program->bind(Weights::random(3));
  if (!bound)
    return fail(bound.error().str());
  WorkspaceOptions room;
  room.max_tokens = most;
  room.max_threads = 2;
  room.poison = true;
  Result<Workspace> workspace = bound->workspace(room);
  if (!workspace)
    return fail(workspace.error().str());

  std::mt19937 random(5);
  std::vector<float> x(most * spec.hidden_size);
  for (float &value : x)
    value = static_cast<float>(random()) / 2147483648.0f - 1.0f;
  std::vector<float> whole(x.size()), y(x.size());
  int runs = 0;
  for (int64_t tokens = most; tokens > 0; --tokens)
    for (uint32_t threads : {1u, 2u}) {
      std::vector<float> &out = runs == 0 ? whole : y;
      const Tensor in(x.data(), {tokens, spec.hidden_size});
      const Tensor to(out.data(), {tokens, spec.hidden_size});
      counting = true;
      Status status =
          bound->run({{"hidden_states", in}}, {{"hidden_states", to}},
                     *workspace, {threads});
      counting = false;
      if (!status)
        return fail(status.error().str());
      if (runs++ && std::memcmp(whole.data(), y.data(),
                                sizeof(float) * tokens * spec.hidden_size))
        return fail("T=" + std::to_string(tokens) + " by " +
                    std::to_string(threads) + " threads has other bits");
    }
  // Threads look for the next run for some microseconds, and then sleep.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double idle = double(std::clock() - before) / CLOCKS_PER_SEC;
  std::printf("%d runs of %d token counts: %d compilation, %d allocations, "
              "%.1f ms of 300 when idle\n",
              runs, int(most), compilations, allocations.load(), 1e3 * idle);
  return compilations == 1 && runs == 2 * most && allocations == 0 &&
                 idle < 0.03
             ? 0
             : 1;
}
