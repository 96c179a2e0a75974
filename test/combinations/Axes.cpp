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
#include <random>
#include <set>

using namespace moe;
using namespace moe::test;

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
         [=](LayerSpec &spec) {
           spec.num_experts = experts;
           spec.top_k = topK;
           spec.hidden_size = hidden;
           spec.intermediate_size = width;
         }});
  return axis;
}

static Axis scores() {
  Axis axis{"score", {}};
  for (const semantics::ScoreRow &row : semantics::scoreFns())
    axis.values.push_back({std::string(row.name), [&row](LayerSpec &spec) {
                             spec.router.score = row.name;
                           }});
  return axis;
}

/// As many equal groups as the experts' smallest divisor allows, and as few of
/// them kept as hold top_k experts.
static void addGroups(LayerSpec &spec, int64_t topSum, const char *fill) {
  int64_t count = 2;
  while (count < spec.num_experts && spec.num_experts % count)
    ++count;
  if (spec.num_experts < 2)
    return;
  int64_t size = spec.num_experts / count;
  spec.router.groups = {count, (spec.top_k + size - 1) / size,
                        std::min(topSum, size), fill};
}

static Axis activationRows() {
  Axis axis{"activation", {}};
  for (const semantics::ActivationRow &row : semantics::activations())
    axis.values.push_back({std::string(row.name), [&row](LayerSpec &spec) {
                             spec.activation.name = row.name;
                             for (const auto &param : row.params)
                               if (param.required)
                                 spec.activation.params.emplace_back(param.name,
                                                                     1.5);
                           }});
  return axis;
}

std::vector<Axis> test::layerAxes() {
  using Spec = LayerSpec &;
  auto none = [](Spec) {};
  return {
      sizes(),
      scores(),
      {"score dtype",
       {{"f32", none},
        {"bf16", [](Spec spec) { spec.router.score_dtype = "bf16"; }}}},
      {"biases",
       {{"none", none},
        {"of logits", [](Spec spec) { spec.router.logits_bias = true; }},
        {"of selection", [](Spec spec) { spec.router.selection_bias = true; }},
        {"both",
         [](Spec spec) {
           spec.router.logits_bias = spec.router.selection_bias = true;
         }}}},
      {"groups",
       {{"none", none},
        {"maximum, -inf", [](Spec spec) { addGroups(spec, 1, "-inf"); }},
        {"sum of 2, -inf", [](Spec spec) { addGroups(spec, 2, "-inf"); }},
        {"sum of 2, 0", [](Spec spec) { addGroups(spec, 2, "0"); }}}},
      {"normalize",
       {{"none", none},
        {"l1", [](Spec spec) { spec.router.normalize = {{"l1"}}; }},
        {"l1 + eps",
         [](Spec spec) { spec.router.normalize = {{"l1", 1e-9, "add"}}; }},
        {"l1 max eps",
         [](Spec spec) { spec.router.normalize = {{"l1", 1e-9, "max"}}; }},
        {"softmax", [](Spec spec) { spec.router.normalize = {{"softmax"}}; }},
        {"sigmoid, l1",
         [](Spec spec) { spec.router.normalize = {{"sigmoid"}, {"l1"}}; }}}},
      {"scale",
       {{"1", none}, {"2.5", [](Spec spec) { spec.router.scale = 2.5; }}}},
      {"capacity",
       {{"none", none},
        {"3, token major",
         [](Spec spec) { spec.capacity = {3, "token_major"}; }},
        {"5, rank major",
         [](Spec spec) { spec.capacity = {5, "rank_major"}; }}}},
      activationRows(),
      {"expert bias",
       {{"no", none}, {"yes", [](Spec spec) { spec.expert_bias = true; }}}},
      {"shared experts",
       {{"none", none},
        {"plain", [](Spec spec) { spec.shared_experts = {23, false}; }},
        {"gated", [](Spec spec) { spec.shared_experts = {32, true}; }}}},
      {"dtypes",
       {{"f32", none},
        {"bf16", [](Spec spec) { spec.dtype = "bf16"; }},
        {"f16", [](Spec spec) { spec.dtype = "f16"; }},
        {"f32 by bf16", [](Spec spec) { spec.weight_dtype = "bf16"; }}}},
  };
}

LayerSpec test::layerOf(const std::vector<Axis> &axes,
                        const Combination &chosen) {
  LayerSpec spec;
  spec.max_tokens = 1024;
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i].values[chosen[i]].apply(spec);
  return spec;
}

std::string test::nameOf(const std::vector<Axis> &axes,
                         const Combination &chosen) {
  std::string name;
  for (size_t i = 0; i < axes.size(); ++i)
    name += (i ? ", " : "") + (i ? axes[i].name + " " : "") +
            axes[i].values[chosen[i]].name;
  return name;
}

bool test::isMeaningful(const LayerSpec &spec) {
  if (spec.router.normalize.empty())
    return true;
  const std::string &score = spec.router.score;
  const LayerSpec::Norm &norm = spec.router.normalize.front();
  // These take logits: moe.route refuses them after a score.
  if (norm.kind != "l1")
    return score == "identity";
  // Logits of both signs may cancel; relu may leave a sum of 0.
  return score != "identity" && (score != "relu" || !norm.eps_mode.empty());
}

std::vector<Combination> test::coverPairs(const std::vector<Axis> &axes) {
  using Value = std::pair<size_t, size_t>; // axis, value
  std::set<std::pair<Value, Value>> open;
  for (size_t a = 0; a < axes.size(); ++a)
    for (size_t b = a + 1; b < axes.size(); ++b)
      for (size_t i = 0; i < axes[a].values.size(); ++i)
        for (size_t j = 0; j < axes[b].values.size(); ++j)
          open.insert({{a, i}, {b, j}});
  auto covers = [&](const Combination &chosen) {
    std::vector<std::pair<Value, Value>> pairs;
    for (size_t a = 0; a < axes.size(); ++a)
      for (size_t b = a + 1; b < axes.size(); ++b)
        if (std::pair pair{Value{a, chosen[a]}, Value{b, chosen[b]}};
            open.count(pair))
          pairs.push_back(pair);
    return pairs;
  };
  std::mt19937 random(1); // its values are the same everywhere
  std::vector<Combination> all;
  while (!open.empty()) {
    // The best of some that hold the first open pair; none: it has no meaning.
    const auto [first, second] = *open.begin();
    Combination best;
    size_t most = 0;
    for (int trial = 0; trial < 60; ++trial) {
      Combination chosen;
      for (const Axis &axis : axes)
        chosen.push_back(random() % axis.values.size());
      chosen[first.first] = first.second;
      chosen[second.first] = second.second;
      if (!isMeaningful(layerOf(axes, chosen)))
        continue;
      if (size_t count = covers(chosen).size(); count > most) {
        most = count;
        best = chosen;
      }
    }
    if (best.empty()) {
      open.erase(open.begin());
      continue;
    }
    for (const auto &pair : covers(best))
      open.erase(pair);
    all.push_back(best);
  }
  return all;
}
