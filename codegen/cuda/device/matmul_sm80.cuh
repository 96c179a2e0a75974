//===- matmul_sm80.cuh - Matmul by mma.sync ---------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 on tensor cores, any shape: stages are filled by asynchronous copies and
// read by ldmatrix. Rows of a stage are 128 bytes whose 16-byte chunks are
// permuted by the row, so that neither meets a bank twice.
//
// An output element is a chain of m16n8k16 products over ascending k.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM80
#define MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM80

namespace moe {

/// Config has warpsM and warpsN besides: the warps of a block cut the tile into
/// equal parts of whole 16 rows and 16 packed columns.
template <class Config, class Epilogue>
MOE_DEVICE void matmulSm80(const MatmulArgs<Config> &args,
                           const Epilogue &epilogue) {
  constexpr int tileM = Config::tileM, tileN = Config::tileN,
                stages = Config::stages, tensors = Config::tensors,
                threads = Config::threads;
  constexpr int rowBytes = sizes::mmaRowBytes;
  constexpr int rhsRows = tensors * tileN;
  constexpr int warpRows = tileM / Config::warpsM,
                warpColumns = rhsRows / Config::warpsN;
  constexpr int blocksM = warpRows / 16, blocksN = warpColumns / 8;
  static_assert(sizeof(typename Config::Lhs) == 2 &&
                    sizeof(typename Config::Rhs) == 2 && Config::tileK == 64,
                "a stage has 64 bf16 of a row");
  static_assert(threads == 32 * Config::warpsM * Config::warpsN && stages >= 2,
                "a warp has a part of the tile");
  static_assert(warpRows % 16 == 0 && warpColumns % 16 == 0 &&
                    tileM % Config::warpsM == 0 &&
                    rhsRows % Config::warpsN == 0,
                "warps have whole fragments");
  constexpr int steps = sizes::ceilDiv(Config::depth, Config::tileK);
  constexpr int packedDepth = sizes::packedDepth(Config::depth, 2);
  constexpr int packedRows = tensors * sizes::packedColumns(Config::columns);

  const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
  const u32 lhsAt = (sharedBase() + 127) / 128 * 128,
            rhsAt = lhsAt + stages * tileM * rowBytes,
            table = rhsAt + stages * rhsRows * rowBytes;
  const int warpRow = warp / Config::warpsN * warpRows,
            warpColumn = warp % Config::warpsN * warpColumns;

  Tile tile;
  for (i32 task = blockIdx.x; findTile(args, task, tile); task += gridDim.x) {
    syncBlock(); // the tile before is done with the table and the stages
    tabulateRows(args, tile, table, thread, threads);
    syncBlock();

    const bf16 *weights =
        args.rhs + i64(tile.expert) * packedRows * packedDepth;
    const int firstRow = tile.column * tensors;
    auto copyStage = [&](int step) {
      if (step < steps) {
        const u32 lhsStage = lhsAt + step % stages * tileM * rowBytes,
                  rhsStage = rhsAt + step % stages * rhsRows * rowBytes;
        copyRows<tileM, rowBytes, Config::depth * 2, threads>(
            step * rowBytes, thread,
            [&](int r) {
              const i32 row = lds<i32>(table + 4 * r);
              return row < 0
                         ? nullptr
                         : (const u8 *)(args.lhs + i64(row) * Config::depth);
            },
            [&](int r, int byte) { return swizzled(lhsStage, r, byte); });
        copyRows<rhsRows, rowBytes, packedDepth * 2, threads>(
            step * rowBytes, thread,
            [&](int r) {
              return firstRow + r < packedRows
                         ? (const u8 *)(weights +
                                        i64(firstRow + r) * packedDepth)
                         : nullptr;
            },
            [&](int r, int byte) { return swizzled(rhsStage, r, byte); });
      }
      cpAsyncCommit();
    };

    f32 sums[blocksM][blocksN][4] = {};
    for (int step = 0; step < stages - 1; ++step)
      copyStage(step);
    for (int step = 0; step < steps; ++step) {
      cpAsyncWait<stages - 2>();
      syncBlock(); // this step's copies are there, the last step's reads done
      copyStage(step + stages - 1);
      const u32 lhsStage = lhsAt + step % stages * tileM * rowBytes,
                rhsStage = rhsAt + step % stages * rhsRows * rowBytes;
#pragma unroll
      for (int k = 0; k < rowBytes; k += 32) { // 16 elements
        u32 a[blocksM][4];
#pragma unroll
        for (int i = 0; i < blocksM; ++i)
          ldmatrixX4(a[i], swizzled(lhsStage, warpRow + i * 16 + lane % 16,
                                    k + lane / 16 * 16));
#pragma unroll
        for (int j = 0; j < blocksN; j += 2) {
          // Both halves of k of eight packed rows, and of the next eight.
          u32 b[4];
          ldmatrixX4(b, swizzled(rhsStage,
                                 warpColumn + j * 8 + lane / 16 * 8 + lane % 8,
                                 k + lane / 8 % 2 * 16));
#pragma unroll
          for (int i = 0; i < blocksM; ++i) {
            mmaBf16(sums[i][j], a[i], b[0], b[1]);
            mmaBf16(sums[i][j + 1], a[i], b[2], b[3]);
          }
        }
      }
    }
    cpAsyncWait<0>();

    // A thread has two columns of rows lane / 4 and eight further of each
    // fragment; fragments of the second tensor follow those of the first.
#pragma unroll
    for (int i = 0; i < blocksM; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < blocksN; j += tensors) {
          const f32 *first = sums[i][j] + 2 * half,
                    *second = sums[i][j + tensors - 1] + 2 * half;
          finishPair(args, epilogue, tile,
                     tile.row + warpRow + i * 16 + half * 8 + i32(lane / 4),
                     tile.column + (warpColumn + j * 8) / tensors +
                         i32(lane % 4) * 2,
                     first[0], first[1], second[0], second[1]);
        }
  }
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_MATMUL_SM80
