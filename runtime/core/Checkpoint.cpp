//===- Checkpoint.cpp - The tensors of a checkpoint, by name ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sorted list of names, each with the number of its file, and files that are
// opened under a lock.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/Gguf.h"
#include "moe/runtime/core/Index.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/runtime/core/Spelling.h"

#include <algorithm>
#include <map>
#include <mutex>

using namespace moe::core;

struct Checkpoint::State {
  std::string path;
  /// Empty if there is no index.
  std::string index;
  /// Sorted; fileOf[i] is the file of names[i].
  std::vector<std::string> names;
  std::vector<unsigned> fileOf;
  /// In the place of all others, where the checkpoint is one.
  std::optional<GgufFile> gguf;
  std::string ggufPath;

  struct File {
    std::string path;
    std::unique_ptr<const SafetensorsFile> opened;
  };
  std::mutex lock; ///< guards `opened`, which never changes once set
  std::vector<File> files;

  void takeNames(const std::map<std::string, unsigned> &fileByName);
  Status openAll(const std::vector<std::string> &paths);
  Status openIndex();
  Status openGguf(const std::string &path);
  Error emptyError() const;
  Result<const SafetensorsFile *> file(unsigned number);
  const SafetensorsFile *fileWith(const void *data, size_t bytes);
};

Result<const SafetensorsFile *> Checkpoint::State::file(unsigned number) {
  std::lock_guard guard(lock);
  File &file = files[number];
  if (!file.opened) {
    Result<SafetensorsFile> opened = SafetensorsFile::open(file.path);
    if (!opened)
      return opened.takeError();
    file.opened = std::make_unique<SafetensorsFile>(*std::move(opened));
  }
  return file.opened.get();
}

Status Checkpoint::State::openAll(const std::vector<std::string> &paths) {
  std::map<std::string, unsigned> fileByName;
  for (const std::string &path : paths) {
    unsigned number = static_cast<unsigned>(files.size());
    files.push_back({path, nullptr});
    Result<const SafetensorsFile *> opened = file(number);
    if (!opened)
      return opened.takeError();
    for (const SafetensorsEntry &entry : (*opened)->entries()) {
      auto [position, isNew] = fileByName.emplace(entry.name, number);
      if (!isNew)
        return Error(ErrorId::SafetensorsTensor,
                     quote(path) + ": tensor " + quote(entry.name) +
                         " is also in " + quote(files[position->second].path) +
                         "; without a model.safetensors.index.json each "
                         "tensor may be in one file only");
    }
  }
  takeNames(fileByName);
  return Status::ok();
}

Status Checkpoint::State::openIndex() {
  Result<WeightMap> map = readIndex(index);
  if (!map)
    return map.takeError();
  std::map<std::string, unsigned> numberOf, fileByName;
  for (const auto &[tensor, name] : *map) {
    auto [position, isNew] =
        numberOf.emplace(name, static_cast<unsigned>(files.size()));
    if (isNew)
      files.push_back({path + "/" + name, nullptr});
    fileByName.emplace(tensor, position->second);
  }
  takeNames(fileByName);
  return Status::ok();
}

Status Checkpoint::State::openGguf(const std::string &path) {
  Result<GgufFile> opened = GgufFile::open(path);
  if (!opened)
    return opened.takeError();
  gguf = *std::move(opened);
  ggufPath = path;
  for (const GgufTensor &tensor : gguf->tensors())
    names.push_back(tensor.name);
  return Status::ok();
}

void Checkpoint::State::takeNames(
    const std::map<std::string, unsigned> &fileByName) {
  for (const auto &[name, file] : fileByName) {
    names.push_back(name);
    fileOf.push_back(file);
  }
}

const SafetensorsFile *Checkpoint::State::fileWith(const void *data,
                                                   size_t bytes) {
  std::lock_guard guard(lock);
  for (const File &file : files)
    if (file.opened && file.opened->map().contains(data, bytes))
      return file.opened.get();
  return nullptr;
}

Error Checkpoint::State::emptyError() const {
  std::string message = quote(path) + " holds no *.safetensors file";
  if (Result<std::vector<std::string>> entries = os::listDirectory(path))
    for (const std::string &entry : *entries)
      if (entry.ends_with(".bin") || entry.ends_with(".pt") ||
          entry.ends_with(".pth"))
        return {
            ErrorId::CheckpointEmpty,
            message + "; it has " + quote(entry) +
                ", which moec does not read: save the model as safetensors"};
  return {ErrorId::CheckpointEmpty, message};
}

Result<Checkpoint> Checkpoint::open(const std::string &given) {
  auto state = std::make_shared<State>();
  state->path = given.substr(0, given.find_last_not_of('/') + 1);
  if (state->path.empty())
    state->path = given; // "" or "/"
  const std::string &path = state->path;
  std::optional<os::FileInfo> info = os::fileInfo(path);
  Status status;
  if (path.ends_with(".gguf") && (!info || !info->isDirectory)) {
    status = state->openGguf(path);
  } else if (!info || !info->isDirectory) {
    status = state->openAll({path});
  } else if (std::string whole = path + "/model.safetensors";
             os::fileInfo(whole)) {
    status = state->openAll({whole});
  } else if (std::string index = path + "/model.safetensors.index.json";
             os::fileInfo(index)) {
    state->index = index;
    status = state->openIndex();
  } else {
    Result<std::vector<std::string>> entries = os::listDirectory(path);
    if (!entries)
      return entries.takeError();
    std::vector<std::string> files, ggufs;
    for (const std::string &entry : *entries)
      if (entry.ends_with(".safetensors"))
        files.push_back(path + "/" + entry);
      else if (entry.ends_with(".gguf"))
        ggufs.push_back(path + "/" + entry);
    if (files.empty() && ggufs.size() > 1)
      return Error(ErrorId::GgufInvalid,
                   quote(path) + " holds " + std::to_string(ggufs.size()) +
                       " *.gguf files; give one of them, which must be whole: "
                       "'llama-gguf-split --merge' joins the parts of one");
    status = files.empty() && !ggufs.empty() ? state->openGguf(ggufs.front())
                                             : state->openAll(files);
  }
  if (!status)
    return status.takeError();
  return Checkpoint(std::move(state));
}

std::string Checkpoint::identity() const {
  std::string text;
  auto add = [&](const std::string &path) {
    text += path;
    if (std::optional<os::FileInfo> info = os::fileInfo(path))
      text += '\0' + std::to_string(info->size) + ' ' +
              std::to_string(info->modified);
    text += '\n';
  };
  if (state->gguf)
    add(state->ggufPath);
  for (const State::File &file : state->files)
    add(file.path);
  return text;
}

const std::string &Checkpoint::path() const { return state->path; }

const std::vector<std::string> &Checkpoint::names() const {
  return state->names;
}

bool Checkpoint::contains(std::string_view name) const {
  return std::binary_search(names().begin(), names().end(), name);
}

Result<TensorView> Checkpoint::tensor(std::string_view name) const {
  if (empty())
    return state->emptyError();
  auto found = std::lower_bound(names().begin(), names().end(), name);
  if (found == names().end() || *found != name)
    return Error(ErrorId::TensorNotFound, quote(path()) + " has no tensor " +
                                              quote(name) +
                                              didYouMean(name, names()));
  if (state->gguf)
    return state->gguf->tensor(name);
  unsigned number = state->fileOf[found - names().begin()];
  Result<const SafetensorsFile *> file = state->file(number);
  if (!file) {
    Error error = file.takeError();
    if (error.id == ErrorId::FileNotFound && !state->index.empty())
      error.message +=
          "; " + quote(state->index) + " names it for tensor " + quote(name);
    return error;
  }
  if (!(*file)->find(name))
    return Error(ErrorId::IndexInvalid,
                 quote(state->index) + " says that tensor " + quote(name) +
                     " is in " + quote((*file)->path()) + ", but it is not");
  return (*file)->tensor(name);
}

const GgufFile *Checkpoint::gguf() const {
  return state->gguf ? &*state->gguf : nullptr;
}

const std::byte *Checkpoint::read(std::string_view name,
                                  const TensorView &tensor, int64_t begin,
                                  int64_t end,
                                  std::vector<std::byte> &buffer) const {
  if (!tensor.data && state->gguf)
    return state->gguf->read(name, begin, end, buffer);
  return static_cast<const std::byte *>(tensor.data) +
         static_cast<size_t>(begin) * byteSize(tensor.dtype);
}

void Checkpoint::willNeed(const void *data, size_t bytes) const {
  if (state->gguf && state->gguf->map().contains(data, bytes))
    state->gguf->map().willNeed(data, bytes);
  if (const SafetensorsFile *file = state->fileWith(data, bytes))
    file->map().willNeed(data, bytes);
}

void Checkpoint::release(const void *data, size_t bytes) const {
  if (state->gguf && state->gguf->map().contains(data, bytes))
    state->gguf->map().release(data, bytes);
  if (const SafetensorsFile *file = state->fileWith(data, bytes))
    file->map().release(data, bytes);
}
