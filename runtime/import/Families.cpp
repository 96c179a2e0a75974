//===- Families.cpp - What all families have in common -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The families themselves are in files of their own, by what their scores are.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/FamilyParts.h"

#include <vector>

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

static constexpr RoleRow kRoles[kNumRoles] = {
    {Role::Router, "router", "router.weight", "C Q"},
    {Role::RouterBias, "router_bias", "router.bias", "C"},
    {Role::SelectionBias, "selection_bias", "router.selection_bias", "B"},
    {Role::Gate, "gate", "experts.gate.weight", "E I X", true},
    {Role::Up, "up", "experts.up.weight", "E I X", true},
    {Role::Down, "down", "experts.down.weight", "E X I", true},
    {Role::GateBias, "gate_bias", "experts.gate.bias", "E I"},
    {Role::UpBias, "up_bias", "experts.up.bias", "E I"},
    {Role::DownBias, "down_bias", "experts.down.bias", "E X"},
    {Role::SharedGate, "shared_gate", "shared.gate.weight", "S H", true},
    {Role::SharedUp, "shared_up", "shared.up.weight", "S H", true},
    {Role::SharedDown, "shared_down", "shared.down.weight", "H S", true},
    {Role::SharedRouter, "shared_router", "shared.router.weight", "1 H"},
    {Role::OutputBias, "output_bias", "output.bias", "H"},
    {Role::RouterNorm, "router_norm", "router.norm.weight", "Q"},
    {Role::LatentIn, "latent_in", "latent.in.weight", "X H"},
    {Role::LatentOut, "latent_out", "latent.out.weight", "H X"},
    {Role::InputNorm, "input_norm", "experts.input_norm.weight", "X"},
    {Role::ExpertNorm, "expert_norm", "experts.norm.weight", "X"},
    {Role::OutputNorm, "output_norm", "output.norm.weight", "H"},
    {Role::Mix, "mix", "mix.weight", "P H"},
    {Role::MixBias, "mix_bias", "mix.bias", "P"},
    {Role::ExpertScale, "expert_scale", "experts.scale", "E"},
    {Role::RouterIn, "router_in", "router.in.weight", "Q H"},
    {Role::RouterInBias, "router_in_bias", "router.in.bias", "Q"},
    {Role::RouterState, "router_state", "router.state.weight", "Q"},
    {Role::RouterFc1, "router_fc1", "router.fc1.weight", "Z Q"},
    {Role::RouterFc1Bias, "router_fc1_bias", "router.fc1.bias", "Z"},
    {Role::RouterFc2, "router_fc2", "router.fc2.weight", "Z Q"},
    {Role::RouterFc2Bias, "router_fc2_bias", "router.fc2.bias", "Z"},
    {Role::IdTable, "id_table", "router.id_table", "V K", false, true},
    {Role::WeightScale, "weight_scale", "router.weight_scale", "1"},
    {Role::AlwaysGate, "always_gate", "always.gate.weight", "A I X", true},
    {Role::AlwaysUp, "always_up", "always.up.weight", "A I X", true},
    {Role::AlwaysDown, "always_down", "always.down.weight", "A X I", true},
};

const RoleRow &import::lookup(Role role) {
  return kRoles[static_cast<unsigned>(role)];
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

std::span<const Family> import::families() {
  static const std::vector<Family> all = [] {
    std::vector<Family> rows;
    for (std::span<const Family> some :
         {softmaxFamilies(), encoderDecoderFamilies(), deepSeekFamilies(),
          sigmoidFamilies(), logitFamilies(), specialFamilies(),
          ggufFamilies()})
      rows.insert(rows.end(), some.begin(), some.end());
    return rows;
  }();
  return all;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

static constexpr ActivationName kActivationNames[] = {
    {"silu", Activation::Silu, Activation::SwiGLU},
    {"swish", Activation::Silu, Activation::SwiGLU},
    {"gelu", Activation::Gelu, Activation::GeGLU},
    {"gelu_new", Activation::GeluTanh, Activation::GeGLUTanh},
    {"gelu_pytorch_tanh", Activation::GeluTanh, Activation::GeGLUTanh},
    {"relu", Activation::Relu, Activation::ReGLU},
    {"relu2", Activation::Relu2, std::nullopt},
};

std::span<const ActivationName> import::activationNames() {
  return kActivationNames;
}
