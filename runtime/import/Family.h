//===- Family.h - What is known of a family of models -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row a family: which keys of config.json it goes by, how it routes, where
// its tensors are and how they lie. Adding a model is adding a row; code is
// needed only for a kind of thing that no row has had before.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_FAMILY_H
#define MOE_RUNTIME_IMPORT_FAMILY_H

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/QuantFormat.h"
#include "moe/dialect/semantics/Router.h"

#include <optional>
#include <span>
#include <string_view>

namespace moe::import {

/// What a tensor is to the layer. In comments: the canonical dimensions.
enum class Role : unsigned {
  Router,        ///< C Q
  RouterBias,    ///< C, part of the logits
  SelectionBias, ///< B, added to scores for the selection only
  Gate,          ///< E I H
  Up,            ///< E I H
  Down,          ///< E H I
  GateBias,      ///< E I
  UpBias,        ///< E I
  DownBias,      ///< E H
  SharedGate,    ///< S H
  SharedUp,      ///< S H
  SharedDown,    ///< H S
  SharedRouter,  ///< 1 H, whose sigmoid weighs the shared experts
  OutputBias,    ///< H, added to what the layer gives
  RouterNorm,    ///< Q, of the norm through which the router reads
  LatentIn,      ///< X H, in front of the experts
  LatentOut,     ///< H X, behind their sum
  InputNorm,     ///< X, of the norm through which the experts read
  ExpertNorm,    ///< X, of the norm of what each expert gives
  OutputNorm,    ///< H, of the norm of what the layer gives
  Mix,           ///< 2 H, whose softmax weighs routed and shared experts
  MixBias,       ///< 2
  ExpertScale,   ///< E, what the weights are multiplied by
  RouterIn,      ///< Q H, of a router that is an MLP: from hidden to its state
  RouterInBias,  ///< Q
  RouterState,   ///< Q, by which the previous layer's state is added to it
  RouterFc1,     ///< Z Q
  RouterFc1Bias, ///< Z
  RouterFc2,     ///< Z Q
  RouterFc2Bias, ///< Z
  IdTable,       ///< V K, integers: the experts of a token by its token id
  WeightScale,   ///< 1, what all weights are multiplied by
  AlwaysGate,    ///< A I X, of the experts that every token goes to
  AlwaysUp,      ///< A I X
  AlwaysDown,    ///< A X I
};
inline constexpr unsigned kNumRoles = 35;

struct RoleRow {
  Role id;
  std::string_view name;   ///< of the parameter in the IR
  std::string_view tensor; ///< of a layer that is described by hand
  std::string_view dims;   ///< canonical, in the letters below
  /// A projection of experts: what quantized checkpoints quantize.
  bool quantizable = false;
  /// Holds ids of experts, i32 or i64.
  bool integer = false;
};
const RoleRow &lookup(Role role);

/// Which half of a dimension of two joined tensors.
enum class Part { Whole, First, Second, Even, Odd };

/// Where one tensor is stored and how it lies. Letters name sizes: E experts,
/// C columns of the router (as many, unless there are experts that compute
/// nothing or that every token goes to; a router's own tensors may say E for
/// it), A the experts that every token goes to, B the columns without these (E
/// too), V token ids, K experts a token, Q and Z the width that
/// the router works in (hidden, unless it is an MLP; its tensors may say H), H
/// hidden, X the width that experts work in (hidden, unless there are
/// projections around them; an expert's own tensors may say H for it), I
/// intermediate, S intermediate of the shared experts, P two, 1 one.
struct TensorRow {
  Role role;
  /// Below the block, or beside it with "../"; `{e}` is an expert's number,
  /// `{e+E}` its number behind as many others.
  std::string_view name;
  /// Stored dimensions: "I H"; "E 2I H" or "E 2 I H" holds two tensors, of
  /// which `part` says which; "(E I) H" is one dimension of E*I; a 1 that the
  /// canonical dimensions lack is dropped.
  std::string_view dims;
  Part part = Part::Whole;
  /// A key of config.json without which, or with false, there is no such
  /// tensor.
  std::string_view onlyIf = {};
  /// Checkpoints without it are of a layer without it.
  bool optional = false;
  /// What it is called where the name is not stored.
  std::string_view alternative = {};
};

/// One way in which a family's experts are stored.
struct Layout {
  std::span<const TensorRow> tensors;
  /// Stored as blocks and scales of this format.
  std::optional<semantics::QuantFormat> format = std::nullopt;
};

/// Which layers of a stack are MoE layers, going by config.json alone.
enum class LayerRule {
  Every,
  /// (l+1) % step == 0, from `first` to `last` (absent or negative: all),
  /// without mlp_only_layers.
  SparseStep,
  /// From `first` on, every step-th.
  AfterDense,
  /// l % step == first.
  Offset,
  /// The l-th character of the text under the key `first` is an 'E'.
  Pattern,
  /// T5: l % step == 1, or all with step 1; the step is a key or follows from
  /// how many sparse layers there are.
  EncoderStep,
  DecoderStep,
};

/// A row of layers that are numbered together.
struct Stack {
  std::string_view numLayers; ///< key
  LayerRule rule;
  /// Where the block is, `{l}` being the layer, in order of preference. What
  /// begins with "model." is also looked for where multimodal models have it.
  std::span<const std::string_view> blocks;
  /// Keys of the rule; the step is 1 where it is absent. A list of words under
  /// mlp_layer_types, "sparse" or "dense", goes before any rule but those of
  /// T5.
  std::string_view step = {}, first = {}, last = {};
  /// Instead of the family's, where it has its own.
  std::span<const std::string_view> width = {};
  std::span<const TensorRow> routerTensors = {};
  std::span<const Layout> layouts = {};
};

/// Keys of config.json; of several the first that is there counts. Dots lead
/// into objects and lists; a list holds one value a layer.
using Keys = std::span<const std::string_view>;

/// A key and a value of it, as text.
struct Condition {
  std::string_view key, value;
};

/// Group-limited selection by keys.
struct GroupKeys {
  std::string_view count, keep;
  int64_t topSum = 1;
  semantics::GroupFill fill = semantics::GroupFill::NegInf;
  /// Without it there are no groups.
  std::optional<Condition> onlyIf = std::nullopt;
  /// One group where the keys are absent.
  bool optional = false;
  /// Another key of the count, where that one is absent.
  std::string_view otherCount = {};
};

/// How many rows an expert takes, and who gets them.
struct CapacityKeys {
  /// The number, and what its absence means.
  std::string_view places;
  int64_t placesByDefault = 64;
  /// A key with a share of the tokens, which goes before; from 1 on nothing is
  /// dropped, 0 is none.
  std::string_view share = {};
  double shareByDefault = 0.0;
  /// Every token's first choice comes before any second.
  bool firstChoices = false;
  /// A key with whether, among these, tokens come by their highest score.
  std::string_view byScore = {};
  /// A key without which, or with false, `normalize` comes after the dropping.
  std::string_view normalizeFirst = {};
};

struct RouterPreset {
  semantics::ScoreFn score = semantics::ScoreFn::Identity;
  /// Scores are rounded to the activations' type before anything reads them.
  bool roundScores = false;
  std::optional<GroupKeys> groups = std::nullopt;
  std::span<const semantics::NormStep> normalize = {};
  /// A key that turns the L1 steps of `normalize` on, and what its absence
  /// means.
  std::string_view normalizeIf = {};
  bool normalizeByDefault = false;
  std::string_view scale = {}; ///< key
  double scaleByDefault = 1.0;
  /// The scale is of the sum over the experts: weights are given without it.
  bool scaleSum = false;
  /// The sum is multiplied by the experts of a token, and weights divided.
  bool scaleByTopK = false;
  /// Keys: logits are multiplied by the one and then bent by the other, c, to
  /// c * tanh(l / c); 0 is not at all.
  std::string_view logitScale = {};
  double logitScaleByDefault = 1.0;
  std::string_view logitCap = {};
  /// A key with the epsilon of `normalize`.
  std::string_view epsilon = {};
  /// Weights multiply what goes into an expert, not what it gives.
  bool weighInput = false;
  std::optional<CapacityKeys> capacity = std::nullopt;
  /// A key with how much of the sum is lost to a dropout that is also taken at
  /// inference, and what its absence means.
  std::string_view sumDropout = {};
  double sumDropoutByDefault = 0.0;
};

/// How the experts' activation is found.
struct ActivationPreset {
  /// A key with the name of a plain activation, and what its absence means.
  std::string_view key = {};
  std::string_view byDefault = {};
  /// The activation gates a second projection.
  bool gated = true;
  /// Instead of a key: a row of the table with parameters from keys.
  std::optional<semantics::Activation> fixed = std::nullopt;
  std::string_view alphaKey = {}, betaKey = {}, limitKey = {};
  double alpha = 0, beta = 0, limit = 0;
  /// What it is where the limit is 0, which is none.
  std::optional<semantics::Activation> unlimited = std::nullopt;
};

/// A key that may have only these values; absent is fine. Anything else changes
/// what the layer computes.
struct Requirement {
  std::string_view key;
  std::string_view value; ///< empty: the key must be absent
  std::string_view orValue = {};
};

/// Experts that every token goes to, as one MLP of the activation's kind.
struct SharedPreset {
  std::span<const TensorRow> tensors = {};
  /// Where the first of those is not stored.
  std::span<const TensorRow> otherwise = {};
  /// How wide one is, 0 being none; empty: as wide as the others.
  std::string_view width = {};
  /// How many there are; empty: one. And what its absence means.
  std::string_view count = {};
  int64_t countByDefault = 0;
  /// Where it is not the experts'.
  std::optional<ActivationPreset> activation = std::nullopt;
  /// A key that says "sum" or "average" of routed and shared; absent: average.
  std::string_view combination = {};
};

/// A root-mean-square norm, with the role of its weight.
struct NormPreset {
  Role role;
  std::string_view epsilon; ///< key
  double epsilonByDefault = 1e-6;
  /// Stored weights are one less than what multiplies.
  bool weightFromOne = false;
  /// Weights multiply before the mean is taken.
  bool weightFirst = false;
  /// Times hidden to the power of -1/2.
  bool overRootHidden = false;
};

struct Family {
  std::string_view name;
  std::span<const std::string_view> modelTypes;
  std::span<const Stack> stacks;
  Keys hidden, experts, width;
  /// Empty: `topKByDefault` experts a token.
  Keys topK;
  RouterPreset router;
  ActivationPreset activation;
  /// The router's tensors, the projection first: its presence makes a layer.
  std::span<const TensorRow> routerTensors;
  /// In order of preference; the first is that of the released checkpoints.
  std::span<const Layout> layouts;
  SharedPreset shared = {};
  std::span<const Requirement> requirements = {};
  /// A key with the width that experts work in; absent or null: hidden.
  Keys latent = {};
  /// Tensors of norms and projections around the experts.
  std::span<const TensorRow> around = {};
  std::span<const NormPreset> norms = {};
  /// A key with the width of a router that is an MLP.
  std::string_view routerWidth = {};
  /// A key with how many columns of the router are of no expert, and what its
  /// absence means; whether these give back what went in.
  std::string_view virtualExperts = {};
  int64_t virtualByDefault = 0;
  bool virtualIdentity = false;
  int64_t topKByDefault = 1;
  /// A key with how many columns behind those are of experts that every token
  /// goes to, with weights normalized as the others'.
  std::string_view alwaysExperts = {};
  std::span<const Layout> always = {};
  /// A key with how many layers, or whose words "hash_moe" say which, take
  /// their experts from a table (Role::IdTable).
  std::string_view tableLayers = {};
  /// Of several rows of a model type, which one it is.
  std::optional<Condition> onlyIf = std::nullopt;
};

std::span<const Family> families();

/// An activation as config.json names it, plain and as the gate of a second
/// projection.
struct ActivationName {
  std::string_view name;
  semantics::Activation plain;
  std::optional<semantics::Activation> gated;
};
std::span<const ActivationName> activationNames();

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_FAMILY_H
