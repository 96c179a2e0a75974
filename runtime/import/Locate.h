//===- Locate.h - Where the MoE layers of a checkpoint are ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Configurations disagree about which layers are sparse, checkpoints do not: a
// layer whose router is stored is an MoE layer. Only where nothing is stored is
// the configuration's rule needed.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_LOCATE_H
#define MOE_RUNTIME_IMPORT_LOCATE_H

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/import/Config.h"

#include <vector>

namespace moe::import {

struct LayerPlace {
  int64_t number;
  /// What the names of its tensors begin with: "model.layers.3.mlp".
  std::string block;
  const Stack *stack;
};

/// By number, at most one of each. Errors: those of the keys that it reads.
core::Result<std::vector<LayerPlace>>
locateLayers(const Family &family, const Config &config,
             const core::Checkpoint &checkpoint);

/// The layer of this number; -1: the only one. Errors: LayerNotFound,
/// LayerAmbiguous.
core::Result<LayerPlace> chooseLayer(const std::vector<LayerPlace> &layers,
                                     int64_t number, const std::string &folder);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_LOCATE_H
