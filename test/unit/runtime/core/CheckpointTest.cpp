//===- CheckpointTest.cpp - The tensors of a checkpoint ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The forms that a checkpoint takes, whole and damaged.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/Index.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/test/unit/TemporaryFolder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <thread>

using namespace moe::core;
using moe::test::TemporaryFolder;
using testing::ElementsAre;

namespace {

/// A file of f32 tensors of one element each.
void writeTensors(const std::string &path,
                  const std::map<std::string, float> &values) {
  std::vector<NamedView> views;
  for (const auto &[name, value] : values)
    views.push_back({name, {DType::F32, {1}, &value}});
  Status status = writeSafetensors(path, views);
  ASSERT_TRUE(status) << status.error().str();
}

Checkpoint opened(const std::string &path) {
  Result<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint) {
    ADD_FAILURE() << checkpoint.error().str();
    std::abort();
  }
  return *checkpoint;
}

std::string openError(const std::string &path) {
  Result<Checkpoint> checkpoint = Checkpoint::open(path);
  return checkpoint ? "no error" : checkpoint.error().str();
}

std::string tensorError(const Checkpoint &checkpoint, std::string_view name) {
  Result<TensorView> tensor = checkpoint.tensor(name);
  return tensor ? "no error" : tensor.error().str();
}

TEST(CheckpointTest, OneFile) {
  TemporaryFolder folder;
  writeTensors(folder / "model.safetensors", {{"a", 1.f}, {"b", 2.f}});
  // What lies beside model.safetensors is not the model's.
  writeTensors(folder / "input.safetensors", {{"a", 9.f}});
  for (std::string path :
       {folder.path(), folder.path() + "/", folder / "model.safetensors"}) {
    Checkpoint checkpoint = opened(path);
    EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b"));
    EXPECT_TRUE(checkpoint.contains("b"));
    EXPECT_FALSE(checkpoint.contains("c"));
    EXPECT_EQ(checkpoint.tensor("a")->at(0), 1);
    EXPECT_EQ(checkpoint.tensor("b")->at(0), 2);
  }
}

TEST(CheckpointTest, FilesWithoutAnIndex) {
  TemporaryFolder folder;
  writeTensors(folder / "x.safetensors", {{"b", 1.f}});
  writeTensors(folder / "y.safetensors", {{"a", 2.f}});
  Checkpoint checkpoint = opened(folder.path());
  EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b"));
  EXPECT_EQ(checkpoint.tensor("a")->at(0), 2);

  writeTensors(folder / "z.safetensors", {{"a", 3.f}});
  EXPECT_EQ(openError(folder.path()),
            "E0106: '" + (folder / "z.safetensors") +
                "': tensor 'a' is also in '" + (folder / "y.safetensors") +
                "'; without a model.safetensors.index.json each tensor may be "
                "in one file only");
}

TEST(CheckpointTest, Index) {
  TemporaryFolder folder;
  writeTensors(folder / "model-1.safetensors", {{"a", 1.f}, {"b", 2.f}});
  writeTensors(folder / "model-2.safetensors", {{"c", 3.f}});
  // Not named by the index, so not part of the model.
  writeTensors(folder / "other.safetensors", {{"a", 9.f}});
  std::string index =
      folder.write("model.safetensors.index.json", R"({"metadata": {},
    "weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors",
                   "c": "model-2.safetensors", "d": "model-2.safetensors",
                   "e": "model-3.safetensors"}})");
  Checkpoint checkpoint = opened(folder.path());
  EXPECT_THAT(checkpoint.names(), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(checkpoint.tensor("b")->at(0), 2);
  EXPECT_EQ(checkpoint.tensor("c")->at(0), 3);
  EXPECT_EQ(tensorError(checkpoint, "d"),
            "E0107: '" + index + "' says that tensor 'd' is in '" +
                (folder / "model-2.safetensors") + "', but it is not");
  EXPECT_EQ(tensorError(checkpoint, "e"),
            "E0101: '" + (folder / "model-3.safetensors") +
                "' does not exist; '" + index + "' names it for tensor 'e'");
  // A file that arrives later is found.
  writeTensors(folder / "model-3.safetensors", {{"e", 5.f}});
  EXPECT_EQ(checkpoint.tensor("e")->at(0), 5);
}

TEST(CheckpointTest, UnknownNames) {
  TemporaryFolder folder;
  writeTensors(folder / "model.safetensors",
               {{"model.layers.0.mlp.gate.weight", 1.f}});
  Checkpoint checkpoint = opened(folder.path());
  EXPECT_EQ(tensorError(checkpoint, "model.layers.0.mlp.gates.weight"),
            "E0108: '" + folder.path() +
                "' has no tensor 'model.layers.0.mlp.gates.weight' (did you "
                "mean 'model.layers.0.mlp.gate.weight'?)");
  EXPECT_EQ(tensorError(checkpoint, "x"),
            "E0108: '" + folder.path() + "' has no tensor 'x'");
}

TEST(CheckpointTest, WithoutWeights) {
  TemporaryFolder folder;
  folder.write("config.json", "{}");
  Checkpoint checkpoint = opened(folder.path());
  EXPECT_TRUE(checkpoint.empty());
  EXPECT_EQ(tensorError(checkpoint, "a"),
            "E0109: '" + folder.path() + "' holds no *.safetensors file");
  folder.write("pytorch_model.bin", "x");
  EXPECT_EQ(tensorError(checkpoint, "a"),
            "E0109: '" + folder.path() +
                "' holds no *.safetensors file; it has 'pytorch_model.bin', "
                "which moec does not read: save the model as safetensors");
}

TEST(CheckpointTest, ErrorsOfOpening) {
  TemporaryFolder folder;
  std::string absent = folder / "absent";
  EXPECT_EQ(openError(absent), "E0101: '" + absent + "' does not exist");
  EXPECT_EQ(openError(""), "E0101: '' does not exist");
  std::string broken = folder.write("model.safetensors", "short");
  EXPECT_EQ(openError(folder.path()),
            "E0104: '" + broken +
                "' is cut short: it has 5 bytes, but a safetensors file begins "
                "with 8 bytes of length");
}

std::string indexError(std::string_view text) {
  Result<WeightMap> map = parseIndex(text, "i");
  return map ? "no error" : map.error().str();
}

TEST(IndexTest, Errors) {
  EXPECT_EQ(indexError(R"({"weight_map": {}})"), "no error");
  EXPECT_EQ(indexError("{"), "E0107: 'i' is not valid JSON at line 1, column "
                             "2: it ends too early");
  EXPECT_EQ(indexError("[]"),
            "E0107: 'i': must be an object, found an array of 0");
  EXPECT_EQ(indexError(R"({"weight_maps": {}})"),
            "E0107: 'i': key 'weight_map' is missing (did you mean "
            "'weight_maps'?)");
  EXPECT_EQ(indexError(R"({"weight_map": ["a"]})"),
            "E0107: 'i': key 'weight_map' must be an object, found an array of "
            "1");
  EXPECT_EQ(indexError(R"({"weight_map": {"a": 3}})"),
            "E0107: 'i': key 'weight_map.a' must be a string, found the number "
            "3");
  for (const char *name :
       {"../x.safetensors", "/etc/x.safetensors", "pytorch_model.bin", ""})
    EXPECT_EQ(
        indexError(R"({"weight_map": {"a": ")" + std::string(name) + "\"}}"),
        "E0107: 'i': tensor 'a': the file must be the name of a "
        "*.safetensors file in the same folder, found '" +
            std::string(name) + "'");
  EXPECT_EQ(indexError(R"({"weight_map": {"a": "x.safetensors",
                                          "a": "y.safetensors"}})"),
            "E0107: 'i' has the key 'a' twice in one object");
}

/// Pages of mapped files that are present, in bytes.
int64_t residentFileBytes() {
  std::string status = *os::readFile("/proc/self/status", 1 << 20);
  return std::atoll(status.c_str() + status.find("RssFile:") + 8) * 1024;
}

TEST(CheckpointTest, StreamsThroughLittleMemory) {
  TemporaryFolder folder;
  constexpr int64_t experts = 32, expertBytes = 1 << 20;
  {
    Tensor weights(DType::U8, {experts, expertBytes});
    std::vector<NamedView> views = {{"w", weights.view()}};
    ASSERT_TRUE(writeSafetensors(folder / "model.safetensors", views));
  }
  Checkpoint checkpoint = opened(folder.path());
  Result<TensorView> weights = checkpoint.tensor("w");
  ASSERT_TRUE(weights);
  const char *data = static_cast<const char *>(weights->data);
  int64_t before = residentFileBytes(), most = 0;
  for (int64_t e = 0; e < experts; ++e) {
    const char *expert = data + e * expertBytes;
    checkpoint.willNeed(expert, expertBytes);
    int sum = 0;
    for (int64_t i = 0; i < expertBytes; i += 1024)
      sum += expert[i];
    EXPECT_EQ(sum, 0);
    most = std::max(most, residentFileBytes());
    checkpoint.release(expert, expertBytes);
  }
  EXPECT_GE(most, before + expertBytes / 2);
  EXPECT_LT(most, before + 8 * expertBytes);
  // Other memory is left alone.
  std::string own(1 << 20, 'x');
  checkpoint.release(own.data(), own.size());
  EXPECT_EQ(own, std::string(1 << 20, 'x'));
}

TEST(CheckpointTest, ManyThreads) {
  TemporaryFolder folder;
  std::string map;
  constexpr int files = 16;
  for (int i = 0; i < files; ++i) {
    std::string file = std::to_string(i) + ".safetensors";
    writeTensors(folder / file, {{"t" + std::to_string(i), float(i)}});
    map += (i ? ",\"t" : "\"t") + std::to_string(i) + "\":\"" + file + "\"";
  }
  folder.write("model.safetensors.index.json",
               "{\"weight_map\":{" + map + "}}");
  Checkpoint checkpoint = opened(folder.path());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < files; ++i) {
        Result<TensorView> tensor = checkpoint.tensor("t" + std::to_string(i));
        EXPECT_TRUE(tensor && tensor->at(0) == i);
        checkpoint.release(tensor->data, tensor->bytes());
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
