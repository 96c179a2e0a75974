//===- Cache.cpp - Compiled packages on disk --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What goes into a key, and the folder of entries.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Cache.h"
#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Gguf.h"
#include "moe/runtime/core/KeyText.h"
#include "moe/runtime/core/Log.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Version.h"

#include <atomic>
#include <chrono>
#include <cstring>

using namespace moe::core;

namespace {

/// A file's content, or that there is none.
Status addFile(KeyText &key, const std::string &path, size_t limit) {
  if (!os::fileInfo(path)) {
    key.add("absent");
    return {};
  }
  Result<std::string> file = os::readFile(path, limit);
  if (!file)
    return file.takeError();
  key.add(*file);
  return {};
}

/// The header of a safetensors file, as it lies.
Status addHeader(KeyText &key, const std::string &path) {
  Result<os::MappedFile> file = os::MappedFile::open(path);
  if (!file)
    return file.takeError();
  const std::span<const std::byte> bytes = file->bytes();
  // Damaged files are the compiler's to report.
  uint64_t length = 0;
  if (bytes.size() >= sizeof(length))
    std::memcpy(&length, bytes.data(), sizeof(length));
  const size_t size = std::min<uint64_t>(
      std::min<uint64_t>(length, size_t(1) << 30) + 8, bytes.size());
  key.add({reinterpret_cast<const char *>(bytes.data()), size});
  return {};
}

/// All but the data. Damaged files are the compiler's to report.
Status addGguf(KeyText &key, const std::string &path) {
  Result<GgufFile> file = GgufFile::open(path);
  if (!file)
    return {};
  size_t end = file->map().bytes().size();
  for (const GgufTensor &tensor : file->tensors())
    end = std::min(end, tensor.begin);
  key.add({reinterpret_cast<const char *>(file->map().bytes().data()), end});
  return {};
}

Status addCheckpoint(KeyText &key, const std::string &folder) {
  if (folder.ends_with(".gguf") && !os::fileInfo(folder + "/."))
    return addGguf(key, folder);
  constexpr size_t limit = size_t(1) << 30;
  for (const char *name :
       {"config.json", "hf_quant_config.json", "model.safetensors.index.json"})
    if (Status status = addFile(key, folder + "/" + name, limit); !status)
      return status;
  Result<std::vector<std::string>> entries = os::listDirectory(folder);
  if (!entries)
    return entries.takeError();
  for (const std::string &entry : *entries) {
    if (entry.ends_with(".gguf")) {
      key.add(entry);
      if (Status status = addGguf(key, folder + "/" + entry); !status)
        return status;
    }
    if (!entry.ends_with(".safetensors"))
      continue;
    key.add(entry);
    if (Status status = addHeader(key, folder + "/" + entry); !status)
      return status;
  }
  return {};
}

bool namesHost(std::string_view targets) {
  for (size_t begin = 0; begin <= targets.size();) {
    const size_t end = std::min(targets.find(',', begin), targets.size());
    if (targets.substr(begin, end - begin) == "host")
      return true;
    begin = end + 1;
  }
  return false;
}

} // namespace

Result<std::string> moe::core::cacheKey(const Source &source,
                                        const CompileOptions &options) {
  KeyText key;
  key.add(buildId());
  key.add(MOE_PLUGIN_VERSION);
  key.add(static_cast<uint64_t>(source.kind));
  if (source.kind == Source::Kind::Checkpoint) {
    if (Status status = addCheckpoint(key, source.content); !status)
      return status.takeError();
  } else {
    key.add(source.content);
  }
  key.add(source.layer ? std::to_string(*source.layer) : "only");
  key.add(source.dtype);
  key.add(source.function);
  key.add(source.overrideIds);
  key.add(options.targets);
  key.add(options.isa);
  if (namesHost(options.targets)) {
    const CpuInfo &host = hostCpu();
    Result<IsaSelection> isa = selectIsa(host.arch, host.features, options.isa);
    if (!isa)
      return isa.takeError();
    key.add(static_cast<uint64_t>(host.arch));
    key.add(isa->plan.bits());
    key.add(isa->code.bits());
    // The default plans depend on them.
    key.add(host.l1dBytes);
    key.add(host.l2Bytes);
    key.add(host.l3Bytes);
  }
  key.add(options.deterministic);
  key.add(options.fast);
  key.add(options.stripIr);
  key.add(options.fromPhase);
  return key.hash();
}

Cache Cache::fromEnvironment() {
  Result<std::optional<std::string>> given = environment(Variable::CacheDir);
  const bool required = given && *given;
  std::optional<std::string> folder = cacheDirectory();
  if (!folder)
    log(LogLevel::Info, "compiled programs are not kept: neither "
                        "MOE_CACHE_DIR, XDG_CACHE_HOME nor HOME is set");
  return Cache(folder.value_or(""), required);
}

std::string Cache::path(const std::string &key) const {
  return folder + "/" + key + ".moe";
}

std::shared_ptr<const Package> Cache::find(const std::string &key,
                                           const std::string &name) const {
  if (folder.empty() || !os::fileInfo(path(key)))
    return nullptr;
  Result<std::shared_ptr<const Package>> package =
      Package::open(path(key), name);
  if (package)
    return *package;
  log(LogLevel::Warning,
      "a cache entry is compiled again: " + package.error().message);
  return nullptr;
}

Status Cache::store(const std::string &key, std::string_view package) const {
  if (folder.empty())
    return {};
  Status status = os::makeDirectories(folder);
  if (status)
    status = os::writeFile(path(key), package);
  if (status)
    return {};
  std::string message = "the cache " + quote(folder) +
                        " cannot be used: " + status.error().message +
                        "; set MOE_CACHE_DIR to a folder that can be written";
  if (required)
    return Error(ErrorId::CacheUnwritable, std::move(message));
  static std::atomic_flag warned;
  if (!warned.test_and_set())
    log(LogLevel::Warning, message);
  return {};
}

Result<std::shared_ptr<const Package>>
moe::core::compile(const Source &source, const CompileOptions &options,
                   const Cache &cache) {
  if (source.kind == Source::Kind::Package)
    return Package::fromBytes(source.content, source.name);

  using Clock = std::chrono::steady_clock;
  auto timed = [&](const char *phase, Clock::time_point begin) {
    if (options.timing)
      options.timing(
          phase, std::chrono::duration<double, std::milli>(Clock::now() - begin)
                     .count());
  };
  const bool whole = options.emit == "package" && options.dumpDir.empty() &&
                     (options.toPhase.empty() || options.toPhase == "object");
  std::string key;
  if (whole) {
    const Clock::time_point begin = Clock::now();
    Result<std::string> made = cacheKey(source, options);
    if (!made)
      return made.takeError();
    key = *std::move(made);
    std::shared_ptr<const Package> package = cache.find(key, source.name);
    timed("cache", begin);
    if (package)
      return package;
  }
  const Clock::time_point begin = Clock::now();
  Result<CompilerPlugin> plugin = CompilerPlugin::load();
  if (!plugin)
    return plugin.takeError();
  timed("load-compiler", begin);
  Result<std::string> file = plugin->compile(source, options);
  if (!file)
    return file.takeError();
  if (whole)
    if (Status status = cache.store(key, *file); !status)
      return status.takeError();
  return Package::fromBytes(*std::move(file), source.name);
}
