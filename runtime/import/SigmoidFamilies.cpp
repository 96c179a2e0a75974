//===- SigmoidFamilies.cpp - Families that score by sigmoid --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each row was checked against what the model's own implementation gives
// (test/data/fixtures) or follows its published code. Where implementations of
// one model differ, a comment says which one the row follows.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/FamilyParts.h"

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;

//===----------------------------------------------------------------------===//
// DeepSeek-V3
//===----------------------------------------------------------------------===//

static constexpr std::string_view kDeepSeekV3Types[] = {
    "deepseek_v3", "deepseek_v32",   "kimi_k2",
    "glm4_moe",    "glm4_moe_lite",  "glm_moe_dsa",
    "glm4v_moe",   "glm4v_moe_text", "solar_open"};
static constexpr Requirement kDeepSeekV3Requirements[] = {
    {"scoring_func", "sigmoid"},
    {"topk_method", "noaux_tc"},
};

/// Its configuration says another thing under scoring_func.
static constexpr std::string_view kDotsTypes[] = {"dots1"};
static constexpr std::string_view kDotsExperts[] = {
    "n_routed_experts", "num_local_experts", "num_experts"};

//===----------------------------------------------------------------------===//
// Others with a bias for the selection
//===----------------------------------------------------------------------===//

static constexpr std::string_view kExaoneTypes[] = {"exaone_moe"};

static constexpr std::string_view kAfmoeTypes[] = {"afmoe"};
static constexpr Stack kAfmoeStacks[] = {{"num_hidden_layers",
                                          LayerRule::AfterDense,
                                          kMlpBlock,
                                          {},
                                          "num_dense_layers"}};
static constexpr TensorRow kAfmoeRouter[] = {
    {Role::Router, "router.gate.weight", "E H"},
    {Role::SelectionBias, "expert_bias", "E"},
};
static constexpr Requirement kAfmoeRequirements[] = {
    {"score_func", "sigmoid"},
    {"route_norm", "true"},
    {"num_expert_groups", "1"},
    {"num_limited_groups", "1"},
};

static constexpr std::string_view kMiniMaxM2Types[] = {"minimax_m2"};
static constexpr Requirement kMiniMaxM2Requirements[] = {
    {"scoring_func", "sigmoid"},
    {"use_routing_bias", "true"},
    {"shared_intermediate_size", "0"},
};
static constexpr std::string_view kMiniMaxM3Types[] = {"minimax_m3_vl",
                                                       "minimax_m3_vl_text"};

static constexpr std::string_view kLfm2Types[] = {"lfm2_moe"};
static constexpr std::string_view kLfm2Blocks[] = {
    "model.layers.{l}.feed_forward"};
static constexpr Stack kLfm2Stacks[] = {{"num_hidden_layers",
                                         LayerRule::AfterDense,
                                         kLfm2Blocks,
                                         {},
                                         "num_dense_layers"}};
static constexpr TensorRow kLfm2Router[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "expert_bias", "E", Part::Whole, "use_expert_bias"},
};
static constexpr NormStep kLfm2Norm[] = {{NormKind::L1, 1e-6, EpsMode::Add}};

static constexpr std::string_view kKimiLinearTypes[] = {"kimi_linear"};
static constexpr Stack kKimiLinearStacks[] = {
    {"num_hidden_layers", LayerRule::AfterDense, kSparseMoeBlocks,
     "moe_layer_freq", "first_k_dense_replace"}};
static constexpr std::string_view kKimiPerToken[] = {"num_experts_per_token",
                                                     "num_experts_per_tok"};
static constexpr Requirement kKimiLinearRequirements[] = {
    {"moe_router_activation_func", "sigmoid"},
    {"num_expert_group", "1"},
    {"n_group", "1"},
    {"num_shared_experts", "1"},
    {"n_shared_experts", "1"},
    {"moe_renormalize", "true"},
    {"norm_topk_prob", "true"},
};

static constexpr std::string_view kBailingTypes[] = {"bailing_moe_v2",
                                                     "bailing_hybrid"};
static constexpr TensorRow kBailingRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "gate.expert_bias", "E"},
};
static constexpr Requirement kBailingRequirements[] = {
    {"score_function", "sigmoid"},
    {"moe_router_enable_expert_bias", "true"},
};

static constexpr std::string_view kNemotronTypes[] = {"nemotron_h"};
static constexpr std::string_view kNemotronBlocks[] = {
    "backbone.layers.{l}.mixer", "model.layers.{l}.mixer"};
static constexpr Stack kNemotronStacks[] = {{"num_hidden_layers",
                                             LayerRule::Pattern,
                                             kNemotronBlocks,
                                             {},
                                             "hybrid_override_pattern"}};
/// No gate.
static constexpr TensorRow kNemotronExperts[] = {
    {Role::Up, "experts.{e}.up_proj.weight", "I H"},
    {Role::Down, "experts.{e}.down_proj.weight", "H I"},
};
static constexpr TensorRow kNemotronFused[] = {
    {Role::Up, "experts.up_proj", "E I H"},
    {Role::Down, "experts.down_proj", "E H I"},
};
static constexpr Layout kNemotronLayouts[] = {{kNemotronExperts},
                                              {kNemotronFused}};
static constexpr TensorRow kNemotronShared[] = {
    {Role::SharedUp, "shared_experts.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_experts.down_proj.weight", "H S"},
};
static constexpr Requirement kNemotronRequirements[] = {
    {"moe_latent_size", ""},
    {"mlp_bias", "false"},
    {"n_shared_experts", "1"},
};

static constexpr std::string_view kLagunaTypes[] = {"laguna"};
static constexpr TensorRow kLagunaRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "experts.e_score_correction_bias", "E"},
};
static constexpr Requirement kLagunaRequirements[] = {
    {"moe_router_logit_softcapping", "0"},
};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        // Experts outside the kept groups never take part, as in transformers
        // from 5.23 on and in the serving engines; older versions let them
        // compete with score 0, which matters where a biased score is below.
        .name = "DeepSeek-V3",
        .modelTypes = kDeepSeekV3Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups =
                       GroupKeys{"n_group", "topk_group", 2, GroupFill::NegInf},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "n_shared_experts"},
        .requirements = kDeepSeekV3Requirements,
    },
    {
        .name = "dots.llm1",
        .modelTypes = kDotsTypes,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kDotsExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::NegInf, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "n_shared_experts"},
    },
    {
        .name = "EXAONE-MoE",
        .modelTypes = kExaoneTypes,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::NegInf, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "num_shared_experts"},
    },
    {
        .name = "AFMoE",
        .modelTypes = kAfmoeTypes,
        .stacks = kAfmoeStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1AddTiny,
                   .scale = "route_scale"},
        .activation = kGatedHiddenAct,
        .routerTensors = kAfmoeRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "num_shared_experts"},
        .requirements = kAfmoeRequirements,
    },
    {
        .name = "MiniMax-M2",
        .modelTypes = kMiniMaxM2Types,
        .stacks = kEverySparseMoe,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasBesideGate,
        .layouts = kNumberedOrFused,
        .requirements = kMiniMaxM2Requirements,
    },
    {
        .name = "MiniMax-M3",
        .modelTypes = kMiniMaxM3Types,
        .stacks = kEverySparseMoe,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .scale = "routed_scaling_factor",
                   .scaleByDefault = 2.0,
                   .scaleSum = true},
        .activation = {.fixed = Activation::ClampGLU,
                       .alphaKey = "swiglu_alpha",
                       .limitKey = "swiglu_limit",
                       .alpha = 1.702,
                       .beta = 1.0,
                       .limit = 7.0},
        .routerTensors = kBiasBesideGate,
        .layouts = kNumberedOrFused,
        .shared = {kSharedExperts, "shared_intermediate_size"},
    },
    {
        .name = "LFM2-MoE",
        .modelTypes = kLfm2Types,
        .stacks = kLfm2Stacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kLfm2Norm,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kLfm2Router,
        .layouts = kNumberedOrFused,
    },
    {
        .name = "Kimi-Linear",
        .modelTypes = kKimiLinearTypes,
        .stacks = kKimiLinearStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kKimiPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1AddTiny,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kNumberedOrFused,
        .shared = {kSharedExperts},
        .requirements = kKimiLinearRequirements,
    },
    {
        .name = "Ling 2",
        .modelTypes = kBailingTypes,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::NegInf, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBailingRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "num_shared_experts"},
        .requirements = kBailingRequirements,
    },
    {
        .name = "Nemotron-H",
        .modelTypes = kNemotronTypes,
        .stacks = kNemotronStacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::NegInf, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = {.key = "mlp_hidden_act",
                       .byDefault = "relu2",
                       .gated = false},
        .routerTensors = kBiasedRouter,
        .layouts = kNemotronLayouts,
        .shared = {kNemotronShared, "moe_shared_expert_intermediate_size"},
        .requirements = kNemotronRequirements,
    },
    {
        .name = "Laguna",
        .modelTypes = kLagunaTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .scale = "moe_routed_scaling_factor",
                   .scaleSum = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kLagunaRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExpert, "shared_expert_intermediate_size"},
        .requirements = kLagunaRequirements,
    },
};

std::span<const Family> import::sigmoidFamilies() { return kFamilies; }
