//===- GgufConfig.h - The keys of a GGUF file -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GGUF file has its configuration inside. Keys of its architecture become
// members of an object, so that rows of families read them as they read
// config.json.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_GGUFCONFIG_H
#define MOE_RUNTIME_IMPORT_GGUFCONFIG_H

#include "moe/runtime/core/Gguf.h"
#include "moe/runtime/core/Json.h"

namespace moe::import {

/// {"model_type": "gguf:qwen3moe", "expert_count": 128, ...}: keys without the
/// architecture in front. Errors: GgufInvalid for a file without one.
core::Result<core::JsonValue> configOfGguf(const core::GgufFile &file);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_GGUFCONFIG_H
