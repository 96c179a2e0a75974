//===- Bind.h - A program with its weights ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are packed once, unit by unit and straight from where they are
// stored: more than the packed weights and one unit a thread is never held.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_BIND_H
#define MOE_RUNTIME_CORE_BIND_H

#include "moe/runtime/core/PackedFile.h"
#include "moe/runtime/core/Packer.h"
#include "moe/runtime/core/Program.h"
#include "moe/runtime/core/ThreadPool.h"
#include "moe/runtime/core/WeightSource.h"

#include <functional>
#include <string>
#include <vector>

namespace moe::core {

struct BindOptions {
  Executor executor;
  uint32_t threads = 1;
  /// Bytes of packed weights that are done, and all of them. Called by any
  /// thread, one at a time; may not throw.
  std::function<void(uint64_t done, uint64_t total)> progress;
  /// Null: the host's, with the program's own kernels.
  std::shared_ptr<Packer> packer = nullptr;
  /// A folder where packed weights are kept and, once they are, mapped from
  /// (PackedFile.h). For checkpoints, packed by the host. Empty: none.
  std::string packedCache = {};
};

/// Immutable: any number of threads may run it, with a workspace each.
class Bound {
public:
  const Program &program() const { return *owner; }
  const std::shared_ptr<const Program> &sharedProgram() const { return owner; }
  /// Parameter `index` of the variant, as its packer placed it; null if the
  /// program does not name it.
  std::byte *param(uint32_t index) const { return params[index]; }
  /// Bytes of all parameters.
  uint64_t bytes() const;
  /// Stored tensors that were read, sorted.
  const std::vector<std::string> &used() const { return usedNames; }
  /// Stored tensors of the same layer (under the longest dotted prefix that the
  /// used ones share) that were not.
  const std::vector<std::string> &unused() const { return unusedNames; }

private:
  friend Result<std::shared_ptr<const Bound>>
  bind(std::shared_ptr<const Program>, const WeightSource *,
       const BindOptions &);
  std::shared_ptr<const Program> owner;
  std::shared_ptr<Packer> packer;
  std::unique_ptr<const PackedFile> file; ///< in whose memory weights lie
  std::vector<std::byte *> params;
  std::vector<std::string> usedNames, unusedNames;
};

/// Packs the weights that `program` names. `source` may be null if it names
/// none. Errors: WeightsNeeded; WeightMissing and WeightMismatch, each naming
/// the tensor; WeightValue; OutOfMemory; what opening a file can say;
/// CacheUnwritable, and UsageInvalid for what `packedCache` does not keep.
Result<std::shared_ptr<const Bound>>
bind(std::shared_ptr<const Program> program, const WeightSource *source,
     const BindOptions &options);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_BIND_H
