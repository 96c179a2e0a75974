//===- ImportTest.cpp - What the importer makes of folders ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// That imported layers compute the right thing is FixturesTest's; here it is
// which layers there are, which tensors they read, and what is refused.
//
//===----------------------------------------------------------------------===//

#include "ImportFolder.h"

#include "moe/runtime/import/Family.h"

using namespace moe;
using namespace moe::test;
using core::DType;

//===----------------------------------------------------------------------===//
// Which layers
//===----------------------------------------------------------------------===//

TEST(Import, LayersAreThoseWhoseRouterIsStored) {
  Folder folder;
  folder.config(kMixtral);
  addMixtral(addMixtral(folder, 2), 0);
  // More than the configuration has, and a name that only looks like one.
  folder.tensor("model.layers.61.block_sparse_moe.gate.weight", {2, 8});
  folder.tensor("model.layers.x.block_sparse_moe.gate.weight", {2, 8});
  folder.tensor("model.layers.01.block_sparse_moe.gate.weight", {2, 8});
  EXPECT_EQ(folder.layers(),
            (Strings{"0 model.layers.0.block_sparse_moe: 2 experts, top 1",
                     "2 model.layers.2.block_sparse_moe: 2 experts, top 1",
                     "61 model.layers.61.block_sparse_moe: 2 experts, top 1"}));
  EXPECT_EQ(folder.error(), "E0207: 'X' has 3 MoE layers (0, 2, 61); choose "
                            "one with --layer=N");
  EXPECT_EQ(folder.error(1),
            "E0206: layer 1 of 'X' is no MoE layer; its MoE layers are 0, 2, "
            "61");
  EXPECT_EQ(folder.error(2), "no error");
}

TEST(Import, WithoutWeightsTheConfigurationSays) {
  Folder mixtral;
  mixtral.config(kMixtral);
  EXPECT_EQ(mixtral.layers().size(), 3u);
  EXPECT_EQ(mixtral.error(3),
            "E0206: layer 3 of 'X' is no MoE layer; its MoE layers are 0 to 2");

  Folder qwen;
  qwen.config(R"({"model_type": "qwen3_moe", "hidden_size": 8,
    "moe_intermediate_size": 4, "num_experts": 4, "num_experts_per_tok": 2,
    "num_hidden_layers": 7, "decoder_sparse_step": 2, "mlp_only_layers": [3]})");
  EXPECT_EQ(qwen.layers(), (Strings{"1 model.layers.1.mlp: 4 experts, top 2",
                                    "5 model.layers.5.mlp: 4 experts, top 2"}));

  Folder deepseek;
  deepseek.config(kDeepSeek);
  EXPECT_EQ(deepseek.layers(),
            (Strings{"3 model.layers.3.mlp: 8 experts, top 2",
                     "4 model.layers.4.mlp: 8 experts, top 2"}));

  Folder switched;
  switched.config(R"({"model_type": "switch_transformers", "d_model": 8,
    "d_ff": 4, "num_experts": 4, "num_layers": 4, "num_decoder_layers": 4,
    "encoder_sparse_step": 2, "num_sparse_decoder_layers": 1})");
  // Of the decoder one layer in four, numbered on from the encoder's.
  EXPECT_EQ(switched.layers(),
            (Strings{"1 encoder.block.1.layer.1.mlp: 4 experts, top 1",
                     "3 encoder.block.3.layer.1.mlp: 4 experts, top 1",
                     "5 decoder.block.1.layer.2.mlp: 4 experts, top 1"}));
}

TEST(Import, NoLayers) {
  Folder folder;
  folder.config(kMixtral).tensor("lm_head.weight", {8, 8});
  EXPECT_EQ(folder.error(), "E0206: 'X' has no MoE layer");
}

//===----------------------------------------------------------------------===//
// Which tensors
//===----------------------------------------------------------------------===//

TEST(Import, StoredTypesAndTheActivationsType) {
  Folder folder;
  folder.config(kMixtral);
  addMixtral(folder, 1, DType::F16);
  EXPECT_EQ(folder.params(),
            (Strings{
                "router tensor<2x8xf16> "
                "model.layers.1.block_sparse_moe.gate.weight",
                "gate tensor<2x4x8xf16> "
                "model.layers.1.block_sparse_moe.experts.{e}.w1.weight",
                "up tensor<2x4x8xf16> "
                "model.layers.1.block_sparse_moe.experts.{e}.w3.weight",
                "down tensor<2x8x4xf16> "
                "model.layers.1.block_sparse_moe.experts.{e}.w2.weight",
            }));
  EXPECT_NE(folder.printed().find("@layer(%arg0: tensor<?x8xbf16>"),
            std::string::npos);
  EXPECT_NE(folder.printed(-1, "f32").find("@layer(%arg0: tensor<?x8xf32>"),
            std::string::npos);
}

TEST(Import, WithoutWeightsTheReleasedLayoutIsAssumed) {
  Folder deepseek;
  deepseek.config(replaced(kDeepSeek, "\"norm_topk_prob\"", R"(
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "norm_topk_prob")"));
  EXPECT_EQ(deepseek.params(3),
            (Strings{
                "router tensor<8x256xbf16> model.layers.3.mlp.gate.weight",
                "selection_bias tensor<8xf32> "
                "model.layers.3.mlp.gate.e_score_correction_bias",
                "gate tensor<8x130x256xf8E4M3FN> "
                "model.layers.3.mlp.experts.{e}.gate_proj.weight",
                "gate_scales tensor<8x2x2xf32> "
                "model.layers.3.mlp.experts.{e}.gate_proj.weight_scale_inv",
                "up tensor<8x130x256xf8E4M3FN> "
                "model.layers.3.mlp.experts.{e}.up_proj.weight",
                "up_scales tensor<8x2x2xf32> "
                "model.layers.3.mlp.experts.{e}.up_proj.weight_scale_inv",
                "down tensor<8x256x130xf8E4M3FN> "
                "model.layers.3.mlp.experts.{e}.down_proj.weight",
                "down_scales tensor<8x2x2xf32> "
                "model.layers.3.mlp.experts.{e}.down_proj.weight_scale_inv",
                "shared_gate tensor<260x256xf8E4M3FN> "
                "model.layers.3.mlp.shared_experts.gate_proj.weight",
                "shared_gate_scales tensor<3x2xf32> "
                "model.layers.3.mlp.shared_experts.gate_proj.weight_scale_inv",
                "shared_up tensor<260x256xf8E4M3FN> "
                "model.layers.3.mlp.shared_experts.up_proj.weight",
                "shared_up_scales tensor<3x2xf32> "
                "model.layers.3.mlp.shared_experts.up_proj.weight_scale_inv",
                "shared_down tensor<256x260xf8E4M3FN> "
                "model.layers.3.mlp.shared_experts.down_proj.weight",
                "shared_down_scales tensor<2x3xf32> "
                "model.layers.3.mlp.shared_experts.down_proj.weight_scale_inv",
            }));

  Folder gptOss;
  std::string config = R"({"model_type": "gpt_oss", "hidden_size": 64,
    "intermediate_size": 32, "num_local_experts": 4, "experts_per_token": 2,
    "num_hidden_layers": 1,
    "quantization_config": {"quant_method": "mxfp4"}})";
  gptOss.config(config);
  Strings params = gptOss.params();
  ASSERT_EQ(params.size(), 11u);
  EXPECT_EQ(params[2], "gate tensor<4x32x2x16xi8> "
                       "model.layers.0.mlp.experts.gate_up_proj_blocks");
  EXPECT_EQ(params[3], "gate_scales tensor<4x32x2xi8> "
                       "model.layers.0.mlp.experts.gate_up_proj_scales");
  // The released configurations give neither alpha nor limit's companions.
  EXPECT_NE(gptOss.printed().find(
                "{alpha = 1.702000e+00 : f64, beta = 1.000000e+00 : f64, limit "
                "= 7.000000e+00 : f64}"),
            std::string::npos);
  gptOss.config(replaced(config, "\"hidden_size\": 64", "\"hidden_size\": 72"));
  EXPECT_EQ(gptOss.error(),
            "E0210: 'X': 'model.layers.0.mlp.experts.gate_up_proj_blocks' has "
            "rows of 72 (num_local_experts = 4 and intermediate_size = 32 and "
            "hidden_size = 72); mxfp4 needs a multiple of 32");
  Folder mixtral;
  mixtral.config(replaced(kMixtral, "\"hidden_act\"", R"(
    "quantization_config": {"quant_method": "mxfp4"}, "hidden_act")"));
  EXPECT_EQ(mixtral.error(0),
            "E0210: 'X': mxfp4 is not supported for this model_type");
}

TEST(Import, KeysOfALanguageModelInsideAnother) {
  Folder folder;
  folder.config(
      R"({"model_type": "some_vlm", "hidden_size": 1, "text_config": )" +
      kMixtral + "}");
  addMixtral(folder);
  EXPECT_EQ(folder.params().size(), 4u);
}

TEST(Import, RoutersFollowTheirKeys) {
  Folder folder;
  folder.config(kDeepSeek);
  auto route = [&] {
    std::string text = folder.printed(3);
    size_t from = text.find("moe.route"), to = text.find(" : tensor", from);
    return from == std::string::npos ? text : text.substr(from, to - from);
  };
  EXPECT_EQ(route(),
            "moe.route %1 score sigmoid bias %2 groups(4 keep 2 by top2_sum "
            "fill -inf) select top_k(2) normalize l1(eps 1.0e-20 add) "
            "scale 2.5");
  std::string config = replaced(kDeepSeek, "\"norm_topk_prob\": true",
                                "\"norm_topk_prob\": false");
  config = replaced(config, "\"n_group\": 4", "\"n_group\": 1");
  config = replaced(config, "\"topk_group\": 2", "\"topk_group\": 1");
  config = replaced(config, "2.5", "1");
  folder.config(config);
  EXPECT_EQ(route(), "moe.route %1 score sigmoid bias %2 select top_k(2)");
  folder.config(replaced(kDeepSeek, "\"n_shared_experts\": 2",
                         "\"n_shared_experts\": null"));
  EXPECT_EQ(folder.params(3).size(), 5u);
}

//===----------------------------------------------------------------------===//
// What is refused: config.json
//===----------------------------------------------------------------------===//

TEST(ImportErrors, Folders) {
  Folder folder;
  EXPECT_EQ(folder.error(), "E0201: 'X' has no config.json");
  folder.config("[1]");
  EXPECT_EQ(folder.error(),
            "E0203: 'X/config.json' must be an object, found an array of 1");
  folder.config("{\"model_type\": ");
  EXPECT_EQ(folder.error().substr(0, 6), "E0110:");
}

TEST(ImportErrors, UnknownModels) {
  Folder folder;
  folder.config(replaced(kMixtral, "mixtral", "mixtrl"));
  std::string known;
  for (const import::Family &family : import::families())
    for (std::string_view name : family.modelTypes)
      if (!family.onlyIf && !name.starts_with("gguf:"))
        known += (known.empty() ? "" : ", ") + std::string(name);
  EXPECT_EQ(folder.error(),
            "E0204: 'X/config.json': model_type 'mixtrl' is unknown (did you "
            "mean 'mixtral'?); known are " +
                known +
                ". A layer of another model can be "
                "written as IR or described with LayerSpec");
  folder.config("{}");
  EXPECT_EQ(folder.error(),
            "E0202: 'X/config.json': key 'model_type' is missing");
}

TEST(ImportErrors, Keys) {
  Folder folder;
  addMixtral(folder);
  auto with = [&](const std::string &from, const std::string &to) {
    folder.config(replaced(kMixtral, from, to));
    return folder.error();
  };
  EXPECT_EQ(with("\"num_experts_per_tok\"", "\"num_expert_per_tok\""),
            "E0202: 'X/config.json': key 'num_experts_per_tok' is missing (did "
            "you mean 'num_expert_per_tok'?)");
  EXPECT_EQ(with("\"num_local_experts\": 2", "\"num_local_experts\": \"2\""),
            "E0203: 'X/config.json': key 'num_local_experts' must be an "
            "integer, found the string '2'");
  EXPECT_EQ(with("\"hidden_size\": 8", "\"hidden_size\": 0"),
            "E0203: 'X/config.json': key 'hidden_size' must be 1 to 1048576, "
            "found 0");
  EXPECT_EQ(with("\"hidden_size\": 8", "\"hidden_size\": 9223372036854775807"),
            "E0203: 'X/config.json': key 'hidden_size' must be 1 to 1048576, "
            "found 9223372036854775807");
  EXPECT_EQ(with("\"num_experts_per_tok\": 1", "\"num_experts_per_tok\": 99"),
            "E0205: 'X/config.json': key 'num_experts_per_tok' is 99, but "
            "'num_local_experts' is 2");
  EXPECT_EQ(with("bfloat16", "int8"),
            "E0203: 'X/config.json': key 'torch_dtype' must be float32, "
            "bfloat16 or float16, found 'int8'; the type of activations can "
            "also be given as --dtype");
  EXPECT_EQ(with("silu", "siluu"),
            "E0211: 'X/config.json': hidden_act 'siluu' is unknown (did you "
            "mean 'silu'?); known are silu, swish, gelu, gelu_new, "
            "gelu_pytorch_tanh, relu");
  folder.config(kMixtral);
  EXPECT_EQ(folder.error(-1, "int8"),
            "E0901: dtype 'int8' is not one of activations; expected f32, bf16 "
            "or f16");
}

TEST(ImportErrors, Routers) {
  Folder folder;
  folder.config(replaced(kDeepSeek, "\"n_group\": 4", "\"n_group\": 3"));
  EXPECT_EQ(
      folder.error(3),
      "E0205: 'X/config.json': the router expects a number of groups that "
      "divides the number of experts, got 3 groups for 8 experts");
  folder.config(replaced(kDeepSeek, "\"n_group\"",
                         "\"scoring_func\": \"softmax\", \"n_group\""));
  EXPECT_EQ(folder.error(3),
            "E0212: 'X/config.json': key 'scoring_func' is 'softmax', which "
            "moec does not support for DeepSeek-V3; expected 'sigmoid'");
  folder.config(replaced(kDeepSeek, "\"n_group\": 4,", ""));
  EXPECT_EQ(folder.error(3),
            "E0202: 'X/config.json': key 'n_group' is missing");
}

//===----------------------------------------------------------------------===//
// What is refused: tensors
//===----------------------------------------------------------------------===//

TEST(ImportErrors, Tensors) {
  std::string block = "model.layers.1.block_sparse_moe.";
  Folder folder;
  folder.config(kMixtral);
  addMixtral(folder).without(block + "experts.1.w3.weight");
  EXPECT_EQ(folder.error(),
            "E0108: 'X' has no tensor "
            "'model.layers.1.block_sparse_moe.experts.1.w3.weight' (did you "
            "mean 'model.layers.1.block_sparse_moe.experts.0.w3.weight'?)");
  addMixtral(folder).tensor(block + "experts.1.w3.weight", {8, 4});
  EXPECT_EQ(folder.error(),
            "E0208: 'X': tensor "
            "'model.layers.1.block_sparse_moe.experts.1.w3.weight' has shape "
            "[8, 4], but intermediate_size = 4 and hidden_size = 8 make it "
            "[4, 8]");
  addMixtral(folder).tensor(block + "experts.1.w3.weight", {4, 8}, DType::BF16);
  EXPECT_EQ(folder.error(),
            "E0209: 'X': tensor "
            "'model.layers.1.block_sparse_moe.experts.1.w3.weight' is bf16, "
            "that of expert 0 is f32; experts must be of one type");
  addMixtral(folder).tensor(block + "gate.weight", {2, 8}, DType::I32);
  EXPECT_EQ(folder.error(),
            "E0209: 'X': tensor 'model.layers.1.block_sparse_moe.gate.weight' "
            "is i32; expected f32, bf16 or f16");
  addMixtral(folder).without(block + "experts.0.w1.weight");
  EXPECT_EQ(folder.error(),
            "E0108: 'X' has no experts under "
            "'model.layers.1.block_sparse_moe'; looked for "
            "'model.layers.1.block_sparse_moe.experts.0.w1.weight', "
            "'model.layers.1.block_sparse_moe.experts.gate_up_proj'");
}

TEST(ImportErrors, TheConfigurationOfAnotherCheckpoint) {
  Folder folder;
  folder.config(
      replaced(kMixtral, "\"hidden_size\": 8", "\"hidden_size\": 63"));
  addMixtral(folder);
  EXPECT_EQ(folder.error(),
            "E0208: 'X': tensor 'model.layers.1.block_sparse_moe.gate.weight' "
            "has shape [2, 8], but num_local_experts = 2 and hidden_size = 63 "
            "make it [2, 63]");
}

TEST(ImportErrors, Fp8WithoutAConfiguration) {
  Folder folder;
  folder.config(kMixtral);
  addMixtral(folder);
  for (std::string e : {"0", "1"})
    folder.tensor("model.layers.1.block_sparse_moe.experts." + e + ".w1.weight",
                  {4, 8}, DType::F8E4M3);
  EXPECT_EQ(folder.error(),
            "E0209: 'X': tensor "
            "'model.layers.1.block_sparse_moe.experts.0.w1.weight' is "
            "f8E4M3FN; expected f32, bf16 or f16, or a quantization_config of "
            "fp8");
}

//===----------------------------------------------------------------------===//
// Families
//===----------------------------------------------------------------------===//

TEST(Families, AModelTypeHasOneRowAndPerhapsRowsOfAKeyBeforeIt) {
  std::map<std::string_view, int> rows;
  for (const import::Family &family : import::families())
    for (std::string_view name : family.modelTypes)
      if (family.onlyIf)
        EXPECT_EQ(rows[name], 0) << name;
      else
        EXPECT_EQ(++rows[name], 1) << name;
}

TEST(Families, KeysInsideObjects) {
  Folder folder;
  folder.config(R"({"model_type": "dbrx", "d_model": 8, "n_layers": 2,
    "ffn_config": {"ffn_hidden_size": 4, "moe_num_experts": 2}})");
  EXPECT_EQ(folder.error(0),
            "E0202: 'X/config.json': key 'ffn_config.moe_top_k' is missing");
  folder.config(R"({"model_type": "dbrx", "d_model": 8, "n_layers": 2})");
  EXPECT_EQ(folder.error(0),
            "E0202: 'X/config.json': key 'ffn_config' is missing");
  folder.config(R"({"model_type": "dbrx", "d_model": 8, "n_layers": 2,
    "ffn_config": {"ffn_hidden_size": 4, "moe_num_experts": 2, "moe_top_k": 1,
                   "moe_normalize_expert_weights": 2}})");
  EXPECT_EQ(folder.error(0),
            "E0212: 'X/config.json': key "
            "'ffn_config.moe_normalize_expert_weights' is '2', which moec does "
            "not support for DBRX; expected '1'");
}

TEST(Families, DeepSeekV2GroupsOnlyWhereItsMethodHasThem) {
  std::string config = R"({"model_type": "deepseek_v2", "hidden_size": 8,
    "moe_intermediate_size": 4, "n_routed_experts": 8, "num_experts_per_tok": 2,
    "n_group": 4, "topk_group": 2, "num_hidden_layers": 2, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "topk_method": "group_limited_greedy"})";
  Folder folder;
  folder.config(config);
  EXPECT_NE(folder.printed().find("groups"), std::string::npos);
  std::string limited = folder.printed();
  folder.config(replaced(config, "group_limited_greedy", "greedy"));
  EXPECT_NE(folder.printed(), limited);
  EXPECT_EQ(folder.printed().find(" groups("), std::string::npos);
  folder.config(replaced(config, "group_limited_greedy", "noaux_tc"));
  EXPECT_EQ(folder.error(),
            "E0212: 'X/config.json': key 'topk_method' is 'noaux_tc', which "
            "moec does not support for DeepSeek-V2; expected 'greedy' or "
            "'group_limited_greedy'");
}

TEST(Families, LanguageModelsInsideMultimodalOnes) {
  for (const char *outer : {"language_model.model.", "model.language_model."}) {
    Folder folder;
    folder.config(R"({"model_type": "some_vl", "text_config": )" + kMixtral +
                  "}");
    std::string block = outer + std::string("layers.1.block_sparse_moe");
    folder.tensor(block + ".gate.weight", {2, 8});
    EXPECT_EQ(folder.layers(), (Strings{"1 " + block + ": 2 experts, top 1"}));
  }
}
