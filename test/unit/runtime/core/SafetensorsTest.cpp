//===- SafetensorsTest.cpp - Reading and writing *.safetensors --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each rule of the format, broken once, with the text a user gets.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Safetensors.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SafetensorsBytes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe::core;
using namespace moe::test;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

Result<SafetensorsHeader> parse(std::string_view bytes) {
  return parseSafetensors(std::as_bytes(std::span(bytes)), "f");
}

std::string errorOf(std::string_view bytes) {
  Result<SafetensorsHeader> header = parse(bytes);
  return header ? "no error" : header.error().str();
}

/// The error of a file with this header and `dataBytes` bytes of data.
std::string errorOf(std::string_view header, size_t dataBytes) {
  return errorOf(safetensorsBytes(header, dataBytes));
}

TEST(SafetensorsTest, ReadsTensors) {
  TemporaryFolder folder;
  std::string path =
      folder.write("f", safetensorsBytes(
                            R"({"b": {"dtype": "U8", "shape": [2, 2],
                         "data_offsets": [2, 6]},
                   "__metadata__": {"format": "pt"},
                   "a": {"dtype": "I16", "shape": [], "data_offsets": [0, 2]},
                   "e": {"dtype": "F32", "shape": [0, 7],
                         "data_offsets": [6, 6]}}   )",
                            6));
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().str();
  ASSERT_EQ(file->entries().size(), 3u);
  EXPECT_EQ(file->entries()[0].name, "a");
  EXPECT_EQ(file->metadata().at("format"), "pt");
  Result<TensorView> a = file->tensor("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->at(0), 256);
  Result<TensorView> b = file->tensor("b");
  ASSERT_TRUE(b);
  EXPECT_THAT(b->shape, ElementsAre(2, 2));
  EXPECT_EQ(b->at(3), 5);
  EXPECT_EQ(file->tensor("e")->numElements(), 0);
  EXPECT_EQ(file->tensor("bb").error().str(),
            "E0108: '" + path + "' has no tensor 'bb'");
}

TEST(SafetensorsTest, EmptyIsFine) {
  EXPECT_EQ(errorOf("{}", 0), "no error");
  EXPECT_EQ(errorOf(R"({"__metadata__": {}})", 0), "no error");
}

TEST(SafetensorsTest, CutShort) {
  EXPECT_EQ(errorOf(""), "E0104: 'f' is cut short: it has 0 bytes, but a "
                         "safetensors file begins with 8 bytes of length");
  EXPECT_EQ(errorOf("1234567"),
            "E0104: 'f' is cut short: it has 7 bytes, but a safetensors file "
            "begins with 8 bytes of length");
  EXPECT_EQ(errorOf(littleEndian(100) + "{}"),
            "E0104: 'f' is cut short: it has 10 bytes, but its header ends at "
            "108");
  EXPECT_EQ(
      errorOf(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 15),
      "E0104: 'f' is cut short: it has 78 bytes, but tensor 'a' ends at 79");
}

TEST(SafetensorsTest, NotSafetensors) {
  EXPECT_EQ(errorOf(littleEndian(UINT64_MAX) + "{}"),
            "E0105: 'f': its first 8 bytes give a header of "
            "18446744073709551615 bytes, more than the 100000000 allowed; this "
            "is no safetensors file");
  EXPECT_EQ(errorOf("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
            "E0105: 'f': this is a Git LFS pointer, not the file it stands "
            "for; 'git lfs pull' fetches that");
  EXPECT_EQ(errorOf("", 0), "E0105: 'f' is not valid JSON at line 1, column 1: "
                            "it ends too early");
  EXPECT_EQ(errorOf("{\"a\": }", 0),
            "E0105: 'f' is not valid JSON at line 1, column 7, at the "
            "end of '{\"a\": }'");
  EXPECT_EQ(errorOf("[1, 2]", 0),
            "E0105: 'f': its header must be an object, found an array of 2");
  EXPECT_EQ(errorOf(R"({"a": [[[[]]]]})", 0),
            "E0105: 'f' is nested more than 3 levels deep");
}

TEST(SafetensorsTest, Metadata) {
  EXPECT_EQ(errorOf(R"({"__metadata__": [1]})", 0),
            "E0105: 'f': '__metadata__' must be an object, found an array of "
            "1");
  EXPECT_EQ(errorOf(R"({"__metadata__": null})", 0),
            "E0105: 'f': '__metadata__' must be an object, found null");
  EXPECT_EQ(errorOf(R"({"__metadata__": {"n": 1}})", 0),
            "E0105: 'f': key '__metadata__.n' must be a string, found the "
            "number 1");
}

TEST(SafetensorsTest, FieldsOfTensors) {
  EXPECT_EQ(errorOf(R"({"a": 1})", 0),
            "E0106: 'f': tensor 'a': must be an object, found the number 1");
  EXPECT_EQ(errorOf(R"({"a": null})", 0),
            "E0106: 'f': tensor 'a': must be an object, found null");
  EXPECT_EQ(errorOf(R"({"a": {"shape": [], "data_offsets": [0, 4]}})", 4),
            "E0106: 'f': tensor 'a': 'dtype' must be a string, found none");
  EXPECT_EQ(
      errorOf(R"({"a": {"dtype": 7, "shape": [], "data_offsets": [0, 4]}})", 4),
      "E0106: 'f': tensor 'a': 'dtype' must be a string, found the number 7");
  const char *shapeError = "E0106: 'f': tensor 'a': 'shape' must be an array "
                           "of integers of at least 0";
  for (const char *shape : {"4", "[-1]", "[1.5]", "[\"1\"]", "[null]", "null",
                            "[9223372036854775808]", "{}"})
    EXPECT_EQ(errorOf(R"({"a": {"dtype": "U8", "shape": )" +
                          std::string(shape) + R"(, "data_offsets": [0, 4]}})",
                      4),
              shapeError)
        << shape;
  const char *offsetsError =
      "E0106: 'f': tensor 'a': 'data_offsets' must be two integers [begin, "
      "end] with 0 <= begin <= end";
  for (const char *offsets : {"4", "[0]", "[0, 4, 4]", "[4, 0]", "[-4, 0]",
                              "[0, 4.0]", "null", "[0, 18446744073709551615]"})
    EXPECT_EQ(
        errorOf(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": )" +
                    std::string(offsets) + "}}",
                4),
        offsetsError)
        << offsets;
}

TEST(SafetensorsTest, ShapeAndDataAgree) {
  EXPECT_EQ(
      errorOf(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,20]}})",
              20),
      "E0106: 'f': tensor 'a': shape [2, 3] of F32 needs 24 bytes, but "
      "'data_offsets' [0, 20] hold 20");
  EXPECT_EQ(
      errorOf(
          R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
          0),
      "E0106: 'f': tensor 'a': shape [4294967296, 4294967296] has more "
      "elements than fit into memory");
  // 2^64 + 4 elements are 4 where a product overflows in silence.
  EXPECT_EQ(
      errorOf(
          R"({"a":{"dtype":"U8","shape":[4,4611686018427387905],"data_offsets":[0,4]}})",
          4),
      "E0106: 'f': tensor 'a': shape [4, 4611686018427387905] has more "
      "elements than fit into memory");
}

std::string twoTensors(const char *first, const char *second) {
  return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" +
         std::string(first) +
         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" +
         std::string(second) + "}}";
}

TEST(SafetensorsTest, DataIsCoveredOnce) {
  EXPECT_EQ(errorOf(twoTensors("[4,8]", "[0,4]"), 8), "no error");
  EXPECT_EQ(errorOf(twoTensors("[0,4]", "[0,4]"), 4),
            "E0106: 'f': tensor 'b': its data overlaps that of tensor 'a'");
  EXPECT_EQ(errorOf(twoTensors("[2,6]", "[0,4]"), 6),
            "E0106: 'f': tensor 'a': its data overlaps that of tensor 'b'");
  EXPECT_EQ(errorOf(twoTensors("[0,4]", "[5,9]"), 9),
            "E0106: 'f': tensor 'b': its data begins at 5, but the tensor "
            "before it ends at 4; the format allows no holes");
  EXPECT_EQ(errorOf(twoTensors("[1,5]", "[5,9]"), 9),
            "E0106: 'f': tensor 'a': its data begins at 1, but the tensor "
            "before it ends at 0; the format allows no holes");
  EXPECT_EQ(errorOf(twoTensors("[0,4]", "[4,8]"), 10),
            "E0105: 'f': its last tensor ends at 121, but the file has 123 "
            "bytes; the format allows nothing after it");
  EXPECT_EQ(errorOf("{}", 1),
            "E0105: 'f': its last tensor ends at 10, but the file has 11 "
            "bytes; the format allows nothing after it");
  EXPECT_EQ(
      errorOf(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
          8),
      "E0105: 'f' has the key 'a' twice in one object");
}

TEST(SafetensorsTest, UnknownTypesMatterOnlyWhenAskedFor) {
  TemporaryFolder folder;
  std::string path = folder.write(
      "f",
      safetensorsBytes(
          R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}})",
          10));
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().str();
  EXPECT_EQ(file->tensor("b")->at(1), 9);
  EXPECT_EQ(file->tensor("a").error().str(),
            "E0209: '" + path +
                "': tensor 'a': moec does not read the element type 'C64'; it "
                "reads F64, F32, BF16, F16, F8_E4M3, F8_E5M2, F8_E8M0, I64, "
                "I32, I16, I8, U8, BOOL");
  EXPECT_EQ(
      errorOf(
          R"({"a":{"dtype":"F4","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
          0),
      "E0106: 'f': tensor 'a': shape [4294967296, 4294967296] has more "
      "elements than fit into memory");
}

TEST(SafetensorsTest, EveryPrefixAndEveryFlippedByteIsHandled) {
  std::string whole = safetensorsBytes(twoTensors("[0,4]", "[4,8]"), 8);
  ASSERT_EQ(errorOf(whole), "no error");
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse(std::string_view(whole).substr(0, length))) << length;
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] ^= static_cast<char>(1 << bit);
      Result<SafetensorsHeader> header = parse(flipped);
      if (!header)
        continue;
      for (const SafetensorsEntry &entry : header->entries)
        EXPECT_LE(entry.end, flipped.size());
    }
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

TEST(SafetensorsTest, WritesWhatItReads) {
  TemporaryFolder folder;
  std::string path = folder / "f.safetensors";
  std::vector<Tensor> tensors;
  std::vector<NamedView> views;
  for (int i = 0; i < numDTypes; ++i) {
    auto dtype = static_cast<DType>(i);
    Tensor tensor(dtype, {3, i % 3});
    for (int64_t j = 0; j < tensor.numElements(); ++j)
      tensor.set(j, static_cast<double>(j % 2));
    tensors.push_back(tensor);
    views.push_back({"t." + std::to_string(i), tensor.view()});
  }
  Status status = writeSafetensors(path, views, {{"made by", "a \"test\"\n"}});
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_THAT(*os::listDirectory(folder.path()), ElementsAre("f.safetensors"));

  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().str();
  EXPECT_EQ(file->entries().size(), size_t(numDTypes));
  EXPECT_EQ(file->metadata().at("made by"), "a \"test\"\n");
  for (const NamedView &view : views) {
    Result<TensorView> read = file->tensor(view.name);
    ASSERT_TRUE(read) << read.error().str();
    EXPECT_EQ(read->dtype, view.tensor.dtype);
    EXPECT_EQ(read->shape, view.tensor.shape);
    for (int64_t j = 0; j < read->numElements(); ++j) {
      double expected = view.tensor.at(j);
      EXPECT_EQ(read->at(j), expected);
    }
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read->data) % byteSize(read->dtype),
              0u)
        << view.name;
  }
}

TEST(SafetensorsTest, ErrorsOfWriting) {
  TemporaryFolder folder;
  std::string path = folder / "f";
  Tensor tensor(DType::F32, {2});
  std::vector<NamedView> views = {{"a", tensor.view()}, {"a", tensor.view()}};
  EXPECT_EQ(writeSafetensors(path, views).error().str(),
            "E0106: '" + path +
                "' cannot be written: the name 'a' occurs twice");
  views = {{"__metadata__", tensor.view()}};
  EXPECT_EQ(writeSafetensors(path, views).error().str(),
            "E0106: '" + path +
                "' cannot be written: the name '__metadata__' is reserved");
  views = {{"a", tensor.view()}};
  EXPECT_EQ(writeSafetensors("/dev/full", views).error().str(),
            "E0103: '/dev/full' cannot be written: No space left on device");
  EXPECT_THAT(*os::listDirectory(folder.path()), IsEmpty());
}

} // namespace
