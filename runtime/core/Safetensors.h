//===- Safetensors.h - Reading and writing *.safetensors --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A safetensors file is an 8-byte little-endian length, a JSON header of that
// length and the data. Files come from strangers: everything the header says is
// checked against the file before a view is given out, in the format's own
// rules (offsets cover the data without holes or overlap).
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_SAFETENSORS_H
#define MOE_RUNTIME_CORE_SAFETENSORS_H

#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Tensor.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

/// One tensor of a header.
struct SafetensorsEntry {
  std::string name;
  /// As the file spells it. Files may hold tensors of types that moec does not
  /// know, as long as nobody asks for them.
  std::string dtypeName;
  std::vector<int64_t> shape;
  /// Bytes [begin, end) of the file.
  size_t begin = 0;
  size_t end = 0;
};

struct SafetensorsHeader {
  /// Sorted by name.
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Reads and checks the header of a whole file in memory; `path` is its name in
/// messages. Errors: SafetensorsTruncated, SafetensorsHeader,
/// SafetensorsTensor.
Result<SafetensorsHeader> parseSafetensors(std::span<const std::byte> file,
                                           const std::string &path);

/// A mapped file. Views borrow from it: they end with it.
class SafetensorsFile {
public:
  /// As parseSafetensors; also FileNotFound, FileUnreadable.
  static Result<SafetensorsFile> open(const std::string &path);

  const std::string &path() const { return name; }
  const std::vector<SafetensorsEntry> &entries() const {
    return header.entries;
  }
  const std::map<std::string, std::string> &metadata() const {
    return header.metadata;
  }
  /// Null if there is none.
  const SafetensorsEntry *find(std::string_view tensor) const;
  /// TensorNotFound, or TensorDType if moec does not know the element type.
  Result<TensorView> tensor(std::string_view tensor) const;
  const os::MappedFile &map() const { return mapped; }

private:
  SafetensorsFile(std::string path, os::MappedFile mapped,
                  SafetensorsHeader header)
      : name(std::move(path)), mapped(std::move(mapped)),
        header(std::move(header)) {}
  std::string name;
  os::MappedFile mapped;
  SafetensorsHeader header;
};

struct NamedView {
  std::string name;
  TensorView tensor;
};

/// Writes a file whole or not at all. Wide element types come first, so that
/// each tensor is aligned to its element size; among equals the order is kept.
/// Errors: FileUnwritable; SafetensorsTensor for a name that occurs twice or is
/// reserved.
Status
writeSafetensors(const std::string &path, std::span<const NamedView> tensors,
                 const std::map<std::string, std::string> &metadata = {});

/// The bytes of such a file.
Result<std::string> safetensorsBytes(std::span<const NamedView> tensors);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_SAFETENSORS_H
