//===- SpecTest.cpp - Layers described by hand ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Import.h"

#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

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
    "intermediate_size": 32)" +
         (more.empty() ? "" : ", " + more) + "}";
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
      spec(withSizes("")),
      {"moe.param @router : tensor<8x16xf32>\n",
       "moe.param @gate : tensor<8x32x16xf32>\n",
       "moe.param @up : tensor<8x32x16xf32>\n",
       "moe.param @down : tensor<8x16x32xf32>\n",
       "@layer(%arg0: tensor<?x16xf32> {moe.dims = [\"T\", \"H\"], moe.name = "
       "\"hidden_states\"})",
       "moe.bounds = {T = 1048576 : i64}",
       "moe.route %1 select top_k(2) :", "moe.activate swiglu("});
}

TEST(Spec, Everything) {
  expectLines(
      spec(withSizes(R"(
    "dtype": "bf16", "weight_dtype": "f16", "max_tokens": 4096,
    "router": {"score": "sigmoid", "linear_bias": true, "selection_bias": true,
               "groups": {"count": 4, "keep": 2, "top_sum": 2, "fill": "0"},
               "normalize": [{"kind": "l1", "eps": 0.5, "eps_mode": "max"}],
               "scale": 2.5, "round_scores": true},
    "capacity": 64,
    "activation": {"kind": "clamp_glu", "alpha": 1.5, "beta": 1, "limit": 7},
    "expert_bias": true,
    "shared_experts": {"intermediate_size": 48})")),
      {"moe.param @router : tensor<8x16xf16>",
       "moe.param @router_bias : tensor<8xf16>",
       "moe.param @selection_bias : tensor<8xf32>",
       "moe.param @gate : tensor<8x32x16xf16>",
       "moe.param @gate_bias : tensor<8x32xf16>",
       "moe.param @up_bias : tensor<8x32xf16>",
       "moe.param @down_bias : tensor<8x16xf16>",
       "moe.param @shared_gate : tensor<48x16xf16>",
       "moe.param @shared_up : tensor<48x16xf16>",
       "moe.param @shared_down : tensor<16x48xf16>", "tensor<?x16xbf16>",
       "T = 4096", "bias",
       "score sigmoid as bf16 bias %3 groups(4 keep 2 by top2_sum fill 0) "
       "select top_k(2) normalize l1(eps 0.5 max) scale 2.5",
       "moe.capacity", "cap 64", "moe.activate clamp_glu(",
       "alpha = 1.500000e+00 : f64", "init"});
}

TEST(Spec, PlainActivationsHaveNoGate) {
  std::string text = spec(withSizes(R"("activation": "relu")"));
  EXPECT_EQ(text.find("@gate"), std::string::npos);
  expectLines(text, {"moe.param @up", "moe.activate relu("});
}

TEST(SpecErrors, WithTheirExactText) {
  EXPECT_EQ(spec("{"), "E0110: " + spec("{").substr(7));
  EXPECT_EQ(spec("[]"),
            "E0203: 'spec': must be an object, found an array of 0");
  EXPECT_EQ(spec("{}"), "E0202: 'spec': key 'num_experts' is missing");
  EXPECT_EQ(spec(withSizes(R"("topk": 2)")),
            "E0203: 'spec': has an unknown key 'topk' (did you mean 'top_k'?)");
  EXPECT_EQ(spec(withSizes(R"("max_tokens": 0)")),
            "E0203: 'spec': key 'max_tokens' must be 1 to 2147483648, found 0");
  EXPECT_EQ(spec(withSizes(R"("dtype": "f64")")),
            "E0203: 'spec': key 'dtype' must be 'f32' or 'bf16' or 'f16', "
            "found 'f64'");
  EXPECT_EQ(spec(withSizes(R"("router": {"score": "softmx"})")),
            "E0205: 'spec': key 'router.score': 'softmx' is unknown (did you "
            "mean 'softmax'?); known are identity, softmax, sigmoid, "
            "sqrtsoftplus, relu");
  EXPECT_EQ(spec(withSizes(R"("router": {"groups": {"count": 4, "keep": 2,
                                                    "top_sum": 2}})")),
            "E0202: 'spec': key 'router.groups.fill' is missing");
  EXPECT_EQ(spec(withSizes(R"("router": {"normalize": [{"kind": "l1",
                                                        "eps": 1}]})")),
            "E0202: 'spec': key 'router.normalize[0].eps_mode' is missing");
  EXPECT_EQ(spec(withSizes(R"("activation": "swiglue")")),
            "E0211: 'spec': key 'activation': 'swiglue' is unknown (did you "
            "mean 'swiglu'?); known are identity, silu, gelu, gelu_tanh, relu, "
            "relu2, swiglu, geglu, geglu_tanh, reglu, clamp_glu");
  EXPECT_EQ(spec(withSizes(R"("activation": {"kind": "clamp_glu", "alpha": 1,
                                             "beta": 1})")),
            "E0202: 'spec': key 'activation' must give 'limit' of clamp_glu: "
            "implementations differ in it");
  EXPECT_EQ(spec(withSizes(R"("activation": {"kind": "relu", "alpha": 1})")),
            "E0203: 'spec': key 'activation': 'alpha' is no parameter of relu "
            "or not finite");
  EXPECT_EQ(spec(R"({"num_experts": 8, "top_k": 9, "hidden_size": 16,
                     "intermediate_size": 32})"),
            "E0205: 'spec': key 'top_k' is 9, but 'num_experts' is 8");
}
