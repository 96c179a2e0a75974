//===- PackageTest.cpp - The file that holds a compiled layer ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole, cut short, damaged, and lying in each of the ways that the executor
// would believe.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DimExpr.h"
#include "moe/test/unit/TemporaryFolder.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include "gtest/gtest.h"

#include <functional>

namespace moe::test {
using namespace core;
namespace {

std::string openError(std::string file) {
  Result<std::shared_ptr<const Package>> package =
      Package::fromBytes(std::move(file), "a.moe");
  return package ? "no error" : package.error().str();
}

/// What opening the sample says after `change`.
std::string changed(const std::function<void(abi::VariantT &)> &change) {
  abi::PackageT package = samplePackage();
  change(*package.variants[0]);
  std::string message = openError(writePackage(package));
  const std::string prefix = "E0502: 'a.moe': variant 0 ('scalar')";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}
/// The same for its program.
std::string changedProgram(const std::function<void(abi::ProgramT &)> &change) {
  std::string message =
      changed([&](abi::VariantT &variant) { change(*variant.programs[0]); });
  const std::string prefix = ", program 'layer': ";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
}
std::string changedParam(size_t index,
                         const std::function<void(abi::ParamT &)> &change) {
  return changed(
      [&](abi::VariantT &variant) { change(*variant.params[index]); });
}

TEST(PackageTest, Opens) {
  TemporaryFolder folder;
  std::string path = folder.write("layer.moe", writePackage(samplePackage()));
  Result<std::shared_ptr<const Package>> package = Package::open(path);
  ASSERT_TRUE(package) << package.error().str();
  EXPECT_EQ((*package)->name(), path);
  const abi::Package &root = (*package)->root();
  EXPECT_EQ(root.build_id()->str(), "test");
  EXPECT_EQ(root.variants()->Get(0)->programs()->Get(0)->name()->str(),
            "layer");
  EXPECT_TRUE(looksLikePackage((*package)->bytes()));
  EXPECT_FALSE(looksLikePackage("func.func"));
}

TEST(PackageTest, NoSuchFile) {
  Result<std::shared_ptr<const Package>> package =
      Package::open("/nonexistent/a.moe");
  ASSERT_FALSE(package);
  EXPECT_EQ(package.error().str(),
            "E0101: '/nonexistent/a.moe' does not exist");
}

TEST(PackageTest, CutShortAtEveryLength) {
  const std::string file = writePackage(samplePackage());
  EXPECT_EQ(openError(file.substr(0, 20)),
            "E0501: 'a.moe': the package is cut short: 64 bytes are expected, "
            "it has 20 bytes");
  EXPECT_EQ(openError(file.substr(0, 500)),
            "E0501: 'a.moe': the package is cut short: " +
                std::to_string(file.size()) +
                " bytes are expected, it has 500 bytes");
  for (size_t size = 0; size < file.size(); ++size) {
    std::string message = openError(file.substr(0, size));
    ASSERT_TRUE(message.starts_with("E0501: 'a.moe': ")) << size << message;
  }
}

TEST(PackageTest, EveryFlippedByteIsFound) {
  const std::string file = writePackage(samplePackage());
  for (size_t at = 0; at < file.size(); ++at) {
    std::string copy = file;
    copy[at] = static_cast<char>(copy[at] ^ 0xff);
    ASSERT_NE(openError(copy), "no error") << at;
  }
  std::string copy = file;
  copy[file.size() / 2] ^= 1;
  EXPECT_EQ(openError(copy),
            "E0502: 'a.moe': the package is damaged: its contents do not match "
            "the hash in its header; copy or compile it again");
  EXPECT_EQ(openError(file + "x"), openError(copy));
}

TEST(PackageTest, OtherFiles) {
  EXPECT_EQ(openError("module {}"), "E0502: 'a.moe': this is not a moec "
                                    "package");
  std::string file = writePackage(samplePackage());
  file[8] = 2;
  EXPECT_EQ(openError(file),
            "E0503: 'a.moe': the package has format 2, this moec reads format "
            "1; compile it again with this version's moe-compile");
  file = writePackage(samplePackage());
  file[23] = 0x7f;
  EXPECT_EQ(openError(file), "E0502: 'a.moe': the package's header is damaged, "
                             "or the file is too large for a package");
  const std::vector<uint8_t> noise(100, 0x55);
  EXPECT_EQ(openError(writePackage(std::span<const uint8_t>(noise))),
            "E0502: 'a.moe': the package's tables are ill-formed; compile it "
            "again");
  EXPECT_EQ(openError(writePackage(std::span<const uint8_t>())),
            openError(writePackage(std::span<const uint8_t>(noise))));
}

/// Bytes that differ under a hash that agrees: refused, or a package that keeps
/// to the rules.
TEST(PackageTest, EveryValueOfEveryByteIsSafe) {
  const std::string file = writePackage(samplePackage());
  const auto *bytes = reinterpret_cast<const uint8_t *>(file.data());
  std::vector<uint8_t> payload(bytes + packageHeaderBytes, bytes + file.size());
  size_t accepted = 0, refused = 0;
  for (uint8_t &byte : payload) {
    const uint8_t before = byte;
    for (int flip : {0xff, 0x01, 0x02, 0x04, 0x10, 0x80}) {
      byte = before ^ static_cast<uint8_t>(flip);
      Result<std::shared_ptr<const Package>> package =
          Package::fromBytes(writePackage(payload), "a.moe");
      if (!package) {
        ++refused;
        continue;
      }
      ++accepted;
      const abi::Variant *variant = (*package)->root().variants()->size()
                                        ? (*package)->root().variants()->Get(0)
                                        : nullptr;
      if (!variant || variant->kernels()->size() != 6)
        continue;
      Result<std::shared_ptr<const Program>> program =
          Program::create(*package, 0, "", sampleKernels());
      if (program)
        (void)(*program)->workspaceSize((*program)->bounds(), 2);
    }
    byte = before;
  }
  EXPECT_GT(accepted, 1000u);
  EXPECT_GT(refused, 1000u);
}

TEST(PackageTest, LyingCode) {
  EXPECT_EQ(changed([](abi::VariantT &v) { v.kernels[2]->entry = 96; }),
            ": kernel 'add_bias_scalar' begins outside of the code");
  EXPECT_EQ(changed([](abi::VariantT &v) {
              v.kernels[0]->scratch = uint64_t(1) << 60;
            }),
            ": kernel 'scale_scalar' asks for impossible scratch memory");
  EXPECT_EQ(changed([](abi::VariantT &v) {
              v.code.push_back(std::make_unique<abi::CodeT>(*v.code[0]));
            }),
            ": two CPU images");
  EXPECT_EQ(changed([](abi::VariantT &v) {
              v.code[0]->kind = static_cast<abi::CodeKind>(9);
            }),
            ": unknown kind of code");
  EXPECT_EQ(changed([](abi::VariantT &v) {
              v.programs.push_back(
                  std::make_unique<abi::ProgramT>(*v.programs[0]));
            }),
            ", program 'layer': the name occurs twice");
}

/// The sample as if it were CUDA's, after `change`.
std::string changedCuda(const std::function<void(abi::VariantT &)> &change) {
  return changed([&](abi::VariantT &v) {
    v.code[0]->kind = abi::CodeKind::CudaText;
    for (std::unique_ptr<abi::KernelT> &kernel : v.kernels) {
      kernel->cuda = std::make_unique<abi::CudaLaunchT>();
      kernel->cuda->block = 128;
    }
    abi::StepT &last = *v.programs[0]->steps->steps[4];
    abi::LaunchT &moves =
        *last.body.AsSwitch()->cases[0]->steps[0]->body.AsLaunch();
    moves.count = nullptr;
    moves.multiplier = 1;
    moves.tasks = linear(4);
    change(v);
  });
}

TEST(PackageTest, LyingCudaKernels) {
  EXPECT_EQ(changedCuda([](abi::VariantT &) {}), "no error");
  EXPECT_EQ(changed([](abi::VariantT &v) {
              v.kernels[1]->cuda = std::make_unique<abi::CudaLaunchT>();
            }),
            ": kernel 'inspect_scalar' has a CUDA launch but no CUDA code");
  EXPECT_EQ(changedCuda([](abi::VariantT &v) { v.kernels[1]->cuda = nullptr; }),
            ": kernel 'inspect_scalar' has no CUDA launch");
  EXPECT_EQ(changedCuda([](abi::VariantT &v) { v.code[0]->bytes.clear(); }),
            ": CUDA code without bytes");
  EXPECT_EQ(changedCuda([](abi::VariantT &v) { v.code[0]->arch.clear(); }),
            ": CUDA code without architecture");
  EXPECT_EQ(changedCuda([](abi::VariantT &v) {
              v.code.push_back(std::make_unique<abi::CodeT>(*v.code[0]));
              v.code[1]->kind = abi::CodeKind::CpuImage;
            }),
            ": code for a CPU and for CUDA");
  auto kernel = [](const std::function<void(abi::CudaLaunchT &)> &change) {
    const std::string prefix = ": kernel 'scale_scalar' ";
    std::string message =
        changedCuda([&](abi::VariantT &v) { change(*v.kernels[0]->cuda); });
    return message.starts_with(prefix) ? message.substr(prefix.size())
                                       : message;
  };
  EXPECT_EQ(kernel([](abi::CudaLaunchT &l) { l.block = 0; }),
            "has blocks of 0 threads");
  EXPECT_EQ(kernel([](abi::CudaLaunchT &l) { l.block = 1025; }),
            "has blocks of 1025 threads");
  EXPECT_EQ(kernel([](abi::CudaLaunchT &l) { l.smem = 2 << 20; }),
            "asks for 2097152 bytes of shared memory");
  EXPECT_EQ(kernel([](abi::CudaLaunchT &l) { l.cluster = 0; }),
            "has clusters of 0 blocks");
  EXPECT_EQ(kernel([](abi::CudaLaunchT &l) { l.cluster = 17; }),
            "has clusters of 17 blocks");
  auto map = [&](const std::function<void(abi::TensorMapT &)> &change) {
    return kernel([&](abi::CudaLaunchT &launch) {
      auto made = std::make_unique<abi::TensorMapT>();
      made->dtype = static_cast<uint8_t>(DType::F32);
      made->sizes.push_back(linear(0, 4));
      made->sizes.push_back(linear(1));
      made->strides.push_back(linear(0, 16));
      made->box = {4, 8};
      change(*made);
      launch.tensor_maps.push_back(std::move(made));
    });
  };
  EXPECT_EQ(map([](abi::TensorMapT &) {}), "no error");
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.arg = 3; }),
            "has a tensor map of buffer 3 of 3");
  const std::string impossible = "has a tensor map of an impossible type";
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.dtype = 13; }), impossible);
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.strides.clear(); }), impossible);
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.box.push_back(1); }), impossible);
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.sizes.clear(); }), impossible);
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.box[1] = 257; }),
            "has a tensor map with a box of 257");
  EXPECT_EQ(map([](abi::TensorMapT &m) { m.swizzle = 16; }),
            "has a tensor map with a swizzle of 16 bytes");
  EXPECT_EQ(map([](abi::TensorMapT &m) {
              m.strides[0] = expr({op(abi::ExprOp::Add)});
            }),
            ", program 'layer': a tensor map has an expression that lacks an "
            "operand");
  EXPECT_EQ(changedCuda([](abi::VariantT &v) {
              abi::LaunchT &launch =
                  *v.programs[0]->steps->steps[0]->body.AsLaunch();
              launch.tasks = nullptr;
              launch.count = std::make_unique<abi::BufferRef>(slice(1));
            }),
            ", program 'layer': a launch on CUDA has a count that is read "
            "back");
}

TEST(PackageTest, LyingParams) {
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.bytes = 20; }),
            ", parameter 'w': its bytes do not match its type");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.dtype = 99; }),
            ", parameter 'w': its bytes do not match its type");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.units = 3; }),
            ", parameter 'w': 3 units do not divide 16 bytes");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.units = 0; }),
            ", parameter 'w': 0 units do not divide 16 bytes");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.sources.clear(); }),
            ", parameter 'w': no source");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.kernel = -2; }),
            ", parameter 'w': kernel -2");
  EXPECT_EQ(changedParam(0, [](abi::ParamT &p) { p.kernel = 6; }),
            ", parameter 'w': kernel 6 of 6");
  EXPECT_EQ(changedParam(1, [](abi::ParamT &p) { p.kernel = -1; }),
            ", parameter 'bias': a copy needs one source of the parameter's "
            "type");
  EXPECT_EQ(changedParam(1, [](abi::ParamT &p) { p.name = "w"; }),
            ", parameter 'w': the name occurs twice");
}

TEST(PackageTest, LyingSources) {
  auto w = [](const std::function<void(abi::SourceT &)> &change) {
    std::string message =
        changedParam(0, [&](abi::ParamT &param) { change(*param.sources[0]); });
    const std::string prefix = ", parameter 'w': source ";
    return message.starts_with(prefix) ? message.substr(prefix.size())
                                       : message;
  };
  EXPECT_EQ(w([](abi::SourceT &s) { s.stored_shape = {-4}; }),
            "'layer.w' has an impossible shape");
  EXPECT_EQ(w([](abi::SourceT &s) { s.shape = {int64_t(1) << 62, 8}; }),
            "'layer.w' has an impossible shape");
  EXPECT_EQ(w([](abi::SourceT &s) { s.strides = {1, 1}; }),
            "'layer.w' has another number of strides than of dimensions");
  EXPECT_EQ(w([](abi::SourceT &s) { s.pattern = "layer.{e}.w"; }),
            "'layer.{e}.w' names an expert though it is one tensor");
  EXPECT_EQ(w([](abi::SourceT &s) { s.per_expert = true; }),
            "'layer.w' lacks {e}");
  EXPECT_EQ(w([](abi::SourceT &s) { s.first_expert = -1; }),
            "'layer.w' numbers experts from -1");
  EXPECT_EQ(w([](abi::SourceT &s) { s.first_expert = int64_t(1) << 31; }),
            "'layer.w' numbers experts from 2147483648");
  const std::string outside = "'layer.w' reaches outside of the stored tensor";
  EXPECT_EQ(w([](abi::SourceT &s) { s.offset = 1; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.offset = -1; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.strides = {2}; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.strides = {-1}; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.strides = {INT64_MAX}; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.offset = INT64_MAX; }), outside);
  EXPECT_EQ(w([](abi::SourceT &s) { s.values = abi::ValueRule::NoE8M0NaN; }),
            "'layer.w' has a rule for its values that it cannot have");
  EXPECT_EQ(changedParam(0,
                         [](abi::ParamT &p) {
                           p.units = 8;
                           p.kernel = 5;
                         }),
            ", parameter 'w': source 'layer.w' cannot be cut into 8 units");
}

TEST(PackageTest, LyingArguments) {
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) { p.dims[0]->bound = 0; }),
            "dimension 'T' has the bound 0");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) {
              p.dims.push_back(std::make_unique<abi::DimT>());
              p.dims[1]->name = "U";
              p.dims[1]->bound = 4;
            }),
            "no input has dimension 'U'");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) { p.inputs[0]->dims = {0}; }),
            "input 'hidden_states' has 2 sizes and 1 dimensions");
  EXPECT_EQ(
      changedProgram([](abi::ProgramT &p) { p.inputs[0]->dims = {1, -1}; }),
      "input 'hidden_states', dimension 0: neither static nor a dimension of "
      "the program");
  EXPECT_EQ(
      changedProgram([](abi::ProgramT &p) { p.outputs[0]->sizes = {-1, -1}; }),
      "output 'hidden_states', dimension 1: neither static nor a dimension of "
      "the program");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) { p.inputs[1]->dtype = 13; }),
            "input 'ids' has an impossible type");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) {
              p.inputs[0]->sizes[1] = int64_t(1) << 60;
            }),
            "input 'hidden_states' has an impossible type");
  EXPECT_EQ(changedProgram(
                [](abi::ProgramT &p) { p.inputs[1]->name = "hidden_states"; }),
            "input 'hidden_states' occurs twice");
}

TEST(PackageTest, LyingBuffers) {
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) {
              p.workspace = expr({constant(1), op(abi::ExprOp::Add)});
            }),
            "the workspace has an expression that lacks an operand");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) {
              p.slices[1]->offset = linear(int64_t(1) << 55);
            }),
            "slice 1 has an expression that overflows within the bounds of its "
            "dimensions");
  EXPECT_EQ(changedProgram([](abi::ProgramT &p) {
              p.slices[1]->bytes = linear(0, int64_t(1) << 57);
            }),
            "slice 1 may need 144115188075855872");
}

TEST(PackageTest, LyingSteps) {
  auto withStep = [](std::unique_ptr<abi::StepT> added) {
    return changedProgram(
        [&](abi::ProgramT &p) { p.steps->steps.push_back(std::move(added)); });
  };
  EXPECT_EQ(withStep(step(launch(6, {}, 1))), "kernel 6 of 6");
  EXPECT_EQ(withStep(step(launch(4, {slice(2)}, 1))),
            "kernel 'sum_scalar' is launched with 2 and 1 buffers");
  EXPECT_EQ(withStep(step(launch(4, {slice(2), input(2)}, 1))), "Input 2 of 2");
  EXPECT_EQ(withStep(step(launch(4, {slice(3), input(0)}, 1))), "Slice 3 of 3");
  EXPECT_EQ(withStep(step(launch(4, {output(2), input(0)}, 1))),
            "Output 2 of 2");
  EXPECT_EQ(withStep(step(launch(4, {param(2), input(0)}, 1))), "Param 2 of 2");
  EXPECT_EQ(
      withStep(step(launch(
          4, {abi::BufferRef(static_cast<abi::BufferKind>(4), 0), input(0)},
          1))),
      "an unknown kind of buffer");
  abi::LaunchT both = launch(4, {slice(2), input(0)}, 1);
  both.count = std::make_unique<abi::BufferRef>(slice(0));
  EXPECT_EQ(withStep(step(abi::LaunchT(both))),
            "a launch needs either tasks or a count");
  both.tasks = nullptr;
  both.multiplier = 0;
  EXPECT_EQ(withStep(step(abi::LaunchT(both))),
            "a launch multiplies its count by 0");
  both.multiplier = 1;
  *both.count = slice(9);
  EXPECT_EQ(withStep(step(abi::LaunchT(both))), "Slice 9 of 3");
  both.count = nullptr;
  EXPECT_EQ(withStep(step(abi::LaunchT(both))),
            "a launch needs either tasks or a count");

  abi::SwitchT choice;
  choice.dim = 1;
  EXPECT_EQ(withStep(step(abi::SwitchT(choice))),
            "a switch over dimension 1 of 1");
  choice.dim = 0;
  choice.buckets = {8, 16};
  choice.cases.push_back(std::make_unique<abi::StepListT>());
  EXPECT_EQ(withStep(step(abi::SwitchT(choice))),
            "a switch of 2 buckets with 1 cases");
}

TEST(PackageTest, FunctionsAreFoundByName) {
  abi::PackageT package = samplePackage();
  auto second =
      std::make_unique<abi::ProgramT>(*package.variants[0]->programs[0]);
  second->name = "other";
  package.variants[0]->programs.push_back(std::move(second));
  std::shared_ptr<const Package> opened = test::open(package);
  auto create = [&](std::string_view function) {
    Result<std::shared_ptr<const Program>> program =
        Program::create(opened, 0, function, sampleKernels());
    return program ? std::string((*program)->name()) : program.error().str();
  };
  EXPECT_EQ(create("layer"), "layer");
  EXPECT_EQ(create("other"), "other");
  EXPECT_EQ(create(""), "E0304: 'sample.moe' holds several functions, name one "
                        "of 'layer', 'other'");
  EXPECT_EQ(create("laier"),
            "E0304: 'sample.moe' has no function 'laier', but 'layer', 'other' "
            "(did you mean 'layer'?)");
}

TEST(PackageTest, WorkspaceSizes) {
  std::shared_ptr<const Program> program = sampleProgram();
  Result<WorkspaceSize> size =
      program->workspaceSize(std::vector<int64_t>{10}, 3);
  ASSERT_TRUE(size);
  EXPECT_EQ(size->arena, 320u); // 128 + 160, rounded up to 64
  EXPECT_EQ(size->spareOutputs, 192u + 64u);
  EXPECT_EQ(size->scratch, 64u);
  EXPECT_EQ(size->bytes(), 320u + 256u + 3 * 64u);
  EXPECT_EQ(size->launchArgs, 3u);
  Result<WorkspaceSize> above =
      program->workspaceSize(std::vector<int64_t>{1001}, 1);
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().str(), "E0704: a workspace for T = 1001 is asked "
                                 "for; the program's bound is 1000");
}

TEST(PackageTest, CodeIsLoaded) {
  std::shared_ptr<const Package> package = test::open(samplePackage());
  Result<std::shared_ptr<const KernelCode>> code = loadKernels(*package, 0);
  ASSERT_TRUE(code) << code.error().str();
  ASSERT_EQ((*code)->functions.size(), 6u);
  float h[] = {1, 2, 3, 4}, y[4] = {};
  void *buffers[] = {h, y};
  const moe_kernel_args args{buffers, nullptr};
  (*code)->functions[3](&args, 1, 3, 0, nullptr); // move
  EXPECT_EQ(y[0] + y[3], 0);
  EXPECT_EQ(y[1], 2);
  EXPECT_EQ(y[2], 3);
}

} // namespace
} // namespace moe::test
