//===- WeightSource.h - Where weights come from -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binding asks for stored tensors by name and reads them a part at a time,
// whether they lie in a checkpoint, in the caller's memory or nowhere.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_WEIGHTSOURCE_H
#define MOE_RUNTIME_CORE_WEIGHTSOURCE_H

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

/// Safe to use from several threads at once.
class WeightSource {
public:
  virtual ~WeightSource() = default;

  /// What is stored as `name`. The program expects `expected` (whose data is
  /// null); a source that makes values up gives that, without data. Errors:
  /// WeightMissing, and what opening a file can say.
  virtual Result<TensorView> find(const std::string &name,
                                  const TensorView &expected) const = 0;

  /// Elements [begin, end) of a tensor that find() gave: where `begin` lies, of
  /// any alignment. `buffer` holds them if nothing else does; they are valid as
  /// long as both are.
  virtual const std::byte *read(const std::string &name,
                                const TensorView &tensor, int64_t begin,
                                int64_t end,
                                std::vector<std::byte> &buffer) const;

  /// The bytes will not be read again: their pages may go.
  virtual void release(const std::byte *data, size_t bytes) const {}

  /// What tells these weights from others before they are read; empty where
  /// nothing does.
  virtual std::string identity() const { return {}; }

  /// All that is stored, sorted; empty where anything can be had.
  virtual std::vector<std::string> names() const = 0;
};

std::unique_ptr<WeightSource> checkpointWeights(Checkpoint checkpoint);
/// See RandomWeights.h.
std::unique_ptr<WeightSource> randomWeights(uint64_t seed);

struct NamedWeight {
  std::string name;
  TensorView tensor;
};
/// The caller keeps the data as long as the source.
std::unique_ptr<WeightSource> namedWeights(std::vector<NamedWeight> tensors);

/// One of these three, as a caller says it.
struct WeightsSpec {
  enum class Kind : uint8_t { Folder, Random, Tensors };
  Kind kind = Kind::Random;
  std::string folder;
  uint64_t seed = 0;
  std::vector<NamedWeight> tensors;
};
/// Errors: those of Checkpoint::open.
Result<std::unique_ptr<WeightSource>> openWeights(const WeightsSpec &spec);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_WEIGHTSOURCE_H
