//===- Quantization.cpp - How a checkpoint's weights are quantized --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Quantization.h"

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Tensor.h"

#include <cctype>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::JsonValue;
using core::Result;
using semantics::QuantFormat;

static constexpr QuantNames kFp8Block = {
    .codes = "weight", .scales = "weight_scale_inv", .otherScales = "scale"};
static constexpr QuantNames kScaled = {"weight", "weight_scale"};
static constexpr QuantNames kGptq = {"qweight",           "scales", "qzeros",
                                     /*matrixScales=*/{}, "g_idx",  true};
static constexpr QuantNames kAwq = {"qweight",           "scales", "qzeros",
                                    /*matrixScales=*/{},
                                    /*columnGroups=*/{}, true};
static constexpr QuantNames kPacked = {"weight_packed", "weight_scale",
                                       "weight_zero_point",
                                       /*matrixScales=*/{}, "weight_g_idx"};
static constexpr QuantNames kNvfp4Packed = {
    "weight_packed", "weight_scale", /*zeros=*/{}, "weight_global_scale"};
static constexpr QuantNames kNvfp4 = {"weight", "weight_scale", /*zeros=*/{},
                                      "weight_scale_2"};

static Error unsupportedMethod(const std::string &where,
                               const std::string &method) {
  return {ErrorId::QuantizationUnsupported,
          where + " '" + method +
              "' is not supported; supported are fp8, mxfp4, gptq, awq, "
              "compressed-tensors and modelopt"};
}

/// A value that only this one of is known.
static std::optional<Error> require(const JsonValue &object,
                                    std::string_view key,
                                    std::string_view expected,
                                    std::string_view found) {
  if (found == expected)
    return std::nullopt;
  return Error(ErrorId::QuantizationUnsupported,
               object.where() + " has " + std::string(key) + " " +
                   std::string(found) + "; supported is " +
                   std::string(expected));
}

static std::optional<Error> requireInt(const JsonValue &object,
                                       std::string_view key, int64_t expected) {
  Result<int64_t> value = object.getInt(key);
  if (!value)
    return value.takeError();
  return require(object, key, std::to_string(expected), std::to_string(*value));
}

/// Columns of one scale from `group_size`; -1 is all.
static std::optional<Error> readGroups(const JsonValue &object,
                                       Quantization &quantization) {
  Result<int64_t> size = object.getInt("group_size");
  if (!size)
    return size.takeError();
  if (*size != -1 && *size < 1)
    return Error(ErrorId::ConfigKeyType,
                 object.where() +
                     ": group_size must be positive or -1, found " +
                     std::to_string(*size));
  quantization.block = {1, *size == -1 ? 0 : *size};
  quantization.blockReason = "group_size = " + std::to_string(*size);
  return std::nullopt;
}

static std::optional<Error> readBlock(const JsonValue &size,
                                      Quantization &quantization) {
  Result<std::vector<int64_t>> block = size.asIntList();
  if (!block)
    return block.takeError();
  if (block->size() != 2 || (*block)[0] < 1 || (*block)[1] < 1)
    return Error(ErrorId::ConfigKeyType,
                 size.where() + " must be two positive integers, found " +
                     core::shapeStr(*block));
  quantization.block = {(*block)[0], (*block)[1]};
  quantization.blockReason = "weight_block_size = [" +
                             std::to_string((*block)[0]) + ", " +
                             std::to_string((*block)[1]) + "]";
  return std::nullopt;
}

static Result<Quantization> readFp8(const JsonValue &given) {
  Quantization quantization;
  quantization.format = QuantFormat::Fp8Block;
  std::optional<JsonValue> size = given.find("weight_block_size");
  quantization.names = size ? kFp8Block : kScaled;
  if (size)
    if (auto error = readBlock(*size, quantization))
      return *std::move(error);
  return quantization;
}

static Result<Quantization> readGptq(const JsonValue &given) {
  Quantization quantization;
  if (auto error = requireInt(given, "bits", 4))
    return *std::move(error);
  Result<std::string> version = given.getString("checkpoint_format", "gptq");
  if (!version)
    return version.takeError();
  if (*version != "gptq" && *version != "gptq_v2")
    return Error(ErrorId::QuantizationUnsupported,
                 given.where() + " has checkpoint_format " + *version +
                     "; supported are gptq and gptq_v2");
  quantization.format =
      *version == "gptq" ? QuantFormat::GptqInt4 : QuantFormat::GptqV2Int4;
  quantization.names = kGptq;
  if (auto error = readGroups(given, quantization))
    return *std::move(error);
  return quantization;
}

static Result<Quantization> readAwq(const JsonValue &given) {
  Quantization quantization;
  if (auto error = requireInt(given, "bits", 4))
    return *std::move(error);
  Result<std::string> version = given.getString("version", "gemm");
  if (!version)
    return version.takeError();
  for (char &c : *version)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (auto error = require(given, "version", "gemm", *version))
    return *std::move(error);
  Result<bool> zeros = given.getBool("zero_point", true);
  if (!zeros)
    return zeros.takeError();
  if (auto error =
          require(given, "zero_point", "true", *zeros ? "true" : "false"))
    return *std::move(error);
  quantization.format = QuantFormat::AwqInt4;
  quantization.names = kAwq;
  if (auto error = readGroups(given, quantization))
    return *std::move(error);
  return quantization;
}

/// The weights of one group of a compressed-tensors configuration.
static Result<Quantization> readCompressedGroup(const JsonValue &weights,
                                                const std::string &layout) {
  Result<int64_t> bits = weights.getInt("num_bits");
  if (!bits)
    return bits.takeError();
  Result<std::string> type = weights.getString("type", "int");
  if (!type)
    return type.takeError();
  Result<std::string> strategy = weights.getString(
      "strategy", weights.has("group_size") ? "group" : "tensor");
  if (!strategy)
    return strategy.takeError();
  Result<bool> symmetric = weights.getBool("symmetric", true);
  if (!symmetric)
    return symmetric.takeError();
  Quantization quantization;
  quantization.names = kScaled;
  const bool grouped = *strategy == "group";
  if (layout == "pack-quantized" && *type == "int" && *bits == 4 &&
      (grouped || *strategy == "channel")) {
    quantization.format =
        *symmetric ? QuantFormat::PackedInt4 : QuantFormat::PackedInt4Zeros;
    quantization.names = kPacked;
    quantization.block = {1, 0};
    quantization.blockReason = "strategy = channel";
    if (grouped)
      if (auto error = readGroups(weights, quantization))
        return *std::move(error);
    return quantization;
  }
  const bool whole = *strategy == "channel" || *strategy == "tensor";
  if (layout == "int-quantized" && *type == "int" && *bits == 8 && whole &&
      *symmetric) {
    quantization.format = QuantFormat::Int8;
    return quantization;
  }
  if ((layout == "float-quantized" || layout == "naive-quantized") &&
      *type == "float" && *bits == 8 && (whole || *strategy == "block")) {
    quantization.format = QuantFormat::Fp8Block;
    if (whole)
      return quantization;
    Result<JsonValue> size = weights.get("block_structure");
    if (!size)
      return size.takeError();
    if (auto error = readBlock(*size, quantization))
      return *std::move(error);
    return quantization;
  }
  if (layout == "nvfp4-pack-quantized" && *type == "float" && *bits == 4) {
    quantization.format = QuantFormat::Nvfp4Divisor;
    quantization.names = kNvfp4Packed;
    return quantization;
  }
  return Error(ErrorId::QuantizationUnsupported,
               weights.where() + " is " + *type + std::to_string(*bits) +
                   " by " + *strategy + (*symmetric ? "" : ", asymmetric") +
                   ", stored as " + layout +
                   "; supported are pack-quantized int4, int-quantized int8, "
                   "float-quantized fp8 and nvfp4-pack-quantized");
}

static Result<Quantization> readCompressed(const JsonValue &given) {
  Result<JsonValue> groups = given.get("config_groups");
  if (!groups)
    return groups.takeError();
  std::optional<Quantization> found;
  for (const std::string &key : groups->keys()) {
    std::optional<JsonValue> group = groups->find(key);
    std::optional<JsonValue> weights =
        group ? group->find("weights") : std::nullopt;
    if (!weights)
      continue;
    Result<std::string> overall = given.getString("format", "dense");
    if (!overall)
      return overall.takeError();
    Result<std::string> layout = group->getString("format", *overall);
    if (!layout)
      return layout.takeError();
    Result<Quantization> own = readCompressedGroup(*weights, *layout);
    if (!own)
      return own.takeError();
    if (found && (found->format != own->format || found->block != own->block))
      return Error(ErrorId::QuantizationUnsupported,
                   groups->where() + " has groups of several formats; "
                                     "supported is one for all weights");
    found = *std::move(own);
  }
  if (!found)
    return Error(ErrorId::QuantizationUnsupported,
                 groups->where() + " has no group with 'weights'");
  return *std::move(found);
}

static Result<Quantization> readModelopt(const JsonValue &given) {
  Result<std::string> algorithm = given.getString("quant_algo");
  if (!algorithm)
    return algorithm.takeError();
  Quantization quantization;
  if (*algorithm == "FP8") {
    quantization.format = QuantFormat::Fp8Block;
    quantization.names = kScaled;
    return quantization;
  }
  if (*algorithm == "NVFP4") {
    quantization.format = QuantFormat::Nvfp4;
    quantization.names = kNvfp4;
    return quantization;
  }
  return Error(ErrorId::QuantizationUnsupported,
               given.where() + " has quant_algo '" + *algorithm +
                   "'; supported are FP8 and NVFP4");
}

Result<Quantization> import::readQuantization(const Config &config,
                                              const std::string &folder) {
  std::string second = folder + "/hf_quant_config.json";
  if (core::os::fileInfo(second)) {
    Result<JsonValue> root = core::readJson(second);
    if (!root)
      return root.takeError();
    if (auto inner = root->find("quantization");
        inner && inner->has("quant_algo"))
      return readModelopt(*inner);
  }
  std::optional<JsonValue> given = config.find("quantization_config");
  if (!given)
    return Quantization();
  Result<std::string> method = given->getString("quant_method");
  if (!method)
    return method.takeError();
  if (*method == "mxfp4") {
    Quantization quantization;
    quantization.format = QuantFormat::Mxfp4;
    return quantization;
  }
  if (*method == "fp8" || *method == "fbgemm_fp8")
    return readFp8(*given);
  if (*method == "gptq")
    return readGptq(*given);
  if (*method == "awq")
    return readAwq(*given);
  if (*method == "compressed-tensors")
    return readCompressed(*given);
  if (*method == "modelopt")
    return readModelopt(*given);
  return unsupportedMethod(config.file() + ": quantization_config.quant_method",
                           *method);
}
