//===- CompileTest.cpp - Sources, the plugin and the cache ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With a plugin that is not a compiler: what it is told, what comes back, and
// when it is not needed.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Cache.h"
#include "moe/runtime/core/OsLibrary.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/runtime/core/Version.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <thread>

namespace moe::test {
using namespace core;
using testing::HasSubstr;
using testing::MatchesRegex;
namespace {

/// Sets a variable for one test.
class Variables {
public:
  void set(const char *name, const std::string &value) {
    setenv(name, value.c_str(), 1);
    names.push_back(name);
  }
  ~Variables() {
    for (const char *name : names)
      unsetenv(name);
  }

private:
  std::vector<const char *> names;
};

unsigned countOf(const char *symbol) {
  Result<os::Library> library = os::Library::open(MOEC_FAKE_COMPILER);
  return reinterpret_cast<unsigned (*)()>(library->symbol(symbol))();
}
unsigned compilations() { return countOf("fake_compiler_compilations"); }
unsigned lent() { return countOf("fake_compiler_lent"); }

Source text(std::string content) {
  Source source;
  source.content = std::move(content);
  source.name = "layer.mlir";
  return source;
}

class CompileTest : public testing::Test {
protected:
  CompileTest() { environment.set("MOE_COMPILER", MOEC_FAKE_COMPILER); }
  std::string key(const Source &source, const CompileOptions &options = {}) {
    Result<std::string> key = cacheKey(source, options);
    return key ? *key : key.error().str();
  }
  std::string compileWith(const Source &source,
                          const CompileOptions &options = {}) {
    Result<std::shared_ptr<const Package>> package =
        compile(source, options, cache);
    return package ? (*package)->name() : package.error().str();
  }

  Variables environment;
  TemporaryFolder folder;
  Cache cache{folder / "cache", true};
};

TEST_F(CompileTest, OnceAndThenFromDisk) {
  const unsigned before = compilations();
  EXPECT_EQ(compileWith(text("a")), "layer.mlir");
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(compileWith(text("a")), "layer.mlir");
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(compileWith(text("b")), "layer.mlir");
  EXPECT_EQ(compilations(), before + 2);
  EXPECT_EQ(lent(), 0u);
  // A warm start needs no compiler.
  environment.set("MOE_COMPILER", "/nonexistent.so");
  EXPECT_EQ(compileWith(text("a")), "layer.mlir");
  EXPECT_THAT(compileWith(text("c")), HasSubstr("MOE_COMPILER"));
}

TEST_F(CompileTest, Phases) {
  std::vector<std::string> phases;
  CompileOptions options;
  options.timing = [&](const char *phase, double ms) {
    EXPECT_GE(ms, 0);
    phases.push_back(phase);
  };
  compileWith(text("a"), options);
  EXPECT_THAT(phases, testing::ElementsAre("cache", "load-compiler", "fake"));
  phases.clear();
  compileWith(text("a"), options);
  EXPECT_THAT(phases, testing::ElementsAre("cache"));
}

TEST_F(CompileTest, DamagedEntriesAreCompiledAgain) {
  compileWith(text("a"));
  const std::string entry = folder / ("cache/" + key(text("a")) + ".moe");
  for (size_t size : {0, 3, 64, 500}) {
    std::filesystem::resize_file(entry, size);
    const unsigned before = compilations();
    testing::internal::CaptureStderr();
    EXPECT_EQ(compileWith(text("a")), "layer.mlir");
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                MatchesRegex("moec: warning: a cache entry is compiled again: "
                             ".*\\.moe': the package is cut short: .*\n"));
    EXPECT_EQ(compilations(), before + 1);
  }
  const unsigned before = compilations();
  EXPECT_EQ(compileWith(text("a")), "layer.mlir");
  EXPECT_EQ(compilations(), before);
}

TEST_F(CompileTest, DumpsAndPartsAreNotCached) {
  CompileOptions options;
  options.dumpDir = folder / "dump";
  const unsigned before = compilations();
  compileWith(text("a"), options);
  compileWith(text("a"), options);
  EXPECT_EQ(compilations(), before + 2);
  EXPECT_FALSE(std::filesystem::exists(folder / "cache"));
}

TEST_F(CompileTest, AFolderThatCannotBeWritten) {
  // A file in its place stops root as well.
  const std::string file = folder.write("file", "");
  EXPECT_EQ(
      [&] {
        Result<std::shared_ptr<const Package>> package =
            compile(text("a"), {}, Cache(file + "/cache", true));
        return package ? "no error" : package.error().str();
      }(),
      "E0505: the cache '" + file + "/cache' cannot be used: '" + file +
          "/cache' cannot be written: Not a directory; set MOE_CACHE_DIR to a "
          "folder that can be written");
  // Nobody asked for this one: it works without, and says so once.
  testing::internal::CaptureStderr();
  for (const char *ir : {"a", "b"}) {
    Result<std::shared_ptr<const Package>> package =
        compile(text(ir), {}, Cache(file + "/cache", false));
    EXPECT_TRUE(package);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "moec: warning: the cache '" + file + "/cache' cannot be used: '" +
                file +
                "/cache' cannot be written: Not a directory; set MOE_CACHE_DIR "
                "to a folder that can be written\n");
}

TEST_F(CompileTest, FolderOfTheEnvironment) {
  environment.set("MOE_CACHE_DIR", folder / "named");
  ASSERT_TRUE(compile(text("a"), {}, Cache::fromEnvironment()));
  EXPECT_TRUE(std::filesystem::exists(folder / "named"));
  unsetenv("MOE_CACHE_DIR");
  environment.set("XDG_CACHE_HOME", folder / "xdg");
  ASSERT_TRUE(compile(text("a"), {}, Cache::fromEnvironment()));
  EXPECT_TRUE(std::filesystem::exists(folder / "xdg/moec"));
}

TEST_F(CompileTest, ManyAtTheSameTime) {
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round)
        if (compileWith(text("a" + std::to_string((i + round) % 3))) !=
            "layer.mlir")
          ++failures;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  // Nothing is left but the entries.
  size_t files = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator(folder / "cache"))
    files += entry.path().extension() == ".moe" ? 1 : 100;
  EXPECT_EQ(files, 3u);
}

TEST_F(CompileTest, ErrorsOfTheCompiler) {
  Result<std::shared_ptr<const Package>> package =
      compile(text("wrong"), {}, cache);
  ASSERT_FALSE(package);
  EXPECT_EQ(package.error().str(), "E0301: layer.mlir:1:1: this is wrong");
  EXPECT_EQ(package.error().details, "note: see the other line");
  EXPECT_EQ(lent(), 0u);
}

TEST_F(CompileTest, WhatThePluginIsTold) {
  Result<CompilerPlugin> plugin = CompilerPlugin::load();
  ASSERT_TRUE(plugin) << plugin.error().str();
  Source source = text("ir");
  EXPECT_EQ(*plugin->import(source),
            "0 layer.mlir layer -1 dtype - function -: ir");
  source.kind = Source::Kind::Checkpoint;
  source.layer = 3;
  source.dtype = "bf16";
  source.function = "f";
  EXPECT_EQ(*plugin->import(source),
            "1 layer.mlir layer 3 dtype bf16 function f: ir");
  CompileOptions options;
  EXPECT_EQ(*plugin->explain(source, options, true),
            "json host isa - emit package from - to - dump - strip 0 "
            "deterministic 1 fast -");
  options = {"sm_90a", "avx2", false, true, "asm",
             "group",  "plan", "/d",  {},   "approx"};
  EXPECT_EQ(*plugin->explain(source, options, false),
            "text sm_90a isa avx2 emit asm from group to plan dump /d strip 1 "
            "deterministic 0 fast approx");
  EXPECT_EQ(*plugin->signature(source), "{}");

  const float x[] = {1, 2, 3};
  const std::vector<NamedWeight> inputs{{"x", {DType::F32, {3}, x}}};
  auto metadata = [&](const WeightsSpec &weights) {
    Result<std::string> file = plugin->interpret(source, weights, inputs, true);
    Result<SafetensorsHeader> header =
        parseSafetensors(std::as_bytes(std::span(*file)), "results");
    return header->metadata["weights"] + " " + header->metadata["exact"];
  };
  WeightsSpec weights;
  weights.seed = 7;
  EXPECT_EQ(metadata(weights), "7 1");
  weights.tensors = inputs;
  EXPECT_EQ(metadata(weights), "7 1");
  weights.kind = WeightsSpec::Kind::Tensors;
  EXPECT_EQ(metadata(weights), "x 1");
  weights.folder = "/checkpoint";
  weights.kind = WeightsSpec::Kind::Folder;
  EXPECT_EQ(metadata(weights), "/checkpoint 1");

  EXPECT_EQ(*plugin->checkPhases(source, options, weights, inputs, 1),
            "sm_90a: 1 inputs agree\n");
  Result<std::string> differs =
      plugin->checkPhases(source, options, weights, inputs, 0);
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().str(), "E0709: phase plan differs");
  EXPECT_EQ(lent(), 0u);
}

TEST_F(CompileTest, AbsentCompilers) {
  auto loadError = [](const std::string &path) {
    Result<CompilerPlugin> plugin = CompilerPlugin::load(path);
    return plugin ? "no error" : plugin.error().str();
  };
  const std::string advice =
      "; set MOE_COMPILER to the path of libmoe_compiler.so, or build and "
      "install moec with its compiler (packages run without it)";
  EXPECT_EQ(loadError("/nonexistent.so"),
            "E0801: this needs the compiler, but '/nonexistent.so' does not "
            "exist" +
                advice);
  const std::string noLibrary = folder.write("text.so", "not a library");
  EXPECT_THAT(loadError(noLibrary),
              HasSubstr("cannot be loaded: " + noLibrary));
  EXPECT_EQ(loadError(MOEC_OTHER_COMPILER),
            "E0802: '" MOEC_OTHER_COMPILER "' is build other with interface 1, "
            "this is build " +
                std::string(buildId()) +
                " with interface 1; install both libraries of one build");
}

TEST_F(CompileTest, Sources) {
  auto kind = [](const std::string &path) {
    Result<Source> source = sourceFromPath(path);
    return source ? static_cast<int>(source->kind) : -1;
  };
  EXPECT_EQ(kind(folder.path()), static_cast<int>(Source::Kind::Checkpoint));
  EXPECT_EQ(kind(folder.write("a.mlir", "module {}")),
            static_cast<int>(Source::Kind::Text));
  EXPECT_EQ(kind(folder.write("a.moe", "")),
            static_cast<int>(Source::Kind::Package));
  EXPECT_EQ(kind(folder.write("a.bin", writePackage(samplePackage()))),
            static_cast<int>(Source::Kind::Package));
  EXPECT_EQ(kind(folder / "none"), -1);

  Result<Source> package = sourceFromPath(folder / "a.bin");
  Result<Source> ir = sourceOfIr(*package, "--check");
  ASSERT_TRUE(ir) << ir.error().str();
  EXPECT_EQ(ir->content, "func.func @layer()");
  abi::PackageT stripped = samplePackage();
  stripped.ir.clear();
  package->content = writePackage(stripped);
  package->name = "layer.moe";
  ir = sourceOfIr(*package, "--check");
  ASSERT_FALSE(ir);
  EXPECT_EQ(ir.error().str(),
            "E0506: 'layer.moe' holds no IR, which --check needs; compile it "
            "without --strip-ir");
  // A package is its own result.
  package->content = writePackage(samplePackage());
  environment.set("MOE_COMPILER", "/nonexistent.so");
  EXPECT_EQ(compileWith(*package), "layer.moe");
}

TEST_F(CompileTest, KeysTellApart) {
  std::vector<std::string> keys{key(text("a"))};
  auto add =
      [&](const std::function<void(Source &, CompileOptions &)> &change) {
        Source source = text("a");
        CompileOptions options;
        change(source, options);
        keys.push_back(key(source, options));
      };
  add([](Source &s, CompileOptions &) { s.content = "b"; });
  add([](Source &s, CompileOptions &) { s.kind = Source::Kind::Spec; });
  add([](Source &s, CompileOptions &) { s.layer = 0; });
  add([](Source &s, CompileOptions &) { s.dtype = "f32"; });
  add([](Source &s, CompileOptions &) { s.function = "f32"; });
  add([](Source &s, CompileOptions &) { s.overrideIds = true; });
  add([](Source &, CompileOptions &o) { o.targets = "x86-64-v3"; });
  add([](Source &, CompileOptions &o) { o.targets = "x86-64-v3,host"; });
  add([](Source &, CompileOptions &o) { o.isa = "scalar"; });
  add([](Source &, CompileOptions &o) { o.isa = "emulate:avx512"; });
  add([](Source &, CompileOptions &o) { o.deterministic = false; });
  add([](Source &, CompileOptions &o) { o.fast = "approx"; });
  add([](Source &, CompileOptions &o) { o.stripIr = true; });
  add([](Source &, CompileOptions &o) { o.fromPhase = "group"; });
  for (const std::string &key : keys)
    EXPECT_THAT(key, MatchesRegex("[0-9a-f]{32}"));
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::unique(sorted.begin(), sorted.end()), sorted.end());
  // What a source is called changes nothing.
  Source renamed = text("a");
  renamed.name = "other.mlir";
  EXPECT_EQ(key(renamed), keys[0]);
}

TEST_F(CompileTest, KeysOfCheckpoints) {
  auto write = [&](const std::string &file, float value,
                   std::vector<int64_t> shape) {
    std::vector<float> data(4, value);
    const NamedView view{"w", {DType::F32, std::move(shape), data.data()}};
    ASSERT_TRUE(writeSafetensors(folder / file, {&view, 1}));
  };
  Source source;
  source.kind = Source::Kind::Checkpoint;
  source.content = folder.path();
  folder.write("config.json", "{}");
  write("model.safetensors", 1, {4});
  const std::string first = key(source);
  write("model.safetensors", 2, {4});
  EXPECT_EQ(key(source), first); // only the weights differ
  write("model.safetensors", 2, {2, 2});
  const std::string second = key(source);
  EXPECT_NE(second, first);
  folder.write("config.json", "{ }");
  const std::string third = key(source);
  EXPECT_NE(third, second);
  folder.write("hf_quant_config.json", "{}");
  EXPECT_NE(key(source), third);
  // Damaged headers make a key too; the compiler reports them.
  folder.write("model.safetensors", "x");
  EXPECT_THAT(key(source), MatchesRegex("[0-9a-f]{32}"));
  source.content = folder / "none";
  EXPECT_THAT(key(source), HasSubstr("does not exist"));
}

TEST_F(CompileTest, KeysOfWrongIsas) {
  CompileOptions options;
  options.isa = "mmx";
  EXPECT_THAT(key(text("a"), options), HasSubstr("E0804: MOE_ISA is 'mmx'"));
}

} // namespace
} // namespace moe::test
