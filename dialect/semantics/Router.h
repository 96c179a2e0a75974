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

/// How an epsilon enters a norm.
enum class EpsMode : uint32_t {
  None = 0,
  Add = 1, ///< sum + eps
  Max = 2, ///< max(sum, eps)
};

enum class NormKind : uint32_t {
  Softmax = 0, ///< over the kept values
  Sigmoid = 1, ///< of each kept value
  L1 = 2,      ///< divided by the sum of the kept values
};

/// One step of `normalize`, over the kept values of a token; slots with id -1
/// take no part and stay 0.
struct NormStep {
  NormKind kind = NormKind::L1;
  double eps = 0;
  EpsMode epsMode = EpsMode::None;
};
struct NormRow {
  NormKind id;
  std::string_view name;
};
std::span<const NormRow> normKinds();
const NormRow &lookup(NormKind id);
std::optional<NormKind> normKindFromName(std::string_view name);

/// The clauses of moe.route.
struct RouterSpec {
  ScoreFn score = ScoreFn::Identity;
  bool hasBias = false;
  std::optional<GroupLimit> groups = {};
  int64_t topK = 1;
  std::vector<NormStep> normalize = {};
  double scale = 1.0;
};

/// The first rule that the groups clause breaks for E experts and k picks, or
/// nothing. The text is a diagnostic without its subject: "expects ...". Rules
/// route_c2 and route_c3 of moe.route.
std::optional<std::string> verifyGroups(const GroupLimit &groups,
                                        int64_t numExperts, int64_t topK);
/// The same for a whole router over `numExperts` logits: also route_c5 to
/// route_c7.
std::optional<std::string> verifyRouter(const RouterSpec &spec,
                                        int64_t numExperts);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_ROUTER_H
