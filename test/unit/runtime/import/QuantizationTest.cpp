//===- QuantizationTest.cpp - Quantized checkpoints -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What quantizers write into configurations, and the names and shapes of their
// tensors; that decoded weights are the right ones is tested elsewhere.
//
//===----------------------------------------------------------------------===//

#include "ImportFolder.h"

#include <functional>
#include <regex>
#include <sstream>

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

/// A layer of H = 24 and I = 16 whose matrices are stored as these, one after
/// the other: suffix, shape as a function of rows and columns, type.
using Sizes = std::vector<int64_t>;
struct Stored {
  std::string suffix;
  std::function<Sizes(int64_t, int64_t)> shape;
  DType dtype;
};
Folder &addQuantized(Folder &folder, const std::string &quantization,
                     const std::vector<Stored> &tensors) {
  std::string config =
      replaced(kMixtral, "\"hidden_size\": 8", "\"hidden_size\": 24");
  config =
      replaced(config, "\"intermediate_size\": 4", "\"intermediate_size\": 16");
  folder.config(replaced(config, "\"hidden_act\"",
                         "\"quantization_config\": " + quantization +
                             ", \"hidden_act\""));
  std::string block = "model.layers.1.block_sparse_moe.";
  folder.tensor(block + "gate.weight", {2, 24});
  for (std::string e : {"0", "1"})
    for (std::string w : {"w1", "w2", "w3"})
      for (const Stored &stored : tensors)
        folder.tensor(block + "experts." + e + "." + w + "." + stored.suffix,
                      w == "w2" ? stored.shape(24, 16) : stored.shape(16, 24),
                      stored.dtype);
  return folder;
}

/// What is said of the gate projection, values without their numbers.
std::string gateOf(Folder &folder) {
  std::string text = folder.printed(), lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.find("moe.param @gate") != std::string::npos)
      lines += line.substr(line.find('@') + 1) + "\n";
    else if (line.find("moe.dequantize") != std::string::npos) {
      lines += line.substr(line.find("moe.dequantize") + 15) + "\n";
      break;
    }
  return std::regex_replace(lines, std::regex("%[0-9]+"), "%");
}

} // namespace

TEST(ImportQuantized, Gptq) {
  std::string quantization = R"({"quant_method": "gptq", "bits": 4,
    "group_size": 8, "desc_act": true})";
  std::vector<Stored> tensors = {
      {"qweight", [](auto n, auto k) { return Sizes{k / 8, n}; }, DType::I32},
      {"qzeros", [](auto n, auto k) { return Sizes{k / 8, n / 8}; },
       DType::I32},
      {"scales", [](auto n, auto k) { return Sizes{k / 8, n}; }, DType::F16},
      {"g_idx", [](auto, auto k) { return Sizes{k}; }, DType::I32}};
  Folder folder;
  addQuantized(folder, quantization, tensors);
  const std::string e = "model.layers.1.block_sparse_moe.experts.{e}.w1.";
  EXPECT_EQ(gateOf(folder),
            "gate : tensor<2x16x3xi32> from #moe.source<\"" + e +
                "qweight\" : 3x16xi32 transpose [1, 0]>\n"
                "gate_scales : tensor<2x16x3xf16> from #moe.source<\"" +
                e +
                "scales\" : 3x16xf16 transpose [1, 0]>\n"
                "gate_zeros : tensor<2x2x3xi32> from #moe.source<\"" +
                e +
                "qzeros\" : 3x2xi32 transpose [1, 0]>\n"
                "gate_column_groups : tensor<2x24xi32> from #moe.source<\"" +
                e +
                "g_idx\" : 24xi32>\n"
                "gptq_int4 %, %, %, % block [1, 8] : tensor<2x16x3xi32>, "
                "tensor<2x16x3xf16>, tensor<2x2x3xi32>, tensor<2x24xi32> -> "
                "tensor<2x16x24xbf16>\n");
  // One group a row, version 2, columns in order.
  Folder whole;
  tensors.pop_back();
  tensors[1].shape = [](auto n, auto) { return Sizes{1, n / 8}; };
  tensors[2].shape = [](auto n, auto) { return Sizes{1, n}; };
  addQuantized(whole, R"({"quant_method": "gptq", "bits": 4, "group_size": -1,
    "checkpoint_format": "gptq_v2"})",
               tensors);
  EXPECT_NE(gateOf(whole).find(
                "gptq_v2_int4 %, %, % block [1, 24] : tensor<2x16x3xi32>, "
                "tensor<2x16x1xf16>, tensor<2x2x1xi32>"),
            std::string::npos);
  folder.tensor("model.layers.1.block_sparse_moe.experts.1.w1.qzeros", {3, 3},
                DType::I32);
  EXPECT_EQ(folder.error(),
            "E0208: 'X': tensor "
            "'model.layers.1.block_sparse_moe.experts.1.w1.qzeros' has shape "
            "[3, 3], but intermediate_size = 16 and hidden_size = 24 and "
            "group_size = 8 make it [3, 2]");
  tensors[0].dtype = DType::I8;
  EXPECT_EQ(addQuantized(folder, quantization, tensors).error(),
            "E0209: 'X': tensor "
            "'model.layers.1.block_sparse_moe.experts.0.w1.qweight' is i8, "
            "gptq_int4 stores i32");
}

TEST(ImportQuantized, Awq) {
  Folder folder;
  addQuantized(
      folder, R"({"quant_method": "awq", "bits": 4, "group_size": 8,
                  "version": "GEMM"})",
      {{"qweight", [](auto n, auto k) { return Sizes{k, n / 8}; }, DType::I32},
       {"qzeros", [](auto n, auto k) { return Sizes{k / 8, n / 8}; },
        DType::I32},
       {"scales", [](auto n, auto k) { return Sizes{k / 8, n}; }, DType::F16}});
  EXPECT_NE(
      gateOf(folder).find("awq_int4 %, %, % block [1, 8] : tensor<2x2x24xi32>, "
                          "tensor<2x16x3xf16>, tensor<2x2x3xi32> -> "
                          "tensor<2x16x24xbf16>"),
      std::string::npos)
      << gateOf(folder);
}

/// One scale a row, or one a matrix, in every rank that is met.
TEST(ImportQuantized, ScalesOfRowsAndMatrices) {
  auto weight = [](auto n, auto k) { return Sizes{n, k}; };
  auto row = [](auto n, auto) { return Sizes{n, 1}; };
  auto flatRow = [](auto n, auto) { return Sizes{n}; };
  auto one = [](auto, auto) { return Sizes{1}; };
  auto scalar = [](auto, auto) { return Sizes{}; };
  const std::string compressed =
      R"({"quant_method": "compressed-tensors", "format": )";
  const std::string fp8 = compressed + R"("float-quantized", "config_groups":
    {"group_0": {"weights": {"num_bits": 8, "type": "float",
                             "strategy": "channel"}}}})";
  const std::string int8 = compressed + R"("int-quantized", "config_groups":
    {"group_0": {"weights": {"num_bits": 8, "type": "int",
                             "strategy": "channel"}}}})";
  const std::string modelopt =
      R"({"quant_method": "modelopt", "quant_algo": "FP8"})";
  struct Case {
    std::string quantization;
    decltype(Stored::shape) scale;
    DType code, scaleType;
    std::string decode;
  };
  for (const Case &c : std::vector<Case>{
           {fp8, row, DType::F8E4M3, DType::BF16,
            "fp8_block %, % block [1, 24] : tensor<2x16x24xf8E4M3FN>, "
            "tensor<2x16x1xbf16>"},
           {fp8, flatRow, DType::F8E4M3, DType::F32,
            "fp8_block %, % block [1, 24] : tensor<2x16x24xf8E4M3FN>, "
            "tensor<2x16x1xf32>"},
           {fp8, one, DType::F8E4M3, DType::F32,
            "fp8_block %, % block [16, 24] : tensor<2x16x24xf8E4M3FN>, "
            "tensor<2x1x1xf32>"},
           {modelopt, scalar, DType::F8E4M3, DType::F32,
            "fp8_block %, % block [16, 24] : tensor<2x16x24xf8E4M3FN>, "
            "tensor<2x1x1xf32>"},
           {R"({"quant_method": "fp8"})", one, DType::F8E4M3, DType::F32,
            "fp8_block %, % block [16, 24]"},
           {int8, row, DType::I8, DType::F32,
            "int8 %, % block [1, 24] : tensor<2x16x24xi8>, "
            "tensor<2x16x1xf32>"}}) {
    Folder folder;
    addQuantized(
        folder, c.quantization,
        {{"weight", weight, c.code}, {"weight_scale", c.scale, c.scaleType}});
    EXPECT_NE(gateOf(folder).find(c.decode), std::string::npos)
        << folder.printed();
  }
}

TEST(ImportQuantized, PackedInt4) {
  const std::string before =
      R"({"quant_method": "compressed-tensors", "format": "pack-quantized",
          "config_groups": {"group_0": {"weights": {"num_bits": 4,
          "type": "int", "strategy": "group", "group_size": 8, "symmetric": )";
  std::vector<Stored> tensors = {
      {"weight_packed", [](auto n, auto k) { return Sizes{n, k / 8}; },
       DType::I32},
      {"weight_scale", [](auto n, auto k) { return Sizes{n, k / 8}; },
       DType::BF16},
      {"weight_shape", [](auto, auto) { return Sizes{2}; }, DType::I64}};
  Folder folder;
  addQuantized(folder, before + "true}}}}", tensors);
  EXPECT_NE(
      gateOf(folder).find("packed_int4 %, % block [1, 8] : tensor<2x16x3xi32>, "
                          "tensor<2x16x3xbf16> -> tensor<2x16x24xbf16>"),
      std::string::npos)
      << folder.printed();
  tensors.push_back({"weight_zero_point",
                     [](auto n, auto k) { return Sizes{n / 8, k / 8}; },
                     DType::I32});
  Folder zeros;
  addQuantized(zeros, before + "false}}}}", tensors);
  EXPECT_NE(gateOf(zeros).find(
                "packed_int4_zeros %, %, % block [1, 8] : "
                "tensor<2x16x3xi32>, tensor<2x16x3xbf16>, tensor<2x2x3xi32>"),
            std::string::npos)
      << zeros.printed();
}

TEST(ImportQuantized, Nvfp4) {
  // Rows of 16 and 32: blocks are whole.
  auto with = [](Folder &folder, const std::string &quantization,
                 const std::string &codes, const std::string &second,
                 Sizes shape) {
    std::string config =
        replaced(kMixtral, "\"hidden_size\": 8", "\"hidden_size\": 32");
    config = replaced(config, "\"intermediate_size\": 4",
                      "\"intermediate_size\": 16");
    folder.config(replaced(config, "\"hidden_act\"",
                           "\"quantization_config\": " + quantization +
                               ", \"hidden_act\""));
    std::string block = "model.layers.1.block_sparse_moe.";
    folder.tensor(block + "gate.weight", {2, 32});
    for (std::string e : {"0", "1"})
      for (std::string w : {"w1", "w2", "w3"}) {
        std::string name = block + "experts." + e + "." + w + ".";
        int64_t n = w == "w2" ? 32 : 16, k = w == "w2" ? 16 : 32;
        folder.tensor(name + codes, {n, k / 2}, DType::U8);
        folder.tensor(name + "weight_scale", {n, k / 16}, DType::F8E4M3);
        folder.tensor(name + second, shape);
      }
  };
  const std::string types = " %, %, % : tensor<2x16x16xi8>, "
                            "tensor<2x16x2xf8E4M3FN>, tensor<2x1x1xf32> -> "
                            "tensor<2x16x32xbf16>";
  Folder modelopt, compressed;
  with(modelopt, R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})",
       "weight", "weight_scale_2", {});
  EXPECT_NE(gateOf(modelopt).find("nvfp4" + types), std::string::npos)
      << modelopt.printed();
  with(compressed, R"({"quant_method": "compressed-tensors",
       "format": "nvfp4-pack-quantized", "config_groups": {"group_0":
       {"weights": {"num_bits": 4, "type": "float", "strategy": "tensor_group",
                    "group_size": 16}}}})",
       "weight_packed", "weight_global_scale", {1});
  EXPECT_NE(gateOf(compressed).find("nvfp4_divisor" + types), std::string::npos)
      << compressed.printed();
}

TEST(ImportErrors, Quantizations) {
  Folder folder;
  addMixtral(folder);
  auto with = [&](const std::string &quantization) {
    folder.config(replaced(kMixtral, "\"hidden_act\"",
                           "\"quantization_config\": " + quantization +
                               ", \"hidden_act\""));
    return folder.error();
  };
  EXPECT_EQ(with(R"({"quant_method": "bitsandbytes"})"),
            "E0210: 'X/config.json': quantization_config.quant_method "
            "'bitsandbytes' is not supported; supported are fp8, mxfp4, gptq, "
            "awq, compressed-tensors and modelopt");
  EXPECT_EQ(with(R"({"bits": 4})"),
            "E0202: 'X/config.json': key 'quantization_config.quant_method' is "
            "missing");
  const std::string where = "'X/config.json': key 'quantization_config";
  EXPECT_EQ(with(R"({"quant_method": "gptq", "bits": 3, "group_size": 32})"),
            "E0210: " + where + "' has bits 3; supported is 4");
  EXPECT_EQ(with(R"({"quant_method": "gptq", "bits": 4})"),
            "E0202: " + where + ".group_size' is missing");
  EXPECT_EQ(with(R"({"quant_method": "gptq", "bits": 4, "group_size": 0})"),
            "E0203: " + where +
                "': group_size must be positive or -1, found 0");
  EXPECT_EQ(with(R"({"quant_method": "gptq", "bits": 4, "group_size": 32,
                     "checkpoint_format": "marlin"})"),
            "E0210: " + where +
                "' has checkpoint_format marlin; supported are gptq and "
                "gptq_v2");
  EXPECT_EQ(with(R"({"quant_method": "awq", "bits": 8, "group_size": 32})"),
            "E0210: " + where + "' has bits 8; supported is 4");
  EXPECT_EQ(with(R"({"quant_method": "awq", "bits": 4, "group_size": 32,
                     "version": "GEMV"})"),
            "E0210: " + where + "' has version gemv; supported is gemm");
  EXPECT_EQ(with(R"({"quant_method": "awq", "bits": 4, "group_size": 32,
                     "zero_point": false})"),
            "E0210: " + where + "' has zero_point false; supported is true");
  EXPECT_EQ(with(R"({"quant_method": "modelopt", "quant_algo": "W4A8"})"),
            "E0210: " + where +
                "' has quant_algo 'W4A8'; supported are FP8 and NVFP4");
  EXPECT_EQ(with(R"({"quant_method": "compressed-tensors"})"),
            "E0202: " + where + ".config_groups' is missing");
  EXPECT_EQ(with(R"({"quant_method": "compressed-tensors",
                     "config_groups": {}})"),
            "E0210: " + where + ".config_groups' has no group with 'weights'");
  auto compressed = [&](const std::string &format, const std::string &weights) {
    return with(R"({"quant_method": "compressed-tensors", "format": ")" +
                format + R"(", "config_groups": )" + weights + "}");
  };
  EXPECT_EQ(
      compressed("pack-quantized",
                 R"({"a": {"weights": {"num_bits": 8, "strategy": "group",
                           "symmetric": false}}})"),
      "E0210: " + where +
          ".config_groups.a.weights' is int8 by group, asymmetric, stored "
          "as pack-quantized; supported are pack-quantized int4, "
          "int-quantized int8, float-quantized fp8 and "
          "nvfp4-pack-quantized");
  EXPECT_EQ(compressed("pack-quantized",
                       R"({"a": {"weights": {"num_bits": 4, "strategy": "group",
                           "group_size": 32}}, "b": {"weights": {"num_bits": 4,
                           "strategy": "group", "group_size": 64}}})"),
            "E0210: " + where +
                ".config_groups' has groups of several formats; supported is "
                "one for all weights");
  EXPECT_EQ(with(R"({"quant_method": "fp8", "weight_block_size": [128, 0]})"),
            "E0203: 'X/config.json': key "
            "'quantization_config.weight_block_size' must be two positive "
            "integers, found [128, 0]");
  // Not every layer of a quantized checkpoint is quantized.
  EXPECT_EQ(with(R"({"quant_method": "fp8", "weight_block_size": [128, 128]})"),
            "no error");
  folder.file("hf_quant_config.json",
              R"({"quantization": {"quant_algo": "W4A16"}})");
  EXPECT_EQ(
      folder.error(),
      "E0210: 'X/hf_quant_config.json': key 'quantization' has quant_algo "
      "'W4A16'; supported are FP8 and NVFP4");
}

TEST(ImportErrors, QuantizedWeightsThatAreJoined) {
  Folder folder;
  folder.config(replaced(kMixtral, "\"hidden_act\"",
                         R"("quantization_config": {"quant_method": "fp8"},
                            "hidden_act")"));
  folder.tensor("model.layers.1.mlp.gate.weight", {2, 8});
  folder.tensor("model.layers.1.mlp.experts.gate_up_proj", {2, 8, 8},
                DType::F8E4M3);
  folder.tensor("model.layers.1.mlp.experts.down_proj", {2, 8, 4},
                DType::F8E4M3);
  EXPECT_EQ(folder.error(),
            "E0209: 'X': tensor 'model.layers.1.mlp.experts.gate_up_proj' is "
            "f8E4M3FN; expected f32, bf16 or f16; of quantized weights, one "
            "tensor a projection is supported");
}

/// Which matrices are quantized says the checkpoint.
TEST(ImportErrors, QuantizedTensorsThatAreMissing) {
  Folder folder;
  addQuantized(folder, R"({"quant_method": "awq", "bits": 4, "group_size": 8})",
               {{"qweight", [](auto n, auto k) { return Sizes{k, n / 8}; },
                 DType::I32}});
  EXPECT_TRUE(folder.error().starts_with(
      "E0108: 'X' has no tensor "
      "'model.layers.1.block_sparse_moe.experts.0.w1.scales'"))
      << folder.error();
}
