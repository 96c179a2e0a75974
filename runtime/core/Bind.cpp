//===- Bind.cpp - A program with its weights --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First every tensor is found and compared with the manifest, so that a wrong
// checkpoint is told from its names and shapes before anything is read; then
// the units of all parameters are one loop over tasks.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Bind.h"
#include "moe/runtime/core/StridedView.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>

using namespace moe;
using namespace moe::core;

namespace {

/// A source of a parameter with what is stored for it.
struct Input {
  const abi::Source *table = nullptr;
  /// One a unit if it is per expert, else one.
  std::vector<std::string> names;
  std::vector<TensorView> tensors;
  /// One unit's part, and where unit u's begins: at offset + u * step.
  StridedView view;
  int64_t step = 0;
};

struct Item {
  const abi::Param *table = nullptr;
  std::vector<Input> inputs;
  std::byte *packed = nullptr;
  uint64_t firstTask = 0;
};

/// What a worker keeps between units.
struct Worker {
  std::vector<std::vector<std::byte>> values;
  std::vector<std::span<const std::byte>> sources;
};

std::string shapeText(DType dtype, const std::vector<int64_t> &shape) {
  return std::string(name(dtype)) + " " + shapeStr(shape);
}

Error inParam(const abi::Param &param, Error error) {
  error.message = "param @" + param.name()->str() + ": " + error.message;
  return error;
}

class Binder {
public:
  Binder(Packer &packer, const WeightSource &source, const BindOptions &options)
      : packer(packer), source(source), options(options) {}

  Status addParam(const abi::Param &param, std::byte *packed);
  /// WeightMissing if a tensor was.
  Status missing() const;
  Status pack();
  std::vector<std::string> usedNames() const;

private:
  Status addSource(Item &item, const abi::Source &table);
  Status addTensor(const abi::Param &param, Input &input, std::string name);
  Status packUnit(const Item &item, uint64_t unit, Worker &worker,
                  uint32_t number) const;
  Status checkValues(const Item &item, const Input &input,
                     const std::string &name, int64_t begin,
                     const std::byte *data) const;
  void report(const Item &item);

  Packer &packer;
  const WeightSource &source;
  const BindOptions &options;
  std::vector<Item> items;
  uint64_t tasks = 0, totalBytes = 0;
  std::optional<Error> firstMissing;
  std::vector<std::string> otherMissing;

  std::mutex lock; ///< guards what follows
  uint64_t doneBytes = 0;
  std::optional<Error> failure;
};

Status Binder::addParam(const abi::Param &param, std::byte *packed) {
  Item item;
  item.table = &param;
  item.packed = packed;
  item.firstTask = tasks;
  for (const abi::Source *table : *param.sources()) {
    Status status = addSource(item, *table);
    if (!status)
      return status;
  }
  tasks += param.units();
  totalBytes += param.bytes();
  items.push_back(std::move(item));
  return {};
}

Status Binder::addSource(Item &item, const abi::Source &table) {
  Input input;
  input.table = &table;
  const auto units = static_cast<int64_t>(item.table->units());
  const bool cut = !table.per_expert() && units > 1;
  for (flatbuffers::uoffset_t i = 0; i < table.shape()->size(); ++i) {
    int64_t size = table.shape()->Get(i);
    if (cut && i == 0) {
      size /= units;
      input.step = size * table.strides()->Get(0);
    }
    input.view.addDim(size, table.strides()->Get(i));
  }
  const std::string pattern = table.pattern()->str();
  const int64_t count = table.per_expert() ? units : 1;
  for (int64_t i = 0; i < count; ++i) {
    std::string name = pattern;
    if (table.per_expert())
      name.replace(name.find("{e}"), 3,
                   std::to_string(table.first_expert() + i));
    Status status = addTensor(*item.table, input, std::move(name));
    if (!status)
      return status;
  }
  item.inputs.push_back(std::move(input));
  return {};
}

Status Binder::addTensor(const abi::Param &param, Input &input,
                         std::string name) {
  const auto &shape = *input.table->stored_shape();
  const TensorView expected{static_cast<DType>(input.table->dtype()),
                            std::vector<int64_t>(shape.begin(), shape.end()),
                            nullptr};
  Result<TensorView> found = source.find(name, expected);
  if (!found && found.error().id == ErrorId::WeightMissing) {
    // The rest is looked for, to say at once what else is.
    if (firstMissing)
      otherMissing.push_back(std::move(name));
    else
      firstMissing = inParam(param, found.takeError());
    return {};
  }
  if (!found)
    return inParam(param, found.takeError());
  // The IR's i8 is a byte, whatever it means to the kernel.
  const bool sameType =
      found->dtype == expected.dtype ||
      (expected.dtype == DType::U8 &&
       (found->dtype == DType::I8 || found->dtype == DType::F8E8M0));
  if (!sameType || found->shape != expected.shape)
    return inParam(param, {ErrorId::WeightMismatch,
                           "tensor " + quote(name) + " is " +
                               shapeText(found->dtype, found->shape) +
                               ", the program was compiled for " +
                               shapeText(expected.dtype, expected.shape)});
  input.names.push_back(std::move(name));
  input.tensors.push_back(*std::move(found));
  return {};
}

Status Binder::missing() const {
  if (!firstMissing)
    return {};
  Error error = *firstMissing;
  if (!otherMissing.empty()) {
    constexpr size_t listed = 4;
    error.message +=
        "; " + std::to_string(otherMissing.size()) + " more are missing: ";
    for (size_t i = 0; i < std::min(listed, otherMissing.size()); ++i)
      error.message += (i ? ", " : "") + quote(otherMissing[i]);
    if (otherMissing.size() > listed)
      error.message += ", ...";
  }
  return error;
}

Status Binder::pack() {
  const uint32_t threads = std::max(options.threads, 1u);
  std::vector<Worker> workers(threads);
  if (Status status = packer.start(threads); !status)
    return status;

  std::atomic<bool> failed{false};
  auto fail = [&](Error error) {
    std::lock_guard guard(lock);
    if (!failure)
      failure = std::move(error);
    failed.store(true, std::memory_order_relaxed);
  };
  options.executor.run(
      tasks, threads, [&](uint64_t begin, uint64_t end, uint32_t number) {
        for (uint64_t task = begin; task < end && !failed.load(); ++task) {
          auto after = std::upper_bound(items.begin(), items.end(), task,
                                        [](uint64_t value, const Item &item) {
                                          return value < item.firstTask;
                                        });
          const Item &item = *std::prev(after);
          try {
            Status status =
                packUnit(item, task - item.firstTask, workers[number], number);
            if (status)
              report(item);
            else
              fail(status.takeError());
          } catch (const std::bad_alloc &) {
            fail({ErrorId::OutOfMemory,
                  "no memory is left to pack weights with"});
          }
        }
      });
  if (failure)
    return std::move(*failure);
  return packer.finish();
}

Status Binder::packUnit(const Item &item, uint64_t unit, Worker &worker,
                        uint32_t number) const {
  const size_t count = item.inputs.size();
  worker.values.resize(std::max(worker.values.size(), count));
  worker.sources.clear();
  for (size_t i = 0; i < count; ++i) {
    const Input &input = item.inputs[i];
    const size_t tensor = input.table->per_expert() ? unit : 0;
    const int64_t begin =
        input.table->offset() + static_cast<int64_t>(unit) * input.step;
    const int64_t reach = input.view.reach();
    const std::byte *data =
        source.read(input.names[tensor], input.tensors[tensor], begin,
                    begin + reach, worker.values[i]);
    Status status = checkValues(item, input, input.names[tensor], begin, data);
    if (!status)
      return status;
    worker.sources.emplace_back(data, static_cast<size_t>(reach) *
                                          byteSize(input.tensors[0].dtype));
  }
  const uint64_t unitBytes = item.table->bytes() / item.table->units();
  Status status = packer.pack({item.table, worker.sources, &item.inputs[0].view,
                               item.packed + unit * unitBytes, unitBytes},
                              number);
  for (std::span<const std::byte> read : worker.sources)
    source.release(read.data(), read.size());
  return status;
}

Status Binder::checkValues(const Item &item, const Input &input,
                           const std::string &name, int64_t begin,
                           const std::byte *data) const {
  const abi::ValueRule rule = input.table->values();
  if (rule == abi::ValueRule::Any)
    return {};
  // The place of the first that is refused, counted from `begin`.
  int64_t wrong = -1;
  int32_t value = 0;
  input.view.forEachRun([&](int64_t offset, int64_t run) {
    for (int64_t at = offset; at < offset + run && wrong < 0; ++at) {
      if (rule == abi::ValueRule::NoE8M0NaN) {
        wrong = data[at] == std::byte(255) ? at : -1;
        continue;
      }
      std::memcpy(&value, data + at * sizeof value, sizeof value);
      wrong = value < 0 || value >= input.table->limit() ? at : -1;
    }
  });
  if (wrong < 0)
    return {};
  // Where it is stored: the last dimension turns fastest.
  const auto &shape = *input.table->stored_shape();
  std::vector<int64_t> index(shape.size());
  int64_t rest = begin + wrong;
  for (auto i = static_cast<flatbuffers::uoffset_t>(shape.size()); i-- > 0;) {
    index[i] = rest % shape[i];
    rest /= shape[i];
  }
  const std::string what = rule == abi::ValueRule::NoE8M0NaN
                               ? "the scale byte 255 (NaN)"
                               : "the group " + std::to_string(value) +
                                     " (there are " +
                                     std::to_string(input.table->limit()) + ")";
  return inParam(*item.table,
                 {ErrorId::WeightValue, "tensor " + quote(name) + " has " +
                                            what + " at " + shapeStr(index)});
}

void Binder::report(const Item &item) {
  if (!options.progress)
    return;
  std::lock_guard guard(lock);
  doneBytes += item.table->bytes() / item.table->units();
  options.progress(doneBytes, totalBytes);
}

std::vector<std::string> Binder::usedNames() const {
  std::vector<std::string> used;
  for (const Item &item : items)
    for (const Input &input : item.inputs)
      used.insert(used.end(), input.names.begin(), input.names.end());
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  return used;
}

/// Names of `stored` that begin as all of `used` do, up to a dot, and are none
/// of them. Both are sorted.
std::vector<std::string> unusedOfLayer(const std::vector<std::string> &used,
                                       const std::vector<std::string> &stored) {
  if (used.empty())
    return {};
  const std::string &first = used.front(), &last = used.back();
  size_t length =
      std::mismatch(first.begin(), first.end(), last.begin(), last.end())
          .first -
      first.begin();
  const std::string prefix =
      first.substr(0, first.substr(0, length).rfind('.') + 1);
  std::vector<std::string> unused;
  for (const std::string &name : stored)
    if (name.starts_with(prefix) &&
        !std::binary_search(used.begin(), used.end(), name))
      unused.push_back(name);
  return unused;
}

/// Null if packed weights are not to be kept.
Result<std::unique_ptr<PackedFile>> packedFile(const Program &program,
                                               const WeightSource &source,
                                               const BindOptions &options) {
  if (options.packedCache.empty())
    return std::unique_ptr<PackedFile>();
  if (options.packer)
    return Error(ErrorId::UsageInvalid,
                 "a cache of packed weights is for the CPU; on a GPU weights "
                 "are packed where they stay");
  const std::string identity = source.identity();
  if (identity.empty())
    return Error(ErrorId::UsageInvalid,
                 "a cache of packed weights is for those of a checkpoint's "
                 "files; random weights and tensors in memory have no name "
                 "that says when they change");
  return std::make_unique<PackedFile>(options.packedCache, program, identity);
}

} // namespace

uint64_t Bound::bytes() const {
  uint64_t sum = 0;
  for (uint32_t index : owner->params())
    sum += owner->variant().params()->Get(index)->bytes();
  return sum;
}

Result<std::shared_ptr<const Bound>>
moe::core::bind(std::shared_ptr<const Program> program,
                const WeightSource *source, const BindOptions &options) {
  auto bound = std::make_shared<Bound>();
  bound->owner = program;
  const auto &params = *program->variant().params();
  bound->params.resize(params.size());
  if (program->params().empty())
    return std::shared_ptr<const Bound>(std::move(bound));
  if (!source)
    return Error(ErrorId::WeightsNeeded,
                 "program " + quote(program->name()) +
                     " has weights; give a checkpoint's folder, a seed for "
                     "random ones, or named tensors");

  Result<std::unique_ptr<PackedFile>> kept =
      packedFile(*program, *source, options);
  if (!kept)
    return kept.takeError();
  PackedFile *file = kept->get();
  const bool isPacked = file && file->map();
  if (file && !isPacked)
    if (Status status = file->create(); !status)
      return status.takeError();

  bound->packer = options.packer ? options.packer : hostPacker(*program);
  Binder binder(*bound->packer, *source, options);
  std::vector<std::byte *> packed;
  for (uint32_t index : program->params()) {
    const abi::Param &param = *params[index];
    Result<std::byte *> placed =
        isPacked ? const_cast<std::byte *>(file->param(packed.size()))
                 : bound->packer->allocate(param);
    if (!placed)
      return placed.takeError();
    packed.push_back(*placed);
    bound->params[index] = *placed;
    Status status = binder.addParam(param, *placed);
    if (!status)
      return status.takeError();
  }
  Status status = binder.missing();
  if (status && !isPacked)
    status = binder.pack();
  if (status && file && !isPacked)
    status = file->write(packed);
  if (!status)
    return status.takeError();
  if (isPacked) {
    bound->file = *std::move(kept);
    if (options.progress)
      options.progress(bound->bytes(), bound->bytes());
  }
  bound->usedNames = binder.usedNames();
  bound->unusedNames = unusedOfLayer(bound->usedNames, source->names());
  return std::shared_ptr<const Bound>(std::move(bound));
}
