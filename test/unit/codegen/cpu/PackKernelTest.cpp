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

TEST(PackKernelTest, PairsOfElementsFilledUp) {
  const std::string type = "!moe.packed<#moe_cpu.panels<columns = 8, "
                           "interleave = 2, depth_multiple = 32>, "
                           "2x11x35xbf16, 2x11x35xbf16>";
  LoweredKernels kernels(
      "moe_exec.kernel @pack(%a: tensor<2x11x35xbf16>, %b: "
      "tensor<2x11x35xbf16>) -> " +
          type +
          " attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, "
          "affine_map<() -> ()>, affine_map<() -> ()>]} {\n  %p = moe.pack %a, "
          "%b : tensor<2x11x35xbf16>, tensor<2x11x35xbf16> -> " +
          type + "\n  moe_exec.return %p : " + type + "\n}\n",
      host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(3);
  const int64_t experts = 2, n = 11, k = 35, padded = 64, columns = 8;
  const size_t count = experts * n * k;
  Buffer a(DType::BF16, randomValues(DType::BF16, count, random)),
      b(DType::BF16, randomValues(DType::BF16, count, random)),
      packed(DType::BF16, size_t(experts * 2 * padded * 2 * columns));
  kernels.run("pack", {&a, &b, &packed}, {}, random);
  for (int64_t e = 0; e < experts; ++e)
    for (int64_t column = 0; column < 2 * columns; ++column)
      for (int64_t at = 0; at < padded; ++at)
        for (int64_t side = 0; side < 2; ++side) {
          int64_t panel = e * 2 + column / columns;
          int64_t line = (panel * padded / 2 + at / 2) * 2 + side;
          int64_t place = (line * columns + column % columns) * 2 + at % 2;
          double want = column < n && at < k
                            ? (side ? b : a)[(e * n + column) * k + at]
                            : 0.0;
          ASSERT_EQ(packed[place], want) << "side " << side << " expert " << e
                                         << " n " << column << " k " << at;
        }
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

/// Every format of the table, at sizes that end in the middle of words, panels
/// and blocks, bit for bit what the reference says.
TEST(PackKernelTest, EveryFormat) {
  std::mt19937 random(5);
  for (const semantics::QuantRow &format : semantics::quantFormats())
    for (DType result : {DType::F32, DType::BF16})
      for (bool ordered : {false, true}) {
        if (ordered && !format.columnGroups)
          continue;
        semantics::QuantShape shape{.rows = 13, .cols = 50};
        if (format.blockRows == 0) {
          shape.blockCols = 15;
        } else {
          shape.blockRows = format.blockRows;
          shape.blockCols = format.blockCols;
          shape.cols = 2 * format.blockCols;
        }
        auto dims = [](std::vector<int64_t> sizes) {
          std::string text;
          for (int64_t size : sizes)
            text += std::to_string(size) + "x";
          return text;
        };
        const int64_t perWord = format.codesPerWord;
        const bool rowsPacked = format.along == semantics::PackedAlong::Rows;
        std::vector<int64_t> codeDims = {
            rowsPacked ? (shape.rows + perWord - 1) / perWord : shape.rows,
            rowsPacked ? shape.cols : (shape.cols + perWord - 1) / perWord};
        if (format.nested)
          codeDims = {shape.rows, shape.cols / shape.blockCols,
                      shape.blockCols / perWord};
        const bool fp8 = format.code == semantics::CodeKind::E4M3FN;
        const DType word = fp8                     ? DType::F8E4M3
                           : format.wordBits == 32 ? DType::I32
                                                   : DType::U8;
        const std::string wordType = fp8                     ? "f8E4M3FN"
                                     : format.wordBits == 32 ? "i32"
                                                             : "i8";
        struct Operand {
          std::string type;
          Buffer buffer;
        };
        std::vector<Operand> operands;
        auto add = [&](const std::string &type, DType dtype, int64_t count,
                       auto &&value) {
          Buffer buffer(dtype, size_t(count));
          for (size_t i = 0; i < buffer.size(); ++i)
            buffer.set(i, value());
          operands.push_back({type, std::move(buffer)});
        };
        auto anyWord = [&]() -> double {
          if (fp8)
            return semantics::codeValues(format.code)[random() % 127];
          return format.wordBits == 32 ? double(int32_t(random()))
                                       : double(random() % 256);
        };
        const int64_t scaleCount = shape.scaleRows() * shape.scaleCols();
        const std::string scaleDims =
            dims({shape.scaleRows(), shape.scaleCols()});
        add(dims(codeDims) + wordType, word, codeWords(format, shape), anyWord);
        switch (format.scale) {
        case semantics::ScaleKind::Float:
          add(scaleDims + "f16", DType::F16, scaleCount,
              [&] { return double(1 + random() % 1000) / 512; });
          break;
        case semantics::ScaleKind::E8M0:
          add(scaleDims + "i8", DType::U8, scaleCount,
              [&] { return double(120 + random() % 16); });
          break;
        case semantics::ScaleKind::E4M3FN:
          add(scaleDims + "f8E4M3FN", DType::F8E4M3, scaleCount, [&] {
            return semantics::codeValues(
                semantics::CodeKind::E4M3FN)[1 + random() % 126];
          });
          break;
        }
        reference::QuantExtras extras;
        std::vector<double> zeros, matrixScales, groups;
        if (format.zeros) {
          add(dims({(shape.rows + 7) / 8, shape.scaleCols()}) + wordType, word,
              zeroWords(format, shape), anyWord);
          zeros = operands.back().buffer.values();
          extras.zeros = zeros;
        }
        if (format.matrixScale != semantics::MatrixScale::None) {
          add("1x1xf32", DType::F32, 1, [&] { return 0.3; });
          matrixScales = operands.back().buffer.values();
          extras.matrixScales = matrixScales;
        }
        if (ordered) {
          add(dims({shape.cols}) + "i32", DType::I32, shape.cols,
              [&] { return double(random() % shape.scaleCols()); });
          groups = operands.back().buffer.values();
          extras.columnGroups = groups;
        }
        const std::string r(core::name(result));
        const std::string packedType =
            "!moe.packed<#moe_cpu.panels<columns = 8>, 13x" +
            std::to_string(shape.cols) + "x" + r + ">";
        const std::string weight =
            "tensor<13x" + std::to_string(shape.cols) + "x" + r + ">";
        std::string arguments, names, types, maps = "affine_map<() -> ()>";
        for (size_t i = 0; i < operands.size(); ++i) {
          std::string separator = i ? ", " : "";
          std::string name = "%a" + std::to_string(i);
          std::string type = "tensor<" + operands[i].type + ">";
          arguments += separator + name + ": " + type;
          names += separator + name;
          types += separator + type;
          maps += ", affine_map<() -> ()>";
        }
        LoweredKernels kernels(
            "moe_exec.kernel @pack(" + arguments + ") -> " + packedType +
                " attributes {num_dims = 0 : i64, sizes = [" + maps +
                "]} {\n  %w = moe.dequantize " + std::string(format.name) +
                " " + names + (format.blockRows ? "" : " block [1, 15]") +
                " : " + types + " -> " + weight +
                "\n  %p = moe.pack %w : " + weight + " -> " + packedType +
                "\n  moe_exec.return %p : " + packedType + "\n}\n",
            host);
        ASSERT_TRUE(kernels.errors.empty())
            << format.name << ": " << kernels.errors.front();
        Buffer packed(
            DType::U8,
            size_t((2 * shape.cols * 8 * core::byteSize(result) + 63) / 64 *
                   64));
        std::vector<Buffer *> buffers;
        for (Operand &operand : operands)
          buffers.push_back(&operand.buffer);
        buffers.push_back(&packed);
        kernels.run("pack", buffers, {}, random);
        auto want =
            reference::dequantize(format, shape, 1, operands[0].buffer.values(),
                                  operands[1].buffer.values(), extras);
        ASSERT_TRUE(want) << want.error().str();
        SCOPED_TRACE(std::string(format.name));
        expectPanels(packed, result, 1, 13, shape.cols, 1, 8,
                     [&](int64_t, int64_t, int64_t n, int64_t k) {
                       return core::roundTo(result,
                                            (*want)[n * shape.cols + k]);
                     });
        if (!ordered)
          continue;
        // A group that does not exist is no number, and no other one's.
        operands.back().buffer.set(7, double(shape.scaleCols()));
        kernels.run("pack", buffers, {}, random);
        EXPECT_TRUE(
            std::isnan(core::loadAsDouble(result, packed.data(), 7 * 8)));
        EXPECT_FALSE(
            std::isnan(core::loadAsDouble(result, packed.data(), 8 * 8)));
      }
}

} // namespace
