//===- Safetensors.cpp - Reading and writing *.safetensors ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header is checked in three steps: it lies in the file and is JSON, each
// tensor is consistent in itself, and together they cover the data.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Safetensors.h"
#include "moe/runtime/core/Json.h"
#include "moe/runtime/core/Spelling.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <set>

using namespace moe::core;

namespace {

constexpr size_t lengthBytes = 8;
/// The format's own limit.
constexpr size_t maxHeaderBytes = 100'000'000;
constexpr std::string_view metadataKey = "__metadata__";

std::string number(size_t value) { return std::to_string(value); }

class HeaderReader {
public:
  HeaderReader(std::span<const std::byte> file, const std::string &path)
      : file(file), path(path) {}

  Result<SafetensorsHeader> read() {
    Result<std::string_view> text = headerText();
    if (!text)
      return text.takeError();
    JsonRules rules;
    rules.maxBytes = maxHeaderBytes;
    rules.maxDepth = 3; // tensors, their fields, the lists in them
    rules.invalid = ErrorId::SafetensorsHeader;
    rules.type = ErrorId::SafetensorsHeader;
    Result<JsonValue> root = parseJson(*text, path, rules);
    if (!root)
      return root.takeError();
    if (!root->isObject())
      return headerError("its header must be an object, found " +
                         root->describe());
    for (const std::string &key : root->keys()) {
      std::optional<JsonValue> value = root->find(key);
      Status status =
          key == metadataKey ? readMetadata(value) : readTensor(key, value);
      if (!status)
        return status.takeError();
    }
    if (Status covered = checkCover(); !covered)
      return covered.takeError();
    return std::move(header);
  }

private:
  Error headerError(const std::string &problem) const {
    return {ErrorId::SafetensorsHeader, quote(path) + ": " + problem};
  }
  Error truncated(const std::string &problem) const {
    return {ErrorId::SafetensorsTruncated,
            quote(path) + " is cut short: it has " + number(file.size()) +
                " bytes, but " + problem};
  }
  Error tensorError(const std::string &tensor,
                    const std::string &problem) const {
    return {ErrorId::SafetensorsTensor,
            quote(path) + ": tensor " + quote(tensor) + ": " + problem};
  }

  Result<std::string_view> headerText() {
    std::string_view text(reinterpret_cast<const char *>(file.data()),
                          file.size());
    if (text.starts_with("version https://git-lfs"))
      return headerError("this is a Git LFS pointer, not the file it stands "
                         "for; 'git lfs pull' fetches that");
    if (file.size() < lengthBytes)
      return truncated("a safetensors file begins with 8 bytes of length");
    uint64_t length;
    std::memcpy(&length, file.data(), lengthBytes);
    if (length > maxHeaderBytes)
      return headerError("its first 8 bytes give a header of " +
                         std::to_string(length) + " bytes, more than the " +
                         number(maxHeaderBytes) +
                         " allowed; this is no safetensors file");
    if (length > file.size() - lengthBytes)
      return truncated("its header ends at " + number(lengthBytes + length));
    dataBegin = lengthBytes + static_cast<size_t>(length);
    return text.substr(lengthBytes, static_cast<size_t>(length));
  }

  Status readMetadata(const std::optional<JsonValue> &value) {
    if (!value || !value->isObject())
      return headerError("'__metadata__' must be an object, found " +
                         (value ? value->describe() : "null"));
    for (const std::string &key : value->keys()) {
      Result<std::string> text = value->getString(key, "");
      if (!text)
        return text.takeError();
      header.metadata.emplace(key, *std::move(text));
    }
    return Status::ok();
  }

  /// A list of integers, none negative.
  static std::optional<std::vector<int64_t>>
  sizes(const std::optional<JsonValue> &list) {
    if (!list)
      return std::nullopt;
    Result<std::vector<int64_t>> values = list->asIntList();
    if (!values || std::any_of(values->begin(), values->end(),
                               [](int64_t value) { return value < 0; }))
      return std::nullopt;
    return *std::move(values);
  }

  Status readTensor(const std::string &name,
                    const std::optional<JsonValue> &value) {
    if (!value || !value->isObject())
      return tensorError(name, "must be an object, found " +
                                   (value ? value->describe() : "null"));
    SafetensorsEntry entry;
    entry.name = name;

    std::optional<JsonValue> dtype = value->find("dtype");
    if (!dtype || !dtype->isString())
      return tensorError(name, "'dtype' must be a string, found " +
                                   (dtype ? dtype->describe() : "none"));
    entry.dtypeName = *dtype->asString();

    std::optional<std::vector<int64_t>> shape = sizes(value->find("shape"));
    if (!shape)
      return tensorError(name,
                         "'shape' must be an array of integers of at least 0");
    entry.shape = *std::move(shape);

    std::optional<std::vector<int64_t>> range =
        sizes(value->find("data_offsets"));
    if (!range || range->size() != 2 || (*range)[0] > (*range)[1])
      return tensorError(name, "'data_offsets' must be two integers [begin, "
                               "end] with 0 <= begin <= end");
    uint64_t begin = (*range)[0], end = (*range)[1];
    if (end > file.size() - dataBegin)
      return truncated("tensor " + quote(name) + " ends at " +
                       std::to_string(dataBegin + end));
    entry.begin = dataBegin + static_cast<size_t>(begin);
    entry.end = dataBegin + static_cast<size_t>(end);

    std::optional<DType> known = dtypeFromSafetensors(entry.dtypeName);
    // An unknown type has at most 8 bytes an element, or is nobody's business.
    std::optional<size_t> bytes =
        checkedBytes(known.value_or(DType::I64), entry.shape);
    if (!bytes)
      return tensorError(name, "shape " + shapeStr(entry.shape) +
                                   " has more elements than fit into memory");
    if (known && *bytes != end - begin)
      return tensorError(
          name, "shape " + shapeStr(entry.shape) + " of " + entry.dtypeName +
                    " needs " + number(*bytes) + " bytes, but 'data_offsets' " +
                    shapeStr(*range) + " hold " + number(end - begin));
    header.entries.push_back(std::move(entry));
    return Status::ok();
  }

  Status checkCover() const {
    std::vector<const SafetensorsEntry *> order;
    for (const SafetensorsEntry &entry : header.entries)
      order.push_back(&entry);
    std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) {
      return std::tie(a->begin, a->end) < std::tie(b->begin, b->end);
    });
    size_t covered = dataBegin;
    const SafetensorsEntry *previous = nullptr;
    for (const SafetensorsEntry *entry : order) {
      if (entry->begin < covered)
        return tensorError(entry->name, "its data overlaps that of tensor " +
                                            quote(previous->name));
      if (entry->begin > covered)
        return tensorError(
            entry->name,
            "its data begins at " + number(entry->begin - dataBegin) +
                ", but the tensor before it ends at " +
                number(covered - dataBegin) + "; the format allows no holes");
      covered = entry->end;
      previous = entry;
    }
    if (covered != file.size())
      return headerError("its last tensor ends at " + number(covered) +
                         ", but the file has " + number(file.size()) +
                         " bytes; the format allows nothing after it");
    return Status::ok();
  }

  std::span<const std::byte> file;
  const std::string &path;
  size_t dataBegin = 0;
  SafetensorsHeader header;
};

} // namespace

Result<SafetensorsHeader>
moe::core::parseSafetensors(std::span<const std::byte> file,
                            const std::string &path) {
  return HeaderReader(file, path).read();
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Result<os::MappedFile> mapped = os::MappedFile::open(path);
  if (!mapped)
    return mapped.takeError();
  Result<SafetensorsHeader> header = parseSafetensors(mapped->bytes(), path);
  if (!header)
    return header.takeError();
  return SafetensorsFile(path, *std::move(mapped), *std::move(header));
}

const SafetensorsEntry *SafetensorsFile::find(std::string_view tensor) const {
  auto found =
      std::lower_bound(header.entries.begin(), header.entries.end(), tensor,
                       [](const SafetensorsEntry &entry,
                          std::string_view name) { return entry.name < name; });
  bool exists = found != header.entries.end() && found->name == tensor;
  return exists ? &*found : nullptr;
}

Result<TensorView> SafetensorsFile::tensor(std::string_view tensor) const {
  const SafetensorsEntry *entry = find(tensor);
  if (!entry) {
    std::vector<std::string> names;
    for (const SafetensorsEntry &other : header.entries)
      names.push_back(other.name);
    return Error(ErrorId::TensorNotFound, quote(name) + " has no tensor " +
                                              quote(tensor) +
                                              didYouMean(tensor, names));
  }
  std::optional<DType> dtype = dtypeFromSafetensors(entry->dtypeName);
  if (!dtype) {
    std::string known;
    for (int i = 0; i < numDTypes; ++i)
      known +=
          (i ? ", " : "") + std::string(safetensorsName(static_cast<DType>(i)));
    return Error(ErrorId::TensorDType,
                 quote(name) + ": tensor " + quote(tensor) +
                     ": moec does not read the element type " +
                     quote(entry->dtypeName) + "; it reads " + known);
  }
  return TensorView{*dtype, entry->shape, mapped.bytes().data() + entry->begin};
}

namespace {

/// What a file begins with, and the order in which the data follow.
struct Layout {
  std::string head;
  std::vector<const NamedView *> order;
};

} // namespace

static Result<Layout>
layOut(std::span<const NamedView> tensors,
       const std::map<std::string, std::string> &metadata) {
  std::set<std::string_view> names = {metadataKey};
  for (const NamedView &tensor : tensors)
    if (!names.insert(tensor.name).second)
      return Error(
          ErrorId::SafetensorsTensor,
          "the name " + quote(tensor.name) +
              (tensor.name == metadataKey ? " is reserved" : " occurs twice"));
  Layout layout;
  for (size_t width : {8, 4, 2, 1})
    for (const NamedView &tensor : tensors)
      if (byteSize(tensor.tensor.dtype) == width)
        layout.order.push_back(&tensor);

  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  if (!metadata.empty())
    root[std::string(metadataKey)] = metadata;
  // Pushed, not assigned: finding a key of an ordered object is a linear
  // search, and these are known to differ.
  auto &members = root.get_ref<nlohmann::ordered_json::object_t &>();
  size_t end = 0;
  for (const NamedView *named : layout.order) {
    size_t begin = end;
    end += named->tensor.bytes();
    nlohmann::ordered_json entry;
    entry["dtype"] = safetensorsName(named->tensor.dtype);
    entry["shape"] = named->tensor.shape;
    entry["data_offsets"] = {begin, end};
    members.emplace_back(named->name, std::move(entry));
  }
  // A name that is no UTF-8 would be refused by every reader, ours included.
  std::string header = root.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  header.append(-header.size() % lengthBytes, ' ');
  uint64_t length = header.size();
  layout.head.assign(reinterpret_cast<const char *>(&length), lengthBytes);
  layout.head += header;
  return layout;
}

Status moe::core::writeSafetensors(
    const std::string &path, std::span<const NamedView> tensors,
    const std::map<std::string, std::string> &metadata) {
  Result<Layout> layout = layOut(tensors, metadata);
  if (!layout)
    return Error(layout.error().id,
                 quote(path) + " cannot be written: " + layout.error().message);
  Result<os::AtomicFile> file = os::AtomicFile::create(path);
  if (!file)
    return file.takeError();
  Status status = file->write(layout->head.data(), layout->head.size());
  for (const NamedView *named : layout->order)
    if (status)
      status = file->write(named->tensor.data, named->tensor.bytes());
  return status ? file->commit() : status;
}

Result<std::string>
moe::core::safetensorsBytes(std::span<const NamedView> tensors) {
  Result<Layout> layout = layOut(tensors, {});
  if (!layout)
    return layout.takeError();
  std::string bytes = std::move(layout->head);
  for (const NamedView *named : layout->order)
    bytes.append(static_cast<const char *>(named->tensor.data),
                 named->tensor.bytes());
  return bytes;
}
