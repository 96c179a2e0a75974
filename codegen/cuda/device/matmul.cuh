//===- matmul.cuh - What the matmul main loops share ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A main loop is a template over a Config, which the code generator prints from
// a plan, and an Epilogue, which it prints from the op's region:
//
//   struct Up {
//     using Lhs = bf16;                        // f32, bf16 or f16
//     using Rhs = bf16;
//     using Out = bf16;
//     static constexpr int columns = 768;      // N, of one right-hand side
//     static constexpr int depth = 2048;       // K
//     static constexpr int tensors = 2;        // right-hand sides, 1 or 2
//     static constexpr int groups = 128;       // experts in rhs, or 1
//     static constexpr bool grouped = true;    // rows by offsets, or all
//     static constexpr bool gather = true;     // lhs is [T, K]
//     static constexpr int tileM = 64, tileN = 64, tileK = 64;
//     static constexpr int stages = 4, threads = 128;
//   };                                         // and what the main loop wants
//   struct SwiGlu {                          // pointers to operands, if any
//     MOE_DEVICE bf16 operator()(i32 expert, i32 row, i32 column,
//                                f32 gate, f32 up) const;
//   };
//   extern "C" __global__ void __launch_bounds__(Up::threads)
//   up(const bf16 *x, const bf16 *weights, …) {
//     MatmulArgs<Up> args;
//     …
//     matmulSm80<Up>(args, SwiGlu{…});
//   }
//
// The epilogue gets one accumulator a right-hand side and gives the element of
// the result. `expert` counts from the first in rhs, `row` is the row of the
// result; an operand by slots reads args.slots[row] itself. It runs exactly
// once for every element, on two elements of a row at a time at most.
//
// Tasks are tiles of the result: for every expert, for every tile of columns,
// its row tiles. A block runs tasks blockIdx.x, + gridDim.x, and so on, until
// there are none: any grid gives the same result, and every output element is
// summed over ascending k in one order whatever the tile and the grid. There
// are at most
//   ceilDiv(columns, tileN) * (grouped ? rows / tileM + groups
//                                      : ceilDiv(rows, tileM))
// tasks. Which there are is found on the device, from the offsets.
//
// lhs and result are row-major without padding, on 16 bytes; rhs is packed as
// sizes.cuh says. Any sizes; K need not be a multiple of anything.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_MATMUL
#define MOE_CODEGEN_CUDA_DEVICE_MATMUL

namespace moe {

/// What a matmul reads and writes. Unused members stay null.
template <class Config> struct MatmulArgs {
  const typename Config::Lhs *lhs = nullptr;
  const typename Config::Rhs *rhs = nullptr;
  typename Config::Out *out = nullptr;
  /// [groups + 1]: rows of expert e are offsets[e] up to offsets[e + 1].
  const i32 *offsets = nullptr;
  /// [rows]: a row's flat slot (token * slotsPerToken + j); a negative one
  /// stands for slot 0. With gather.
  const i32 *slots = nullptr;
  i32 slotsPerToken = 1;
  /// How many rows there are, if not grouped.
  i32 rows = 0;
  /// matmulSm90: rhs, and lhs if it is not gathered, in boxes of 64 elements
  /// and tileN * tensors (tileM) rows.
  const TensorMap *lhsMap = nullptr;
  const TensorMap *rhsMap = nullptr;
};

/// A tile of the result: rows [row, rowEnd) cut at tileM, columns from column.
struct Tile {
  i32 expert, row, rowEnd, column;
};

/// The sum of values of the lanes up to this one.
MOE_DEVICE i32 inclusiveScan(i32 value) {
  const i32 lane = threadIdx.x % 32;
  for (i32 delta = 1; delta < 32; delta *= 2) {
    const i32 below = shflUp(value, delta);
    value += lane >= delta ? below : 0;
  }
  return value;
}

/// The tile of a task, found by a whole warp; false if there are fewer.
template <class Config>
MOE_DEVICE bool findTile(const MatmulArgs<Config> &args, i32 task, Tile &tile) {
  constexpr i32 columnTiles = sizes::ceilDiv(Config::columns, Config::tileN);
  i32 first = 0, rowTiles = 0;
  tile.expert = 0;
  if constexpr (Config::grouped) {
    const i32 lane = threadIdx.x % 32;
    bool found = false;
    for (i32 base = 0; base < Config::groups && !found; base += 32) {
      const i32 expert = min(base + lane, Config::groups - 1);
      const i32 begin = load(args.offsets + expert);
      const i32 end = base + lane < Config::groups
                          ? load(args.offsets + expert + 1)
                          : begin;
      const i32 tiles = ceilDiv(end - begin, Config::tileM);
      const i32 last = first + inclusiveScan(tiles);
      const u32 beyond = ballot(task < last * columnTiles);
      found = beyond != 0;
      const i32 owner = found ? lowestBit(beyond) : 31;
      tile.expert = base + owner;
      tile.row = shflIndex(begin, owner);
      tile.rowEnd = shflIndex(end, owner);
      rowTiles = shflIndex(tiles, owner);
      first = shflIndex(last, owner) - (found ? rowTiles : 0);
    }
    if (!found)
      return false;
  } else {
    tile.row = 0;
    tile.rowEnd = args.rows;
    rowTiles = ceilDiv(args.rows, Config::tileM);
    if (task >= rowTiles * columnTiles)
      return false;
  }
  const i32 local = task - first * columnTiles;
  tile.row += local % rowTiles * Config::tileM;
  tile.column = local / rowTiles * Config::tileN;
  return true;
}

/// The row of lhs that feeds a row of the result.
template <class Config>
MOE_DEVICE i32 sourceRow(const MatmulArgs<Config> &args, i32 row) {
  if constexpr (Config::gather)
    return max(load(args.slots + row), 0) / args.slotsPerToken;
  else
    return row;
}

/// Writes the source of each of the tile's rows to a table in shared memory, -1
/// for the rows that it has not, by `threads` threads.
template <class Config>
MOE_DEVICE void tabulateRows(const MatmulArgs<Config> &args, const Tile &tile,
                             u32 table, u32 thread, u32 threads) {
  for (u32 i = thread; i < Config::tileM; i += threads) {
    const i32 row = tile.row + i32(i);
    sts<i32>(table + 4 * i, row < tile.rowEnd ? sourceRow(args, row) : -1);
  }
}

/// The largest copy that rows of so many bytes allow.
MOE_DEVICE constexpr int chunkOf(int rowBytes) {
  return rowBytes % 16 == 0  ? 16
         : rowBytes % 8 == 0 ? 8
         : rowBytes % 4 == 0 ? 4
                             : 2;
}

/// Copies a chunk to shared memory by the time that the thread's group of
/// copies is done, and at once where it is too small for one.
template <int Bytes>
MOE_DEVICE void copyChunk(u32 address, const void *source, bool valid) {
  if constexpr (Bytes >= 4)
    cpAsync<Bytes>(address, source, valid);
  else
    sts<u16>(address, valid ? load((const u16 *)source) : u16(0));
}

/// Copies columns [k, k + tileK) of `Rows` rows to a stage, zeros past the end
/// of a row and for rows that are null. `rowAt(r)` is row r's first byte in
/// global memory, `address(r, byte)` where the stage has it.
template <int Rows, int TileBytes, int RowBytes, int Threads, class RowAt,
          class Address>
MOE_DEVICE void copyRows(int byte, u32 thread, RowAt rowAt, Address address) {
  constexpr int chunk = chunkOf(RowBytes), chunks = TileBytes / chunk;
  for (int i = thread; i < Rows * chunks; i += Threads) {
    const int r = i / chunks, b = i % chunks * chunk;
    const u8 *row = rowAt(r);
    const bool valid = row && byte + b < RowBytes;
    copyChunk<chunk>(address(r, b), valid ? row + byte + b : row, valid);
  }
}

/// Where a stage of 128-byte rows has byte `byte` of a row: chunks of 16 bytes
/// are permuted by the row, as tensor copies and wgmma know it, so that reading
/// a column of chunks meets no bank twice.
MOE_DEVICE u32 swizzled(u32 stage, int row, int byte) {
  return stage + row * sizes::mmaRowBytes + ((byte / 16) ^ (row % 8)) * 16 +
         byte % 16;
}

/// The epilogue on the accumulators of one element.
template <class Config, class Epilogue>
MOE_DEVICE typename Config::Out finish(const Epilogue &epilogue,
                                       const Tile &tile, i32 row, i32 column,
                                       f32 first, f32 second) {
  if constexpr (Config::tensors == 2)
    return epilogue(tile.expert, row, column, first, second);
  else
    return epilogue(tile.expert, row, column, first);
}

/// Two elements of a row, at an even column, as far as they exist.
template <class Config, class Epilogue>
MOE_DEVICE void finishPair(const MatmulArgs<Config> &args,
                           const Epilogue &epilogue, const Tile &tile, i32 row,
                           i32 column, f32 first0, f32 first1, f32 second0,
                           f32 second1) {
  using Out = typename Config::Out;
  if (row >= tile.rowEnd || column >= Config::columns)
    return;
  struct alignas(2 * sizeof(Out)) Pair {
    Out first, second;
  };
  Out *out = args.out + i64(row) * Config::columns + column;
  const Out a = finish<Config>(epilogue, tile, row, column, first0, second0);
  if constexpr (Config::columns % 2 == 0) {
    const Out b =
        finish<Config>(epilogue, tile, row, column + 1, first1, second1);
    store((Pair *)out, Pair{a, b});
  } else {
    store(out, a);
    if (column + 1 < Config::columns)
      store(out + 1,
            finish<Config>(epilogue, tile, row, column + 1, first1, second1));
  }
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_MATMUL
