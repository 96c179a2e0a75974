//===- Unread.cpp - What of a layer a checkpoint has beyond its row -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor that nothing reads is no error: inputs' scales are stored that only
// other engines use. But it may be what makes a layer another one, so whoever
// imports is told.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/semantics/TensorPattern.h"
#include "moe/runtime/import/Import.h"
#include "moe/runtime/import/Resolver.h"

#include <map>
#include <set>

using namespace moe;
using namespace moe::import;
using core::Result;

/// The part of a name below the block, up to the first dot.
static std::string_view memberOf(std::string_view name, size_t prefix) {
  std::string_view rest = name.substr(prefix);
  return rest.substr(0, rest.find('.'));
}

/// A name with "{e}" for the number of an expert, if it is one of many.
static std::string patternOf(std::string_view name) {
  constexpr std::string_view experts = "experts.";
  const size_t at = name.find(experts);
  if (at == std::string_view::npos)
    return std::string(name);
  const size_t begin = at + experts.size();
  const size_t end = name.find_first_not_of("0123456789", begin);
  if (end == begin || end == std::string_view::npos || name[end] != '.')
    return std::string(name);
  return std::string(name.substr(0, begin)) + "{e}" +
         std::string(name.substr(end));
}

Result<std::vector<std::string>>
import::unreadTensors(mlir::ModuleOp module, const std::string &folder,
                      int64_t layer) {
  Result<Source> source = Source::open(folder);
  if (!source)
    return source.takeError();
  Result<LayerPlace> place = chooseLayer(source->layers, layer, folder);
  if (!place)
    return place.takeError();

  const std::string prefix = place->block + ".";
  std::set<std::string> read;
  std::set<std::string_view> members;
  for (auto param : module.getOps<ParamOp>()) {
    SourceAttr from = param.getSourceAttr();
    if (!from)
      continue;
    std::string_view pattern = from.getPattern().getValue();
    const bool numbered = semantics::isPerExpert(pattern);
    auto type = cast<mlir::RankedTensorType>(param.getType());
    const int64_t count = numbered ? type.getDimSize(0) : 1;
    for (int64_t e = 0; e < count; ++e)
      read.insert(semantics::nameOfExpert(pattern, e));
    if (pattern.starts_with(prefix))
      members.insert(memberOf(pattern, prefix.size()));
  }
  // A block that is a whole layer has attention and norms beside its experts:
  // of these nothing is said.
  const bool wholeLayer =
      prefix.find_last_of("0123456789") == prefix.size() - 2;
  std::map<std::string, int64_t> found;
  for (const std::string &name : source->checkpoint.names())
    if (name.starts_with(prefix) && !read.contains(name) &&
        (!wholeLayer || members.contains(memberOf(name, prefix.size()))))
      ++found[patternOf(name)];
  std::vector<std::string> unread;
  for (const auto &[pattern, count] : found)
    unread.push_back("'" + pattern + "'" +
                     (count > 1 ? " (" + std::to_string(count) + " tensors)"
                                : std::string()));
  return unread;
}
