//===- GgufFamilies.cpp - Families as GGUF files have them ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All architectures have the same names of tensors and keys. How they route
// follows the models' own implementations, as for the other rows; GGUF files
// say of it only what varies within an architecture.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/FamilyParts.h"

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;

static constexpr std::string_view kBlocks[] = {"blk.{l}"};
static constexpr Stack kStacks[] = {{"block_count",
                                     LayerRule::AfterDense,
                                     kBlocks,
                                     {},
                                     "leading_dense_block_count"}};
static constexpr std::string_view kHidden[] = {"embedding_length"};
static constexpr std::string_view kExperts[] = {"expert_count"};
static constexpr std::string_view kUsed[] = {"expert_used_count"};
static constexpr std::string_view kExpertWidth[] = {
    "expert_feed_forward_length", "feed_forward_length"};

static constexpr TensorRow kRouter[] = {
    {Role::Router, "ffn_gate_inp.weight", "E H"},
};
static constexpr TensorRow kBiasRouter[] = {
    {Role::Router, "ffn_gate_inp.weight", "E H"},
    {Role::SelectionBias, "exp_probs_b.bias", "E"},
};
static constexpr TensorRow kLogitBiasRouter[] = {
    {Role::Router, "ffn_gate_inp.weight", "E H"},
    {Role::RouterBias, "ffn_gate_inp.bias", "E"},
};
static constexpr TensorRow kTensors[] = {
    {Role::Gate, "ffn_gate_exps.weight", "E I H"},
    {Role::Up, "ffn_up_exps.weight", "E I H"},
    {Role::Down, "ffn_down_exps.weight", "E H I"},
};
static constexpr Layout kLayouts[] = {{kTensors}};
static constexpr TensorRow kBiasedTensors[] = {
    {Role::Gate, "ffn_gate_exps.weight", "E I H"},
    {Role::Up, "ffn_up_exps.weight", "E I H"},
    {Role::Down, "ffn_down_exps.weight", "E H I"},
    {Role::GateBias, "ffn_gate_exps.bias", "E I"},
    {Role::UpBias, "ffn_up_exps.bias", "E I"},
    {Role::DownBias, "ffn_down_exps.bias", "E H"},
};
static constexpr Layout kBiasedLayouts[] = {{kBiasedTensors}};
static constexpr TensorRow kShared[] = {
    {Role::SharedGate, "ffn_gate_shexp.weight", "S H"},
    {Role::SharedUp, "ffn_up_shexp.weight", "S H"},
    {Role::SharedDown, "ffn_down_shexp.weight", "H S"},
};
static constexpr TensorRow kWeighedShared[] = {
    {Role::SharedGate, "ffn_gate_shexp.weight", "S H"},
    {Role::SharedUp, "ffn_up_shexp.weight", "S H"},
    {Role::SharedDown, "ffn_down_shexp.weight", "H S"},
    {Role::SharedRouter, "ffn_gate_inp_shexp.weight", "(1 H)"},
};
static constexpr NormStep kSigmoidOfKept[] = {
    {NormKind::Sigmoid, 0, EpsMode::None}};

static constexpr std::string_view kNormalizedTypes[] = {
    "gguf:llama", "gguf:qwen3moe", "gguf:dbrx"};
static constexpr std::string_view kPlainTypes[] = {"gguf:olmoe", "gguf:jamba"};
static constexpr std::string_view kQwen2Types[] = {"gguf:qwen2moe"};
static constexpr std::string_view kQwen3NextTypes[] = {"gguf:qwen3next",
                                                       "gguf:qwen35moe"};
static constexpr std::string_view kDeepSeekTypes[] = {
    "gguf:deepseek2", "gguf:glm4moe", "gguf:dots1"};
static constexpr std::string_view kMiniMaxTypes[] = {"gguf:minimax-m2"};
static constexpr std::string_view kGptOssTypes[] = {"gguf:gpt-oss"};
static constexpr std::string_view kLlama4Types[] = {"gguf:llama4"};
static constexpr Requirement kSigmoid[] = {{"expert_gating_func", "2"}};
static constexpr Requirement kSoftmax[] = {{"expert_gating_func", "1"}};

static constexpr Family kFamilies[] = {
    {
        .name = "Mixtral, Qwen3-MoE and DBRX in GGUF",
        .modelTypes = kNormalizedTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .requirements = kSoftmax,
    },
    {
        .name = "OLMoE and Jamba in GGUF",
        .modelTypes = kPlainTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Softmax},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .requirements = kSoftmax,
    },
    {
        .name = "Qwen2-MoE in GGUF",
        .modelTypes = kQwen2Types,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Softmax},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .shared = {kWeighedShared, {}, "expert_shared_feed_forward_length"},
        .requirements = kSoftmax,
    },
    {
        .name = "Qwen3-Next in GGUF",
        .modelTypes = kQwen3NextTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .shared = {kWeighedShared, {}, "expert_shared_feed_forward_length"},
        .requirements = kSoftmax,
    },
    {
        .name = "DeepSeek-V3, GLM-4.5 and dots.llm1 in GGUF",
        .modelTypes = kDeepSeekTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Sigmoid,
                   .groups = GroupKeys{"expert_group_count",
                                       "expert_group_used_count", 2,
                                       GroupFill::NegInf, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "expert_weights_norm",
                   .scale = "expert_weights_scale"},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kBiasRouter,
        .layouts = kLayouts,
        .shared = {kShared, {}, {}, "expert_shared_count"},
        .onlyIf = Condition{"expert_gating_func", "2"},
    },
    {
        .name = "DeepSeek-V2 in GGUF",
        .modelTypes = kDeepSeekTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Softmax,
                   .groups = GroupKeys{"expert_group_count",
                                       "expert_group_used_count", 1,
                                       GroupFill::Zero, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "expert_weights_norm",
                   .scale = "expert_weights_scale"},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .shared = {kShared, {}, {}, "expert_shared_count"},
        .requirements = kSoftmax,
    },
    {
        .name = "MiniMax-M2 in GGUF",
        .modelTypes = kMiniMaxTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.score = ScoreFn::Sigmoid, .normalize = kL1},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kBiasRouter,
        .layouts = kLayouts,
        .requirements = kSigmoid,
    },
    {
        .name = "gpt-oss in GGUF",
        .modelTypes = kGptOssTypes,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.normalize = kSoftmaxOfKept},
        .activation = {.fixed = Activation::ClampGLU,
                       .alpha = 1.702,
                       .beta = 1.0,
                       .limit = 7.0},
        .routerTensors = kLogitBiasRouter,
        .layouts = kBiasedLayouts,
    },
    {
        .name = "Llama 4 in GGUF",
        .modelTypes = kLlama4Types,
        .stacks = kStacks,
        .hidden = kHidden,
        .experts = kExperts,
        .width = kExpertWidth,
        .topK = kUsed,
        .router = {.normalize = kSigmoidOfKept, .weighInput = true},
        .activation = {.fixed = Activation::SwiGLU},
        .routerTensors = kRouter,
        .layouts = kLayouts,
        .shared = {kShared},
    },
};

std::span<const Family> import::ggufFamilies() { return kFamilies; }
