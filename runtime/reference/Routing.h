//===- Routing.h - Reference of route and capacity --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moe.route, score, select, weigh and capacity compute, in double: the
// truth that every executor's ids and weights are compared with.
//
// The contract of this library: tensors are row-major spans of double whose
// values are already those of their element type; results are exact up to
// double, and the caller rounds them to the result's element type (or not, for
// an exact run). Sizes are the caller's duty and asserted; contents, which a
// user chooses, are answered with an Error. An optional operand is absent when
// its span is empty.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_REFERENCE_ROUTING_H
#define MOE_RUNTIME_REFERENCE_ROUTING_H

#include "moe/dialect/semantics/Router.h"
#include "moe/runtime/core/DType.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace moe::reference {

/// Scores [T, E] of logits [T, E].
std::vector<double> score(semantics::ScoreFn fn, std::span<const double> logits,
                          int64_t numExperts);

/// Operands of a selection. `noise` is [T, E] less the always-on experts, or
/// [T]; `table` [V, K]; `given` ids [T, K], or token ids [T] for a table;
/// `valid` [T], 0 for what is no token.
struct SelectOperands {
  std::span<const double> bias = {}, noise = {};
  std::span<const int64_t> table = {}, given = {};
  std::span<const int64_t> valid = {};
};

/// The picks [T, slots] of scores [T, E] by the spec's bias, groups and select:
/// in descending selection score, ties to the lowest index, NaN never; -1 where
/// a token has fewer. The spec is one that verifyRouter accepts, of any
/// selection but expert_top_k. An id or token id that is out of range is
/// IdOutOfRange.
core::Result<std::vector<int32_t>> select(const semantics::RouterSpec &spec,
                                          std::span<const double> scores,
                                          const SelectOperands &operands,
                                          int64_t numExperts);

/// expert_top_k: for each expert the tokens [E, C] of scores [T, E] that it
/// picks, in descending score, ties to the lowest token; -1 where there are
/// fewer.
std::vector<int32_t> selectTokens(std::span<const double> scores,
                                  int64_t numExperts, int64_t places);

/// The weights [T, slots] of picks by the spec's normalize and scale, over the
/// scores [T, E] without bias; 0 where the id is -1. An id outside [-1, E) is
/// IdOutOfRange. `expertScale` is [E].
core::Result<std::vector<double>>
weigh(const semantics::RouterSpec &spec, std::span<const double> scores,
      std::span<const int32_t> ids, int64_t numExperts,
      std::span<const double> expertScale = {});

/// The weights [E, C] of token ids [E, C]; a token id outside [-1, T) is
/// IdOutOfRange.
core::Result<std::vector<double>>
weighTokens(const semantics::RouterSpec &spec, std::span<const double> scores,
            std::span<const int32_t> ids, int64_t numExperts,
            std::span<const double> expertScale = {});

struct Routed {
  std::vector<int32_t> ids;    ///< [T, slots], or [E, C]
  std::vector<double> weights; ///< as the ids
  std::vector<double> scores;  ///< [T, E], rounded to the score type
};
/// All clauses of a router over logits [T, E]. The scores are rounded to
/// `scoreType` before anything reads them: f32 unless the op says otherwise,
/// f64 for an exact run. Of expert_top_k, the spec's topK is C.
core::Result<Routed> route(const semantics::RouterSpec &spec,
                           std::span<const double> logits,
                           const SelectOperands &operands, int64_t numExperts,
                           core::DType scoreType,
                           std::span<const double> expertScale = {});

/// The order in which slots claim an expert's places; ties in the order of the
/// slots, NaN last.
enum class CapacityOrder : uint32_t {
  TokenMajor = 0, ///< every slot of a token before the next token
  RankMajor = 1,  ///< every token's first choice before any second
  Priority = 2,   ///< by ranks, tokens of a rank by descending priority
  Weight = 3,     ///< by descending weight
};

struct CapacitySpec {
  semantics::CapacityLimit limit;
  CapacityOrder order = CapacityOrder::TokenMajor;
  int64_t scope = 0; ///< tokens that share places; 0: all
  bool recycle = false;
  std::optional<semantics::NormStep> renorm = {};
};
/// `priority` is [T]; `places` the shuffled places of recycle and `scores`
/// [T, E].
struct CapacityOperands {
  std::span<const double> priority = {};
  std::span<const int32_t> places = {};
  std::span<const double> scores = {};
  int64_t numExperts = 0; ///< of the scores
};

struct Capped {
  std::vector<int32_t> ids;    ///< [T, K]
  std::vector<double> weights; ///< [T, K]
};
/// moe.capacity over ids and weights [T, K]. An id below -1 is IdOutOfRange.
core::Result<Capped> capacity(const CapacitySpec &spec,
                              std::span<const int32_t> ids,
                              std::span<const double> weights,
                              int64_t numTokens, int64_t topK,
                              const CapacityOperands &operands = {});

} // namespace moe::reference

#endif // MOE_RUNTIME_REFERENCE_ROUTING_H
