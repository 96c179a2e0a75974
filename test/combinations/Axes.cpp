//===- Axes.cpp - What a layer is combined of -----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/test/combinations/Axes.h"

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/Router.h"

#include <algorithm>

using namespace moe;
using namespace moe::test;
using semantics::NoiseKind;
using semantics::SelectKind;

static Axis sizes() {
  Axis axis{"sizes", {}};
  constexpr int64_t rows[][4] = {
      // E, k, H, I
      {1, 1, 8, 8},      {8, 2, 64, 48},   {13, 3, 37, 29}, {16, 8, 80, 192},
      {577, 32, 17, 19}, {5, 5, 96, 33},   {6, 2, 2880, 7}, {4, 1, 7, 2880},
      {64, 6, 128, 24},  {32, 16, 40, 64},
  };
  for (const auto &[experts, topK, hidden, width] : rows)
    axis.values.push_back(
        {"E=" + std::to_string(experts) + " k=" + std::to_string(topK) +
             " H=" + std::to_string(hidden) + " I=" + std::to_string(width),
         [=](LayerForm &layer) {
           layer.num_experts = experts;
           layer.top_k = topK;
           layer.hidden_size = hidden;
           layer.intermediate_size = width;
         }});
  return axis;
}

static Axis scores() {
  Axis axis{"score", {}};
  for (const semantics::ScoreRow &row : semantics::scoreFns())
    axis.values.push_back({std::string(row.name), [&row](LayerForm &layer) {
                             layer.router.score = row.name;
                           }});
  return axis;
}

/// As many equal groups as the experts' smallest divisor allows, and as few of
/// them kept as hold top_k experts.
static void addGroups(LayerForm &layer, int64_t topSum, const char *fill) {
  const int64_t experts = layer.candidates();
  int64_t count = 2;
  while (count < experts && experts % count)
    ++count;
  if (experts < 2)
    return;
  int64_t size = experts / count;
  layer.router.groups = {count, (layer.top_k + size - 1) / size,
                         std::min(topSum, size), fill};
}

static Axis activationRows() {
  Axis axis{"activation", {}};
  for (const semantics::ActivationRow &row : semantics::activations())
    axis.values.push_back({std::string(row.name), [&row](LayerForm &layer) {
                             layer.activation.name = row.name;
                             for (const auto &param : row.params)
                               if (param.required)
                                 layer.activation.params.emplace_back(
                                     param.name, 1.5);
                           }});
  return axis;
}

static void setSelect(LayerForm &layer, SelectKind kind, double bound) {
  layer.select.kind = kind;
  layer.select.bound = bound;
}

std::vector<Axis> test::layerAxes() {
  using Form = LayerForm &;
  auto none = [](Form) {};
  return {
      sizes(),
      scores(),
      {"score dtype",
       {{"f32", none},
        {"bf16", [](Form layer) { layer.router.score_dtype = "bf16"; }}}},
      {"biases",
       {{"none", none},
        {"of logits", [](Form layer) { layer.router.logits_bias = true; }},
        {"of selection",
         [](Form layer) { layer.router.selection_bias = true; }},
        {"both",
         [](Form layer) {
           layer.router.logits_bias = layer.router.selection_bias = true;
         }}}},
      {"always on",
       {{"none", none},
        {"2, joint", [](Form layer) { layer.select.always = 2; }},
        {"1, apart",
         [](Form layer) {
           layer.select.always = 1;
           layer.apart = true;
         }}}},
      {"virtual experts",
       {{"none", none},
        {"identity", [](Form layer) { layer.identity_experts = 2; }},
        {"zero", [](Form layer) { layer.zero_experts = 1; }},
        {"both",
         [](Form layer) { layer.identity_experts = layer.zero_experts = 1; }}}},
      {"groups",
       {{"none", none},
        {"maximum, -inf", [](Form layer) { addGroups(layer, 1, "-inf"); }},
        {"sum of 2, -inf", [](Form layer) { addGroups(layer, 2, "-inf"); }},
        {"sum of 2, 0", [](Form layer) { addGroups(layer, 2, "0"); }}}},
      {"select",
       {{"top_k", none},
        {"top_p", [](Form layer) { setSelect(layer, SelectKind::TopP, 0.4); }},
        {"threshold",
         [](Form layer) { setSelect(layer, SelectKind::Threshold, 0.3); }},
        {"all", [](Form layer) { setSelect(layer, SelectKind::All, 0); }},
        {"expert_top_k",
         [](Form layer) { setSelect(layer, SelectKind::ExpertTopK, 0); }}}},
      {"noise",
       {{"none", none},
        {"gumbel", [](Form layer) { layer.select.noise = NoiseKind::Gumbel; }},
        {"second_gumbel",
         [](Form layer) { layer.select.noise = NoiseKind::SecondGumbel; }},
        {"second_bernoulli",
         [](Form layer) { layer.select.noise = NoiseKind::SecondBernoulli; }}}},
      {"normalize",
       {{"none", none},
        {"l1", [](Form layer) { layer.router.normalize = {{"l1"}}; }},
        {"l1 + eps",
         [](Form layer) { layer.router.normalize = {{"l1", 1e-9, "add"}}; }},
        {"l1 max eps",
         [](Form layer) { layer.router.normalize = {{"l1", 1e-9, "max"}}; }},
        {"softmax", [](Form layer) { layer.router.normalize = {{"softmax"}}; }},
        {"sigmoid, l1",
         [](Form layer) { layer.router.normalize = {{"sigmoid"}, {"l1"}}; }},
        {"masked_softmax",
         [](Form layer) {
           layer.router.normalize = {{"masked_softmax"}};
           layer.norm_param = 0.2;
         }},
        {"l2",
         [](Form layer) {
           layer.router.normalize = {{"lp"}};
           layer.norm_param = 2;
         }},
        {"l3 + eps",
         [](Form layer) {
           layer.router.normalize = {{"lp", 1e-3, "add"}};
           layer.norm_param = 3;
         }}}},
      {"scale",
       {{"1", none},
        {"2.5", [](Form layer) { layer.router.scale = 2.5; }},
        {"of experts", [](Form layer) { layer.expert_scale = true; }}}},
      {"capacity",
       {{"none", none},
        {"3", [](Form layer) { layer.capacity = {3, {}}; }},
        {"5", [](Form layer) { layer.capacity = {5, {}}; }},
        {"a share",
         [](Form layer) {
           layer.capacity = {0, {}};
           layer.overflow.share = "ceil(T * 5 / 16) minimum 2 multiple_of 2";
         }},
        {"4 of 8 tokens",
         [](Form layer) {
           layer.capacity = {4, {}};
           layer.overflow.scope = 8;
         }}}},
      {"claim order",
       {{"token_major", none},
        {"rank_major", [](Form layer) { layer.overflow.order = "rank_major"; }},
        {"priority", [](Form layer) { layer.overflow.order = "priority"; }},
        {"weight", [](Form layer) { layer.overflow.order = "weight"; }}}},
      {"overflow",
       {{"drop", none},
        {"recycle", [](Form layer) { layer.overflow.recycle = true; }},
        {"drop, l1",
         [](Form layer) { layer.overflow.renorm = "l1(eps 1.0e-7 max)"; }},
        {"drop, l2",
         [](Form layer) {
           layer.overflow.renorm = "lp(2.0, eps 1.0e-7 max)";
         }}}},
      {"layout",
       {{"ragged", none},
        {"aligned<4>", [](Form layer) { layer.layout = "aligned<4>"; }},
        {"padded", [](Form layer) { layer.layout = "padded"; }},
        {"dense", [](Form layer) { layer.layout = "dense"; }}}},
      {"weighed",
       {{"at combine", none},
        {"at dispatch", [](Form layer) { layer.weigh_at = WeighAt::Dispatch; }},
        {"inside", [](Form layer) { layer.weigh_at = WeighAt::Hidden; }}}},
      {"combine order",
       {{"slot", none},
        {"expert", [](Form layer) { layer.combine_order = "expert"; }}}},
      activationRows(),
      {"expert bias",
       {{"no", none}, {"yes", [](Form layer) { layer.expert_bias = true; }}}},
      {"LoRA",
       {{"none", none}, {"rank 3", [](Form layer) { layer.lora_rank = 3; }}}},
      {"shared experts",
       {{"none", none},
        {"plain", [](Form layer) { layer.shared_experts = {23, false}; }},
        {"gated", [](Form layer) { layer.shared_experts = {32, true}; }}}},
      {"dtypes",
       {{"f32", none},
        {"bf16", [](Form layer) { layer.dtype = "bf16"; }},
        {"f16", [](Form layer) { layer.dtype = "f16"; }},
        {"f32 by bf16", [](Form layer) { layer.weight_dtype = "bf16"; }}}},
      {"written as",
       {{"IR", none},
        {"LayerSpec", [](Form layer) { layer.from_spec = true; }}}},
  };
}

LayerForm test::layerOf(const std::vector<Axis> &axes,
                        const Combination &chosen) {
  LayerForm layer;
  layer.max_tokens = 1024;
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i].values[chosen[i]].apply(layer);
  if (layer.capacity)
    layer.capacity->order = layer.overflow.order;
  return layer;
}

std::string test::nameOf(const std::vector<Axis> &axes,
                         const Combination &chosen) {
  std::string name;
  for (size_t i = 0; i < axes.size(); ++i)
    name += (i ? ", " : "") + (i ? axes[i].name + " " : "") +
            axes[i].values[chosen[i]].name;
  return name;
}

/// Whether a sum of weights that a norm divides by may be next to zero.
static bool dividesByNothing(const LayerForm &layer) {
  // Logits have both signs and may cancel; relu may leave nothing.
  const std::string &score = layer.router.score;
  const std::vector<LayerSpec::Norm> &steps = layer.router.normalize;
  if (!steps.empty()) {
    const LayerSpec::Norm &norm = steps.front();
    if (norm.kind == "l1" && score == "identity")
      return true;
    if ((norm.kind == "l1" || norm.kind == "lp") && score == "relu" &&
        norm.eps_mode.empty())
      return true;
  }
  return layer.overflow.renorm.starts_with("l1") && score == "identity" &&
         (layer.apart || steps.empty() || steps.front().kind == "lp");
}

bool test::isMeaningful(const LayerForm &layer) {
  if (semantics::verifyRouter(routerOf(layer), layer.columns()) ||
      dividesByNothing(layer) || (layer.from_spec && layer.needsIr()))
    return false;
  // An expert in two ops has rows of its own between them: moe-lower-virtual
  // and moe-normalize-groups say that they want rows that are tokens'.
  const bool hasVirtual = layer.identity_experts || layer.zero_experts;
  if (layer.weigh_at == WeighAt::Hidden &&
      (hasVirtual || layer.layout != "ragged"))
    return false;
  // Where experts pick tokens, a slot is none of a token's.
  if (layer.isByExpert() &&
      (hasVirtual || layer.capacity || layer.layout != "ragged" ||
       layer.weigh_at == WeighAt::Hidden))
    return false;
  const LayerForm::Overflow &overflow = layer.overflow;
  if (!layer.capacity)
    return overflow.order == "token_major" && !overflow.recycle &&
           overflow.renorm.empty() && layer.layout != "padded";
  const bool isNumber = overflow.share.empty() && overflow.scope == 0;
  if (layer.layout == "padded" && !isNumber)
    return false;
  // Recycled slots may give a token an expert twice, which dense rows have no
  // place for, and orders by value leave no places.
  return !overflow.recycle ||
         (isNumber && layer.layout != "dense" && overflow.order != "priority" &&
          overflow.order != "weight");
}
