//===- CodeLoaderTest.cpp - From a code image to functions ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CodeLoader.h"

#include "gtest/gtest.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include <sys/prctl.h>
#include <unistd.h>

namespace moe::core {
namespace {

/// Stores task_begin, respectively task_end, to scratch.
#if defined(__x86_64__)
const std::vector<uint8_t> storeBegin = {0x49, 0x89, 0x30, 0xc3};
const std::vector<uint8_t> storeEnd = {0x49, 0x89, 0x10, 0xc3};
#else
const std::vector<uint8_t> storeBegin = {0x81, 0x00, 0x00, 0xf9,
                                         0xc0, 0x03, 0x5f, 0xd6};
const std::vector<uint8_t> storeEnd = {0x82, 0x00, 0x00, 0xf9,
                                       0xc0, 0x03, 0x5f, 0xd6};
#endif

struct TwoKernels {
  std::vector<uint8_t> bytes = storeBegin;
  std::vector<abi::CodeEntry> entries;
  TwoKernels() {
    bytes.resize(5000); // more than a page
    bytes.insert(bytes.end(), storeEnd.begin(), storeEnd.end());
    entries = {{"begin", 0, storeBegin.size()}, {"end", 5000, storeEnd.size()}};
  }
};

uint64_t call(moe_kernel_fn function) {
  uint64_t scratch = 0;
  moe_kernel_args args = {nullptr, nullptr};
  function(&args, 123, 456, 0, &scratch);
  return scratch;
}

/// "r-xp" and its like for the mapping that holds `address`.
std::string protectionOf(const void *address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin, end;
    char protection[5];
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, protection) ==
            3 &&
        reinterpret_cast<uintptr_t>(address) >= begin &&
        reinterpret_cast<uintptr_t>(address) < end)
      return protection;
  }
  return "";
}

TEST(CodeLoaderTest, LoadsAndRuns) {
  TwoKernels kernels;
  Result<LoadedCode> code = LoadedCode::load(kernels.bytes, kernels.entries);
  ASSERT_TRUE(code);
  kernels.bytes.assign(kernels.bytes.size(), 0); // the code is a copy
  EXPECT_EQ(call(code->function(0)), 123u);
  EXPECT_EQ(call(code->function(1)), 456u);
  EXPECT_EQ(protectionOf(reinterpret_cast<void *>(code->function(0))), "r-xp");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(code->function(0)) % 4096, 0u);
}

TEST(CodeLoaderTest, IsUnmappedWithItsOwner) {
  TwoKernels kernels;
  const void *address = nullptr;
  {
    Result<LoadedCode> first = LoadedCode::load(kernels.bytes, kernels.entries);
    ASSERT_TRUE(first);
    address = reinterpret_cast<void *>(first->function(0));
    LoadedCode moved = *std::move(first);
    EXPECT_EQ(call(moved.function(1)), 456u);
    Result<LoadedCode> second =
        LoadedCode::load(kernels.bytes, kernels.entries);
    ASSERT_TRUE(second);
    *second = std::move(moved);
    EXPECT_EQ(call(second->function(0)), 123u);
    EXPECT_EQ(reinterpret_cast<void *>(second->function(0)), address);
  }
  EXPECT_EQ(protectionOf(address).find('x'), std::string::npos);
}

TEST(CodeLoaderTest, EntriesLieInTheImage) {
  TwoKernels kernels;
  auto error = [&](uint64_t offset, uint64_t size) {
    std::vector<abi::CodeEntry> entries = {{"k", offset, size}};
    Result<LoadedCode> code = LoadedCode::load(kernels.bytes, entries);
    return code ? std::string("none") : code.error().str();
  };
  kernels.bytes.resize(100);
  EXPECT_EQ(error(100, 0), "E0502: code image of 100 bytes: entry 'k' is said "
                           "to be 0 bytes at 100");
  EXPECT_EQ(error(96, 5), "E0502: code image of 100 bytes: entry 'k' is said "
                          "to be 5 bytes at 96");
  EXPECT_EQ(error(4, UINT64_MAX),
            "E0502: code image of 100 bytes: entry 'k' is said to be "
            "18446744073709551615 bytes at 4");
  EXPECT_EQ(error(96, 4), "none");
  EXPECT_TRUE(LoadedCode::load({}, {}));
}

TEST(CodeLoaderTest, WorksWhereWrittenMemoryMayNotBeExecuted) {
#ifndef PR_SET_MDWE
  constexpr int PR_SET_MDWE = 65;
#endif
  // In a child, since there is no way back.
  EXPECT_EXIT(
      {
        if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
          _exit(2); // a kernel before 6.3
        TwoKernels kernels;
        Result<LoadedCode> code =
            LoadedCode::load(kernels.bytes, kernels.entries);
        _exit(code && call(code->function(1)) == 456 ? 0 : 1);
      },
      [](int status) {
        return WIFEXITED(status) &&
               (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2);
      },
      "");
}

TEST(CodeLoaderTest, WritesAPerfMap) {
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  std::remove(path.c_str());
  TwoKernels kernels;
  Result<LoadedCode> code = LoadedCode::load(kernels.bytes, kernels.entries);
  ASSERT_TRUE(code);
  ASSERT_TRUE(appendPerfMap(*code, kernels.entries));
  std::ifstream file(path);
  std::stringstream text, expected;
  text << file.rdbuf();
  for (size_t i = 0; i < 2; ++i)
    expected << std::hex << reinterpret_cast<uintptr_t>(code->function(i))
             << " " << kernels.entries[i].size << " " << kernels.entries[i].name
             << "\n";
  EXPECT_EQ(text.str(), expected.str());
  std::remove(path.c_str());

  // A link that someone put there is not followed.
  const std::string victim = path + ".victim";
  std::ofstream(victim) << "untouched";
  ASSERT_EQ(symlink(victim.c_str(), path.c_str()), 0);
  Status status = appendPerfMap(*code, kernels.entries);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().str(),
            "E0103: '" + path + "': Too many levels of symbolic links");
  std::remove(path.c_str());
  std::remove(victim.c_str());
}

} // namespace
} // namespace moe::core
