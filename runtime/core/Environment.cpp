//===- Environment.cpp - The MOE_* variables --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row a variable. A value that is not understood is an error, not ignored:
// whoever sets MOE_ISA=avx-512 would measure something else than he believes.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/ThreadPool.h"

#include <algorithm>
#include <charconv>
#include <iterator>

using namespace moe::core;

namespace {

constexpr std::string_view isas[] = {"scalar", "avx2",           "avx512",
                                     "amx",    "emulate:avx512", "emulate:amx"};
constexpr std::string_view logLevels[] = {"off", "error", "warning", "info",
                                          "debug"};

constexpr VariableInfo table[] = {
    {"MOE_CACHE_DIR",
     "folder of compiled programs (default: ~/.cache/moec)",
     {}},
    {"MOE_DUMP_DIR",
     "folder that receives the IR after each phase, generated "
     "code and reproducers",
     {}},
    {"MOE_ISA",
     "CPU level to compile for and run on; emulate: runs a level "
     "that the CPU lacks",
     isas},
    {"MOE_NUM_THREADS",
     "threads to run with (default 0: the physical cores "
     "allowed by affinity and cgroup)",
     {}},
    {"MOE_COMPILER",
     "path of libmoe_compiler.so (default: beside libmoe.so)",
     {}},
    {"MOE_CUDA_DRIVER",
     "path of the CUDA driver library (default: "
     "libcuda.so.1)",
     {}},
    {"MOE_NVRTC",
     "path of the NVRTC library (default: the newest installed)",
     {}},
    {"MOE_LOG", "what is reported on stderr (default: warning)", logLevels},
};
static_assert(std::size(table) == static_cast<size_t>(Variable::Log) + 1);

Error wrongValue(const VariableInfo &row, const std::string &expected,
                 const std::string &found) {
  return {ErrorId::EnvironmentValue, std::string(row.name) + " must be " +
                                         expected + ", found " + quote(found)};
}

} // namespace

std::span<const VariableInfo> moe::core::variables() { return table; }

Result<std::optional<std::string>> moe::core::environment(Variable variable) {
  const VariableInfo &row = table[static_cast<size_t>(variable)];
  std::optional<std::string> value =
      os::environmentVariable(std::string(row.name).c_str());
  if (!value || value->empty())
    return std::optional<std::string>();
  if (!row.choices.empty() && std::find(row.choices.begin(), row.choices.end(),
                                        *value) == row.choices.end()) {
    std::string expected = "one of ";
    for (size_t i = 0; i < row.choices.size(); ++i)
      expected += (i ? ", " : "") + std::string(row.choices[i]);
    return wrongValue(row, expected, *value);
  }
  return value;
}

Result<unsigned> moe::core::numThreads() {
  Result<std::optional<std::string>> text = environment(Variable::NumThreads);
  if (!text)
    return text.takeError();
  unsigned count = 0;
  if (const std::optional<std::string> &value = *text) {
    const char *end = value->data() + value->size();
    auto [stop, error] = std::from_chars(value->data(), end, count);
    if (error != std::errc() || stop != end || count > ThreadPool::maxThreads)
      return wrongValue(table[static_cast<size_t>(Variable::NumThreads)],
                        "an integer from 0 to " +
                            std::to_string(ThreadPool::maxThreads),
                        *value);
  }
  return count ? count : os::physicalCores();
}

std::optional<std::string> moe::core::cacheDirectory() {
  Result<std::optional<std::string>> ours = environment(Variable::CacheDir);
  if (ours && *ours)
    return *ours;
  auto folder = os::environmentVariable("XDG_CACHE_HOME");
  if (folder && !folder->empty())
    return *folder + "/moec";
  folder = os::environmentVariable("HOME");
  if (folder && !folder->empty())
    return *folder + "/.cache/moec";
  return std::nullopt;
}

std::vector<std::string> moe::core::pythonFolders() {
  std::vector<std::string> folders;
  auto add = [&](const std::string &library, const std::string &packages) {
    if (!os::fileInfo(library))
      return;
    Result<std::vector<std::string>> entries = os::listDirectory(library);
    if (!entries)
      return;
    for (const std::string &entry : *entries)
      if (entry.starts_with("python3"))
        folders.push_back(library + "/" + entry + "/" + packages);
  };
  for (const char *variable : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (auto prefix = os::environmentVariable(variable))
      add(*prefix + "/lib", "site-packages");
  if (auto home = os::environmentVariable("HOME"))
    add(*home + "/.local/lib", "site-packages");
  for (const char *packages : {"dist-packages", "site-packages"})
    for (const char *library : {"/usr/local/lib", "/usr/lib"})
      add(library, packages);
  return folders;
}
