//===- Rows.h - Reference of group, dispatch and combine --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How rows come to experts and back. Rows past offsets[E] are unspecified in
// the IR; the reference fills them with NaN, so that a value which depends on
// one shows. The contract of spans and rounding is Routing.h's.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_REFERENCE_ROWS_H
#define MOE_RUNTIME_REFERENCE_ROWS_H

#include "moe/dialect/plan/Groups.h"
#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace moe::reference {

/// Groups of ids [T, K]. An id outside [-1, E), and more rows than the layout
/// has place for, are IdOutOfRange.
core::Result<plan::Groups> group(std::span<const int32_t> ids, int64_t topK,
                                 int64_t numExperts, plan::Layout layout);
inline core::Result<plan::Groups> group(std::span<const int32_t> ids,
                                        int64_t numExperts) {
  return group(ids, 1, numExperts, plan::Layout());
}

/// Groups of the tokens [E, C] that experts picked: slot e*C + c is expert e's.
/// A token outside [-1, T) is IdOutOfRange.
core::Result<plan::Groups> groupPicks(std::span<const int32_t> tokens,
                                      int64_t numExperts, int64_t numTokens);

/// The token of every row, -1 past offsets[E]: what a gathering matmul reads.
std::vector<int32_t> tokenOfRow(const plan::Groups &groups, int64_t topK);

/// Rows [T*K, width] of x [T, width]: each the row of its token, times its
/// slot's scale [T, K] if there is one.
std::vector<double> dispatch(const plan::Groups &groups, int64_t topK,
                             std::span<const double> x, int64_t width,
                             std::span<const double> scale = {});

/// The same of groups whose slots name their tokens.
std::vector<double> dispatchPicks(const plan::Groups &groups,
                                  std::span<const int32_t> tokenOfSlot,
                                  std::span<const double> x, int64_t width,
                                  std::span<const double> scale = {});

/// The order in which a token's rows are summed.
enum class CombineOrder : uint32_t {
  Slot = 0,   ///< ascending slot
  Expert = 1, ///< ascending expert id, equal ones by slot
  Any = 2,    ///< the reference takes Slot
};

/// What combine reads besides the rows.
struct CombineSpec {
  int64_t numTokens = 0;
  int64_t topK = 0;
  int64_t width = 0;
  core::DType acc = core::DType::F64;
  CombineOrder order = CombineOrder::Slot;
};
/// y [T, width] = init + the sum of weight * row over the token's rows. The sum
/// starts with init [T, width] or 0 and takes the rows in `order`; init, every
/// product and every partial sum are rounded to `acc`. Without weights [T, K] a
/// row counts as it is. Slots without a row add nothing, whatever their weight.
std::vector<double> combine(const CombineSpec &spec, const plan::Groups &groups,
                            std::span<const double> rows,
                            std::span<const double> weights,
                            std::span<const double> init);

/// The same of groups whose slots name their tokens: rows are added in their
/// own order, which is that of experts. Weights are [E, C].
std::vector<double>
combinePicks(const CombineSpec &spec, const plan::Groups &groups,
             std::span<const int32_t> tokenOfSlot, std::span<const double> rows,
             std::span<const double> weights, std::span<const double> init);

} // namespace moe::reference

#endif // MOE_RUNTIME_REFERENCE_ROWS_H
