//===- matmul_sm90.cuh - Matmul by wgmma ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 on Hopper's tensor cores. One warpgroup fills a ring of stages, the
// others empty it, each with 64 rows of the tile; while one tile goes through
// its epilogue the stages of the next are on their way. Weights come by tensor
// copies, and rows too unless they are gathered: those are copied by all of the
// first warpgroup, 16 bytes a thread, to where a tensor copy would put them.
//
// A stage has two barriers. `full` is over when everything that was copied is
// there, `empty` when every warp that multiplies is done with it.
//
// An output element is a chain of k16 products over ascending k.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM90
#define MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM90

namespace moe {

template <class Config> struct Sm90Stages {
  static constexpr int tileM = Config::tileM, stages = Config::stages,
                       rhsRows = Config::tensors * Config::tileN,
                       rowBytes = sizes::mmaRowBytes,
                       lhsBytes = tileM * rowBytes,
                       rhsBytes = rhsRows * rowBytes,
                       stageBytes = lhsBytes + rhsBytes,
                       steps = sizes::ceilDiv(Config::depth, Config::tileK),
                       consumers = tileM / 64;
  static_assert(sizeof(typename Config::Lhs) == 2 &&
                    sizeof(typename Config::Rhs) == 2 && Config::tileK == 64 &&
                    Config::depth % 8 == 0,
                "a stage has 64 bf16 of a row, rows start on 16 bytes");
  static_assert(tileM % 64 == 0 && rhsRows % 32 == 0 && rhsRows <= 256 &&
                    Config::threads == 128 * (1 + consumers),
                "a warpgroup multiplies 64 rows");
  // Two steps are with those that multiply: one that is summed, one whose turn
  // says that it was.
  static_assert(stages >= 3, "and one is on its way");

  const u32 base = (sharedBase() + 1023) / 1024 * 1024;
  MOE_DEVICE u32 lhs(u32 stage) const { return base + stage * stageBytes; }
  MOE_DEVICE u32 rhs(u32 stage) const { return lhs(stage) + lhsBytes; }
  MOE_DEVICE u32 full(u32 stage) const {
    return base + stages * stageBytes + 16 * stage;
  }
  MOE_DEVICE u32 empty(u32 stage) const { return full(stage) + 8; }
};

/// The warpgroup that copies. Step i of all tiles together goes to stage
/// i % stages.
template <class Config>
MOE_DEVICE void copySm90(const MatmulArgs<Config> &args) {
  using S = Sm90Stages<Config>;
  const S ring;
  const u32 thread = threadIdx.x;
  // A thread's copies are done some steps after they were issued; it says so
  // then.
  constexpr u32 behind = S::stages - 2;
  constexpr int rowsOfThread = S::tileM / 16;
  constexpr int packedRows =
      Config::tensors * sizes::packedColumns(Config::columns);
  const int chunk = thread % 8;
  u32 i = 0;
  Tile tile;
  for (i32 task = blockIdx.x; findTile(args, task, tile); task += gridDim.x) {
    i32 rows[rowsOfThread];
    if constexpr (Config::gather) {
      for (int r = 0; r < rowsOfThread; ++r) {
        const i32 row = tile.row + i32(thread / 8) + 16 * r;
        rows[r] = row < tile.rowEnd ? sourceRow(args, row) : -1;
      }
    }
#pragma unroll 1
    for (int step = 0; step < S::steps; ++step, ++i) {
      const u32 stage = i % S::stages;
      // The first round finds every stage empty. A thread that has nothing to
      // copy does not wait: it might fall behind by two phases of one parity.
      if (Config::gather || thread == 0)
        mbarWait(ring.empty(stage), (i / S::stages + 1) % 2);
      if (thread == 0) {
        mbarArriveExpect(ring.full(stage),
                         Config::gather ? S::rhsBytes : S::stageBytes);
        tmaLoad2d(ring.rhs(stage), args.rhsMap, ring.full(stage),
                  step * Config::tileK,
                  tile.expert * packedRows + tile.column * Config::tensors);
        if constexpr (!Config::gather)
          tmaLoad2d(ring.lhs(stage), args.lhsMap, ring.full(stage),
                    step * Config::tileK, tile.row);
      }
      if constexpr (Config::gather) {
        const int k = step * Config::tileK + chunk * 8;
        for (int r = 0; r < rowsOfThread; ++r) {
          const bool valid = rows[r] >= 0 && k < Config::depth;
          const bf16 *source =
              args.lhs + (valid ? i64(rows[r]) * Config::depth + k : 0);
          cpAsync<16>(
              swizzled(ring.lhs(stage), int(thread / 8) + 16 * r, chunk * 16),
              source, valid);
        }
        cpAsyncCommit();
        if (i >= behind) {
          cpAsyncWait<behind>();
          fenceProxyAsync();
          mbarArrive(ring.full((i - behind) % S::stages));
        }
      }
    }
  }
  if constexpr (Config::gather) {
    cpAsyncWait<0>();
    fenceProxyAsync();
    for (u32 last = i > behind ? i - behind : 0; last < i; ++last)
      mbarArrive(ring.full(last % S::stages));
  }
}

/// A warpgroup that multiplies.
template <class Config, class Epilogue>
MOE_DEVICE void multiplySm90(const MatmulArgs<Config> &args,
                             const Epilogue &epilogue) {
  using S = Sm90Stages<Config>;
  const S ring;
  const u32 warpgroup = threadIdx.x / 128 - 1, warp = threadIdx.x / 32 % 4,
            lane = threadIdx.x % 32;
  u32 i = 0;
  Tile tile;
  for (i32 task = blockIdx.x; findTile(args, task, tile); task += gridDim.x) {
    f32 sums[S::rhsRows / 2];
    for (int step = 0; step < S::steps; ++step, ++i) {
      const u32 stage = i % S::stages;
      mbarWait(ring.full(stage), i / S::stages % 2);
      const u32 lhs = ring.lhs(stage) + warpgroup * 64 * S::rowBytes;
      wgmmaFence();
#pragma unroll
      for (u32 k = 0; k < S::rowBytes; k += 32) // 16 elements
        wgmmaBf16<S::rhsRows>(sums, wgmmaRows128(lhs + k),
                              wgmmaRows128(ring.rhs(stage) + k),
                              step > 0 || k > 0);
      wgmmaCommit();
      // One step is under way while the next is issued.
      wgmmaWait<1>();
      if (step > 0 && lane == 0)
        mbarArrive(ring.empty((i - 1) % S::stages));
    }
    wgmmaWait<0>();
    wgmmaResults(sums);
    if (lane == 0)
      mbarArrive(ring.empty((i - 1) % S::stages));

    // A thread has two columns of rows lane / 4 and eight further of its warp's
    // 16; fragments of the second tensor follow those of the first.
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int j = 0; j < S::rhsRows / 8; j += Config::tensors) {
        const f32 *first = sums + 4 * j + 2 * half,
                  *second = first + 4 * (Config::tensors - 1);
        finishPair(args, epilogue, tile,
                   tile.row + i32(warpgroup * 64 + warp * 16 + lane / 4) +
                       8 * half,
                   tile.column + j / Config::tensors * 8 + i32(lane % 4) * 2,
                   first[0], first[1], second[0], second[1]);
      }
  }
}

/// Any number of blocks; one a multiprocessor is best. lhsMap and rhsMap are
/// given, the former unless rows are gathered.
template <class Config, class Epilogue>
MOE_DEVICE void matmulSm90(const MatmulArgs<Config> &args,
                           const Epilogue &epilogue) {
  using S = Sm90Stages<Config>;
  const S ring;
  if (threadIdx.x == 0) {
    tmaPrefetch(args.rhsMap);
    if constexpr (!Config::gather)
      tmaPrefetch(args.lhsMap);
    for (u32 stage = 0; stage < S::stages; ++stage) {
      // The thread that expects bytes, and all that copy rows.
      mbarInit(ring.full(stage), Config::gather ? 129 : 1);
      mbarInit(ring.empty(stage), 4 * S::consumers);
    }
    mbarFenceInit();
  }
  syncBlock();
  if (threadIdx.x < 128) {
    if constexpr (S::consumers == 2)
      setMaxRegistersDown<Config::gather ? 56 : 40>();
    // Without gathered rows there is work for one thread; its warp finds tiles.
    if (Config::gather || threadIdx.x < 32)
      copySm90(args);
  } else {
    if constexpr (S::consumers == 2)
      setMaxRegistersUp<Config::gather ? 224 : 232>();
    multiplySm90(args, epilogue);
  }
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM90
