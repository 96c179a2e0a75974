//===- Package.h - The file that holds a compiled layer ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A .moe file is a 64-byte header and one FlatBuffer of
// codegen/abi/program.fbs:
//
//   byte  0   magic, 8 bytes; as in PNG, a text-mode copy damages it
//         8   u32 format version
//        12   u32 zero
//        16   u64 bytes of the FlatBuffer
//        24   xxh3-128 of the FlatBuffer, big-endian, 16 bytes
//        40   zero, 24 bytes
//        64   the FlatBuffer, to the end of the file
//
// Numbers are little-endian. A package holds machine code, so it is trusted as
// a shared library is; the checks are for files that were damaged, cut short or
// made by a compiler with a defect, and for good messages. All of them happen
// here: who holds a Package follows its references without looking.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_PACKAGE_H
#define MOE_RUNTIME_CORE_PACKAGE_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/runtime/core/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace moe::core {

inline constexpr uint32_t packageVersion = 1;
inline constexpr size_t packageHeaderBytes = 64;

class Package {
public:
  /// Reads the whole file, so that nobody changes under us what was checked.
  /// Errors: FileNotFound, FileUnreadable and those of fromBytes.
  static Result<std::shared_ptr<const Package>> open(const std::string &path);
  /// Called `name` once it is open.
  static Result<std::shared_ptr<const Package>> open(const std::string &path,
                                                     std::string name);
  /// `name` is what messages call it. Errors: PackageTruncated, PackageVersion,
  /// PackageCorrupt.
  static Result<std::shared_ptr<const Package>> fromBytes(std::string file,
                                                          std::string name);

  const abi::Package &root() const { return *tables; }
  const std::string &name() const { return fileName; }
  std::string_view bytes() const { return file; }

private:
  Package() = default;
  static Result<std::shared_ptr<Package>> read(std::string file,
                                               std::string name);
  std::string file;
  std::string fileName;
  const abi::Package *tables = nullptr;
};

/// Whether a file that begins so is meant to be a package.
bool looksLikePackage(std::string_view file);

/// The file around a finished FlatBuffer.
std::string writePackage(std::span<const uint8_t> flatbuffer);
/// The same, from the schema's object form.
std::string writePackage(const abi::PackageT &package);

/// Everything that running and binding index without looking: references,
/// expressions, shapes, strides and their sizes. PackageCorrupt says where; the
/// caller adds the file.
Status checkPackage(const abi::Package &package);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_PACKAGE_H
