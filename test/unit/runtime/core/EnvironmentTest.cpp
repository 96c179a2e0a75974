//===- EnvironmentTest.cpp - The MOE_* variables ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is set, what is unset, and what is not understood.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Log.h"
#include "moe/runtime/core/Os.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace moe::core;

namespace {

/// Sets a variable, or unsets it, for one test.
class Setting {
public:
  Setting(const char *name, const char *value)
      : name(name), before(os::environmentVariable(name)) {
    set(value);
  }
  ~Setting() { set(before ? before->c_str() : nullptr); }

private:
  void set(const char *value) {
    if (value)
      setenv(name, value, 1);
    else
      unsetenv(name);
  }
  const char *name;
  std::optional<std::string> before;
};

std::string isaError(const char *value) {
  Setting setting("MOE_ISA", value);
  Result<std::optional<std::string>> isa = environment(Variable::Isa);
  return isa ? "no error" : isa.error().str();
}

std::string threadsError(const char *value) {
  Setting setting("MOE_NUM_THREADS", value);
  Result<unsigned> threads = numThreads();
  return threads ? std::to_string(*threads) : threads.error().str();
}

TEST(EnvironmentTest, UnsetAndEmptyAreNone) {
  Setting unset("MOE_COMPILER", nullptr);
  EXPECT_EQ(*environment(Variable::Compiler), std::nullopt);
  Setting empty("MOE_COMPILER", "");
  EXPECT_EQ(*environment(Variable::Compiler), std::nullopt);
  Setting set("MOE_COMPILER", "/x/libmoe_compiler.so");
  EXPECT_EQ(*environment(Variable::Compiler), "/x/libmoe_compiler.so");
}

TEST(EnvironmentTest, Choices) {
  EXPECT_EQ(isaError("avx512"), "no error");
  EXPECT_EQ(isaError("emulate:amx"), "no error");
  EXPECT_EQ(isaError("avx-512"),
            "E0804: MOE_ISA must be one of scalar, avx2, avx512, amx, "
            "emulate:avx512, emulate:amx, found 'avx-512'");
}

TEST(EnvironmentTest, NumThreads) {
  std::string cores = std::to_string(os::physicalCores());
  EXPECT_EQ(threadsError(nullptr), cores);
  EXPECT_EQ(threadsError(""), cores);
  EXPECT_EQ(threadsError("0"), cores);
  EXPECT_EQ(threadsError("3"), "3");
  EXPECT_EQ(threadsError("1024"), "1024");
  for (const char *bad : {"-1", "two", "4 ", "1025", "99999999999999999999"})
    EXPECT_EQ(threadsError(bad), "E0804: MOE_NUM_THREADS must be an integer "
                                 "from 0 to 1024, found '" +
                                     std::string(bad) + "'");
}

TEST(EnvironmentTest, CacheDirectory) {
  Setting ours("MOE_CACHE_DIR", "/cache");
  Setting home("HOME", "/home/u");
  Setting xdg("XDG_CACHE_HOME", "/xdg");
  EXPECT_EQ(cacheDirectory(), "/cache");
  Setting oursUnset("MOE_CACHE_DIR", nullptr);
  EXPECT_EQ(cacheDirectory(), "/xdg/moec");
  Setting xdgEmpty("XDG_CACHE_HOME", "");
  EXPECT_EQ(cacheDirectory(), "/home/u/.cache/moec");
  Setting homeUnset("HOME", nullptr);
  EXPECT_EQ(cacheDirectory(), std::nullopt);
}

TEST(EnvironmentTest, TableFollowsTheEnum) {
  auto nameOf = [](Variable variable) {
    return variables()[static_cast<size_t>(variable)].name;
  };
  EXPECT_EQ(nameOf(Variable::CacheDir), "MOE_CACHE_DIR");
  EXPECT_EQ(nameOf(Variable::DumpDir), "MOE_DUMP_DIR");
  EXPECT_EQ(nameOf(Variable::Isa), "MOE_ISA");
  EXPECT_EQ(nameOf(Variable::NumThreads), "MOE_NUM_THREADS");
  EXPECT_EQ(nameOf(Variable::Compiler), "MOE_COMPILER");
  EXPECT_EQ(nameOf(Variable::CudaDriver), "MOE_CUDA_DRIVER");
  EXPECT_EQ(nameOf(Variable::Nvrtc), "MOE_NVRTC");
  EXPECT_EQ(nameOf(Variable::Log), "MOE_LOG");
}

// The level is read once a process, so each case runs in one of its own.
TEST(LogDeathTest, LevelsOfTheEnvironment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto run = [] {
    log(LogLevel::Error, "one");
    log(LogLevel::Warning, "two");
    log(LogLevel::Info, "three");
    std::exit(logs(LogLevel::Off) || logs(LogLevel::Debug));
  };
  auto ok = testing::ExitedWithCode(0);
  {
    Setting unset("MOE_LOG", nullptr);
    EXPECT_EXIT(run(), ok, "^moec: error: one\nmoec: warning: two\n$");
  }
  {
    Setting off("MOE_LOG", "off");
    EXPECT_EXIT(run(), ok, "^$");
  }
  {
    Setting info("MOE_LOG", "info");
    EXPECT_EXIT(run(), ok,
                "^moec: error: one\nmoec: warning: two\nmoec: info: three\n$");
  }
  {
    Setting wrong("MOE_LOG", "loud");
    EXPECT_EXIT(run(), ok,
                "^moec: warning: E0804: MOE_LOG must be one of off, error, "
                "warning, info, debug, found 'loud'\nmoec: error: one\n"
                "moec: warning: two\n$");
  }
}

} // namespace
