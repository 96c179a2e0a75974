//===- GpuTest.cpp - What the GPU tests run on ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Flags, and the one thing that is done where NVRTC is: writing the kernels'
// package.
//
//===----------------------------------------------------------------------===//

#include "moe/test/gpu/GpuTest.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/cuda/Nvrtc.h"
#include "moe/test/gpu/Intrinsics.h"

#include "gtest/gtest.h"

#include <cstdio>
#include <string_view>

using namespace moe;
using namespace moe::test;
using core::Result;

GpuTestOptions &moe::test::gpuTestOptions() {
  static GpuTestOptions options;
  return options;
}

Result<std::shared_ptr<const cuda::Device>> moe::test::openTestDevice() {
  Result<std::shared_ptr<const cuda::Driver>> driver =
      cuda::Driver::load(gpuTestOptions().driver);
  if (!driver)
    return driver.takeError();
  return cuda::Device::open(*driver, 0);
}

/// What a machine without NVRTC is given.
static int writeIntrinsics(const std::string &path) {
  Result<cuda::Nvrtc> nvrtc = cuda::Nvrtc::load();
  if (!nvrtc) {
    std::fprintf(stderr, "error: %s\n", nvrtc.error().str().c_str());
    return 1;
  }
  std::string wrong;
  moe::abi::PackageT package =
      intrinsicsPackage([&](const std::string &text, const std::string &arch) {
        Result<cuda::CompiledText> made =
            nvrtc->compile(text, arch, "intrinsics.cu");
        if (!made) {
          wrong = made.error().str() + "\n" + made.error().details;
          return std::string();
        }
        // sin and cos keep a table of pi in local memory.
        for (const std::string &defect : made->report.defects)
          if (!defect.starts_with("test_math:"))
            wrong += defect + "\n";
        return made->cubin;
      });
  if (wrong.empty())
    if (core::Status status =
            core::os::writeFile(path, core::writePackage(package));
        !status)
      wrong = status.error().str();
  if (!wrong.empty())
    std::fprintf(stderr, "error: %s\n", wrong.c_str());
  return wrong.empty() ? 0 : 1;
}

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  GpuTestOptions &options = gpuTestOptions();
  std::string write;
  const std::pair<std::string_view, std::string *> flags[] = {
      {"--driver=", &options.driver},
      {"--target=", &options.target},
      {"--intrinsics=", &options.intrinsics},
      {"--layer=", &options.layer},
      {"--weights=", &options.weights},
      {"--input=", &options.input},
      {"--goldens=", &options.goldens},
      {"--write-goldens=", &options.writeGoldens},
      {"--write-intrinsics=", &write}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    bool known = false;
    for (auto [flag, value] : flags)
      if (argument.starts_with(flag)) {
        *value = argument.substr(flag.size());
        known = true;
      }
    if (!known) {
      std::fprintf(stderr, "moe-gpu-test: unknown argument %s\n", argv[i]);
      return 2;
    }
  }
  return write.empty() ? RUN_ALL_TESTS() : writeIntrinsics(write);
}
