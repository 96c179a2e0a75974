//===- Checkpoint.h - The tensors of a checkpoint, by name ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Hugging Face checkpoint may be one file, or hundreds of them and an index,
// of which a user who wants one layer has fetched three. Files are opened when
// a tensor in them is first asked for, and nothing is read before it is used.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_CHECKPOINT_H
#define MOE_RUNTIME_CORE_CHECKPOINT_H

#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

class GgufFile;

/// Safe to use from several threads at once. Views borrow from the checkpoint:
/// they end with its last copy.
class Checkpoint {
public:
  /// `path` is a folder, one safetensors file or one *.gguf. Of a folder, the
  /// first of these is read: model.safetensors; model.safetensors.index.json
  /// and the files that it names; every *.safetensors; the only *.gguf. A
  /// folder without any (a config alone) is an empty checkpoint, which is no
  /// error.
  /// Errors: FileNotFound, FileUnreadable, IndexInvalid, GgufInvalid, and those
  /// of SafetensorsFile::open for files that are opened here (all but an
  /// index's).
  static Result<Checkpoint> open(const std::string &path);

  const std::string &path() const;
  /// Its files of tensors, with their lengths and when they were changed.
  std::string identity() const;
  bool empty() const { return names().empty(); }
  /// Every tensor, sorted. An index's file may turn out to lack one.
  const std::vector<std::string> &names() const;
  bool contains(std::string_view name) const;

  /// Errors: TensorNotFound, with the nearest name there is; CheckpointEmpty;
  /// TensorDType; FileNotFound for a file of the index that is missing;
  /// IndexInvalid for a tensor that is not where the index says; those of
  /// SafetensorsFile::open.
  /// What is stored in blocks of GGUF is given as f32 without data.
  Result<TensorView> tensor(std::string_view name) const;
  /// Elements [begin, end) of a tensor that tensor() gave: where they lie, or
  /// decoded into `buffer`.
  const std::byte *read(std::string_view name, const TensorView &tensor,
                        int64_t begin, int64_t end,
                        std::vector<std::byte> &buffer) const;
  /// Null where the checkpoint is no GGUF file.
  const GgufFile *gguf() const;

  /// Hints for data of this checkpoint, a whole tensor or a part of one; other
  /// addresses are ignored. To stream weights through little memory: willNeed
  /// the next range, use this one, release it. Released data can be read again.
  void willNeed(const void *data, size_t bytes) const;
  void release(const void *data, size_t bytes) const;

private:
  struct State;
  explicit Checkpoint(std::shared_ptr<State> state) : state(std::move(state)) {}
  std::shared_ptr<State> state;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_CHECKPOINT_H
