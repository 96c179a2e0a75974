//===- DimExpr.h - Sizes that depend on dimensions --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A package spells sizes, offsets and task counts as expressions of a program's
// dimensions. They come from a file: rangeOf() proves once, over all values
// that the dimensions may take, that an expression is well formed and stays
// within i64; evaluate() may then be as short as the hot path wants it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_DIMEXPR_H
#define MOE_RUNTIME_CORE_DIMEXPR_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <span>

namespace moe::core {

/// Values from low to high, both included.
struct DimRange {
  int64_t low = 0;
  int64_t high = 0;
};

/// An interval that holds every value of `expr` while dimension d lies in
/// [0, bounds[d]]. For the sums of products that compilers write its ends are
/// taken. PackageCorrupt if the program is ill-formed, divides by what may not
/// be positive, or may leave i64; the message says which, not where.
Result<DimRange> rangeOf(const abi::Expr &expr,
                         std::span<const int64_t> bounds);

/// The value for `dims`, which lie within bounds that rangeOf() accepted.
int64_t evaluate(const abi::Expr &expr, std::span<const int64_t> dims);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_DIMEXPR_H
