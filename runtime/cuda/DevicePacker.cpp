//===- DevicePacker.cpp - Weights packed by a GPU's kernels -----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each worker fills one of two pieces of pinned memory while the other is on
// its way, so that reading a file, copying and packing overlap. All that a
// worker does is in the order of its stream: what a unit is made of may be
// overwritten as soon as the unit's kernel is in the stream.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/DevicePacker.h"
#include "moe/runtime/core/DType.h"

#include <algorithm>
#include <cstring>

using namespace moe;
using namespace moe::cuda;
using core::Result;
using core::Status;

namespace {

constexpr size_t pieceBytes = size_t(4) << 20;

size_t roundUp256(size_t bytes) { return (bytes + 255) / 256 * 256; }

/// Pinned memory that is filled, sent and filled again.
struct Piece {
  PinnedMemory memory;
  Event sent;
  bool pending = false;
};

struct Worker {
  Piece pieces[2];
  unsigned current = 0;
  DeviceMemory sources;
  std::vector<CuDevicePtr> buffers;
  std::vector<void *> parameters;
  /// Last, so that it is waited for before the rest is freed.
  Stream stream;
};

class DevicePacker final : public core::Packer {
public:
  explicit DevicePacker(std::shared_ptr<const Module> module)
      : module(std::move(module)), device(this->module->sharedDevice()),
        driver(device->driver()) {}

  Result<std::byte *> allocate(const abi::Param &param) override;
  Status start(uint32_t count) override;
  Status pack(const core::PackUnit &unit, uint32_t number) override;
  Status finish() override;

private:
  class Upload;
  Status startWorker(Worker &worker);
  Status launch(const core::PackUnit &unit, Worker &worker);

  const std::shared_ptr<const Module> module;
  const std::shared_ptr<const Device> device;
  const Driver &driver;
  std::vector<DeviceMemory> params;
  std::vector<Worker> workers;
};

/// Bytes that go to one place in device memory, one after the other.
class DevicePacker::Upload {
public:
  Upload(const Driver &driver, Worker &worker, CuDevicePtr target)
      : driver(driver), worker(worker), target(target) {}

  Status append(const std::byte *data, size_t bytes) {
    while (bytes > 0) {
      Piece &piece = worker.pieces[worker.current];
      if (filled == 0 && piece.pending) {
        if (Status status = driver.checked(
                driver.cuEventSynchronize(piece.sent.get()), doing);
            !status)
          return status;
        piece.pending = false;
      }
      const size_t count = std::min(bytes, piece.memory.size() - filled);
      std::memcpy(piece.memory.data() + filled, data, count);
      filled += count;
      data += count;
      bytes -= count;
      if (filled == piece.memory.size())
        if (Status status = send(); !status)
          return status;
    }
    return {};
  }

  /// What is in the current piece.
  Status send() {
    if (filled == 0)
      return {};
    Piece &piece = worker.pieces[worker.current];
    const CuStream stream = worker.stream.get();
    Status status = driver.checked(
        driver.cuMemcpyHtoDAsync(target, piece.memory.data(), filled, stream),
        doing);
    if (status)
      status =
          driver.checked(driver.cuEventRecord(piece.sent.get(), stream), doing);
    piece.pending = true;
    target += filled;
    filled = 0;
    worker.current ^= 1;
    return status;
  }

private:
  static std::string doing() { return "weights could not be copied"; }
  const Driver &driver;
  Worker &worker;
  CuDevicePtr target;
  size_t filled = 0;
};

} // namespace

Result<std::byte *> DevicePacker::allocate(const abi::Param &param) {
  Current current(*device);
  if (!current.status())
    return current.status().error();
  Result<DeviceMemory> memory = DeviceMemory::allocate(
      device, param.bytes(),
      "parameter " + core::quote(param.name()->string_view()));
  if (!memory)
    return memory.takeError();
  params.push_back(*std::move(memory));
  return reinterpret_cast<std::byte *>(params.back().data());
}

Status DevicePacker::start(uint32_t count) {
  Current current(*device);
  if (!current.status())
    return current.status();
  workers.resize(count);
  for (Worker &worker : workers)
    if (Status status = startWorker(worker); !status)
      return status;
  return {};
}

Status DevicePacker::startWorker(Worker &worker) {
  for (Piece &piece : worker.pieces) {
    Result<PinnedMemory> memory =
        PinnedMemory::allocate(device, pieceBytes, "packing weights");
    if (!memory)
      return memory.takeError();
    Result<Event> event = Event::create(device);
    if (!event)
      return event.takeError();
    piece.memory = *std::move(memory);
    piece.sent = *std::move(event);
  }
  Result<Stream> stream = Stream::create(device);
  if (!stream)
    return stream.takeError();
  worker.stream = *std::move(stream);
  return {};
}

Status DevicePacker::pack(const core::PackUnit &unit, uint32_t number) {
  Current current(*device);
  if (!current.status())
    return current.status();
  Worker &worker = workers[number];
  if (unit.param->kernel() >= 0)
    return launch(unit, worker);
  const size_t size = core::byteSize(
      static_cast<core::DType>(unit.param->sources()->Get(0)->dtype()));
  Upload upload(driver, worker, reinterpret_cast<CuDevicePtr>(unit.target));
  Status status;
  unit.view->forEachRun([&](int64_t offset, int64_t run) {
    if (status)
      status = upload.append(unit.sources[0].data() +
                                 static_cast<size_t>(offset) * size,
                             static_cast<size_t>(run) * size);
  });
  return status ? upload.send() : status;
}

Status DevicePacker::launch(const core::PackUnit &unit, Worker &worker) {
  size_t bytes = 0;
  for (std::span<const std::byte> source : unit.sources)
    bytes += roundUp256(source.size());
  if (bytes > worker.sources.size()) {
    // Kernels in the stream may still read the old one.
    Status status = driver.check(
        driver.cuStreamSynchronize(worker.stream.get()), "packing weights");
    if (!status)
      return status;
    worker.sources = DeviceMemory();
    Result<DeviceMemory> memory =
        DeviceMemory::allocate(device, bytes, "packing weights");
    if (!memory)
      return memory.takeError();
    worker.sources = *std::move(memory);
  }
  worker.buffers.clear();
  CuDevicePtr place = worker.sources.data();
  for (std::span<const std::byte> source : unit.sources) {
    Upload upload(driver, worker, place);
    Status status = upload.append(source.data(), source.size());
    if (status)
      status = upload.send();
    if (!status)
      return status;
    worker.buffers.push_back(place);
    place += roundUp256(source.size());
  }
  worker.buffers.push_back(reinterpret_cast<CuDevicePtr>(unit.target));
  auto tasks = static_cast<int64_t>(unit.param->tasks());
  if (tasks == 0)
    return {};
  worker.parameters.clear();
  for (CuDevicePtr &buffer : worker.buffers)
    worker.parameters.push_back(&buffer);
  worker.parameters.push_back(&tasks);
  return module->launch(
      module->kernels()[static_cast<size_t>(unit.param->kernel())], tasks,
      worker.parameters.data(), worker.stream.get());
}

Status DevicePacker::finish() {
  Status status;
  {
    Current current(*device);
    for (Worker &worker : workers)
      if (status)
        status = driver.check(driver.cuStreamSynchronize(worker.stream.get()),
                              "packing weights");
  }
  workers.clear();
  return status;
}

std::unique_ptr<core::Packer>
moe::cuda::devicePacker(std::shared_ptr<const Module> module) {
  return std::make_unique<DevicePacker>(std::move(module));
}
