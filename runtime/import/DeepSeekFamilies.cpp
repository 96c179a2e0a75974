//===- DeepSeekFamilies.cpp - Families that route as DeepSeek-V3 ----------===//
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

static constexpr std::string_view kDeepSeekV3Types[] = {
    "deepseek_v3",   "deepseek_v32", "kimi_k2",   "glm4_moe",
    "glm4_moe_lite", "glm_moe_dsa",  "glm4v_moe", "glm4v_moe_text",
    "solar_open",    "mimo_v2_flash"};

static constexpr Requirement kDeepSeekV3Requirements[] = {
    {"scoring_func", "sigmoid"},
    {"topk_method", "noaux_tc"},
};

/// Its configuration says another thing under scoring_func.
static constexpr std::string_view kDotsTypes[] = {"dots1"};

static constexpr std::string_view kDotsExperts[] = {
    "n_routed_experts", "num_local_experts", "num_experts"};

static constexpr std::string_view kExaoneTypes[] = {"exaone_moe"};

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

static constexpr std::string_view kLing2PerToken[] = {"num_experts_per_tok",
                                                      "num_experts_per_token"};

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
    {"mlp_bias", "false"},
    {"n_shared_experts", "1"},
};

static constexpr std::string_view kLatentSize[] = {"moe_latent_size"};

static constexpr TensorRow kNemotronAround[] = {
    {Role::LatentIn, "fc1_latent_proj.weight", "X H", Part::Whole,
     "moe_latent_size"},
    {Role::LatentOut, "fc2_latent_proj.weight", "H X", Part::Whole,
     "moe_latent_size"},
};

static constexpr std::string_view kAxk1Types[] = {"axk1"};

static constexpr TensorRow kAxk1Around[] = {
    {Role::OutputNorm, "../post_mlp_layernorm.weight", "H"},
};

static constexpr NormPreset kOutputNorm[] = {
    {.role = Role::OutputNorm, .epsilon = "rms_norm_eps"}};

static constexpr std::string_view kAxk2Types[] = {"axk2"};

static constexpr std::string_view kDots3Types[] = {"dots3_note",
                                                   "dots3_note_text"};

static constexpr std::string_view kBeamTypes[] = {"beam"};

static constexpr std::string_view kHunyuan3Types[] = {"hy_v3"};

static constexpr TensorRow kHunyuan3Router[] = {
    {Role::Router, "router.gate.weight", "E H"},
    {Role::SelectionBias, "expert_bias", "E"},
};

static constexpr TensorRow kHunyuan3Shared[] = {
    {Role::SharedGate, "shared_mlp.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_mlp.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_mlp.down_proj.weight", "H S"},
};

static constexpr std::string_view kHunyuan4Types[] = {"hy_v4"};

/// transformers saves the gate under the attention's name for one.
static constexpr TensorRow kHunyuan4Shared[] = {
    {.role = Role::SharedGate,
     .name = "shared_experts.gate_proj.weight",
     .dims = "S H",
     .alternative = "shared_experts.linear_gate.weight"},
    {Role::SharedUp, "shared_experts.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_experts.down_proj.weight", "H S"},
};

static constexpr std::string_view kGlm5Types[] = {"glm5_next",
                                                  "glm5_next_text"};

/// Both sides clamped, then as usual.
static constexpr ActivationPreset kClampedSwiGLU = {.fixed =
                                                        Activation::ClampGLU,
                                                    .limitKey = "swiglu_limit",
                                                    .alpha = 1.0,
                                                    .beta = 0.0,
                                                    .limit = 10.0};

static constexpr std::string_view kDeepSeekV4Types[] = {"deepseek_v4"};
static constexpr std::string_view kDeepSeekV4Blocks[] = {
    "layers.{l}.ffn", "model.layers.{l}.ffn"};
static constexpr Stack kDeepSeekV4Stacks[] = {
    {"num_hidden_layers", LayerRule::Every, kDeepSeekV4Blocks}};
static constexpr TensorRow kDeepSeekV4Router[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "gate.bias", "E"},
    {Role::IdTable, "gate.tid2eid", "V K"},
};
static constexpr Layout kDeepSeekV4Layouts[] = {{kNumberedExperts}};
static constexpr TensorRow kDeepSeekV4Shared[] = {
    {Role::SharedGate, "shared_experts.w1.weight", "S H"},
    {Role::SharedUp, "shared_experts.w3.weight", "S H"},
    {Role::SharedDown, "shared_experts.w2.weight", "H S"},
};
static constexpr Requirement kDeepSeekV4Requirements[] = {
    {"scoring_func", "sqrtsoftplus"},
};

static constexpr Requirement kNoMlpBias[] = {{"mlp_bias", "false"}};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

/// DeepSeek-V3's: sigmoid scores, picks limited to groups.
static constexpr RouterPreset kDeepSeekV3Router = {
    .score = ScoreFn::Sigmoid,
    .groups = GroupKeys{"n_group", "topk_group", 2, GroupFill::NegInf,
                        std::nullopt, true},
    .normalize = kL1AddTiny,
    .normalizeIf = "norm_topk_prob",
    .normalizeByDefault = true,
    .scale = "routed_scaling_factor"};

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
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
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
        .router = kDeepSeekV3Router,
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
    },
    {
        .name = "EXAONE-MoE",
        .modelTypes = kExaoneTypes,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = kDeepSeekV3Router,
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasBesideGate,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "num_shared_experts"},
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
        .topK = kLing2PerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups =
                       GroupKeys{"n_group", "topk_group", 2, GroupFill::NegInf,
                                 std::nullopt, true, "num_expert_group"},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBailingRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "num_shared_experts"},
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
        .router = kDeepSeekV3Router,
        .activation = {.key = "mlp_hidden_act",
                       .byDefault = "relu2",
                       .gated = false},
        .routerTensors = kBiasedRouter,
        .layouts = kNemotronLayouts,
        .shared = {kNemotronShared, {}, "moe_shared_expert_intermediate_size"},
        .requirements = kNemotronRequirements,
        .latent = kLatentSize,
        .around = kNemotronAround,
    },
    {
        // DeepSeek-V3, normed.
        .name = "A.X K1",
        .modelTypes = kAxk1Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = kDeepSeekV3Router,
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
        .around = kAxk1Around,
        .norms = kOutputNorm,
    },
    {
        // Experts outside the kept groups compete with score 0, as in its own
        // implementation.
        .name = "A.X K2",
        .modelTypes = kAxk2Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::Zero, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
    },
    {
        .name = "dots3",
        .modelTypes = kDots3Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = kDeepSeekV3Router,
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts,
                   {},
                   "shared_experts_intermediate_size",
                   "n_shared_experts",
                   1},
        .requirements = kNoMlpBias,
    },
    {
        .name = "Beam",
        .modelTypes = kBeamTypes,
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
                   .scale = "routed_scaling_factor",
                   .scaleSum = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
    },
    {
        .name = "Hunyuan 3",
        .modelTypes = kHunyuan3Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1AddTiny,
                   .scale = "router_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kHunyuan3Router,
        .layouts = kPerExpertOrFused,
        .shared = {kHunyuan3Shared, {}, {}, "num_shared_experts"},
        .requirements = kNoMlpBias,
    },
    {
        // The shared expert is not clamped.
        .name = "Hunyuan 4",
        .modelTypes = kHunyuan4Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = kDeepSeekV3Router,
        .activation = kClampedSwiGLU,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {.tensors = kHunyuan4Shared,
                   .count = "n_shared_experts",
                   .activation = kGatedHiddenAct},
    },
    {
        .name = "GLM-5",
        .modelTypes = kGlm5Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = kDeepSeekV3Router,
        .activation = kClampedSwiGLU,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
    },
    {
        .name = "DeepSeek-V4",
        .modelTypes = kDeepSeekV4Types,
        .stacks = kDeepSeekV4Stacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::SqrtSoftplus,
                   .normalize = kL1AddTiny,
                   .scale = "routed_scaling_factor",
                   .scaleByDefault = 1.5},
        .activation = kClampedSwiGLU,
        .routerTensors = kDeepSeekV4Router,
        .layouts = kDeepSeekV4Layouts,
        .shared = {kDeepSeekV4Shared, {}, {}, "n_shared_experts", 1},
        .requirements = kDeepSeekV4Requirements,
        .tableLayers = "num_hash_layers",
    },
};

std::span<const Family> import::deepSeekFamilies() { return kFamilies; }
