//===- Source.h - What is compiled ------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer comes as textual IR, a checkpoint's folder, a description in JSON, or
// a package that was compiled before.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_SOURCE_H
#define MOE_RUNTIME_CORE_SOURCE_H

#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace moe::core {

struct Source {
  enum class Kind : uint8_t { Text, Checkpoint, Spec, Package };
  Kind kind = Kind::Text;
  /// IR, a checkpoint's path, JSON, or a package's bytes.
  std::string content;
  /// What messages call it.
  std::string name;
  /// Of a checkpoint: which layer; none: the only one.
  std::optional<int64_t> layer;
  /// Activations: "f32", "bf16", "f16"; empty: the source's own.
  std::string dtype;
  /// Empty: the only public function.
  std::string function;
  /// An input override_ids [T, K] replaces what the router picks.
  bool overrideIds = false;
};

/// Whether there is a folder or a *.gguf.
bool isCheckpoint(const std::string &path);

/// A folder or a *.gguf is a checkpoint; a file is a package if it begins as
/// one or is named .moe, and IR otherwise. Errors: FileNotFound,
/// FileUnreadable.
Result<Source> sourceFromPath(const std::string &path);

/// The input IR as a source: `source` itself, or what a package carries.
/// `purpose` says what needs it ("--check"). Errors: PackageNoIr and those of
/// opening a package.
Result<Source> sourceOfIr(const Source &source, const std::string &purpose);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_SOURCE_H
