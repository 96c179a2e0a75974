//===- PackedFileTest.cpp - Packed weights on disk --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// That weights come from the file shows where the file was changed behind our
// back; that they do not, where anything else is wrong with it.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/PackedFile.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SampleRun.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstring>
#include <fstream>

namespace moe::test {
using namespace core;
using testing::HasSubstr;
using testing::StartsWith;
namespace {

class PackedFileTest : public testing::Test {
protected:
  PackedFileTest() { writeCheckpoint(); }

  /// With another tensor beside those of the sample: another length.
  void writeCheckpoint(bool longer = false) {
    SampleWeights weights;
    std::vector<NamedView> stored;
    for (const NamedWeight &weight : weights.tensors())
      stored.push_back({weight.name, weight.tensor});
    const float extra = 1;
    if (longer)
      stored.push_back({"lm_head", {DType::F32, {1}, &extra}});
    ASSERT_TRUE(writeSafetensors(folder / "model.safetensors", stored));
  }

  Result<std::shared_ptr<const Bound>> bindIn(const std::string &cache) {
    Result<Checkpoint> checkpoint = Checkpoint::open(folder.path());
    if (!checkpoint)
      return checkpoint.takeError();
    ThreadPool pool;
    BindOptions options{pool.executor(), 2, {}};
    options.packedCache = cache;
    options.progress = [&](uint64_t done, uint64_t total) {
      steps += 1;
      complete = done == total;
    };
    steps = 0;
    return core::bind(sampleProgram(), checkpointWeights(*checkpoint).get(),
                      options);
  }
  std::shared_ptr<const Bound> bound() {
    Result<std::shared_ptr<const Bound>> made = bindIn(cache);
    EXPECT_TRUE(made) << made.error().str();
    return made ? *made : nullptr;
  }
  static bool right(const Bound &bound) {
    std::unique_ptr<Workspace> workspace = sampleWorkspace(bound, 9, 2);
    SampleCall call(9);
    return call.run(bound, *workspace) && call.wrong() == 0;
  }
  std::vector<std::string> files() {
    Result<std::vector<std::string>> names = os::listDirectory(cache);
    return names ? *names : std::vector<std::string>();
  }
  std::string content() {
    Result<std::string> bytes = os::readFile(cache + "/" + files()[0], 1 << 30);
    return bytes ? *bytes : "";
  }
  void replace(const std::string &bytes) {
    ASSERT_TRUE(os::writeFile(cache + "/" + files()[0], bytes));
  }

  TemporaryFolder folder;
  const std::string cache = folder / "packed";
  int steps = 0;
  bool complete = false;
};

TEST_F(PackedFileTest, IsWrittenOnceAndMappedThen) {
  std::shared_ptr<const Bound> first = bound();
  ASSERT_TRUE(first);
  EXPECT_TRUE(right(*first));
  ASSERT_EQ(files().size(), 1u);
  EXPECT_THAT(files()[0], testing::EndsWith(".packed"));
  std::string bytes = content();
  EXPECT_EQ(bytes.size() % 4096, 0u);

  std::shared_ptr<const Bound> second = bound();
  ASSERT_TRUE(second);
  EXPECT_EQ(steps, 1);
  EXPECT_TRUE(complete);
  EXPECT_TRUE(right(*second));
  EXPECT_EQ(second->used(), first->used());
  EXPECT_EQ(second->bytes(), first->bytes());
  for (uint32_t index : second->program().params())
    EXPECT_EQ(reinterpret_cast<uintptr_t>(second->param(index)) % 4096, 0u);
  EXPECT_EQ(content(), bytes);

  // The last parameter is in front of the last page's end.
  const uint32_t last = second->program().params().back();
  const std::byte before = *second->param(last);
  second.reset();
  const size_t at = bytes.size() - (64 << 10);
  ASSERT_EQ(std::byte(bytes[at]), before);
  bytes[at] ^= 1;
  replace(bytes);
  second = bound();
  EXPECT_EQ(*second->param(last), before ^ std::byte(1));
}

TEST_F(PackedFileTest, AnotherCheckpointIsAnotherFile) {
  bound();
  writeCheckpoint(/*longer=*/true);
  std::shared_ptr<const Bound> second = bound();
  ASSERT_TRUE(second);
  EXPECT_GT(steps, 1);
  EXPECT_TRUE(right(*second));
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(PackedFileTest, IsWrittenAgainIfItIsDamaged) {
  bound();
  const std::string whole = content();
  std::string otherKey = whole, longer = whole + "x";
  otherKey[30] ^= 1;
  const std::string damaged[] = {"", whole.substr(0, whole.size() - 1),
                                 whole.substr(0, 100), longer, otherKey};
  for (const std::string &bytes : damaged) {
    replace(bytes);
    std::shared_ptr<const Bound> again = bound();
    ASSERT_TRUE(again);
    EXPECT_GT(steps, 1);
    EXPECT_TRUE(right(*again));
    EXPECT_EQ(content(), whole);
    EXPECT_EQ(files().size(), 1u);
  }
}

TEST_F(PackedFileTest, AFailureLeavesNoFile) {
  const float extra = 1;
  const std::vector<NamedView> other = {{"lm_head", {DType::F32, {1}, &extra}}};
  ASSERT_TRUE(writeSafetensors(folder / "model.safetensors", other));
  Result<std::shared_ptr<const Bound>> made = bindIn(cache);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, ErrorId::WeightMissing);
  EXPECT_TRUE(files().empty());
}

TEST_F(PackedFileTest, AFolderThatCannotBeWritten) {
  std::ofstream(folder / "file") << "x";
  Result<std::shared_ptr<const Bound>> made = bindIn(folder / "file/packed");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, ErrorId::CacheUnwritable);
  EXPECT_THAT(made.error().message,
              StartsWith("packed weights cannot be kept in '" +
                         (folder / "file/packed") + "': "));
  EXPECT_THAT(
      made.error().message,
      HasSubstr("; give a folder that can be written and has room for "));
}

TEST_F(PackedFileTest, OnlyOfCheckpointsAndTheHost) {
  ThreadPool pool;
  BindOptions options{pool.executor(), 2, {}};
  options.packedCache = cache;
  Result<std::shared_ptr<const Bound>> made =
      core::bind(sampleProgram(), randomWeights(1).get(), options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().str(),
            "E0901: a cache of packed weights is for those of a checkpoint's "
            "files; random weights and tensors in memory have no name that "
            "says when they change");
  std::shared_ptr<const Program> program = sampleProgram();
  options.packer = hostPacker(*program);
  made = core::bind(program, randomWeights(1).get(), options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().str(),
            "E0901: a cache of packed weights is for the CPU; on a GPU weights "
            "are packed where they stay");
}

} // namespace
} // namespace moe::test
