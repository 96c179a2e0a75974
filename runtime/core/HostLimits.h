//===- HostLimits.h - How fast this host can be -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A speed says nothing without the limit that it is held against, and limits
// move from minute to minute on a shared machine: they are measured in the same
// run as what they judge, with random data, best of several rounds.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_HOSTLIMITS_H
#define MOE_RUNTIME_CORE_HOSTLIMITS_H

#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/ThreadPool.h"

#include <cstddef>
#include <memory>

namespace moe::core {

class HostLimits {
public:
  /// `bytes` of random data are read for bandwidth: more than any cache.
  /// Throws nothing; allocation failure leaves bandwidth at 0.
  explicit HostLimits(Executor executor, uint32_t threads,
                      size_t bytes = size_t(1) << 29);
  ~HostLimits();
  HostLimits(const HostLimits &) = delete;
  HostLimits &operator=(const HostLimits &) = delete;

  /// One round more of everything (some tens of milliseconds); the figures are
  /// the best of all rounds so far. Call it between what is measured.
  void measure();

  /// GFLOP/s of the fastest way this host has to multiply weights of `weight`
  /// with f32 sums: fused multiply-adds in registers, or bf16 dot products
  /// where there are instructions for them.
  double gflops(DType weight) const;
  /// GB/s of reading, over one, two and four streams a thread and small and
  /// huge pages.
  double gbps() const { return bestGbps; }

private:
  void measureCompute();
  void measureBandwidth();

  struct Region;
  Executor executor;
  uint32_t threads;
  std::unique_ptr<Region> small, huge;
  double bestF32 = 0, bestBf16 = 0, bestGbps = 0;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_HOSTLIMITS_H
