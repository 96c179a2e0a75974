//===- Tensors.h - Tensors of the caller's ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// DLPack's description of a tensor against ours.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_API_TENSORS_H
#define MOE_RUNTIME_API_TENSORS_H

#include "moe/runtime/api/moe_c.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Run.h"
#include "moe/runtime/core/WeightSource.h"

#include <span>
#include <vector>

namespace moe::api {

/// Fills `operands`. `kind` is "input" or "output"; `gpu` is the ordinal of the
/// GPU whose memory may hold them, beside the host's; negative: none. Errors:
/// InputDType for an element type that moec does not have, InputShape for gaps
/// between elements, UsageInvalid.
core::Status toOperands(const moe_named_tensor *tensors, size_t count,
                        const char *kind, int gpu,
                        std::vector<core::Operand> &operands);

/// The same as views that own their shapes and names.
core::Result<std::vector<core::NamedWeight>>
toViews(const moe_named_tensor *tensors, size_t count, const char *kind);

moe_dtype toDlpack(core::DType dtype);

/// Null `weights` is none given.
core::Result<std::optional<core::WeightsSpec>>
toSpec(const moe_weights *weights);

} // namespace moe::api

#endif // MOE_RUNTIME_API_TENSORS_H
