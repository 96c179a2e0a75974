//===- IntrinsicsTest.cpp - Each intrinsic on the machine -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU and the simulator are held to the instruction set's definition. What a
// GPU answers can be kept, and the simulator held to that too: the definition
// may have been read wrongly, and twice in the same way.
//
//===----------------------------------------------------------------------===//

#include "moe/test/gpu/Intrinsics.h"
#include "moe/runtime/core/Tensor.h"
#include "moe/test/gpu/GpuTest.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

namespace moe::test {
using namespace core;
namespace {

class IntrinsicsTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    Result<std::shared_ptr<const cuda::Device>> opened = openTestDevice();
    if (!opened) {
      reason = opened.error().str();
      return;
    }
    const GpuTestOptions &options = gpuTestOptions();
    Result<std::shared_ptr<const Package>> package =
        options.intrinsics.empty()
            ? Package::fromBytes(
                  writePackage(intrinsicsPackage(
                      [](const std::string &, const std::string &) {
                        return std::string();
                      })),
                  "intrinsics")
            : Package::open(options.intrinsics);
    if (!package) {
      reason = package.error().str();
      return;
    }
    Result<std::shared_ptr<const cuda::Module>> loaded =
        cuda::Module::load(*package, *opened, options.target);
    if (!loaded) {
      reason = loaded.error().str() + "\n" + loaded.error().details;
      return;
    }
    table = *package;
    module = *loaded;
  }
  static void TearDownTestSuite() {
    const std::string &path = gpuTestOptions().writeGoldens;
    if (!path.empty() && !kept.empty()) {
      std::vector<NamedView> views;
      for (const auto &[name, words] : kept)
        views.push_back(
            {name,
             {DType::I32, {static_cast<int64_t>(words.size())}, words.data()}});
      Status status = writeSafetensors(path, views);
      EXPECT_TRUE(status) << status.error().str();
    }
    module = nullptr;
    table = nullptr;
  }
  void SetUp() override {
    ASSERT_TRUE(module || gpuTestOptions().driver.empty()) << reason;
    if (!module)
      GTEST_SKIP() << reason;
  }

  static bool has(const IntrinsicKernel &kernel) {
    for (const cuda::Module::Kernel &each : module->kernels())
      if (each.table->name()->string_view() == kernel.name)
        return true;
    return false;
  }

  /// Runs a kernel through the executor.
  static Result<Words> run(const IntrinsicKernel &kernel, Words &in) {
    Result<std::shared_ptr<const Program>> program =
        Program::create(table, module->variantIndex(), kernel.name, nullptr);
    if (!program)
      return program.takeError();
    Result<std::shared_ptr<const Bound>> bound =
        core::bind(*program, nullptr, {});
    if (!bound)
      return bound.takeError();
    Result<WorkspaceSize> size = (*program)->workspaceSize({}, 1);
    if (!size)
      return size.takeError();
    Result<std::unique_ptr<cuda::Workspace>> workspace =
        cuda::Workspace::create(*module, *size, true);
    if (!workspace)
      return workspace.takeError();
    Words out(kernel.out);
    const int64_t inShape[] = {static_cast<int64_t>(in.size())};
    const int64_t outShape[] = {static_cast<int64_t>(out.size())};
    const Operand input{"in", DType::I32, inShape, in.data()};
    const Operand output{"out", DType::I32, outShape, out.data()};
    Status status =
        cuda::run(**bound, *module, {&input, 1}, {&output, 1}, **workspace);
    if (!status)
      return status.takeError();
    return out;
  }

  static inline std::shared_ptr<const Package> table;
  static inline std::shared_ptr<const cuda::Module> module;
  static inline std::string reason;
  static inline std::map<std::string, Words> kept;
};

TEST_F(IntrinsicsTest, AgreeWithTheirDefinition) {
  int ran = 0;
  for (const IntrinsicKernel &kernel : intrinsicKernels()) {
    if (!has(kernel))
      continue;
    Words in = kernel.makeInput();
    ASSERT_EQ(in.size(), kernel.in) << kernel.name;
    Result<Words> out = run(kernel, in);
    ASSERT_TRUE(out) << kernel.name << ": " << out.error().str() << "\n"
                     << out.error().details;
    EXPECT_EQ(kernel.check(in, *out), "") << kernel.name;
    kept[std::string(kernel.name) + ".in"] = in;
    kept[std::string(kernel.name) + ".out"] = *out;
    ++ran;
  }
  EXPECT_GE(ran, 8);
}

/// A change of any word of an answer is noticed: the definitions leave nothing
/// open.
TEST_F(IntrinsicsTest, DefinitionsLookAtEveryWord) {
  for (const IntrinsicKernel &kernel : intrinsicKernels()) {
    if (!has(kernel))
      continue;
    Words in = kernel.makeInput();
    Result<Words> out = run(kernel, in);
    ASSERT_TRUE(out);
    for (size_t i = 0; i < out->size(); i += 1 + out->size() / 100) {
      (*out)[i] ^= 0x40400000;
      EXPECT_NE(kernel.check(in, *out), "") << kernel.name << " word " << i;
      (*out)[i] ^= 0x40400000;
    }
  }
}

TEST_F(IntrinsicsTest, AgreeWithAGpusAnswers) {
  if (gpuTestOptions().goldens.empty())
    GTEST_SKIP() << "no answers of a GPU are given (--goldens)";
  Result<SafetensorsFile> file =
      SafetensorsFile::open(gpuTestOptions().goldens);
  ASSERT_TRUE(file) << file.error().str();
  for (const IntrinsicKernel &kernel : intrinsicKernels()) {
    if (!has(kernel))
      continue;
    const std::string name = kernel.name;
    auto wordsOf = [&](const std::string &tensor) {
      Result<TensorView> view = file->tensor(tensor);
      Words words;
      if (view) {
        words.resize(static_cast<size_t>(view->shape[0]));
        std::memcpy(words.data(), view->data, words.size() * 4);
      }
      return words;
    };
    Words in = wordsOf(name + ".in");
    const Words want = wordsOf(name + ".out");
    if (want.empty())
      continue; // of a GPU that does not have it
    Result<Words> out = run(kernel, in);
    ASSERT_TRUE(out) << name << ": " << out.error().str();
    // Sums of tensor cores and the last bits of functions may differ.
    const bool exact = name != "test_math" && name != "test_mma" &&
                       name.find("wgmma") == std::string::npos;
    for (size_t i = 0; i < want.size(); ++i) {
      const auto got = double(std::bit_cast<float>((*out)[i])),
                 gpu = double(std::bit_cast<float>(want[i]));
      const bool close = (*out)[i] == want[i] ||
                         (!exact && std::fabs(got - gpu) <=
                                        1e-4 * std::max(1.0, std::fabs(gpu)));
      ASSERT_TRUE(close) << name << " word " << i << ": " << (*out)[i]
                         << ", a GPU says " << want[i];
    }
  }
}

} // namespace
} // namespace moe::test
