//===- GpuRunner.cpp - Timed runs on a GPU ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libmoe runs in the device's primary context, so that memory and streams of
// this file are libmoe's too. A run is what events before and after it say:
// with a graph the kernels follow one another as an engine would have them.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Device.h"
#include "moe/tools/moe-bench/Runner.h"

#include <algorithm>
#include <map>

using namespace moe;
using namespace moe::tools;
using core::Result;
using core::Status;

namespace {

/// Dense multiply-adds of tensor cores into f32, and of the other units, in
/// FLOP a clock and multiprocessor. Of the architecture, not of a product.
struct Rates {
  int capability;
  double bf16, f32;
};
constexpr Rates rates[] = {{80, 2048, 128},
                           {86, 1024, 256},
                           {89, 1024, 256},
                           {90, 4096, 256},
                           {120, 1024, 256}};

class GpuRunner final : public Runner {
public:
  explicit GpuRunner(const Runs &runs) : runs(runs) {}
  ~GpuRunner() override;
  Status open(const std::string &driverPath);

  Result<double> run(int routing, size_t copy) override;
  Result<const HostTensors *> outputs() override;
  const moe_workspace *workspace() const override { return memory.get(); }
  void measureLimits() override;
  double gflops(core::DType weight) const override;
  double gbps() const override { return bestGbps; }

private:
  /// Tensors of the interface whose data is on the device.
  struct OnDevice {
    std::vector<cuda::DeviceMemory> memories;
    std::vector<moe_named_tensor> named;
  };
  Result<OnDevice> place(HostTensors &tensors, bool copyIn);
  Status makeWorkspace();
  Status allocateRegions();
  Status enqueue(int routing, size_t copy);
  Result<cuda::CuGraphExec> graphOf(int routing, size_t copy);
  Status call(cuda::CuResult result, const char *what) const {
    return driver->check(result, what);
  }

  Runs runs;
  std::shared_ptr<const cuda::Driver> driver;
  std::shared_ptr<const cuda::Device> device;
  int capability = 0, multiprocessors = 0, clockKhz = 0;
  std::vector<OnDevice> inputs;
  OnDevice results;
  Workspace memory;
  std::map<std::pair<int, size_t>, cuda::CuGraphExec> graphs;
  cuda::DeviceMemory from, to;
  double bestGbps = 0;
  cuda::Event begin, end;
  cuda::Stream stream;
};

} // namespace

GpuRunner::~GpuRunner() {
  if (!device)
    return;
  cuda::Current current(*device);
  for (auto &[key, graph] : graphs)
    driver->cuGraphExecDestroy(graph);
}

Status GpuRunner::open(const std::string &driverPath) {
  Result<std::shared_ptr<const cuda::Driver>> loaded =
      cuda::Driver::load(driverPath);
  if (!loaded)
    return loaded.takeError();
  driver = *loaded;
  Result<std::shared_ptr<const cuda::Device>> opened =
      cuda::Device::open(driver, 0);
  if (!opened)
    return opened.takeError();
  device = *opened;
  Result<int> number = device->capability();
  Result<int> units =
      device->attribute(cuda::CuDeviceAttribute::MultiprocessorCount);
  Result<int> clock = device->attribute(cuda::CuDeviceAttribute::ClockRate);
  capability = number ? *number : 0;
  multiprocessors = units ? *units : 0;
  clockKhz = clock ? *clock : 0;

  cuda::Current current(*device);
  Result<cuda::Stream> queue = cuda::Stream::create(device);
  Result<cuda::Event> first = cuda::Event::create(device),
                      last = cuda::Event::create(device);
  if (!queue || !first || !last)
    return !queue   ? queue.takeError()
           : !first ? first.takeError()
                    : last.takeError();
  stream = *std::move(queue);
  begin = *std::move(first);
  end = *std::move(last);
  for (HostTensors &each : runs.inputs) {
    Result<OnDevice> placed = place(each, true);
    if (!placed)
      return placed.takeError();
    inputs.push_back(*std::move(placed));
  }
  Result<OnDevice> placed = place(*runs.outputs, false);
  if (!placed)
    return placed.takeError();
  results = *std::move(placed);
  if (Status status = makeWorkspace(); !status)
    return status;
  return allocateRegions();
}

Result<GpuRunner::OnDevice> GpuRunner::place(HostTensors &tensors,
                                             bool copyIn) {
  OnDevice made;
  made.named = tensors.named();
  for (size_t i = 0; i < made.named.size(); ++i) {
    const core::Tensor &host = tensors.all()[i].tensor;
    Result<cuda::DeviceMemory> memory = cuda::DeviceMemory::allocate(
        device, std::max<size_t>(host.bytes(), 1), "a tensor");
    if (!memory)
      return memory.takeError();
    if (copyIn && host.bytes())
      if (Status status =
              call(driver->cuMemcpyHtoDAsync(memory->data(), host.data(),
                                             host.bytes(), stream.get()),
                   "an input could not be copied");
          !status)
        return status.takeError();
    moe_tensor &tensor = made.named[i].tensor;
    tensor.data = reinterpret_cast<void *>(memory->data());
    tensor.device = {2, 0};
    made.memories.push_back(*std::move(memory));
  }
  if (Status status =
          call(driver->cuStreamSynchronize(stream.get()), "copying inputs");
      !status)
    return status.takeError();
  return made;
}

Status GpuRunner::makeWorkspace() {
  moe_dim dim{"T", runs.tokens};
  moe_workspace_options wanted{};
  wanted.size = sizeof wanted;
  wanted.dims = &dim;
  wanted.num_dims = 1;
  moe_workspace *made = nullptr;
  Status status =
      take(moe_workspace_create(runs.copies.front().get(), &wanted, &made));
  memory.reset(made);
  return status;
}

/// More than any cache holds; a simulator has none.
Status GpuRunner::allocateRegions() {
  const size_t bytes = size_t(driver->loadText ? 4 : 512) << 20;
  for (cuda::DeviceMemory *region : {&from, &to}) {
    Result<cuda::DeviceMemory> made =
        cuda::DeviceMemory::allocate(device, bytes, "measuring bandwidth");
    if (!made)
      return made.takeError();
    *region = *std::move(made);
  }
  return {};
}

Status GpuRunner::enqueue(int routing, size_t copy) {
  moe_run_options options{};
  options.size = sizeof options;
  options.stream = stream.get();
  const auto &in = inputs[static_cast<size_t>(routing)].named;
  return take(moe_run(runs.copies[copy].get(), in.data(), in.size(),
                      results.named.data(), results.named.size(), memory.get(),
                      &options));
}

Result<cuda::CuGraphExec> GpuRunner::graphOf(int routing, size_t copy) {
  auto [place, isNew] = graphs.try_emplace({routing, copy}, nullptr);
  if (!isNew)
    return place->second;
  constexpr int threadLocal = 1;
  Status status = call(driver->cuStreamBeginCapture(stream.get(), threadLocal),
                       "cuStreamBeginCapture");
  if (!status)
    return status.takeError();
  Status queued = enqueue(routing, copy);
  cuda::CuGraph graph = nullptr;
  status = call(driver->cuStreamEndCapture(stream.get(), &graph),
                "cuStreamEndCapture");
  if (!queued)
    return queued.takeError();
  if (status)
    status = call(driver->cuGraphInstantiateWithFlags(&place->second, graph, 0),
                  "cuGraphInstantiateWithFlags");
  if (graph)
    driver->cuGraphDestroy(graph);
  if (!status)
    return status.takeError();
  return place->second;
}

Result<double> GpuRunner::run(int routing, size_t copy) {
  cuda::Current current(*device);
  cuda::CuGraphExec graph = nullptr;
  if (driver->cuGraphLaunch) {
    Result<cuda::CuGraphExec> made = graphOf(routing, copy);
    if (!made)
      return made.takeError();
    graph = *made;
  }
  Status status =
      call(driver->cuEventRecord(begin.get(), stream.get()), "cuEventRecord");
  if (status)
    status = graph ? call(driver->cuGraphLaunch(graph, stream.get()),
                          "cuGraphLaunch")
                   : enqueue(routing, copy);
  if (status)
    status =
        call(driver->cuEventRecord(end.get(), stream.get()), "cuEventRecord");
  if (status)
    status = take(moe_workspace_wait(memory.get()));
  float milliseconds = 0;
  if (status)
    status =
        call(driver->cuEventElapsedTime(&milliseconds, begin.get(), end.get()),
             "cuEventElapsedTime");
  if (!status)
    return status.takeError();
  return double(milliseconds);
}

Result<const HostTensors *> GpuRunner::outputs() {
  cuda::Current current(*device);
  for (size_t i = 0; i < results.memories.size(); ++i) {
    const core::Tensor &host = runs.outputs->all()[i].tensor;
    if (host.bytes() == 0)
      continue;
    if (Status status =
            call(driver->cuMemcpyDtoHAsync(const_cast<void *>(host.data()),
                                           results.memories[i].data(),
                                           host.bytes(), stream.get()),
                 "an output could not be copied");
        !status)
      return status.takeError();
  }
  if (Status status =
          call(driver->cuStreamSynchronize(stream.get()), "copying outputs");
      !status)
    return status.takeError();
  return runs.outputs;
}

/// A copy reads and writes.
void GpuRunner::measureLimits() {
  cuda::Current current(*device);
  float milliseconds = 0;
  driver->cuEventRecord(begin.get(), stream.get());
  driver->cuMemcpyDtoDAsync(to.data(), from.data(), from.size(), stream.get());
  driver->cuEventRecord(end.get(), stream.get());
  if (driver->cuStreamSynchronize(stream.get()) == cuda::CuResult::Success &&
      driver->cuEventElapsedTime(&milliseconds, begin.get(), end.get()) ==
          cuda::CuResult::Success &&
      milliseconds > 0)
    bestGbps = std::max(bestGbps, 2e-6 * static_cast<double>(from.size()) /
                                      static_cast<double>(milliseconds));
}

double GpuRunner::gflops(core::DType weight) const {
  for (const Rates &row : rates)
    if (row.capability == capability)
      return (weight == core::DType::F32 ? row.f32 : row.bf16) *
             multiprocessors * clockKhz * 1e-6;
  return 0;
}

Result<std::unique_ptr<Runner>> tools::gpuRunner(const Runs &runs,
                                                 const std::string &driver) {
  auto runner = std::make_unique<GpuRunner>(runs);
  if (Status status = runner->open(driver); !status)
    return status.takeError();
  return std::unique_ptr<Runner>(std::move(runner));
}

Result<std::string> tools::gpuName(const std::string &path) {
  Result<std::shared_ptr<const cuda::Driver>> driver = cuda::Driver::load(path);
  if (!driver)
    return driver.takeError();
  Result<std::shared_ptr<const cuda::Device>> device =
      cuda::Device::open(*driver, 0);
  if (!device)
    return device.takeError();
  return (*device)->name();
}
