//===- QuantizedTensors.cpp - Codes and scales as weights of a layer ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A projection that was quantized is several tensors, whose names, shapes and
// types follow from the format.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Tensors.h"

#include "llvm/ADT/STLExtras.h"

#include <numeric>

using namespace moe;
using namespace moe::import;
using core::DType;
using core::Error;
using core::ErrorId;
using core::Result;
using semantics::nameOfExpert;
using semantics::QuantFormat;

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

/// A matrix "a.weight" is stored as "a." and these.
std::string TensorResolver::quantizedName(const std::string &name,
                                          std::string_view suffix) const {
  constexpr std::string_view plain = "weight";
  return name.substr(0, name.size() - plain.size()) + std::string(suffix);
}

/// Whether the matrix, a projection, is one that was quantized.
bool TensorResolver::isQuantized(const std::string &name) const {
  if (!quantization.format || *quantization.format == QuantFormat::Mxfp4 ||
      !name.ends_with(".weight"))
    return false;
  if (checkpoint.empty())
    return true;
  Result<core::TensorView> view = checkpoint.tensor(
      nameOfExpert(quantizedName(name, quantization.names.codes), 0));
  return view && view->dtype != DType::F32 && view->dtype != DType::BF16 &&
         view->dtype != DType::F16;
}

static mlir::Type elementOf(DType dtype, mlir::MLIRContext *context) {
  mlir::Builder builder(context);
  switch (dtype) {
  case DType::F8E4M3:
    return mlir::Float8E4M3FNType::get(context);
  case DType::BF16:
    return builder.getBF16Type();
  case DType::F16:
    return builder.getF16Type();
  case DType::I32:
    return builder.getI32Type();
  case DType::I8:
  case DType::U8:
  case DType::F8E8M0:
    return builder.getI8Type();
  default:
    return builder.getF32Type();
  }
}

/// A tensor of a matrix's own with these dimensions, stored `swapped` or not,
/// of one of the types, the first where nothing is stored.
Result<Param> TensorResolver::quantizedParam(const std::string &name,
                                             const Lie &matrix,
                                             std::vector<int64_t> inner,
                                             bool swapped,
                                             std::span<const DType> types,
                                             const std::string &reason) const {
  Lie lie = matrix;
  const size_t lead = matrix.flat.size() - 2;
  lie.canonical.truncate(lie.canonical.size() - 2);
  lie.canonical.append(inner.begin(), inner.end());
  if (swapped)
    std::swap(inner[0], inner[1]);
  lie.shape.resize(lead);
  lie.shape.insert(lie.shape.end(), inner.begin(), inner.end());
  lie.flat = lie.shape;
  lie.permutation.resize(lie.shape.size());
  std::iota(lie.permutation.begin(), lie.permutation.end(), 0);
  if (swapped)
    std::swap(lie.permutation[lead], lie.permutation[lead + 1]);
  DType dtype = types.front();
  if (!checkpoint.empty()) {
    // Last dimensions of 1 need not be stored.
    Result<core::TensorView> first = checkpoint.tensor(nameOfExpert(name, 0));
    if (!first)
      return first.takeError();
    std::vector<int64_t> flat = lie.flat;
    while (!flat.empty() && flat.back() == 1 && flat != first->shape)
      flat.pop_back();
    if (flat == first->shape)
      lie.flat = flat;
    Result<DType> stored = checkStored(name, lie.flat, reason);
    if (!stored)
      return stored.takeError();
    dtype = *stored;
    if (!llvm::is_contained(types, dtype)) {
      std::string expected;
      for (DType type : types)
        expected +=
            (expected.empty() ? "" : " or ") + std::string(core::name(type));
      return Error(
          ErrorId::TensorDType,
          "'" + folder + "': tensor '" + nameOfExpert(name, 0) + "' is " +
              std::string(core::name(dtype)) + ", " +
              std::string(semantics::lookup(*quantization.format).name) +
              " stores " + expected);
    }
  }
  return paramOf(name, elementOf(dtype, activations.getContext()), lie);
}

/// Rows and columns of one scale. Where the configuration gives none, there is
/// one scale a row or one a matrix, as the tensor's shape says.
Result<std::array<int64_t, 2>>
TensorResolver::blockOf(const std::string &scales, const Lie &lie) const {
  const int64_t rows = lie.flat[lie.flat.size() - 2], cols = lie.flat.back();
  std::array<int64_t, 2> block = quantization.block;
  if (block[0] == 0 && block[1] == 0) {
    block = {1, cols};
    if (!checkpoint.empty()) {
      Result<core::TensorView> view =
          checkpoint.tensor(nameOfExpert(scales, 0));
      if (!view)
        return view.takeError();
      int64_t count = 1;
      for (int64_t size : view->shape)
        count *= size;
      if (count == 1)
        block[0] = rows;
    }
  }
  block[0] = block[0] == 0 ? rows : block[0];
  block[1] = block[1] == 0 ? cols : block[1];
  return block;
}

/// Scales as the format has them; one a row or a matrix comes in several ranks.
Result<Param> TensorResolver::scalesOf(const std::string &name, const Lie &lie,
                                       const semantics::QuantRow &row,
                                       const semantics::QuantShape &shape,
                                       const std::string &reason) const {
  static constexpr DType kFloats[] = {DType::F32, DType::BF16, DType::F16};
  static constexpr DType kFp8[] = {DType::F8E4M3};
  static constexpr DType kBytes[] = {DType::U8, DType::F8E8M0};
  std::span<const DType> types = kFloats;
  if (row.scale == semantics::ScaleKind::E4M3FN)
    types = kFp8;
  else if (row.scale == semantics::ScaleKind::E8M0)
    types = kBytes;
  return quantizedParam(name, lie, {shape.scaleRows(), shape.scaleCols()},
                        quantization.names.inputsFirst, types, reason);
}

/// Of a checkpoint in blocks of fp8, as what this matrix and its scales are
/// stored: the configuration does not say.
Result<const semantics::QuantRow *>
TensorResolver::blockFormatOf(const std::string &name,
                              const std::string &scales) const {
  QuantFormat format = *quantization.format;
  if (format == QuantFormat::Fp8Block && !checkpoint.empty()) {
    Result<core::TensorView> codes = checkpoint.tensor(nameOfExpert(name, 0));
    if (!codes)
      return codes.takeError();
    Result<core::TensorView> scale = checkpoint.tensor(nameOfExpert(scales, 0));
    if (!scale)
      return scale.takeError();
    if (codes->dtype == DType::U8 || codes->dtype == DType::I8)
      format = QuantFormat::Mxfp4Rows;
    else if (scale->dtype == DType::U8 || scale->dtype == DType::F8E8M0)
      format = QuantFormat::Fp8BlockE8M0;
  }
  return &semantics::lookup(format);
}

/// A matrix as codes, scales and what else its format has.
Result<Weight>
TensorResolver::resolveProjection(const Lie &lie,
                                  const std::string &name) const {
  const QuantNames &names = quantization.names;
  std::string scales = quantizedName(name, names.scales);
  // DeepSeek's own files have a shorter name.
  if (!names.otherScales.empty() && !checkpoint.empty() &&
      !checkpoint.contains(nameOfExpert(scales, 0)))
    if (std::string other = quantizedName(name, names.otherScales);
        checkpoint.contains(nameOfExpert(other, 0)))
      scales = other;
  Result<const semantics::QuantRow *> format =
      blockFormatOf(quantizedName(name, names.codes), scales);
  if (!format)
    return format.takeError();
  const semantics::QuantRow &row = **format;
  if (!lie.isPlain())
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder + "': tensor '" + name + "' is " +
                     std::string(row.name) +
                     " and joined or transposed; supported is one tensor a "
                     "projection");
  semantics::QuantShape shape;
  shape.rows = lie.flat[lie.flat.size() - 2];
  shape.cols = lie.flat.back();
  Weight weight;
  Weight::Quantized &quantized = weight.quantized.emplace();
  quantized.format = row.id;
  quantized.decoded = mlir::RankedTensorType::get(lie.canonical, activations);
  shape.blockRows = row.blockRows;
  shape.blockCols = row.blockCols;
  std::string reason = lie.reason;
  if (row.blockRows == 0) {
    Result<std::array<int64_t, 2>> block = blockOf(scales, lie);
    if (!block)
      return block.takeError();
    quantized.block = *block;
    shape.blockRows = (*block)[0];
    shape.blockCols = (*block)[1];
    if (!quantization.blockReason.empty())
      reason += " and " + quantization.blockReason;
  } else if (shape.cols % row.blockCols != 0) {
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder + "': '" + name + "' has rows of " +
                     std::to_string(shape.cols) + " (" + lie.reason + "); " +
                     std::string(row.name) + " needs a multiple of " +
                     std::to_string(row.blockCols));
  }

  auto words = [&](int64_t count) {
    return (count + row.codesPerWord - 1) / row.codesPerWord;
  };
  // Two codes a byte may be stored as bytes of either sign.
  static constexpr DType kPairs[] = {DType::U8, DType::I8};
  const DType word = row.code == semantics::CodeKind::E4M3FN ? DType::F8E4M3
                     : row.code == semantics::CodeKind::Int8 ? DType::I8
                     : row.wordBits == 32                    ? DType::I32
                                                             : DType::U8;
  std::span<const DType> wordTypes = {&word, 1};
  if (word == DType::U8)
    wordTypes = kPairs;
  std::vector<int64_t> codeShape = {shape.rows, words(shape.cols)};
  if (row.along == semantics::PackedAlong::Rows)
    codeShape = {words(shape.rows), shape.cols};
  Result<Param> codes =
      quantizedParam(quantizedName(name, names.codes), lie, codeShape,
                     names.inputsFirst, wordTypes, lie.reason);
  if (!codes)
    return codes.takeError();
  weight.values = *std::move(codes);
  Result<Param> scale = scalesOf(scales, lie, row, shape, reason);
  if (!scale)
    return scale.takeError();
  quantized.scales = *std::move(scale);

  auto add = [&](std::string_view as, std::string_view suffix,
                 std::vector<int64_t> inner, bool swapped,
                 std::span<const DType> types) -> core::Status {
    Result<Param> param = quantizedParam(quantizedName(name, suffix), lie,
                                         inner, swapped, types, reason);
    if (!param)
      return param.takeError();
    quantized.extras.push_back({as, *std::move(param)});
    return core::Status::ok();
  };
  if (row.zeros)
    if (core::Status status = add("zeros", names.zeros,
                                  {words(shape.scaleRows()), shape.scaleCols()},
                                  names.inputsFirst, {&word, 1});
        !status)
      return status.takeError();
  if (row.matrixScale != semantics::MatrixScale::None) {
    static constexpr DType kFloat[] = {DType::F32};
    if (core::Status status =
            add("matrix_scales", names.matrixScales, {1, 1}, false, kFloat);
        !status)
      return status.takeError();
  }
  if (row.columnGroups) {
    static constexpr DType kInteger[] = {DType::I32};
    std::string groups = quantizedName(name, names.columnGroups);
    if (checkpoint.contains(nameOfExpert(groups, 0)))
      if (core::Status status = add("column_groups", names.columnGroups,
                                    {shape.cols}, false, kInteger);
          !status)
        return status.takeError();
  }
  return weight;
}
