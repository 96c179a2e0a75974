//===- GgufTest.cpp - GGUF files and their blocks ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Gguf.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace moe::core;

namespace {

/// Bytes of a file, written field by field.
class Writer {
public:
  template <typename T> Writer &number(T value) {
    const auto *raw = reinterpret_cast<const std::byte *>(&value);
    bytes.insert(bytes.end(), raw, raw + sizeof value);
    return *this;
  }
  Writer &text(std::string_view value) {
    number<uint64_t>(value.size());
    for (char c : value)
      bytes.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Writer &start(uint64_t tensors, uint64_t keys) {
    return number<uint32_t>(0x46554747)
        .number<uint32_t>(3)
        .number(tensors)
        .number(keys);
  }
  Writer &tensor(std::string_view name, std::vector<uint64_t> dims,
                 uint32_t type, uint64_t offset) {
    text(name).number(static_cast<uint32_t>(dims.size()));
    for (uint64_t dim : dims)
      number(dim);
    return number(type).number(offset);
  }
  Writer &data(size_t count) {
    bytes.resize((bytes.size() + 31) / 32 * 32);
    for (size_t i = 0; i < count; ++i)
      bytes.push_back(static_cast<std::byte>(i));
    return *this;
  }

  Result<GgufHeader> parse() const { return parseGguf(bytes, "X"); }
  std::string error() const {
    Result<GgufHeader> header = parse();
    return header ? "no error" : header.error().str();
  }

  std::vector<std::byte> bytes;
};

} // namespace

TEST(Gguf, KeysAndTensors) {
  Writer file;
  file.start(2, 4);
  file.text("general.architecture").number<uint32_t>(8).text("llama");
  file.text("llama.expert_count").number<uint32_t>(4).number<uint32_t>(8);
  file.text("llama.scale").number<uint32_t>(6).number(2.5f);
  file.text("tokens").number<uint32_t>(9).number<uint32_t>(8);
  file.number<uint64_t>(2).text("a").text("b");
  file.tensor("b", {64, 2, 3}, 8, 32).tensor("a", {4, 2}, 0, 0);
  file.data(32 + 12 * 34);
  Result<GgufHeader> header = file.parse();
  ASSERT_TRUE(header) << header.error().str();
  EXPECT_EQ(header->metadata.size(), 3u);
  EXPECT_EQ(std::get<std::string>(header->metadata["general.architecture"]),
            "llama");
  EXPECT_EQ(std::get<int64_t>(header->metadata["llama.expert_count"]), 8);
  EXPECT_EQ(std::get<double>(header->metadata["llama.scale"]), 2.5);
  ASSERT_EQ(header->tensors.size(), 2u);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(header->tensors[1].shape, (std::vector<int64_t>{3, 2, 64}));
  EXPECT_EQ(header->tensors[1].begin, header->tensors[0].begin + 32);
  EXPECT_EQ(header->tensors[1].end, file.bytes.size());
  // Every shorter file is an error, none a crash.
  for (size_t size = 0; size < file.bytes.size(); ++size)
    EXPECT_FALSE(parseGguf(std::span(file.bytes).first(size), "X")) << size;
}

TEST(Gguf, WhatContradictsItself) {
  EXPECT_EQ(Writer().text("nothing").error(),
            "E0111: 'X': it does not begin with 'GGUF'");
  EXPECT_EQ(Writer().number<uint32_t>(0x46554747).number<uint32_t>(1).error(),
            "E0111: 'X': it is of version 1; moec reads versions 2 and 3, "
            "little endian");
  EXPECT_EQ(Writer().start(1, 2).error(),
            "E0111: 'X': it has 24 bytes, too few for 2 keys and 1 tensors");
  auto with = [](uint64_t dim, uint32_t type, uint64_t offset) {
    return Writer()
        .start(1, 0)
        .tensor("t", {dim}, type, offset)
        .data(64)
        .error();
  };
  EXPECT_EQ(with(17, 0, 0), "E0111: 'X': tensor 't' ends behind the file, "
                            "which has 128 bytes");
  EXPECT_EQ(with(16, 0, 32), "E0111: 'X': tensor 't' ends behind the file, "
                             "which has 128 bytes");
  EXPECT_EQ(with(16, 0, 1000), "E0111: 'X': tensor 't' begins behind the file");
  EXPECT_EQ(with(33, 8, 0),
            "E0111: 'X': tensor 't' has rows of 33; Q8_0 has blocks of 32");
  EXPECT_EQ(with(uint64_t(1) << 63, 0, 0),
            "E0111: 'X': tensor 't' has a dimension larger than any file");
  EXPECT_EQ(with(uint64_t(1) << 62, 0, 0),
            "E0111: 'X': tensor 't' ends behind the file, which has 128 bytes");
  EXPECT_EQ(Writer()
                .start(1, 0)
                .tensor("t", std::vector<uint64_t>(9, 1), 0, 0)
                .data(64)
                .error(),
            "E0111: 'X': tensor 't' has 9 dimensions, at most 8 are possible");
  EXPECT_EQ(Writer()
                .start(2, 0)
                .tensor("t", {1}, 0, 0)
                .tensor("t", {1}, 0, 0)
                .data(64)
                .error(),
            "E0111: 'X': tensor 't' occurs twice");
  EXPECT_EQ(
      Writer().start(0, 1).text("k").number<uint32_t>(99).data(64).error(),
      "E0111: 'X': key 'k' has the unknown type 99");
  Writer nested;
  nested.start(0, 1).text("k").number<uint32_t>(9);
  for (int i = 0; i < 6; ++i)
    nested.number<uint32_t>(9).number<uint64_t>(1);
  EXPECT_EQ(nested.data(64).error(),
            "E0111: 'X': key 'k' has arrays nested deeper than 4");
  EXPECT_EQ(Writer()
                .start(0, 1)
                .text("general.alignment")
                .number<uint32_t>(4)
                .number<uint32_t>(0)
                .data(64)
                .error(),
            "E0111: 'X': key 'general.alignment' must be an integer of 1 to "
            "16777216");
  EXPECT_EQ(Writer()
                .start(0, 2)
                .text("k")
                .number<uint32_t>(7)
                .number<uint8_t>(1)
                .text("k")
                .number<uint32_t>(7)
                .number<uint8_t>(1)
                .data(64)
                .error(),
            "E0111: 'X': key 'k' occurs twice");
}

TEST(Gguf, UnknownTypesAreNobodysBusiness) {
  Writer file;
  file.start(1, 0).tensor("t", {7}, 1000, 0).data(64);
  Result<GgufHeader> header = file.parse();
  ASSERT_TRUE(header) << header.error().str();
  EXPECT_EQ(header->tensors[0].type, nullptr);
}

/// What the format's own Python package (gguf 0.19.0) makes of the same bytes.
struct Decoded {
  std::string_view type;
  uint16_t first, second; ///< f16 scale and minimum, where there are
  size_t at;              ///< of the first
  double value0, value17, last, weighted;
};
static constexpr Decoded kDecoded[] = {
    {"Q4_0", 0x28c0, 0, 0, -0.111328125, -0.037109375, 0.0, -19.22265625},
    {"Q4_1", 0x28c0, 0xb2c1, 0, 0.3455810546875, 0.2342529296875,
     0.2342529296875, 36.3671875},
    {"Q5_0", 0x28c0, 0, 0, 0.333984375, 0.0, 0.037109375, 4.15625},
    {"Q5_1", 0x28c0, 0xb2c1, 0, 0.4940185546875, -0.0255126953125,
     -0.0255126953125, 181.76171875},
    {"Q8_0", 0x28c0, 0, 0, 3.154296875, -2.00390625, -1.78125, -299.84375},
    {"Q4_K", 0x28c0, 0xb2c1, 0, 23.4183349609375, 10.7640380859375,
     9.8363037109375, 499483.875},
    {"Q5_K", 0x28c0, 0xb2c1, 0, 41.8245849609375, 10.7640380859375,
     12.0628662109375, 813229.09375},
    {"Q6_K", 0x27ae, 0, 208, -42.928253173828125, 15.359375, -1.7999267578125,
     23531.642456054688},
    {"MXFP4", 125, 0, 0, 0.0, 0.75, 0.75, 79.75},
};

TEST(Gguf, BlocksAreWhatTheFormatsOwnPackageMakesOfThem) {
  for (const Decoded &each : kDecoded) {
    const GgufType *type = nullptr;
    for (const GgufType &known : ggufTypes())
      if (known.name == each.type)
        type = &known;
    ASSERT_NE(type, nullptr) << each.type;
    std::vector<uint8_t> block(type->bytes);
    for (size_t i = 0; i < block.size(); ++i)
      block[i] = static_cast<uint8_t>(i * 37 + 11);
    const bool mxfp4 = each.type == "MXFP4";
    std::memcpy(block.data() + each.at, &each.first, mxfp4 ? 1 : 2);
    if (each.second != 0)
      std::memcpy(block.data() + each.at + 2, &each.second, 2);
    std::vector<float> values(static_cast<size_t>(type->elements));
    type->decode(block.data(), values.data());
    double weighted = 0;
    for (size_t i = 0; i < values.size(); ++i)
      weighted += static_cast<double>(i + 1) * values[i];
    EXPECT_EQ(values[0], each.value0) << each.type;
    EXPECT_EQ(values[17], each.value17) << each.type;
    EXPECT_EQ(values.back(), each.last) << each.type;
    EXPECT_EQ(weighted, each.weighted) << each.type;
  }
}
