//===- SoftmaxFamilies.cpp - Families that score by softmax --------------===//
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
// Mixtral and MiniMax
//===----------------------------------------------------------------------===//

static constexpr std::string_view kMixtralTypes[] = {"mixtral"};
static constexpr std::string_view kMiniMaxTypes[] = {
    "minimax", "minimax_text_01", "minimax_m1"};
static constexpr Requirement kMiniMaxRequirements[] = {
    {"shared_intermediate_size", "0"},
};

//===----------------------------------------------------------------------===//
// Qwen, OLMoE
//===----------------------------------------------------------------------===//

static constexpr std::string_view kQwen2Types[] = {"qwen2_moe"};
static constexpr std::string_view kQwen3Types[] = {
    "qwen3_moe", "qwen3_omni_moe", "qwen3_omni_moe_text"};
static constexpr std::string_view kMellumTypes[] = {"mellum"};
static constexpr std::string_view kQwen3NextTypes[] = {
    "qwen3_next", "qwen4_exp", "qwen4_exp_text"};
static constexpr std::string_view kOlmoeTypes[] = {"olmoe", "flex_olmo"};
static constexpr Stack kQwenStacks[] = {{"num_hidden_layers",
                                         LayerRule::SparseStep, kMlpBlock,
                                         "decoder_sparse_step"}};
/// One wide expert, weighed by a sigmoid of its own.
static constexpr TensorRow kQwenShared[] = {
    {Role::SharedGate, "shared_expert.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_expert.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_expert.down_proj.weight", "H S"},
    {Role::SharedRouter, "shared_expert_gate.weight", "1 H"},
};

//===----------------------------------------------------------------------===//
// DeepSeek-V2
//===----------------------------------------------------------------------===//

static constexpr std::string_view kDeepSeekV2Types[] = {
    "deepseek_v2",        "deepseek",      "deepseek_ocr2",
    "deepseek_ocr2_text", "unlimited_ocr", "unlimited_ocr_text"};
static constexpr Requirement kDeepSeekV2Requirements[] = {
    {"scoring_func", "softmax"},
    {"topk_method", "greedy", "group_limited_greedy"},
    {"norm_topk_prob", "false"},
};

//===----------------------------------------------------------------------===//
// DBRX
//===----------------------------------------------------------------------===//

static constexpr std::string_view kDbrxTypes[] = {"dbrx"};
static constexpr std::string_view kDbrxBlock[] = {"transformer.blocks.{l}.ffn"};
static constexpr Stack kDbrxStacks[] = {
    {"n_layers", LayerRule::Every, kDbrxBlock}};
static constexpr std::string_view kDbrxHidden[] = {"d_model"};
static constexpr std::string_view kDbrxExperts[] = {
    "ffn_config.moe_num_experts"};
static constexpr std::string_view kDbrxWidth[] = {"ffn_config.ffn_hidden_size"};
static constexpr std::string_view kDbrxPerToken[] = {"ffn_config.moe_top_k"};
static constexpr TensorRow kDbrxRouter[] = {
    {Role::Router, "router.layer.weight", "E H"},
};
/// All experts' rows in one matrix; down lies as up does.
static constexpr TensorRow kDbrxTensors[] = {
    {Role::Gate, "experts.mlp.w1", "(E I) H"},
    {Role::Up, "experts.mlp.v1", "(E I) H"},
    {Role::Down, "experts.mlp.w2", "(E I) H"},
};
static constexpr Layout kDbrxLayouts[] = {{kDbrxTensors}};
static constexpr Requirement kDbrxRequirements[] = {
    {"ffn_config.moe_normalize_expert_weights", "1"},
};

//===----------------------------------------------------------------------===//
// Qwen, fused and multimodal
//===----------------------------------------------------------------------===//

static constexpr std::string_view kQwen35Types[] = {"qwen3_5_moe",
                                                    "qwen3_5_moe_text"};
static constexpr std::string_view kQwen3VlTypes[] = {"qwen3_vl_moe",
                                                     "qwen3_vl_moe_text"};
/// The latter where transformers 5 has saved the text model alone.
static constexpr Layout kTransposedOrFused[] = {{kTransposed}, {kFused}};
static constexpr Layout kFusedOrPerExpert[] = {{kFused}, {kPerExpert}};

//===----------------------------------------------------------------------===//
// Jamba, ERNIE 4.5, Hunyuan, Arctic
//===----------------------------------------------------------------------===//

static constexpr std::string_view kJambaTypes[] = {"jamba"};
static constexpr std::string_view kJambaBlocks[] = {
    "model.layers.{l}.feed_forward"};
static constexpr Stack kJambaStacks[] = {
    {"num_hidden_layers", LayerRule::Offset, kJambaBlocks,
     "expert_layer_period", "expert_layer_offset"}};

static constexpr std::string_view kErnieTypes[] = {"ernie4_5_moe"};
static constexpr Stack kErnieStacks[] = {
    {"num_hidden_layers", LayerRule::SparseStep, kMlpBlock,
     "moe_layer_interval", "moe_layer_start_index", "moe_layer_end_index"}};
static constexpr std::string_view kErnieExperts[] = {"moe_num_experts",
                                                     "num_experts"};
static constexpr std::string_view kErniePerToken[] = {"moe_k",
                                                      "num_experts_per_tok"};
static constexpr TensorRow kErnieRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "moe_statics.e_score_correction_bias", "1 E"},
};
/// ERNIE 4.5 VL: one set of experts for the tokens of text and one for those of
/// images. The second's layers are numbered on; a caller gives each the tokens
/// that are its own.
static constexpr std::string_view kErnieVlTypes[] = {
    "ernie4_5_vl_moe", "ernie4_5_vl_moe_text", "ernie4_5_moe_vl"};
static constexpr std::string_view kErnieVlExperts[] = {
    "moe_num_experts.0", "moe_num_experts", "num_experts"};
static constexpr std::string_view kTextWidth[] = {"moe_intermediate_size.0"};
static constexpr std::string_view kImageWidth[] = {"moe_intermediate_size.1"};
static constexpr TensorRow kErnieTextRouter[] = {
    {Role::Router, "gate.weight", "H E"},
    {Role::SelectionBias, "moe_statics.e_score_correction_bias", "2 E",
     Part::First},
};
static constexpr TensorRow kErnieImageRouter[] = {
    {Role::Router, "gate.weight_1", "H E"},
    {Role::SelectionBias, "moe_statics.e_score_correction_bias", "2 E",
     Part::Second},
};
static constexpr TensorRow kErnieImageExperts[] = {
    {Role::Gate, "experts.{e+E}.gate_proj.weight", "I H"},
    {Role::Up, "experts.{e+E}.up_proj.weight", "I H"},
    {Role::Down, "experts.{e+E}.down_proj.weight", "H I"},
};
static constexpr Layout kErnieTextLayouts[] = {{kPerExpert}};
static constexpr Layout kErnieImageLayouts[] = {{kErnieImageExperts}};
static constexpr Stack kErnieVlStacks[] = {
    {"num_hidden_layers", LayerRule::SparseStep, kMlpBlock,
     "moe_layer_interval", "moe_layer_start_index.0", "moe_layer_end_index.0"},
    {"num_hidden_layers", LayerRule::SparseStep, kMlpBlock,
     "moe_layer_interval", "moe_layer_start_index.1", "moe_layer_end_index.1",
     kImageWidth, kErnieImageRouter, kErnieImageLayouts},
};
static constexpr NormStep kErnieNorm[] = {{NormKind::L1, 1e-12, EpsMode::Max}};
static constexpr Requirement kNoBias[] = {
    {"use_bias", "false"},
};

static constexpr std::string_view kHunyuanTypes[] = {"hunyuan_v1_moe"};
static constexpr std::string_view kHunyuanLargeTypes[] = {"hunyuan"};
/// With more, experts have places that its own code fills in an order of its
/// own.
static constexpr Requirement kHunyuanLargeRequirements[] = {
    {"moe_topk", "1"},
    {"num_shared_expert", "1"},
};
static constexpr std::string_view kHunyuanPerToken[] = {"moe_topk",
                                                        "num_experts_per_tok"};
static constexpr TensorRow kHunyuanRouter[] = {
    {Role::Router, "gate.wg.weight", "E H"},
};
static constexpr TensorRow kHunyuanShared[] = {
    {Role::SharedGate, "shared_mlp.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_mlp.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_mlp.down_proj.weight", "H S"},
};

static constexpr std::string_view kArcticTypes[] = {"arctic"};
static constexpr Stack kArcticStacks[] = {
    {"num_hidden_layers", LayerRule::SparseStep, kSparseMoeBlocks,
     "moe_layer_frequency"}};
static constexpr Requirement kArcticRequirements[] = {
    {"num_experts_per_tok", "2"},
};

//===----------------------------------------------------------------------===//
// Mistral 4, Ling, Grok
//===----------------------------------------------------------------------===//

static constexpr std::string_view kMistral4Types[] = {"mistral4"};
static constexpr std::string_view kMistralLargeTypes[] = {
    "mistral_large4", "mistral_large4_text"};
static constexpr std::string_view kMistralLargeBlocks[] = {"layers.{l}"};
static constexpr Stack kMistralLargeStacks[] = {{"num_hidden_layers",
                                                 LayerRule::AfterDense,
                                                 kMistralLargeBlocks,
                                                 {},
                                                 "first_k_dense_replace"}};
static constexpr Layout kNumberedLayouts[] = {{kNumberedExperts}};
static constexpr TensorRow kMistralLargeShared[] = {
    {.role = Role::SharedGate,
     .name = "shared_experts.w1.weight",
     .dims = "S H",
     .alternative = "shared_experts.gate_proj.weight"},
    {.role = Role::SharedUp,
     .name = "shared_experts.w3.weight",
     .dims = "S H",
     .alternative = "shared_experts.up_proj.weight"},
    {.role = Role::SharedDown,
     .name = "shared_experts.w2.weight",
     .dims = "H S",
     .alternative = "shared_experts.down_proj.weight"},
};

static constexpr std::string_view kLingTypes[] = {"bailing_moe"};
static constexpr Requirement kLingRequirements[] = {
    {"use_bias", "false"},
    {"n_group", "1"},
    {"score_function", "softmax"},
};

static constexpr std::string_view kGrokTypes[] = {"grok-1"};
static constexpr std::string_view kGrokBlocks[] = {
    "model.layers.{l}.moe_block"};
static constexpr Stack kGrokStacks[] = {
    {"num_hidden_layers", LayerRule::Every, kGrokBlocks}};
static constexpr TensorRow kGrokTensors[] = {
    {Role::Gate, "experts.{e}.linear.weight", "I H"},
    {Role::Up, "experts.{e}.linear_v.weight", "I H"},
    {Role::Down, "experts.{e}.linear_1.weight", "H I"},
};
static constexpr Layout kGrokLayouts[] = {{kGrokTensors}};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        .name = "Mixtral",
        .modelTypes = kMixtralTypes,
        .stacks = kEverySparseMoe,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kNumberedOrFused,
    },
    {
        .name = "MiniMax-01",
        .modelTypes = kMiniMaxTypes,
        .stacks = kEverySparseMoe,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kNumberedOrFused,
        .requirements = kMiniMaxRequirements,
    },
    {
        .name = "Qwen3-MoE",
        .modelTypes = kQwen3Types,
        .stacks = kQwenStacks,
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
        .name = "Qwen2-MoE",
        .modelTypes = kQwen2Types,
        .stacks = kQwenStacks,
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
        .shared = {kQwenShared, {}, "shared_expert_intermediate_size"},
    },
    {
        .name = "Qwen3-Next",
        .modelTypes = kQwen3NextTypes,
        .stacks = kQwenStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kQwenShared, {}, "shared_expert_intermediate_size"},
    },
    {
        .name = "OLMoE",
        .modelTypes = kOlmoeTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob"},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
    },
    {
        // Where norm_topk_prob is set, transformers ignores it and the code in
        // the released checkpoints drops the scale: no released model sets it.
        .name = "DeepSeek-V2",
        .modelTypes = kDeepSeekV2Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .groups =
                       GroupKeys{.count = "n_group",
                                 .keep = "topk_group",
                                 .topSum = 1,
                                 .fill = GroupFill::Zero,
                                 .onlyIf = Condition{"topk_method",
                                                     "group_limited_greedy"}},
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
        .requirements = kDeepSeekV2Requirements,
    },
    {
        .name = "DBRX",
        .modelTypes = kDbrxTypes,
        .stacks = kDbrxStacks,
        .hidden = kDbrxHidden,
        .experts = kDbrxExperts,
        .width = kDbrxWidth,
        .topK = kDbrxPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = {.key = "ffn_config.ffn_act_fn.name",
                       .byDefault = "silu"},
        .routerTensors = kDbrxRouter,
        .layouts = kDbrxLayouts,
        .requirements = kDbrxRequirements,
    },
    {
        .name = "Qwen3.5-MoE",
        .modelTypes = kQwen35Types,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kFusedOrPerExpert,
        .shared = {kQwenShared, {}, "shared_expert_intermediate_size"},
    },
    {
        .name = "Qwen3-VL-MoE",
        .modelTypes = kQwen3VlTypes,
        .stacks = kQwenStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kTransposedOrFused,
    },
    {
        .name = "Jamba",
        .modelTypes = kJambaTypes,
        .stacks = kJambaStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax},
        .activation = kGatedHiddenAct,
        .routerTensors = kPlainRouter,
        .layouts = kPerExpertOrFused,
    },
    {
        .name = "ERNIE 4.5",
        .modelTypes = kErnieTypes,
        .stacks = kErnieStacks,
        .hidden = kHiddenSize,
        .experts = kErnieExperts,
        .width = kMoeIntermediateSize,
        .topK = kErniePerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kErnieNorm,
                   .epsilon = "moe_norm_min"},
        .activation = kGatedHiddenAct,
        .routerTensors = kErnieRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "moe_num_shared_experts"},
        .requirements = kNoBias,
    },
    {
        .name = "ERNIE 4.5 VL",
        .modelTypes = kErnieVlTypes,
        .stacks = kErnieVlStacks,
        .hidden = kHiddenSize,
        .experts = kErnieVlExperts,
        .width = kTextWidth,
        .topK = kErniePerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kErnieNorm,
                   .epsilon = "moe_norm_min"},
        .activation = kGatedHiddenAct,
        .routerTensors = kErnieTextRouter,
        .layouts = kErnieTextLayouts,
        .shared = {kSharedExperts,
                   {},
                   "moe_intermediate_size.0",
                   "moe_num_shared_experts"},
        .requirements = kNoBias,
    },
    {
        // With one expert a token the places are as many as the tokens.
        .name = "Hunyuan-Large",
        .modelTypes = kHunyuanLargeTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kHunyuanPerToken,
        .router = {.score = ScoreFn::Softmax},
        .activation = kGatedHiddenAct,
        .routerTensors = kHunyuanRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kHunyuanShared},
        .requirements = kHunyuanLargeRequirements,
    },
    {
        // As transformers has it: no token is dropped, and every layer has one
        // shared expert of intermediate_size.
        .name = "Hunyuan-A13B",
        .modelTypes = kHunyuanTypes,
        .stacks = kEveryMlp,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kHunyuanPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kHunyuanRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kHunyuanShared},
    },
    {
        // The experts alone: the dense MLP beside them reads something else.
        // No token is dropped, as in the serving engines.
        .name = "Arctic",
        .modelTypes = kArcticTypes,
        .stacks = kArcticStacks,
        .hidden = kHiddenSize,
        .experts = kNumLocalExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax, .normalize = kL1},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kNumberedOrFused,
        .requirements = kArcticRequirements,
    },
    {
        .name = "Mellum",
        .modelTypes = kMellumTypes,
        .stacks = kQwenStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .normalize = kL1,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
    },
    {
        .name = "Mistral 4",
        .modelTypes = kMistral4Types,
        .stacks = kMlpAfterDense,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::Zero, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .normalizeIf = "norm_topk_prob",
                   .normalizeByDefault = true,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kPerExpertOrFused,
        .shared = {kSharedExperts, {}, {}, "n_shared_experts"},
    },
    {
        .name = "Mistral Large 4",
        .modelTypes = kMistralLargeTypes,
        .stacks = kMistralLargeStacks,
        .hidden = kHiddenSize,
        .experts = kRoutedExperts,
        .width = kMoeIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax,
                   .groups = GroupKeys{"n_group", "topk_group", 2,
                                       GroupFill::Zero, std::nullopt, true},
                   .normalize = kL1AddTiny,
                   .scale = "routed_scaling_factor"},
        .activation = kGatedHiddenAct,
        .routerTensors = kGateRouter,
        .layouts = kNumberedLayouts,
        .shared = {kMistralLargeShared, {}, {}, "n_shared_experts"},
    },
    {
        .name = "Ling",
        .modelTypes = kLingTypes,
        .stacks = kMlpAfterDense,
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
        .shared = {kSharedExperts, {}, {}, "num_shared_experts"},
        .requirements = kLingRequirements,
    },
    {
        // As the released JAX code has it: weights are not normalized.
        .name = "Grok-1",
        .modelTypes = kGrokTypes,
        .stacks = kGrokStacks,
        .hidden = kHiddenSize,
        .experts = kNumExperts,
        .width = kIntermediateSize,
        .topK = kPerToken,
        .router = {.score = ScoreFn::Softmax},
        .activation = {.fixed = Activation::GeGLUTanh},
        .routerTensors = kGateRouter,
        .layouts = kGrokLayouts,
    },
};

std::span<const Family> import::softmaxFamilies() { return kFamilies; }
