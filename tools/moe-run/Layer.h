//===- Layer.h - A compiled or interpreted function -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_LAYER_H
#define MOE_TOOLS_MOE_RUN_LAYER_H

#include "moe/tools/common/Handles.h"
#include "moe/tools/common/HostTensors.h"
#include "moe/tools/moe-run/Options.h"

#include <memory>

namespace moe::tools {

/// The function of the source on one executor, ready to run.
class Layer {
public:
  virtual ~Layer() = default;
  virtual const Signature &signature() const = 0;
  virtual core::Result<HostTensors> run(HostTensors &inputs) = 0;
  /// What ran: kernel names, or "reference".
  virtual std::vector<std::string> kernels() const = 0;
  /// Prints times (--timing) and memory (--memory) of what ran so far.
  virtual void report() const {}
};

/// What the interface needs to know of the options. Borrows from them.
moe_source sourceOf(const RunOptions &options, const std::string &dtype);
/// Nothing for a function without weights.
std::optional<moe_weights> weightsOf(const RunOptions &options);
/// Target and executor.
moe_compile_options compileOptionsOf(const RunOptions &options);

/// `dtype`: of activations, "" for the source's own.
core::Result<std::unique_ptr<Layer>> openReference(const RunOptions &options,
                                                   const std::string &dtype);
core::Result<std::unique_ptr<Layer>> openCompiled(const RunOptions &options,
                                                  const std::string &dtype);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_RUN_LAYER_H
