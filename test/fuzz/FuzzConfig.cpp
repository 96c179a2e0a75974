//===- FuzzConfig.cpp - Any bytes as config.json ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any bytes are a document that can be walked with every accessor, or an error
// with a text.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Json.h"

#include <cstdlib>

using namespace moe::core;

template <typename T> static void use(const Result<T> &result) {
  if (!result && result.error().message.empty())
    std::abort();
}

static void walk(const JsonValue &value) {
  use(value.asInt());
  use(value.asDouble());
  use(value.asBool());
  use(value.asString());
  use(value.asIntList());
  use(value.asStringList());
  use(value.getInt("num_experts"));
  use(value.getDouble("eps", 1e-6));
  if (value.describe().empty() || value.where().empty())
    std::abort();
  for (const std::string &key : value.keys())
    if (std::optional<JsonValue> member = value.find(key))
      walk(*member);
  for (size_t i = 0; i < value.size(); ++i)
    walk(value.at(i));
}

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Result<JsonValue> root = parseJson(text, "config.json");
  use(root);
  if (root)
    walk(*root);
  return 0;
}
