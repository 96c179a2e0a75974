//===- Config.cpp - Reading config.json with its habits -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Config.h"

#include "moe/runtime/core/Gguf.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/import/GgufConfig.h"

#include <algorithm>
#include <charconv>
#include <cmath>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::JsonValue;
using core::Result;

std::string import::spelled(const JsonValue &value) {
  if (Result<std::string> text = value.asString())
    return *text;
  if (Result<bool> flag = value.asBool())
    return *flag ? "true" : "false";
  if (Result<int64_t> number = value.asInt())
    return std::to_string(*number);
  if (Result<double> number = value.asDouble();
      number && std::abs(*number) < 1e9 && *number == std::round(*number))
    return std::to_string(static_cast<int64_t>(*number));
  return value.describe();
}

/// The member that a key with dots leads to; numbers are items of lists.
static std::optional<JsonValue> descend(std::optional<JsonValue> value,
                                        std::string_view key) {
  while (value) {
    size_t dot = key.find('.');
    std::string_view head = key.substr(0, dot);
    size_t index = 0;
    auto [end, error] =
        std::from_chars(head.data(), head.data() + head.size(), index);
    if (error != std::errc() || end != head.data() + head.size())
      value = value->isObject() ? value->find(head) : std::nullopt;
    else if (value->isArray() && index < value->size())
      value = value->at(index);
    else
      value = std::nullopt;
    if (dot == std::string_view::npos)
      break;
    key.remove_prefix(dot + 1);
  }
  return value;
}

Result<Config> Config::read(const std::string &folder,
                            const core::Checkpoint &checkpoint) {
  if (const core::GgufFile *gguf = checkpoint.gguf()) {
    Result<JsonValue> keys = configOfGguf(*gguf);
    if (!keys)
      return keys.takeError();
    return Config(*std::move(keys));
  }
  std::string path = folder + "/config.json";
  if (!core::os::fileInfo(path))
    return Error(ErrorId::ConfigMissing, "'" + folder + "' has no config.json");
  Result<JsonValue> root = core::readJson(path);
  if (!root)
    return root.takeError();
  if (!root->isObject())
    return Error(ErrorId::ConfigKeyType,
                 "'" + path + "' must be an object, found " + root->describe());
  Config config(*std::move(root));
  for (std::string_view key : {"text_config", "thinker_config.text_config",
                               "language_config", "llm_config"})
    if (std::optional<JsonValue> text = descend(config.root, key);
        text && text->isObject()) {
      config.nested = *std::move(text);
      break;
    }
  return config;
}

const Family *Config::familyOf(std::string_view modelType) const {
  auto fits = [&](const Condition &condition) {
    std::optional<JsonValue> value = find(condition.key);
    return value && spelled(*value) == condition.value;
  };
  for (const Family &family : families())
    if (std::ranges::find(family.modelTypes, modelType) !=
            family.modelTypes.end() &&
        (!family.onlyIf || fits(*family.onlyIf)))
      return &family;
  return nullptr;
}

Result<const Family *> Config::family() const {
  Result<std::string> type = root.getString("model_type");
  if (!type)
    return type.takeError();
  if (const Family *family = familyOf(*type))
    return family;
  if (nested)
    if (Result<std::string> inner = nested->getString("model_type"))
      if (const Family *family = familyOf(*inner))
        return family;
  std::vector<std::string> known;
  std::string list;
  // Those of the same kind of checkpoint.
  constexpr std::string_view gguf = "gguf:";
  for (const Family &family : families())
    for (std::string_view name : family.modelTypes) {
      if (family.onlyIf || name.starts_with(gguf) != type->starts_with(gguf))
        continue;
      known.emplace_back(name);
      list += (list.empty() ? "" : ", ") + known.back();
    }
  return Error(ErrorId::ModelTypeUnknown,
               file() + ": model_type '" + *type + "' is unknown" +
                   core::didYouMean(*type, known) + "; known are " + list +
                   ". A layer of another model can be written as IR or "
                   "described with LayerSpec");
}

std::optional<JsonValue> Config::find(std::string_view key) const {
  if (nested)
    if (std::optional<JsonValue> value = descend(*nested, key))
      return value;
  return descend(root, key);
}

Error Config::missing(std::string_view key) const {
  JsonValue object = nested ? *nested : root;
  size_t dot = key.rfind('.');
  if (dot != std::string_view::npos) {
    if (std::optional<JsonValue> inner = find(key.substr(0, dot))) {
      object = *inner;
      key.remove_prefix(dot + 1);
    } else {
      key = key.substr(0, key.find('.'));
    }
  }
  return object.getInt(key).takeError();
}

/// An integer within bounds.
static Result<int64_t> bounded(const JsonValue &value, int64_t low,
                               int64_t high) {
  Result<int64_t> number = value.asInt();
  if (number && (*number < low || *number > high))
    return Error(ErrorId::ConfigKeyType, value.where() + " must be " +
                                             std::to_string(low) + " to " +
                                             std::to_string(high) + ", found " +
                                             std::to_string(*number));
  return number;
}

/// The item of this layer, of a list; anything else as it is.
static Result<JsonValue> itemOf(const JsonValue &value, int64_t layer) {
  if (!value.isArray())
    return value;
  if (layer < 0 || static_cast<size_t>(layer) >= value.size())
    return Error(ErrorId::ConfigKeyType,
                 value.where() + " has " + std::to_string(value.size()) +
                     " items, none of layer " + std::to_string(layer));
  return value.at(layer);
}

Result<Size> Config::size(Keys keys, int64_t layer) const {
  for (std::string_view key : keys)
    if (std::optional<JsonValue> value = find(key)) {
      Result<JsonValue> item = itemOf(*value, layer);
      if (!item)
        return item.takeError();
      Result<int64_t> number = bounded(*item, 1, int64_t(1) << 20);
      if (!number)
        return number.takeError();
      return Size{*number, std::string(key)};
    }
  // The error of the key that this version's files have.
  return missing(keys.front());
}

Result<int64_t> Config::integer(std::string_view key, int64_t low, int64_t high,
                                std::optional<int64_t> absent) const {
  if (std::optional<JsonValue> value = find(key))
    return bounded(*value, low, high);
  if (absent)
    return *absent;
  return missing(key);
}

Result<double> Config::number(std::string_view key, double absent,
                              int64_t layer) const {
  std::optional<JsonValue> value = key.empty() ? std::nullopt : find(key);
  if (!value)
    return absent;
  Result<JsonValue> item = itemOf(*value, layer);
  if (!item)
    return item.takeError();
  return item->isNull() ? Result<double>(absent) : item->asDouble();
}

Result<bool> Config::flag(std::string_view key, bool absent) const {
  std::optional<JsonValue> value = key.empty() ? std::nullopt : find(key);
  return value ? value->asBool() : Result<bool>(absent);
}

Result<std::string> Config::text(std::string_view key,
                                 std::string_view absent) const {
  std::optional<JsonValue> value = find(key);
  return value ? value->asString() : Result<std::string>(std::string(absent));
}

Result<std::vector<int64_t>> Config::integers(std::string_view key) const {
  std::optional<JsonValue> value = find(key);
  return value ? value->asIntList()
               : Result<std::vector<int64_t>>(std::vector<int64_t>());
}

Result<std::vector<std::string>> Config::texts(std::string_view key) const {
  std::optional<JsonValue> value = find(key);
  return value ? value->asStringList()
               : Result<std::vector<std::string>>(std::vector<std::string>());
}
