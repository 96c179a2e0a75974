//===- FamilyParts.h - What rows of families are made of --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names of keys and tensors that several families share, for the files that
// hold the rows.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_FAMILYPARTS_H
#define MOE_RUNTIME_IMPORT_FAMILYPARTS_H

#include "moe/runtime/import/Family.h"

namespace moe::import {

/// The table's parts: scores are a softmax over the experts, a sigmoid of each
/// (DeepSeek-V3's way or another), or the logits themselves.
std::span<const Family> softmaxFamilies();
std::span<const Family> encoderDecoderFamilies();
std::span<const Family> deepSeekFamilies();
std::span<const Family> sigmoidFamilies();
std::span<const Family> logitFamilies();
/// Layers that are more than experts.
std::span<const Family> specialFamilies();
/// Checkpoints of another file format.
std::span<const Family> ggufFamilies();

inline constexpr std::string_view kHiddenSize[] = {"hidden_size"};
inline constexpr std::string_view kIntermediateSize[] = {"intermediate_size"};
inline constexpr std::string_view kMoeIntermediateSize[] = {
    "moe_intermediate_size"};
/// transformers 5 writes num_local_experts for all.
inline constexpr std::string_view kNumLocalExperts[] = {"num_local_experts",
                                                        "num_experts"};
inline constexpr std::string_view kNumExperts[] = {"num_experts",
                                                   "num_local_experts"};
inline constexpr std::string_view kPerToken[] = {"num_experts_per_tok"};

inline constexpr std::string_view kMlpBlock[] = {"model.layers.{l}.mlp"};

inline constexpr TensorRow kGateRouter[] = {
    {Role::Router, "gate.weight", "E H"},
};

/// One linear an expert and projection: what released checkpoints have.
inline constexpr TensorRow kPerExpert[] = {
    {Role::Gate, "experts.{e}.gate_proj.weight", "I H"},
    {Role::Up, "experts.{e}.up_proj.weight", "I H"},
    {Role::Down, "experts.{e}.down_proj.weight", "H I"},
};
/// As transformers 5 saves them: gate above up.
inline constexpr TensorRow kFused[] = {
    {Role::Gate, "experts.gate_up_proj", "E 2I H", Part::First},
    {Role::Up, "experts.gate_up_proj", "E 2I H", Part::Second},
    {Role::Down, "experts.down_proj", "E H I"},
};
inline constexpr Layout kPerExpertOrFused[] = {{kPerExpert}, {kFused}};
/// Each matrix the other way around.
inline constexpr TensorRow kTransposed[] = {
    {Role::Gate, "experts.gate_up_proj", "E H 2I", Part::First},
    {Role::Up, "experts.gate_up_proj", "E H 2I", Part::Second},
    {Role::Down, "experts.down_proj", "E I H"},
};
inline constexpr Layout kTransposedLayouts[] = {{kTransposed}};

inline constexpr semantics::NormStep kL1[] = {
    {semantics::NormKind::L1, 0, semantics::EpsMode::None}};
inline constexpr semantics::NormStep kL1AddTiny[] = {
    {semantics::NormKind::L1, 1e-20, semantics::EpsMode::Add}};
inline constexpr semantics::NormStep kSoftmaxOfKept[] = {
    {semantics::NormKind::Softmax, 0, semantics::EpsMode::None}};

inline constexpr ActivationPreset kGatedHiddenAct = {.key = "hidden_act",
                                                     .byDefault = "silu"};

inline constexpr std::string_view kRoutedExperts[] = {"n_routed_experts"};
inline constexpr TensorRow kBiasedRouter[] = {
    {Role::Router, "gate.weight", "E H"},
    {Role::SelectionBias, "gate.e_score_correction_bias", "E"},
};
inline constexpr TensorRow kSharedExperts[] = {
    {Role::SharedGate, "shared_experts.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_experts.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_experts.down_proj.weight", "H S"},
};
inline constexpr TensorRow kSharedExpert[] = {
    {Role::SharedGate, "shared_expert.gate_proj.weight", "S H"},
    {Role::SharedUp, "shared_expert.up_proj.weight", "S H"},
    {Role::SharedDown, "shared_expert.down_proj.weight", "H S"},
};
inline constexpr TensorRow kPlainRouter[] = {
    {Role::Router, "router.weight", "E H"},
};
inline constexpr TensorRow kBiasBesideGate[] = {
    {Role::Router, "gate.weight", "E H"},
    {.role = Role::SelectionBias,
     .name = "e_score_correction_bias",
     .dims = "E",
     .alternative = "gate.e_score_correction_bias"},
};
inline constexpr Stack kEveryMlp[] = {
    {"num_hidden_layers", LayerRule::Every, kMlpBlock}};
inline constexpr Stack kMlpAfterDense[] = {
    {"num_hidden_layers", LayerRule::AfterDense, kMlpBlock, "moe_layer_freq",
     "first_k_dense_replace"}};

/// Mixtral's names, which others have taken over.
inline constexpr std::string_view kSparseMoeBlocks[] = {
    "model.layers.{l}.block_sparse_moe", "model.layers.{l}.mlp"};
inline constexpr Stack kEverySparseMoe[] = {
    {"num_hidden_layers", LayerRule::Every, kSparseMoeBlocks}};
inline constexpr TensorRow kNumberedExperts[] = {
    {Role::Gate, "experts.{e}.w1.weight", "I H"},
    {Role::Up, "experts.{e}.w3.weight", "I H"},
    {Role::Down, "experts.{e}.w2.weight", "H I"},
};
inline constexpr Layout kNumberedOrFused[] = {{kNumberedExperts}, {kFused}};

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_FAMILYPARTS_H
