//===- PackKernelTest.cpp - Weights into panels ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Panels are compared with the layout's definition, bit for bit: decoding a
// stored weight rounds once.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/runtime/reference/Experts.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

constexpr const char *host = "x86-64-v2";

/// Panels of one unit whose element (side, expert, n, k) is `at`.
template <typename Fn>
void expectPanels(const Buffer &packed, DType dtype, int64_t experts, int64_t n,
                  int64_t k, int64_t sides, int64_t columns, Fn &&at) {
  const int64_t size = static_cast<int64_t>(core::byteSize(dtype));
  const int64_t panels = (n + columns - 1) / columns;
  const int64_t bytes = (panels * k * sides * columns * size + 63) / 64 * 64;
  ASSERT_EQ(static_cast<int64_t>(packed.size()), experts * bytes);
  std::vector<bool> seen(packed.size(), false);
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t p = 0; p < panels; ++p)
      for (int64_t kk = 0; kk < k; ++kk)
        for (int64_t s = 0; s < sides; ++s)
          for (int64_t j = 0; j < columns; ++j) {
            int64_t line = ((p * k + kk) * sides + s) * columns + j;
            int64_t place = e * bytes + line * size;
            double want =
                p * columns + j < n ? at(s, e, p * columns + j, kk) : 0.0;
            double got = core::loadAsDouble(
                dtype, static_cast<const uint8_t *>(packed.data()) + place, 0);
            ASSERT_EQ(got, want) << "side " << s << " expert " << e << " n "
                                 << p * columns + j << " k " << kk;
            for (int64_t b = 0; b < size; ++b)
              seen[place + b] = true;
          }
  for (size_t i = 0; i < seen.size(); ++i)
    if (!seen[i]) {
      ASSERT_EQ(packed.raw()[i], 0) << "byte " << i << " is padding";
    }
}

TEST(PackKernelTest, TwoTensorsOfAllExperts) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @pack(%a: tensor<3x19x7xbf16>, %b: tensor<3x19x7xbf16>)
        -> !moe.packed<#moe_cpu.panels<columns = 8>, 3x19x7xbf16, 3x19x7xbf16>
        attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>,
                    affine_map<() -> ()>, affine_map<() -> ()>]} {
      %p = moe.pack %a, %b : tensor<3x19x7xbf16>, tensor<3x19x7xbf16>
          -> !moe.packed<#moe_cpu.panels<columns = 8>, 3x19x7xbf16, 3x19x7xbf16>
      moe_exec.return %p
          : !moe.packed<#moe_cpu.panels<columns = 8>, 3x19x7xbf16, 3x19x7xbf16>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(1);
  const size_t count = 3 * 19 * 7;
  Buffer a(DType::BF16, randomValues(DType::BF16, count, random)),
      b(DType::BF16, randomValues(DType::BF16, count, random)),
      packed(DType::U8, size_t(3 * 704));
  kernels.run("pack", {&a, &b, &packed}, {}, random);
  expectPanels(packed, DType::BF16, 3, 19, 7, 2, 8,
               [&](int64_t s, int64_t e, int64_t n, int64_t k) {
                 return (s ? b : a)[(e * 19 + n) * 7 + k];
               });
}

TEST(PackKernelTest, StridedSourceOfOneExpert) {
  // Every second row of a stored [K, 2N]: strides of a fused, transposed pair.
  LoweredKernels kernels(R"(
    moe_exec.kernel @pack(%a: tensor<5x6xf32>
          {moe_exec.strides = array<i64: 2, 10>})
        -> !moe.packed<#moe_cpu.panels<columns = 4>, 5x6xf16>
        attributes {num_dims = 0 : i64,
                    sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
      %h = arith.truncf %a : tensor<5x6xf32> to tensor<5x6xf16>
      %p = moe.pack %h : tensor<5x6xf16>
          -> !moe.packed<#moe_cpu.panels<columns = 4>, 5x6xf16>
      moe_exec.return %p : !moe.packed<#moe_cpu.panels<columns = 4>, 5x6xf16>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(2);
  Buffer a(DType::F32, randomValues(DType::F32, 60, random)),
      packed(DType::U8, size_t(128));
  kernels.run("pack", {&a, &packed}, {}, random);
  expectPanels(packed, DType::F16, 1, 5, 6, 1, 4,
               [&](int64_t, int64_t, int64_t n, int64_t k) {
                 return core::roundTo(DType::F16, a[2 * n + 10 * k]);
               });
}

TEST(PackKernelTest, Fp8Blocks) {
  for (DType result : {DType::F32, DType::BF16, DType::F16}) {
    const std::string r(core::name(result));
    const std::string packedType =
        "!moe.packed<#moe_cpu.panels<columns = 8>, 37x50x" + r + ">";
    LoweredKernels kernels(
        "moe_exec.kernel @pack(%c: tensor<37x50xf8E4M3FN>, %s: "
        "tensor<3x4xf32>) -> " +
            packedType +
            " attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, "
            "affine_map<() -> ()>, affine_map<() -> ()>]} {\n"
            "  %w = moe.dequantize fp8_block %c, %s block [16, 15] : "
            "tensor<37x50xf8E4M3FN>, tensor<3x4xf32> -> tensor<37x50x" +
            r + ">\n  %p = moe.pack %w : tensor<37x50x" + r + "> -> " +
            packedType + "\n  moe_exec.return %p : " + packedType + "\n}\n",
        host);
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    std::mt19937 random(3);
    Buffer codes(DType::F8E4M3, size_t(37 * 50));
    for (size_t i = 0; i < codes.size(); ++i) {
      auto byte = static_cast<uint8_t>(random());
      // Every code but NaN, which is compared apart below.
      static_cast<uint8_t *>(codes.data())[i] =
          (byte & 0x7f) == 0x7f ? 0 : byte;
    }
    Buffer scales(DType::F32, randomValues(DType::F32, 12, random)),
        packed(DType::U8,
               size_t((5 * 50 * 8 * core::byteSize(result) + 63) / 64 * 64));
    kernels.run("pack", {&codes, &scales, &packed}, {}, random);
    expectPanels(packed, result, 1, 37, 50, 1, 8,
                 [&](int64_t, int64_t, int64_t n, int64_t k) {
                   return core::roundTo(
                       result, codes[n * 50 + k] * scales[n / 16 * 4 + k / 15]);
                 });
  }
}

/// Products that would round to another number if they were rounded to f32
/// first.
TEST(PackKernelTest, DecodingRoundsOnce) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @pack(%c: tensor<1x32xf8E4M3FN>, %s: tensor<1x32xf32>)
        -> !moe.packed<#moe_cpu.panels<columns = 1>, 1x32xbf16>
        attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>,
                    affine_map<() -> ()>, affine_map<() -> ()>]} {
      %w = moe.dequantize fp8_block %c, %s block [1, 1]
          : tensor<1x32xf8E4M3FN>, tensor<1x32xf32> -> tensor<1x32xbf16>
      %p = moe.pack %w : tensor<1x32xbf16>
          -> !moe.packed<#moe_cpu.panels<columns = 1>, 1x32xbf16>
      moe_exec.return %p : !moe.packed<#moe_cpu.panels<columns = 1>, 1x32xbf16>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(9);
  Buffer codes(DType::F8E4M3, size_t(32)), scales(DType::F32, size_t(32)),
      packed(DType::U8, size_t(64));
  for (size_t found = 0; found < 32;) {
    double code = core::roundTo(DType::F8E4M3, 1.0 + (random() % 8) / 8.0);
    double scale = randomValues(DType::F32, 1, random)[0];
    double once = core::roundTo(DType::BF16, code * scale);
    double twice =
        core::roundTo(DType::BF16, core::roundTo(DType::F32, code * scale));
    if (once == twice)
      continue;
    codes.set(found, code);
    scales.set(found++, scale);
  }
  kernels.run("pack", {&codes, &scales, &packed}, {}, random);
  expectPanels(packed, DType::BF16, 1, 1, 32, 1, 1,
               [&](int64_t, int64_t, int64_t, int64_t k) {
                 return core::roundTo(DType::BF16, codes[k] * scales[k]);
               });
}

TEST(PackKernelTest, Mxfp4Blocks) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @pack(%c: tensor<9x2x16xi8>, %s: tensor<9x2xi8>)
        -> !moe.packed<#moe_cpu.panels<columns = 4>, 9x64xbf16>
        attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>,
                    affine_map<() -> ()>, affine_map<() -> ()>]} {
      %w = moe.dequantize mxfp4 %c, %s : tensor<9x2x16xi8>, tensor<9x2xi8>
          -> tensor<9x64xbf16>
      %p = moe.pack %w : tensor<9x64xbf16>
          -> !moe.packed<#moe_cpu.panels<columns = 4>, 9x64xbf16>
      moe_exec.return %p : !moe.packed<#moe_cpu.panels<columns = 4>, 9x64xbf16>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(4);
  Buffer codes(DType::U8, size_t(9 * 32)), scales(DType::U8, size_t(18)),
      packed(DType::U8, size_t(3 * 64 * 4 * 2));
  for (size_t i = 0; i < codes.size(); ++i)
    codes.set(i, random() % 256);
  for (size_t i = 0; i < scales.size(); ++i)
    scales.set(i, i == 0 ? 0 : 120 + random() % 16);
  kernels.run("pack", {&codes, &scales, &packed}, {}, random);
  const semantics::QuantRow &format =
      semantics::lookup(semantics::QuantFormat::Mxfp4);
  auto want = reference::dequantize(format, {9, 64, 1, 32}, 1, codes.values(),
                                    scales.values());
  ASSERT_TRUE(want);
  expectPanels(packed, DType::BF16, 1, 9, 64, 1, 4,
               [&](int64_t, int64_t, int64_t n, int64_t k) {
                 return core::roundTo(DType::BF16, (*want)[n * 64 + k]);
               });
}

} // namespace
