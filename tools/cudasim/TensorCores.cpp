//===- TensorCores.cpp - ldmatrix, mma and wgmma --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fragments are laid out as the PTX manual says; sums are f32, over ascending
// k, where the hardware's order is unknown: results agree within a tolerance.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Block.h"

#include <algorithm>
#include <bit>
#include <cstring>

using namespace moe::cudasim;

static float widen(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

void Block::ldmatrix(uint32_t *r, uint32_t address, int line) {
  Collective &warp = collective();
  const bool valid = inArena(address, 16, 16, line, "ldmatrixX4");
  if (valid)
    note(shadow.read(address - sharedBase(), 16, accessOfThread()), address,
         line, "ldmatrixX4");
  warp.words[lane()][0] = valid ? address : sharedBase();
  warp.pointers[lane()] = r;
  if (!arrive("ldmatrixX4", line))
    return;
  for (int matrix = 0; matrix < 4; ++matrix)
    for (int i = 0; i < 32; ++i)
      std::memcpy(static_cast<uint32_t *>(warp.pointers[i]) + matrix,
                  shared(warp.words[matrix * 8 + i / 4][0]) + i % 4 * 4, 4);
  release();
}

void Block::mma(float *c, const uint32_t *a, uint32_t b0, uint32_t b1,
                int line) {
  Collective &warp = collective();
  warp.pointers[lane()] = c;
  warp.inputs[lane()] = a;
  warp.words[lane()][0] = b0;
  warp.words[lane()][1] = b1;
  if (!arrive("mmaBf16", line))
    return;
  float left[16][16], right[16][8];
  for (int i = 0; i < 32; ++i) {
    const auto *registers = static_cast<const uint32_t *>(warp.inputs[i]);
    for (int e = 0; e < 2; ++e) {
      const int k = i % 4 * 2 + e, row = i / 4, shift = 16 * e;
      for (int j = 0; j < 4; ++j)
        left[row + j % 2 * 8][k + j / 2 * 8] = widen(registers[j] >> shift);
      for (int j = 0; j < 2; ++j)
        right[k + j * 8][row] = widen(warp.words[i][j] >> shift);
    }
  }
  float sums[16][8];
  auto each = [&](auto visit) {
    for (int i = 0; i < 32; ++i)
      for (int j = 0; j < 4; ++j)
        visit(static_cast<float *>(warp.pointers[i])[j],
              sums[i / 4 + j / 2 * 8][i % 4 * 2 + j % 2]);
  };
  each([](float &mine, float &sum) { sum = mine; });
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int column = 0; column < 8; ++column)
        sums[row][column] += left[row][k] * right[k][column];
  each([](float &mine, float &sum) { mine = sum; });
  release();
}

//===----------------------------------------------------------------------===//
// Warpgroups
//===----------------------------------------------------------------------===//

/// What accumulators hold while they belong to the hardware: a NaN that no
/// arithmetic gives.
static constexpr uint32_t inFlight = 0x7fa0dead;

/// A 16-byte piece of a row of a K-major matrix with 128-byte swizzle.
static uint32_t pieceAt(uint32_t start, uint32_t stride, uint32_t row,
                        uint32_t piece) {
  const uint32_t at = start + row / 8 * stride + row % 8 * 128 + piece * 16;
  return at ^ ((at >> 7 & 7) << 4);
}

namespace {
struct Descriptor {
  uint32_t start, stride;
  bool swizzle128;
  explicit Descriptor(uint64_t bits)
      : start((bits & 0x3fff) << 4), stride((bits >> 32 & 0x3fff) << 4),
        swizzle128(bits >> 62 == 1) {}
};
} // namespace

void Block::wgmma(float *d, uint32_t n, uint64_t a, uint64_t b, bool accumulate,
                  int line) {
  if (!needsSm90(line, "wgmmaBf16"))
    return;
  Warpgroup &group = warpgroups[current / 128];
  if (group.arrived && (group.line != line || group.n != n || group.a != a ||
                        group.b != b || group.accumulate != accumulate))
    fail(line, "divergence",
         "wgmmaBf16, while threads of the same warpgroup are at line " +
             std::to_string(group.line) + " or have other operands");
  group.line = line;
  group.n = n;
  group.a = a;
  group.b = b;
  group.accumulate = accumulate;
  group.accumulators[current % 128] = d;
  if (++group.arrived < 128) {
    group.waiters.push_back(current);
    return waitAt("wgmmaBf16", line);
  }
  group.arrived = 0;
  const Descriptor left(a), right(b);
  bool valid = left.swizzle128 && right.swizzle128;
  if (!valid)
    error(line, "descriptor",
          "wgmmaBf16 of a layout that is not simulated: "
          "only rows of 128 swizzled bytes are");
  // The lowest bits of a start within its 128 bytes are the step along k.
  for (const Descriptor &side : {left, right})
    if ((side.start >> 7) & 7) {
      error(line, "descriptor",
            "wgmmaBf16 of rows that start in the middle of "
            "eight: not a multiple of 1024 bytes");
      valid = false;
    }
  valid = valid &&
          inArena(left.start, 7 * left.stride + 7 * 128 + 32, 16, line,
                  "wgmmaBf16") &&
          inArena(right.start, (n / 8 - 1) * right.stride + 7 * 128 + 32, 16,
                  line, "wgmmaBf16");
  if (valid)
    for (uint32_t q = 0; q < 4; ++q) {
      const uint32_t w = current / 128 * 4 + q;
      issue(w, group,
            {n, left.start, right.start, left.stride, right.stride, accumulate,
             ++warps[w].sequence, group.accumulators[q * 32], line});
    }
  for (uint32_t waiter : group.waiters)
    wake(waiter);
  group.waiters.clear();
}

/// The element of an accumulator that a lane holds at an index.
static uint32_t elementOf(uint32_t lane, uint32_t index, uint32_t n) {
  const uint32_t row = lane / 4 + index / 2 % 2 * 8,
                 column = index / 4 * 8 + lane % 4 * 2 + index % 2;
  return row * n + column;
}

void Block::issue(uint32_t w, const Warpgroup &group, const Wgmma &wgmma) {
  Warp &warp = warps[w];
  Chain &chain = warp.chains[wgmma.chain];
  if (!chain.pending++) {
    chain.n = wgmma.n;
    chain.sums.resize(16 * wgmma.n);
    for (uint32_t i = 0; i < 32; ++i) {
      chain.lanes[i] = group.accumulators[w % 4 * 32 + i];
      for (uint32_t j = 0; j < wgmma.n / 2; ++j) {
        float &mine = chain.lanes[i][j];
        chain.sums[elementOf(i, j, wgmma.n)] = mine;
        if (!launch.options.eager)
          std::memcpy(&mine, &inFlight, 4);
      }
    }
  }
  const Access access{wgmmaAgent(w), static_cast<uint32_t>(wgmma.sequence),
                      threads[w * 32].clock, true};
  auto reads = [&](uint32_t start, uint32_t stride, uint32_t row) {
    for (uint32_t piece = 0; piece < 2; ++piece) {
      const uint32_t at = pieceAt(start, stride, row, piece);
      note(shadow.read(at - sharedBase(), 16, access), at, wgmma.line,
           "wgmmaBf16");
    }
  };
  for (uint32_t row = 0; row < 16; ++row)
    reads(wgmma.a, wgmma.strideA, w % 4 * 16 + row);
  for (uint32_t row = 0; row < wgmma.n; ++row)
    reads(wgmma.b, wgmma.strideB, row);
  if (launch.options.eager)
    retire(w, wgmma);
  else
    warp.pending.push_back(wgmma);
}

void Block::retire(uint32_t w, const Wgmma &wgmma) {
  Warp &warp = warps[w];
  Chain &chain = warp.chains[wgmma.chain];
  auto load = [&](float (&k)[16], uint32_t start, uint32_t stride,
                  uint32_t row) {
    for (uint32_t piece = 0; piece < 2; ++piece) {
      uint16_t bits[8];
      std::memcpy(bits, shared(pieceAt(start, stride, row, piece)), 16);
      for (int i = 0; i < 8; ++i)
        k[piece * 8 + i] = widen(bits[i]);
    }
  };
  static float right[16][256];
  for (uint32_t column = 0; column < wgmma.n; ++column) {
    float k[16];
    load(k, wgmma.b, wgmma.strideB, column);
    for (int i = 0; i < 16; ++i)
      right[i][column] = k[i];
  }
  for (uint32_t row = 0; row < 16; ++row) {
    float left[16];
    load(left, wgmma.a, wgmma.strideA, w % 4 * 16 + row);
    float *sums = chain.sums.data() + row * wgmma.n;
    if (!wgmma.accumulate)
      std::fill(sums, sums + wgmma.n, 0.0f);
    for (int k = 0; k < 16; ++k)
      for (uint32_t column = 0; column < wgmma.n; ++column)
        sums[column] += left[k] * right[k][column];
  }
  if (--chain.pending)
    return;
  for (uint32_t i = 0; i < 32; ++i)
    for (uint32_t j = 0; j < chain.n / 2; ++j) {
      float &mine = chain.lanes[i][j];
      if (!launch.options.eager && std::bit_cast<uint32_t>(mine) != inFlight)
        error(wgmma.line, "accumulator",
              "accumulator " + std::to_string(j) + " of thread " +
                  std::to_string(w * 32 + i) +
                  " was written while wgmma had it");
      mine = chain.sums[elementOf(i, j, chain.n)];
    }
  warp.chains.erase(wgmma.chain);
}

void Block::wgmmaCommit(int line) {
  if (needsSm90(line, "wgmmaCommit"))
    self().wgmmaGroups.push_back(warps[current / 32].sequence);
}

void Block::wgmmaWait(uint32_t pending, int line) {
  Thread &thread = self();
  if (!needsSm90(line, "wgmmaWait") || thread.wgmmaGroups.size() <= pending)
    return;
  const uint64_t upTo =
      thread.wgmmaGroups[thread.wgmmaGroups.size() - pending - 1];
  thread.wgmmaGroups.erase(thread.wgmmaGroups.begin(),
                           thread.wgmmaGroups.end() - pending);
  Warp &warp = warps[current / 32];
  while (!warp.pending.empty() && warp.pending.front().sequence <= upTo) {
    const Wgmma wgmma = warp.pending.front();
    warp.pending.pop_front();
    retire(current / 32, wgmma);
  }
  uint32_t &seen = thread.clock.seen[wgmmaAgent(current / 32)];
  seen = std::max(seen, static_cast<uint32_t>(upTo));
}
