//===- EmulateIsaTest.cpp - Emulated instructions, bit for bit ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles against loops that follow the manual's order and against double; the
// AVX-512 ops also against the instruction itself, where this host has it.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "moe/runtime/core/DType.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <random>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

const char *const targets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};

/// A memref over a pointer, as emitters make it: a descriptor by hand.
std::string view(const std::string &name, const std::string &pointer,
                 unsigned rows, unsigned columns, const std::string &type) {
  const std::string desc =
      "!llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>";
  std::string text = "  %" + name + "0 = llvm.mlir.poison : " + desc + "\n";
  unsigned n = 0;
  auto insert = [&](const std::string &value, const std::string &place) {
    const std::string from = "%" + name + std::to_string(n);
    text += "  %" + name + std::to_string(++n) + " = llvm.insertvalue " +
            value + ", " + from + "[" + place + "] : " + desc + "\n";
  };
  auto number = [&](unsigned value) {
    const std::string c = "%" + name + "c" + std::to_string(n);
    text += "  " + c + " = llvm.mlir.constant(" + std::to_string(value) +
            " : i64) : i64\n";
    return c;
  };
  insert(pointer, "0");
  insert(pointer, "1");
  insert(number(0), "2");
  insert(number(rows), "3, 0");
  insert(number(columns), "3, 1");
  insert(number(columns), "4, 0");
  insert(number(1), "4, 1");
  return text + "  %" + name + " = builtin.unrealized_conversion_cast %" +
         name + std::to_string(n) + " : " + desc + " to memref<" +
         std::to_string(rows) + "x" + std::to_string(columns) + "x" + type +
         ">\n";
}

/// C[16][16] += sum over blocks of A[block] * B[block]; the loop carries C.
std::string tileKernel(const std::string &half, const std::string &mul,
                       unsigned k, const std::string &acc) {
  const std::string a = "!amx.tile<16x" + std::to_string(k) + "x" + half + ">";
  const std::string c = "!amx.tile<16x16x" + acc + ">";
  const std::string in = "memref<64x" + std::to_string(k) + "x" + half + ">";
  return kernelText("k", 3,
                    view("A", "%b0", 64, k, half) +
                        view("B", "%b1", 64, k, half) +
                        view("C", "%b2", 16, 16, acc) + R"(
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %n = arith.index_cast %end : i64 to index
  %init = amx.tile_load %C[%c0, %c0] : memref<16x16x)" +
                        acc + "> into " + c + R"(
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %init) -> ()" +
                        c + R"() {
    %row = arith.muli %i, %c16 : index
    %a = amx.tile_load %A[%row, %c0] : )" +
                        in + " into " + a + R"(
    %b = amx.tile_load %B[%row, %c0] : )" +
                        in + " into " + a + "\n    %p = " + mul + " : " + a +
                        ", " + a + ", " + c + "\n    scf.yield %p : " + c + R"(
  }
  amx.tile_store %C[%c0, %c0], %sum : memref<16x16x)" +
                        acc + ">, " + c + "\n");
}

void checkFloatTiles(const char *target, DType dtype, const std::string &type) {
  SCOPED_TRACE(target + (" " + type));
  constexpr int blocks = 4;
  CompiledKernel kernel = compileKernels(
      tileKernel(type, "amx.tile_mulf %a, %b, %s", 32, "f32"), target,
      /*emulate=*/true);
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::mt19937 generator(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<uint16_t> a(64 * 32), b(64 * 32);
  for (size_t i = 0; i < a.size(); ++i) {
    core::storeFromDouble(dtype, a.data(), i, uniform(generator));
    core::storeFromDouble(dtype, b.data(), i, uniform(generator));
  }
  std::vector<float> c(256);
  for (float &value : c)
    value = static_cast<float>(uniform(generator));
  std::vector<float> ordered = c, got = c;
  std::vector<double> exact(c.begin(), c.end());
  for (int block = 0; block < blocks; ++block)
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 16; ++n) {
        float sums[2] = {0, 0};
        for (int k = 0; k < 16; ++k)
          for (int p = 0; p < 2; ++p) {
            const double x = core::loadAsDouble(
                dtype, a.data(), (block * 16 + m) * 32 + 2 * k + p);
            const double y = core::loadAsDouble(
                dtype, b.data(), (block * 16 + k) * 32 + 2 * n + p);
            sums[p] =
                std::fma(static_cast<float>(x), static_cast<float>(y), sums[p]);
            exact[m * 16 + n] += x * y;
          }
        ordered[m * 16 + n] += sums[0] + sums[1];
      }
  kernel.run({a.data(), b.data(), got.data()}, {}, blocks);
  EXPECT_EQ(got, ordered);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], exact[i], 1e-5);
}

TEST(EmulateIsaTest, FloatTilesSumInTheInstructionsOrder) {
  for (const char *target : targets)
    if (hostRuns(target)) {
      checkFloatTiles(target, DType::BF16, "bf16");
      checkFloatTiles(target, DType::F16, "f16");
    }
}

TEST(EmulateIsaTest, IntegerTilesAreExact) {
  for (const char *target : targets)
    for (bool unsignedA : {false, true})
      for (bool unsignedB : {false, true}) {
        if (!hostRuns(target))
          continue;
        CompiledKernel kernel =
            compileKernels(tileKernel("i8",
                                      std::string("amx.tile_muli %a") +
                                          (unsignedA ? " zext" : "") + ", %b" +
                                          (unsignedB ? " zext" : "") + ", %s",
                                      64, "i32"),
                           target, /*emulate=*/true);
        ASSERT_EQ(kernel.errors, std::vector<std::string>());
        std::mt19937 generator(5);
        std::vector<uint8_t> a(64 * 64), b(64 * 64);
        for (size_t i = 0; i < a.size(); ++i) {
          a[i] = static_cast<uint8_t>(generator());
          b[i] = static_cast<uint8_t>(generator());
        }
        std::vector<uint32_t> c(256), expected;
        for (uint32_t &value : c)
          value = generator(); // wraps
        expected = c;
        auto widen = [](uint8_t byte, bool isUnsigned) {
          return isUnsigned ? int{byte} : int{static_cast<int8_t>(byte)};
        };
        for (int block = 0; block < 4; ++block)
          for (int m = 0; m < 16; ++m)
            for (int n = 0; n < 16; ++n)
              for (int k = 0; k < 64; ++k)
                expected[m * 16 + n] += static_cast<uint32_t>(
                    widen(a[(block * 16 + m) * 64 + k], unsignedA) *
                    widen(b[(block * 16 + k / 4) * 64 + 4 * n + k % 4],
                          unsignedB));
        kernel.run({a.data(), b.data(), c.data()}, {}, 4);
        EXPECT_EQ(c, expected) << target;
      }
}

TEST(EmulateIsaTest, TileLoadsWithAStrideAndOddShapes) {
  // 5 rows of 7 pairs from a one-dimensional buffer, back with another stride.
  const std::string text = kernelText("k", 2, R"(
  %poison = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %size = llvm.mlir.constant(200 : i64) : i64
  %d0 = llvm.insertvalue %zero, %poison[2] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d1 = llvm.insertvalue %size, %d0[3, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %d2 = llvm.insertvalue %one, %d1[4, 0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x0 = llvm.insertvalue %b0, %d2[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x1 = llvm.insertvalue %b0, %x0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %y0 = llvm.insertvalue %b1, %d2[0] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %y1 = llvm.insertvalue %b1, %y0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %x = builtin.unrealized_conversion_cast %x1 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<200xbf16>
  %y = builtin.unrealized_conversion_cast %y1 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<200xbf16>
  %c3 = arith.constant 3 : index
  %c17 = arith.constant 17 : index
  %c20 = arith.constant 20 : index
  %t = amx.tile_load %x[%c3], %c17 : memref<200xbf16> into !amx.tile<5x14xbf16>
  amx.tile_store %y[%c3], %t, %c20 : memref<200xbf16>, !amx.tile<5x14xbf16>
)");
  CompiledKernel kernel = compileKernels(text, "x86-64-v2", /*emulate=*/true);
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<uint16_t> x(200), y(200, 7), expected(200, 7);
  for (unsigned i = 0; i < 200; ++i)
    x[i] = static_cast<uint16_t>(1000 + i);
  for (unsigned row = 0; row < 5; ++row)
    for (unsigned i = 0; i < 14; ++i)
      expected[3 + row * 20 + i] = x[3 + row * 17 + i];
  kernel.run({x.data(), y.data()}, {}, 1);
  EXPECT_EQ(y, expected);
}

//===----------------------------------------------------------------------===//
// AVX-512
//===----------------------------------------------------------------------===//

/// Any bits, with special values among them.
std::vector<float> anyFloats(size_t count, unsigned seed) {
  const float special[] = {0.0f,      -0.0f, 1.0f,      INFINITY,
                           -INFINITY, NAN,   0x1p-149f, 0x1.fffffep127f,
                           -2.5f,     0.5f,  1.5f};
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = generator() % 4 == 0
                ? special[generator() % std::size(special)]
                : std::bit_cast<float>(static_cast<uint32_t>(generator()));
  return values;
}

bool sameBits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

/// z[i] = op(x[i], y[i]) over 16 floats a task.
std::string binaryKernel(const std::string &ops) {
  return kernelText("k", 3, R"(
  %one = arith.constant 1 : i64
  %c16 = arith.constant 16 : i64
  scf.for %i = %begin to %end step %one : i64 {
    %at = arith.muli %i, %c16 : i64
    %px = llvm.getelementptr %b0[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %py = llvm.getelementptr %b1[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %pz = llvm.getelementptr %b2[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %x = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %y = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
)" + ops + R"(
    llvm.store %z, %pz {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  }
)");
}

/// Results of the op on `target`, natively or emulated.
std::vector<float> runBinary(const std::string &ops, const char *target,
                             bool emulate, const std::vector<float> &x,
                             const std::vector<float> &y) {
  CompiledKernel kernel = compileKernels(binaryKernel(ops), target, emulate);
  EXPECT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<float> z(x.size());
  if (kernel.errors.empty())
    kernel.run({x.data(), y.data(), z.data()}, {}, x.size() / 16);
  return z;
}

void expectSame(const std::vector<float> &got, const std::vector<float> &want,
                const std::vector<float> &x, const std::vector<float> &y) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_TRUE(sameBits(got[i], want[i]))
        << got[i] << " for " << want[i] << " from " << x[i] << ", " << y[i];
}

const char scaleOps[] = R"(
    %mask = arith.constant 0x7fff : i16
    %near = arith.constant 4 : i32
    %z = x86vector.avx512.mask.scalef %x, %y, %y, %mask, %near : vector<16xf32>)";

TEST(EmulateIsaTest, ScaleFIsTheInstruction) {
  std::vector<float> x = anyFloats(1 << 16, 1), y = anyFloats(1 << 16, 2);
  std::mt19937 generator(9);
  for (size_t i = 0; i < y.size(); i += 2) // exponents that matter
    y[i] = static_cast<float>(static_cast<int>(generator() % 600) - 300) / 2;
  for (size_t i = 0; i < x.size(); ++i)
    if (std::isnan(x[i]) && std::isinf(y[i]))
      x[i] = 0; // where the emulation differs
  std::vector<float> want(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    want[i] =
        i % 16 == 15 ? y[i]
        : std::isnan(y[i]) || std::isnan(x[i])
            ? NAN
            : static_cast<float>(
                  std::isinf(y[i])
                      ? x[i] * (y[i] > 0 ? INFINITY : 0.0f)
                      : std::ldexp(
                            double{x[i]},
                            static_cast<int>(std::max(
                                -900.0f, std::min(900.0f, std::floor(y[i]))))));
  for (const char *target : {"x86-64-v2", "x86-64-v3"})
    if (hostRuns(target))
      expectSame(runBinary(scaleOps, target, true, x, y), want, x, y);
  if (hostRuns("x86-64-v4"))
    expectSame(runBinary(scaleOps, "x86-64-v4", false, x, y), want, x, y);
}

TEST(EmulateIsaTest, RndScaleIsTheInstruction) {
  for (int mode : {0, 1, 2, 3, 4, 0x30, 0x31, 0xf2, 0x53}) {
    const std::string ops = R"(
    %mask = arith.constant 0x7fff : i16
    %near = arith.constant 4 : i32
    %mode = arith.constant )" +
                            std::to_string(mode) + R"( : i32
    %z = x86vector.avx512.mask.rndscale %x, %mode, %y, %mask, %near : vector<16xf32>)";
    std::vector<float> x = anyFloats(1 << 12, 3), y = anyFloats(1 << 12, 4);
    std::mt19937 generator(9);
    for (size_t i = 0; i < x.size(); i += 2)
      x[i] =
          static_cast<float>(static_cast<int>(generator() % 4000) - 2000) / 64;
    std::vector<float> emulated = runBinary(ops, "x86-64-v2", true, x, y);
    if (hostRuns("x86-64-v4"))
      expectSame(emulated, runBinary(ops, "x86-64-v4", false, x, y), x, y);
    for (size_t i = 0; mode == 4 && i < x.size(); ++i)
      ASSERT_TRUE(
          sameBits(emulated[i], i % 16 == 15 ? y[i] : std::nearbyint(x[i])));
  }
}

TEST(EmulateIsaTest, CompressIsTheInstruction) {
  for (const std::string &source : {std::string("%y"), std::string("")}) {
    const std::string ops = R"(
    %half = arith.constant dense<0.5> : vector<16xf32>
    %mask = arith.cmpf ogt, %x, %half : vector<16xf32>
    %z = x86vector.avx512.mask.compress %mask, %x)" +
                            (source.empty() ? "" : ", " + source) +
                            " : vector<16xf32>" +
                            (source.empty() ? "" : ", vector<16xf32>");
    std::vector<float> x = anyFloats(1 << 12, 5), y = anyFloats(1 << 12, 6);
    std::vector<float> want(x.size());
    for (size_t task = 0; task < x.size(); task += 16) {
      size_t next = task;
      for (size_t i = task; i < task + 16; ++i)
        if (x[i] > 0.5f)
          want[next++] = x[i];
      for (; next < task + 16; ++next)
        want[next] = source.empty() ? 0 : y[next];
    }
    for (const char *target : {"x86-64-v2", "x86-64-v3"})
      if (hostRuns(target))
        expectSame(runBinary(ops, target, true, x, y), want, x, y);
    if (hostRuns("x86-64-v4"))
      expectSame(runBinary(ops, "x86-64-v4", false, x, y), want, x, y);
  }
}

TEST(EmulateIsaTest, DotAddsTheOddProductFirst) {
  // Both operands are pairs of bf16 in one f32's bits.
  const char ops[] = R"(
    %a = vector.bitcast %x : vector<16xf32> to vector<32xbf16>
    %b = vector.bitcast %y : vector<16xf32> to vector<32xbf16>
    %old = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %z = x86vector.avx512.dot %old, %a, %b : vector<32xbf16> -> vector<16xf32>)";
  std::mt19937 generator(11);
  std::uniform_real_distribution<float> uniform(-4, 4);
  const size_t count = 1 << 14;
  std::vector<float> x(count), y(count), z(count), want(count);
  auto pair = [&](float low, float high) {
    return std::bit_cast<float>((std::bit_cast<uint32_t>(high) & 0xffff0000) |
                                (std::bit_cast<uint32_t>(low) >> 16));
  };
  auto part = [](float both, bool odd) {
    const auto bits = std::bit_cast<uint32_t>(both);
    return std::bit_cast<float>(odd ? bits & 0xffff0000 : bits << 16);
  };
  for (size_t i = 0; i < count; ++i) {
    x[i] = pair(uniform(generator), uniform(generator));
    y[i] = pair(uniform(generator), uniform(generator));
    z[i] = uniform(generator);
    want[i] = std::fma(part(x[i], false), part(y[i], false),
                       std::fma(part(x[i], true), part(y[i], true), z[i]));
  }
  auto run = [&](const char *target, bool emulate) {
    CompiledKernel kernel = compileKernels(binaryKernel(ops), target, emulate);
    EXPECT_EQ(kernel.errors, std::vector<std::string>());
    std::vector<float> out = z;
    kernel.run({x.data(), y.data(), out.data()}, {}, count / 16);
    return out;
  };
  for (const char *target : targets)
    if (hostRuns(target))
      expectSame(run(target, true), want, x, y);
  if (hostRuns("x86-64-v4+avx512_bf16"))
    expectSame(run("x86-64-v4+avx512_bf16", false), want, x, y);
}

//===----------------------------------------------------------------------===//
// What stays, and what is refused
//===----------------------------------------------------------------------===//

TEST(EmulateIsaTest, WhatTheTargetHasStays) {
  const std::string text =
      tileKernel("bf16", "amx.tile_mulf %a, %b, %s", 32, "f32");
  const std::string native =
      emitText(text, "sapphirerapids", cpu::EmitKind::Assembly, true);
  // The accumulator stays in its register: a spill would add a store.
  auto count = [&](const std::string &word) {
    size_t found = 0;
    for (size_t at = 0; (at = native.find(word, at)) != std::string::npos; ++at)
      ++found;
    return found;
  };
  EXPECT_EQ(count("\tldtilecfg"), 1u);
  EXPECT_EQ(count("\ttileloadd"), 3u); // the sum, and the loop's two operands
  EXPECT_EQ(count("\ttdpbf16ps"), 1u);
  EXPECT_EQ(count("\ttilestored"), 1u);
  EXPECT_EQ(count("\ttilerelease"), 1u);
  const std::string emulated =
      emitText(text, "x86-64-v4", cpu::EmitKind::Assembly, true);
  EXPECT_EQ(emulated.find("tdpbf16ps"), std::string::npos);
  EXPECT_NE(emulated.find("vfmadd"), std::string::npos);
}

TEST(EmulateIsaTest, RefusesWhatItCannotEmulate) {
  auto errorsOf = [](const std::string &text, llvm::StringRef target) {
    return compileKernels(text, target, /*emulate=*/true).errors;
  };
  EXPECT_THAT(
      errorsOf(R"(
func.func @f(%a: vector<8xf64>, %m: i8) -> vector<8xf64> {
  %near = arith.constant 4 : i32
  %z = x86vector.avx512.mask.scalef %a, %a, %a, %m, %near : vector<8xf64>
  return %z : vector<8xf64>
})",
               "x86-64-v3"),
      testing::ElementsAre("'x86vector.avx512.mask.scalef' op needs avx512f, "
                           "which target x86-64-v3 lacks, and has no "
                           "emulation"));
  EXPECT_THAT(
      errorsOf(R"(
func.func @f(%a: vector<16xi32>) -> vector<16xi1> {
  %k, %l = x86vector.avx512.vp2intersect %a, %a : vector<16xi32>
  return %k : vector<16xi1>
})",
               "x86-64-v4"),
      testing::ElementsAre("'x86vector.avx512.vp2intersect' op stands for an "
                           "instruction that no target of moec has, and has no "
                           "emulation"));
  EXPECT_THAT(errorsOf(R"(
func.func private @g(%t: !amx.tile<16x16xf32>)
func.func @f() {
  %t = amx.tile_zero : !amx.tile<16x16xf32>
  func.call @g(%t) : (!amx.tile<16x16xf32>) -> ()
  return
})",
                       "x86-64-v3"),
              testing::ElementsAre(
                  "'func.func' op passes an AMX tile on; only amx and scf ops "
                  "may where tiles are emulated",
                  "'func.call' op passes an AMX tile on; only amx and scf ops "
                  "may where tiles are emulated"));
  EXPECT_THAT(errorsOf("", "x86-65"),
              testing::ElementsAre(
                  "unknown CPU target 'x86-65'; expected x86-64-v2, x86-64-v3, "
                  "x86-64-v4, sapphirerapids or aarch64, optionally with "
                  "+FEATURE"));
}

} // namespace
