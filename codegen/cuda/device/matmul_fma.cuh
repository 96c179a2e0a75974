//===- matmul_fma.cuh - Matmul by fused multiply-adds -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Full f32 precision, which tensor cores do not have. Each output element is
// one chain of fused multiply-adds over ascending k.
//
// A thread has threadM x threadN elements of every tensor; its rows and columns
// are strided over the tile, so that a warp reads adjacent rows of a stage.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_MATMUL_FMA
#define MOE_CODEGEN_CUDA_DEVICE_MATMUL_FMA

namespace moe {

/// Four adjacent elements of a stage.
template <class T> struct Four {
  f32 at[4];
};
template <class T> MOE_DEVICE Four<T> ldsFour(u32 address) {
  struct alignas(4 * sizeof(T)) Stored {
    T at[4];
  };
  const Stored v = lds<Stored>(address);
  return {{widen(v.at[0]), widen(v.at[1]), widen(v.at[2]), widen(v.at[3])}};
}

/// Config has threadM and threadN besides, with
/// threads * threadM * threadN = tileM * tileN; tileK is a multiple of 4 and a
/// whole number of 16 bytes.
template <class Config, class Epilogue>
MOE_DEVICE void matmulFma(const MatmulArgs<Config> &args,
                          const Epilogue &epilogue) {
  using Lhs = typename Config::Lhs;
  using Rhs = typename Config::Rhs;
  constexpr int tileM = Config::tileM, tileN = Config::tileN,
                tileK = Config::tileK, stages = Config::stages,
                tensors = Config::tensors, threads = Config::threads;
  constexpr int threadM = Config::threadM, threadN = Config::threadN;
  constexpr int threadRows = tileM / threadM, threadColumns = tileN / threadN;
  static_assert(threadRows * threadM == tileM &&
                    threadColumns * threadN == tileN &&
                    threadRows * threadColumns == threads,
                "threads cover the tile");
  static_assert(threads % 32 == 0 && stages >= 2, "whole warps, two stages");
  static_assert(tileN % sizes::packedGroup == 0 && tileK % 4 == 0 &&
                    tileK * int(sizeof(Lhs)) % 16 == 0 &&
                    tileK * int(sizeof(Rhs)) % 16 == 0,
                "rows of a stage are copied by 16 bytes");
  constexpr int steps = sizes::ceilDiv(Config::depth, tileK);
  constexpr int rhsRows = tensors * tileN;
  constexpr int packedDepth = sizes::packedDepth(Config::depth, sizeof(Rhs));
  constexpr int packedRows = tensors * sizes::packedColumns(Config::columns);
  constexpr u32 lhsPitch = sizes::fmaPitch(tileK, sizeof(Lhs)),
                rhsPitch = sizes::fmaPitch(tileK, sizeof(Rhs));

  const u32 thread = threadIdx.x;
  const u32 lhsAt = sharedBase(), rhsAt = lhsAt + stages * tileM * lhsPitch,
            table = rhsAt + stages * rhsRows * rhsPitch;
  const int rowOfThread = thread / threadColumns,
            columnOfThread = thread % threadColumns;

  Tile tile;
  for (i32 task = blockIdx.x; findTile(args, task, tile); task += gridDim.x) {
    syncBlock(); // the tile before is done with the table and the stages
    tabulateRows(args, tile, table, thread, threads);
    syncBlock();

    const Rhs *weights = args.rhs + i64(tile.expert) * packedRows * packedDepth;
    const int firstRow = tile.column * tensors;
    auto copyStage = [&](int step) {
      if (step < steps) {
        const u32 lhsStage = lhsAt + step % stages * tileM * lhsPitch,
                  rhsStage = rhsAt + step % stages * rhsRows * rhsPitch;
        copyRows<tileM, tileK * sizeof(Lhs), Config::depth * sizeof(Lhs),
                 threads>(
            step * tileK * int(sizeof(Lhs)), thread,
            [&](int r) {
              const i32 row = lds<i32>(table + 4 * r);
              return row < 0
                         ? nullptr
                         : (const u8 *)(args.lhs + i64(row) * Config::depth);
            },
            [&](int r, int byte) { return lhsStage + r * lhsPitch + byte; });
        copyRows<rhsRows, tileK * sizeof(Rhs), packedDepth * sizeof(Rhs),
                 threads>(
            step * tileK * int(sizeof(Rhs)), thread,
            [&](int r) {
              return firstRow + r < packedRows
                         ? (const u8 *)(weights +
                                        i64(firstRow + r) * packedDepth)
                         : nullptr;
            },
            [&](int r, int byte) { return rhsStage + r * rhsPitch + byte; });
      }
      cpAsyncCommit();
    };

    f32 sums[tensors][threadM][threadN] = {};
    for (int step = 0; step < stages - 1; ++step)
      copyStage(step);
    for (int step = 0; step < steps; ++step) {
      cpAsyncWait<stages - 2>();
      syncBlock(); // all copies of this step are there, all reads of the last
                   // done
      copyStage(step + stages - 1);
      const u32 lhsStage = lhsAt + step % stages * tileM * lhsPitch,
                rhsStage = rhsAt + step % stages * rhsRows * rhsPitch;
#pragma unroll 2
      for (int k = 0; k < tileK; k += 4) {
        Four<Lhs> a[threadM];
#pragma unroll
        for (int i = 0; i < threadM; ++i)
          a[i] = ldsFour<Lhs>(lhsStage +
                              (rowOfThread + i * threadRows) * lhsPitch +
                              k * sizeof(Lhs));
#pragma unroll
        for (int t = 0; t < tensors; ++t)
#pragma unroll
          for (int j = 0; j < threadN; ++j) {
            const int row = sizes::packedRow(
                tensors, t, columnOfThread + j * threadColumns);
            const Four<Rhs> b =
                ldsFour<Rhs>(rhsStage + row * rhsPitch + k * sizeof(Rhs));
#pragma unroll
            for (int i = 0; i < threadM; ++i)
#pragma unroll
              for (int e = 0; e < 4; ++e)
                sums[t][i][j] = fma(a[i].at[e], b.at[e], sums[t][i][j]);
          }
      }
    }
    cpAsyncWait<0>();

#pragma unroll
    for (int i = 0; i < threadM; ++i) {
      const i32 row = tile.row + rowOfThread + i * threadRows;
#pragma unroll
      for (int j = 0; j < threadN; ++j) {
        const i32 column = tile.column + columnOfThread + j * threadColumns;
        if (row < tile.rowEnd && column < Config::columns)
          store(args.out + i64(row) * Config::columns + column,
                finish<Config>(epilogue, tile, row, column, sums[0][i][j],
                               sums[tensors - 1][i][j]));
      }
    }
  }
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_MATMUL_FMA
