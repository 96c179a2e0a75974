//===- ApiTest.cpp - libmoe through its C++ header --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The whole way over the border of libmoe.so: with the sample package, whose
// kernels are functions of this program, and with a plugin that is no compiler.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/moe.hpp"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <thread>

#include <unistd.h>

extern "C" uint32_t run_from_c(const char *package, size_t size, float *x,
                               int32_t *ids, float *y, int64_t tokens);

namespace moe::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

std::string samplePackageBytes() { return core::writePackage(samplePackage()); }

/// w = {1, 2, 3, 4}, the bias of id e is 20 e in every column.
class Sample {
public:
  std::array<float, 4> w{1, 2, 3, 4};
  std::array<std::array<float, 4>, 3> bias{
      {{0, 0, 0, 0}, {10, 10, 10, 10}, {20, 20, 20, 20}}};

  Weights weights() const {
    return Weights::tensors({{"layer.w", Tensor(w.data(), {4})},
                             {"layer.e.0.bias", Tensor(bias[0].data(), {4})},
                             {"layer.e.1.bias", Tensor(bias[1].data(), {4})},
                             {"layer.e.2.bias", Tensor(bias[2].data(), {4})}});
  }
  Program program() const {
    Result<Program> program =
        Compiler().compile(Source::package(samplePackageBytes()));
    if (!program) {
      ADD_FAILURE() << program.error().str();
      std::abort();
    }
    return *program;
  }
  Bound bound() const {
    Result<Bound> bound = program().bind(weights());
    if (!bound) {
      ADD_FAILURE() << bound.error().str();
      std::abort();
    }
    return *bound;
  }
};

struct Call {
  std::vector<float> x{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  std::vector<int32_t> ids{0, 1, 2};
  std::vector<float> y = std::vector<float>(12), sums = std::vector<float>(3);

  Tensor xTensor() const { return Tensor(x.data(), {3, 4}); }
  Tensor idsTensor() const { return Tensor(ids.data(), {3}); }
  Tensor yTensor() const { return Tensor(y.data(), {3, 4}); }
  Tensor sumsTensor() const { return Tensor(sums.data(), {3}); }
  Status run(const Bound &bound, Workspace &workspace) {
    return bound.run({{"hidden_states", xTensor()}, {"ids", idsTensor()}},
                     {{"hidden_states", yTensor()}, {"sums", sumsTensor()}},
                     workspace, {0, true});
  }
};

TEST(ApiTest, FromAPackageToAResult) {
  Sample sample;
  std::vector<uint64_t> progress;
  Result<Bound> bound = sample.program().bind(
      sample.weights(), {2, [&](uint64_t done, uint64_t total) {
                           EXPECT_EQ(total, 64u);
                           progress.push_back(done);
                         }});
  ASSERT_TRUE(bound) << bound.error().str();
  EXPECT_THAT(progress, ElementsAre(16, 32, 48, 64));
  WorkspaceOptions options;
  options.max_tokens = 16;
  options.max_threads = 2;
  options.poison = true;
  Result<Workspace> workspace = bound->workspace(options);
  ASSERT_TRUE(workspace) << workspace.error().str();
  Call call;
  Status status = call.run(*bound, *workspace);
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_THAT(call.y, ElementsAre(1, 2, 3, 4, 22, 24, 26, 28, 43, 46, 49, 52));
  EXPECT_THAT(call.sums, ElementsAre(10, 100, 190));
  std::vector<std::string> names;
  for (const KernelUse &use : workspace->kernels()) {
    names.push_back(use.name);
    EXPECT_EQ(use.launches, 1u);
    EXPECT_GT(use.nanoseconds, 0u);
  }
  EXPECT_THAT(names,
              ElementsAre("scale_scalar", "inspect_scalar", "add_bias_scalar",
                          "move_scalar", "sum_scalar"));
}

TEST(ApiTest, HandlesAreReleasedInAnyOrder) {
  Call call;
  std::optional<Workspace> workspace;
  {
    std::optional<Bound> bound = Sample().bound();
    workspace = *bound->workspace({16, 2});
    ASSERT_TRUE(call.run(*bound, *workspace));
  }
  // The names come from a package that only the workspace still holds.
  EXPECT_EQ(workspace->kernels().size(), 5u);
}

TEST(ApiTest, LayersAreSugar) {
  // A program whose only input is hidden_states: y = x, by a copy.
  abi::PackageT package = samplePackage();
  abi::ProgramT &program = *package.variants[0]->programs[0];
  program.inputs.pop_back();
  program.outputs.pop_back();
  program.steps->steps.clear();
  abi::CopyT copy;
  copy.source = std::make_unique<abi::BufferRef>(input(0));
  copy.target = std::make_unique<abi::BufferRef>(output(0));
  copy.bytes = linear(16);
  program.steps->steps.push_back(step(std::move(copy)));
  Result<Program> compiled =
      Compiler().compile(Source::package(core::writePackage(package)));
  ASSERT_TRUE(compiled) << compiled.error().str();
  Result<Bound> bound = compiled->bind();
  ASSERT_TRUE(bound) << bound.error().str();
  Result<Layer> layer = Layer::create(*bound, {8, 1});
  ASSERT_TRUE(layer);
  Call call;
  Status status = layer->run(call.xTensor(), call.yTensor());
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_EQ(call.x, call.y);
}

TEST(ApiTest, CallersAtTheSameTime) {
  const Bound bound = Sample().bound();
  auto caller = [&] {
    Result<Workspace> workspace = bound.workspace({16, 2});
    for (int i = 0; i < 100; ++i) {
      Call call;
      ASSERT_TRUE(call.run(bound, *workspace));
      ASSERT_EQ(call.sums[2], 190);
    }
  };
  std::thread other(caller);
  caller();
  other.join();
}

TEST(ApiTest, FromC) {
  const std::string package = samplePackageBytes();
  std::vector<float> x(800, 1), y(800);
  std::vector<int32_t> ids(200, 2);
  auto run = [&](size_t size, int64_t tokens) {
    return run_from_c(package.data(), size, x.data(), ids.data(), y.data(),
                      tokens);
  };
  EXPECT_EQ(run(package.size(), 3), 0u);
  EXPECT_NE(y[0], 0);
  EXPECT_EQ(run(package.size(), 200), 707u);
  EXPECT_EQ(run(100, 3), 501u);
}

TEST(ApiTest, PerfLearnsNames) {
  CompilerOptions options;
  options.perf_map = true;
  ASSERT_TRUE(Compiler(options).compile(Source::package(samplePackageBytes())));
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  std::ifstream file(path);
  std::string map((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove(path);
  EXPECT_THAT(map, HasSubstr(" scale_scalar\n"));
  EXPECT_THAT(map, HasSubstr(" pack_scalar\n"));
}

TEST(ApiTest, Info) {
  Result<std::string> text = Sample().program().info();
  ASSERT_TRUE(text);
  Json info = Json::parse(*text);
  EXPECT_EQ(info["function"], "layer");
  EXPECT_EQ(info["package"], "package");
  EXPECT_EQ(info["target"], "scalar");
  EXPECT_EQ(info["has_ir"], true);
  EXPECT_EQ(info["dims"], Json::parse(R"([{"name": "T", "bound": 1000}])"));
  EXPECT_EQ(info["inputs"], Json::parse(R"([
    {"name": "hidden_states", "dtype": "f32", "shape": ["T", 4]},
    {"name": "ids", "dtype": "i32", "shape": ["T"]}])"));
  EXPECT_EQ(info["outputs"][1]["name"], "sums");
  EXPECT_EQ(info["kernels"].size(), 6u);
  EXPECT_EQ(info["kernels"][0]["scratch_bytes"], 16);
  EXPECT_EQ(info["params"][1], Json::parse(R"({"name": "bias", "bytes": 48,
    "units": 3, "sources": [
      {"name": "layer.e.{e}.bias", "dtype": "f32", "shape": [4]}]})"));
  EXPECT_EQ(info["weight_bytes"], 64);
  EXPECT_EQ(info["code_bytes"], 96);
  EXPECT_EQ(info["variants"][0]["functions"], Json::parse(R"(["layer"])"));

  text = Sample().bound().info();
  ASSERT_TRUE(text);
  info = Json::parse(*text);
  EXPECT_EQ(info["weight_bytes"], 64);
  EXPECT_EQ(info["used"].size(), 4u);
  EXPECT_EQ(info["unused"].size(), 0u);
}

TEST(ApiTest, MemoryPlan) {
  WorkspaceOptions options;
  options.max_tokens = 10;
  options.max_threads = 3;
  Result<moe_memory_plan> plan = Sample().program().memory(options);
  ASSERT_TRUE(plan) << plan.error().str();
  EXPECT_EQ(plan->buffers, 320u);
  EXPECT_EQ(plan->spare_outputs, 256u);
  EXPECT_EQ(plan->scratch, 192u);
  EXPECT_EQ(plan->workspace, 768u);
  EXPECT_EQ(plan->weights, 64u);
  EXPECT_EQ(plan->code, 96u);
  options.max_dims = {{"U", 3}};
  plan = Sample().program().memory(options);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().str(),
            "E0901: there is no dimension 'U'; the program has T");
}

TEST(ApiTest, Errors) {
  const Bound bound = Sample().bound();
  Result<Workspace> workspace = bound.workspace({16, 2});
  Call call;
  auto runError = [&](const Tensor &x) {
    Status status = bound.run({{"hidden_states", x}, {"ids", call.idsTensor()}},
                              {}, *workspace);
    return status ? "no error" : status.error().str();
  };
  EXPECT_EQ(runError(Tensor(DType::F64, call.x.data(), {3, 4})),
            "E0703: input 'hidden_states' is f64, the program was compiled for "
            "f32");
  moe_tensor tensor = call.xTensor().c();
  int64_t shape[] = {3, 4};
  int64_t strides[] = {8, 1};
  tensor.shape = shape;
  tensor.strides = strides;
  EXPECT_EQ(runError(Tensor(tensor)),
            "E0702: input 'hidden_states' is [3, 4] with strides [8, 1], "
            "expected row-major order without gaps; copy it first");
  strides[0] = 4;
  EXPECT_EQ(runError(Tensor(tensor)), "no error");
  tensor.strides = nullptr;
  tensor.device.device_type = 2;
  EXPECT_EQ(runError(Tensor(tensor)), "E0901: input 'hidden_states' is on "
                                      "device type 2, expected host memory "
                                      "(1)");
  tensor.device.device_type = 1;
  tensor.dtype = {MOE_DL_UINT, 32, 1};
  EXPECT_EQ(runError(Tensor(tensor)),
            "E0703: input 'hidden_states' has DLPack's element type code 1 "
            "with 32 bits and 1 lanes, which moec does not have");
  EXPECT_EQ(
      runError(Tensor(DType::F32, call.x.data(), std::vector<int64_t>(9, 1))),
      "E0901: input 'hidden_states' has no shape");
  // An offset in bytes is part of where a tensor begins.
  tensor = call.xTensor().c();
  tensor.shape = shape;
  tensor.data = call.x.data() - 1;
  tensor.byte_offset = 4;
  EXPECT_EQ(runError(Tensor(tensor)), "no error");

  Result<Program> program =
      Compiler().compile(Source::file("/nonexistent.moe"));
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().str(), "E0101: '/nonexistent.moe' does not exist");
  EXPECT_EQ(program.error().id(), 101u);
  EXPECT_EQ(program.error().details(), "");
  Result<Bound> unbound = Sample().program().bind();
  ASSERT_FALSE(unbound);
  EXPECT_EQ(unbound.error().id(), 604u);
}

/// What no C++ caller can do.
TEST(ApiTest, WrongUseOfC) {
  auto message = [](moe_error *error) {
    return error ? Error(error).str() : "no error";
  };
  moe_program *program = nullptr;
  EXPECT_EQ(message(moe_compile(nullptr, nullptr, &program)),
            "E0901: the source is null");
  EXPECT_EQ(message(moe_compile(nullptr, nullptr, nullptr)),
            "E0901: moe_compile: program is null");
  moe_source source{};
  EXPECT_EQ(message(moe_compile(&source, nullptr, &program)),
            "E0901: moe_source.size is 0, expected sizeof(moe_source)");
  source.size = sizeof(source);
  EXPECT_EQ(message(moe_compile(&source, nullptr, &program)),
            "E0901: moe_source.data is null");
  source.data = "x";
  source.kind = 77;
  EXPECT_EQ(message(moe_compile(&source, nullptr, &program)),
            "E0901: moe_source.kind is 77");
  EXPECT_EQ(message(moe_run(nullptr, nullptr, 0, nullptr, 0, nullptr, nullptr)),
            "E0901: moe_run: null");
  moe_weights weights{};
  weights.size = sizeof(weights);
  const Program sample = Sample().program();
  moe_bound *bound = nullptr;
  EXPECT_EQ(message(moe_bind(sample.c(), &weights, nullptr, &bound)),
            "E0901: moe_weights.folder is null");
  EXPECT_EQ(message(moe_bind(nullptr, &weights, nullptr, &bound)),
            "E0901: moe_bind: null");
  moe_error_release(nullptr);
  moe_text_release(nullptr);
  moe_program_release(nullptr);
  moe_bound_release(nullptr);
  moe_workspace_release(nullptr);
  moe_results_release(nullptr);
  EXPECT_EQ(moe_error_id(nullptr), 0u);
}

/// Callers that were built with an older or a newer header.
TEST(ApiTest, StructsOfOtherVersions) {
  const Program sample = Sample().program();
  struct Newer {
    moe_workspace_options options;
    uint64_t field;
  } newer{};
  newer.options.size = sizeof(newer);
  moe_memory_plan plan{};
  plan.size = sizeof(plan);
  EXPECT_EQ(moe_program_memory(sample.c(), &newer.options, &plan), nullptr);
  newer.field = 1;
  moe_error *error = moe_program_memory(sample.c(), &newer.options, &plan);
  ASSERT_TRUE(error);
  EXPECT_EQ(Error(error).str(),
            "E0901: moe_workspace_options sets a field that this version of "
            "libmoe does not know");
  // Older: what it did not have is neither read nor written.
  moe_memory_plan older{};
  older.size = offsetof(moe_memory_plan, scratch);
  older.scratch = 77;
  EXPECT_EQ(moe_program_memory(sample.c(), nullptr, &older), nullptr);
  EXPECT_GT(older.spare_outputs, 0u);
  EXPECT_EQ(older.scratch, 77u);
}

/// What dlpack.h declares, which a program may include as well.
struct DLTensor {
  void *data;
  struct {
    int32_t type, id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code, bits;
    uint16_t lanes;
  } dtype;
  int64_t *shape, *strides;
  uint64_t byteOffset;
};

TEST(ApiTest, TensorsOfDlpack) {
  const Bound bound = Sample().bound();
  Result<Workspace> workspace = bound.workspace({16, 2});
  Call call;
  int64_t shape[] = {3, 4}, strides[] = {4, 1};
  DLTensor x{call.x.data() - 2, {1, 0}, 2, {2, 32, 1}, shape, strides, 8};
  Status status = bound.run(
      {{"hidden_states", Tensor::fromDlpack(x)}, {"ids", call.idsTensor()}},
      {{"sums", call.sumsTensor()}}, *workspace);
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_THAT(call.sums, ElementsAre(10, 100, 190));
}

TEST(ApiTest, Version) {
  EXPECT_EQ(version(), "0.1.0");
  EXPECT_EQ(std::string(moe_build_id()).size(), 16u);
}

//===----------------------------------------------------------------------===//
// With a plugin
//===----------------------------------------------------------------------===//

class ApiPluginTest : public testing::Test {
protected:
  ApiPluginTest() {
    setenv("MOE_COMPILER", MOEC_FAKE_COMPILER, 1);
    setenv("MOE_CACHE_DIR", (folder / "cache").c_str(), 1);
  }
  ~ApiPluginTest() override {
    unsetenv("MOE_COMPILER");
    unsetenv("MOE_CACHE_DIR");
  }
  TemporaryFolder folder;
};

TEST_F(ApiPluginTest, CompilesAndCaches) {
  std::vector<std::string> phases;
  CompilerOptions options;
  options.timing = [&](const char *phase, double) { phases.push_back(phase); };
  Compiler compiler(options);
  Result<Program> program = compiler.compile(Source::text("ir"));
  ASSERT_TRUE(program) << program.error().str();
  EXPECT_THAT(phases,
              ElementsAre("cache", "load-compiler", "fake", "load-code"));
  phases.clear();
  program = compiler.compile(Source::text("ir"));
  ASSERT_TRUE(program);
  EXPECT_THAT(phases, ElementsAre("cache", "load-code"));
  Result<Bound> bound = program->bind(Weights::random(1));
  ASSERT_TRUE(bound) << bound.error().str();

  // What was compiled runs elsewhere from its bytes.
  Result<Program> opened =
      compiler.compile(Source::package(program->package()).name("p.moe"));
  ASSERT_TRUE(opened);
  EXPECT_THAT(*opened->info(), HasSubstr("\"package\":\"p.moe\""));

  Result<Program> wrong =
      compiler.compile(Source::text("wrong").name("layer.mlir"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().str(), "E0301: layer.mlir:1:1: this is wrong");
  EXPECT_EQ(wrong.error().details(), "note: see the other line");
}

TEST_F(ApiPluginTest, AbsentCompilers) {
  setenv("MOE_COMPILER", "/nonexistent.so", 1);
  Result<Program> program = Compiler().compile(Source::text("ir"));
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().id(), 801u);
  EXPECT_THAT(program.error().message(), HasSubstr("MOE_COMPILER"));
}

TEST_F(ApiPluginTest, Texts) {
  Compiler compiler({"x86-64-v3", "scalar"});
  EXPECT_EQ(*compiler.import(Source::text("ir").layer(2).dtype("bf16")),
            "0 text layer 2 dtype bf16 function -: ir");
  EXPECT_EQ(*compiler.explain(Source::text("ir")),
            "text x86-64-v3 isa scalar emit package from - to - dump - strip 0 "
            "deterministic 1 fast -");
  CompilerOptions approx;
  approx.fast = "approx";
  EXPECT_THAT(*Compiler(approx).explain(Source::text("ir")),
              HasSubstr("fast approx"));
  // A package answers by itself.
  setenv("MOE_COMPILER", "/nonexistent.so", 1);
  const Source package = Source::package(samplePackageBytes());
  EXPECT_EQ(*compiler.import(package), "func.func @layer()");
  EXPECT_EQ(*compiler.explain(package, true), "[]");
}

TEST_F(ApiPluginTest, Reference) {
  Compiler compiler;
  Call call;
  Result<Results> results =
      compiler.reference(Source::text("ir"), Weights::random(3),
                         {{"hidden_states", call.xTensor()}});
  ASSERT_TRUE(results) << results.error().str();
  ASSERT_EQ(results->size(), 1u);
  std::optional<Tensor> result = results->find("result0");
  ASSERT_TRUE(result);
  EXPECT_THAT(result->shape(), ElementsAre(12));
  EXPECT_EQ(static_cast<const float *>(result->data())[11], 6);
  EXPECT_FALSE(results->find("result1"));
  results = compiler.reference(Source::text("ir"), Weights::none(), {});
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().str(), "E0701: no input");

  EXPECT_EQ(*compiler.checkPhases(Source::text("ir"), Weights::none(), {}, 1),
            "host: 0 inputs agree\n");
  Result<std::string> differs =
      compiler.checkPhases(Source::text("ir"), Weights::none(), {}, 0);
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().id(), 709u);
}

TEST_F(ApiPluginTest, LayerSpecs) {
  LayerSpec spec;
  spec.num_experts = 8;
  spec.top_k = 2;
  spec.hidden_size = 64;
  spec.intermediate_size = 96;
  spec.dtype = "bf16";
  spec.router.score = "sigmoid";
  spec.router.selection_bias = true;
  spec.router.groups = LayerSpec::Groups{4, 2, 2, "-inf"};
  spec.router.normalize = {{"l1", 1e-20, "add"}};
  spec.router.scale = 2.5;
  spec.capacity = LayerSpec::Capacity{64, "token_major"};
  spec.activation = {"clampglu", {{"alpha", 1.702}, {"limit", 7}}};
  spec.shared_experts = LayerSpec::SharedExperts{128, true};
  EXPECT_EQ(Json::parse(spec.json()), Json::parse(R"({
    "num_experts": 8, "top_k": 2, "hidden_size": 64, "intermediate_size": 96,
    "dtype": "bf16",
    "router": {"score": "sigmoid", "logits_bias": false,
               "selection_bias": true,
               "groups": {"count": 4, "keep": 2, "top_sum": 2, "fill": "-inf"},
               "normalize": [{"kind": "l1", "eps": 1e-20, "eps_mode": "add"}],
               "scale": 2.5},
    "capacity": {"per_expert": 64, "order": "token_major"},
    "activation": {"name": "clampglu", "alpha": 1.702, "limit": 7},
    "expert_bias": false,
    "shared_experts": {"intermediate_size": 128, "gate": true}})"));
  spec.activation = {"a\"\\\n",
                     {{"x", std::numeric_limits<double>::infinity()}}};
  Json odd = Json::parse(spec.json());
  EXPECT_EQ(odd["activation"]["name"], "a\"\\\n");
  EXPECT_EQ(odd["activation"]["x"], "inf");
  EXPECT_EQ(Compiler().import(Source::layer(spec))->substr(0, 8), "2 layer ");
}

} // namespace
} // namespace moe::test
