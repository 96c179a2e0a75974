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

static constexpr std::string_view kDeepSeekV3Types[] = {"deepseek_v3",
                                                        "kimi_k2", "glm4_moe"};
static constexpr Requirement kDeepSeekV3Requirements[] = {
    {"scoring_func", "sigmoid"},
    {"topk_method", "noaux_tc"},
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
};

std::span<const Family> import::sigmoidFamilies() { return kFamilies; }
