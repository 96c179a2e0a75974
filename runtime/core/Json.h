//===- Json.h - JSON that nobody vouches for --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading config.json, an index or a safetensors header: bounded in size and
// depth, nothing thrown, and every wrong value reported with the file, the key,
// what was found and what was expected. Parsing itself is nlohmann-json's.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_JSON_H
#define MOE_RUNTIME_CORE_JSON_H

#include "moe/runtime/core/Error.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

/// What a document may be, and the ids of its errors.
struct JsonRules {
  size_t maxBytes = size_t(64) << 20;
  unsigned maxDepth = 64;
  ErrorId invalid = ErrorId::JsonInvalid;
  ErrorId missing = ErrorId::ConfigKeyMissing;
  ErrorId type = ErrorId::ConfigKeyType;
};

/// A value in a document, with the way to it ("quantization_config.bits").
/// Cheap to copy; keeps the document alive.
class JsonValue {
public:
  /// "'config.json': key 'ffn_config.moe_top_k'": how a message begins that is
  /// about this value.
  std::string where() const;
  /// "an object", "the string 'x'", "the number 1.5", ...
  std::string describe() const;
  const std::string &file() const;

  bool isObject() const;
  bool isArray() const;
  bool isString() const;
  bool isNull() const;

  /// The value itself as what is asked for. An integer is a number written
  /// without fraction or exponent; a double is any number.
  Result<int64_t> asInt() const;
  Result<double> asDouble() const;
  Result<bool> asBool() const;
  Result<std::string> asString() const;
  Result<std::vector<int64_t>> asIntList() const;
  Result<std::vector<std::string>> asStringList() const;

  /// Members of an object. A member that is null counts as absent, as in Python
  /// configurations; so does every member of what is no object.
  bool has(std::string_view key) const { return find(key).has_value(); }
  std::optional<JsonValue> find(std::string_view key) const;
  /// As find, or an error with the nearest key there is.
  Result<JsonValue> get(std::string_view key) const;
  /// All keys, sorted; also those of null members.
  std::vector<std::string> keys() const;

  /// Elements of an array: 0 and none for what is no array.
  size_t size() const;
  JsonValue at(size_t index) const;

  Result<int64_t> getInt(std::string_view key) const;
  Result<double> getDouble(std::string_view key) const;
  Result<bool> getBool(std::string_view key) const;
  Result<std::string> getString(std::string_view key) const;
  /// `absent` where there is no such member, an error where it is of another
  /// type.
  Result<int64_t> getInt(std::string_view key, int64_t absent) const;
  Result<double> getDouble(std::string_view key, double absent) const;
  Result<bool> getBool(std::string_view key, bool absent) const;
  Result<std::string> getString(std::string_view key,
                                std::string_view absent) const;

private:
  struct Document;
  friend Result<JsonValue> parseJson(std::string_view, std::string,
                                     const JsonRules &);
  JsonValue(std::shared_ptr<const Document> document,
            const nlohmann::json *value, std::string path);
  JsonValue member(std::string_view key, const nlohmann::json &value) const;
  Error wrongType(std::string_view expected) const;

  std::shared_ptr<const Document> document;
  const nlohmann::json *value;
  std::string path;
};

/// The root of `text`; `file` is its name in messages. A key that occurs twice
/// in an object is an error. NaN, Infinity and -Infinity, which Python writes
/// into configurations though JSON has no such words, are read as null.
Result<JsonValue> parseJson(std::string_view text, std::string file,
                            const JsonRules &rules = {});
/// The same of a file. Also FileNotFound, FileUnreadable.
Result<JsonValue> readJson(const std::string &path,
                           const JsonRules &rules = {});

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_JSON_H
