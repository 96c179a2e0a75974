//===- GgufConfig.cpp - The keys of a GGUF file ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/GgufConfig.h"

#include <nlohmann/json.hpp>

using namespace moe;
using core::Error;
using core::ErrorId;
using core::Result;

Result<core::JsonValue> import::configOfGguf(const core::GgufFile &file) {
  auto found = file.metadata().find("general.architecture");
  const std::string *architecture =
      found == file.metadata().end() ? nullptr
                                     : std::get_if<std::string>(&found->second);
  if (!architecture)
    return Error(ErrorId::GgufInvalid,
                 "'" + file.path() +
                     "': key 'general.architecture' must be a string");
  nlohmann::json object;
  const std::string prefix = *architecture + ".";
  for (const auto &[key, value] : file.metadata())
    if (key.starts_with(prefix))
      std::visit(
          [&](const auto &each) { object[key.substr(prefix.size())] = each; },
          value);
  object["model_type"] = "gguf:" + *architecture;
  // Names may hold any bytes.
  return core::parseJson(
      object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      file.path());
}
