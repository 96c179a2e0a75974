//===- Resolver.h - From keys and tensors to a description ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One layer of a checkpoint, resolved by its family's row: what the row names
// is looked up and held against what is stored.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_RESOLVER_H
#define MOE_RUNTIME_IMPORT_RESOLVER_H

#include "moe/runtime/import/LayerDesc.h"
#include "moe/runtime/import/Locate.h"
#include "moe/runtime/import/Tensors.h"

namespace moe::import {

/// A checkpoint with what its configuration says.
struct Source {
  std::string folder;
  core::Checkpoint checkpoint;
  Config config;
  const Family *family;
  std::vector<LayerPlace> layers;

  static core::Result<Source> open(const std::string &folder);
};

/// Fills a description, key by key and tensor by tensor.
class Resolver {
public:
  Resolver(const Source &source, LayerPlace place, mlir::MLIRContext &context)
      : source(source), config(source.config), family(*source.family),
        place(std::move(place)), context(context) {}

  core::Result<LayerDesc> resolve(std::string_view dtype);

private:
  core::Status resolveSizes();
  core::Status resolveShared();
  core::Status checkRequirements();
  core::Status resolveGroups(const GroupKeys &keys);
  bool goesByTable() const;
  std::span<const TensorRow> routerTensors() const {
    return place.stack->routerTensors.empty() ? family.routerTensors
                                              : place.stack->routerTensors;
  }
  core::Status resolveNormalize();
  core::Status resolveCapacity(const CapacityKeys &keys);
  core::Status resolveRouter();
  core::Result<LayerDesc::ActivationDesc>
  parametric(const ActivationPreset &preset) const;
  core::Result<LayerDesc::ActivationDesc>
  activationOf(const ActivationPreset &preset) const;
  core::Status resolveActivation();
  core::Status resolveNorms();
  core::Status resolveTensors();
  core::Status addTensors(const TensorResolver &resolver,
                          std::span<const TensorRow> rows,
                          std::optional<semantics::QuantFormat> format = {});

  const Source &source;
  const Config &config;
  const Family &family;
  LayerPlace place;
  mlir::MLIRContext &context;
  Sizes sizes;
  bool hasShared = false;
  LayerDesc layer;
};

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_RESOLVER_H
