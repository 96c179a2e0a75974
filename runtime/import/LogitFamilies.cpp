//===- LogitFamilies.cpp - Families that select by logits ----------------===//
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
// gpt-oss
//===----------------------------------------------------------------------===//

static constexpr std::string_view kGptOssTypes[] = {"gpt_oss"};
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
// Phi-3.5-MoE
//===----------------------------------------------------------------------===//

static constexpr std::string_view kPhiTypes[] = {"phimoe"};
static constexpr TensorRow kPhiRouter[] = {
    {.role = Role::Router,
     .name = "gate.weight",
     .dims = "E H",
     .alternative = "router.weight"},
};
static constexpr Requirement kPhiRequirements[] = {
    {"num_experts_per_tok", "2"},
};
/// The jitter is also how near a logit must be to count, at inference too.
static constexpr NormStep kSparseMixer[] = {
    {NormKind::MaskedSoftmax, 0, EpsMode::None, 0.01}};

//===----------------------------------------------------------------------===//
// JetMoE
//===----------------------------------------------------------------------===//

static constexpr std::string_view kJetMoeTypes[] = {"jetmoe"};
static constexpr TensorRow kJetMoeRouter[] = {
    {Role::Router, "router.layer.weight", "E H"},
    {Role::OutputBias, "bias", "H"},
};
static constexpr TensorRow kInputOutput[] = {
    {Role::Gate, "input_linear.weight", "E 2I H", Part::First},
    {Role::Up, "input_linear.weight", "E 2I H", Part::Second},
    {Role::Down, "output_linear.weight", "E H I"},
};
static constexpr Layout kInputOutputLayouts[] = {{kInputOutput}};

//===----------------------------------------------------------------------===//
// Granite
//===----------------------------------------------------------------------===//

static constexpr std::string_view kGraniteTypes[] = {"granitemoe"};
static constexpr std::string_view kGraniteSharedTypes[] = {"granitemoeshared",
                                                           "granitemoehybrid"};
static constexpr std::string_view kGraniteBlocks[] = {
    "model.layers.{l}.block_sparse_moe"};
static constexpr Stack kGraniteStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kGraniteBlocks}};
static constexpr TensorRow kGraniteRouter[] = {
    {Role::Router, "router.layer.weight", "E H"},
};
static constexpr TensorRow kGraniteShared[] = {
    {Role::SharedGate, "../shared_mlp.input_linear.weight", "2S H",
     Part::First},
    {Role::SharedUp, "../shared_mlp.input_linear.weight", "2S H", Part::Second},
    {Role::SharedDown, "../shared_mlp.output_linear.weight", "H S"},
};

//===----------------------------------------------------------------------===//
// Llama 4
//===----------------------------------------------------------------------===//

static constexpr std::string_view kLlama4Types[] = {"llama4", "llama4_text"};
static constexpr std::string_view kLlama4Blocks[] = {
    "model.layers.{l}.feed_forward"};
static constexpr Stack kLlama4Stacks[] = {{"num_hidden_layers",
                                           LayerRule::SparseStep, kLlama4Blocks,
                                           "interleave_moe_layer_step"}};
static constexpr NormStep kSigmoidOfKept[] = {
    {NormKind::Sigmoid, 0, EpsMode::None}};

//===----------------------------------------------------------------------===//
// OpenAI's privacy filter, Granite with a window, Aria, Cohere, Kolibri
//===----------------------------------------------------------------------===//

static constexpr std::string_view kPrivacyTypes[] = {"openai_privacy_filter"};
/// As gpt-oss, but gate before up.
static constexpr TensorRow kPrivacyExperts[] = {
    {Role::Gate, "experts.gate_up_proj", "E H 2I", Part::First},
    {Role::Up, "experts.gate_up_proj", "E H 2I", Part::Second},
    {Role::Down, "experts.down_proj", "E I H"},
    {Role::GateBias, "experts.gate_up_proj_bias", "E 2I", Part::First},
    {Role::UpBias, "experts.gate_up_proj_bias", "E 2I", Part::Second},
    {Role::DownBias, "experts.down_proj_bias", "E H"},
};
static constexpr Layout kPrivacyLayouts[] = {{kPrivacyExperts}};

static constexpr std::string_view kGraniteSwaTypes[] = {"granitemoe_swa"};
static constexpr Layout kFusedOnly[] = {{kFused}};
static constexpr std::string_view kAriaTypes[] = {"aria", "aria_text"};
static constexpr std::string_view kAriaExperts[] = {"moe_num_experts"};
static constexpr std::string_view kAriaPerToken[] = {"moe_topk"};
static constexpr TensorRow kAriaTensors[] = {
    {Role::Gate, "experts.fc1.weight", "E H 2I", Part::First},
    {Role::Up, "experts.fc1.weight", "E H 2I", Part::Second},
    {Role::Down, "experts.fc2.weight", "E I H"},
};
static constexpr Layout kAriaLayouts[] = {{kAriaTensors}};
static constexpr Requirement kAriaRequirements[] = {{"mlp_bias", "false"}};

static constexpr std::string_view kCohereTypes[] = {"cohere2_moe"};
static constexpr Requirement kCohereRequirements[] = {
    {"expert_selection_fn", "softmax"},
};
static constexpr NormStep kSigmoidL1OfKept[] = {
    {NormKind::Sigmoid, 0, EpsMode::None}, {NormKind::L1, 0, EpsMode::None}};

static constexpr std::string_view kKolibriTypes[] = {"kolibri1"};
static constexpr TensorRow kKolibriRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "../moe.router.expert_bias", "E"},
};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        .name = "Phi-3.5-MoE",
        .modelTypes = kPhiTypes,
        .stacks = kEverySparseMoe,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSparseMixer, .epsilon = "router_jitter_noise"},
        .activation = kGatedHiddenAct,
        .routerTensors = kPhiRouter,
        .layouts = kNumberedOrFused,
        .requirements = kPhiRequirements,
    },
    {
        .name = "gpt-oss",
        .modelTypes = kGptOssTypes,
        .stacks = kEveryMlp,
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
    {
        .name = "JetMoE",
        .modelTypes = kJetMoeTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = {.key = "activation_function", .byDefault = "silu"},
        .routerTensors = kJetMoeRouter,
        .layouts = kInputOutputLayouts,
    },
    {
        .name = "Granite-MoE",
        .modelTypes = kGraniteTypes,
        .stacks = kGraniteStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = kGatedHiddenAct,
        .routerTensors = kGraniteRouter,
        .layouts = kInputOutputLayouts,
    },
    {
        .name = "Granite-MoE with shared experts",
        .modelTypes = kGraniteSharedTypes,
        .stacks = kGraniteStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = kGatedHiddenAct,
        .routerTensors = kGraniteRouter,
        .layouts = kInputOutputLayouts,
        .shared = {kGraniteShared, {}, "shared_intermediate_size"},
    },
    {
        .name = "Llama 4",
        .modelTypes = kLlama4Types,
        .stacks = kLlama4Stacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSigmoidOfKept, .weighInput = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kPlainRouter,
        .layouts = kTransposedLayouts,
        .shared = {kSharedExpert},
    },
    {
        .name = "OpenAI privacy filter",
        .modelTypes = kPrivacyTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept, .scaleByTopK = true},
        .activation = {.fixed = Activation::ClampGLU,
                       .alphaKey = "swiglu_alpha",
                       .limitKey = "swiglu_limit",
                       .alpha = 1.702,
                       .beta = 1.0,
                       .limit = 7.0},
        .routerTensors = kGptOssRouter,
        .layouts = kPrivacyLayouts,
    },
    {
        .name = "Granite-MoE with a window",
        .modelTypes = kGraniteSwaTypes,
        .stacks = kGraniteStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = kGatedHiddenAct,
        .routerTensors = kPlainRouter,
        .layouts = kFusedOnly,
        .shared = {kGraniteShared, {}, "shared_intermediate_size"},
    },
    {
        .name = "Aria",
        .modelTypes = kAriaTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kAriaExperts,
        .width = kIntermediateSize,
        .topK = kAriaPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kPlainRouter,
        .layouts = kAriaLayouts,
        .shared = {.tensors = kSharedExperts,
                   .count = "moe_num_shared_experts",
                   .countByDefault = 2,
                   .activation = kGatedHiddenAct},
        .requirements = kAriaRequirements,
    },
    {
        .name = "Cohere 2 with sigmoid weights",
        .modelTypes = kCohereTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSigmoidL1OfKept,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {.tensors = kSharedExperts,
                   .count = "num_shared_experts",
                   .combination = "shared_expert_combination_strategy"},
        .onlyIf = Condition{"expert_selection_fn", "sigmoid"},
    },
    {
        .name = "Cohere 2",
        .modelTypes = kCohereTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {.tensors = kSharedExperts,
                   .count = "num_shared_experts",
                   .combination = "shared_expert_combination_strategy"},
        .requirements = kCohereRequirements,
    },
    {
        .name = "Kolibri",
        .modelTypes = kKolibriTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.normalize = kSigmoidL1OfKept,
                   .normalizeIf = "norm_topk_prob"},
        .activation = kGatedHiddenAct,
        .routerTensors = kKolibriRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, "shared_expert_intermediate_size"},
    },
};

std::span<const Family> import::logitFamilies() { return kFamilies; }
