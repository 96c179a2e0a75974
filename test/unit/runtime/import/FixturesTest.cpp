//===- FixturesTest.cpp - Imported layers against their originals ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// test/data/fixtures holds layers in the form of released checkpoints and what
// the original implementations gave. Importer and interpreter together must
// give the same: what every executor is compared with later is held to the
// models themselves here.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Checkpoint.h"
#include "moe/runtime/core/Compare.h"
#include "moe/runtime/import/Import.h"
#include "moe/runtime/interpret/Interpret.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

using namespace moe;
using core::Result;

namespace {

/// A fixture's layer, ready to run.
class Layer {
public:
  Layer(const std::string &folder, std::string_view dtype)
      : context(mlir::MLIRContext::Threading::DISABLED),
        module(import::importLayer(context, folder, -1, dtype)),
        checkpoint(core::Checkpoint::open(folder)) {}

  std::string problem() const {
    if (!module)
      return module.error().str();
    return checkpoint ? "" : checkpoint.error().str();
  }

  Result<std::vector<core::NamedTensor>> run(const core::Tensor &hidden) {
    auto function = (*module)->lookupSymbol<mlir::func::FuncOp>("layer");
    std::vector<core::NamedTensor> inputs = {{"hidden_states", hidden}};
    return interpret::interpret(
        function, inputs, [&](std::string_view name, const core::TensorView &) {
          return checkpoint->tensor(name);
        });
  }

private:
  mlir::MLIRContext context;
  Result<mlir::OwningOpRef<mlir::ModuleOp>> module;
  Result<core::Checkpoint> checkpoint;
};

std::string folderOf(const std::string &fixture) {
  return std::string(MOEC_TEST_DATA) + "/fixtures/" + fixture;
}

core::Tensor copyOf(const core::TensorView &view) {
  core::Tensor tensor(view.dtype, view.shape);
  std::memcpy(tensor.data(), view.data, view.bytes());
  return tensor;
}

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folderOf("")))
    if (entry.is_directory())
      names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

class Fixtures : public testing::TestWithParam<std::string> {};

} // namespace

TEST_P(Fixtures, AgreeWithTheOriginal) {
  std::string folder = folderOf(GetParam());
  double tolerance = GetParam().find("bf16") != std::string::npos ? 5e-3 : 1e-5;
  for (const char *tokens : {"1", "7", "64"}) {
    auto input = core::SafetensorsFile::open(folder + "/input-T" + tokens +
                                             ".safetensors");
    auto expect = core::SafetensorsFile::open(folder + "/expect-T" + tokens +
                                              ".safetensors");
    ASSERT_TRUE(input) << input.error().str();
    ASSERT_TRUE(expect) << expect.error().str();
    auto hidden = input->tensor("hidden_states");
    ASSERT_TRUE(hidden) << hidden.error().str();
    // The type of activations is the input's, whatever the configuration says.
    Layer layer(folder, core::name(hidden->dtype));
    ASSERT_EQ(layer.problem(), "");
    auto results = layer.run(copyOf(*hidden));
    ASSERT_TRUE(results) << results.error().str();

    std::vector<core::NamedView> got, want;
    for (const core::NamedTensor &result : *results)
      got.push_back({result.name, result.tensor.view()});
    for (const core::SafetensorsEntry &entry : expect->entries())
      want.push_back({entry.name, *expect->tensor(entry.name)});
    std::vector<core::TensorReport> reports = core::compareTensors(got, want);
    EXPECT_EQ(reports.size(), 4u);
    for (const core::TensorReport &report : reports)
      EXPECT_TRUE(report.agrees(tolerance))
          << "T" << tokens << " " << report.name << ": " << report.error << " "
          << report.problem;
  }
}

TEST_P(Fixtures, NoTokensGiveNoRows) {
  std::string folder = folderOf(GetParam());
  auto input = core::SafetensorsFile::open(folder + "/input-T1.safetensors");
  ASSERT_TRUE(input) << input.error().str();
  auto hidden = input->tensor("hidden_states");
  Layer layer(folder, core::name(hidden->dtype));
  ASSERT_EQ(layer.problem(), "");
  auto results = layer.run(core::Tensor(hidden->dtype, {0, hidden->shape[1]}));
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.shape(),
            (std::vector<int64_t>{0, hidden->shape[1]}));
}

INSTANTIATE_TEST_SUITE_P(, Fixtures, testing::ValuesIn(fixtures()),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
