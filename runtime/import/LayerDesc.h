//===- LayerDesc.h - A layer, with everything decided -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a checkpoint's layer and a layer described by hand have in common: no
// keys, no names of models. The IR is built from this alone.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_LAYERDESC_H
#define MOE_RUNTIME_IMPORT_LAYERDESC_H

#include "moe/dialect/MoeDialect.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/import/Family.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <array>
#include <string_view>
#include <vector>

namespace moe::import {

/// A tensor that is bound at run time.
struct Param {
  mlir::RankedTensorType type;
  SourceAttr source; ///< null: bound under the parameter's name
};

/// A weight: a parameter, or codes and scales that become one.
struct Weight {
  Param values;
  struct Quantized {
    semantics::QuantFormat format;
    /// Given where the format has none of its own.
    std::optional<std::array<int64_t, 2>> block;
    Param scales;
    mlir::RankedTensorType decoded;
    /// Beyond codes and scales, in the op's order; named by the suffix.
    struct Extra {
      std::string_view name;
      Param param;
    };
    std::vector<Extra> extras = {};
  };
  std::optional<Quantized> quantized;
};

struct LayerDesc {
  int64_t hidden = 0, experts = 0, width = 0;
  int64_t maxTokens = int64_t(1) << 20;
  mlir::FloatType activationType;

  semantics::RouterSpec router;
  /// What scores are rounded to before anything reads them; null: not.
  mlir::FloatType scoreType;
  struct Capacity {
    semantics::CapacityLimit limit;
    CapacityOrder order;
    /// After the dropping.
    std::optional<semantics::NormStep> renorm = {};
  };
  std::optional<Capacity> capacity;
  /// Weights multiply what goes into an expert, not what it gives.
  bool weighInput = false;
  /// Columns of the router behind the experts', which compute nothing: they
  /// give back what went in, or nothing.
  int64_t virtualExperts = 0;
  bool virtualIdentity = false;
  /// Behind these, columns of the experts that every token goes to.
  int64_t alwaysExperts() const { return router.select.always; }
  int64_t routerColumns() const {
    return experts + virtualExperts + alwaysExperts();
  }
  /// What the sum over the experts is multiplied by, and the shared experts'.
  double sumScale = 1.0, sharedScale = 1.0;
  /// Logits are multiplied by the one and bent to stay below the other, 0 being
  /// none, before anything reads them.
  double logitScale = 1.0, logitCap = 0.0;

  struct ActivationDesc {
    semantics::Activation id = semantics::Activation::SwiGLU;
    std::optional<double> alpha = {}, beta = {}, limit = {};
  };
  ActivationDesc activation;
  /// That of the shared experts, where it is another one.
  std::optional<ActivationDesc> sharedActivation;

  /// How norms are taken whose weights there are.
  struct Norm {
    double eps = 0;
    bool weightFromOne = false, weightFirst = false;
    double scale = 1.0;
  };
  std::array<Norm, kNumRoles> norms = {};
  const Norm &norm(Role role) const {
    return norms[static_cast<unsigned>(role)];
  }

  std::array<std::optional<Weight>, kNumRoles> weights;
  const std::optional<Weight> &weight(Role role) const {
    return weights[static_cast<unsigned>(role)];
  }
  std::optional<Weight> &weight(Role role) {
    return weights[static_cast<unsigned>(role)];
  }
};

/// A module with the parameters and @layer: (hidden_states) -> (hidden_states,
/// topk_ids, topk_weights, router_logits); routers with a state also give, and
/// behind the first layer take, router_states; those that go by a table also
/// take input_ids, the tokens' [T] of i64. The description must be one that
/// verifyRouter accepts and its weights must fit; a module that does not verify
/// is an Internal error.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
buildLayer(mlir::MLIRContext &context, const LayerDesc &layer);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_LAYERDESC_H
