//===- Handles.h - What the opaque types of the C interface are -*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every entry of the C interface has one form: guarded() turns what its body
// returns or throws into a moe_error, take() reads a caller's struct of any
// version.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_API_HANDLES_H
#define MOE_RUNTIME_API_HANDLES_H

#include "moe/runtime/api/moe_c.h"
#include "moe/runtime/core/Run.h"
#include "moe/runtime/core/Tensor.h"
#include "moe/runtime/cuda/Run.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct moe_error {
  moe::core::Error error;
};

struct moe_text {
  std::string bytes;
};

/// `module` holds the kernels of what runs on a GPU, and is null for a CPU.
struct moe_program {
  std::shared_ptr<const moe::core::Program> program;
  std::shared_ptr<const moe::cuda::Module> module;
};

struct moe_bound {
  std::shared_ptr<const moe::core::Bound> bound;
  std::shared_ptr<const moe::cuda::Module> module;
};

/// One of the two workspaces.
struct moe_workspace {
  std::unique_ptr<moe::core::Workspace> workspace;
  std::unique_ptr<moe::cuda::Workspace> gpu;
  /// Whose kernels the workspace counts.
  std::shared_ptr<const moe::core::Program> last;
  /// Room for the operands of a run.
  std::vector<moe::core::Operand> inputs, outputs;
  std::atomic_flag busy;
};

struct moe_results {
  std::vector<moe::core::NamedTensor> tensors;
};

namespace moe::api {

/// Never null; the memory of last resort has an error of its own.
moe_error *makeError(core::Error error) noexcept;
moe_error *outOfMemory() noexcept;
/// A defect of ours.
moe_error *unexpected(const char *what) noexcept;

inline core::Error wrongUse(const std::string &message) {
  return {core::ErrorId::UsageInvalid, message};
}

template <typename Body> moe_error *guarded(Body body) noexcept {
  try {
    core::Status status = body();
    return status ? nullptr : makeError(status.takeError());
  } catch (const std::bad_alloc &) {
    return outOfMemory();
  } catch (const std::exception &exception) {
    return unexpected(exception.what());
  } catch (...) {
    return unexpected("an unknown exception");
  }
}

/// A caller's struct: fields that its header does not have yet are zero, and
/// those that this library does not have yet must be. Null is all zero.
template <typename T> core::Result<T> take(const T *given, const char *name) {
  T value{};
  value.size = sizeof(T);
  if (!given)
    return value;
  if (given->size < sizeof(size_t) || given->size > 4096)
    return wrongUse(std::string(name) + ".size is " +
                    std::to_string(given->size) + ", expected sizeof(" + name +
                    ")");
  std::memcpy(static_cast<void *>(&value), given,
              std::min(given->size, sizeof(T)));
  const auto *bytes = reinterpret_cast<const char *>(given);
  for (size_t i = sizeof(T); i < given->size; ++i)
    if (bytes[i] != 0)
      return wrongUse(std::string(name) +
                      " sets a field that this version of libmoe does not "
                      "know");
  value.size = sizeof(T);
  return value;
}

/// `text` in a new handle.
core::Status give(std::string bytes, moe_text **text);

} // namespace moe::api

#endif // MOE_RUNTIME_API_HANDLES_H
