//===- HostTensors.cpp - Tensors that a tool gives and takes --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/common/HostTensors.h"

#include "moe/runtime/core/RandomWeights.h"
#include "moe/runtime/core/Safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>

using namespace moe;
using namespace moe::tools;
using core::DType;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Tensor;

HostTensors::HostTensors(std::vector<core::NamedTensor> tensors)
    : tensors(std::move(tensors)) {}

void HostTensors::add(std::string name, Tensor tensor) {
  tensors.push_back({std::move(name), std::move(tensor)});
}

Tensor *HostTensors::find(std::string_view name) {
  for (core::NamedTensor &each : tensors)
    if (each.name == name)
      return &each.tensor;
  return nullptr;
}
const Tensor *HostTensors::find(std::string_view name) const {
  return const_cast<HostTensors *>(this)->find(name);
}

static moe_dtype dlpackType(DType dtype) {
  auto bits = static_cast<uint8_t>(core::byteSize(dtype) * 8);
  switch (dtype) {
  case DType::BF16:
    return {MOE_DL_BFLOAT, bits, 1};
  case DType::F8E4M3:
    return {MOE_DL_FLOAT8_E4M3FN, bits, 1};
  case DType::F8E5M2:
    return {MOE_DL_FLOAT8_E5M2, bits, 1};
  case DType::F8E8M0:
    return {MOE_DL_FLOAT8_E8M0FNU, bits, 1};
  case DType::U8:
    return {MOE_DL_UINT, bits, 1};
  case DType::Bool:
    return {MOE_DL_BOOL, bits, 1};
  default:
    return {
        static_cast<uint8_t>(core::isFloat(dtype) ? MOE_DL_FLOAT : MOE_DL_INT),
        bits, 1};
  }
}

static DType dtypeOf(moe_dtype type) {
  for (DType dtype :
       {DType::F64, DType::F32, DType::BF16, DType::F16, DType::F8E4M3,
        DType::F8E5M2, DType::F8E8M0, DType::I64, DType::I32, DType::I16,
        DType::I8, DType::U8, DType::Bool})
    if (moe_dtype each = dlpackType(dtype);
        each.code == type.code && each.bits == type.bits)
      return dtype;
  return DType::U8;
}

const std::vector<moe_named_tensor> &HostTensors::named() {
  views.clear();
  for (core::NamedTensor &each : tensors) {
    moe_named_tensor made{};
    made.name = each.name.c_str();
    made.tensor.data = each.tensor.data();
    made.tensor.device = {1, 0};
    made.tensor.ndim = static_cast<int32_t>(each.tensor.shape().size());
    made.tensor.dtype = dlpackType(each.tensor.dtype());
    made.tensor.shape = const_cast<int64_t *>(each.tensor.shape().data());
    views.push_back(made);
  }
  return views;
}

Result<HostTensors> tools::readTensors(const std::string &path) {
  Result<core::SafetensorsFile> file = core::SafetensorsFile::open(path);
  if (!file)
    return file.takeError();
  HostTensors tensors;
  for (const core::SafetensorsEntry &entry : file->entries()) {
    Result<core::TensorView> view = file->tensor(entry.name);
    if (!view)
      return view.takeError();
    Tensor tensor(view->dtype, view->shape);
    if (tensor.bytes() != 0)
      std::memcpy(tensor.data(), view->data, tensor.bytes());
    tensors.add(entry.name, std::move(tensor));
  }
  return tensors;
}

core::Status tools::writeTensors(const std::string &path,
                                 const HostTensors &tensors) {
  std::vector<core::NamedView> views;
  for (const core::NamedTensor &each : tensors.all())
    views.push_back({each.name, each.tensor.view()});
  return core::writeSafetensors(path, views);
}

Tensor tools::copyTensor(const moe_tensor &tensor) {
  Tensor made(dtypeOf(tensor.dtype),
              {tensor.shape, tensor.shape + tensor.ndim});
  if (made.bytes() != 0)
    std::memcpy(made.data(),
                static_cast<const char *>(tensor.data) + tensor.byte_offset,
                made.bytes());
  return made;
}

static std::vector<Signature::Value> parseValues(const nlohmann::json &list) {
  std::vector<Signature::Value> values;
  for (const auto &each : list) {
    Signature::Value value;
    value.name = each.at("name").get<std::string>();
    value.dtype = core::dtypeFromName(each.at("dtype").get<std::string>())
                      .value_or(DType::U8);
    for (const auto &size : each.at("shape")) {
      bool named = size.is_string();
      value.sizes.push_back(named ? -1 : size.get<int64_t>());
      value.dims.push_back(named ? size.get<std::string>() : "");
    }
    values.push_back(std::move(value));
  }
  return values;
}

Result<Signature> tools::parseSignature(std::string_view json) {
  // The library wrote it: anything wrong here is a defect of ours.
  try {
    auto root = nlohmann::json::parse(json);
    Signature signature;
    signature.inputs = parseValues(root.at("inputs"));
    signature.outputs = parseValues(root.at("outputs"));
    if (root.contains("bounds"))
      for (const auto &[name, bound] : root.at("bounds").items())
        signature.bounds[name] = bound.get<int64_t>();
    if (root.contains("dims"))
      for (const auto &dim : root.at("dims"))
        signature.bounds[dim.at("name").get<std::string>()] =
            dim.at("bound").get<int64_t>();
    return signature;
  } catch (const nlohmann::json::exception &error) {
    return Error(ErrorId::Internal,
                 std::string("a signature could not be read: ") + error.what());
  }
}

Result<std::vector<int64_t>>
tools::shapeOf(const Signature::Value &value,
               const std::map<std::string, int64_t> &dims) {
  std::vector<int64_t> shape;
  for (size_t i = 0; i < value.sizes.size(); ++i) {
    if (value.sizes[i] >= 0) {
      shape.push_back(value.sizes[i]);
      continue;
    }
    auto it = dims.find(value.dims[i]);
    if (it == dims.end())
      return Error(ErrorId::InputMissing, "no input gives dimension " +
                                              core::quote(value.dims[i]) +
                                              " of " + core::quote(value.name));
    shape.push_back(it->second);
  }
  return shape;
}

std::map<std::string, int64_t> tools::dimsOf(const Signature &signature,
                                             const HostTensors &inputs) {
  std::map<std::string, int64_t> dims;
  for (const Signature::Value &value : signature.inputs) {
    const Tensor *tensor = inputs.find(value.name);
    if (!tensor || tensor->shape().size() != value.sizes.size())
      continue;
    for (size_t i = 0; i < value.sizes.size(); ++i)
      if (value.sizes[i] < 0)
        dims.emplace(value.dims[i], tensor->shape()[i]);
  }
  return dims;
}

Tensor tools::randomTensor(DType dtype, std::vector<int64_t> shape,
                           uint64_t seed, std::string_view name) {
  Tensor tensor(dtype, std::move(shape));
  if (!core::isFloat(dtype))
    return tensor;
  // With a last dimension of 1 its values have variance 1.
  int64_t plain[2] = {tensor.numElements(), 1};
  core::RandomTensor(seed, name, dtype, plain)
      .fill(0, tensor.numElements(), tensor.data());
  return tensor;
}
