//===- PackLayoutTest.cpp - Weights into panels, from every layout --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packing moves bits. Whatever bits weights have, in whatever order they are
// stored, they arrive where the layout says, and everything else is zero.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

/// How [E, N, K] is stored, and the ops that make it of that.
enum class Stored {
  Rows,       ///< [E, N, K]
  Columns,    ///< [E, K, N], transposed
  Generic,    ///< [N, E, K], permuted by a linalg.generic
  Halves,     ///< [E, 2N, K], the upper half cut out
  Interwoven, ///< [E, K, 2N], every second column, transposed
  Flat,       ///< [E * N, K], expanded
  Heads,      ///< [E, N, 2, K / 2], collapsed
  Strided,    ///< a launch's buffer with strides
  Pieces,     ///< [3, E, K, N / 3], n made of two dimensions
  Layers,     ///< [2, E, K / 2, N], k made of two
};
constexpr Stored every[] = {Stored::Rows,   Stored::Columns,    Stored::Generic,
                            Stored::Halves, Stored::Interwoven, Stored::Flat,
                            Stored::Heads,  Stored::Strided};

struct PackCase {
  Stored stored = Stored::Rows;
  int64_t experts = 2, n = 1, k = 1, sides = 1, columns = 16;
  DType dtype = DType::F32;
  int64_t interleave = 1, depthMultiple = 1;

  int64_t padded() const {
    return (k + depthMultiple - 1) / depthMultiple * depthMultiple;
  }
  std::string element() const { return std::string(core::name(dtype)); }
  std::string tensor(std::vector<int64_t> shape) const {
    std::string text = "tensor<";
    for (int64_t size : shape)
      text += std::to_string(size) + "x";
    return text + element() + ">";
  }
  std::vector<int64_t> storedShape() const {
    switch (stored) {
    case Stored::Rows:
    case Stored::Strided:
      return {experts, n, k};
    case Stored::Columns:
      return {experts, k, n};
    case Stored::Generic:
      return {n, experts, k};
    case Stored::Halves:
      return {experts, 2 * n, k};
    case Stored::Interwoven:
      return {experts, k, 2 * n};
    case Stored::Flat:
      return {experts * n, k};
    case Stored::Heads:
      return {experts, n, 2, k / 2};
    case Stored::Pieces:
      return {3, experts, k, n / 3};
    case Stored::Layers:
      return {2, experts, k / 2, n};
    }
    return {};
  }
  /// Elements of a source's buffer.
  size_t count() const {
    if (stored == Stored::Strided)
      return experts * (n * (k + 3) + 5);
    int64_t all = 1;
    for (int64_t size : storedShape())
      all *= size;
    return all;
  }
  /// Where element (e, j, i) of the weights lies in it.
  int64_t place(int64_t e, int64_t j, int64_t i) const {
    switch (stored) {
    case Stored::Rows:
    case Stored::Flat:
    case Stored::Heads:
      return (e * n + j) * k + i;
    case Stored::Columns:
      return (e * k + i) * n + j;
    case Stored::Generic:
      return (j * experts + e) * k + i;
    case Stored::Halves:
      return (e * 2 * n + n + j) * k + i;
    case Stored::Interwoven:
      return (e * k + i) * 2 * n + 2 * j + 1;
    case Stored::Strided:
      return e * (n * (k + 3) + 5) + j * (k + 3) + i;
    case Stored::Pieces:
      return ((j / (n / 3) * experts + e) * k + i) * (n / 3) + j % (n / 3);
    case Stored::Layers:
      return ((i % 2 * experts + e) * (k / 2) + i / 2) * n + j;
    }
    return 0;
  }
  std::string text(const std::string &name) const;
  void check(const LoweredKernels &kernels, const std::string &name,
             std::mt19937 &random) const;
};

std::string PackCase::text(const std::string &name) const {
  const std::string from = tensor(storedShape()), to = tensor({experts, n, k});
  std::string packed =
      "!moe.packed<#moe_cpu.panels<columns = " + std::to_string(columns) +
      ", interleave = " + std::to_string(interleave) +
      ", depth_multiple = " + std::to_string(depthMultiple) + ">";
  std::string arguments, ops, maps = "affine_map<() -> ()>", names, types;
  for (int64_t side = 0; side < sides; ++side) {
    const std::string s = std::to_string(side), in = "%a" + s, out = "%w" + s;
    auto transpose = [&](const std::string &source, const std::string &type) {
      return "  %e" + s + " = tensor.empty() : " + to + "\n  " + out +
             " = linalg.transpose ins(" + source + " : " + type + ") outs(%e" +
             s + " : " + to + ") permutation = [0, 2, 1]\n";
    };
    auto slice = [&](const std::string &name, std::vector<int64_t> offsets,
                     std::vector<int64_t> shape, int64_t last) {
      std::string text = "  " + name + " = tensor.extract_slice " + in + "[";
      for (size_t i = 0; i < 3; ++i)
        text += (i ? ", " : "") + std::to_string(offsets[i]);
      text += "] [";
      for (size_t i = 0; i < 3; ++i)
        text += (i ? ", " : "") + std::to_string(shape[i]);
      return text + "] [1, 1, " + std::to_string(last) + "] : " + from +
             " to " + tensor(shape) + "\n";
    };
    std::string attributes, used = out;
    switch (stored) {
    case Stored::Strided:
      attributes =
          " {moe_exec.strides = array<i64: " + std::to_string(n * (k + 3) + 5) +
          ", " + std::to_string(k + 3) + ", 1>}";
      [[fallthrough]];
    case Stored::Rows:
      used = in;
      break;
    case Stored::Columns:
      ops += transpose(in, from);
      break;
    case Stored::Generic:
      ops += "  %e" + s + " = tensor.empty() : " + to + "\n  " + out +
             " = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> "
             "(d1, d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], "
             "iterator_types = [\"parallel\", \"parallel\", \"parallel\"]} "
             "ins(" +
             in + " : " + from + ") outs(%e" + s + " : " + to +
             ") {\n  ^bb0(%x: " + element() + ", %y: " + element() +
             "):\n    linalg.yield %x : " + element() + "\n  } -> " + to + "\n";
      break;
    case Stored::Halves:
      ops += slice(out, {0, n, 0}, {experts, n, k}, 1);
      break;
    case Stored::Interwoven:
      ops += slice("%s" + s, {0, 0, 1}, {experts, k, n}, 2) +
             transpose("%s" + s, tensor({experts, k, n}));
      break;
    case Stored::Flat:
      ops += "  " + out + " = tensor.expand_shape " + in +
             " [[0, 1], [2]] output_shape [" + std::to_string(experts) + ", " +
             std::to_string(n) + ", " + std::to_string(k) + "] : " + from +
             " into " + to + "\n";
      break;
    case Stored::Pieces:
    case Stored::Layers: {
      const bool pieces = stored == Stored::Pieces;
      const std::string apart = pieces ? tensor({experts, 3, n / 3, k})
                                       : tensor({experts, n, k / 2, 2});
      ops += "  %e" + s + " = tensor.empty() : " + apart + "\n  %p" + s +
             " = linalg.transpose ins(" + in + " : " + from + ") outs(%e" + s +
             " : " + apart +
             ") permutation = " + (pieces ? "[1, 0, 3, 2]" : "[1, 3, 2, 0]") +
             "\n  " + out + " = tensor.collapse_shape %p" + s +
             (pieces ? " [[0], [1, 2], [3]] : " : " [[0], [1], [2, 3]] : ") +
             apart + " into " + to + "\n";
      break;
    }
    case Stored::Heads:
      ops += "  " + out + " = tensor.collapse_shape " + in +
             " [[0], [1], [2, 3]] : " + from + " into " + to + "\n";
      break;
    }
    const std::string separator = side ? ", " : "";
    arguments += separator + in + ": " + from + attributes;
    names += separator + used;
    types += separator + to;
    maps += ", affine_map<() -> ()>";
    packed += ", " + to.substr(7, to.size() - 8);
  }
  packed += ">";
  return "moe_exec.kernel @" + name + "(" + arguments + ") -> " + packed +
         " attributes {num_dims = 0 : i64, sizes = [" + maps + "]} {\n" + ops +
         "  %p = moe.pack " + names + " : " + types + " -> " + packed +
         "\n  moe_exec.return %p : " + packed + "\n}\n";
}

void PackCase::check(const LoweredKernels &kernels, const std::string &name,
                     std::mt19937 &random) const {
  const size_t size = core::byteSize(dtype);
  std::vector<Buffer> sources;
  std::vector<Buffer *> buffers;
  for (int64_t side = 0; side < sides; ++side) {
    Buffer &buffer = sources.emplace_back(dtype, count());
    auto *bytes = static_cast<uint8_t *>(buffer.data());
    for (size_t i = 0; i < count() * size; ++i)
      bytes[i] = static_cast<uint8_t>(random());
  }
  const int64_t panels = (n + columns - 1) / columns;
  const int64_t expertBytes =
      (panels * padded() * sides * columns * static_cast<int64_t>(size) + 63) /
      64 * 64;
  std::vector<uint8_t> want(experts * expertBytes, 0);
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t side = 0; side < sides; ++side)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < k; ++i) {
          int64_t word = (j / columns * padded() + i) / interleave;
          int64_t at =
              ((word * sides + side) * columns + j % columns) * interleave +
              i % interleave;
          std::memcpy(want.data() + e * expertBytes + at * size,
                      static_cast<const uint8_t *>(sources[side].data()) +
                          place(e, j, i) * size,
                      size);
        }
  Buffer packed(DType::U8, want.size());
  for (Buffer &source : sources)
    buffers.push_back(&source);
  buffers.push_back(&packed);
  kernels.run(name, buffers, {}, random);
  std::vector<uint8_t> got = packed.raw();
  auto [here, there] = std::mismatch(got.begin(), got.end(), want.begin());
  EXPECT_TRUE(here == got.end()) << "byte " << here - got.begin() << " of\n"
                                 << text(name);
}

class PackLayoutTest : public testing::TestWithParam<const char *> {
protected:
  void run(const std::vector<PackCase> &cases) {
    if (!canRun(GetParam()))
      GTEST_SKIP() << "nothing here runs " << GetParam();
    std::string text;
    for (size_t i = 0; i < cases.size(); ++i)
      text += cases[i].text("pack_" + std::to_string(i));
    LoweredKernels kernels(text, GetParam());
    ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
    std::mt19937 random(11);
    for (size_t i = 0; i < cases.size(); ++i)
      cases[i].check(kernels, "pack_" + std::to_string(i), random);
  }
};
INSTANTIATE_TEST_SUITE_P(Levels, PackLayoutTest,
                         testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4",
                                         "aarch64"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(PackLayoutTest, EveryLayout) {
  std::vector<PackCase> cases;
  for (Stored stored : every)
    for (DType dtype : {DType::F32, DType::BF16, DType::F16})
      for (int64_t sides : {1, 2})
        cases.push_back({stored, 2, 37, 42, sides, 16, dtype});
  for (Stored stored : every)
    for (int64_t depthMultiple : {2, 32})
      cases.push_back({stored, 2, 37, 42, 1 + depthMultiple / 32, 16,
                       DType::BF16, 2, depthMultiple});
  run(cases);
}

TEST_P(PackLayoutTest, EverySize) {
  std::vector<PackCase> cases;
  for (Stored stored : {Stored::Rows, Stored::Columns})
    for (int64_t n : {1, 15, 16, 17, 33, 64})
      for (int64_t k : {1, 15, 16, 17, 33, 64}) {
        cases.push_back({stored, 2, n, k, 1, 32, DType::F32});
        cases.push_back({stored, 1, n, k, 2, 16, DType::BF16, 2, 32});
        if (n + k < 40)
          cases.push_back({stored, 1, n, k, 1, 16, DType::F16});
      }
  run(cases);
}

/// Dimensions that do not follow each other in memory, made one: panels within
/// a piece of them, and across.
TEST_P(PackLayoutTest, MadeOfPieces) {
  std::vector<PackCase> cases;
  for (Stored stored : {Stored::Pieces, Stored::Layers})
    for (int64_t n : {36, 48, 96}) {
      cases.push_back({stored, 2, n, 42, 1, 16, DType::F32});
      cases.push_back({stored, 2, n, 42, 2, 16, DType::BF16, 2, 32});
    }
  run(cases);
}

/// Panels that vectors do not divide.
TEST_P(PackLayoutTest, NarrowPanels) {
  std::vector<PackCase> cases;
  for (Stored stored : {Stored::Rows, Stored::Columns})
    for (int64_t columns : {1, 3, 4, 6, 8, 24})
      cases.push_back({stored, 2, 27, 35, 2, columns, DType::F32});
  run(cases);
}

} // namespace
