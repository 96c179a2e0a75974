//===- LayerTest.cpp - A layer on the machine -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an engine does with a layer: tensors on the device, at odd addresses
// too, streams, graphs. Each way must give the same bits; moe-run compares them
// with what they should be.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/WeightSource.h"
#include "moe/runtime/cuda/DevicePacker.h"
#include "moe/test/gpu/GpuTest.h"

#include "gtest/gtest.h"

#include <cstring>

namespace moe::test {
using namespace core;
namespace {

using Bytes = std::vector<std::byte>;

class LayerTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    const GpuTestOptions &options = gpuTestOptions();
    if (options.layer.empty()) {
      reason = "no layer is given (--layer)";
      return;
    }
    Status status = open(options);
    if (!status)
      reason = status.error().str() + "\n" + status.error().details;
  }
  static void TearDownTestSuite() {
    workspace = nullptr;
    bound = nullptr;
    module = nullptr;
    device = nullptr;
  }
  void SetUp() override {
    const bool required =
        !gpuTestOptions().layer.empty() && !gpuTestOptions().driver.empty();
    ASSERT_TRUE(reason.empty() || !required) << reason;
    if (!reason.empty())
      GTEST_SKIP() << reason;
  }

  static Status open(const GpuTestOptions &options) {
    Result<std::shared_ptr<const cuda::Device>> opened = openTestDevice();
    if (!opened)
      return opened.takeError();
    device = *opened;
    Result<std::shared_ptr<const Package>> package =
        Package::open(options.layer);
    if (!package)
      return package.takeError();
    Result<std::shared_ptr<const cuda::Module>> loaded =
        cuda::Module::load(*package, device, options.target);
    if (!loaded)
      return loaded.takeError();
    module = *loaded;
    Result<std::shared_ptr<const Program>> program =
        Program::create(*package, module->variantIndex(), "", nullptr);
    if (!program)
      return program.takeError();
    Result<Checkpoint> checkpoint = Checkpoint::open(options.weights);
    if (!checkpoint)
      return checkpoint.takeError();
    ThreadPool pool;
    BindOptions how{pool.executor(), 2, {}};
    how.packer = cuda::devicePacker(module);
    Result<std::shared_ptr<const Bound>> made = core::bind(
        *program, checkpointWeights(*std::move(checkpoint)).get(), how);
    if (!made)
      return made.takeError();
    bound = *made;
    Result<SafetensorsFile> file = SafetensorsFile::open(options.input);
    if (!file)
      return file.takeError();
    Result<TensorView> x = file->tensor("hidden_states");
    if (!x)
      return x.takeError();
    tokens = x->shape[0];
    width = x->shape[1];
    dtype = x->dtype;
    input.resize(x->bytes());
    std::memcpy(input.data(), x->data, input.size());
    Result<WorkspaceSize> size =
        (*program)->workspaceSize(std::vector<int64_t>{tokens}, 1);
    if (!size)
      return size.takeError();
    Result<std::unique_ptr<cuda::Workspace>> memory =
        cuda::Workspace::create(*module, *size, true);
    if (!memory)
      return memory.takeError();
    workspace = *std::move(memory);
    return {};
  }

  static Operand operand(void *data, bool onDevice) {
    static int64_t shape[2];
    shape[0] = tokens;
    shape[1] = width;
    return {"hidden_states", dtype, shape, data, onDevice};
  }
  static Status run(void *x, void *y, bool onDevice,
                    cuda::CuStream stream = nullptr) {
    const Operand in = operand(x, onDevice), out = operand(y, onDevice);
    return cuda::run(*bound, *module, {&in, 1}, {&out, 1}, *workspace,
                     {stream, false});
  }
  static Bytes fromHost() {
    Bytes y(input.size());
    Status status = run(input.data(), y.data(), false);
    EXPECT_TRUE(status) << status.error().str() << status.error().details;
    return y;
  }

  /// Memory of the device, `offset` bytes from an aligned place.
  struct Buffer {
    explicit Buffer(size_t offset) : offset(offset) {
      cuda::Current current(*device);
      Result<cuda::DeviceMemory> made = cuda::DeviceMemory::allocate(
          device, input.size() + offset, "a tensor");
      EXPECT_TRUE(made) << made.error().str();
      if (made)
        memory = *std::move(made);
    }
    void *data() const {
      return reinterpret_cast<void *>(memory.data() + offset);
    }
    void set(const Bytes &bytes) const {
      cuda::Current current(*device);
      const cuda::Driver &driver = device->driver();
      EXPECT_EQ(driver.cuMemcpyHtoDAsync(memory.data() + offset, bytes.data(),
                                         bytes.size(), nullptr),
                cuda::CuResult::Success);
      EXPECT_EQ(driver.cuStreamSynchronize(nullptr), cuda::CuResult::Success);
    }
    Bytes get() const {
      cuda::Current current(*device);
      const cuda::Driver &driver = device->driver();
      Bytes bytes(input.size());
      EXPECT_EQ(driver.cuMemcpyDtoHAsync(bytes.data(), memory.data() + offset,
                                         bytes.size(), nullptr),
                cuda::CuResult::Success);
      EXPECT_EQ(driver.cuStreamSynchronize(nullptr), cuda::CuResult::Success);
      return bytes;
    }
    cuda::DeviceMemory memory;
    size_t offset;
  };

  static inline std::shared_ptr<const cuda::Device> device;
  static inline std::shared_ptr<const cuda::Module> module;
  static inline std::shared_ptr<const Bound> bound;
  static inline std::unique_ptr<cuda::Workspace> workspace;
  static inline std::string reason;
  static inline int64_t tokens, width;
  static inline DType dtype;
  static inline Bytes input;
};

TEST_F(LayerTest, RunsRepeat) {
  const Bytes first = fromHost();
  EXPECT_EQ(fromHost(), first);
  EXPECT_NE(first, Bytes(first.size()));
}

TEST_F(LayerTest, DeviceTensors) {
  const Bytes want = fromHost();
  for (size_t offset : {0, 2, 8, 256}) {
    if (offset % byteSize(dtype))
      continue;
    Buffer x(offset), y(offset);
    x.set(input);
    Status status = run(x.data(), y.data(), true);
    ASSERT_TRUE(status) << status.error().str();
    status = workspace->wait();
    ASSERT_TRUE(status) << status.error().str();
    EXPECT_EQ(y.get(), want) << "at " << offset;
  }
}

TEST_F(LayerTest, OwnStream) {
  const Bytes want = fromHost();
  Buffer x(0), y(0);
  x.set(input);
  cuda::Current current(*device);
  Result<cuda::Stream> stream = cuda::Stream::create(device);
  ASSERT_TRUE(stream);
  Status status = run(x.data(), y.data(), true, stream->get());
  ASSERT_TRUE(status) << status.error().str();
  status = workspace->wait();
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_EQ(y.get(), want);
}

TEST_F(LayerTest, Graphs) {
  const cuda::Driver &driver = device->driver();
  if (!driver.cuGraphLaunch)
    GTEST_SKIP() << "the driver has no graphs";
  const Bytes want = fromHost();
  Buffer x(0), y(0);
  x.set(input);
  cuda::Current current(*device);
  Result<cuda::Stream> stream = cuda::Stream::create(device);
  ASSERT_TRUE(stream);
  constexpr int threadLocal = 1;
  ASSERT_EQ(driver.cuStreamBeginCapture(stream->get(), threadLocal),
            cuda::CuResult::Success);
  Status status = run(x.data(), y.data(), true, stream->get());
  cuda::CuGraph graph = nullptr;
  ASSERT_EQ(driver.cuStreamEndCapture(stream->get(), &graph),
            cuda::CuResult::Success);
  ASSERT_TRUE(status) << status.error().str();
  cuda::CuGraphExec exec = nullptr;
  ASSERT_EQ(driver.cuGraphInstantiateWithFlags(&exec, graph, 0),
            cuda::CuResult::Success);
  // Other rows first: what is replayed reads what is there then.
  Bytes zeros(input.size());
  for (const Bytes *rows : {&zeros, &input}) {
    x.set(*rows);
    ASSERT_EQ(driver.cuGraphLaunch(exec, stream->get()),
              cuda::CuResult::Success);
    status = workspace->wait();
    ASSERT_TRUE(status) << status.error().str();
  }
  EXPECT_EQ(y.get(), want);
  driver.cuGraphExecDestroy(exec);
  driver.cuGraphDestroy(graph);
}

} // namespace
} // namespace moe::test
