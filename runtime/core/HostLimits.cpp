//===- HostLimits.cpp - How fast this host can be -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/HostLimits.h"

#include "moe/runtime/core/CpuInfo.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace moe;
using namespace moe::core;

static double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Keeps a result alive: a store that no compiler may drop. Several threads
/// write it, and nobody reads.
static void keep(float value) {
  [[maybe_unused]] static thread_local volatile float sink;
  sink = value;
}

//===----------------------------------------------------------------------===//
// Compute: independent chains in registers
//===----------------------------------------------------------------------===//

namespace {

using Floats16 = float __attribute__((vector_size(64)));
using Floats8 = float __attribute__((vector_size(32)));
using Floats4 = float __attribute__((vector_size(16)));

/// FLOPs of one call.
using ComputeLoop = double (*)(uint32_t seed);

constexpr int64_t kSteps = 400'000;
constexpr int kChains = 10; // latency 4, two a cycle: at least 8

} // namespace

// One text for all vector lengths; a template cannot carry a target attribute.
#define MOEC_FMA_LOOP(VECTOR)                                                  \
  VECTOR a = {}, b = {}, sum[kChains];                                         \
  constexpr int lanes = sizeof(VECTOR) / sizeof(float);                        \
  for (int i = 0; i < lanes; ++i) {                                            \
    a[i] = 1.0f + 1e-7f * static_cast<float>(seed + i);                        \
    b[i] = 0.999f - 1e-5f * static_cast<float>(i);                             \
  }                                                                            \
  for (int c = 0; c < kChains; ++c)                                            \
    sum[c] = a * static_cast<float>(c + 1);                                    \
  for (int64_t s = 0; s < kSteps; ++s)                                         \
    for (int c = 0; c < kChains; ++c)                                          \
      sum[c] = sum[c] * b + a;                                                 \
  float total = 0;                                                             \
  for (int c = 0; c < kChains; ++c)                                            \
    total += sum[c][0];                                                        \
  keep(total);                                                                 \
  return 2.0 * kSteps * kChains * lanes;

static double baseLoop(uint32_t seed) { MOEC_FMA_LOOP(Floats4) }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double avx2Loop(uint32_t seed) {
  MOEC_FMA_LOOP(Floats8)
}
__attribute__((target("avx512f,avx512vl,fma"))) static double
avx512Loop(uint32_t seed) {
  MOEC_FMA_LOOP(Floats16)
}
__attribute__((target("avx512f,avx512vl,avx512bf16"))) static double
avx512Bf16Loop(uint32_t seed) {
  alignas(64) uint16_t words[32];
  for (int i = 0; i < 32; ++i)
    words[i] = static_cast<uint16_t>(0x3f00u + ((seed + i * 37u) & 0x7f));
  __m512bh a, b;
  std::memcpy(&a, words, sizeof a);
  std::memcpy(&b, words, sizeof b);
  __m512 sum[kChains];
  for (int c = 0; c < kChains; ++c)
    sum[c] = _mm512_set1_ps(static_cast<float>(c));
  for (int64_t s = 0; s < kSteps; ++s)
    for (int c = 0; c < kChains; ++c)
      sum[c] = _mm512_dpbf16_ps(sum[c], a, b);
  float total = 0;
  for (int c = 0; c < kChains; ++c)
    total += sum[c][0];
  keep(total);
  return 2.0 * 2 * kSteps * kChains * 16;
}
/// Two tiles of rows, two of columns and their four sums: all registers.
__attribute__((target("amx-tile,amx-bf16"))) static double
amxBf16Loop(uint32_t seed) {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t rowBytes[16] = {};
    uint8_t rows[16] = {};
  } shapes;
  for (int tile = 0; tile < 8; ++tile) {
    shapes.rowBytes[tile] = 64;
    shapes.rows[tile] = 16;
  }
  alignas(64) uint16_t words[16 * 32];
  for (uint32_t i = 0; i < std::size(words); ++i)
    words[i] = static_cast<uint16_t>(0x3f00u + ((seed + i * 37u) & 0x7f));
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, words, 64);
  _tile_loadd(5, words, 64);
  _tile_loadd(6, words, 64);
  _tile_loadd(7, words, 64);
  // A product takes 16 cycles, as long as 32 vector instructions.
  constexpr int64_t steps = kSteps * kChains / 32 / 4;
  for (int64_t s = 0; s < steps; ++s) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  alignas(64) float sums[16 * 16];
  _tile_stored(3, sums, 64);
  _tile_release();
  keep(sums[0]);
  return 2.0 * 4 * steps * 16 * 16 * 32;
}
#endif

/// The loops this host can run, for f32 and for bf16 weights.
static ComputeLoop f32Loop() {
#if defined(__x86_64__)
  const abi::CpuFeatures &host = hostCpu().features;
  if (host.has(abi::CpuFeature::Avx512f) && host.has(abi::CpuFeature::Avx512vl))
    return avx512Loop;
  if (host.has(abi::CpuFeature::Avx2) && host.has(abi::CpuFeature::Fma))
    return avx2Loop;
#endif
  return baseLoop;
}
static ComputeLoop bf16Loop() {
#if defined(__x86_64__)
  const abi::CpuFeatures &host = hostCpu().features;
  if (host.has(abi::CpuFeature::AmxTile) && host.has(abi::CpuFeature::AmxBf16))
    return amxBf16Loop;
  if (host.has(abi::CpuFeature::Avx512vl) &&
      host.has(abi::CpuFeature::Avx512Bf16))
    return avx512Bf16Loop;
#endif
  return nullptr;
}

static double measureLoop(const Executor &executor, uint32_t threads,
                          ComputeLoop loop) {
  std::atomic<int64_t> flops = 0;
  double start = seconds();
  executor.run(threads, threads, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t task = begin; task < end; ++task)
      flops += static_cast<int64_t>(loop(static_cast<uint32_t>(task)));
  });
  return static_cast<double>(flops) / (seconds() - start) / 1e9;
}

void HostLimits::measureCompute() {
  bestF32 = std::max(bestF32, measureLoop(executor, threads, f32Loop()));
  if (ComputeLoop loop = bf16Loop())
    bestBf16 = std::max(bestBf16, measureLoop(executor, threads, loop));
}

double HostLimits::gflops(DType weight) const {
  // Every format can be widened to f32 in registers.
  return weight == DType::BF16 ? std::max(bestF32, bestBf16) : bestF32;
}

//===----------------------------------------------------------------------===//
// Bandwidth: streams of random bytes
//===----------------------------------------------------------------------===//

struct HostLimits::Region {
  Region(size_t bytes, bool hugePages) : bytes(bytes) {
    void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
      return;
    data = static_cast<char *>(made);
    madvise(data, bytes, hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  }
  ~Region() {
    if (data)
      munmap(data, bytes);
  }
  char *data = nullptr;
  size_t bytes;
};

/// Reads `streams` runs of `part` bytes side by side.
static void readStreams(const char *base, size_t part, int streams) {
  using Words = uint64_t __attribute__((vector_size(64), aligned(8)));
  Words sum[4] = {};
  for (size_t i = 0; i + 64 <= part; i += 64)
    for (int s = 0; s < streams; ++s)
      sum[s] ^= *reinterpret_cast<const Words *>(base + s * part + i);
  Words all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
  keep(static_cast<float>(all[0]));
}

HostLimits::HostLimits(Executor executor, uint32_t threads, size_t bytes)
    : executor(executor), threads(std::max(threads, 1u)),
      small(std::make_unique<Region>(bytes, false)),
      huge(std::make_unique<Region>(bytes, true)) {
  for (Region *region : {small.get(), huge.get()}) {
    if (!region->data)
      continue;
    // Random, so that no page is shared and no line is all zeros.
    executor.run(bytes >> 21, this->threads,
                 [&](uint64_t begin, uint64_t end, uint32_t) {
                   for (uint64_t chunk = begin; chunk < end; ++chunk) {
                     uint64_t x = 88172645463325252ull + chunk;
                     char *to = region->data + (chunk << 21);
                     for (size_t i = 0; i < size_t(1) << 21; i += 8) {
                       x ^= x << 13;
                       x ^= x >> 7;
                       x ^= x << 17;
                       std::memcpy(to + i, &x, 8);
                     }
                   }
                 });
  }
}

HostLimits::~HostLimits() = default;

void HostLimits::measureBandwidth() {
  for (Region *region : {small.get(), huge.get()})
    for (int streams : {1, 2, 4}) {
      if (!region->data)
        continue;
      size_t part = region->bytes / threads / streams & ~size_t(4095);
      double start = seconds();
      executor.run(
          threads, threads, [&](uint64_t begin, uint64_t end, uint32_t) {
            for (uint64_t task = begin; task < end; ++task)
              readStreams(region->data + task * part * streams, part, streams);
          });
      double read = static_cast<double>(part) * streams * threads;
      bestGbps = std::max(bestGbps, read / (seconds() - start) / 1e9);
    }
}

void HostLimits::measure() {
  measureCompute();
  measureBandwidth();
}
