//===- Intrinsics.cpp - The kernels of intrinsics.cu ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Expectations are written from the instruction set's definition: fragments by
// their formula, arithmetic in double, conversions by runtime/core's.
//
//===----------------------------------------------------------------------===//

#include "moe/test/gpu/Intrinsics.h"
#include "moe/codegen/cuda/device/DeviceText.h"
#include "moe/runtime/core/DType.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

/// SplitMix64.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint32_t word() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return static_cast<uint32_t>((z ^ z >> 31) >> 16);
  }
  /// In [-limit, limit), with zeros and whole numbers among them.
  float number(float limit) {
    const float value = (static_cast<float>(word() >> 8) / 0x1p23f - 1) * limit;
    return word() % 8 == 0 ? std::trunc(value) : value;
  }

private:
  uint64_t state;
};

Words words(size_t count, uint64_t seed) {
  Random random(seed);
  Words made(count);
  for (uint32_t &word : made)
    word = random.word();
  return made;
}

/// Pairs of bf16 in [-1, 1).
Words halves(size_t count, uint64_t seed) {
  Random random(seed);
  Words made(count);
  auto *out = reinterpret_cast<uint16_t *>(made.data());
  for (size_t i = 0; i < 2 * count; ++i)
    core::storeFromDouble(DType::BF16, out, i, double(random.number(1)));
  return made;
}

float asFloat(uint32_t word) { return std::bit_cast<float>(word); }

double halfAt(const Words &words, size_t index) {
  return core::loadAsDouble(DType::BF16, words.data(), index);
}

std::string differs(const std::string &what, double got, double want) {
  return what + " is " + std::to_string(got) + ", expected " +
         std::to_string(want);
}

std::string place(size_t index) { return "word " + std::to_string(index); }

/// All words, exactly.
std::string same(const Words &got, const Words &want) {
  for (size_t i = 0; i < want.size(); ++i)
    if (got[i] != want[i])
      return differs(place(i), got[i], want[i]);
  return "";
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

struct Function {
  const char *name;
  /// Units in the last place of f32 that CUDA lets it be wrong.
  double ulps;
  double (*value)(float x, float y);
};
constexpr Function functions[] = {
    {"atan", 2, [](float x, float) { return std::atan(double(x)); }},
    {"cos", 2, [](float x, float) { return std::cos(double(x)); }},
    {"erf", 2, [](float x, float) { return std::erf(double(x)); }},
    {"exp", 2, [](float x, float) { return std::exp(double(x)); }},
    {"exp2", 2, [](float x, float) { return std::exp2(double(x)); }},
    {"expm1", 2, [](float x, float) { return std::expm1(double(x)); }},
    {"log", 2, [](float x, float) { return std::log(std::fabs(double(x))); }},
    {"log1p", 2,
     [](float x, float) { return std::log1p(std::fabs(double(x))); }},
    {"log2", 2, [](float x, float) { return std::log2(std::fabs(double(x))); }},
    {"pow", 9,
     [](float x, float y) {
       return std::pow(std::fabs(double(x)), double(y));
     }},
    {"rsqrt", 2,
     [](float x, float) { return 1 / std::sqrt(std::fabs(double(x))); }},
    {"sin", 2, [](float x, float) { return std::sin(double(x)); }},
    {"tanh", 2, [](float x, float) { return std::tanh(double(x)); }},
    {"abs", 0, [](float x, float) { return double(std::fabs(x)); }},
    {"ceil", 0, [](float x, float) { return double(std::ceil(x)); }},
    {"copySign", 0,
     [](float x, float y) { return double(std::copysign(x, y)); }},
    {"floor", 0, [](float x, float) { return double(std::floor(x)); }},
    {"fma", 0, [](float x, float y) { return double(std::fma(x, y, x)); }},
    {"remainder", 0, [](float x, float y) { return double(std::fmod(x, y)); }},
    {"round", 0, [](float x, float) { return double(std::round(x)); }},
    {"roundEven", 0, [](float x, float) { return double(std::nearbyint(x)); }},
    {"sqrt", 0, [](float x, float) { return double(std::sqrt(std::fabs(x))); }},
    {"trunc", 0, [](float x, float) { return double(std::trunc(x)); }},
    {"maximum", 0, [](float x, float y) { return double(std::fmax(x, y)); }},
    {"minimum", 0, [](float x, float y) { return double(std::fmin(x, y)); }},
    {"maxNum", 0, [](float x, float y) { return double(std::fmax(x, y)); }},
    {"minNum", 0, [](float x, float y) { return double(std::fmin(x, y)); }}};

Words mathInput() {
  Random random(1);
  Words made(512);
  for (uint32_t &word : made)
    word = std::bit_cast<uint32_t>(random.number(8));
  return made;
}

std::string checkMath(const Words &in, const Words &out) {
  for (size_t t = 0; t < 256; ++t)
    for (size_t f = 0; f < std::size(functions); ++f) {
      const float x = asFloat(in[t]), y = asFloat(in[256 + t]);
      const double want = functions[f].value(x, y);
      const float got = asFloat(out[t * std::size(functions) + f]);
      // A step of the result's binade, at least of the smallest normal one.
      const double step =
          std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
      const bool close =
          std::isnan(want)   ? std::isnan(got)
          : std::isinf(want) ? double(got) == want
          : want == 0 || functions[f].ulps == 0
              ? got == static_cast<float>(want)
              : std::fabs(double(got) - want) <= functions[f].ulps * step;
      if (!close)
        return differs(std::string(functions[f].name) + "(" +
                           std::to_string(x) + ", " + std::to_string(y) + ")",
                       double(got), want);
    }
  return "";
}

std::string checkConvert(const Words &in, const Words &out) {
  constexpr DType wide[] = {DType::BF16, DType::F16, DType::F8E4M3,
                            DType::F8E5M2, DType::F8E8M0};
  for (size_t t = 0; t < 256; ++t) {
    const uint32_t *got = out.data() + t * 7;
    for (size_t i = 0; i < std::size(wide); ++i) {
      const double want = core::loadAsDouble(wide[i], &in[t], 0);
      const float value = asFloat(got[i]);
      if (std::isnan(want) ? !std::isnan(value) : double(value) != want)
        return differs("widened " + std::string(core::name(wide[i])) + " of " +
                           place(t),
                       double(value), want);
    }
    for (size_t i = 0; i < 2; ++i) {
      uint16_t want = 0;
      const float value = asFloat(in[t]);
      const DType to = i == 0 ? DType::BF16 : DType::F16;
      core::storeFromDouble(to, &want, 0, double(value));
      const double back = core::loadAsDouble(to, &got[5 + i], 0);
      if (std::isnan(value) ? !std::isnan(back) : got[5 + i] != want)
        return differs("narrowed " + std::string(core::name(to)) + " of " +
                           place(t),
                       got[5 + i], want);
    }
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Warps and memory
//===----------------------------------------------------------------------===//

std::string checkWarp(const Words &in, const Words &out) {
  Words want;
  uint32_t votes = 0;
  for (uint32_t lane = 0; lane < 32; ++lane)
    votes |= (in[lane] & 1) << lane;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t word = in[lane];
    want.insert(want.end(), {in[lane ^ 5], in[lane < 3 ? lane : lane - 3],
                             in[word >> 3 & 31], votes,
                             static_cast<uint32_t>(std::popcount(word)),
                             static_cast<uint32_t>(std::countr_zero(word)),
                             lane ^ 16, in[lane ^ 16]});
  }
  return same(out, want);
}

std::string checkShared(const Words &in, const Words &out) {
  Words want;
  uint32_t sum = 0;
  for (uint32_t word : in)
    sum += word & 0xff;
  for (uint32_t t = 0; t < 128; ++t) {
    const uint32_t word = in[t ^ 127];
    want.insert(want.end(), {sum, word & 0xff, word & 0xffff, word, word,
                             word + 1, word, word + 1, word + 2, word + 3});
  }
  return same(out, want);
}

std::string checkBarriers(const Words &in, const Words &out) {
  Words want(64);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    want[lane] = in[31 - lane] + 1;
    want[32 + lane] = in[lane];
  }
  return same(out, want);
}

std::string checkAtomics(const Words &in, const Words &out) {
  uint64_t wide = 0;
  uint32_t sum = 0;
  int32_t least = INT32_MAX;
  for (uint32_t word : in) {
    sum += word;
    wide += uint64_t(word) * 3;
    least = std::min(least, static_cast<int32_t>(word));
  }
  return same(out,
              {sum, static_cast<uint32_t>(least), static_cast<uint32_t>(wide),
               static_cast<uint32_t>(wide >> 32)});
}

std::string checkCopies(const Words &in, const Words &out) {
  Words want = in;
  for (uint32_t t = 0; t < 32; ++t) {
    if (t % 3 == 0)
      std::fill_n(want.begin() + 4 * t, 4, 0);
    if (t % 3 == 1)
      std::fill_n(want.begin() + 128 + 2 * t, 2, 0);
    if (t % 3 == 2)
      want[192 + t] = 0;
  }
  return same(out, want);
}

std::string checkPhases(const Words &in, const Words &out) {
  Words want(64);
  for (uint32_t t = 32; t < 64; ++t)
    for (uint32_t phase = 0; phase < 3; ++phase)
      want[t] = want[t] * 3 + in[63 - t] + phase;
  return same(out, want);
}

std::string checkRegisters(const Words &in, const Words &out) {
  Words want(384);
  for (uint32_t t = 0; t < 384; ++t)
    want[t] = in[t % 128] + (t < 128 ? 1 : t);
  return same(out, want);
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

/// `got` against a sum of products whose absolute values sum to `size`.
/// Tensor cores align what they add to the largest and cut it off.
bool isSum(float got, double want, double size) {
  return std::fabs(double(got) - want) <= size * 0x1p-18;
}

Words mmaInput() {
  Words made = halves(192, 2);
  Random random(3);
  for (int i = 0; i < 128; ++i)
    made.push_back(std::bit_cast<uint32_t>(random.number(4)));
  return made;
}

std::string checkMma(const Words &in, const Words &out) {
  for (uint32_t lane = 0; lane < 32; ++lane) {
    const uint32_t *got = out.data() + lane * 8;
    for (uint32_t i = 0; i < 4; ++i) {
      // Fragment i of a: rows 8 (i % 2), columns 8 (i / 2) and on.
      const uint32_t row = lane / 4 + i % 2 * 8;
      const uint32_t want = in[row * 8 + lane % 4 + i / 2 * 4];
      if (got[i] != want)
        return differs("a's fragment of lane " + std::to_string(lane), got[i],
                       want);
    }
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      double sum = double(asFloat(in[192 + lane * 4 + i])),
             size = std::fabs(sum);
      for (uint32_t k = 0; k < 16; ++k) {
        const double product =
            halfAt(in, row * 16 + k) * halfAt(in, 256 + column * 16 + k);
        sum += product;
        size += std::fabs(product);
      }
      if (!isSum(asFloat(got[4 + i]), sum, size))
        return differs("c[" + std::to_string(row) + ", " +
                           std::to_string(column) + "]",
                       double(asFloat(got[4 + i])), sum);
    }
  }
  return "";
}

std::string checkTensorCopies(const Words &in, const Words &out) {
  constexpr uint32_t rows = 40, columns = 96;
  constexpr uint32_t corners[][2] = {{16, 5}, {64, 0}, {0, 32}};
  const auto *got = reinterpret_cast<const uint16_t *>(out.data());
  const auto *stored = reinterpret_cast<const uint16_t *>(in.data());
  for (uint32_t box = 0; box < 3; ++box)
    for (uint32_t r = 0; r < 16; ++r)
      for (uint32_t c = 0; c < 64; ++c) {
        const uint32_t x = corners[box][0] + c, y = corners[box][1] + r;
        const uint16_t want =
            x < columns && y < rows ? stored[y * columns + x] : 0;
        const uint32_t at = box * 1024 + r * 64 + ((c / 8) ^ r % 8) * 8 + c % 8;
        if (got[at] != want)
          return differs("box " + std::to_string(box) + " at [" +
                             std::to_string(r) + ", " + std::to_string(c) + "]",
                         got[at], want);
      }
  return "";
}

std::string checkWgmma(uint32_t n, const Words &in, const Words &out) {
  for (uint32_t t = 0; t < 128; ++t)
    for (uint32_t i = 0; i < n / 2; ++i) {
      const uint32_t row = t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8;
      const uint32_t column = i / 4 * 8 + t % 4 * 2 + i % 2;
      double sum = 0, size = 0;
      for (uint32_t k = 0; k < 64; ++k) {
        const double product =
            halfAt(in, row * 64 + k) * halfAt(in, (64 + column) * 64 + k);
        sum += product;
        size += std::fabs(product);
      }
      const float got = asFloat(out[t * (n / 2) + i]);
      if (!isSum(got, sum, size))
        return differs("d[" + std::to_string(row) + ", " +
                           std::to_string(column) + "]",
                       double(got), sum);
    }
  return "";
}

std::vector<IntrinsicKernel> makeKernels() {
  auto random = [](size_t count, uint64_t seed) {
    return [=] { return words(count, seed); };
  };
  std::vector<IntrinsicKernel> list{
      {"test_math", 256, 0, 512, 256 * std::size(functions), false, false,
       mathInput, checkMath},
      {"test_convert", 256, 0, 256, 256 * 7, false, false, random(256, 4),
       checkConvert},
      {"test_warp", 32, 0, 32, 32 * 8, false, false, random(32, 5), checkWarp},
      {"test_shared", 128, 4096, 128, 128 * 10, false, false, random(128, 6),
       checkShared},
      {"test_barriers", 64, 512, 32, 64, false, false, random(32, 7),
       checkBarriers},
      {"test_atomics", 128, 0, 128, 4, false, false, random(128, 8),
       checkAtomics},
      {"test_copies", 32, 1024, 224, 224, false, false, random(224, 9),
       checkCopies},
      {"test_mma", 32, 1024, 320, 32 * 8, false, false, mmaInput, checkMma},
      {"test_tensor_copies", 32, 8192, 40 * 48, 3 * 512, true, true,
       random(40 * 48, 10), checkTensorCopies},
      {"test_phases", 64, 512, 32, 64, true, false, random(32, 11),
       checkPhases},
      {"test_registers", 384, 0, 128, 384, true, false, random(128, 12),
       checkRegisters}};
  static constexpr const char *names[] = {
      "test_wgmma_32",  "test_wgmma_64",  "test_wgmma_96",  "test_wgmma_128",
      "test_wgmma_160", "test_wgmma_192", "test_wgmma_224", "test_wgmma_256"};
  for (uint32_t i = 0; i < std::size(names); ++i) {
    const uint32_t n = 32 * (i + 1);
    const size_t count = (64 + n) * 32;
    list.push_back({names[i], 128, 1024 + (64 + n) * 128, count, 64 * n, true,
                    false, [=] { return halves(count, 13 + i); },
                    [=](const Words &in, const Words &out) {
                      return checkWgmma(n, in, out);
                    }});
  }
  return list;
}

//===----------------------------------------------------------------------===//
// The package
//===----------------------------------------------------------------------===//

std::unique_ptr<abi::ExprT> number(int64_t value) {
  auto made = std::make_unique<abi::ExprT>();
  made->code = {static_cast<int64_t>(abi::ExprOp::Constant), value};
  return made;
}

std::unique_ptr<abi::ArgT> arrayOf(const char *name, size_t words) {
  auto made = std::make_unique<abi::ArgT>();
  made->name = name;
  made->dtype = static_cast<uint8_t>(DType::I32);
  made->sizes = {static_cast<int64_t>(words)};
  made->dims = {-1};
  return made;
}

void addKernel(const IntrinsicKernel &kernel, abi::VariantT &variant) {
  auto table = std::make_unique<abi::KernelT>();
  table->name = kernel.name;
  table->cuda = std::make_unique<abi::CudaLaunchT>();
  table->cuda->block = kernel.threads;
  table->cuda->smem = kernel.sharedBytes;
  if (kernel.tensorMap) {
    auto map = std::make_unique<abi::TensorMapT>();
    map->dtype = static_cast<uint8_t>(DType::BF16);
    map->sizes.push_back(number(96));
    map->sizes.push_back(number(40));
    map->strides.push_back(number(192));
    map->box = {64, 16};
    map->swizzle = 128;
    table->cuda->tensor_maps.push_back(std::move(map));
  }
  auto program = std::make_unique<abi::ProgramT>();
  program->name = kernel.name;
  program->inputs.push_back(arrayOf("in", kernel.in));
  program->outputs.push_back(arrayOf("out", kernel.out));
  program->workspace = number(0);
  abi::LaunchT launch;
  launch.kernel = static_cast<uint32_t>(variant.kernels.size());
  launch.args = {{abi::BufferKind::Input, 0}, {abi::BufferKind::Output, 0}};
  launch.tasks = number(1);
  auto step = std::make_unique<abi::StepT>();
  step->body.Set(std::move(launch));
  program->steps = std::make_unique<abi::StepListT>();
  program->steps->steps.push_back(std::move(step));
  variant.kernels.push_back(std::move(table));
  variant.programs.push_back(std::move(program));
}

} // namespace

const std::vector<IntrinsicKernel> &moe::test::intrinsicKernels() {
  static const std::vector<IntrinsicKernel> list = makeKernels();
  return list;
}

std::string moe::test::intrinsicsText(std::string_view arch) {
  std::string text;
  for (const char *name : {"sizes.cuh", "types.cuh", "intrinsics.cuh"})
    text += getDeviceText(name);
  text += getGpuTestText("intrinsics.cu");
  if (arch == "sm_90a")
    text += getGpuTestText("intrinsics_sm90.cu");
  return text;
}

abi::PackageT moe::test::intrinsicsPackage(
    const std::function<std::string(const std::string &text,
                                    const std::string &arch)> &compile) {
  abi::PackageT package;
  package.build_id = "intrinsics";
  for (const char *arch : {"sm_80", "sm_90a"}) {
    auto variant = std::make_unique<abi::VariantT>();
    variant->target = arch;
    for (const IntrinsicKernel &kernel : intrinsicKernels())
      if (!kernel.sm90 || variant->target == "sm_90a")
        addKernel(kernel, *variant);
    const std::string text = intrinsicsText(arch);
    auto add = [&](abi::CodeKind kind, const std::string &bytes) {
      auto code = std::make_unique<abi::CodeT>();
      code->kind = kind;
      code->arch = arch;
      code->bytes.assign(bytes.begin(), bytes.end());
      variant->code.push_back(std::move(code));
    };
    if (std::string cubin = compile(text, arch); !cubin.empty())
      add(abi::CodeKind::Cubin, cubin);
    add(abi::CodeKind::CudaText, text);
    package.variants.push_back(std::move(variant));
  }
  return package;
}
