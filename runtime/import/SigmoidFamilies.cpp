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

static constexpr TensorRow kMiniMaxM3Fused[] = {
    {Role::SharedGate, "shared_experts.gate_up_proj.weight", "2S H",
     Part::First},
    {Role::SharedUp, "shared_experts.gate_up_proj.weight", "2S H",
     Part::Second},
    {Role::SharedDown, "shared_experts.down_proj.weight", "H S"},
};

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

static constexpr std::string_view kLagunaTypes[] = {"laguna"};

static constexpr TensorRow kLagunaRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "experts.e_score_correction_bias", "E"},
};

static constexpr Requirement kLagunaRequirements[] = {
    {"moe_apply_router_weight_on_input", "false"},
};

static constexpr std::string_view kMuseTypes[] = {"muse_spark",
                                                  "muse_spark_text"};

static constexpr std::string_view kMuseLatent[] = {"moe_hidden_size"};

static constexpr NormStep kMuseNorm[] = {{NormKind::L1, 1e-15, EpsMode::Add}};

static constexpr TensorRow kMuseAround[] = {
    {Role::LatentIn, "pre_expert_proj.weight", "X H"},
    {Role::InputNorm, "pre_expert_norm.weight", "X"},
    {Role::ExpertNorm, "experts.post_expert_norm.weight", "X"},
    {Role::LatentOut, "post_expert_proj.weight", "H X"},
};

static constexpr NormPreset kMuseNorms[] = {
    {.role = Role::InputNorm,
     .epsilon = "rms_norm_eps",
     .epsilonByDefault = 1e-5,
     .weightFromOne = true},
    {.role = Role::ExpertNorm,
     .epsilon = "post_norm_eps",
     .epsilonByDefault = 1e-8,
     .weightFromOne = true,
     .weightFirst = true},
};

static constexpr std::string_view kKlearTypes[] = {"Klear", "klear"};

static constexpr Stack kSparseMlp[] = {{"num_hidden_layers",
                                        LayerRule::SparseStep, kMlpBlock,
                                        "decoder_sparse_step"}};

static constexpr TensorRow kKlearRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "expert_bias", "E"},
};

static constexpr TensorRow kKlearAround[] = {
    {Role::Mix, "coefficient.weight", "P H"},
    {Role::MixBias, "coefficient.bias", "P"},
};

static constexpr std::string_view kFlintTypes[] = {"flint"};

static constexpr std::string_view kStepTypes[] = {"step3p5", "step3p7"};

static constexpr std::string_view kStepBlocks[] = {"model.layers.{l}.moe"};

static constexpr Stack kStepStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kStepBlocks}};

static constexpr std::string_view kStepExperts[] = {
    "n_routed_experts", "moe_num_experts", "num_local_experts"};

static constexpr std::string_view kStepPerToken[] = {"num_experts_per_tok",
                                                     "moe_top_k"};

static constexpr TensorRow kStepRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "router_bias", "E"},
};

static constexpr TensorRow kStepTensors[] = {
    {Role::Gate, "gate_proj.weight", "E I H"},
    {Role::Up, "up_proj.weight", "E I H"},
    {Role::Down, "down_proj.weight", "E H I"},
};

static constexpr Layout kStepLayouts[] = {{kStepTensors}};

static constexpr TensorRow kStepShared[] = {
    {Role::SharedGate, "../share_expert.gate_proj.weight", "S H"},
    {Role::SharedUp, "../share_expert.up_proj.weight", "S H"},
    {Role::SharedDown, "../share_expert.down_proj.weight", "H S"},
};

static constexpr Requirement kNoMlpBias[] = {{"mlp_bias", "false"}};

/// In some layers, by a list in which 0 is none.
static constexpr ActivationPreset kStepActivation = {
    .fixed = Activation::SwiGLUClamp,
    .limitKey = "swiglu_limits",
    .unlimited = Activation::SwiGLU};

static constexpr ActivationPreset kStepSharedActivation = {
    .fixed = Activation::SwiGLUClamp,
    .limitKey = "swiglu_limits_shared",
    .unlimited = Activation::SwiGLU};

static constexpr std::string_view kInkling2Types[] = {"inkling2",
                                                      "inkling2_text"};

static constexpr std::string_view kInklingBlocks[] = {
    "model.llm.layers.{l}.mlp"};

static constexpr Stack kInklingStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kInklingBlocks}};

static constexpr TensorRow kInklingRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "gate.bias", "E"},
};

/// Rows of gate and up alternate.
static constexpr TensorRow kInklingTensors[] = {
    {Role::Gate, "experts.w13_weight", "E 2I H", Part::Even},
    {Role::Up, "experts.w13_weight", "E 2I H", Part::Odd},
    {Role::Down, "experts.w2_weight", "E H I"},
};

static constexpr Layout kInklingLayouts[] = {{kInklingTensors}};

static constexpr std::string_view kInklingTypes[] = {"inkling_mm_model",
                                                     "inkling_text"};

/// Columns behind the routed experts' are of the shared ones.
static constexpr TensorRow kInkling1Router[] = {
    {Role::Router, "gate.weight", "C H"},
    {.role = Role::SelectionBias,
     .name = "gate.bias",
     .dims = "E",
     .alternative = "gate.e_score_correction_bias"},
    {Role::WeightScale, "gate.global_scale", "1"},
};

static constexpr TensorRow kInklingAlways[] = {
    {Role::AlwaysGate, "shared_experts.shared_w13_weight", "A 2I H",
     Part::Even},
    {Role::AlwaysUp, "shared_experts.shared_w13_weight", "A 2I H", Part::Odd},
    {Role::AlwaysDown, "shared_experts.shared_w2_weight", "A H I"},
};
/// As transformers saves the text model alone.
static constexpr TensorRow kInklingAlwaysApart[] = {
    {Role::AlwaysGate, "shared_experts.gate_proj", "A I H"},
    {Role::AlwaysUp, "shared_experts.up_proj", "A I H"},
    {Role::AlwaysDown, "shared_experts.down_proj", "A H I"},
};
static constexpr Layout kInklingAlwaysLayouts[] = {{kInklingAlways},
                                                   {kInklingAlwaysApart}};
static constexpr Layout kInkling1Layouts[] = {{kInklingTensors}, {kFused}};
static constexpr std::string_view kInkling1Blocks[] = {
    "model.llm.layers.{l}.mlp", "model.layers.{l}.mlp"};
static constexpr Stack kInkling1Stacks[] = {
    {"num_hidden_layers", LayerRule::Every, kInkling1Blocks}};

static constexpr Requirement kInkling2Requirements[] = {
    {"scoring_func", "sigmoid"},
};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
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
        .shared = {kSharedExperts, {}, {}, "num_shared_experts"},
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
        .shared = {kSharedExperts, kMiniMaxM3Fused, "shared_intermediate_size"},
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
                   .scaleSum = true,
                   .logitCap = "moe_router_logit_softcapping"},
        .activation = kGatedHiddenAct,
        .routerTensors = kLagunaRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExpert, {}, "shared_expert_intermediate_size"},
        .requirements = kLagunaRequirements,
    },
    {
        .name = "Klear",
        .modelTypes = kKlearTypes,
        .stacks = kSparseMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kKlearRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
        .around = kKlearAround,
    },
    {
        .name = "Flint",
        .modelTypes = kFlintTypes,
        .stacks = kSparseMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExpert, {}, "shared_expert_intermediate_size"},
    },
    {
        .name = "Step 3.5",
        .modelTypes = kStepTypes,
        .stacks = kStepStacks,
        .hidden = kHiddenSize,
        .experts = kStepExperts,
        .width = kMoeIntermediateSize,
        .topK = kStepPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .scale = "moe_router_scaling_factor",
                   .scaleSum = true},
        .activation = kStepActivation,
        .routerTensors = kStepRouter,
        .layouts = kStepLayouts,
        .shared = {.tensors = kStepShared,
                   .width = "share_expert_dim",
                   .activation = kStepSharedActivation},
        .requirements = kNoMlpBias,
    },
    {
        .name = "Muse Spark",
        .modelTypes = kMuseTypes,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kMuseNorm,
                   .scale = "routed_scaling_factor",
                   .logitScale = "output_multiplier",
                   .logitScaleByDefault = 0.1767766952966369},
        .activation = kGatedHiddenAct,
        .routerTensors = kBiasedRouter,
        .layouts = kPerExpertOrFused,
        .latent = kMuseLatent,
        .around = kMuseAround,
        .norms = kMuseNorms,
    },
    {
        .name = "Inkling",
        .modelTypes = kInklingTypes,
        .stacks = kInkling1Stacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        // A softmax of logarithms of sigmoids.
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1,
                   .scale = "route_scale"},
        .activation = kGatedHiddenAct,
        .routerTensors = kInkling1Router,
        .layouts = kInkling1Layouts,
        .alwaysExperts = "n_shared_experts",
        .always = kInklingAlwaysLayouts,
    },
    {
        .name = "Inkling 2",
        .modelTypes = kInkling2Types,
        .stacks = kInklingStacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Sigmoid,
                   .normalize = kL1AddTiny,
                   .scale = "route_scale"},
        .activation = {.fixed = Activation::SiTU,
                       .alphaKey = "mlp_gate_softcap",
                       .betaKey = "mlp_up_softcap",
                       .alpha = 4.0,
                       .beta = 25.0},
        .routerTensors = kInklingRouter,
        .layouts = kInklingLayouts,
        .requirements = kInkling2Requirements,
    },
};

std::span<const Family> import::sigmoidFamilies() { return kFamilies; }
