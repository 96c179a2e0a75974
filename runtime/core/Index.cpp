//===- Index.cpp - model.safetensors.index.json -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// {"metadata": {...}, "weight_map": {tensor: file, ...}}.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Index.h"
#include "moe/runtime/core/Json.h"
#include "moe/runtime/core/Os.h"

using namespace moe::core;

static JsonRules indexRules() {
  JsonRules rules;
  rules.maxBytes = size_t(256) << 20; // the largest known has 20 MiB
  rules.invalid = ErrorId::IndexInvalid;
  rules.missing = ErrorId::IndexInvalid;
  rules.type = ErrorId::IndexInvalid;
  return rules;
}

Result<WeightMap> moe::core::parseIndex(std::string_view text,
                                        const std::string &path) {
  Result<JsonValue> root = parseJson(text, path, indexRules());
  if (!root)
    return root.takeError();
  Result<JsonValue> weightMap = root->get("weight_map");
  if (!weightMap)
    return weightMap.takeError();
  if (!weightMap->isObject())
    return Error(ErrorId::IndexInvalid, weightMap->where() +
                                            " must be an object, found " +
                                            weightMap->describe());
  WeightMap map;
  for (const std::string &tensor : weightMap->keys()) {
    Result<std::string> file = weightMap->getString(tensor);
    if (!file)
      return file.takeError();
    if (!file->ends_with(".safetensors") ||
        file->find_first_of(std::string_view("/\0", 2)) != std::string::npos)
      return Error(ErrorId::IndexInvalid,
                   quote(path) + ": tensor " + quote(tensor) +
                       ": the file must be the name of a *.safetensors file in "
                       "the same folder, found " +
                       quote(*file));
    map.emplace(tensor, *std::move(file));
  }
  return map;
}

Result<WeightMap> moe::core::readIndex(const std::string &path) {
  Result<std::string> text = os::readFile(path, indexRules().maxBytes);
  if (!text)
    return text.takeError();
  return parseIndex(*text, path);
}
