//===- ElementKernelTest.cpp - Ordinary ops -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of ordinary ops computes each element of its results from elements
// of its arguments; every kind of op is one such rule, compared here with the
// same rule in a line of C++.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/runtime/reference/Experts.h"
#include "moe/runtime/reference/Rows.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

constexpr const char *host = "x86-64-v3";

/// One kernel @k with one dimension d0; `sizes` of its values in order.
std::string kernelOf(const std::string &signature,
                     const std::vector<std::string> &sizes,
                     const std::string &body) {
  std::string text = "#map = affine_map<(d0) -> (d0)>\n";
  std::string list;
  for (const std::string &size : sizes)
    list += (list.empty() ? "" : ", ") + ("affine_map<(d0) -> (" + size + ")>");
  return "moe_exec.kernel @k" + signature +
         " attributes {num_dims = 1 : i64, sizes = [" + list + "]} {\n" + body +
         "\n}\n";
}

class ElementKernelTest : public testing::Test {
protected:
  void SetUp() override {
    if (!hostRuns(host))
      GTEST_SKIP() << "this host lacks " << host;
  }

  /// Runs a kernel whose last buffer is `result`, for d0 = `rows`.
  void run(const std::string &text, std::vector<Buffer *> buffers,
           int64_t rows) {
    LoweredKernels kernels(text, host);
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    kernels.run("k", buffers, {rows}, random);
  }

  Buffer floats(DType dtype, size_t count) {
    return Buffer(dtype, randomValues(dtype, count, random));
  }

  template <typename Fn>
  void expect(const Buffer &result, double tolerance, Fn &&want) {
    for (size_t i = 0; i < result.size(); ++i) {
      double expected = want(static_cast<int64_t>(i));
      ASSERT_NEAR(result[i], expected, tolerance * (1 + std::abs(expected)))
          << "element " << i;
    }
  }

  std::mt19937 random{11};
};

TEST_F(ElementKernelTest, RootMeanSquareNorm) {
  // A chain of four ops: one loop nest, the sum computed once a row.
  Buffer x = floats(DType::BF16, 9 * 50), w = floats(DType::F32, 50),
         y(DType::BF16, size_t(9 * 50));
  run(kernelOf("(%x: tensor<?x50xbf16>, %w: tensor<50xf32>) -> "
               "tensor<?x50xbf16>",
               {"d0", "", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %zero = arith.constant 0.0 : f32
    %n = arith.constant 50.0 : f32
    %eps = arith.constant 1.0e-6 : f32
    %e = tensor.empty(%rows) : tensor<?xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %s = linalg.generic {
        indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>,
                         affine_map<(d0, d1) -> (d0)>],
        iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x50xbf16>) outs(%z : tensor<?xf32>) {
    ^bb0(%in: bf16, %out: f32):
      %f = arith.extf %in : bf16 to f32
      %q = arith.mulf %f, %f : f32
      %a = arith.addf %out, %q : f32
      linalg.yield %a : f32
    } -> tensor<?xf32>
    %y0 = tensor.empty(%rows) : tensor<?x50xbf16>
    %y = linalg.generic {
        indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>,
                         affine_map<(d0, d1) -> (d0)>,
                         affine_map<(d0, d1) -> (d1)>,
                         affine_map<(d0, d1) -> (d0, d1)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%x, %s, %w : tensor<?x50xbf16>, tensor<?xf32>, tensor<50xf32>)
        outs(%y0 : tensor<?x50xbf16>) {
    ^bb0(%in: bf16, %sum: f32, %weight: f32, %out: bf16):
      %m = arith.divf %sum, %n : f32
      %p = arith.addf %m, %eps : f32
      %r = math.rsqrt %p : f32
      %f = arith.extf %in : bf16 to f32
      %t = arith.mulf %f, %r : f32
      %v = arith.mulf %t, %weight : f32
      %b = arith.truncf %v : f32 to bf16
      linalg.yield %b : bf16
    } -> tensor<?x50xbf16>
    moe_exec.return %y : tensor<?x50xbf16>)"),
      {&x, &w, &y}, 9);
  expect(y, 4e-3, [&](int64_t i) {
    double sum = 0;
    for (int64_t k = 0; k < 50; ++k)
      sum += x[i / 50 * 50 + k] * x[i / 50 * 50 + k];
    return x[i] / std::sqrt(sum / 50 + 1e-6) * w[i % 50];
  });
}

TEST_F(ElementKernelTest, SoftmaxAndArgMax) {
  Buffer x = floats(DType::F32, 6 * 13), y(DType::F32, size_t(6 * 13)),
         best(DType::I32, size_t(6));
  run(kernelOf("(%x: tensor<?x13xf32>) -> (tensor<?x13xf32>, tensor<?xi32>)",
               {"d0", "d0", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %low = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %zeroI = arith.constant 0 : i32
    %e = tensor.empty(%rows) : tensor<?xf32>
    %ei = tensor.empty(%rows) : tensor<?xi32>
    %m0 = linalg.fill ins(%low : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %i0 = linalg.fill ins(%zeroI : i32) outs(%ei : tensor<?xi32>) -> tensor<?xi32>
    %m, %i = linalg.generic {
        indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>,
                         affine_map<(d0, d1) -> (d0)>,
                         affine_map<(d0, d1) -> (d0)>],
        iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x13xf32>) outs(%m0, %i0 : tensor<?xf32>, tensor<?xi32>) {
    ^bb0(%in: f32, %max: f32, %at: i32):
      %n = linalg.index 1 : index
      %ni = arith.index_cast %n : index to i32
      %g = arith.cmpf ogt, %in, %max : f32
      %a = arith.select %g, %in, %max : f32
      %b = arith.select %g, %ni, %at : i32
      linalg.yield %a, %b : f32, i32
    } -> (tensor<?xf32>, tensor<?xi32>)
    %full = tensor.empty(%rows) : tensor<?x13xf32>
    %p = linalg.generic {
        indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>,
                         affine_map<(d0, d1) -> (d0)>,
                         affine_map<(d0, d1) -> (d0, d1)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%x, %m : tensor<?x13xf32>, tensor<?xf32>)
        outs(%full : tensor<?x13xf32>) {
    ^bb0(%in: f32, %max: f32, %out: f32):
      %d = arith.subf %in, %max : f32
      %v = math.exp %d : f32
      linalg.yield %v : f32
    } -> tensor<?x13xf32>
    %s0 = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %s = linalg.reduce ins(%p : tensor<?x13xf32>) outs(%s0 : tensor<?xf32>)
        dimensions = [1] (%in: f32, %out: f32) {
      %a = arith.addf %in, %out : f32
      linalg.yield %a : f32
    }
    %b = linalg.broadcast ins(%s : tensor<?xf32>) outs(%full : tensor<?x13xf32>)
        dimensions = [1]
    %y = arith.divf %p, %b : tensor<?x13xf32>
    moe_exec.return %y, %i : tensor<?x13xf32>, tensor<?xi32>)"),
      {&x, &y, &best}, 6);
  auto highest = [&](int64_t row) {
    int64_t at = 0;
    for (int64_t k = 1; k < 13; ++k)
      if (x[row * 13 + k] > x[row * 13 + at])
        at = k;
    return at;
  };
  expect(best, 0, [&](int64_t row) { return double(highest(row)); });
  expect(y, 1e-6, [&](int64_t i) {
    double max = x[i / 13 * 13 + highest(i / 13)], sum = 0;
    for (int64_t k = 0; k < 13; ++k)
      sum += std::exp(x[i / 13 * 13 + k] - max);
    return std::exp(x[i] - max) / sum;
  });
}

TEST_F(ElementKernelTest, SlicesAndJoins) {
  Buffer x = floats(DType::F32, 7 * 10), y(DType::F32, size_t(7 * 17));
  // Columns: 3 of a slice with a step, 10 with a patch, 4 of padding and more.
  run(kernelOf("(%x: tensor<?x10xf32>) -> tensor<?x17xf32>", {"d0", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %seven = arith.constant 7.0 : f32
    %a = tensor.extract_slice %x[0, 1] [%rows, 3] [1, 3]
        : tensor<?x10xf32> to tensor<?x3xf32>
    %n = arith.negf %a : tensor<?x3xf32>
    %b = tensor.insert_slice %n into %x[0, 2] [%rows, 3] [1, 2]
        : tensor<?x3xf32> into tensor<?x10xf32>
    %c = tensor.extract_slice %x[0, 4] [%rows, 2] [1, 1]
        : tensor<?x10xf32> to tensor<?x2xf32>
    %p = tensor.pad %c low[0, 1] high[0, 1] {
    ^bb0(%i: index, %j: index):
      tensor.yield %seven : f32
    } : tensor<?x2xf32> to tensor<?x4xf32>
    %y = tensor.concat dim(1) %a, %b, %p
        : (tensor<?x3xf32>, tensor<?x10xf32>, tensor<?x4xf32>) -> tensor<?x17xf32>
    moe_exec.return %y : tensor<?x17xf32>)"),
      {&x, &y}, 7);
  expect(y, 0, [&](int64_t i) {
    int64_t row = i / 17, at = i % 17;
    auto in = [&](int64_t column) { return x[row * 10 + column]; };
    if (at < 3)
      return in(1 + 3 * at);
    at -= 3;
    if (at < 10)
      return at >= 2 && at < 8 && at % 2 == 0 ? -in(1 + 3 * ((at - 2) / 2))
                                              : in(at);
    at -= 10;
    return at == 0 || at == 3 ? 7.0 : in(4 + at - 1);
  });
}

TEST_F(ElementKernelTest, PaddingReadsNothingOutside) {
  // The padded rows are computed, but not where there are none.
  Buffer x = floats(DType::F32, 5 * 8), y(DType::F32, size_t(9 * 8));
  run(kernelOf("(%x: tensor<?x8xf32>) -> tensor<?x8xf32>", {"d0", "d0 + 4"},
               R"(
    %zero = arith.constant 0.0 : f32
    %n = arith.negf %x : tensor<?x8xf32>
    %y = tensor.pad %n low[3, 0] high[1, 0] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : f32
    } : tensor<?x8xf32> to tensor<?x8xf32>
    moe_exec.return %y : tensor<?x8xf32>)"),
      {&x, &y}, 5);
  expect(y, 0, [&](int64_t i) {
    int64_t row = i / 8 - 3;
    return row < 0 || row >= 5 ? 0.0 : -x[row * 8 + i % 8];
  });
}

TEST_F(ElementKernelTest, ShapesAndTranspositions) {
  Buffer x = floats(DType::F16, 5 * 12), y(DType::F16, size_t(5 * 12));
  run(kernelOf("(%x: tensor<?x12xf16>) -> tensor<3x?x4xf16>", {"d0", "d0"},
               R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %e = tensor.expand_shape %x [[0], [1, 2]] output_shape [%rows, 3, 4]
        : tensor<?x12xf16> into tensor<?x3x4xf16>
    %c = tensor.collapse_shape %e [[0, 1], [2]]
        : tensor<?x3x4xf16> into tensor<?x4xf16>
    %n = arith.negf %c : tensor<?x4xf16>
    %back = tensor.expand_shape %n [[0, 1], [2]] output_shape [%rows, 3, 4]
        : tensor<?x4xf16> into tensor<?x3x4xf16>
    %o = tensor.empty(%rows) : tensor<3x?x4xf16>
    %y = linalg.transpose ins(%back : tensor<?x3x4xf16>)
        outs(%o : tensor<3x?x4xf16>) permutation = [1, 0, 2]
    moe_exec.return %y : tensor<3x?x4xf16>)"),
      {&x, &y}, 5);
  expect(y, 0, [&](int64_t i) {
    int64_t a = i / 20, row = i / 4 % 5, b = i % 4;
    return -x[row * 12 + a * 4 + b];
  });
}

TEST_F(ElementKernelTest, GatherByData) {
  Buffer table = floats(DType::F32, 6 * 4), y(DType::F32, size_t(5 * 4)),
         z(DType::F32, size_t(5));
  // What is not in the table is read from its border.
  Buffer at(std::vector<int32_t>{3, 0, 5, -2, 900});
  run(kernelOf("(%t: tensor<6x4xf32>, %i: tensor<?x1xi32>) -> "
               "(tensor<?x4xf32>, tensor<?xf32>)",
               {"", "d0", "d0", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %g = tensor.gather %t[%i] gather_dims([0])
        : (tensor<6x4xf32>, tensor<?x1xi32>) -> tensor<?x4xf32>
    %e = tensor.empty(%rows) : tensor<?xf32>
    %c = tensor.collapse_shape %i [[0, 1]] : tensor<?x1xi32> into tensor<?xi32>
    %z = linalg.generic {
        indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
        iterator_types = ["parallel"]}
        ins(%c : tensor<?xi32>) outs(%e : tensor<?xf32>) {
    ^bb0(%in: i32, %out: f32):
      %n = arith.index_cast %in : i32 to index
      %two = arith.constant 2 : index
      %v = tensor.extract %t[%n, %two] : tensor<6x4xf32>
      linalg.yield %v : f32
    } -> tensor<?xf32>
    moe_exec.return %g, %z : tensor<?x4xf32>, tensor<?xf32>)"),
      {&table, &at, &y, &z}, 5);
  auto row = [&](int64_t i) { return std::clamp<int64_t>(at.ints()[i], 0, 5); };
  expect(y, 0, [&](int64_t i) { return table[row(i / 4) * 4 + i % 4]; });
  expect(z, 0, [&](int64_t i) { return table[row(i) * 4 + 2]; });
}

TEST_F(ElementKernelTest, MatrixProductOfOrdinaryOps) {
  Buffer a = floats(DType::F32, 3 * 7), b = floats(DType::F32, 7 * 5),
         y(DType::F32, size_t(3 * 5));
  run(kernelOf("(%a: tensor<?x7xf32>, %b: tensor<7x5xf32>) -> tensor<?x5xf32>",
               {"d0", "", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %one = arith.constant 1.0 : f32
    %e = tensor.empty(%rows) : tensor<?x5xf32>
    %i = linalg.fill ins(%one : f32) outs(%e : tensor<?x5xf32>) -> tensor<?x5xf32>
    %y = linalg.matmul ins(%a, %b : tensor<?x7xf32>, tensor<7x5xf32>)
        outs(%i : tensor<?x5xf32>) -> tensor<?x5xf32>
    moe_exec.return %y : tensor<?x5xf32>)"),
      {&a, &b, &y}, 3);
  expect(y, 1e-6, [&](int64_t i) {
    double sum = 1;
    for (int64_t k = 0; k < 7; ++k)
      sum += a[i / 5 * 7 + k] * b[k * 5 + i % 5];
    return sum;
  });
}

TEST_F(ElementKernelTest, ConstantsBooleansAndCopies) {
  Buffer x = floats(DType::F32, 4 * 3), y(DType::F32, size_t(12)),
         positive(DType::Bool, size_t(12)), copy(DType::F32, size_t(12));
  run(kernelOf("(%x: tensor<?x3xf32>) -> "
               "(tensor<?x3xf32>, tensor<?x3xi1>, tensor<?x3xf32>)",
               {"d0", "d0", "d0", "d0"}, R"(
    %rows = moe_exec.size affine_map<(d0) -> (d0)>
    %bias = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
    %flip = arith.constant dense<[true, false, true]> : tensor<3xi1>
    %zero = arith.constant 0.0 : f32
    %z = tensor.splat %zero[%rows] : tensor<?x3xf32>
    %p = arith.cmpf ogt, %x, %z : tensor<?x3xf32>
    %e = tensor.empty(%rows) : tensor<?x3xf32>
    %y = linalg.generic {
        indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>,
                         affine_map<(d0, d1) -> (d1)>,
                         affine_map<(d0, d1) -> (d1)>,
                         affine_map<(d0, d1) -> (d0, d1)>],
        iterator_types = ["parallel", "parallel"]}
        ins(%p, %bias, %flip : tensor<?x3xi1>, tensor<3xf32>, tensor<3xi1>)
        outs(%e : tensor<?x3xf32>) {
    ^bb0(%in: i1, %b: f32, %f: i1, %out: f32):
      %q = arith.xori %in, %f : i1
      %v = arith.select %q, %b, %zero : f32
      linalg.yield %v : f32
    } -> tensor<?x3xf32>
    moe_exec.return %y, %p, %x : tensor<?x3xf32>, tensor<?x3xi1>, tensor<?x3xf32>)"),
      {&x, &y, &positive, &copy}, 4);
  expect(positive, 0, [&](int64_t i) { return double(x[i] > 0); });
  expect(copy, 0, [&](int64_t i) { return x[i]; });
  expect(y, 0, [&](int64_t i) {
    bool flip = i % 3 != 1;
    return (x[i] > 0) != flip ? 1.0 + i % 3 : 0.0;
  });
}

TEST_F(ElementKernelTest, Activations) {
  for (const semantics::ActivationRow &row : semantics::activations()) {
    std::vector<double> params;
    std::string attributes;
    for (const semantics::ActivationParam &param : row.params) {
      params.push_back(param.required ? 1.5 : param.defaultValue);
      if (param.required)
        attributes += (attributes.empty() ? "" : ", ") +
                      std::string(param.name) + " = 1.5";
    }
    const std::string t = "tensor<?x9xf32>";
    const bool gated = row.arity == 2;
    Buffer x = floats(DType::F32, 27), up = floats(DType::F32, 27),
           y(DType::F32, size_t(27));
    x.set(0, -1000);
    x.set(1, 1000);
    std::vector<Buffer *> buffers{&x};
    if (gated)
      buffers.push_back(&up);
    buffers.push_back(&y);
    SCOPED_TRACE(row.name);
    run(kernelOf("(%x: " + t + (gated ? ", %u: " + t : "") + ") -> " + t,
                 gated ? std::vector<std::string>{"d0", "d0", "d0"}
                       : std::vector<std::string>{"d0", "d0"},
                 "%y = moe.activate " + std::string(row.name) + "(%x" +
                     (gated ? ", %u" : "") + ") " +
                     (attributes.empty() ? "" : "{" + attributes + "} ") +
                     ": (" + t + (gated ? ", " + t : "") + ") -> " + t +
                     "\nmoe_exec.return %y : " + t),
        buffers, 3);
    std::vector<double> want = reference::activate(
        row, params, x.values(), gated ? up.values() : std::vector<double>());
    expect(y, 2e-6, [&](int64_t i) { return want[i]; });
  }
}

TEST_F(ElementKernelTest, DispatchedRows) {
  std::vector<int32_t> ids{2, 0, -1, 2, 1, 1, 0, -1};
  auto groups = reference::group(ids, 3);
  ASSERT_TRUE(groups);
  Buffer x = floats(DType::BF16, 4 * 5), scale = floats(DType::F32, 8),
         offsets(groups->offsets), slotOfRow(groups->slotOfRow),
         rowOfSlot(groups->rowOfSlot), y(DType::BF16, size_t(8 * 5));
  run(kernelOf("(%x: tensor<?x5xbf16>, %g: !moe.groups<experts = 3, ragged>, "
               "%s: tensor<?x2xf32>) -> tensor<?x5xbf16>",
               {"d0", "d0 * 2", "d0", "d0 * 2"}, R"(
    %y = moe.dispatch %x by %g scale %s : tensor<?x5xbf16>,
        !moe.groups<experts = 3, ragged>, tensor<?x2xf32> -> tensor<?x5xbf16>
    moe_exec.return %y : tensor<?x5xbf16>)"),
      {&x, &offsets, &slotOfRow, &rowOfSlot, &scale, &y}, 4);
  std::vector<double> want =
      reference::dispatch(*groups, 2, x.values(), 5, scale.values());
  for (int64_t i = 0; i < groups->offsets[3] * 5; ++i)
    ASSERT_EQ(y[i], core::roundTo(DType::BF16, want[i])) << i;
}

TEST_F(ElementKernelTest, Refusals) {
  auto error = [&](const std::string &body, const std::string &type) {
    LoweredKernels kernels(kernelOf("(%x: " + type + ") -> " + type,
                                    {"d0", "d0"},
                                    body + "\nmoe_exec.return %y : " + type),
                           host);
    return kernels.errors.empty() ? std::string() : kernels.errors.front();
  };
  EXPECT_EQ(
      error("%y = arith.remf %x, %x : tensor<?x2xf32>", "tensor<?x2xf32>"),
      "'moe_exec.kernel' op cannot be lowered for x86-64-v3: arith.remf "
      "has no CPU lowering");
  EXPECT_EQ(error("%y = math.exp %x : tensor<?x2xf64>", "tensor<?x2xf64>"),
            "'moe_exec.kernel' op cannot be lowered for x86-64-v3: math.exp on "
            "f64 has no CPU lowering; compute in f32");
  EXPECT_EQ(error("%y = arith.addi %x, %x : tensor<?x2xi4>", "tensor<?x2xi4>"),
            "'moe_exec.kernel' op cannot be lowered for x86-64-v3: arith.addi "
            "on i4 has no CPU lowering");
}

} // namespace
