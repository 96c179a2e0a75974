//===- WeightSource.cpp - Where weights come from ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint's folder, a seed, or tensors of the caller's.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/WeightSource.h"
#include "moe/runtime/core/RandomWeights.h"
#include "moe/runtime/core/Spelling.h"

#include <algorithm>

using namespace moe::core;

const std::byte *WeightSource::read(const std::string &name,
                                    const TensorView &tensor, int64_t begin,
                                    int64_t end,
                                    std::vector<std::byte> &buffer) const {
  return static_cast<const std::byte *>(tensor.data) +
         static_cast<size_t>(begin) * byteSize(tensor.dtype);
}

namespace {

class CheckpointWeights final : public WeightSource {
public:
  explicit CheckpointWeights(Checkpoint checkpoint)
      : checkpoint(std::move(checkpoint)) {}

  Result<TensorView> find(const std::string &name,
                          const TensorView &expected) const override {
    Result<TensorView> tensor = checkpoint.tensor(name);
    if (tensor || tensor.error().id != ErrorId::TensorNotFound)
      return tensor;
    return Error(ErrorId::WeightMissing, tensor.error().message);
  }
  const std::byte *read(const std::string &name, const TensorView &tensor,
                        int64_t begin, int64_t end,
                        std::vector<std::byte> &buffer) const override {
    return checkpoint.read(name, tensor, begin, end, buffer);
  }
  void release(const std::byte *data, size_t bytes) const override {
    checkpoint.release(data, bytes);
  }
  std::string identity() const override { return checkpoint.identity(); }
  std::vector<std::string> names() const override { return checkpoint.names(); }

private:
  Checkpoint checkpoint;
};

class RandomWeights final : public WeightSource {
public:
  explicit RandomWeights(uint64_t seed) : seed(seed) {}

  Result<TensorView> find(const std::string &name,
                          const TensorView &expected) const override {
    return TensorView{expected.dtype, expected.shape, nullptr};
  }
  const std::byte *read(const std::string &name, const TensorView &tensor,
                        int64_t begin, int64_t end,
                        std::vector<std::byte> &buffer) const override {
    buffer.resize(static_cast<size_t>(end - begin) * byteSize(tensor.dtype));
    RandomTensor(seed, name, tensor.dtype, tensor.shape)
        .fill(begin, end, buffer.data());
    return buffer.data();
  }
  std::vector<std::string> names() const override { return {}; }

private:
  uint64_t seed;
};

class NamedWeights final : public WeightSource {
public:
  explicit NamedWeights(std::vector<NamedWeight> given)
      : tensors(std::move(given)) {
    std::sort(tensors.begin(), tensors.end(),
              [](const NamedWeight &a, const NamedWeight &b) {
                return a.name < b.name;
              });
  }

  Result<TensorView> find(const std::string &name,
                          const TensorView &expected) const override {
    auto at = std::lower_bound(
        tensors.begin(), tensors.end(), name,
        [](const NamedWeight &a, const std::string &b) { return a.name < b; });
    if (at != tensors.end() && at->name == name)
      return at->tensor;
    return Error(ErrorId::WeightMissing, "tensor " + quote(name) +
                                             " is not given" +
                                             didYouMean(name, names()));
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> list;
    for (const NamedWeight &weight : tensors)
      list.push_back(weight.name);
    return list;
  }

private:
  std::vector<NamedWeight> tensors; ///< sorted by name
};

} // namespace

std::unique_ptr<WeightSource>
moe::core::checkpointWeights(Checkpoint checkpoint) {
  return std::make_unique<CheckpointWeights>(std::move(checkpoint));
}

std::unique_ptr<WeightSource> moe::core::randomWeights(uint64_t seed) {
  return std::make_unique<RandomWeights>(seed);
}

std::unique_ptr<WeightSource>
moe::core::namedWeights(std::vector<NamedWeight> tensors) {
  return std::make_unique<NamedWeights>(std::move(tensors));
}

Result<std::unique_ptr<WeightSource>>
moe::core::openWeights(const WeightsSpec &spec) {
  if (spec.kind == WeightsSpec::Kind::Random)
    return randomWeights(spec.seed);
  if (spec.kind == WeightsSpec::Kind::Tensors)
    return namedWeights(spec.tensors);
  Result<Checkpoint> checkpoint = Checkpoint::open(spec.folder);
  if (!checkpoint)
    return checkpoint.takeError();
  return checkpointWeights(*std::move(checkpoint));
}
