//===- Config.h - Reading config.json with its habits -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same thing has other names in other versions of transformers, and a
// multimodal model keeps the keys of its language model in an object of their
// own. Values remember the key that they were found under, for messages.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_CONFIG_H
#define MOE_RUNTIME_IMPORT_CONFIG_H

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/Json.h"
#include "moe/runtime/import/Family.h"

namespace moe::import {

/// A size and the key that gives it.
struct Size {
  int64_t value = 0;
  std::string key;
};

/// A string, a flag or an integer as rows of families have it.
std::string spelled(const core::JsonValue &value);

class Config {
public:
  /// Reads `folder`/config.json, or the keys of a checkpoint that is a GGUF
  /// file. Errors: ConfigMissing, JsonInvalid, FileUnreadable, GgufInvalid,
  /// ConfigKeyType for what is no object.
  static core::Result<Config> read(const std::string &folder,
                                   const core::Checkpoint &checkpoint);

  /// "'folder/config.json'".
  std::string file() const { return "'" + root.file() + "'"; }

  /// The family of `model_type`, or of the language model's.
  /// Errors: ModelTypeUnknown, FeatureUnsupported.
  core::Result<const Family *> family() const;

  /// A member of the language model's object, else of the whole; dots in a key
  /// lead into objects, and numbers behind them into lists.
  std::optional<core::JsonValue> find(std::string_view key) const;

  /// The first of these keys, an integer of 1 to 2^20, or of a list the item of
  /// this layer.
  core::Result<Size> size(Keys keys, int64_t layer) const;
  core::Result<int64_t> integer(std::string_view key, int64_t low, int64_t high,
                                std::optional<int64_t> absent) const;
  /// A number, or of a list the item of this layer.
  core::Result<double> number(std::string_view key, double absent,
                              int64_t layer = -1) const;
  core::Result<bool> flag(std::string_view key, bool absent) const;
  core::Result<std::string> text(std::string_view key,
                                 std::string_view absent) const;
  core::Result<std::vector<int64_t>> integers(std::string_view key) const;
  core::Result<std::vector<std::string>> texts(std::string_view key) const;

private:
  const Family *familyOf(std::string_view modelType) const;
  Config(core::JsonValue root) : root(std::move(root)) {}
  /// The error of a key that is not there, with the nearest that is.
  core::Error missing(std::string_view key) const;

  core::JsonValue root;
  /// The language model's object of a multimodal model.
  std::optional<core::JsonValue> nested;
};

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_CONFIG_H
