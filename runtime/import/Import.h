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

/// Tensors of the block that `module`, which importLayer made of the same
/// arguments, does not read, quoted; those of experts as one pattern. Errors:
/// those of importLayer.
core::Result<std::vector<std::string>>
unreadTensors(mlir::ModuleOp module, const std::string &folder, int64_t layer);

/// A layer that is described by hand: the JSON of MOE_FROM_SPEC, whose schema
/// and tensor names are in runtime/api/moe_c.h. `name` is what messages call
/// it. Errors: JsonInvalid, ConfigKeyMissing, ConfigKeyType, RouterInvalid,
/// ActivationUnknown.
core::Result<mlir::OwningOpRef<mlir::ModuleOp>>
importSpec(mlir::MLIRContext &context, std::string_view json,
           std::string_view name);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_IMPORT_H
