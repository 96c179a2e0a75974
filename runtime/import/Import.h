//===- Import.h - Layers of checkpoints as IR -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Hugging Face checkpoint says what a layer computes in a few keys of
// config.json and the names of its tensors. What they mean differs from model
// to model and is written down in one table (Families.cpp); here it becomes IR
// of the input phase, in which nothing is left to know about the model.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_IMPORT_H
#define MOE_RUNTIME_IMPORT_IMPORT_H

#include "moe/runtime/core/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moe::import {

struct MoeLayer {
  int64_t number;
  /// "model.layers.3.mlp: 256 experts, top 8": where it is and what.
  std::string description;
};

/// The MoE layers of a checkpoint's folder, by number: those whose router
/// tensor is in it; without any weights all that config.json implies. Layers of
/// a decoder behind an encoder are counted on from the encoder's.
/// Errors: FileNotFound, ConfigMissing, ConfigKeyMissing, ConfigKeyType,
/// ModelTypeUnknown, and those of Checkpoint::open.
core::Result<std::vector<MoeLayer>> listLayers(const std::string &folder);

/// Layer `layer` of the checkpoint in `folder` as a module with one function,
/// @layer; -1: the only one. `dtype` is that of activations ("f32", "bf16",
/// "f16"), empty: as config.json says. Without any weights the layout of the
/// released checkpoints is assumed, in the activations' dtype.
///
/// Further errors: UsageInvalid (dtype), LayerNotFound, LayerAmbiguous,
/// RouterInvalid, ActivationUnknown, FeatureUnsupported,
/// QuantizationUnsupported, TensorNotFound, TensorShape, TensorDType.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
importLayer(mlir::MLIRContext &context, const std::string &folder,
            int64_t layer, std::string_view dtype);

/// A layer that is described by hand, a LayerSpec as JSON. Its parameters have
/// no source: they are bound by name (router, router_bias, selection_bias,
/// gate, up, down, gate_bias, up_bias, down_bias, shared_gate, shared_up,
/// shared_down), the experts' with a leading dimension of experts.
///
///   {"num_experts": 8, "top_k": 2, "hidden_size": 64, "intermediate_size": 96,
///    "dtype": "bf16", "weight_dtype": "bf16", "max_tokens": 4096,
///    "router": {"score": "softmax", "linear_bias": false,
///               "selection_bias": false,
///               "groups": {"count": 8, "keep": 4, "top_sum": 2,
///                          "fill": "-inf"},
///               "normalize": [{"kind": "l1", "eps": 1e-20, "eps_mode":
///               "add"}], "scale": 2.5, "round_scores": false},
///    "capacity": 64,
///    "activation": {"kind": "clamp_glu", "alpha": 1.702, "beta": 1.0,
///                   "limit": 7.0},
///    "expert_bias": false,
///    "shared_experts": {"intermediate_size": 128}}
///
/// Only the first four are required. Absent: f32 activations, weights as
/// activations, 2^20 tokens, score identity, no further clause, swiglu.
/// `normalize` and `activation` may be a name alone. Unknown keys are errors.
/// `name` is what messages call the description.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
importSpec(mlir::MLIRContext &context, std::string_view json,
           std::string_view name);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_IMPORT_H
