//===- Reduction.cpp - The table of reduction classes ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A new instruction is a row here, its enum case, and a step of the kernel that
// uses it.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Reduction.h"

using namespace moe::cpu;
using moe::abi::CpuFeature;

/// The fastest last.
static const ReductionRow table[] = {
    {Reduction::Fma, "fma", {}, 1, 1},
    {Reduction::DotBf16,
     "dot_bf16",
     {CpuFeature::Avx512f, CpuFeature::Avx512Bf16},
     2,
     2},
    {Reduction::AmxBf16,
     "amx_bf16",
     {CpuFeature::AmxTile, CpuFeature::AmxBf16},
     2,
     32},
};

llvm::ArrayRef<ReductionRow> moe::cpu::reductions() { return table; }

const ReductionRow &moe::cpu::lookup(Reduction id) {
  return table[static_cast<size_t>(id)];
}

const ReductionRow *moe::cpu::reductionFromName(llvm::StringRef name) {
  for (const ReductionRow &row : table)
    if (row.name == name)
      return &row;
  return nullptr;
}

std::string moe::cpu::reductionNames() {
  std::string text;
  const size_t count = std::size(table);
  for (size_t i = 0; i < count; ++i)
    text += (i == 0           ? ""
             : i + 1 == count ? " or "
                              : ", ") +
            table[i].name.str();
  return text;
}

bool moe::cpu::takes(const ReductionRow &row, mlir::Type rows,
                     mlir::Type weights) {
  return row.interleave == 1 || (rows.isBF16() && weights.isBF16());
}

const ReductionRow &moe::cpu::bestReduction(const CpuTarget &target,
                                            mlir::Type rows,
                                            mlir::Type weights) {
  const ReductionRow *best = &table[0];
  for (const ReductionRow &row : table)
    if (target.features.contains(row.features) && takes(row, rows, weights))
      best = &row;
  return *best;
}
