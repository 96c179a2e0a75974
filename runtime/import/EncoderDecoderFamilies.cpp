//===- EncoderDecoderFamilies.cpp - Families of two stacks of layers ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decoder's layers are numbered on from the encoder's. Their experts have
// room for so many tokens only.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/FamilyParts.h"

using namespace moe;
using namespace moe::import;
using namespace moe::semantics;

static constexpr std::string_view kModelDim[] = {"d_model"};

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
// NLLB
//===----------------------------------------------------------------------===//

static constexpr std::string_view kNllbTypes[] = {"nllb-moe"};
static constexpr std::string_view kNllbEncoder[] = {
    "model.encoder.layers.{l}.ffn"};
static constexpr std::string_view kNllbDecoder[] = {
    "model.decoder.layers.{l}.ffn"};
static constexpr std::string_view kNllbEncoderWidth[] = {"encoder_ffn_dim"};
static constexpr std::string_view kNllbDecoderWidth[] = {"decoder_ffn_dim"};
static constexpr Stack kNllbStacks[] = {
    {.numLayers = "encoder_layers",
     .rule = LayerRule::SparseStep,
     .blocks = kNllbEncoder,
     .step = "encoder_sparse_step"},
    {.numLayers = "decoder_layers",
     .rule = LayerRule::SparseStep,
     .blocks = kNllbDecoder,
     .step = "decoder_sparse_step",
     .width = kNllbDecoderWidth},
};
static constexpr TensorRow kNllbExperts[] = {
    {Role::Up, "experts.expert_{e}.fc1.weight", "I H"},
    {Role::Down, "experts.expert_{e}.fc2.weight", "H I"},
    {Role::UpBias, "experts.expert_{e}.fc1.bias", "I"},
    {Role::DownBias, "experts.expert_{e}.fc2.bias", "H"},
};
static constexpr Layout kNllbLayouts[] = {{kNllbExperts}};
/// The epsilon is that of f32, far below any sum.
static constexpr NormStep kNllbNorm[] = {
    {NormKind::L1, 1.1920928955078125e-7, EpsMode::Max}};
/// The other policies draw random numbers.
static constexpr Requirement kNllbRequirements[] = {
    {"second_expert_policy", "all"},
};

//===----------------------------------------------------------------------===//
// The rows
//===----------------------------------------------------------------------===//

static constexpr Family kFamilies[] = {
    {
        .name = "Switch Transformers",
        .modelTypes = kSwitchTypes,
        .stacks = kSwitchStacks,
        .hidden = kModelDim,
        .experts = kNumExperts,
        .width = kSwitchWidth,
        .topK = {},
        .router = {.score = ScoreFn::Softmax,
                   .roundScores = true,
                   .capacity = CapacityKeys{"expert_capacity"}},
        .activation = {.key = "dense_act_fn",
                       .byDefault = "relu",
                       .gated = false},
        .routerTensors = kSwitchRouter,
        .layouts = kSwitchLayouts,
    },
    {
        // Padding takes part as any token. Outputs of experts are scaled by
        // what a dropout keeps, at inference too.
        .name = "NLLB-MoE",
        .modelTypes = kNllbTypes,
        .stacks = kNllbStacks,
        .hidden = kModelDim,
        .experts = kNumExperts,
        .width = kNllbEncoderWidth,
        .topK = {},
        .router = {.score = ScoreFn::Softmax,
                   .roundScores = true,
                   .normalize = kNllbNorm,
                   .capacity =
                       CapacityKeys{
                           .places = "expert_capacity",
                           .share = "moe_eval_capacity_token_fraction",
                           .shareByDefault = 1.0,
                           .firstChoices = true,
                           .byScore = "batch_prioritized_routing",
                           .normalizeFirst =
                               "normalize_router_prob_before_dropping"},
                   .sumDropout = "moe_token_dropout",
                   .sumDropoutByDefault = 0.2},
        .activation = {.key = "activation_function",
                       .byDefault = "relu",
                       .gated = false},
        .routerTensors = kSwitchRouter,
        .layouts = kNllbLayouts,
        .requirements = kNllbRequirements,
        .topKByDefault = 2,
    },
};

std::span<const Family> import::encoderDecoderFamilies() { return kFamilies; }
