//===- LayerForm.h - A layer of any form ------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LayerSpec says what layers of models without an op of their own are; the IR
// says more. A layer here is a LayerSpec with everything that only IR has, so
// that both ways of writing one meet the same values of the same axes.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_COMBINATIONS_LAYERFORM_H
#define MOE_TEST_COMBINATIONS_LAYERFORM_H

#include "moe/dialect/semantics/Router.h"
#include "moe/runtime/api/moe.hpp"

#include <optional>
#include <string>

namespace moe::test {

/// Where a slot's weight is multiplied.
enum class WeighAt { Combine, Dispatch, Hidden };

/// `router.normalize` may hold any step of the norm table.
struct LayerForm : LayerSpec {
  semantics::Selection select = {};
  bool apart = false;        ///< of the experts that are always on
  double norm_param = 0;     ///< of the normalize step that has one
  bool expert_scale = false; ///< weights times a factor of the expert
  /// Behind the experts with weights, in this order.
  int64_t identity_experts = 0, zero_experts = 0;
  int64_t lora_rank = 0; ///< of adapters beside up and gate; 0: none

  struct Overflow {
    /// Instead of capacity->per_expert: a clause of moe.capacity.
    std::string share = {};
    std::string order = "token_major"; ///< that of capacity
    int64_t scope = 0;
    bool recycle = false;
    std::string renorm = {}; ///< a normalize step
  } overflow;

  std::string layout = "ragged"; ///< "aligned<4>", "padded", "dense"
  std::string combine_order = "slot";
  WeighAt weigh_at = WeighAt::Combine;
  bool from_spec = false; ///< written as LayerSpec, not as IR

  /// Experts that a token's picks are made of.
  int64_t candidates() const {
    return num_experts + identity_experts + zero_experts;
  }
  /// Columns of the router: behind the candidates those that are always on,
  /// which have weights.
  int64_t columns() const { return candidates() + select.always; }
  int64_t picks() const {
    return select.kind == semantics::SelectKind::All ? columns() : top_k;
  }
  int64_t slots() const { return picks() + select.always; }
  bool isByExpert() const {
    return select.kind == semantics::SelectKind::ExpertTopK;
  }
  /// Of ids and weights: [T, K], or [E, C] where experts pick top_k tokens.
  std::vector<int64_t> idShape() const {
    return isByExpert() ? std::vector{columns(), top_k}
                        : std::vector{int64_t(-1), slots()};
  }
  /// What LayerSpec has no word for.
  bool needsIr() const;

  Source source() const;
};

/// The router as the semantics tables know it.
semantics::RouterSpec routerOf(const LayerForm &layer);

/// What a layer reads beside its hidden states.
struct LayerInput {
  std::string name;
  DType dtype;
  /// -1 stands for the tokens.
  std::vector<int64_t> shape;
  std::vector<std::string> dims;
};
std::vector<LayerInput> inputsOf(const LayerForm &layer);

/// The layer as text; its function gives hidden_states, topk_ids, topk_weights
/// and router_logits.
std::string irOf(const LayerForm &layer);

} // namespace moe::test

#endif // MOE_TEST_COMBINATIONS_LAYERFORM_H
