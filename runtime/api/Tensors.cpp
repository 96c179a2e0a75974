//===- Tensors.cpp - Tensors of the caller's --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table of element types, read in both directions.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Tensors.h"
#include "moe/runtime/api/Handles.h"

using namespace moe;
using namespace moe::api;
using core::DType;
using core::Error;
using core::ErrorId;

namespace {

struct Row {
  DType dtype;
  uint8_t code, bits;
};
constexpr Row table[] = {
    {DType::F64, MOE_DL_FLOAT, 64},
    {DType::F32, MOE_DL_FLOAT, 32},
    {DType::BF16, MOE_DL_BFLOAT, 16},
    {DType::F16, MOE_DL_FLOAT, 16},
    {DType::F8E4M3, MOE_DL_FLOAT8_E4M3FN, 8},
    {DType::F8E5M2, MOE_DL_FLOAT8_E5M2, 8},
    {DType::F8E8M0, MOE_DL_FLOAT8_E8M0FNU, 8},
    {DType::I64, MOE_DL_INT, 64},
    {DType::I32, MOE_DL_INT, 32},
    {DType::I16, MOE_DL_INT, 16},
    {DType::I8, MOE_DL_INT, 8},
    {DType::U8, MOE_DL_UINT, 8},
    {DType::Bool, MOE_DL_BOOL, 8},
};

std::optional<DType> dtypeOf(moe_dtype given) {
  if (given.lanes == 1)
    for (const Row &row : table)
      if (row.code == given.code && row.bits == given.bits)
        return row.dtype;
  return std::nullopt;
}

/// Row-major without gaps; the strides of dimensions of one element and of
/// empty tensors do not matter.
bool isContiguous(const moe_tensor &tensor) {
  if (!tensor.strides)
    return true;
  int64_t expected = 1;
  bool dense = true;
  for (int32_t i = tensor.ndim; i-- > 0;) {
    if (tensor.shape[i] == 0)
      return true;
    dense &= tensor.shape[i] == 1 || tensor.strides[i] == expected;
    // Nonsense sizes are found by whoever compares shapes.
    if (__builtin_mul_overflow(expected, tensor.shape[i], &expected))
      return false;
  }
  return dense;
}

std::string list(const int64_t *values, int32_t count) {
  return core::shapeStr(std::vector<int64_t>(values, values + count));
}

core::Result<core::Operand> toOperand(const moe_named_tensor &named,
                                      const char *kind, int gpu) {
  const moe_tensor &tensor = named.tensor;
  if (!named.name)
    return wrongUse(std::string(kind) + " without a name");
  auto label = [&] {
    return std::string(kind) + " " + core::quote(named.name);
  };
  if (tensor.ndim < 0 || (tensor.ndim > 0 && !tensor.shape))
    return wrongUse(label() + " has no shape");
  constexpr int32_t cpu = 1, cuda = 2, pinned = 3, managed = 13;
  const int32_t device = tensor.device.device_type;
  const bool onDevice = device == cuda || device == managed;
  if (device != cpu && device != pinned && !(onDevice && gpu >= 0))
    return wrongUse(label() + " is on device type " + std::to_string(device) +
                    ", expected host memory (1)" +
                    (gpu >= 0 ? " or that of the GPU (2)" : ""));
  if (onDevice && tensor.device.device_id != gpu)
    return wrongUse(label() + " is on GPU " +
                    std::to_string(tensor.device.device_id) +
                    ", the program on GPU " + std::to_string(gpu));
  std::optional<DType> dtype = dtypeOf(tensor.dtype);
  if (!dtype)
    return Error(ErrorId::InputDType,
                 label() + " has DLPack's element type code " +
                     std::to_string(tensor.dtype.code) + " with " +
                     std::to_string(tensor.dtype.bits) + " bits and " +
                     std::to_string(tensor.dtype.lanes) +
                     " lanes, which moec does not have");
  if (!isContiguous(tensor))
    return Error(ErrorId::InputShape,
                 label() + " is " + list(tensor.shape, tensor.ndim) +
                     " with strides " + list(tensor.strides, tensor.ndim) +
                     ", expected row-major order without gaps; copy it first");
  core::Operand operand;
  operand.name = named.name;
  operand.dtype = *dtype;
  operand.shape = {tensor.shape, static_cast<size_t>(tensor.ndim)};
  operand.data = tensor.data
                     ? static_cast<char *>(tensor.data) + tensor.byte_offset
                     : nullptr;
  operand.onDevice = onDevice;
  return operand;
}

} // namespace

core::Status api::toOperands(const moe_named_tensor *tensors, size_t count,
                             const char *kind, int gpu,
                             std::vector<core::Operand> &operands) {
  operands.clear();
  if (count && !tensors)
    return wrongUse(std::string(kind) + "s are null");
  for (size_t i = 0; i < count; ++i) {
    core::Result<core::Operand> operand = toOperand(tensors[i], kind, gpu);
    if (!operand)
      return operand.takeError();
    operands.push_back(*operand);
  }
  return {};
}

core::Result<std::vector<core::NamedWeight>>
api::toViews(const moe_named_tensor *tensors, size_t count, const char *kind) {
  std::vector<core::Operand> operands;
  if (core::Status status = toOperands(tensors, count, kind, -1, operands);
      !status)
    return status.takeError();
  std::vector<core::NamedWeight> views;
  for (const core::Operand &operand : operands) {
    std::vector<int64_t> shape(operand.shape.begin(), operand.shape.end());
    std::optional<size_t> bytes = core::checkedBytes(operand.dtype, shape);
    if (!bytes || (*bytes && !operand.data))
      return Error(ErrorId::InputShape,
                   std::string(kind) + " " + core::quote(operand.name) +
                       " is " + core::shapeStr(shape) +
                       (bytes ? " but has no data" : ", which no tensor is"));
    views.push_back({std::string(operand.name),
                     {operand.dtype, std::move(shape), operand.data}});
  }
  return views;
}

moe_dtype api::toDlpack(DType dtype) {
  for (const Row &row : table)
    if (row.dtype == dtype)
      return {row.code, row.bits, 1};
  return {};
}

core::Result<std::optional<core::WeightsSpec>>
api::toSpec(const moe_weights *weights) {
  if (!weights)
    return std::optional<core::WeightsSpec>();
  core::Result<moe_weights> given = take(weights, "moe_weights");
  if (!given)
    return given.takeError();
  core::WeightsSpec spec;
  spec.seed = given->seed;
  switch (given->kind) {
  case MOE_WEIGHTS_FOLDER:
    if (!given->folder)
      return wrongUse("moe_weights.folder is null");
    spec.kind = core::WeightsSpec::Kind::Folder;
    spec.folder = given->folder;
    break;
  case MOE_WEIGHTS_RANDOM:
    spec.kind = core::WeightsSpec::Kind::Random;
    break;
  case MOE_WEIGHTS_TENSORS: {
    core::Result<std::vector<core::NamedWeight>> tensors =
        toViews(given->tensors, given->num_tensors, "weight");
    if (!tensors)
      return tensors.takeError();
    spec.kind = core::WeightsSpec::Kind::Tensors;
    spec.tensors = *std::move(tensors);
    break;
  }
  default:
    return wrongUse("moe_weights.kind is " + std::to_string(given->kind));
  }
  return std::optional<core::WeightsSpec>(std::move(spec));
}
