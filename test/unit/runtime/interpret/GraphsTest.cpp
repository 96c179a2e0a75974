//===- GraphsTest.cpp - Graphs that front ends exported -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole programs that nobody here wrote, against float64: the ops of the closed
// set in the combinations that occur.
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include "moe/runtime/core/Safetensors.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace moe;
using namespace moe::interpret::test;

namespace {

struct Graph {
  const char *file;
  const char *golden;
};

core::Tensor copyOf(const core::TensorView &view) {
  core::Tensor tensor(view.dtype, view.shape);
  std::memcpy(tensor.data(), view.data, view.bytes());
  return tensor;
}

double relativeError(const core::Tensor &got, const core::TensorView &want) {
  double squares = 0, scale = 0;
  for (int64_t index = 0; index < want.numElements(); ++index) {
    double difference = got.at(index) - want.at(index);
    squares += difference * difference;
    scale += want.at(index) * want.at(index);
  }
  return std::sqrt(squares / scale);
}

class Graphs : public testing::TestWithParam<Graph> {};

} // namespace

TEST_P(Graphs, AgreeWithFloat64) {
  std::string folder = std::string(MOEC_TEST_DATA) + "/graphs/";
  std::string file = folder + GetParam().file + ".mlir";
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  auto golden =
      core::SafetensorsFile::open(folder + GetParam().golden + ".safetensors");
  ASSERT_TRUE(golden) << golden.error().str();

  bool dynamic = file.find("-dynamic") != std::string::npos;
  for (std::string suffix : {"", "_t5"}) {
    if (!suffix.empty() && !dynamic)
      continue;
    Program program;
    program.text = text.str();
    std::stringstream names(golden->metadata().at("args"));
    for (std::string name; std::getline(names, name, ',');) {
      // The first argument is the batch.
      auto tensor =
          golden->tensor(program.arguments.empty() ? name + suffix : name);
      ASSERT_TRUE(tensor) << tensor.error().str();
      program.arguments.push_back(copyOf(*tensor));
    }
    auto results = program.run();
    ASSERT_TRUE(results) << results.error().str();
    for (size_t index = 0; index < results->size(); ++index) {
      auto want = golden->tensor((index == 0 ? "y64" : "y64_1") + suffix);
      ASSERT_TRUE(want) << want.error().str();
      const core::Tensor &got = (*results)[index].tensor;
      ASSERT_EQ(got.shape(), want->shape);
      EXPECT_LE(relativeError(got, *want), 1e-6) << suffix << " " << index;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Graphs,
    testing::Values(
        Graph{"torch-sort-grouped-mm-dynamic.ext", "torch-plain"},
        Graph{"torch-masked-dense-scatter-static", "torch-plain"},
        Graph{"torch-gshard-top2-capacity-dynamic.ext", "torch-gshard"},
        Graph{"torch-route-softmax-topk-dynamic", "torch-route"},
        Graph{"hf-deepseek-v3-batched-mm-dynamic.ext", "hf-deepseek-v3"},
        Graph{"jax-sort-ragged-dot-static.ext", "jax-gated"},
        Graph{"jax-scan-experts-static.ext", "jax-gated"}),
    [](const auto &info) {
      std::string name = info.param.file;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
          '_');
      return name;
    });
