//===- sizes.cuh - Packed weights and shared memory -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What both sides of a launch must agree on: the compiler includes this file to
// size buffers and launches, and kernels carry it in their text. Plain
// constexpr functions of integers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_SIZES
#define MOE_CODEGEN_CUDA_DEVICE_SIZES

// A function of constants, for both sides.
#ifdef __CUDACC__
#define MOE_CONSTEXPR __device__ constexpr
#else
#define MOE_CONSTEXPR constexpr
#endif

namespace moe {
namespace sizes {

MOE_CONSTEXPR int ceilDiv(int a, int b) { return (a + b - 1) / b; }
MOE_CONSTEXPR int roundUp(int a, int b) { return ceilDiv(a, b) * b; }

//===----------------------------------------------------------------------===//
// Packed weights
//===----------------------------------------------------------------------===//
//
// Each expert's tensors [N, K] become rows of K elements, eight rows of the
// first tensor, the same eight of the second, and so on:
//   [packedColumns(N) / 8][tensor][8][packedDepth(K, bytes)]
// so that any tile of columns is one run of rows, and a thread that holds an
// accumulator of one tensor holds the other's. Rows start on 16 bytes and what
// is past N or K is zero. Elements keep their type; experts follow each other.

constexpr int packedGroup = 8;

/// Columns of a packed expert.
MOE_CONSTEXPR int packedColumns(int columns) {
  return roundUp(columns, packedGroup);
}
/// Elements of a packed row.
MOE_CONSTEXPR int packedDepth(int depth, int elementBytes) {
  return roundUp(depth * elementBytes, 16) / elementBytes;
}
/// The packed row of a column of one of `tensors` tensors.
MOE_CONSTEXPR int packedRow(int tensors, int tensor, int column) {
  return (column / packedGroup * tensors + tensor) * packedGroup +
         column % packedGroup;
}
/// Bytes of a packed expert.
MOE_CONSTEXPR long long packedBytes(int tensors, int columns, int depth,
                                    int elementBytes) {
  return (long long)(tensors)*packedColumns(columns) *
         packedDepth(depth, elementBytes) * elementBytes;
}

//===----------------------------------------------------------------------===//
// Dynamic shared memory of the matmul main loops
//===----------------------------------------------------------------------===//

/// Bytes from one row of a stage to the next in matmulFma: 16 bytes more than
/// the row has, so that threads which read adjacent rows use different banks.
MOE_CONSTEXPR int fmaPitch(int tileK, int elementBytes) {
  return tileK * elementBytes + 16;
}
MOE_CONSTEXPR int fmaSharedBytes(int tileM, int tileN, int tileK, int stages,
                                 int tensors, int lhsBytes, int rhsBytes) {
  return stages * (tileM * fmaPitch(tileK, lhsBytes) +
                   tensors * tileN * fmaPitch(tileK, rhsBytes)) +
         roundUp(4 * tileM, 16);
}

/// A row of a stage in matmulSm80 and matmulSm90: 64 bf16.
constexpr int mmaRowBytes = 128;

/// With 128 bytes to align the stages by.
MOE_CONSTEXPR int sm80SharedBytes(int tileM, int tileN, int stages,
                                  int tensors) {
  return 128 + stages * (tileM + tensors * tileN) * mmaRowBytes +
         roundUp(4 * tileM, 16);
}

/// With 1024 bytes to align the stages by, and two barriers a stage.
MOE_CONSTEXPR int sm90SharedBytes(int tileM, int tileN, int stages,
                                  int tensors) {
  return 1024 + stages * (tileM + tensors * tileN) * mmaRowBytes + 16 * stages;
}

} // namespace sizes
} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_SIZES
