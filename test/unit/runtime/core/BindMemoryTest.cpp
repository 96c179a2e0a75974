//===- BindMemoryTest.cpp - The memory that binding needs -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint of 128 MiB, packed by a kernel: the process may not grow by more
// than 1.15 times the packed weights.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SampleRun.h"

#include "gtest/gtest.h"

#include <cstring>
#include <fstream>

namespace moe::test {
using namespace core;
namespace {

constexpr int64_t experts = 64, rows = 512, columns = 1024;
constexpr int64_t unitBytes = rows * columns * 4;

/// (source, packed): each column becomes a row, as packing does.
void transpose(const moe_kernel_args *args, uint64_t begin, uint64_t end,
               uint32_t, void *) {
  const auto *source = static_cast<const float *>(args->buffers[0]);
  auto *packed = static_cast<float *>(args->buffers[1]);
  for (uint64_t column = begin; column < end; ++column)
    for (int64_t row = 0; row < rows; ++row)
      packed[column * rows + row] = source[row * columns + column];
}

/// The sample, but for @w: a kernel's work over all experts. One tensor for all
/// of them, or one for each.
std::shared_ptr<const Program> program(bool perExpert) {
  abi::PackageT package = samplePackage();
  abi::VariantT &variant = *package.variants[0];
  auto kernel = std::make_unique<abi::KernelT>();
  kernel->name = "transpose";
  variant.kernels.push_back(std::move(kernel));
  abi::ParamT &param = *variant.params[0];
  param.units = experts;
  param.bytes = experts * unitBytes;
  param.kernel = 6;
  param.tasks = columns;
  param.dtype = static_cast<uint8_t>(DType::U8);
  param.shape = {experts * unitBytes};
  abi::SourceT &source = *param.sources[0];
  source.per_expert = perExpert;
  source.pattern = perExpert ? "layer.x.{e}" : "layer.x";
  source.shape = {experts, rows, columns};
  source.strides = {rows * columns, columns, 1};
  if (perExpert) {
    source.shape.erase(source.shape.begin());
    source.strides.erase(source.strides.begin());
  }
  source.stored_shape = source.shape;
  auto code = std::make_shared<KernelCode>();
  code->functions = sampleKernels()->functions;
  code->functions.push_back(transpose);
  Result<std::shared_ptr<const Program>> program =
      Program::create(test::open(package), 0, "", std::move(code));
  if (!program)
    std::abort();
  return *program;
}

void writeCheckpoint(const std::string &path, bool perExpert) {
  std::vector<float> values(experts * rows * columns);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 1000003);
  SampleWeights weights;
  std::vector<NamedView> views;
  for (const NamedWeight &weight : weights.tensors())
    views.push_back({weight.name, weight.tensor});
  if (!perExpert)
    views.push_back(
        {"layer.x", {DType::F32, {experts, rows, columns}, values.data()}});
  for (int64_t e = 0; perExpert && e < experts; ++e)
    views.push_back(
        {"layer.x." + std::to_string(e),
         {DType::F32, {rows, columns}, values.data() + e * rows * columns}});
  ASSERT_TRUE(writeSafetensors(path, views));
}

class BindMemoryTest : public testing::TestWithParam<bool> {};

TEST_P(BindMemoryTest, StaysNearThePackedWeights) {
  TemporaryFolder folder;
  writeCheckpoint(folder / "model.safetensors", GetParam());
  std::shared_ptr<const Program> sample = program(GetParam());
  Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint);
  std::unique_ptr<WeightSource> source = checkpointWeights(*checkpoint);
  ThreadPool pool;

  // Forgets the peak of what came before, where the system lets us.
  std::ofstream("/proc/self/clear_refs") << "5";
  const size_t before = os::residentBytes();
  Result<std::shared_ptr<const Bound>> bound =
      bind(sample, source.get(), {pool.executor(), 2, {}});
  ASSERT_TRUE(bound) << bound.error().str();
  const size_t grown = os::peakResidentBytes() - before;
  const double packed = static_cast<double>((*bound)->bytes());
  EXPECT_GE(packed, experts * unitBytes);
  EXPECT_LE(static_cast<double>(grown), 1.15 * packed);
  RecordProperty("ratio", std::to_string(static_cast<double>(grown) / packed));

  const auto *values = reinterpret_cast<const float *>((*bound)->param(0));
  for (int64_t i = 0; i < experts * rows * columns; i += 4099) {
    const int64_t e = i / (rows * columns), rest = i % (rows * columns);
    const int64_t stored = (e * rows + rest % rows) * columns + rest / rows;
    ASSERT_EQ(values[i], static_cast<float>(stored % 1000003));
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, BindMemoryTest, testing::Bool());

} // namespace
} // namespace moe::test
