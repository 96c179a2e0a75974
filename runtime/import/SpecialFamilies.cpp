//===- SpecialFamilies.cpp - Families whose layers are more than experts --===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Routers that read through a norm of their own, and experts that compute
// nothing.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/FamilyParts.h"

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// Gemma 4
//===----------------------------------------------------------------------===//

static constexpr std::string_view kGemmaTypes[] = {
    "gemma4", "gemma4_text", "diffusion_gemma", "diffusion_gemma_text"};
static constexpr std::string_view kGemmaBlocks[] = {"model.layers.{l}"};
static constexpr Stack kGemmaStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kGemmaBlocks}};
static constexpr std::string_view kGemmaPerToken[] = {"top_k_experts"};
static constexpr TensorRow kGemmaRouter[] = {
    {Role::Router, "router.proj.weight", "E H"},
    {Role::RouterNorm, "router.scale", "H"},
    {Role::ExpertScale, "router.per_expert_scale", "E"},
};
static constexpr TensorRow kGemmaAround[] = {
    {.role = Role::InputNorm,
     .name = "pre_feedforward_layernorm_2.weight",
     .dims = "X",
     .optional = true},
    {.role = Role::OutputNorm,
     .name = "post_feedforward_layernorm_2.weight",
     .dims = "H",
     .optional = true},
};
static constexpr NormPreset kGemmaNorms[] = {
    {.role = Role::RouterNorm,
     .epsilon = "rms_norm_eps",
     .overRootHidden = true},
    {.role = Role::InputNorm, .epsilon = "rms_norm_eps"},
    {.role = Role::OutputNorm, .epsilon = "rms_norm_eps"},
};
static constexpr Requirement kGemmaRequirements[] = {
    {"enable_moe_block", "true"},
};
static constexpr Layout kFusedOrPerExpert[] = {{kFused}, {kPerExpert}};

//===----------------------------------------------------------------------===//
// LongCat
//===----------------------------------------------------------------------===//

static constexpr std::string_view kLongCatTypes[] = {"longcat_flash"};
static constexpr Stack kLongCatStacks[] = {
    {"num_layers", LayerRule::Every, kMlpBlock}};
static constexpr std::string_view kLongCatWidth[] = {"expert_ffn_hidden_size"};
static constexpr std::string_view kLongCatPerToken[] = {"moe_topk"};
static constexpr TensorRow kLongCatRouter[] = {
    {Role::Router, "router.classifier.weight", "E H"},
    {Role::SelectionBias, "router.e_score_correction_bias", "E"},
};
static constexpr Requirement kLongCatRequirements[] = {
    {"zero_expert_type", "identity"},
};

//===----------------------------------------------------------------------===//
// Zaya
//===----------------------------------------------------------------------===//

static constexpr std::string_view kZayaTypes[] = {"zaya"};
static constexpr TensorRow kZayaRouter[] = {
    {Role::Router, "gate.router_mlp.out_proj.weight", "E H"},
    {Role::SelectionBias, "gate.balancing_biases", "E"},
    {Role::RouterIn, "gate.down_proj.weight", "Q H"},
    {Role::RouterInBias, "gate.down_proj.bias", "Q"},
    // The first layer has no state to add.
    {.role = Role::RouterState,
     .name = "gate.router_states_scale",
     .dims = "Q",
     .optional = true},
    {Role::RouterNorm, "gate.router_mlp.norm.weight", "Q"},
    {Role::RouterFc1, "gate.router_mlp.fc1.weight", "Z Q"},
    {Role::RouterFc1Bias, "gate.router_mlp.fc1.bias", "Z"},
    {Role::RouterFc2, "gate.router_mlp.fc2.weight", "Z Q"},
    {Role::RouterFc2Bias, "gate.router_mlp.fc2.bias", "Z"},
};
static constexpr NormPreset kZayaNorms[] = {{.role = Role::RouterNorm,
                                             .epsilon = "rms_norm_eps",
                                             .epsilonByDefault = 1e-5}};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        // The experts' branch, from the residual to the norm behind it; the
        // dense MLP beside it is a layer of its own.
        .name = "Gemma 4",
        .modelTypes = kGemmaTypes,
        .stacks = kGemmaStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kGemmaPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = {.key = "hidden_activation",
                       .byDefault = "gelu_pytorch_tanh"},
        .routerTensors = kGemmaRouter,
        .layouts = kFusedOrPerExpert,
        .requirements = kGemmaRequirements,
        .around = kGemmaAround,
        .norms = kGemmaNorms,
    },
    {
        // A bias of the logits, which some checkpoints have, is not used by the
        // model's own implementation.
        .name = "LongCat-Flash",
        .modelTypes = kLongCatTypes,
        .stacks = kLongCatStacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kLongCatWidth,
        .topK = kLongCatPerToken,
        .router = {.score = ScoreFn::Softmax, .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kLongCatRouter,
        .layouts = kPerExpertOrFused,
        .requirements = kLongCatRequirements,
        .virtualExperts = "zero_expert_num",
        .virtualIdentity = true,
    },
    {
        // The column behind the experts' skips the layer.
        .name = "Zaya",
        .modelTypes = kZayaTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax},
        .activation = kGatedHiddenAct,
        .routerTensors = kZayaRouter,
        .layouts = kFusedOrPerExpert,
        .norms = kZayaNorms,
        .routerWidth = "router_hidden_size",
        .virtualByDefault = 1,
    },
};

std::span<const Family> import::specialFamilies() { return kFamilies; }
