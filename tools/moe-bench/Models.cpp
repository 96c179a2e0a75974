//===- Models.cpp - The layers that moe-bench knows -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-bench/Models.h"

#include "moe/runtime/core/Spelling.h"

#include <nlohmann/json.hpp>
#include <vector>

using namespace moe;
using namespace moe::tools;
using core::Error;
using core::ErrorId;

static constexpr std::string_view kSoftmaxNorm =
    R"({"router": {"score": "softmax", "normalize": [{"kind": "l1"}]}})";
static constexpr std::string_view kSoftmax =
    R"({"router": {"score": "softmax"}})";
static constexpr std::string_view kDeepSeekV3 = R"({"router": {
  "score": "sigmoid", "selection_bias": true,
  "groups": {"count": 8, "keep": 4, "top_sum": 2, "fill": "-inf"},
  "normalize": [{"kind": "l1", "eps": 1e-20, "eps_mode": "add"}],
  "scale": 2.5}})";
static constexpr std::string_view kGptOss = R"({"router": {
  "logits_bias": true, "normalize": [{"kind": "softmax"}]},
  "activation": {"name": "clamp_glu", "alpha": 1.702, "beta": 1.0, "limit": 7.0},
  "expert_bias": true})";

// Sizes: config.json of the released checkpoints.
static constexpr Model kModels[] = {
    {"mixtral-8x7b", 4096, 14336, 8, 2, 0, "swiglu", kSoftmaxNorm},
    {"qwen3-30b-a3b", 2048, 768, 128, 8, 0, "swiglu", kSoftmaxNorm},
    {"deepseek-v2-lite", 2048, 1408, 64, 6, 2816, "swiglu", kSoftmax},
    {"deepseek-v3", 7168, 2048, 256, 8, 2048, "swiglu", kDeepSeekV3},
    {"olmoe", 2048, 1024, 64, 8, 0, "swiglu", kSoftmax},
    {"switch-base-8", 768, 3072, 8, 1, 0, "relu", kSoftmax},
    {"gpt-oss-20b", 2880, 2880, 32, 4, 0, "clamp_glu", kGptOss},
    {"dbrx", 6144, 10752, 16, 4, 0, "swiglu", kSoftmaxNorm},
    {"dense-llama-70b", 8192, 28672, 1, 1, 0, "swiglu", kSoftmax},
    {"odd-160", 2880, 192, 160, 10, 0, "swiglu", kSoftmaxNorm},
};

int64_t Model::matrices() const { return activation == "relu" ? 2 : 3; }

double Model::flops(int64_t tokens) const {
  auto h = static_cast<double>(hiddenSize);
  double expert = static_cast<double>(topK * matrices() * intermediateSize) * h;
  double shared = 3.0 * static_cast<double>(sharedSize) * h;
  double router = static_cast<double>(numExperts) * h;
  return 2.0 * static_cast<double>(tokens) * (expert + shared + router);
}

double Model::bytes(double touched, int64_t elementBytes) const {
  auto h = static_cast<double>(hiddenSize);
  double expert = touched * static_cast<double>(matrices() * intermediateSize);
  double shared = 3.0 * static_cast<double>(sharedSize);
  double router = static_cast<double>(numExperts);
  return static_cast<double>(elementBytes) * h * (expert + shared + router);
}

std::string Model::spec(std::string_view dtype, int64_t experts) const {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(rest);
  json["num_experts"] = experts ? experts : numExperts;
  json["top_k"] = topK;
  json["hidden_size"] = hiddenSize;
  json["intermediate_size"] = intermediateSize;
  json["dtype"] = dtype;
  if (!json.contains("activation"))
    json["activation"] = {{"name", activation}};
  if (sharedSize)
    json["shared_experts"] = {{"intermediate_size", sharedSize}};
  return json.dump();
}

std::span<const Model> tools::models() { return kModels; }

core::Result<const Model *> tools::findModel(std::string_view name) {
  std::vector<std::string> known;
  std::string list;
  for (const Model &model : kModels) {
    if (model.name == name)
      return &model;
    known.emplace_back(model.name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  return Error(ErrorId::UsageInvalid,
               "moe-bench: unknown --model=" + std::string(name) +
                   core::didYouMean(name, known) + "; there are " + list +
                   ", or give a --config=config.json");
}
