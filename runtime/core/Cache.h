//===- Cache.h - Compiled packages on disk ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer is compiled once a machine. An entry is a package named after a hash
// of everything that decides its content, so an entry is never stale, and it
// appears whole or not at all, so any number of processes may share a folder.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_CACHE_H
#define MOE_RUNTIME_CORE_CACHE_H

#include "moe/runtime/core/CompilerPlugin.h"
#include "moe/runtime/core/Package.h"

#include <memory>
#include <string>

namespace moe::core {

/// 32 hex digits over the source, the options, this host where it is a target,
/// and this build. Of a checkpoint its configuration and the names, types and
/// shapes of its tensors count, not the weights. Errors: a file of the
/// checkpoint that cannot be read; IsaUnavailable, EnvironmentValue.
Result<std::string> cacheKey(const Source &source,
                             const CompileOptions &options);

class Cache {
public:
  /// The folder that the environment names (MOE_CACHE_DIR, else the user's
  /// cache folder). Without one nothing is found and nothing kept.
  static Cache fromEnvironment();
  /// `required`: a folder that cannot be written is an error, not a warning.
  Cache(std::string folder, bool required)
      : folder(std::move(folder)), required(required) {}

  /// The entry, called `name`; null if there is none. One that is damaged is
  /// reported as a warning and counts as none.
  std::shared_ptr<const Package> find(const std::string &key,
                                      const std::string &name) const;
  /// CacheUnwritable if the folder was named by MOE_CACHE_DIR; otherwise the
  /// first failure of a process is a warning.
  Status store(const std::string &key, std::string_view package) const;

private:
  std::string path(const std::string &key) const;
  std::string folder; ///< empty: none
  bool required;
};

/// The package of `source`: itself if it is one, from the cache, or compiled
/// and kept. With a dump folder, or where not a whole package is made, the
/// cache is left alone. The compiler is loaded only if it has to work.
/// Phases "cache" and "load-compiler" are timed besides the compiler's.
/// Errors: those of cacheKey, CompilerPlugin::load and its compile, of opening
/// a package, and CacheUnwritable.
Result<std::shared_ptr<const Package>> compile(const Source &source,
                                               const CompileOptions &options,
                                               const Cache &cache);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_CACHE_H
