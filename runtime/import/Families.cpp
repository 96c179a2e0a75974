//===- Families.cpp - The table of families -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each row was checked against what the model's own implementation gives
// (test/data/fixtures). Where implementations of one model differ, a comment
// says which one the row follows.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Family.h"

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;
using Names = std::string_view[];

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

static constexpr RoleRow kRoles[kNumRoles] = {
    {Role::Router, "router", "router.weight", "E H"},
    {Role::RouterBias, "router_bias", "router.bias", "E"},
    {Role::SelectionBias, "selection_bias", "router.selection_bias", "E"},
    {Role::Gate, "gate", "experts.gate.weight", "E I H", true},
    {Role::Up, "up", "experts.up.weight", "E I H", true},
    {Role::Down, "down", "experts.down.weight", "E H I", true},
    {Role::GateBias, "gate_bias", "experts.gate.bias", "E I"},
    {Role::UpBias, "up_bias", "experts.up.bias", "E I"},
    {Role::DownBias, "down_bias", "experts.down.bias", "E H"},
    {Role::SharedGate, "shared_gate", "shared.gate.weight", "S H", true},
    {Role::SharedUp, "shared_up", "shared.up.weight", "S H", true},
    {Role::SharedDown, "shared_down", "shared.down.weight", "H S", true},
    {Role::SharedRouter, "shared_router", "shared.router.weight", "1 H"},
};

const RoleRow &import::lookup(Role role) {
  return kRoles[static_cast<unsigned>(role)];
}

//===----------------------------------------------------------------------===//
// What several families share
//===----------------------------------------------------------------------===//

static constexpr std::string_view kHiddenSize[] = {"hidden_size"};
static constexpr std::string_view kIntermediateSize[] = {"intermediate_size"};
static constexpr std::string_view kMoeIntermediateSize[] = {
    "moe_intermediate_size"};
/// transformers 5 writes num_local_experts for all.
static constexpr std::string_view kNumLocalExperts[] = {"num_local_experts",
                                                        "num_experts"};
static constexpr std::string_view kNumExperts[] = {"num_experts",
                                                   "num_local_experts"};
static constexpr std::string_view kPerToken[] = {"num_experts_per_tok"};

static constexpr std::string_view kMlpBlock[] = {"model.layers.{l}.mlp"};

static constexpr TensorRow kGateRouter[] = {
    {Role::Router, "gate.weight", "E H"},
};

/// One linear an expert and projection: what released checkpoints have.
static constexpr TensorRow kPerExpert[] = {
    {Role::Gate, "experts.{e}.gate_proj.weight", "I H"},
    {Role::Up, "experts.{e}.up_proj.weight", "I H"},
    {Role::Down, "experts.{e}.down_proj.weight", "H I"},
};
/// As transformers 5 saves them: gate above up.
static constexpr TensorRow kFused[] = {
    {Role::Gate, "experts.gate_up_proj", "E 2I H", Part::First},
    {Role::Up, "experts.gate_up_proj", "E 2I H", Part::Second},
    {Role::Down, "experts.down_proj", "E H I"},
};
static constexpr Layout kPerExpertOrFused[] = {{kPerExpert}, {kFused}};

static constexpr NormStep kL1[] = {{NormKind::L1, 0, EpsMode::None}};
static constexpr NormStep kL1AddTiny[] = {{NormKind::L1, 1e-20, EpsMode::Add}};
static constexpr NormStep kSoftmaxOfKept[] = {
    {NormKind::Softmax, 0, EpsMode::None}};

static constexpr ActivationPreset kGatedHiddenAct = {.key = "hidden_act",
                                                     .byDefault = "silu"};

//===----------------------------------------------------------------------===//
// Switch Transformers
//===----------------------------------------------------------------------===//

static constexpr std::string_view kSwitchTypes[] = {"switch_transformers"};
static constexpr std::string_view kSwitchEncoder[] = {
    "encoder.block.{l}.layer.1.mlp"};
static constexpr std::string_view kSwitchDecoder[] = {
    "decoder.block.{l}.layer.2.mlp"};
static constexpr Stack kSwitchStacks[] = {
    {"num_layers", LayerRule::EncoderStep, kSwitchEncoder},
    {"num_decoder_layers", LayerRule::DecoderStep, kSwitchDecoder},
};
static constexpr std::string_view kSwitchHidden[] = {"d_model"};
static constexpr std::string_view kSwitchWidth[] = {"d_ff"};
static constexpr TensorRow kSwitchRouter[] = {
    {Role::Router, "router.classifier.weight", "E H"},
    {Role::RouterBias, "router.classifier.bias", "E", Part::Whole,
     "router_bias"},
};
static constexpr TensorRow kSwitchExperts[] = {
    {Role::Up, "experts.expert_{e}.wi.weight", "I H"},
    {Role::Down, "experts.expert_{e}.wo.weight", "H I"},
};
static constexpr Layout kSwitchLayouts[] = {{kSwitchExperts}};

//===----------------------------------------------------------------------===//
// Mixtral
//===----------------------------------------------------------------------===//

static constexpr std::string_view kMixtralTypes[] = {"mixtral"};
static constexpr std::string_view kMixtralBlocks[] = {
    "model.layers.{l}.block_sparse_moe", "model.layers.{l}.mlp"};
static constexpr Stack kMixtralStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kMixtralBlocks}};
static constexpr TensorRow kMixtralExperts[] = {
    {Role::Gate, "experts.{e}.w1.weight", "I H"},
    {Role::Up, "experts.{e}.w3.weight", "I H"},
    {Role::Down, "experts.{e}.w2.weight", "H I"},
};
static constexpr Layout kMixtralLayouts[] = {{kMixtralExperts}, {kFused}};

//===----------------------------------------------------------------------===//
// Qwen3-MoE
//===----------------------------------------------------------------------===//

static constexpr std::string_view kQwen3Types[] = {"qwen3_moe"};
static constexpr Stack kQwen3Stacks[] = {
    {"num_hidden_layers", LayerRule::SparseStep, kMlpBlock}};

//===----------------------------------------------------------------------===//
// DeepSeek-V3
//===----------------------------------------------------------------------===//

static constexpr std::string_view kDeepSeekV3Types[] = {"deepseek_v3"};
static constexpr Stack kDeepSeekStacks[] = {
    {"num_hidden_layers", LayerRule::AfterDense, kMlpBlock}};
static constexpr std::string_view kRoutedExperts[] = {"n_routed_experts"};
static constexpr TensorRow kDeepSeekV3Router[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "gate.e_score_correction_bias", "E"},
};
static constexpr TensorRow kDeepSeekShared[] = {
    {Role::SharedGate, "shared_experts.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_experts.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_experts.down_proj.weight", "H S"},
};
static constexpr Requirement kDeepSeekV3Requirements[] = {
    {"scoring_func", "sigmoid"},
    {"topk_method", "noaux_tc"},
};

//===----------------------------------------------------------------------===//
// gpt-oss
//===----------------------------------------------------------------------===//

static constexpr std::string_view kGptOssTypes[] = {"gpt_oss"};
static constexpr Stack kGptOssStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kMlpBlock}};
static constexpr std::string_view kGptOssPerToken[] = {"num_experts_per_tok",
                                                       "experts_per_token"};
static constexpr TensorRow kGptOssRouter[] = {
    {Role::Router, "router.weight", "E H"},
    {Role::RouterBias, "router.bias", "E"},
};
/// Gate and up alternate.
static constexpr TensorRow kGptOssExperts[] = {
    {Role::Gate, "experts.gate_up_proj", "E H 2I", Part::Even},
    {Role::Up, "experts.gate_up_proj", "E H 2I", Part::Odd},
    {Role::Down, "experts.down_proj", "E I H"},
    {Role::GateBias, "experts.gate_up_proj_bias", "E 2I", Part::Even},
    {Role::UpBias, "experts.gate_up_proj_bias", "E 2I", Part::Odd},
    {Role::DownBias, "experts.down_proj_bias", "E H"},
};
/// The released checkpoints: blocks lie along the inputs, which are last.
static constexpr TensorRow kGptOssBlocks[] = {
    {Role::Gate, "experts.gate_up_proj", "E 2I H", Part::Even},
    {Role::Up, "experts.gate_up_proj", "E 2I H", Part::Odd},
    {Role::Down, "experts.down_proj", "E H I"},
    {Role::GateBias, "experts.gate_up_proj_bias", "E 2I", Part::Even},
    {Role::UpBias, "experts.gate_up_proj_bias", "E 2I", Part::Odd},
    {Role::DownBias, "experts.down_proj_bias", "E H"},
};
static constexpr Layout kGptOssLayouts[] = {
    {kGptOssExperts},
    {kGptOssBlocks, QuantFormat::Mxfp4},
};

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        .name = "Switch Transformers",
        .modelTypes = kSwitchTypes,
        .stacks = kSwitchStacks,
        .hidden = kSwitchHidden,
        .experts = kNumExperts,
        .width = kSwitchWidth,
        .topK = {},
        .router = {.score = ScoreFn::Softmax,
                   .roundScores = true,
                   .capacity = "expert_capacity"},
        .activation = {.key = "dense_act_fn",
                       .byDefault = "relu",
                       .gated = false},
        .routerTensors = kSwitchRouter,
        .layouts = kSwitchLayouts,
    },
    {
        .name = "Mixtral",
        .modelTypes = kMixtralTypes,
        .stacks = kMixtralStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kMixtralLayouts,
    },
    {
        .name = "Qwen3-MoE",
        .modelTypes = kQwen3Types,
        .stacks = kQwen3Stacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob"},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
    },
    {
        // Experts outside the kept groups never take part, as in transformers
        // from 5.23 on and in the serving engines; older versions let them
        // compete with score 0, which matters where a biased score is below.
        .name = "DeepSeek-V3",
        .modelTypes = kDeepSeekV3Types,
        .stacks = kDeepSeekStacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .sharedCount = "n_shared_experts",
        .router = {.score = ScoreFn::Sigmoid,
                   .groups =
                       GroupKeys{"n_group", "topk_group", 2, GroupFill::NegInf},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kDeepSeekV3Router,
        .layouts = kPerExpertOrFused,
        .sharedTensors = kDeepSeekShared,
        .requirements = kDeepSeekV3Requirements,
    },
    {
        .name = "gpt-oss",
        .modelTypes = kGptOssTypes,
        .stacks = kGptOssStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kGptOssPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        // The released configurations say nothing of alpha.
        .activation = {.fixed = Activation::ClampGLU,
                       .alphaKey = "swiglu_alpha",
                       .limitKey = "swiglu_limit",
                       .alpha = 1.702,
                       .beta = 1.0,
                       .limit = 7.0},
        .routerTensors = kGptOssRouter,
        .layouts = kGptOssLayouts,
    },
};

std::span<const Family> import::families() { return kFamilies; }

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
