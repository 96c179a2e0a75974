//===- Index.h - model.safetensors.index.json -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The index of a checkpoint of several files says which file holds a tensor.
// It comes from strangers too, and its file names must stay in their folder.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_INDEX_H
#define MOE_RUNTIME_CORE_INDEX_H

#include "moe/runtime/core/Error.h"

#include <map>
#include <string>
#include <string_view>

namespace moe::core {

/// Tensor name to file name, without a folder.
using WeightMap = std::map<std::string, std::string>;

/// The "weight_map" of an index; `path` is its name in messages. Error:
/// IndexInvalid.
Result<WeightMap> parseIndex(std::string_view text, const std::string &path);
/// The same of a file. Also FileNotFound, FileUnreadable.
Result<WeightMap> readIndex(const std::string &path);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_INDEX_H
