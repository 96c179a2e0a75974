//===- Reference.cpp - The reference, through the compiler ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interpreter lives in the compiler plugin; its results come as one
// safetensors image.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Handles.h"
#include "moe/runtime/api/Requests.h"
#include "moe/runtime/api/Tensors.h"
#include "moe/runtime/core/Safetensors.h"

using namespace moe;
using namespace moe::api;
using core::Result;
using core::Status;

namespace {

/// What both functions read first.
struct Question {
  core::Source source;
  core::WeightsSpec weights;
  std::vector<core::NamedWeight> inputs;
};

Result<Question> ask(const moe_source *source, const moe_weights *weights,
                     const moe_named_tensor *inputs, size_t numInputs,
                     const char *purpose) {
  Question question;
  Result<core::Source> what = toSource(source);
  if (what)
    what = core::sourceOfIr(*what, purpose);
  if (!what)
    return what.takeError();
  question.source = *std::move(what);
  Result<std::optional<core::WeightsSpec>> spec = toSpec(weights);
  if (!spec)
    return spec.takeError();
  if (*spec) {
    question.weights = **std::move(spec);
  } else {
    // None are given: a function that has some asks for them by name.
    question.weights.kind = core::WeightsSpec::Kind::Tensors;
  }
  Result<std::vector<core::NamedWeight>> views =
      toViews(inputs, numInputs, "input");
  if (!views)
    return views.takeError();
  question.inputs = *std::move(views);
  return question;
}

Status takeResults(const std::string &file, moe_results &results) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(file));
  Result<core::SafetensorsHeader> header =
      core::parseSafetensors(bytes, "the reference's results");
  if (!header)
    return header.takeError();
  for (const core::SafetensorsEntry &entry : header->entries) {
    std::optional<core::DType> dtype =
        core::dtypeFromSafetensors(entry.dtypeName);
    if (!dtype)
      return core::Error(
          core::ErrorId::Internal,
          "internal error: the reference gave a result of type " +
              entry.dtypeName + "; please report this");
    core::Tensor tensor(*dtype, entry.shape);
    std::memcpy(tensor.data(), bytes.data() + entry.begin, tensor.bytes());
    results.tensors.push_back({entry.name, std::move(tensor)});
  }
  return {};
}

} // namespace

moe_error *moe_reference(const moe_source *source, const moe_weights *weights,
                         const moe_named_tensor *inputs, size_t numInputs,
                         uint32_t exact, moe_results **results) {
  return guarded([&]() -> Status {
    if (!results)
      return wrongUse("moe_reference: results is null");
    *results = nullptr;
    Result<Question> question =
        ask(source, weights, inputs, numInputs, "the reference");
    if (!question)
      return question.takeError();
    Result<core::CompilerPlugin> plugin = core::CompilerPlugin::load();
    if (!plugin)
      return plugin.takeError();
    Result<std::string> file = plugin->interpret(
        question->source, question->weights, question->inputs, exact);
    if (!file)
      return file.takeError();
    auto made = std::make_unique<moe_results>();
    if (Status status = takeResults(*file, *made); !status)
      return status;
    *results = made.release();
    return {};
  });
}

size_t moe_results_size(const moe_results *results) {
  return results ? results->tensors.size() : 0;
}

void moe_results_get(const moe_results *results, size_t index,
                     moe_named_tensor *tensor) {
  if (!tensor)
    return;
  *tensor = {};
  if (!results || index >= results->tensors.size())
    return;
  const core::NamedTensor &named = results->tensors[index];
  tensor->name = named.name.c_str();
  tensor->tensor.data = const_cast<void *>(named.tensor.data());
  tensor->tensor.device = {1, 0};
  tensor->tensor.ndim = static_cast<int32_t>(named.tensor.shape().size());
  tensor->tensor.dtype = toDlpack(named.tensor.dtype());
  tensor->tensor.shape = const_cast<int64_t *>(named.tensor.shape().data());
}

void moe_results_release(moe_results *results) { delete results; }

moe_error *moe_check_phases(const moe_source *source,
                            const moe_compile_options *options,
                            const moe_weights *weights,
                            const moe_named_tensor *inputs, size_t numInputs,
                            double tolerance, moe_text **report) {
  return guarded([&]() -> Status {
    if (!report)
      return wrongUse("moe_check_phases: report is null");
    *report = nullptr;
    Result<Question> question =
        ask(source, weights, inputs, numInputs, "--check-phases");
    if (!question)
      return question.takeError();
    Result<CompileRequest> how = toRequest(options);
    if (!how)
      return how.takeError();
    if (how->cuda)
      if (auto device = openDevice(*how); !device)
        return device.takeError();
    Result<core::CompilerPlugin> plugin = core::CompilerPlugin::load();
    if (!plugin)
      return plugin.takeError();
    Result<std::string> text =
        plugin->checkPhases(question->source, how->options, question->weights,
                            question->inputs, tolerance);
    return text ? give(*std::move(text), report) : Status(text.takeError());
  });
}
