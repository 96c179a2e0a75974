//===- RouteKernelTest.cpp - Scores, picks and weights --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Routers of the catalogue against the reference. Logits lie on a grid, so that
// there are ties and no near ones: ids must be equal, one by one.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/runtime/reference/Routing.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace moe;
using namespace moe::test;
using core::DType;
using semantics::NormKind;
using semantics::ScoreFn;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

struct Router {
  const char *score; ///< none: the logits are the scores
  semantics::RouterSpec spec;
  const char *groups;
  const char *normalize; ///< and scale
  int64_t experts = 16;
  DType logits = DType::F32, scores = DType::F32, weights = DType::F32;
};

std::string typeOf(int64_t columns, DType dtype) {
  return "tensor<?x" + std::to_string(columns) + "x" +
         std::string(core::name(dtype)) + ">";
}

std::string kernelOf(const Router &r) {
  const std::string l = typeOf(r.experts, r.logits),
                    s = typeOf(r.experts, r.scores),
                    b = "tensor<" + std::to_string(r.experts) + "xf32>",
                    ids = typeOf(r.spec.topK, DType::I32),
                    w = typeOf(r.spec.topK, r.weights);
  std::string text = "moe_exec.kernel @route(%l: " + l;
  if (r.spec.hasBias)
    text += ", %b: " + b;
  text += ") -> (" + ids + ", " + w + (r.score ? ", " + s : "") +
          ") attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> "
          "(d0)>, ";
  if (r.spec.hasBias)
    text += "affine_map<(d0) -> ()>, ";
  text += "affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>" +
          std::string(r.score ? ", affine_map<(d0) -> (d0)>" : "") + "]} {\n";
  std::string scores = "%l", scoresType = l;
  if (r.score) {
    text += std::string("  %s = moe.score ") + r.score + " %l : " + l + " -> " +
            s + "\n";
    scores = "%s";
    scoresType = s;
  }
  text += "  %ids = moe.select " + scores + (r.spec.hasBias ? " bias %b" : "") +
          " " + r.groups + " top_k(" + std::to_string(r.spec.topK) +
          ") : " + scoresType + (r.spec.hasBias ? ", " + b : "") + " -> " +
          ids + "\n  %w = moe.weigh " + scores + ", %ids " + r.normalize +
          " : " + scoresType + ", " + ids + " -> " + w +
          "\n  moe_exec.return %ids, %w" + (r.score ? ", %s" : "") + " : " +
          ids + ", " + w + (r.score ? ", " + s : "") + "\n}\n";
  return text;
}

std::vector<Router> routers() {
  auto spec = [](int64_t k, ScoreFn fn) {
    semantics::RouterSpec spec;
    spec.topK = k;
    spec.score = fn;
    return spec;
  };
  std::vector<Router> list;
  auto mixtral = spec(2, ScoreFn::Softmax);
  mixtral.normalize = {{NormKind::L1}};
  list.push_back({"softmax", mixtral, "", "normalize l1", 8});
  auto plain = spec(8, ScoreFn::Softmax);
  list.push_back({"softmax", plain, "", "", 60, DType::BF16});
  auto gptOss = spec(4, ScoreFn::Identity);
  gptOss.normalize = {{NormKind::Softmax}};
  list.push_back({nullptr, gptOss, "", "normalize softmax", 33});
  auto llama4 = spec(1, ScoreFn::Identity);
  llama4.normalize = {{NormKind::Sigmoid}};
  list.push_back({nullptr, llama4, "", "normalize sigmoid", 16, DType::F16,
                  DType::F32, DType::BF16});
  auto deepseek = spec(8, ScoreFn::Sigmoid);
  deepseek.hasBias = true;
  deepseek.groups = {8, 4, 2, semantics::GroupFill::NegInf};
  deepseek.normalize = {{NormKind::L1, 1e-20, semantics::EpsMode::Add}};
  deepseek.scale = 2.5;
  list.push_back({"sigmoid", deepseek, "groups(8 keep 4 by top2_sum fill -inf)",
                  "normalize l1(eps 1.0e-20 add) scale 2.5", 64});
  deepseek.groups->fill = semantics::GroupFill::Zero;
  deepseek.groups->topSum = 1;
  deepseek.hasBias = false;
  list.push_back({"sigmoid", deepseek, "groups(8 keep 4 by max fill 0)",
                  "normalize l1(eps 1.0e-20 add) scale 2.5", 64});
  auto ernie = spec(6, ScoreFn::Softmax);
  ernie.hasBias = true;
  ernie.normalize = {{NormKind::L1, 1e-2, semantics::EpsMode::Max}};
  list.push_back({"softmax", ernie, "", "normalize l1(eps 1.0e-2 max)", 48});
  auto v4 = spec(3, ScoreFn::SqrtSoftplus);
  list.push_back({"sqrtsoftplus", v4, "", "scale 1.5", 20});
  list.back().spec.scale = 1.5;
  auto relu = spec(5, ScoreFn::Relu);
  list.push_back({"relu", relu, "", "", 5});
  auto switchBase = spec(1, ScoreFn::Softmax);
  list.push_back({"softmax", switchBase, "", "", 8, DType::BF16, DType::BF16,
                  DType::BF16});
  auto wide = spec(10, ScoreFn::Softmax);
  wide.normalize = {{NormKind::L1}};
  list.push_back({"softmax", wide, "", "normalize l1", 1024});
  return list;
}

void check(const Router &r, const LoweredKernels &kernels,
           const std::vector<double> &logits, const std::vector<double> &bias,
           std::mt19937 &random) {
  const int64_t tokens = static_cast<int64_t>(logits.size()) / r.experts;
  const int64_t k = r.spec.topK;
  Buffer l(r.logits, logits), b(DType::F32, bias), ids(DType::I32, tokens * k),
      w(r.weights, tokens * k), s(r.scores, tokens * r.experts);
  std::vector<Buffer *> buffers{&l};
  if (r.spec.hasBias)
    buffers.push_back(&b);
  buffers.insert(buffers.end(), {&ids, &w});
  if (r.score)
    buffers.push_back(&s);
  kernels.run("route", buffers, {tokens}, random);
  const std::vector<double> biases =
      r.spec.hasBias ? b.values() : std::vector<double>();
  reference::Routed want =
      *reference::route(r.spec, l.values(), {.bias = biases}, r.experts,
                        r.score ? r.scores : r.logits);
  ASSERT_EQ(ids.ints(), want.ids);
  auto close = [](double got, double expected, DType dtype) {
    const double tolerance = dtype == DType::BF16 ? 4e-3 : 4e-6;
    return (std::isnan(got) && std::isnan(expected)) || got == expected ||
           std::abs(got - expected) <= tolerance * std::abs(expected) + 1e-30;
  };
  for (size_t i = 0; i < want.weights.size(); ++i)
    ASSERT_TRUE(close(w[i], want.weights[i], r.weights))
        << i << ": " << w[i] << " instead of " << want.weights[i];
  if (r.score) {
    for (size_t i = 0; i < want.scores.size(); ++i)
      ASSERT_TRUE(close(s[i], want.scores[i], r.scores))
          << i << ": " << s[i] << " instead of " << want.scores[i];
  }
}

TEST(RouteKernelTest, Catalogue) {
  for (const char *target :
       {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"}) {
    if (!canRun(target))
      continue;
    for (const Router &r : routers()) {
      SCOPED_TRACE(std::string(target) + "\n" + kernelOf(r));
      LoweredKernels kernels(kernelOf(r), target);
      ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
      std::mt19937 random(6);
      // Biases are far apart, or equal: sums do not come close to each other.
      std::vector<double> bias;
      for (int64_t e = 0; e < r.experts; ++e)
        bias.push_back(2.0 * static_cast<double>(random() % 2));
      for (int64_t tokens : {0, 1, 2, 33}) {
        std::vector<double> logits;
        for (int64_t i = 0; i < tokens * r.experts; ++i)
          logits.push_back(static_cast<double>(random() % 257) / 32 - 4);
        check(r, kernels, logits, bias, random);
        if (HasFatalFailure())
          return;
      }
      // Rows with little, or nothing, to pick from.
      const int64_t e = r.experts;
      std::vector<double> odd(7 * e, -1);
      std::fill(odd.begin(), odd.begin() + e, notANumber);
      odd[e + 1] = notANumber;
      odd[2 * e + 1] = infinity;
      odd[2 * e + 2] = -infinity;
      std::fill(odd.begin() + 3 * e, odd.begin() + 4 * e, -infinity);
      std::fill(odd.begin() + 4 * e, odd.begin() + 5 * e, 0);
      odd[5 * e] = -0.0;
      odd[5 * e + 1] = 0.0;
      odd[6 * e + e - 1] = 60;
      check(r, kernels, odd, bias, random);
      if (HasFatalFailure())
        return;
    }
  }
}

TEST(RouteKernelTest, ConstantLogitsAndBias) {
  if (!canRun("x86-64-v3"))
    GTEST_SKIP() << "nothing here runs x86-64-v3";
  LoweredKernels kernels(R"(
    moe_exec.kernel @route() -> tensor<2x2xi32>
        attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>]} {
      %l = arith.constant dense<[[1.0, 3.0, 2.0], [5.0, 4.0, 3.5]]>
          : tensor<2x3xf32>
      %b = arith.constant dense<[0.0, 0.0, 2.0]> : tensor<3xf32>
      %ids = moe.select %l bias %b top_k(2)
          : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x2xi32>
      moe_exec.return %ids : tensor<2x2xi32>
    })",
                         "x86-64-v3");
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(1);
  Buffer ids(DType::I32, size_t(4));
  kernels.run("route", {&ids}, {}, random);
  EXPECT_EQ(ids.ints(), (std::vector<int32_t>{2, 1, 2, 0}));
}

} // namespace
