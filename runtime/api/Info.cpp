//===- Info.cpp - What programs and bound programs say about themselves -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The schema's tables as JSON.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Info.h"
#include "moe/runtime/core/DType.h"

#include <nlohmann/json.hpp>

using namespace moe;
using namespace moe::api;
using Json = nlohmann::ordered_json;

namespace {

std::string dtypeText(uint8_t dtype) {
  return std::string(core::name(static_cast<core::DType>(dtype)));
}

Json argInfo(const abi::Program &program, const abi::Arg &arg) {
  Json shape = Json::array();
  for (flatbuffers::uoffset_t i = 0; i < arg.sizes()->size(); ++i) {
    const int32_t dim = arg.dims()->Get(i);
    if (dim < 0)
      shape.push_back(arg.sizes()->Get(i));
    else
      shape.push_back(program.dims()
                          ->Get(static_cast<flatbuffers::uoffset_t>(dim))
                          ->name()
                          ->str());
  }
  return {{"name", arg.name()->str()},
          {"dtype", dtypeText(arg.dtype())},
          {"shape", std::move(shape)}};
}

Json kernelInfo(const abi::Kernel &kernel) {
  return {{"name", kernel.name()->str()},
          {"scratch_bytes", kernel.scratch()},
          {"code_bytes", kernel.size()}};
}

Json paramInfo(const abi::Param &param) {
  Json sources = Json::array();
  for (const abi::Source *source : *param.sources())
    sources.push_back(
        {{"name", source->pattern()->str()},
         {"dtype", dtypeText(source->dtype())},
         {"shape", std::vector<int64_t>(source->stored_shape()->begin(),
                                        source->stored_shape()->end())}});
  return {{"name", param.name()->str()},
          {"bytes", param.bytes()},
          {"units", param.units()},
          {"sources", std::move(sources)}};
}

Json variantInfo(const abi::Variant &variant) {
  Json features = Json::array(), functions = Json::array();
  for (const flatbuffers::String *feature : *variant.features())
    features.push_back(feature->str());
  for (const abi::Program *program : *variant.programs())
    functions.push_back(program->name()->str());
  return {{"target", variant.target()->str()},
          {"features", std::move(features)},
          {"emulated", variant.emulated()},
          {"functions", std::move(functions)}};
}

/// Names come from files: what is no UTF-8 is replaced.
std::string dump(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace

uint64_t api::codeBytes(const core::Program &program) {
  // What is loaded: not the texts beside it.
  uint64_t bytes = 0;
  for (const abi::Code *code : *program.variant().code())
    if (code->kind() == abi::CodeKind::CpuImage ||
        code->kind() == abi::CodeKind::Cubin)
      bytes += code->bytes()->size();
  return bytes;
}

uint64_t api::weightBytes(const core::Program &program) {
  uint64_t bytes = 0;
  for (const uint32_t index : program.params())
    bytes += program.variant().params()->Get(index)->bytes();
  return bytes;
}

std::string api::programInfo(const moe_program &handle) {
  const core::Program &program = *handle.program;
  const abi::Program &table = program.table();
  const abi::Package &root = program.package().root();
  Json dims = Json::array(), inputs = Json::array(), outputs = Json::array(),
       kernels = Json::array(), params = Json::array(),
       variants = Json::array();
  for (const abi::Dim *dim : *table.dims())
    dims.push_back({{"name", dim->name()->str()}, {"bound", dim->bound()}});
  for (const abi::Arg *arg : *table.inputs())
    inputs.push_back(argInfo(table, *arg));
  for (const abi::Arg *arg : *table.outputs())
    outputs.push_back(argInfo(table, *arg));
  for (const abi::Kernel *kernel : *program.variant().kernels())
    kernels.push_back(kernelInfo(*kernel));
  for (const uint32_t index : program.params())
    params.push_back(paramInfo(*program.variant().params()->Get(index)));
  for (const abi::Variant *variant : *root.variants())
    variants.push_back(variantInfo(*variant));
  return dump({{"function", std::string(program.name())},
               {"package", program.package().name()},
               {"build_id", root.build_id()->str()},
               {"target", program.variant().target()->str()},
               {"executor", handle.module ? "cuda" : "cpu"},
               {"emulated", program.variant().emulated()},
               {"has_ir", root.ir() != nullptr},
               {"dims", std::move(dims)},
               {"inputs", std::move(inputs)},
               {"outputs", std::move(outputs)},
               {"kernels", std::move(kernels)},
               {"params", std::move(params)},
               {"weight_bytes", weightBytes(program)},
               {"code_bytes", codeBytes(program)},
               {"variants", std::move(variants)}});
}

std::string api::boundInfo(const core::Bound &bound) {
  return dump({{"weight_bytes", bound.bytes()},
               {"used", bound.used()},
               {"unused", bound.unused()}});
}
