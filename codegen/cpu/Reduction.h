//===- Reduction.h - How an output element is summed ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The instructions that multiply and add, as rows of a table: what they want
// side by side in memory is what tells one kernel from another, and which one a
// plan names decides the bits of its results.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_REDUCTION_H
#define MOE_CODEGEN_CPU_REDUCTION_H

#include "moe/codegen/cpu/CpuTargets.h"

#include "mlir/IR/Types.h"

namespace moe::cpu {

/// 32-bit words of a packed row that lie side by side before the block's next
/// row follows: a cache line, and a row of an AMX tile.
inline constexpr int64_t rowRun = 16;
/// Rows of an AMX block, two tiles of 16, and the tiles of columns beside them:
/// four sums, two tiles of rows and two of weights are all eight registers.
inline constexpr int64_t amxRows = 32, amxColumnTiles = 2;

enum class Reduction : uint32_t {
  Fma = 0, ///< elements widened to f32, one chain of multiply-adds over k
  /// VDPBF16PS: for each pair of k, the odd product and then the even one is
  /// added; subnormal numbers count as zero.
  DotBf16 = 1,
  /// TDPBF16PS: of each 32 k the even and the odd products are summed apart,
  /// then added up, then added to the sum; subnormal numbers count as zero.
  AmxBf16 = 2,
};

struct ReductionRow {
  Reduction id;
  llvm::StringRef name; ///< as plans spell it: "dot_bf16"
  abi::CpuFeatures features;
  /// Elements of a row, and of a column, that one 32-bit lane takes at a time.
  /// With two, rows and weights are bf16 pairs.
  int64_t interleave;
  /// k is filled up with zeros to a multiple of this.
  int64_t depthMultiple;
};

llvm::ArrayRef<ReductionRow> reductions();
const ReductionRow &lookup(Reduction id);
const ReductionRow *reductionFromName(llvm::StringRef name);
/// "fma, dot_bf16 or amx_bf16", for a diagnostic.
std::string reductionNames();

/// Whether rows and weights of these element types can be summed so.
bool takes(const ReductionRow &row, mlir::Type rows, mlir::Type weights);

/// The fastest that a target has for these element types: tiles before dot
/// products, since a core with tiles runs the latter at half the rate of f32.
const ReductionRow &bestReduction(const CpuTarget &target, mlir::Type rows,
                                  mlir::Type weights);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_REDUCTION_H
