//===- Reference.h - The interpreter as an executor -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_REFERENCE_H
#define MOE_RUNTIME_JIT_REFERENCE_H

#include "moe/codegen/abi/plugin.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <span>
#include <string>
#include <vector>

namespace moe::jit {

/// The results of a function on inputs, in its order, with their names.
core::Result<std::vector<core::NamedTensor>>
interpretFunction(mlir::func::FuncOp function,
                  const moe_plugin_weights *weights,
                  std::span<const moe_plugin_tensor> inputs, bool exact);

/// The same for a source, as the bytes of a safetensors file.
core::Result<std::string>
interpretSource(const moe_plugin_source &source,
                const moe_plugin_weights *weights,
                std::span<const moe_plugin_tensor> inputs, bool exact);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_REFERENCE_H
