//===- Reference.cpp - The interpreter as an executor ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/Reference.h"

#include "moe/passes/Passes.h"
#include "moe/runtime/core/Safetensors.h"
#include "moe/runtime/core/WeightSource.h"
#include "moe/runtime/interpret/Interpret.h"
#include "moe/runtime/jit/Source.h"

#include "mlir/Pass/PassManager.h"

#include <cstring>
#include <map>

using namespace mlir;
using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::NamedTensor;
using core::Result;
using core::TensorView;

namespace {

/// Stored tensors for the interpreter. What a source makes up (random values)
/// is kept here as long as the interpretation needs it.
class Weights {
public:
  static Result<Weights> open(const moe_plugin_weights *weights) {
    core::WeightsSpec spec;
    if (weights && weights->folder) {
      spec.kind = core::WeightsSpec::Kind::Folder;
      spec.folder = weights->folder;
    } else if (weights && weights->tensors) {
      spec.kind = core::WeightsSpec::Kind::Tensors;
      for (const moe_plugin_tensor &tensor :
           std::span(weights->tensors, weights->num_tensors))
        spec.tensors.push_back({tensor.name,
                                {static_cast<core::DType>(tensor.dtype),
                                 {tensor.shape, tensor.shape + tensor.rank},
                                 tensor.data}});
    } else {
      spec.kind = core::WeightsSpec::Kind::Random;
      spec.seed = weights ? weights->seed : 0;
    }
    auto source = core::openWeights(spec);
    if (!source)
      return source.takeError();
    return Weights(std::move(*source));
  }

  Result<TensorView> find(std::string_view name, const TensorView &expected) {
    std::string key(name);
    Result<TensorView> found = source->find(key, expected);
    if (!found || found->data)
      return found;
    std::vector<std::byte> &buffer = made[key];
    if (buffer.empty())
      source->read(key, *found, 0, found->numElements(), buffer);
    found->data = buffer.data();
    return found;
  }

private:
  explicit Weights(std::unique_ptr<core::WeightSource> source)
      : source(std::move(source)) {}
  std::unique_ptr<core::WeightSource> source;
  std::map<std::string, std::vector<std::byte>> made;
};

} // namespace

/// Borrowed inputs as tensors of the interpreter.
static std::vector<NamedTensor>
copyInputs(std::span<const moe_plugin_tensor> inputs) {
  std::vector<NamedTensor> made;
  for (const moe_plugin_tensor &input : inputs) {
    core::Tensor tensor(static_cast<core::DType>(input.dtype),
                        {input.shape, input.shape + input.rank});
    if (tensor.bytes() != 0)
      std::memcpy(tensor.data(), input.data, tensor.bytes());
    made.push_back({input.name, std::move(tensor)});
  }
  return made;
}

Result<std::vector<NamedTensor>>
jit::interpretFunction(func::FuncOp function, const moe_plugin_weights *weights,
                       std::span<const moe_plugin_tensor> inputs, bool exact) {
  Result<Weights> opened = Weights::open(weights);
  if (!opened)
    return opened.takeError();
  interpret::Options options;
  options.exact = exact;
  return interpret::interpret(
      function, copyInputs(inputs),
      [&](std::string_view name, const TensorView &expected) {
        return opened->find(name, expected);
      },
      options);
}

/// The same change of the function that compile() makes.
static core::Status overrideIds(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.nest<func::FuncOp>().addPass(createOverrideIdsPass());
  if (failed(pm.run(module)))
    return Error(ErrorId::FeatureUnsupported,
                 "ids can be overridden in a function with one router");
  return core::Status::ok();
}

Result<std::string>
jit::interpretSource(const moe_plugin_source &source,
                     const moe_plugin_weights *weights,
                     std::span<const moe_plugin_tensor> inputs, bool exact) {
  std::unique_ptr<MLIRContext> context = makeContext();
  auto module = loadSource(*context, source);
  if (!module)
    return module.takeError();
  if (source.override_ids)
    if (core::Status status = overrideIds(**module); !status)
      return status.takeError();
  Result<func::FuncOp> function = findFunction(**module, source.function);
  if (!function)
    return function.takeError();
  auto results = interpretFunction(*function, weights, inputs, exact);
  if (!results)
    return results.takeError();
  std::vector<core::NamedView> views;
  for (const NamedTensor &result : *results)
    views.push_back({result.name, result.tensor.view()});
  return core::safetensorsBytes(views);
}
