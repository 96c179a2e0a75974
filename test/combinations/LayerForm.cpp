//===- LayerForm.cpp - A layer of any form --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/test/combinations/LayerForm.h"

#include <algorithm>

using namespace moe;
using namespace moe::test;

std::vector<LayerInput> test::inputsOf(const LayerForm &layer) {
  std::vector<LayerInput> inputs;
  if (layer.select.noise == semantics::NoiseKind::SecondBernoulli)
    inputs.push_back({"noise", DType::F32, {-1}, {"T"}});
  else if (layer.select.noise != semantics::NoiseKind::None)
    inputs.push_back(
        {"noise", DType::F32, {-1, layer.candidates()}, {"T", "N"}});
  if (layer.expert_scale)
    inputs.push_back({"factors", DType::F32, {layer.columns()}, {"C"}});
  if (layer.capacity && layer.overflow.order == "priority")
    inputs.push_back({"priority", DType::F32, {-1}, {"T"}});
  if (layer.overflow.recycle)
    inputs.push_back(
        {"places",
         DType::I32,
         {std::min<int64_t>(layer.columns() * layer.capacity->per_expert, 40)},
         {"P"}});
  return inputs;
}

semantics::RouterSpec test::routerOf(const LayerForm &layer) {
  semantics::RouterSpec spec;
  if (!layer.router.score.empty())
    spec.score = *semantics::scoreFnFromName(layer.router.score);
  spec.hasBias = layer.router.selection_bias;
  if (const auto &groups = layer.router.groups)
    spec.groups = {groups->count, groups->keep, groups->top_sum,
                   groups->fill == "0" ? semantics::GroupFill::Zero
                                       : semantics::GroupFill::NegInf};
  spec.topK = layer.picks();
  spec.select = layer.select;
  for (const LayerSpec::Norm &norm : layer.router.normalize) {
    semantics::NormStep step{.kind = *semantics::normKindFromName(norm.kind),
                             .eps = norm.eps};
    if (!norm.eps_mode.empty())
      step.epsMode = norm.eps_mode == "add" ? semantics::EpsMode::Add
                                            : semantics::EpsMode::Max;
    if (!semantics::lookup(step.kind).param.empty())
      step.param = layer.norm_param;
    spec.normalize.push_back(step);
  }
  spec.scale = layer.router.scale;
  spec.apart = layer.apart ? layer.select.always : 0;
  return spec;
}

bool LayerForm::needsIr() const {
  return select.kind != semantics::SelectKind::TopK || select.always ||
         select.noise != semantics::NoiseKind::None || norm_param ||
         expert_scale || identity_experts || zero_experts || lora_rank ||
         (capacity &&
          (capacity->order == "priority" || capacity->order == "weight")) ||
         !overflow.share.empty() || overflow.scope || overflow.recycle ||
         !overflow.renorm.empty() || layout != "ragged" ||
         combine_order != "slot" || weigh_at != WeighAt::Combine;
}

Source LayerForm::source() const {
  return from_spec ? Source::layer(*this) : Source::text(irOf(*this));
}
