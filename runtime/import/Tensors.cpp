//===- Tensors.cpp - Stored tensors as weights of a layer -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Tensors.h"

#include "moe/runtime/core/Os.h"

#include "llvm/ADT/STLExtras.h"

using namespace moe;
using namespace moe::import;
using core::DType;
using core::Error;
using core::ErrorId;
using core::Result;
using semantics::QuantFormat;

const Size &Sizes::of(char letter) const {
  switch (letter) {
  case 'E':
    return experts;
  case 'H':
    return hidden;
  case 'I':
    return width;
  case '1':
    return one;
  default:
    return shared;
  }
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

static Error unsupportedMethod(const std::string &where,
                               const std::string &method) {
  return {ErrorId::QuantizationUnsupported,
          where + " '" + method +
              "' is not supported; supported are fp8 (blocks) and mxfp4"};
}

Result<Quantization> import::readQuantization(const Config &config,
                                              const std::string &folder) {
  Quantization quantization;
  std::string second = folder + "/hf_quant_config.json";
  if (core::os::fileInfo(second)) {
    Result<core::JsonValue> root = core::readJson(second);
    if (!root)
      return root.takeError();
    if (auto inner = root->find("quantization"))
      if (auto algorithm = inner->find("quant_algo")) {
        Result<std::string> name = algorithm->asString();
        if (!name)
          return name.takeError();
        return unsupportedMethod("'" + second + "': quantization.quant_algo",
                                 *name);
      }
  }
  std::optional<core::JsonValue> given = config.find("quantization_config");
  if (!given)
    return quantization;
  Result<std::string> method = given->getString("quant_method");
  if (!method)
    return method.takeError();
  if (*method == "mxfp4") {
    quantization.format = QuantFormat::Mxfp4;
    return quantization;
  }
  if (*method != "fp8")
    return unsupportedMethod(
        config.file() + ": quantization_config.quant_method", *method);
  quantization.format = QuantFormat::Fp8Block;
  std::optional<core::JsonValue> size = given->find("weight_block_size");
  if (!size)
    return Error(ErrorId::QuantizationUnsupported,
                 given->where() + " is fp8 without 'weight_block_size'; "
                                  "supported is fp8 with one scale a block");
  Result<std::vector<int64_t>> block = size->asIntList();
  if (!block)
    return block.takeError();
  if (block->size() != 2 || (*block)[0] < 1 || (*block)[1] < 1)
    return Error(ErrorId::ConfigKeyType,
                 size->where() + " must be two positive integers, found " +
                     core::shapeStr(*block));
  quantization.block = {(*block)[0], (*block)[1]};
  return quantization;
}

//===----------------------------------------------------------------------===//
// How a tensor lies
//===----------------------------------------------------------------------===//

/// A row, with its letters replaced by sizes.
struct TensorResolver::Lie {
  /// One stored tensor an expert.
  bool perExpert = false;
  /// Stored dimensions; `flat` before joined ones are parted.
  std::vector<int64_t> flat, shape;
  /// Dimension i of the canonical tensor is permutation[i] of `shape`; without
  /// the experts where each has a tensor of its own.
  llvm::SmallVector<int64_t> permutation;
  /// The canonical dimension that holds two joined tensors, or -1.
  int64_t joined = -1;
  Part part = Part::Whole;
  /// Canonical, experts included.
  llvm::SmallVector<int64_t> canonical;
  /// "num_experts = 8 and hidden_size = 64": what the shape follows from.
  std::string reason;

  bool isPlain() const {
    return part == Part::Whole && flat == shape && llvm::is_sorted(permutation);
  }
};

static std::string letters(std::string_view dims) {
  std::string result;
  for (char c : dims)
    if ((c >= 'A' && c <= 'Z') || c == '1')
      result += c;
  return result;
}

TensorResolver::Lie TensorResolver::lieOf(const TensorRow &row) const {
  Lie lie;
  lie.part = row.part;
  lie.perExpert = row.name.find("{e}") != std::string_view::npos;
  std::string canonical = letters(lookup(row.role).dims);
  std::string stored = letters(row.dims);
  if (canonical.find('1') == std::string::npos)
    std::erase(stored, '1');

  // The stored dimensions, letter by letter and joined as they are.
  int64_t factor = 1;
  bool inside = false, first = true;
  char doubled = 0;
  std::string named;
  for (char c : row.dims) {
    if (c == '2') {
      factor = 2;
    } else if (c == '(') {
      inside = first = true;
    } else if (c == ')') {
      inside = false;
    } else if (c != ' ') {
      const Size &size = sizes.of(c);
      doubled = factor == 2 ? c : doubled;
      if (c == '1' && canonical.find(c) == std::string::npos) {
        lie.flat.push_back(1);
        continue;
      }
      lie.shape.push_back(factor * size.value);
      if (inside && !first)
        lie.flat.back() *= lie.shape.back();
      else
        lie.flat.push_back(lie.shape.back());
      first = false;
      factor = 1;
      if (c != '1' && named.find(c) == std::string::npos) {
        named += c;
        lie.reason += (lie.reason.empty() ? "" : " and ") + size.key + " = " +
                      std::to_string(size.value);
      }
    }
  }
  for (char c : canonical) {
    lie.canonical.push_back(sizes.of(c).value);
    if (c == 'E' && lie.perExpert)
      continue;
    if (c == doubled)
      lie.joined = static_cast<int64_t>(lie.permutation.size());
    lie.permutation.push_back(static_cast<int64_t>(stored.find(c)));
  }
  return lie;
}

std::string TensorResolver::fullName(std::string_view name) const {
  std::string_view above = block;
  while (name.starts_with("../")) {
    name.remove_prefix(3);
    above = above.substr(0, above.rfind('.'));
  }
  return std::string(above) + "." + std::string(name);
}

static std::string nameOfExpert(const std::string &pattern, int64_t expert) {
  std::string name = pattern;
  if (size_t at = name.find("{e}"); at != std::string::npos)
    name.replace(at, 3, std::to_string(expert));
  return name;
}

//===----------------------------------------------------------------------===//
// Held against the checkpoint
//===----------------------------------------------------------------------===//

/// Every tensor of the pattern is there, in this shape and one element type,
/// which is returned.
Result<DType> TensorResolver::checkStored(const std::string &pattern,
                                          const std::vector<int64_t> &shape,
                                          const std::string &reason) const {
  bool perExpert = pattern.find("{e}") != std::string::npos;
  std::optional<DType> dtype;
  for (int64_t e = 0; e < (perExpert ? sizes.experts.value : 1); ++e) {
    std::string name = nameOfExpert(pattern, e);
    Result<core::TensorView> view = checkpoint.tensor(name);
    if (!view)
      return view.takeError();
    if (view->shape != shape)
      return Error(ErrorId::TensorShape,
                   "'" + folder + "': tensor '" + name + "' has shape " +
                       core::shapeStr(view->shape) + ", but " + reason +
                       " make it " + core::shapeStr(shape));
    if (!dtype)
      dtype = view->dtype;
    if (view->dtype != *dtype)
      return Error(ErrorId::TensorDType,
                   "'" + folder + "': tensor '" + name + "' is " +
                       std::string(core::name(view->dtype)) +
                       ", that of expert 0 is " +
                       std::string(core::name(*dtype)) +
                       "; experts must be of one type");
  }
  return *dtype;
}

Result<const Layout *>
TensorResolver::chooseLayout(std::span<const Layout> layouts) const {
  if (checkpoint.empty()) {
    bool blocks = quantization.format == QuantFormat::Mxfp4;
    for (const Layout &layout : layouts)
      if (layout.format.has_value() == blocks)
        return &layout;
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder +
                     "': mxfp4 is not supported for this model_type");
  }
  std::string looked;
  for (const Layout &layout : layouts) {
    std::string name = nameOfExpert(fullName(layout.tensors.front().name), 0) +
                       (layout.format ? "_blocks" : "");
    if (checkpoint.contains(name))
      return &layout;
    looked += (looked.empty() ? "'" : ", '") + name + "'";
  }
  return Error(ErrorId::TensorNotFound, "'" + folder +
                                            "' has no experts under '" + block +
                                            "'; looked for " + looked);
}

Param TensorResolver::paramOf(const std::string &pattern, mlir::Type element,
                              const Lie &lie) const {
  mlir::MLIRContext *context = element.getContext();
  llvm::SmallVector<mlir::Attribute> steps;
  if (lie.flat != lie.shape)
    steps.push_back(ReshapeStepAttr::get(context, lie.shape));
  if (!llvm::is_sorted(lie.permutation))
    steps.push_back(TransposeStepAttr::get(context, lie.permutation));
  if (lie.part != Part::Whole) {
    int64_t size = lie.canonical[lie.joined + (lie.perExpert ? 1 : 0)];
    bool second = lie.part == Part::Second || lie.part == Part::Odd;
    bool halves = lie.part == Part::First || lie.part == Part::Second;
    steps.push_back(SliceStepAttr::get(context, lie.joined,
                                       second ? (halves ? size : 1) : 0,
                                       halves ? 1 : 2, size));
  }
  return {mlir::RankedTensorType::get(lie.canonical, element),
          SourceAttr::get(context, mlir::StringAttr::get(context, pattern),
                          mlir::RankedTensorType::get(lie.flat, element),
                          steps)};
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Codes of two a byte in blocks of 32 along the last dimension, each with a
/// scale of one byte.
Result<Weight> TensorResolver::resolveBlocks(const Lie &lie,
                                             const std::string &name) const {
  constexpr int64_t block = 32;
  int64_t last = lie.shape.back();
  if (last % block != 0)
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder + "': '" + name + "_blocks' has rows of " +
                     std::to_string(last) + " (" + lie.reason +
                     "); mxfp4 needs a multiple of 32");
  // The last dimension becomes blocks of 16 bytes, or one scale a block.
  auto packed = [&](bool codes) {
    Lie result = lie;
    for (auto *dims : {&result.flat, &result.shape})
      dims->back() = last / block;
    result.canonical.back() = last / block;
    if (codes) {
      for (auto *dims : {&result.flat, &result.shape})
        dims->push_back(block / 2);
      result.canonical.push_back(block / 2);
      result.permutation.push_back(
          static_cast<int64_t>(result.permutation.size()));
    }
    return result;
  };
  mlir::Type byte = mlir::IntegerType::get(activations.getContext(), 8);
  Weight weight;
  weight.quantized.emplace();
  weight.quantized->format = QuantFormat::Mxfp4;
  weight.quantized->decoded =
      mlir::RankedTensorType::get(lie.canonical, activations);
  for (bool codes : {true, false}) {
    std::string stored = name + (codes ? "_blocks" : "_scales");
    Lie own = packed(codes);
    if (!checkpoint.empty()) {
      Result<DType> dtype = checkStored(stored, own.flat, lie.reason);
      if (!dtype)
        return dtype.takeError();
      if (*dtype != DType::U8)
        return Error(ErrorId::TensorDType, "'" + folder + "': tensor '" +
                                               stored + "' is " +
                                               std::string(core::name(*dtype)) +
                                               ", mxfp4 is stored as ui8");
    }
    (codes ? weight.values : weight.quantized->scales) =
        paramOf(stored, byte, own);
  }
  return weight;
}

/// Codes of a byte each and one multiplier for each block of rows and columns.
Result<Weight> TensorResolver::resolveFp8(const Lie &lie,
                                          const std::string &name) const {
  if (!lie.isPlain())
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder + "': tensor '" + name +
                     "' is fp8 and joined or transposed; supported is fp8 with "
                     "one tensor a projection");
  Lie scales = lie;
  std::string reason = lie.reason;
  for (int side = 0; side < 2; ++side) {
    int64_t block = quantization.block[side];
    auto scaled = [&](int64_t size) { return (size + block - 1) / block; };
    size_t back = 2 - side;
    for (auto *dims : {&scales.flat, &scales.shape})
      (*dims)[dims->size() - back] = scaled((*dims)[dims->size() - back]);
    int64_t &size = scales.canonical[scales.canonical.size() - back];
    size = scaled(size);
  }
  reason += " and weight_block_size = [" +
            std::to_string(quantization.block[0]) + ", " +
            std::to_string(quantization.block[1]) + "]";
  std::string stored = name + "_scale_inv";
  mlir::Builder builder(activations.getContext());
  mlir::Type element = builder.getF32Type();
  if (!checkpoint.empty()) {
    Result<DType> dtype = checkStored(stored, scales.flat, reason);
    if (!dtype)
      return dtype.takeError();
    if (*dtype != DType::F32 && *dtype != DType::BF16)
      return Error(ErrorId::TensorDType,
                   "'" + folder + "': tensor '" + stored + "' is " +
                       std::string(core::name(*dtype)) +
                       "; supported are scales of f32 and bf16");
    if (*dtype == DType::BF16)
      element = builder.getBF16Type();
  }
  Weight weight;
  weight.values =
      paramOf(name, mlir::Float8E4M3FNType::get(activations.getContext()), lie);
  weight.quantized.emplace();
  weight.quantized->format = QuantFormat::Fp8Block;
  weight.quantized->block = quantization.block;
  weight.quantized->scales = paramOf(stored, element, scales);
  weight.quantized->decoded =
      mlir::RankedTensorType::get(lie.canonical, activations);
  return weight;
}

Result<Weight>
TensorResolver::resolve(const TensorRow &row,
                        std::optional<QuantFormat> format) const {
  Lie lie = lieOf(row);
  std::string name = fullName(row.name);
  bool quantizable = lookup(row.role).quantizable;
  if (format && quantizable)
    return resolveBlocks(lie, name);

  mlir::Builder builder(activations.getContext());
  mlir::Type element = activations;
  if (checkpoint.empty()) {
    if (quantization.format == QuantFormat::Fp8Block && quantizable)
      return resolveFp8(lie, name);
    if (row.role == Role::SelectionBias)
      element = builder.getF32Type();
    return Weight{paramOf(name, element, lie), std::nullopt};
  }
  Result<DType> dtype = checkStored(name, lie.flat, lie.reason);
  if (!dtype)
    return dtype.takeError();
  switch (*dtype) {
  case DType::F32:
    element = builder.getF32Type();
    break;
  case DType::BF16:
    element = builder.getBF16Type();
    break;
  case DType::F16:
    element = builder.getF16Type();
    break;
  case DType::F8E4M3:
    if (quantization.format == QuantFormat::Fp8Block && quantizable)
      return resolveFp8(lie, name);
    [[fallthrough]];
  default:
    return Error(ErrorId::TensorDType,
                 "'" + folder + "': tensor '" + nameOfExpert(name, 0) +
                     "' is " + std::string(core::name(*dtype)) +
                     "; expected f32, bf16 or f16" +
                     (*dtype == DType::F8E4M3 && quantizable
                          ? ", or a quantization_config of fp8"
                          : ""));
  }
  return Weight{paramOf(name, element, lie), std::nullopt};
}
