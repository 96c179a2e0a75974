//===- Reference.cpp - The interpreter as a layer -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/tools/moe-run/Layer.h"

using namespace moe;
using namespace moe::tools;
using core::Result;
using core::Status;

moe_source tools::sourceOf(const RunOptions &options,
                           const std::string &dtype) {
  moe_source source{};
  source.size = sizeof source;
  source.kind = MOE_FROM_PATH;
  source.data = options.source.c_str();
  source.has_layer = options.layer.has_value();
  source.layer = options.layer.value_or(0);
  source.dtype = dtype.empty() ? nullptr : dtype.c_str();
  source.function = options.function ? options.function->c_str() : nullptr;
  return source;
}

std::optional<moe_weights> tools::weightsOf(const RunOptions &options) {
  moe_weights weights{};
  weights.size = sizeof weights;
  if (options.weightSeed) {
    weights.kind = MOE_WEIGHTS_RANDOM;
    weights.seed = *options.weightSeed;
    return weights;
  }
  if (!options.weights && !options.isCheckpoint)
    return std::nullopt;
  weights.kind = MOE_WEIGHTS_FOLDER;
  weights.folder =
      options.weights ? options.weights->c_str() : options.source.c_str();
  return weights;
}

moe_compile_options tools::compileOptionsOf(const RunOptions &options) {
  moe_compile_options compile{};
  compile.size = sizeof compile;
  compile.targets = options.target ? options.target->c_str() : nullptr;
  compile.fast = options.fast ? options.fast->c_str() : nullptr;
  if (options.executor == ExecutorKind::Cuda)
    compile.executor = MOE_EXECUTOR_CUDA;
  if (!options.cudaDriver.empty())
    compile.cuda_driver = options.cudaDriver.c_str();
  return compile;
}

namespace {

class ReferenceLayer final : public Layer {
public:
  ReferenceLayer(const RunOptions &options, std::string dtype,
                 Signature signature)
      : options(options), dtype(std::move(dtype)),
        values(std::move(signature)) {}

  const Signature &signature() const override { return values; }
  std::vector<std::string> kernels() const override { return {"reference"}; }
  Result<HostTensors> run(HostTensors &inputs) override;

private:
  const RunOptions &options;
  std::string dtype;
  Signature values;
};

} // namespace

Result<HostTensors> ReferenceLayer::run(HostTensors &inputs) {
  moe_source source = sourceOf(options, dtype);
  std::optional<moe_weights> weights = weightsOf(options);
  const std::vector<moe_named_tensor> &named = inputs.named();
  moe_results *made = nullptr;
  Status status =
      take(moe_reference(&source, weights ? &*weights : nullptr, named.data(),
                         named.size(), options.exact, &made));
  if (!status)
    return status.takeError();
  Results results(made);
  HostTensors tensors;
  for (size_t i = 0; i < moe_results_size(made); ++i) {
    moe_named_tensor each;
    moe_results_get(made, i, &each);
    tensors.add(each.name, copyTensor(each.tensor));
  }
  return tensors;
}

Result<std::unique_ptr<Layer>> tools::openReference(const RunOptions &options,
                                                    const std::string &dtype) {
  moe_source source = sourceOf(options, dtype);
  moe_text *json = nullptr;
  if (Status status = take(moe_signature(&source, &json)); !status)
    return status.takeError();
  Text text(json);
  Result<Signature> signature = parseSignature(view(text));
  if (!signature)
    return signature.takeError();
  return std::unique_ptr<Layer>(
      std::make_unique<ReferenceLayer>(options, dtype, std::move(*signature)));
}
