//===- CudaSample.cpp - The sample package for a GPU ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See CudaSample.h.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/cuda/CudaSample.h"
#include "moe/runtime/cuda/DevicePacker.h"

#include <cstdio>

using namespace moe;
using namespace moe::core;

std::unique_ptr<abi::CodeT> test::code(abi::CodeKind kind, std::string arch,
                                       std::string bytes) {
  auto made = std::make_unique<abi::CodeT>();
  made->kind = kind;
  made->arch = std::move(arch);
  made->bytes.assign(bytes.begin(), bytes.end());
  return made;
}

abi::PackageT test::cudaSamplePackage() {
  abi::PackageT package = samplePackage();
  abi::VariantT &variant = *package.variants[0];
  variant.target = "sm_80";
  variant.code.clear();
  variant.code.push_back(code(abi::CodeKind::Ptx, "sm_80", "ptx of sample"));
  for (std::unique_ptr<abi::KernelT> &kernel : variant.kernels) {
    kernel->name.replace(kernel->name.find("scalar"), 6, "sm_80");
    kernel->entry = kernel->scratch = 0;
    kernel->cuda = std::make_unique<abi::CudaLaunchT>();
    kernel->cuda->block = 32;
  }
  abi::CudaLaunchT &scale = *variant.kernels[0]->cuda;
  scale.block = 128;
  scale.smem = 100000;
  scale.persistent = true;
  auto map = std::make_unique<abi::TensorMapT>();
  map->arg = 0;
  map->dtype = static_cast<uint8_t>(DType::F32);
  map->sizes.push_back(linear(0, 4));
  map->sizes.push_back(linear(1));
  map->strides.push_back(linear(0, 16));
  map->box = {4, 8};
  map->swizzle = 128;
  scale.tensor_maps.push_back(std::move(map));
  variant.kernels[3]->cuda->cluster = 2;
  // A count that is read back is for CPUs.
  for (std::unique_ptr<abi::StepT> &step : variant.programs[0]->steps->steps)
    if (abi::SwitchT *choice = step->body.AsSwitch()) {
      abi::LaunchT &moves = *choice->cases[0]->steps[0]->body.AsLaunch();
      moves.count = nullptr;
      moves.multiplier = 1;
      moves.tasks = linear(4);
    }
  return package;
}

const char *test::fakeDriverPath(bool loadsTexts) {
  return loadsTexts ? MOEC_FAKE_CUDASIM : MOEC_FAKE_CUDA;
}

test::FakeCuda &test::fakeCuda(bool loadsTexts) {
  Result<os::Library> library = os::Library::open(fakeDriverPath(loadsTexts));
  if (!library) {
    std::fprintf(stderr, "%s\n", library.error().str().c_str());
    std::abort();
  }
  FakeCuda &fake =
      *reinterpret_cast<FakeCudaEntry>(library->symbol("fake_cuda"))();
  const size_t allocated = fake.allocated, allocations = fake.allocations,
               pinned = fake.pinned;
  fake = FakeCuda();
  fake.allocated = allocated;
  fake.allocations = allocations;
  fake.pinned = pinned;
  return fake;
}

template <typename T> static T valueOf(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().str().c_str());
    std::abort();
  }
  return *std::move(result);
}

test::CudaSample::CudaSample(const abi::PackageT &table)
    : package(test::open(table)) {
  device = valueOf(
      cuda::Device::open(valueOf(cuda::Driver::load(fakeDriverPath())), 0));
  module = valueOf(cuda::Module::load(package, device, ""));
  program =
      valueOf(Program::create(package, module->variantIndex(), "", nullptr));
  SampleWeights weights;
  ThreadPool pool;
  BindOptions options{pool.executor(), 2, {}};
  options.packer = cuda::devicePacker(module);
  bound = valueOf(
      core::bind(program, namedWeights(weights.tensors()).get(), options));
}

std::unique_ptr<cuda::Workspace>
test::CudaSample::workspace(int64_t tokens, bool poison) const {
  WorkspaceSize size =
      valueOf(program->workspaceSize(std::vector<int64_t>{tokens}, 1));
  return valueOf(cuda::Workspace::create(*module, size, poison));
}
