//===- Cases.cpp - The runs that were asked for ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-run/Cases.h"

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Safetensors.h"

#include <algorithm>

using namespace moe;
using namespace moe::tools;
using core::Error;
using core::ErrorId;
using core::Result;

static constexpr std::string_view kInputPrefix = "input-";
static constexpr std::string_view kExpectPrefix = "expect-";
static constexpr std::string_view kSuffix = ".safetensors";

/// "input-T12.safetensors" before "input-T100.safetensors".
static bool shorterFirst(const std::string &a, const std::string &b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

static Result<std::vector<Case>> findFixture(const std::string &folder) {
  Result<std::vector<std::string>> names = core::os::listDirectory(folder);
  if (!names)
    return names.takeError();
  std::vector<std::string> files = *std::move(names);
  std::sort(files.begin(), files.end(), shorterFirst);
  std::vector<Case> cases;
  for (const std::string &name : files) {
    if (!name.starts_with(kInputPrefix) || !name.ends_with(kSuffix))
      continue;
    std::string expect =
        std::string(kExpectPrefix) + name.substr(kInputPrefix.size());
    if (std::find(files.begin(), files.end(), expect) != files.end())
      cases.push_back({folder + "/" + name, folder + "/" + expect});
  }
  if (cases.empty())
    return Error(ErrorId::FileNotFound,
                 core::quote(folder) + " has no input-T*.safetensors with an "
                                       "expect-T*.safetensors beside it");
  return cases;
}

Result<std::vector<Case>> tools::findCases(const RunOptions &options) {
  std::string expect = options.expect.value_or("");
  std::optional<core::os::FileInfo> info = core::os::fileInfo(expect);
  if (!expect.empty() && info && info->isDirectory && !options.input &&
      !options.randomInputs)
    return findFixture(expect);
  return std::vector<Case>{{options.input.value_or(""), expect}};
}

std::string tools::inputDType(const Case &each) {
  if (each.inputs.empty())
    return "";
  Result<core::SafetensorsFile> file = core::SafetensorsFile::open(each.inputs);
  if (!file)
    return "";
  Result<core::TensorView> view = file->tensor("hidden_states");
  return view ? std::string(core::name(view->dtype)) : "";
}

Result<HostTensors> tools::readInputs(const RunOptions &options,
                                      const Case &each,
                                      const Signature &signature) {
  if (!each.inputs.empty())
    return readTensors(each.inputs);
  HostTensors inputs;
  for (const Signature::Value &value : signature.inputs) {
    std::map<std::string, int64_t> dims;
    for (const std::string &dim : value.dims)
      dims[dim] = options.tokens.value_or(8);
    // Refused here, before memory for it is asked for.
    for (const auto &[dim, size] : dims)
      if (auto bound = signature.bounds.find(dim);
          bound != signature.bounds.end() && size > bound->second)
        return Error(ErrorId::BoundExceeded,
                     std::to_string(size) + " " + dim + " exceed the bound " +
                         std::to_string(bound->second) +
                         " that the layer was compiled for: run fewer at a "
                         "time, or raise moe.bounds and compile again");
    Result<std::vector<int64_t>> shape = shapeOf(value, dims);
    if (!shape)
      return shape.takeError();
    inputs.add(value.name, randomTensor(value.dtype, *std::move(shape),
                                        options.seed, value.name));
  }
  return inputs;
}
