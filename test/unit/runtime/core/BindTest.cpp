//===- BindTest.cpp - A program with its weights ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources of every form against loops over stored elements; what is missing,
// wrong or left over is named.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/RandomWeights.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SampleRun.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>
#include <numeric>

namespace moe::test {
using namespace core;
using testing::ElementsAre;
namespace {

Result<std::shared_ptr<const Bound>>
bindTo(std::shared_ptr<const Program> program, const WeightSource *source,
       uint32_t threads = 2) {
  ThreadPool pool;
  return bind(std::move(program), source, {pool.executor(), threads, {}});
}

std::string
bindError(const WeightSource *source,
          std::shared_ptr<const Program> program = sampleProgram()) {
  Result<std::shared_ptr<const Bound>> bound =
      bindTo(std::move(program), source);
  return bound ? "no error" : bound.error().str();
}

/// A program whose only work is one parameter.
std::shared_ptr<const Program> programOf(abi::ParamT param) {
  abi::PackageT package = samplePackage();
  abi::VariantT &variant = *package.variants[0];
  param.name = "w";
  variant.params[0] = std::make_unique<abi::ParamT>(std::move(param));
  Result<std::shared_ptr<const Program>> program =
      Program::create(test::open(package), 0, "", sampleKernels());
  if (!program)
    std::abort();
  return *program;
}

TEST(BindTest, FromACheckpoint) {
  SampleWeights weights;
  TemporaryFolder folder;
  std::vector<NamedView> stored;
  for (const NamedWeight &weight : weights.tensors())
    stored.push_back({weight.name, weight.tensor});
  const float extra = 1;
  stored.push_back({"layer.gate", {DType::F32, {1}, &extra}});
  stored.push_back({"layers.w", {DType::F32, {1}, &extra}});
  stored.push_back({"lm_head", {DType::F32, {1}, &extra}});
  ASSERT_TRUE(writeSafetensors(folder / "model.safetensors", stored));
  Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint);
  Result<std::shared_ptr<const Bound>> bound =
      bindTo(sampleProgram(), checkpointWeights(*checkpoint).get());
  ASSERT_TRUE(bound) << bound.error().str();
  EXPECT_THAT((*bound)->used(), ElementsAre("layer.e.0.bias", "layer.e.1.bias",
                                            "layer.e.2.bias", "layer.w"));
  EXPECT_THAT((*bound)->unused(), ElementsAre("layer.gate"));
  EXPECT_EQ((*bound)->bytes(), 64u);
  std::unique_ptr<Workspace> workspace = sampleWorkspace(**bound, 9, 2);
  SampleCall call(9);
  ASSERT_TRUE(call.run(**bound, *workspace));
  EXPECT_EQ(call.wrong(), 0);
}

TEST(BindTest, Progress) {
  SampleWeights weights;
  ThreadPool pool;
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  Result<std::shared_ptr<const Bound>> bound =
      bind(sampleProgram(), namedWeights(weights.tensors()).get(),
           {pool.executor(), 2, [&](uint64_t done, uint64_t total) {
              seen.push_back({done, total});
            }});
  ASSERT_TRUE(bound);
  EXPECT_THAT(seen, ElementsAre(std::pair(16, 64), std::pair(32, 64),
                                std::pair(48, 64), std::pair(64, 64)));
}

/// Strides of a copy: a transposed slice of every second column, cut in units.
TEST(BindTest, StridedCopy) {
  for (int64_t units : {1, 3, 6}) {
    abi::ParamT param;
    param.units = static_cast<uint64_t>(units);
    param.dtype = static_cast<uint8_t>(DType::I16);
    param.shape = {6, 4, 5};
    param.bytes = 6 * 4 * 5 * 2;
    auto source = std::make_unique<abi::SourceT>();
    source->pattern = "t";
    source->dtype = param.dtype;
    // Stored [5, 13, 8]; the view is [i, j, k] = t[k, 2 i + 1, j + 3].
    source->stored_shape = {5, 13, 8};
    source->offset = 8 + 3;
    source->shape = param.shape;
    source->strides = {16, 1, 104};
    param.sources.push_back(std::move(source));

    // At an odd address, as safetensors may give it.
    std::vector<char> memory(5 * 13 * 8 * 2 + 1);
    std::vector<int16_t> stored(5 * 13 * 8);
    std::iota(stored.begin(), stored.end(), int16_t(0));
    std::memcpy(memory.data() + 1, stored.data(), memory.size() - 1);
    SampleWeights weights;
    std::vector<NamedWeight> tensors = weights.tensors();
    tensors.push_back({"t", {DType::I16, {5, 13, 8}, memory.data() + 1}});
    Result<std::shared_ptr<const Bound>> bound =
        bindTo(programOf(std::move(param)), namedWeights(tensors).get(), 3);
    ASSERT_TRUE(bound) << bound.error().str();
    const auto *packed = reinterpret_cast<int16_t *>((*bound)->param(0));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(packed) % 64, 0u);
    for (int64_t i = 0; i < 6; ++i)
      for (int64_t j = 0; j < 4; ++j)
        for (int64_t k = 0; k < 5; ++k)
          ASSERT_EQ(packed[(i * 4 + j) * 5 + k],
                    stored[k * 104 + (2 * i + 1) * 8 + j + 3]);
  }
}

/// A kernel sees one buffer a source, each at its unit: here the rows of gate
/// and up, fused in one tensor and interleaved.
TEST(BindTest, FusedSourcesOfAKernel) {
  constexpr int64_t experts = 5, rows = 3, columns = 4;
  abi::ParamT param;
  param.units = experts;
  param.kernel = 6;
  param.tasks = rows;
  param.dtype = static_cast<uint8_t>(DType::U8);
  param.bytes = experts * rows * 4;
  param.shape = {experts * rows * 4};
  for (int64_t which : {0, 1}) {
    auto source = std::make_unique<abi::SourceT>();
    source->pattern = "gate_up";
    source->dtype = static_cast<uint8_t>(DType::F32);
    source->stored_shape = {experts, 2 * rows, columns};
    source->offset = which * columns;
    source->shape = {experts, rows, columns};
    source->strides = {2 * rows * columns, 2 * columns, 1};
    param.sources.push_back(std::move(source));
  }
  abi::PackageT package = samplePackage();
  abi::VariantT &variant = *package.variants[0];
  auto kernel = std::make_unique<abi::KernelT>();
  kernel->name = "dot";
  kernel->scratch = 100;
  variant.kernels.push_back(std::move(kernel));
  param.name = "w";
  variant.params[0] = std::make_unique<abi::ParamT>(std::move(param));
  auto code = std::make_shared<KernelCode>();
  code->functions = sampleKernels()->functions;
  // (gate, up, out): out[row] = gate[row] . up[row]
  code->functions.push_back([](const moe_kernel_args *args, uint64_t begin,
                               uint64_t end, uint32_t, void *scratch) {
    std::memset(scratch, 1, 100);
    const auto *gate = static_cast<const float *>(args->buffers[0]);
    const auto *up = static_cast<const float *>(args->buffers[1]);
    for (uint64_t row = begin; row < end; ++row) {
      float sum = 0;
      for (int64_t i = 0; i < columns; ++i)
        sum += gate[row * 2 * columns + i] * up[row * 2 * columns + i];
      static_cast<float *>(args->buffers[2])[row] = sum;
    }
  });
  Result<std::shared_ptr<const Program>> program =
      Program::create(test::open(package), 0, "", code);
  ASSERT_TRUE(program);

  std::vector<float> stored(experts * 2 * rows * columns);
  for (size_t i = 0; i < stored.size(); ++i)
    stored[i] = static_cast<float>(i % 17);
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  tensors.push_back(
      {"gate_up", {DType::F32, {experts, 2 * rows, columns}, stored.data()}});
  Result<std::shared_ptr<const Bound>> bound =
      bindTo(*program, namedWeights(tensors).get());
  ASSERT_TRUE(bound) << bound.error().str();
  const auto *packed = reinterpret_cast<float *>((*bound)->param(0));
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t row = 0; row < rows; ++row) {
      float sum = 0;
      for (int64_t i = 0; i < columns; ++i)
        sum += stored[((e * rows + row) * 2) * columns + i] *
               stored[((e * rows + row) * 2 + 1) * columns + i];
      EXPECT_EQ(packed[e * rows + row], sum);
    }
}

TEST(BindTest, RandomWeightsNeedNoSource) {
  Result<std::shared_ptr<const Bound>> bound =
      bindTo(sampleProgram(), randomWeights(7).get());
  ASSERT_TRUE(bound) << bound.error().str();
  std::array<float, 4> w, bias;
  const int64_t shape[] = {4};
  RandomTensor(7, "layer.w", DType::F32, shape).fill(0, 4, w.data());
  RandomTensor(7, "layer.e.2.bias", DType::F32, shape).fill(0, 4, bias.data());
  EXPECT_EQ(std::memcmp((*bound)->param(0), w.data(), 16), 0);
  const auto *packed = reinterpret_cast<float *>((*bound)->param(1)) + 8;
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(packed[i], 2 * bias[i]);
  EXPECT_TRUE((*bound)->unused().empty());
}

TEST(BindTest, Missing) {
  EXPECT_EQ(bindError(nullptr),
            "E0604: program 'layer' has weights; give a checkpoint's folder, a "
            "seed for random ones, or named tensors");
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  tensors[0].name = "layer.v";
  EXPECT_EQ(bindError(namedWeights(tensors).get()),
            "E0601: param @w: tensor 'layer.w' is not given (did you mean "
            "'layer.v'?)");
  EXPECT_EQ(bindError(namedWeights({}).get()),
            "E0601: param @w: tensor 'layer.w' is not given; 3 more are "
            "missing: 'layer.e.0.bias', 'layer.e.1.bias', 'layer.e.2.bias'");
  TemporaryFolder folder;
  const float extra = 1;
  const NamedView other{"other", {DType::F32, {1}, &extra}};
  ASSERT_TRUE(writeSafetensors(folder / "model.safetensors", {&other, 1}));
  EXPECT_EQ(
      bindError(checkpointWeights(*Checkpoint::open(folder.path())).get()),
      "E0601: param @w: '" + folder.path() +
          "' has no tensor 'layer.w'; 3 more are missing: 'layer.e.0.bias', "
          "'layer.e.1.bias', 'layer.e.2.bias'");
}

TEST(BindTest, Mismatch) {
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  tensors[2].tensor.shape = {2, 2};
  EXPECT_EQ(bindError(namedWeights(tensors).get()),
            "E0602: param @bias: tensor 'layer.e.1.bias' is f32 [2, 2], the "
            "program was compiled for f32 [4]");
  tensors = weights.tensors();
  tensors[0].tensor.dtype = DType::BF16;
  EXPECT_EQ(bindError(namedWeights(tensors).get()),
            "E0602: param @w: tensor 'layer.w' is bf16 [4], the program was "
            "compiled for f32 [4]");
}

TEST(BindTest, ValuesThatAreNone) {
  abi::ParamT param;
  param.units = 2;
  param.dtype = static_cast<uint8_t>(DType::U8);
  param.shape = {2, 3};
  param.bytes = 6;
  auto source = std::make_unique<abi::SourceT>();
  source->pattern = "scales";
  source->dtype = param.dtype;
  source->stored_shape = {2, 2, 3};
  source->offset = 3;
  source->shape = param.shape;
  source->strides = {6, 1};
  source->values = abi::ValueRule::NoE8M0NaN;
  param.sources.push_back(std::move(source));
  std::shared_ptr<const Program> program = programOf(std::move(param));
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  std::vector<uint8_t> scales(12, 127);
  tensors.push_back({"scales", {DType::U8, {2, 2, 3}, scales.data()}});
  scales[8] = 255; // beside the view
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program), "no error");
  scales[10] = 255;
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program),
            "E0603: param @w: tensor 'scales' has the scale byte 255 (NaN) at "
            "[1, 1, 1]");
}

TEST(BindTest, GroupsThatThereAreNot) {
  abi::ParamT param;
  param.units = 1;
  param.dtype = static_cast<uint8_t>(DType::I32);
  param.shape = {3};
  param.bytes = 12;
  auto source = std::make_unique<abi::SourceT>();
  source->pattern = "g_idx";
  source->dtype = param.dtype;
  source->stored_shape = param.shape;
  source->shape = param.shape;
  source->strides = {1};
  source->values = abi::ValueRule::Below;
  source->limit = 4;
  param.sources.push_back(std::move(source));
  std::shared_ptr<const Program> program = programOf(std::move(param));
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  std::vector<int32_t> groups = {0, 3, 2};
  tensors.push_back({"g_idx", {DType::I32, {3}, groups.data()}});
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program), "no error");
  groups[2] = 4;
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program),
            "E0603: param @w: tensor 'g_idx' has the group 4 (there are 4) at "
            "[2]");
  groups[1] = -1;
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program),
            "E0603: param @w: tensor 'g_idx' has the group -1 (there are 4) at "
            "[1]");
}

TEST(BindTest, AByteOfEitherSignAndOfNoDimension) {
  abi::ParamT param;
  param.units = 1;
  param.dtype = static_cast<uint8_t>(DType::U8);
  param.bytes = 1;
  auto source = std::make_unique<abi::SourceT>();
  source->pattern = "code";
  source->dtype = param.dtype;
  param.sources.push_back(std::move(source));
  std::shared_ptr<const Program> program = programOf(std::move(param));
  SampleWeights weights;
  std::vector<NamedWeight> tensors = weights.tensors();
  std::vector<uint8_t> code(1, 200);
  tensors.push_back({"code", {DType::U8, {}, code.data()}});
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program), "no error");
  tensors.back().tensor.dtype = DType::I8;
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program), "no error");
  tensors.back().tensor.dtype = DType::F8E4M3;
  EXPECT_EQ(bindError(namedWeights(tensors).get(), program),
            "E0602: param @w: tensor 'code' is f8E4M3FN [], the program was "
            "compiled for ui8 []");
}

TEST(BindTest, AProgramWithoutWeights) {
  abi::PackageT package = samplePackage();
  package.variants[0]->programs[0]->steps->steps.clear();
  Result<std::shared_ptr<const Program>> program =
      Program::create(test::open(package), 0, "", sampleKernels());
  ASSERT_TRUE(program);
  EXPECT_EQ(bindError(nullptr, *program), "no error");
}

} // namespace
} // namespace moe::test
