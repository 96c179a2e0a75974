//===- Gguf.h - Reading *.gguf ----------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One file with the configuration (typed keys), the names of the tensors and
// their data, most of it in blocks (GgufBlocks.h). Files come from strangers:
// everything is checked against the file's size before it is used.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_GGUF_H
#define MOE_RUNTIME_CORE_GGUF_H

#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/GgufBlocks.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Tensor.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace moe::core {

struct GgufTensor {
  std::string name;
  /// Slowest dimension first, the other way around than in the file.
  std::vector<int64_t> shape;
  uint32_t typeId = 0;
  /// Null for a type that moec does not know: then nobody may ask for it.
  const GgufType *type = nullptr;
  /// Bytes [begin, end) of the file; the end is known where the type is.
  size_t begin = 0, end = 0;
};

using GgufValue = std::variant<int64_t, double, bool, std::string>;

struct GgufHeader {
  /// Sorted by name.
  std::vector<GgufTensor> tensors;
  /// Without the keys whose values are arrays (vocabularies, mostly).
  std::map<std::string, GgufValue> metadata;
};

/// Reads and checks the header of a whole file in memory, version 2 or 3,
/// little endian; `path` is its name in messages. Error: GgufInvalid.
Result<GgufHeader> parseGguf(std::span<const std::byte> file,
                             const std::string &path);

/// A mapped file. Views borrow from it: they end with it.
class GgufFile {
public:
  /// As parseGguf; also FileNotFound, FileUnreadable.
  static Result<GgufFile> open(const std::string &path);

  const std::string &path() const { return name; }
  const std::vector<GgufTensor> &tensors() const { return header.tensors; }
  const std::map<std::string, GgufValue> &metadata() const {
    return header.metadata;
  }
  /// Null if there is none.
  const GgufTensor *find(std::string_view tensor) const;
  /// Blocks are told as f32 without data: read() has it. TensorNotFound;
  /// TensorDType for a type that moec does not know.
  Result<TensorView> tensor(std::string_view tensor) const;
  /// Elements [begin, end) of a tensor that tensor() gave, decoded into
  /// `buffer` where they are in blocks.
  const std::byte *read(std::string_view tensor, int64_t begin, int64_t end,
                        std::vector<std::byte> &buffer) const;
  const os::MappedFile &map() const { return mapped; }

private:
  GgufFile(std::string path, os::MappedFile mapped, GgufHeader header)
      : name(std::move(path)), mapped(std::move(mapped)),
        header(std::move(header)) {}
  std::string name;
  os::MappedFile mapped;
  GgufHeader header;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_GGUF_H
