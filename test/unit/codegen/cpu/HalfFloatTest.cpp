//===- HalfFloatTest.cpp - 16-bit floats on every level -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions must agree with runtime/core's, bit for bit, in vectors and
// scalars, where the target has an instruction and where it has none. One
// exception is the hardware's: AVX512-BF16 flushes subnormal numbers to zero.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/runtime/core/DType.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <random>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

struct Case {
  const char *target;
  unsigned lanes; ///< 0: scalars
  const char *type;
};

class HalfFloatTest : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    if (!hostRuns(GetParam().target))
      GTEST_SKIP() << "this host lacks " << GetParam().target;
  }
  DType dtype() const { return *core::dtypeFromName(GetParam().type); }
  bool flushesSubnormals() const {
    return dtype() == DType::BF16 &&
           std::string(GetParam().target).find("avx512_bf16") !=
               std::string::npos;
  }
  CompiledKernel convert(const std::string &from, const std::string &to,
                         const std::string &op) {
    const unsigned lanes = GetParam().lanes;
    auto shaped = [&](const std::string &element) {
      return lanes ? "vector<" + std::to_string(lanes) + "x" + element + ">"
                   : element;
    };
    const std::string body =
        "%y = " + op + " %x : " + shaped(from) + " to " + shaped(to);
    CompiledKernel kernel = compileKernels(
        lanes ? elementwise(lanes, from, to, body) : scalarLoop(from, to, body),
        GetParam().target);
    EXPECT_EQ(kernel.errors, std::vector<std::string>());
    return kernel;
  }
};

std::vector<Case> allCases() {
  std::vector<Case> cases;
  for (const char *target :
       {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+avx512_bf16"})
    for (unsigned lanes : {0, 16})
      for (const char *type : {"bf16", "f16"})
        cases.push_back({target, lanes, type});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Levels, HalfFloatTest, testing::ValuesIn(allCases()),
                         [](const auto &info) {
                           std::string name =
                               std::string(info.param.target) + "_" +
                               (info.param.lanes ? "vector_" : "scalar_") +
                               info.param.type;
                           for (char &c : name)
                             if (!isalnum(c))
                               c = '_';
                           return name;
                         });

std::vector<uint16_t> allHalves() {
  std::vector<uint16_t> all(65536);
  for (unsigned i = 0; i < 65536; ++i)
    all[i] = static_cast<uint16_t>(i);
  return all;
}

TEST_P(HalfFloatTest, EveryValueExtendsExactly) {
  std::vector<uint16_t> x = allHalves();
  std::vector<float> y(x.size());
  CompiledKernel kernel = convert(GetParam().type, "f32", "arith.extf");
  kernel.run({x.data(), y.data()}, {}, x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const auto expected =
        static_cast<float>(core::loadAsDouble(dtype(), x.data(), i));
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(y[i])) << std::hex << x[i];
    else
      ASSERT_EQ(std::bit_cast<uint32_t>(y[i]),
                std::bit_cast<uint32_t>(expected))
          << std::hex << x[i];
  }
}

TEST_P(HalfFloatTest, RoundsToNearestEven) {
  // Every value of the type, its neighbours in f32 and the ties between two of
  // them, then any bits at all.
  std::vector<float> x;
  std::vector<uint16_t> halves = allHalves();
  for (size_t i = 0; i < halves.size(); ++i) {
    const auto value =
        static_cast<float>(core::loadAsDouble(dtype(), halves.data(), i));
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t half = dtype() == DType::BF16 ? 0x8000 : 0x1000;
    for (uint32_t other : {bits, bits - 1, bits + 1, bits + half - 1,
                           bits + half, bits + half + 1})
      x.push_back(std::bit_cast<float>(other));
  }
  std::mt19937 generator(7);
  for (unsigned i = 0; i < 500000; ++i)
    x.push_back(std::bit_cast<float>(static_cast<uint32_t>(generator())));
  std::vector<uint16_t> y(x.size());
  CompiledKernel kernel = convert("f32", GetParam().type, "arith.truncf");
  kernel.run({x.data(), y.data()}, {}, x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    uint16_t expected;
    core::storeFromDouble(dtype(), &expected, 0, x[i]);
    const double got = core::loadAsDouble(dtype(), y.data(), i);
    if (std::isnan(x[i])) {
      ASSERT_TRUE(std::isnan(got)) << std::bit_cast<uint32_t>(x[i]);
      continue;
    }
    if (flushesSubnormals() && std::fpclassify(x[i]) == FP_SUBNORMAL)
      expected = std::signbit(x[i]) ? 0x8000 : 0;
    ASSERT_EQ(y[i], expected) << std::hex << std::bit_cast<uint32_t>(x[i]);
  }
}

TEST_P(HalfFloatTest, ArithmeticRoundsOnceAnOperation) {
  const unsigned lanes = GetParam().lanes;
  const std::string type =
      lanes ? "vector<16x" + std::string(GetParam().type) + ">"
            : GetParam().type;
  const std::string body =
      "%s = arith.mulf %x, %x : " + type + "\n%y = arith.addf %s, %x : " + type;
  CompiledKernel kernel = compileKernels(
      lanes ? elementwise(lanes, GetParam().type, GetParam().type, body)
            : scalarLoop(GetParam().type, GetParam().type, body),
      GetParam().target);
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<uint16_t> x = allHalves(), y(x.size());
  kernel.run({x.data(), y.data()}, {}, x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double value = core::loadAsDouble(dtype(), x.data(), i);
    const double expected =
        core::roundTo(dtype(), core::roundTo(dtype(), value * value) + value);
    if (std::isnan(expected) ||
        (flushesSubnormals() && std::abs(expected) < 0x1p-125))
      continue;
    ASSERT_EQ(core::loadAsDouble(dtype(), y.data(), i), expected)
        << std::hex << x[i];
  }
}

} // namespace
