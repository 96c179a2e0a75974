//===- Router.h - What a router computes ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router is a row of orthogonal clauses applied in pipeline order: score,
// bias, groups, select, normalize, scale. RouterSpec is that row without MLIR,
// shared by moe.route's verifier, the reference, the code generators and the
// importer's presets.
//
// Rules that hold for every router (semantics.md 6.1):
//  * selection score and mixing weight are distinct: the bias takes part in the
//    selection only;
//  * ties go to the lowest index; ids are in descending selection score;
//  * NaN scores are never selected; a row with fewer than k selectable experts
//    gets id -1 and weight 0 in the remaining slots;
//  * scores and weights are computed in f32 (in double by the reference);
//    rounding to a narrower type is always an explicit type in the IR.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_ROUTER_H
#define MOE_DIALECT_SEMANTICS_ROUTER_H

#include "moe/dialect/semantics/Expr.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::semantics {

/// What turns logits into scores.
enum class ScoreFn : uint32_t {
  Identity = 0,
  Softmax = 1, ///< over the experts of a token, with the row maximum subtracted
  Sigmoid = 2,
  SqrtSoftplus = 3, ///< sqrt(log(1 + e^l)); sqrt(l) above 20 (DeepSeek-V4)
  Relu = 4,
};

struct ScoreRow {
  ScoreFn id;
  std::string_view name; ///< as in the IR: "softmax"
  /// Softmax needs the whole row: x0 is the logit less the row's maximum, and
  /// the formula's values are divided by their sum over the row. A row without
  /// a finite maximum or with a NaN is NaN throughout. For the others the score
  /// is `formula` of the logit.
  bool rowWise;
  Expr formula;
};
std::span<const ScoreRow> scoreFns();
const ScoreRow &lookup(ScoreFn id);
std::optional<ScoreFn> scoreFnFromName(std::string_view name);

/// What the experts outside the kept groups count as in the selection.
/// Implementations differ, so there is no default (semantics.md 1C, trap 1).
enum class GroupFill : uint32_t {
  NegInf = 0, ///< never selected
  Zero = 1,   ///< compete with score 0; a NaN stays NaN and never selected
};

/// Group-limited selection: the experts are `numGroups` equal runs; the `keep`
/// groups with the highest group score stay. A group's score is the sum of its
/// `topSum` highest selection scores (1: the maximum). Ties: lowest group. In
/// group scores a NaN counts as -inf: it never makes a group better, and
/// exactly `keep` groups stay.
struct GroupLimit {
  int64_t numGroups = 1;
  int64_t keep = 1;
  int64_t topSum = 1;
  GroupFill fill = GroupFill::NegInf;
};

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// Which experts a token gets.
enum class SelectKind : uint32_t {
  TopK = 0,       ///< the k highest selection scores
  TopP = 1,       ///< of these the fewest whose sum reaches p, at least one
  Threshold = 2,  ///< of these the ones above tau
  All = 3,        ///< every expert, in the order of their indices
  Table = 4,      ///< what a table holds for the token's id
  Extern = 5,     ///< ids that the caller gives
  ExpertTopK = 6, ///< each expert picks the C tokens with its highest scores
};

struct SelectRow {
  SelectKind id;
  std::string_view name; ///< as in the IR: "top_k"
  /// Picks from the highest selection score down: bias, always and noise have a
  /// meaning.
  bool byScore;
  /// What `Selection::bound` is, as a diagnostic names it; empty: it has none.
  std::string_view bound;
};
std::span<const SelectRow> selectKinds();
const SelectRow &lookup(SelectKind id);
std::optional<SelectKind> selectKindFromName(std::string_view name);

/// Randomness of a selection, which is always an operand: the same numbers give
/// the same picks.
enum class NoiseKind : uint32_t {
  None = 0,
  Gumbel = 1,          ///< [T, E], added to the selection scores
  SecondGumbel = 2,    ///< the same from the second pick on (GShard)
  SecondBernoulli = 3, ///< [T]: the second pick stays iff 2 * score > it
};
struct NoiseRow {
  NoiseKind id;
  std::string_view name;
};
/// Without a row for None.
std::span<const NoiseRow> noiseKinds();
std::string_view nameOf(NoiseKind id);
std::optional<NoiseKind> noiseKindFromName(std::string_view name);

struct Selection {
  SelectKind kind = SelectKind::TopK;
  double bound = 0; ///< p or tau
  /// The last `always` columns are no candidates: every token gets them, in
  /// the slots after its picks. A NaN is not selected here either.
  int64_t always = 0;
  NoiseKind noise = NoiseKind::None;
};

/// How many places an expert has among T tokens:
///   max(round(T * numerator / denominator), minimum), rounded up to a multiple
/// of `multipleOf`. A numerator of 0 makes it the number `minimum`. Capacity
/// factors, picks and experts are folded into the ratio, so that the sum is one
/// of integers and the same everywhere.
enum class Rounding : uint32_t {
  Floor = 0,
  Ceil = 1,
  Nearest = 2, ///< a half goes up
};
struct CapacityLimit {
  Rounding rounding = Rounding::Floor;
  int64_t numerator = 0;
  int64_t denominator = 1;
  int64_t minimum = 0;
  int64_t multipleOf = 1;

  bool isNumber() const { return numerator == 0; }
};
std::string_view nameOf(Rounding rounding);
std::optional<Rounding> roundingFromName(std::string_view name);
/// T * numerator + `addend` is divided by `divisor`, rounding down: the
/// rounding as one division of integers.
struct RatioDivision {
  int64_t factor, addend, divisor;
};
RatioDivision divisionOf(const CapacityLimit &limit);
int64_t capacityOf(const CapacityLimit &limit, int64_t tokens);
/// The first rule that a limit breaks: capacity_c2.
std::optional<std::string> verifyLimit(const CapacityLimit &limit);

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// How an epsilon enters a norm.
enum class EpsMode : uint32_t {
  None = 0,
  Add = 1, ///< norm + eps
  Max = 2, ///< max(norm, eps)
};

enum class NormKind : uint32_t {
  Softmax = 0, ///< over the kept values
  Sigmoid = 1, ///< of each kept value
  L1 = 2,      ///< divided by the sum of the kept values
  /// Softmax of a pick over the experts that are not picked in a slot before
  /// it and whose logit l is near the pick's m: not (m - l) / max(|l|, m) >
  /// 2 * param. With two picks this is the sparse mixer of Phi-3.5-MoE.
  MaskedSoftmax = 3,
  Lp = 4, ///< divided by the `param`-norm of the kept values
};

/// One step of `normalize`, over the kept values of a token; slots with id -1
/// take no part and stay 0.
struct NormStep {
  NormKind kind = NormKind::L1;
  double eps = 0;
  EpsMode epsMode = EpsMode::None;
  double param = 0;
};
struct NormRow {
  NormKind id;
  std::string_view name;
  bool ofLogits; ///< it makes scores itself, so that there is no score clause
  bool divides;  ///< by a norm, which an epsilon can enter
  /// What `NormStep::param` is, as a diagnostic names it; empty: it has none.
  std::string_view param;
};
std::span<const NormRow> normKinds();
const NormRow &lookup(NormKind id);
std::optional<NormKind> normKindFromName(std::string_view name);

/// Of a step that divides: its norm is `root` of the sum of `term` of each kept
/// value.
struct NormFormulas {
  Expr term, root;
};
NormFormulas normFormulas(const NormStep &step);

/// The clauses of moe.route.
struct RouterSpec {
  ScoreFn score = ScoreFn::Identity;
  bool hasBias = false;
  std::optional<GroupLimit> groups = {};
  /// Picks: k, or the most that a token can get; of a table or given ids, how
  /// many they hold; of expert_top_k, the tokens of an expert.
  int64_t topK = 1;
  Selection select = {};
  std::vector<NormStep> normalize = {};
  double scale = 1.0;
  /// Normalize and scale leave the last `apart` slots as they are.
  int64_t apart = 0;

  /// Columns of the ids.
  int64_t slots() const { return topK + select.always; }
};

/// The first rule that the groups clause breaks for E experts and k picks, or
/// nothing. The text is a diagnostic without its subject: "expects ...". Rules
/// route_c2 and route_c3 of moe.route.
std::optional<std::string> verifyGroups(const GroupLimit &groups,
                                        int64_t numExperts, int64_t topK);
/// The same for a selection: also route_c9 to route_c11.
std::optional<std::string> verifySelection(const RouterSpec &spec,
                                           int64_t numExperts);
/// The same for what follows the selection: also route_c5 to route_c7 and
/// route_c12.
std::optional<std::string> verifyWeights(const RouterSpec &spec);
/// The same for a whole router over `numExperts` logits.
std::optional<std::string> verifyRouter(const RouterSpec &spec,
                                        int64_t numExperts);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_ROUTER_H
