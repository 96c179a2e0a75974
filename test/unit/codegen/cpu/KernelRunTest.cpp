//===- KernelRunTest.cpp - Kernels compiled, loaded and run ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each level of x86-64 natively where this host has it, against plain loops.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

using namespace moe;
using namespace moe::test;

namespace {

class LevelTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!hostRuns(GetParam()))
      GTEST_SKIP() << "this host lacks " << GetParam();
  }
};

INSTANTIATE_TEST_SUITE_P(Levels, LevelTest,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4",
                                         "x86-64-v4+avx512_bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!isalnum(c))
                               c = '_';
                           return name;
                         });

std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<float> values(count);
  for (float &value : values)
    value = uniform(generator);
  return values;
}

TEST_P(LevelTest, MultiplyAddWithMaskedTail) {
  CompiledKernel kernel = compileKernels(elementwise(16, "f32", "f32", R"(
    %two = arith.constant dense<2.0> : vector<16xf32>
    %one = arith.constant dense<1.0> : vector<16xf32>
    %y = math.fma %x, %two, %one : vector<16xf32>)"),
                                         GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  for (size_t count : {0, 1, 15, 16, 17, 31, 1003}) {
    std::vector<float> x = randomFloats(count, 1), y(count + 1, 42.0f);
    kernel.run({x.data(), y.data()}, {}, count);
    for (size_t i = 0; i < count; ++i)
      EXPECT_EQ(y[i], x[i] * 2 + 1);
    EXPECT_EQ(y[count], 42.0f) << "written beyond the end";
  }
}

/// What vector.fma computes on the target.
float multiplyAdd(float a, float b, float c, const std::string &target) {
  if (target != "x86-64-v2")
    return std::fma(a, b, c);
  volatile float product = a * b;
  return product + c;
}

TEST_P(LevelTest, OuterProductsInALoop) {
  // C[6][16] = sum over k of A[k][6] * B[k][16], accumulators carried.
  std::string body = "  %one = arith.constant 1 : i64\n"
                     "  %zero = arith.constant dense<0.0> : vector<6x16xf32>\n"
                     "  %sum = scf.for %k = %begin to %end step %one "
                     "iter_args(%acc = %zero) -> (vector<6x16xf32>) : i64 {\n"
                     "    %six = arith.constant 6 : i64\n"
                     "    %sixteen = arith.constant 16 : i64\n"
                     "    %ka = arith.muli %k, %six : i64\n"
                     "    %kb = arith.muli %k, %sixteen : i64\n"
                     "    %pa = llvm.getelementptr %b0[%ka] : (!llvm.ptr, i64) "
                     "-> !llvm.ptr, f32\n"
                     "    %pb = llvm.getelementptr %b1[%kb] : (!llvm.ptr, i64) "
                     "-> !llvm.ptr, f32\n"
                     "    %a = llvm.load %pa {alignment = 4 : i64} : !llvm.ptr "
                     "-> vector<6xf32>\n"
                     "    %b = llvm.load %pb {alignment = 4 : i64} : !llvm.ptr "
                     "-> vector<16xf32>\n"
                     "    %next = vector.outerproduct %a, %b, %acc : "
                     "vector<6xf32>, vector<16xf32>\n"
                     "    scf.yield %next : vector<6x16xf32>\n  }\n";
  for (int row = 0; row < 6; ++row) {
    const std::string r = std::to_string(row);
    body += "  %row" + r + " = vector.extract %sum[" + r +
            "] : vector<16xf32> from vector<6x16xf32>\n  %pc" + r +
            " = llvm.getelementptr %b2[" + std::to_string(row * 16) +
            "] : (!llvm.ptr) -> !llvm.ptr, f32\n  llvm.store %row" + r +
            ", %pc" + r +
            " {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr\n";
  }
  CompiledKernel kernel = compileKernels(kernelText("k", 3, body), GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  constexpr int depth = 200;
  std::vector<float> a = randomFloats(depth * 6, 2),
                     b = randomFloats(depth * 16, 3), c(96), expected(96);
  for (int k = 0; k < depth; ++k)
    for (int i = 0; i < 6; ++i)
      for (int j = 0; j < 16; ++j)
        expected[i * 16 + j] = multiplyAdd(a[k * 6 + i], b[k * 16 + j],
                                           expected[i * 16 + j], GetParam());
  kernel.run({a.data(), b.data(), c.data()}, {}, depth);
  EXPECT_EQ(c, expected);
}

TEST_P(LevelTest, ReductionsHaveAnOrder) {
  const std::string text = kernelText("k", 3, R"(
  %one = arith.constant 1 : i64
  %c16 = arith.constant 16 : i64
  %start = arith.constant 0.5 : f32
  scf.for %i = %begin to %end step %one : i64 {
    %at = arith.muli %i, %c16 : i64
    %px = llvm.getelementptr %b0[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %x = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %tree = vector.reduction <add>, %x, %start fastmath<reassoc> : vector<16xf32> into f32
    %chain = vector.reduction <add>, %x, %start : vector<16xf32> into f32
    %most = vector.reduction <maximumf>, %x : vector<16xf32> into f32
    %pt = llvm.getelementptr %b1[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %tree, %pt : f32, !llvm.ptr
    %pc = llvm.getelementptr %b2[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x f32>
    llvm.store %chain, %pc : f32, !llvm.ptr
    %pm = llvm.getelementptr %b2[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x f32>
    llvm.store %most, %pm : f32, !llvm.ptr
  }
)");
  CompiledKernel kernel = compileKernels(text, GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  constexpr int tasks = 100;
  std::vector<float> x = randomFloats(tasks * 16, 4), tree(tasks),
                     others(2 * tasks);
  x[16 * 7 + 3] = NAN;
  kernel.run({x.data(), tree.data(), others.data()}, {}, tasks);
  bool differ = false;
  for (int task = 0; task < tasks; ++task) {
    std::vector<float> halves(x.begin() + task * 16,
                              x.begin() + task * 16 + 16);
    const float most = *std::max_element(halves.begin(), halves.end());
    const float chain = std::accumulate(halves.begin(), halves.end(), 0.5f);
    for (int half = 8; half >= 1; half /= 2)
      for (int i = 0; i < half; ++i)
        halves[i] += halves[i + half];
    if (task == 7) {
      EXPECT_TRUE(std::isnan(tree[7]) && std::isnan(others[14]) &&
                  std::isnan(others[15]));
      continue;
    }
    EXPECT_EQ(tree[task], 0.5f + halves[0]);
    EXPECT_EQ(others[2 * task], chain);
    EXPECT_EQ(others[2 * task + 1], most);
    differ |= tree[task] != chain;
  }
  EXPECT_TRUE(differ) << "the inputs do not tell the orders apart";
}

TEST_P(LevelTest, MaximaAndNaN) {
  const float special[] = {NAN, -INFINITY, INFINITY, -1.0f, 2.0f, 0.5f};
  std::vector<float> x, y;
  for (float a : special)
    for (float b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  for (const char *type : {"f32", "f16"}) {
    std::string body = "  %one = arith.constant 1 : i64\n"
                       "  scf.for %i = %begin to %end step %one : i64 {\n";
    for (const char *name : {"x", "y"}) {
      const std::string n = name, b = n == "x" ? "%b0" : "%b1";
      body += "    %p" + n + " = llvm.getelementptr " + b +
              "[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n    %" + n +
              "32 = llvm.load %p" + n + " : !llvm.ptr -> f32\n";
      body += std::string(type) == "f32"
                  ? "    %" + n + " = arith.addf %" + n + "32, %zero : f32\n"
                  : "    %" + n + " = arith.truncf %" + n + "32 : f32 to f16\n";
    }
    int place = 0;
    for (const char *op : {"maximumf", "minimumf", "maxnumf", "minnumf"}) {
      const std::string n = std::to_string(place++);
      body += "    %v" + n + " = arith." + op + " %x, %y : " + type + "\n";
      body += std::string(type) == "f32"
                  ? "    %w" + n + " = arith.addf %v" + n + ", %zero : f32\n"
                  : "    %w" + n + " = arith.extf %v" + n + " : f16 to f32\n";
      body += "    %q" + n + " = llvm.getelementptr %b2[%i, " + n +
              "] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>\n"
              "    llvm.store %w" +
              n + ", %q" + n + " : f32, !llvm.ptr\n";
    }
    CompiledKernel kernel = compileKernels(
        kernelText("k", 3,
                   "  %zero = arith.constant 0.0 : f32\n" + body + "  }\n"),
        GetParam());
    ASSERT_EQ(kernel.errors, std::vector<std::string>());
    std::vector<float> z(4 * x.size());
    kernel.run({x.data(), y.data(), z.data()}, {}, x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const bool anyNaN = std::isnan(x[i]) || std::isnan(y[i]);
      const float expected[] = {anyNaN ? NAN : std::max(x[i], y[i]),
                                anyNaN ? NAN : std::min(x[i], y[i]),
                                std::fmax(x[i], y[i]), std::fmin(x[i], y[i])};
      for (int op = 0; op < 4; ++op)
        if (std::isnan(expected[op]))
          EXPECT_TRUE(std::isnan(z[4 * i + op])) << x[i] << ", " << y[i];
        else
          EXPECT_EQ(z[4 * i + op], expected[op]) << x[i] << ", " << y[i];
    }
  }
}

TEST_P(LevelTest, MasksOfAnyCount) {
  // Counts beyond 32 bits must not wrap when lanes are compared in 32 bits.
  CompiledKernel kernel = compileKernels(kernelText("k", 2, R"(
  %n = llvm.load %b0 : !llvm.ptr -> i64
  %count = arith.index_cast %n : i64 to index
  %mask = vector.create_mask %count : vector<16xi1>
  %bytes = arith.extui %mask : vector<16xi1> to vector<16xi8>
  llvm.store %bytes, %b1 {alignment = 1 : i64} : vector<16xi8>, !llvm.ptr
)"),
                                         GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{15}, int64_t{16},
                    int64_t{17}, int64_t{-1}, int64_t{1} << 32,
                    (int64_t{1} << 32) + 5, (int64_t{1} << 31) + 5,
                    -(int64_t{1} << 32) + 5, INT64_MIN, INT64_MAX}) {
    std::vector<uint8_t> mask(16);
    kernel.run({&n, mask.data()}, {}, 1);
    for (int64_t i = 0; i < 16; ++i)
      EXPECT_EQ(mask[i], i < n) << i << " of " << n;
  }
}

TEST_P(LevelTest, JumpTables) {
  std::string body = "  %one = arith.constant 1 : i64\n"
                     "  %first = arith.constant 1 : i64\n"
                     "  %r = scf.for %i = %begin to %end step %one "
                     "iter_args(%v = %first) -> (i64) : i64 {\n"
                     "    %p = llvm.getelementptr %b0[%i] : (!llvm.ptr, i64) "
                     "-> !llvm.ptr, i32\n"
                     "    %c = llvm.load %p : !llvm.ptr -> i32\n"
                     "    %case = arith.index_cast %c : i32 to index\n"
                     "    %w = scf.index_switch %case -> i64\n";
  const char *ops[] = {
      "arith.addi %v, %i",   "arith.muli %v, %v",    "arith.xori %v, %i",
      "arith.shli %v, %one", "arith.shrui %v, %one", "arith.subi %i, %v",
      "arith.ori %v, %i",    "arith.andi %v, %i",    "arith.muli %v, %i"};
  for (int i = 0; i < 9; ++i)
    body += "    case " + std::to_string(i) + " {\n      %x = " + ops[i] +
            " : i64\n      scf.yield %x : i64\n    }\n";
  body += "    default {\n      scf.yield %one : i64\n    }\n"
          "    scf.yield %w : i64\n  }\n"
          "  llvm.store %r, %b1 : i64, !llvm.ptr\n";
  const std::string text = kernelText("k", 2, body);
  // That this is a table and not a tree of branches is what is tested.
  EXPECT_NE(emitText(text, GetParam(), cpu::EmitKind::Assembly).find(".LJTI"),
            std::string::npos);
  CompiledKernel kernel = compileKernels(text, GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::mt19937 generator(6);
  std::vector<int32_t> cases(1000);
  for (int32_t &value : cases)
    value = generator() % 11 - 1;
  uint64_t v = 1, got = 0;
  for (uint64_t i = 0; i < cases.size(); ++i)
    switch (cases[i]) {
    case 0:
      v += i;
      break;
    case 1:
      v *= v;
      break;
    case 2:
      v ^= i;
      break;
    case 3:
      v <<= 1;
      break;
    case 4:
      v >>= 1;
      break;
    case 5:
      v = i - v;
      break;
    case 6:
      v |= i;
      break;
    case 7:
      v &= i;
      break;
    case 8:
      v *= i;
      break;
    default:
      v = 1;
    }
  kernel.run({cases.data(), &got}, {}, cases.size());
  EXPECT_EQ(got, v);
}

TEST_P(LevelTest, LoopsThatBecomeCallsOfMemoryFunctions) {
  const std::string text = kernelText("k", 3, R"(
  %one = arith.constant 1 : i64
  %seven = arith.constant 7 : i8
  // Into scratch, which is known not to overlap: a memcpy.
  scf.for %i = %begin to %end step %one : i64 {
    %p = llvm.getelementptr %b0[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %q = llvm.getelementptr %scratch[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %v = llvm.load %p : !llvm.ptr -> i8
    llvm.store %v, %q : i8, !llvm.ptr
  }
  scf.for %i = %begin to %end step %one : i64 {
    %q = llvm.getelementptr %b1[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    llvm.store %seven, %q : i8, !llvm.ptr
  }
  "llvm.intr.memcpy"(%b2, %scratch, %end) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  %up = llvm.getelementptr %b2[5] : (!llvm.ptr) -> !llvm.ptr, i8
  "llvm.intr.memmove"(%up, %b2, %end) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  %down = llvm.getelementptr %b2[3] : (!llvm.ptr) -> !llvm.ptr, i8
  "llvm.intr.memmove"(%b2, %down, %end) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
)");
  const std::string assembly =
      emitText(text, GetParam(), cpu::EmitKind::Assembly);
  for (const char *name : {"memcpy", "memmove", "memset"})
    EXPECT_NE(assembly.find(name), std::string::npos) << name;
  CompiledKernel kernel = compileKernels(text, GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  for (size_t n : {0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 1000}) {
    std::vector<uint8_t> from(n), set(n + 1), moved(n + 16), expected(n + 16);
    for (size_t i = 0; i < n; ++i)
      from[i] = static_cast<uint8_t>(i * 31 + 5);
    std::copy(from.begin(), from.end(), expected.begin());
    std::memmove(expected.data() + 5, expected.data(), n);
    std::memmove(expected.data(), expected.data() + 3, n);
    kernel.run({from.data(), set.data(), moved.data()}, {}, n);
    EXPECT_EQ(moved, expected) << n;
    EXPECT_EQ(set, [&] {
      std::vector<uint8_t> sevens(n + 1, 7);
      sevens[n] = 0;
      return sevens;
    }()) << n;
  }
}

TEST_P(LevelTest, OrdinaryOpsOnMemrefs) {
  // A constant table, memory on the stack, a view, a helper function, and reads
  // past the end of a row: what kernels from linalg ops look like.
  const std::string text = R"(
memref.global "private" constant @table : memref<4xf32> = dense<[1.0, 10.0, 100.0, 1000.0]>
func.func private @scale(%from: memref<3x5xf32>, %to: memref<3x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %pad = arith.constant 0.25 : f32
  %table = memref.get_global @table : memref<4xf32>
  %all = vector.transfer_read %from[%c0, %c0], %pad : memref<3x5xf32>, vector<4x8xf32>
  scf.for %i = %c0 to %c3 step %c1 {
    %factor = memref.load %table[%i] : memref<4xf32>
    %row = vector.transfer_read %from[%i, %c0], %pad : memref<3x5xf32>, vector<8xf32>
    %factors = vector.broadcast %factor : f32 to vector<8xf32>
    %product = arith.mulf %row, %factors : vector<8xf32>
    %target = memref.subview %to[%i, 0] [1, 8] [1, 1] : memref<3x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    vector.transfer_write %product, %target[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32, strided<[1], offset: ?>>
  }
  %last = vector.extract %all[3] : vector<8xf32> from vector<4x8xf32>
  %c2 = arith.constant 2 : index
  %old = vector.load %to[%c2, %c0] : memref<3x8xf32>, vector<8xf32>
  %new = arith.addf %old, %last : vector<8xf32>
  vector.store %new, %to[%c2, %c0] : memref<3x8xf32>, vector<8xf32>
  return
}
func.func @k(%args: !llvm.ptr, %begin: i64, %end: i64, %worker: i32, %scratch: !llvm.ptr) attributes {moe.kernel} {
  %stack = memref.alloca() : memref<3x5xf32>
  %to = memref.alloca() : memref<3x8xf32>
  %buffers = llvm.load %args : !llvm.ptr -> !llvm.ptr
  %b0 = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %at1 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %b1 = llvm.load %at1 : !llvm.ptr -> !llvm.ptr
  %dimsAt = llvm.getelementptr %args[8] : (!llvm.ptr) -> !llvm.ptr, i8
  %dims = llvm.load %dimsAt : !llvm.ptr -> !llvm.ptr
  %rows = llvm.load %dims : !llvm.ptr -> i64
  %n = arith.index_cast %rows : i64 to index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  scf.parallel (%i, %j) = (%c0, %c0) to (%n, %c5) step (%c1, %c1) {
    %row = arith.muli %i, %c5 : index
    %place = arith.addi %row, %j : index
    %place64 = arith.index_cast %place : index to i64
    %p = llvm.getelementptr %b0[%place64] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %v = llvm.load %p : !llvm.ptr -> f32
    memref.store %v, %stack[%i, %j] : memref<3x5xf32>
    scf.reduce
  }
  func.call @scale(%stack, %to) : (memref<3x5xf32>, memref<3x8xf32>) -> ()
  %flat = memref.collapse_shape %to [[0, 1]] : memref<3x8xf32> into memref<24xf32>
  %out = vector.load %flat[%c0] : memref<24xf32>, vector<24xf32>
  llvm.store %out, %b1 {alignment = 4 : i64} : vector<24xf32>, !llvm.ptr
  return
}
)";
  CompiledKernel kernel = compileKernels(text, GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<float> x = randomFloats(15, 8), y(24), expected(24);
  const float factors[] = {1, 10, 100};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 8; ++j)
      expected[i * 8 + j] =
          (j < 5 ? x[i * 5 + j] : 0.25f) * factors[i] + (i == 2 ? 0.25f : 0.0f);
  kernel.run({x.data(), y.data()}, {3}, 1);
  EXPECT_EQ(y, expected);
}

TEST_P(LevelTest, VectorsOfSeveralDimensions) {
  // y0[8][4]: a transpose; y1[4][4]: a contraction of x[4][8] with itself; y2:
  // sums of rows; y3: a reshape, gathered, compressed and expanded again.
  const std::string text = kernelText("k", 5, R"(
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %table = memref.alloca() : memref<32xf32>
  %out = memref.alloca() : memref<64xf32>
  %flat = llvm.load %b0 {alignment = 4 : i64} : !llvm.ptr -> vector<32xf32>
  %x = vector.shape_cast %flat : vector<32xf32> to vector<4x8xf32>
  %t = vector.transpose %x, [1, 0] : vector<4x8xf32> to vector<8x4xf32>
  %t1 = vector.shape_cast %t : vector<8x4xf32> to vector<32xf32>
  llvm.store %t1, %b1 {alignment = 4 : i64} : vector<32xf32>, !llvm.ptr
  %acc = arith.constant dense<1.0> : vector<4x4xf32>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %x, %x, %acc : vector<4x8xf32>, vector<4x8xf32> into vector<4x4xf32>
  %p1 = vector.shape_cast %p : vector<4x4xf32> to vector<16xf32>
  llvm.store %p1, %b2 {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  %init = arith.constant dense<0.5> : vector<4xf32>
  %sums = vector.multi_reduction <add>, %x, %init [1] : vector<4x8xf32> to vector<4xf32>
  llvm.store %sums, %b3 {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
  vector.store %flat, %table[%c0] : memref<32xf32>, vector<32xf32>
  %steps = vector.step : vector<8xindex>
  %three = arith.constant dense<3> : vector<8xindex>
  %places = arith.muli %steps, %three : vector<8xindex>
  %c6 = arith.constant 6 : index
  %some = vector.create_mask %c6 : vector<8xi1>
  %pass = arith.constant dense<-1.0> : vector<8xf32>
  %g = vector.gather %table[%c0][%places], %some, %pass : memref<32xf32>, vector<8xindex>, vector<8xi1>, vector<8xf32> into vector<8xf32>
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c24 = arith.constant 24 : index
  %nothing = arith.constant dense<0.0> : vector<64xf32>
  vector.store %nothing, %out[%c0] : memref<64xf32>, vector<64xf32>
  vector.store %g, %out[%c0] : memref<64xf32>, vector<8xf32>
  %zeros = arith.constant dense<0.0> : vector<8xf32>
  %positive = arith.cmpf ogt, %g, %zeros : vector<8xf32>
  vector.compressstore %out[%c8], %positive, %g : memref<64xf32>, vector<8xi1>, vector<8xf32>
  %e = vector.expandload %out[%c8], %positive, %zeros : memref<64xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
  vector.store %e, %out[%c16] : memref<64xf32>, vector<8xf32>
  vector.scatter %out[%c24][%places], %positive, %g : memref<64xf32>, vector<8xindex>, vector<8xi1>, vector<8xf32>
  %all = vector.load %out[%c0] : memref<64xf32>, vector<64xf32>
  llvm.store %all, %b4 {alignment = 4 : i64} : vector<64xf32>, !llvm.ptr
)");
  CompiledKernel kernel = compileKernels(text, GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  std::vector<float> x = randomFloats(32, 12), transposed(32), product(16),
                     sums(4), rest(64);
  kernel.run(
      {x.data(), transposed.data(), product.data(), sums.data(), rest.data()},
      {}, 1);
  for (int i = 0; i < 4; ++i) {
    float sum = 0.5f;
    for (int k = 0; k < 8; ++k) {
      EXPECT_EQ(transposed[k * 4 + i], x[i * 8 + k]);
      sum += x[i * 8 + k];
    }
    EXPECT_NEAR(sums[i], sum, 1e-5);
    for (int j = 0; j < 4; ++j) {
      float expected = 1;
      for (int k = 0; k < 8; ++k)
        expected += x[i * 8 + k] * x[j * 8 + k];
      EXPECT_NEAR(product[i * 4 + j], expected, 1e-4);
    }
  }
  std::vector<float> expected(64);
  int next = 8;
  for (int i = 0; i < 8; ++i) {
    const float value = i < 6 ? x[3 * i] : -1;
    expected[i] = value;
    if (value <= 0)
      continue;
    expected[next++] = value;
    expected[16 + i] = value;
    expected[24 + 3 * i] = value;
  }
  EXPECT_EQ(rest, expected);
}

TEST_P(LevelTest, FramesAreBounded) {
  auto withFrame = [](uint64_t bytes) {
    return kernelText("k", 1,
                      R"(
  %one = arith.constant 1 : i64
  %zero = arith.constant 0 : i8
  %size = llvm.mlir.constant()" +
                          std::to_string(bytes) + R"( : i64) : i64
  %frame = llvm.alloca %size x i8 : (i64) -> !llvm.ptr
  scf.for %i = %begin to %end step %one : i64 {
    %p = llvm.getelementptr %frame[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %v = arith.trunci %i : i64 to i8
    llvm.store %v, %p : i8, !llvm.ptr
  }
  %sum = scf.for %i = %begin to %end step %one iter_args(%s = %zero) -> (i8) : i64 {
    %left = arith.subi %end, %i : i64
    %at = arith.subi %left, %one : i64
    %p = llvm.getelementptr %frame[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %v = llvm.load %p : !llvm.ptr -> i8
    %t = arith.muli %s, %v : i8
    %u = arith.addi %t, %v : i8
    scf.yield %u : i8
  }
  llvm.store %sum, %b0 : i8, !llvm.ptr
)");
  };
  CompiledKernel kernel = compileKernels(withFrame(48 * 1024), GetParam());
  ASSERT_EQ(kernel.errors, std::vector<std::string>());
  uint8_t got = 0, sum = 0;
  for (int i = 48 * 1024 - 1; i >= 0; --i)
    sum = static_cast<uint8_t>(sum * static_cast<uint8_t>(i) +
                               static_cast<uint8_t>(i));
  kernel.run({&got}, {}, 48 * 1024);
  EXPECT_EQ(got, sum);
  // Beyond what an instruction's displacement holds.
  EXPECT_FALSE(
      compileKernels(withFrame(uint64_t{9} << 30), GetParam()).errors.empty());

  std::vector<std::string> errors =
      compileKernels(withFrame(80 * 1024), GetParam()).errors;
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0],
              testing::MatchesRegex("code generation for .*: .*stack frame "
                                    "size \\(8[0-9]+\\) exceeds limit "
                                    "\\(65536\\) in function 'k'"));
}

TEST_P(LevelTest, SeveralKernelsInOneImage) {
  CompiledKernel kernels = compileKernels(
      kernelText("first", 1, "  llvm.store %end, %b0 : i64, !llvm.ptr\n") +
          kernelText("second", 1,
                     "  llvm.store %worker, %b0 : i32, !llvm.ptr\n"),
      GetParam());
  ASSERT_EQ(kernels.errors, std::vector<std::string>());
  ASSERT_EQ(kernels.image.entries.size(), 2u);
  EXPECT_EQ(kernels.image.entries[0].name, "first");
  EXPECT_EQ(kernels.image.entries[1].name, "second");
  int64_t value = -1;
  kernels.run({&value}, {}, 77, 0);
  EXPECT_EQ(value, 77);
  kernels.run({&value}, {}, 1, 1);
  EXPECT_EQ(value, 0);
}

} // namespace
