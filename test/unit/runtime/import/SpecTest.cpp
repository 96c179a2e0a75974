//===- SpecTest.cpp - Layers described by hand ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Import.h"
#include "moe/runtime/interpret/Interpret.h"

#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace moe;

/// The IR of a description, or its error.
static std::string spec(const std::string &json) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = import::importSpec(context, json, "spec");
  if (!module)
    return module.error().str();
  std::string text;
  llvm::raw_string_ostream os(text);
  (*module)->print(os);
  return text;
}

static std::string withSizes(const std::string &more) {
  return R"({"num_experts": 8, "top_k": 2, "hidden_size": 16,
    "intermediate_size": 32, )" +
         more + "}";
}
/// With the least activation.
static std::string withKeys(const std::string &more) {
  return withSizes(R"("activation": {"name": "swiglu"}, )" + more);
}

static void expectLines(const std::string &text,
                        std::initializer_list<const char *> lines) {
  size_t at = 0;
  for (const char *line : lines) {
    size_t found = text.find(line, at);
    EXPECT_NE(found, std::string::npos) << line << "\nin\n" << text;
    at = found == std::string::npos ? at : found;
  }
}

TEST(Spec, TheLeastDescription) {
  expectLines(
      spec(withSizes(R"("activation": {"name": "swiglu"})")),
      {"@router : tensor<8x16xf32> from #moe.source<\"router.weight\" :",
       "@gate : tensor<8x32x16xf32> from #moe.source<\"experts.gate.weight\" :",
       "@up : tensor<8x32x16xf32> from #moe.source<\"experts.up.weight\" :",
       "@down : tensor<8x16x32xf32> from #moe.source<\"experts.down.weight\" :",
       "@layer(%arg0: tensor<?x16xf32> {moe.dims = [\"T\", \"H\"], moe.name = "
       "\"hidden_states\"})",
       "moe.bounds = {T = 1048576 : i64}",
       "moe.route %1 select top_k(2) :", "moe.activate swiglu("});
}

TEST(Spec, Everything) {
  expectLines(
      spec(withSizes(R"(
    "dtype": "bf16", "weight_dtype": "f16", "max_tokens": 4096,
    "router": {"score": "sigmoid", "score_dtype": "bf16", "logits_bias": true,
               "selection_bias": true,
               "groups": {"count": 4, "keep": 2, "top_sum": 2, "fill": "0"},
               "normalize": [{"kind": "l1", "eps": 0.5, "eps_mode": "max"}],
               "scale": 2.5},
    "capacity": {"per_expert": 64, "order": "rank_major"},
    "activation": {"name": "clamp_glu", "alpha": 1.5, "beta": 1, "limit": 7},
    "expert_bias": true,
    "shared_experts": {"intermediate_size": 48, "gate": true})")),
      {"@router : tensor<8x16xf16>",
       "@router_bias : tensor<8xf16> from #moe.source<\"router.bias\"",
       "@selection_bias : tensor<8xf32> from "
       "#moe.source<\"router.selection_bias\"",
       "@gate : tensor<8x32x16xf16>",
       "@gate_bias : tensor<8x32xf16> from #moe.source<\"experts.gate.bias\"",
       "@up_bias : tensor<8x32xf16>",
       "@down_bias : tensor<8x16xf16>",
       "@shared_gate : tensor<48x16xf16> from "
       "#moe.source<\"shared.gate.weight\"",
       "@shared_up : tensor<48x16xf16>",
       "@shared_down : tensor<16x48xf16>",
       "@shared_router : tensor<1x16xf16> from "
       "#moe.source<\"shared.router.weight\"",
       "tensor<?x16xbf16>",
       "T = 4096",
       "bias",
       "score sigmoid as bf16 bias %3 groups(4 keep 2 by top2_sum fill 0) "
       "select top_k(2) normalize l1(eps 0.5 max) scale 2.5",
       "moe.capacity",
       "cap 64 order rank_major",
       "moe.activate clamp_glu(",
       "alpha = 1.500000e+00 : f64",
       "linalg.generic",
       "math.exp",
       "init"});
}

TEST(Spec, PlainActivationsHaveNoGate) {
  std::string text = spec(withSizes(R"("activation": {"name": "relu"})"));
  EXPECT_EQ(text.find("@gate"), std::string::npos);
  expectLines(text, {"moe.param @up", "moe.activate relu("});
}

TEST(Spec, AGateWeighsTheSharedExperts) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = import::importSpec(context, R"({"num_experts": 1, "top_k": 1,
    "hidden_size": 1, "intermediate_size": 1, "activation": {"name": "relu"},
    "shared_experts": {"intermediate_size": 1, "gate": true}})",
                                   "spec");
  ASSERT_TRUE(module) << module.error().str();
  core::Tensor x(core::DType::F32, {1, 1}), ones(core::DType::F32, {1, 1, 1});
  x.set(0, 2);
  ones.set(0, 1);
  std::vector<core::NamedTensor> inputs = {{"hidden_states", x}};
  auto results = interpret::interpret(
      (*module)->lookupSymbol<mlir::func::FuncOp>("layer"), inputs,
      [&](std::string_view,
          const core::TensorView &expected) -> core::Result<core::TensorView> {
        core::TensorView view = expected;
        view.data = ones.data();
        return view;
      });
  ASSERT_TRUE(results) << results.error().str();
  // The logit 2 is the weight of relu(2); beside it sigmoid(2) * relu(2).
  EXPECT_NEAR((*results)[0].tensor.at(0), 4 + 2 / (1 + std::exp(-2.)), 1e-6);
}

TEST(SpecErrors, WithTheirExactText) {
  EXPECT_EQ(spec("{").substr(0, 6), "E0110:");
  EXPECT_EQ(spec("[]"),
            "E0203: 'spec': must be an object, found an array of 0");
  EXPECT_EQ(spec("{}"), "E0202: 'spec': key 'num_experts' is missing");
  EXPECT_EQ(spec(withKeys(R"("topk": 2)")),
            "E0203: 'spec': has an unknown key 'topk' (did you mean 'top_k'?)");
  EXPECT_EQ(spec(R"({"num_experts": 8, "top_k": 9, "hidden_size": 16,
                     "intermediate_size": 32})"),
            "E0205: 'spec': key 'top_k' is 9, but 'num_experts' is 8");
  EXPECT_EQ(spec(withKeys(R"("max_tokens": 0)")),
            "E0203: 'spec': key 'max_tokens' must be 1 to 2147483648, found 0");
  EXPECT_EQ(spec(withKeys(R"("dtype": "f64")")),
            "E0203: 'spec': key 'dtype' must be 'f32' or 'bf16' or 'f16', "
            "found 'f64'");
  EXPECT_EQ(spec(withKeys(R"("capacity": {"per_expert": 4})")),
            "E0202: 'spec': key 'capacity.order' is missing");
  EXPECT_EQ(spec(withKeys(R"("router": {"score": "softmx"})")),
            "E0205: 'spec': key 'router.score': 'softmx' is unknown (did you "
            "mean 'softmax'?); known are identity, softmax, sigmoid, "
            "sqrtsoftplus, relu");
  EXPECT_EQ(spec(withKeys(R"("router": {"groups": {"count": 4, "keep": 2,
                                                   "top_sum": 2}})")),
            "E0202: 'spec': key 'router.groups.fill' is missing");
  EXPECT_EQ(spec(withKeys(R"("router": {"groups": {"count": 3, "keep": 2,
                              "top_sum": 2, "fill": "-inf"}})")),
            "E0205: 'spec': the router expects a number of groups that divides "
            "the number of experts, got 3 groups for 8 experts");
  EXPECT_EQ(spec(withKeys(R"("router": {"normalize": "l1"})")),
            "E0203: 'spec': key 'router.normalize' must be an array, found the "
            "string 'l1'");
  EXPECT_EQ(spec(withKeys(R"("router": {"normalize": [{"kind": "l1",
                                                       "eps": 1}]})")),
            "E0202: 'spec': key 'router.normalize[0].eps_mode' is missing");
  EXPECT_EQ(spec(withSizes(R"("expert_bias": false)")),
            "E0202: 'spec': key 'activation' is missing");
  EXPECT_EQ(spec(withSizes(R"("activation": {"name": "swiglue"})")),
            "E0211: 'spec': key 'activation.name': 'swiglue' is unknown (did "
            "you mean 'swiglu'?); known are identity, silu, gelu, gelu_tanh, "
            "relu, relu2, swiglu, geglu, geglu_tanh, reglu, clamp_glu, "
            "quick_gelu, swiglu_clamp, situ");
  EXPECT_EQ(spec(withSizes(R"("activation": {"name": "clamp_glu", "alpha": 1,
                                             "beta": 1})")),
            "E0202: 'spec': key 'activation' must give 'limit' of clamp_glu: "
            "implementations differ in it");
  EXPECT_EQ(spec(withSizes(R"("activation": {"name": "relu", "alpha": 1})")),
            "E0203: 'spec': key 'activation': 'alpha' is no parameter of relu "
            "or not finite");
}
