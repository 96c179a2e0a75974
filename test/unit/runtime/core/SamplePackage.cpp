//===- SamplePackage.cpp - A small package made by hand ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See SamplePackage.h.
//
//===----------------------------------------------------------------------===//

#include "moe/test/unit/runtime/core/SamplePackage.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace moe;
using namespace moe::core;

std::unique_ptr<abi::ExprT> test::expr(std::initializer_list<ExprWord> words) {
  auto result = std::make_unique<abi::ExprT>();
  for (ExprWord word : words) {
    result->code.push_back(static_cast<int64_t>(word.op));
    result->code.push_back(word.operand);
  }
  return result;
}

std::unique_ptr<abi::ExprT> test::linear(int64_t factor, int64_t offset) {
  return expr({dim(0), constant(factor), op(abi::ExprOp::Mul), constant(offset),
               op(abi::ExprOp::Add)});
}

std::unique_ptr<abi::ArgT> test::arg(std::string name, DType dtype,
                                     std::vector<int64_t> sizes,
                                     std::vector<int32_t> dims) {
  auto result = std::make_unique<abi::ArgT>();
  result->name = std::move(name);
  result->dtype = static_cast<uint8_t>(dtype);
  result->sizes = std::move(sizes);
  result->dims = std::move(dims);
  return result;
}

template <typename Body>
static std::unique_ptr<abi::StepT> makeStep(Body body) {
  auto result = std::make_unique<abi::StepT>();
  result->body.Set(std::move(body));
  return result;
}
std::unique_ptr<abi::StepT> test::step(abi::LaunchT launch) {
  return makeStep(std::move(launch));
}
std::unique_ptr<abi::StepT> test::step(abi::CopyT copy) {
  return makeStep(std::move(copy));
}
std::unique_ptr<abi::StepT> test::step(abi::CheckT check) {
  return makeStep(std::move(check));
}
std::unique_ptr<abi::StepT> test::step(abi::SwitchT choice) {
  return makeStep(std::move(choice));
}

abi::BufferRef test::input(uint32_t i) { return {abi::BufferKind::Input, i}; }
abi::BufferRef test::output(uint32_t i) { return {abi::BufferKind::Output, i}; }
abi::BufferRef test::slice(uint32_t i) { return {abi::BufferKind::Slice, i}; }
abi::BufferRef test::param(uint32_t i) { return {abi::BufferKind::Param, i}; }

abi::LaunchT test::launch(uint32_t kernel, std::vector<abi::BufferRef> args,
                          int64_t factor, int64_t offset) {
  abi::LaunchT result;
  result.kernel = kernel;
  result.args = std::move(args);
  result.tasks = linear(factor, offset);
  return result;
}

namespace {

constexpr int64_t width = 4;

template <typename T> T *buffer(const moe_kernel_args *args, size_t index) {
  return static_cast<T *>(args->buffers[index]);
}

/// (x, w, h): h = x * w. Through its scratch, to show that it has one.
void scale(const moe_kernel_args *args, uint64_t begin, uint64_t end, uint32_t,
           void *scratch) {
  auto *row = static_cast<float *>(scratch);
  for (uint64_t t = begin; t < end; ++t) {
    for (int64_t i = 0; i < width; ++i)
      row[i] =
          buffer<float>(args, 0)[t * width + i] * buffer<float>(args, 1)[i];
    std::memcpy(buffer<float>(args, 2) + t * width, row, width * sizeof(float));
  }
}

/// (ids, status, count): the first wrong id's position or -1, and T.
void inspect(const moe_kernel_args *args, uint64_t, uint64_t, uint32_t,
             void *) {
  const int64_t tokens = args->dims[0];
  int64_t status = -1;
  for (int64_t t = tokens - 1; t >= 0; --t)
    if (const int32_t id = buffer<int32_t>(args, 0)[t]; id < 0 || id > 2)
      status = t;
  *buffer<int64_t>(args, 1) = status;
  *buffer<int64_t>(args, 2) = tokens;
}

/// (h, ids, bias): h += bias[id].
void addBias(const moe_kernel_args *args, uint64_t begin, uint64_t end,
             uint32_t, void *) {
  for (uint64_t t = begin; t < end; ++t)
    for (int64_t i = 0; i < width; ++i)
      buffer<float>(args, 0)[t * width + i] +=
          buffer<float>(args, 2)[buffer<int32_t>(args, 1)[t] * width + i];
}

/// (h, y): y = h, one element a task.
void move(const moe_kernel_args *args, uint64_t begin, uint64_t end, uint32_t,
          void *) {
  for (uint64_t i = begin; i < end; ++i)
    buffer<float>(args, 1)[i] = buffer<float>(args, 0)[i];
}

/// (h, sums).
void sum(const moe_kernel_args *args, uint64_t begin, uint64_t end, uint32_t,
         void *) {
  for (uint64_t t = begin; t < end; ++t) {
    float total = 0;
    for (int64_t i = 0; i < width; ++i)
      total += buffer<float>(args, 0)[t * width + i];
    buffer<float>(args, 1)[t] = total;
  }
}

/// (source, packed): twice the unit's row.
void pack(const moe_kernel_args *args, uint64_t begin, uint64_t end, uint32_t,
          void *) {
  for (uint64_t i = begin; i < end; ++i) {
    float value;
    std::memcpy(&value, buffer<char>(args, 0) + i * sizeof(float),
                sizeof(float));
    buffer<float>(args, 1)[i] = 2 * value;
  }
}

constexpr moe_kernel_fn functions[] = {scale, inspect, addBias,
                                       move,  sum,     pack};

#if defined(__x86_64__)
constexpr const char *hostArch = "x86_64";
// movabs $target, %rax; jmp *%rax
constexpr std::array<uint8_t, 2> before{0x48, 0xb8}, after{0xff, 0xe0};
#elif defined(__aarch64__)
constexpr const char *hostArch = "aarch64";
// ldr x16, 8; br x16; target
constexpr std::array<uint8_t, 8> before{0x50, 0x00, 0x00, 0x58,
                                        0x00, 0x02, 0x1f, 0xd6};
constexpr std::array<uint8_t, 0> after{};
#endif

/// Code that goes on in a function of this process: an image like any other,
/// whose kernels a debugger and a sanitizer see.
size_t appendJump(std::vector<uint8_t> &code, moe_kernel_fn target) {
  const auto address = reinterpret_cast<uint64_t>(target);
  code.insert(code.end(), before.begin(), before.end());
  for (int i = 0; i < 8; ++i)
    code.push_back(static_cast<uint8_t>(address >> (8 * i)));
  code.insert(code.end(), after.begin(), after.end());
  const size_t size = before.size() + 8 + after.size();
  code.resize((code.size() + 15) / 16 * 16);
  return size;
}

std::unique_ptr<abi::SourceT> source(std::string pattern, bool perExpert) {
  auto result = std::make_unique<abi::SourceT>();
  result->pattern = std::move(pattern);
  result->dtype = static_cast<uint8_t>(DType::F32);
  result->stored_shape = {width};
  result->per_expert = perExpert;
  result->shape = {width};
  result->strides = {1};
  return result;
}

std::unique_ptr<abi::ProgramT> layer() {
  using namespace test;
  auto program = std::make_unique<abi::ProgramT>();
  program->name = "layer";
  auto tokens = std::make_unique<abi::DimT>();
  tokens->name = "T";
  tokens->bound = 1000;
  program->dims.push_back(std::move(tokens));
  program->inputs.push_back(
      arg("hidden_states", DType::F32, {-1, width}, {0, -1}));
  program->inputs.push_back(arg("ids", DType::I32, {-1}, {0}));
  program->outputs.push_back(
      arg("hidden_states", DType::F32, {-1, width}, {0, -1}));
  program->outputs.push_back(arg("sums", DType::F32, {-1}, {0}));

  // 128 bytes for status and count, then h.
  program->workspace = linear(16, 128);
  for (auto [offset, factor, bytes] :
       {std::array<int64_t, 3>{0, 0, 8}, {64, 0, 8}, {128, 16, 0}}) {
    auto slice = std::make_unique<abi::SliceT>();
    slice->offset = linear(0, offset);
    slice->bytes = linear(factor, bytes);
    program->slices.push_back(std::move(slice));
  }

  program->steps = std::make_unique<abi::StepListT>();
  auto &steps = program->steps->steps;
  steps.push_back(step(launch(1, {input(1), slice(0), slice(1)}, 0, 1)));
  abi::CheckT check;
  check.status = std::make_unique<abi::BufferRef>(slice(0));
  check.id = static_cast<uint16_t>(ErrorId::IdOutOfRange);
  steps.push_back(step(std::move(check)));
  steps.push_back(step(launch(0, {input(0), param(0), slice(2)}, 1)));
  steps.push_back(step(launch(2, {slice(2), input(1), param(1)}, 1)));

  abi::SwitchT choice;
  choice.dim = 0;
  choice.buckets = {8};
  auto small = std::make_unique<abi::StepListT>();
  abi::LaunchT moves;
  moves.kernel = 3;
  moves.args = {slice(2), output(0)};
  moves.count = std::make_unique<abi::BufferRef>(slice(1));
  moves.multiplier = width;
  small->steps.push_back(step(std::move(moves)));
  auto large = std::make_unique<abi::StepListT>();
  abi::CopyT copy;
  copy.source = std::make_unique<abi::BufferRef>(slice(2));
  copy.target = std::make_unique<abi::BufferRef>(output(0));
  copy.bytes = linear(16);
  large->steps.push_back(step(std::move(copy)));
  choice.cases.push_back(std::move(small));
  choice.cases.push_back(std::move(large));
  steps.push_back(step(std::move(choice)));

  steps.push_back(step(launch(4, {slice(2), output(1)}, 1)));
  return program;
}

} // namespace

abi::PackageT test::samplePackage() {
  auto variant = std::make_unique<abi::VariantT>();
  variant->target = "scalar";
  auto image = std::make_unique<abi::CodeT>();
  image->kind = abi::CodeKind::CpuImage;
  image->arch = hostArch;
  const char *const names[] = {"scale_scalar",    "inspect_scalar",
                               "add_bias_scalar", "move_scalar",
                               "sum_scalar",      "pack_scalar"};
  for (size_t i = 0; i < std::size(names); ++i) {
    auto kernel = std::make_unique<abi::KernelT>();
    kernel->name = names[i];
    kernel->entry = image->bytes.size();
    kernel->scratch = i == 0 ? width * sizeof(float) : 0;
    kernel->size = appendJump(image->bytes, functions[i]);
    variant->kernels.push_back(std::move(kernel));
  }
  variant->code.push_back(std::move(image));
  auto w = std::make_unique<abi::ParamT>();
  w->name = "w";
  w->bytes = width * sizeof(float);
  w->units = 1;
  w->sources.push_back(source("layer.w", false));
  w->dtype = static_cast<uint8_t>(DType::F32);
  w->shape = {width};
  variant->params.push_back(std::move(w));
  auto bias = std::make_unique<abi::ParamT>();
  bias->name = "bias";
  bias->bytes = 3 * width * sizeof(float);
  bias->units = 3;
  bias->kernel = 5;
  bias->tasks = width;
  bias->sources.push_back(source("layer.e.{e}.bias", true));
  bias->dtype = static_cast<uint8_t>(DType::U8);
  bias->shape = {static_cast<int64_t>(bias->bytes)};
  variant->params.push_back(std::move(bias));
  variant->programs.push_back(layer());

  abi::PackageT package;
  package.build_id = "test";
  package.ir = "func.func @layer()";
  package.decisions = "[]";
  package.variants.push_back(std::move(variant));
  return package;
}

std::shared_ptr<const KernelCode> test::sampleKernels() {
  auto code = std::make_shared<KernelCode>();
  code->functions.assign(std::begin(functions), std::end(functions));
  return code;
}

std::shared_ptr<const Package> test::open(const abi::PackageT &package) {
  Result<std::shared_ptr<const Package>> opened =
      Package::fromBytes(writePackage(package), "sample.moe");
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().str().c_str());
    std::abort();
  }
  return *opened;
}

std::shared_ptr<const Program> test::sampleProgram() {
  Result<std::shared_ptr<const Program>> program =
      Program::create(open(samplePackage()), 0, "", sampleKernels());
  if (!program) {
    std::fprintf(stderr, "%s\n", program.error().str().c_str());
    std::abort();
  }
  return *program;
}
