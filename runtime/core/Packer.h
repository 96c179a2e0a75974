//===- Packer.h - Where and by what weights are packed ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finding weights, comparing them with the manifest and cutting them into units
// is one job (Bind.h) whatever runs the program. Only where the packed bytes
// lie and what writes them differs: the host here, a GPU in runtime/cuda.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_PACKER_H
#define MOE_RUNTIME_CORE_PACKER_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/StridedView.h"

#include <cstddef>
#include <memory>
#include <span>

namespace moe::core {

class Program;

/// One unit of a parameter and what it is made of.
struct PackUnit {
  const abi::Param *param = nullptr;
  /// For each source the stored bytes from the unit's first element to its
  /// last, at any alignment; they are valid until pack() returns.
  std::span<const std::span<const std::byte>> sources;
  /// The elements of the first source that a parameter without a kernel holds,
  /// counted from the unit's first.
  const StridedView *view = nullptr;
  /// The unit's part of the parameter.
  std::byte *target = nullptr;
  size_t bytes = 0;
};

/// Owns the packed weights. Addresses are its own matter: a GPU's are no
/// memory of the host.
class Packer {
public:
  virtual ~Packer() = default;
  /// Room for a parameter. OutOfMemory.
  virtual Result<std::byte *> allocate(const abi::Param &param) = 0;
  /// Once, before the first pack(): that many of them run at the same time.
  virtual Status start(uint32_t workers) = 0;
  virtual Status pack(const PackUnit &unit, uint32_t worker) = 0;
  /// Once, after the last pack(): the weights can be used then.
  virtual Status finish() = 0;
};

/// Packs in this process's memory, with the kernels of `program`.
std::unique_ptr<Packer> hostPacker(const Program &program);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_PACKER_H
