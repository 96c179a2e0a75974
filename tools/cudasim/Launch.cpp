//===- Launch.cpp - Runs a kernel -----------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks run in any order on a GPU; a seed shuffles them here.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Launch.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>

using namespace moe::cudasim;

/// A function of the table that calls the running block's.
template <auto Function> struct Thunk;
template <class R, class... A, R (Block::*Function)(A...)>
struct Thunk<Function> {
  static R call(A... arguments) {
    return (runningBlock->*Function)(arguments...);
  }
};

std::unique_ptr<MoeSimCalls> moe::cudasim::makeCalls() {
  auto calls = std::make_unique<MoeSimCalls>();
  *calls = {};
  calls->global = Thunk<&Block::global>::call;
  calls->sharedBase = [] { return runningBlock->sharedBase(); };
  calls->loadShared = Thunk<&Block::loadShared>::call;
  calls->storeShared = Thunk<&Block::storeShared>::call;
  calls->addShared = Thunk<&Block::addShared>::call;
  calls->barrier = Thunk<&Block::barrier>::call;
  calls->syncWarp = Thunk<&Block::syncWarp>::call;
  calls->shuffle = Thunk<&Block::shuffle>::call;
  calls->ballot = Thunk<&Block::ballot>::call;
  calls->copy = Thunk<&Block::copy>::call;
  calls->copyCommit = Thunk<&Block::copyCommit>::call;
  calls->copyWait = Thunk<&Block::copyWait>::call;
  calls->ldmatrix = Thunk<&Block::ldmatrix>::call;
  calls->mma = Thunk<&Block::mma>::call;
  calls->mbarInit = Thunk<&Block::mbarInit>::call;
  calls->mbarArrive = Thunk<&Block::mbarArrive>::call;
  calls->mbarWait = Thunk<&Block::mbarWait>::call;
  calls->tensorCopy = Thunk<&Block::tensorCopy>::call;
  calls->fenceProxy = Thunk<&Block::fenceProxy>::call;
  calls->setRegisters = Thunk<&Block::setRegisters>::call;
  calls->wgmma = [](float *d, unsigned n, unsigned long long a,
                    unsigned long long b, bool accumulate, int line) {
    runningBlock->wgmma(d, n, a, b, accumulate, line);
  };
  calls->wgmmaCommit = Thunk<&Block::wgmmaCommit>::call;
  calls->wgmmaWait = Thunk<&Block::wgmmaWait>::call;
  return calls;
}

moe::cuda::CuResult moe::cudasim::runKernel(const Launch &launch,
                                            const char *kernel,
                                            const Module &module,
                                            Report &report) {
  report.begin(kernel, module.text);
  Block block(launch, report);
  if (!block.valid())
    return cuda::CuResult::OutOfMemory;
  const MoeSimDim grid = launch.grid;
  std::vector<uint64_t> order(uint64_t(grid.x) * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  if (launch.options.seed)
    std::shuffle(order.begin(), order.end(),
                 std::minstd_rand(launch.options.seed));
  for (uint64_t i : order) {
    const auto x = static_cast<unsigned>(i % grid.x);
    const auto y = static_cast<unsigned>(i / grid.x % grid.y);
    const auto z = static_cast<unsigned>(i / grid.x / grid.y);
    if (!block.run({x, y, z}))
      break;
  }
  runningBlock = nullptr;
  return report.empty() ? cuda::CuResult::Success
                        : cuda::CuResult::LaunchFailed;
}
