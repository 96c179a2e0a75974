//===- Gguf.cpp - Reading *.gguf ------------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A cursor that never passes the end; counts are believed only as far as the
// bytes that are left could hold what they count.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Gguf.h"
#include "moe/runtime/core/Spelling.h"

#include <algorithm>
#include <cstring>
#include <limits>

using namespace moe::core;

namespace {

/// Types of metadata values, by their number in the file.
enum class ValueType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64,
};

constexpr unsigned kMaxArrayDepth = 4;
constexpr uint32_t kMaxDims = 8;
constexpr int64_t kMaxAlignment = int64_t(1) << 24;

class HeaderReader {
public:
  HeaderReader(std::span<const std::byte> file, const std::string &path)
      : file(file), path(path) {}

  Result<GgufHeader> read();

private:
  Error invalid(const std::string &problem) const {
    return {ErrorId::GgufInvalid, quote(path) + ": " + problem};
  }
  Error cut(const std::string &what) const {
    return invalid("it is cut short within " + what + ", at byte " +
                   std::to_string(at));
  }
  size_t left() const { return file.size() - at; }

  template <typename T> bool take(T &value) {
    if (left() < sizeof value)
      return false;
    std::memcpy(&value, file.data() + at, sizeof value);
    at += sizeof value;
    return true;
  }
  bool takeString(std::string &text);
  Status readStart();
  Status readKeys();
  Result<std::optional<GgufValue>> readValue(const std::string &key,
                                             ValueType type);
  template <typename T>
  Result<std::optional<GgufValue>> number(const std::string &key);
  Status skipArray(const std::string &key, unsigned depth);
  Status readTensors();
  Status readTensor(GgufTensor &tensor);
  Status place(GgufTensor &tensor, size_t data) const;

  std::span<const std::byte> file;
  const std::string &path;
  size_t at = 0;
  uint64_t numTensors = 0, numKeys = 0;
  GgufHeader header;
};

} // namespace

bool HeaderReader::takeString(std::string &text) {
  uint64_t length = 0;
  if (!take(length) || length > left())
    return false;
  text.assign(reinterpret_cast<const char *>(file.data() + at),
              static_cast<size_t>(length));
  at += static_cast<size_t>(length);
  return true;
}

Status HeaderReader::readStart() {
  uint32_t magic = 0, version = 0;
  if (!take(magic) || magic != 0x46554747) // "GGUF"
    return invalid("it does not begin with 'GGUF'");
  if (!take(version))
    return cut("its version");
  if (version != 2 && version != 3)
    return invalid("it is of version " + std::to_string(version) +
                   "; moec reads versions 2 and 3, little endian");
  if (!take(numTensors) || !take(numKeys))
    return cut("its counts");
  // A key has a name's length, a type and a value; a tensor a name's length,
  // dimensions, a type and an offset.
  if (numKeys > left() / 13 || numTensors > left() / 24)
    return invalid("it has " + std::to_string(file.size()) +
                   " bytes, too few for " + std::to_string(numKeys) +
                   " keys and " + std::to_string(numTensors) + " tensors");
  return Status::ok();
}

template <typename T>
Result<std::optional<GgufValue>> HeaderReader::number(const std::string &key) {
  T value = 0;
  if (!take(value))
    return cut("key " + quote(key));
  if constexpr (std::is_floating_point_v<T>) {
    return std::optional<GgufValue>(static_cast<double>(value));
  } else {
    if constexpr (std::is_same_v<T, uint64_t>)
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return invalid("key " + quote(key) + " is larger than any size");
    return std::optional<GgufValue>(static_cast<int64_t>(value));
  }
}

Result<std::optional<GgufValue>> HeaderReader::readValue(const std::string &key,
                                                         ValueType type) {
  switch (type) {
  case ValueType::U8:
    return number<uint8_t>(key);
  case ValueType::I8:
    return number<int8_t>(key);
  case ValueType::U16:
    return number<uint16_t>(key);
  case ValueType::I16:
    return number<int16_t>(key);
  case ValueType::U32:
    return number<uint32_t>(key);
  case ValueType::I32:
    return number<int32_t>(key);
  case ValueType::U64:
    return number<uint64_t>(key);
  case ValueType::I64:
    return number<int64_t>(key);
  case ValueType::F32:
    return number<float>(key);
  case ValueType::F64:
    return number<double>(key);
  case ValueType::Bool: {
    uint8_t value = 0;
    if (!take(value))
      return cut("key " + quote(key));
    return std::optional<GgufValue>(value != 0);
  }
  case ValueType::String: {
    std::string text;
    if (!takeString(text))
      return cut("key " + quote(key));
    return std::optional<GgufValue>(std::move(text));
  }
  case ValueType::Array:
    if (Status status = skipArray(key, 0); !status)
      return status.takeError();
    return std::optional<GgufValue>();
  }
  return invalid("key " + quote(key) + " has the unknown type " +
                 std::to_string(static_cast<uint32_t>(type)));
}

Status HeaderReader::skipArray(const std::string &key, unsigned depth) {
  uint32_t type = 0;
  uint64_t count = 0;
  if (!take(type) || !take(count))
    return cut("key " + quote(key));
  if (depth == kMaxArrayDepth)
    return invalid("key " + quote(key) + " has arrays nested deeper than " +
                   std::to_string(kMaxArrayDepth));
  if (count > left())
    return cut("key " + quote(key));
  for (uint64_t i = 0; i < count; ++i) {
    if (static_cast<ValueType>(type) == ValueType::Array) {
      if (Status status = skipArray(key, depth + 1); !status)
        return status;
      continue;
    }
    Result<std::optional<GgufValue>> item =
        readValue(key, static_cast<ValueType>(type));
    if (!item)
      return item.takeError();
  }
  return Status::ok();
}

Status HeaderReader::readKeys() {
  for (uint64_t i = 0; i < numKeys; ++i) {
    std::string key;
    uint32_t type = 0;
    if (!takeString(key) || !take(type))
      return cut("key " + std::to_string(i));
    Result<std::optional<GgufValue>> value =
        readValue(key, static_cast<ValueType>(type));
    if (!value)
      return value.takeError();
    if (*value && !header.metadata.emplace(key, **std::move(value)).second)
      return invalid("key " + quote(key) + " occurs twice");
  }
  return Status::ok();
}

Status HeaderReader::readTensor(GgufTensor &tensor) {
  uint32_t dims = 0;
  if (!takeString(tensor.name) || !take(dims))
    return cut("the list of tensors");
  if (dims > kMaxDims)
    return invalid("tensor " + quote(tensor.name) + " has " +
                   std::to_string(dims) + " dimensions, at most " +
                   std::to_string(kMaxDims) + " are possible");
  for (uint32_t i = 0; i < dims; ++i) {
    uint64_t size = 0;
    if (!take(size))
      return cut("the list of tensors");
    if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return invalid("tensor " + quote(tensor.name) +
                     " has a dimension larger than any file");
    tensor.shape.push_back(static_cast<int64_t>(size));
  }
  std::ranges::reverse(tensor.shape);
  uint64_t offset = 0;
  if (!take(tensor.typeId) || !take(offset))
    return cut("the list of tensors");
  tensor.type = ggufType(tensor.typeId);
  if (offset > file.size())
    return invalid("tensor " + quote(tensor.name) + " begins behind the file");
  tensor.begin = static_cast<size_t>(offset);
  return Status::ok();
}

/// From an offset into the data to bytes of the file.
Status HeaderReader::place(GgufTensor &tensor, size_t data) const {
  auto behind = [&] {
    return invalid("tensor " + quote(tensor.name) +
                   " ends behind the file, "
                   "which has " +
                   std::to_string(file.size()) + " bytes");
  };
  if (tensor.begin > file.size() - data)
    return behind();
  tensor.begin += data;
  tensor.end = tensor.begin;
  if (!tensor.type)
    return Status::ok();
  const GgufType &type = *tensor.type;
  const int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (columns % type.elements != 0)
    return invalid("tensor " + quote(tensor.name) + " has rows of " +
                   std::to_string(columns) + "; " + std::string(type.name) +
                   " has blocks of " + std::to_string(type.elements));
  std::optional<size_t> elements = checkedBytes(DType::U8, tensor.shape);
  const size_t blocks =
      elements ? *elements / static_cast<size_t>(type.elements) : 0;
  if (!elements || blocks > (file.size() - tensor.begin) / type.bytes)
    return behind();
  tensor.end = tensor.begin + blocks * type.bytes;
  return Status::ok();
}

Status HeaderReader::readTensors() {
  for (uint64_t i = 0; i < numTensors; ++i)
    if (Status status = readTensor(header.tensors.emplace_back()); !status)
      return status;
  int64_t alignment = 32;
  if (auto found = header.metadata.find("general.alignment");
      found != header.metadata.end()) {
    const auto *given = std::get_if<int64_t>(&found->second);
    if (!given || *given < 1 || *given > kMaxAlignment)
      return invalid("key 'general.alignment' must be an integer of 1 to " +
                     std::to_string(kMaxAlignment));
    alignment = *given;
  }
  const size_t unit = static_cast<size_t>(alignment);
  const size_t data = (at + unit - 1) / unit * unit;
  if (data > file.size() && numTensors > 0)
    return cut("the padding before its data");
  for (GgufTensor &tensor : header.tensors)
    if (Status status = place(tensor, data); !status)
      return status;
  std::ranges::sort(header.tensors, {}, &GgufTensor::name);
  auto twice =
      std::ranges::adjacent_find(header.tensors, {}, &GgufTensor::name);
  if (twice != header.tensors.end())
    return invalid("tensor " + quote(twice->name) + " occurs twice");
  return Status::ok();
}

Result<GgufHeader> HeaderReader::read() {
  for (auto step : {&HeaderReader::readStart, &HeaderReader::readKeys,
                    &HeaderReader::readTensors})
    if (Status status = (this->*step)(); !status)
      return status.takeError();
  return std::move(header);
}

Result<GgufHeader> moe::core::parseGguf(std::span<const std::byte> file,
                                        const std::string &path) {
  return HeaderReader(file, path).read();
}

Result<GgufFile> GgufFile::open(const std::string &path) {
  Result<os::MappedFile> mapped = os::MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  Result<GgufHeader> header = parseGguf(mapped->bytes(), path);
  if (!header)
    return header.takeError();
  return GgufFile(path, *std::move(mapped), *std::move(header));
}

const GgufTensor *GgufFile::find(std::string_view tensor) const {
  auto found =
      std::ranges::lower_bound(header.tensors, tensor, {}, &GgufTensor::name);
  return found == header.tensors.end() || found->name != tensor ? nullptr
                                                                : &*found;
}

Result<TensorView> GgufFile::tensor(std::string_view tensor) const {
  const GgufTensor *entry = find(tensor);
  if (!entry)
    return Error(ErrorId::TensorNotFound,
                 quote(name) + " has no tensor " + quote(tensor));
  if (!entry->type) {
    std::string known;
    for (const GgufType &type : ggufTypes())
      known += (known.empty() ? "" : ", ") + std::string(type.name);
    return Error(ErrorId::TensorDType,
                 quote(name) + ": tensor " + quote(tensor) + " is of type " +
                     std::to_string(entry->typeId) + "; moec reads " + known);
  }
  if (entry->type->plain)
    return TensorView{*entry->type->plain, entry->shape,
                      mapped.bytes().data() + entry->begin};
  return TensorView{DType::F32, entry->shape, nullptr};
}

const std::byte *GgufFile::read(std::string_view tensor, int64_t begin,
                                int64_t end,
                                std::vector<std::byte> &buffer) const {
  const GgufTensor &entry = *find(tensor);
  const GgufType &type = *entry.type;
  const std::byte *data = mapped.bytes().data() + entry.begin;
  if (type.plain)
    return data + static_cast<size_t>(begin) * type.bytes;
  // Whole blocks, of which the first and last may be needed in part.
  const int64_t first = begin / type.elements;
  const int64_t last = (end + type.elements - 1) / type.elements;
  buffer.resize(static_cast<size_t>((last - first) * type.elements) *
                sizeof(float));
  auto *out = reinterpret_cast<float *>(buffer.data());
  for (int64_t block = first; block < last; ++block)
    type.decode(reinterpret_cast<const uint8_t *>(data) +
                    static_cast<size_t>(block) * type.bytes,
                out + (block - first) * type.elements);
  return buffer.data() +
         static_cast<size_t>(begin - first * type.elements) * sizeof(float);
}
