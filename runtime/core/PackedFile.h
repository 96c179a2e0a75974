//===- PackedFile.h - Packed weights on disk --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing reads a checkpoint and writes as much again. A process that starts
// often does it once: what was packed is kept as a file, and mapped by those
// that come later, who share its pages.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_PACKEDFILE_H
#define MOE_RUNTIME_CORE_PACKEDFILE_H

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Program.h"

#include <optional>
#include <string>
#include <string_view>

namespace moe::core {

/// The file of one program with one checkpoint, in a folder of such files. Its
/// name is a hash of the package and of the checkpoint's files (path, length,
/// time of change), so that whatever changes asks for another.
class PackedFile {
public:
  /// `identity`: see WeightSource::identity().
  PackedFile(const std::string &folder, const Program &program,
             std::string_view identity);

  const std::string &path() const { return file; }

  /// Maps the file. False if there is none, or if it is not what was written
  /// here: that is a warning in the log, and as good as none.
  bool map();
  /// Parameter number `index` of Program::params(), in a mapped file.
  const std::byte *param(size_t index) const;

  /// Makes the folder and a file beside the one to be; before packing, since it
  /// may fail. CacheUnwritable.
  Status create();
  /// Writes the parameters and gives the file its name. CacheUnwritable.
  Status write(std::span<std::byte *const> params);

private:
  std::string header() const;
  Status unwritable(const Status &status) const;

  const Program &program;
  std::string folder, key, file;
  std::vector<uint64_t> offsets; ///< of the parameters; then the file's end
  std::optional<os::MappedFile> mapped;
  std::optional<os::AtomicFile> written;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_PACKEDFILE_H
