//===- Compile.cpp - From a source to a program -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads what the caller asks for and what the environment fills in; the work is
// core's.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Handles.h"
#include "moe/runtime/api/Info.h"
#include "moe/runtime/api/Requests.h"
#include "moe/runtime/core/Cache.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Variant.h"

#include <chrono>

using namespace moe;
using namespace moe::api;
using core::Result;
using core::Source;
using core::Status;

Result<Source> api::toSource(const moe_source *source) {
  if (!source)
    return wrongUse("the source is null");
  Result<moe_source> given = take(source, "moe_source");
  if (!given)
    return given.takeError();
  if (!given->data)
    return wrongUse("moe_source.data is null");
  Source result;
  switch (given->kind) {
  case MOE_FROM_PATH: {
    Result<Source> found = core::sourceFromPath(given->data);
    if (!found)
      return found.takeError();
    result = *std::move(found);
    break;
  }
  case MOE_FROM_TEXT:
    result.content = given->data;
    result.name = "text";
    break;
  case MOE_FROM_CHECKPOINT:
    result.kind = Source::Kind::Checkpoint;
    result.content = result.name = given->data;
    break;
  case MOE_FROM_SPEC:
    result.kind = Source::Kind::Spec;
    result.content = given->data;
    result.name = "layer";
    break;
  case MOE_FROM_PACKAGE:
    result.kind = Source::Kind::Package;
    result.content.assign(given->data, given->data_size);
    result.name = "package";
    break;
  default:
    return wrongUse("moe_source.kind is " + std::to_string(given->kind));
  }
  if (given->name)
    result.name = given->name;
  if (given->has_layer)
    result.layer = given->layer;
  if (given->dtype)
    result.dtype = given->dtype;
  if (given->function)
    result.function = given->function;
  result.overrideIds = given->override_ids;
  return result;
}

Result<CompileRequest> api::toRequest(const moe_compile_options *options) {
  Result<moe_compile_options> given = take(options, "moe_compile_options");
  if (!given)
    return given.takeError();
  CompileRequest request;
  core::CompileOptions &result = request.options;
  auto orVariable = [](const char *text, core::Variable variable,
                       std::string &field) -> Status {
    if (text) {
      field = text;
      return {};
    }
    Result<std::optional<std::string>> value = core::environment(variable);
    if (!value)
      return value.takeError();
    field = value->value_or("");
    return {};
  };
  if (given->targets)
    result.targets = given->targets;
  Status status = orVariable(given->isa, core::Variable::Isa, result.isa);
  if (status)
    status =
        orVariable(given->dump_dir, core::Variable::DumpDir, result.dumpDir);
  if (!status)
    return status.takeError();
  result.deterministic = !given->free_order;
  if (given->fast)
    result.fast = given->fast;
  result.stripIr = given->strip_ir;
  if (given->from_phase)
    result.fromPhase = given->from_phase;
  if (given->to_phase)
    result.toPhase = given->to_phase;
  if (given->timing)
    result.timing = [timing = given->timing, context = given->context](
                        const char *phase, double milliseconds) {
      timing(context, phase, milliseconds);
    };
  request.useCache = !given->no_cache;
  request.perfMap = given->perf_map;
  if (given->executor != MOE_EXECUTOR_CPU &&
      given->executor != MOE_EXECUTOR_CUDA)
    return wrongUse("moe_compile_options.executor is " +
                    std::to_string(given->executor));
  request.cuda = given->executor == MOE_EXECUTOR_CUDA;
  request.device =
      static_cast<int>(std::min<uint32_t>(given->device, INT32_MAX));
  if (given->cuda_driver)
    request.driver = given->cuda_driver;
  return request;
}

Result<std::shared_ptr<const cuda::Device>>
api::openDevice(CompileRequest &request) {
  Result<std::shared_ptr<const cuda::Driver>> driver =
      cuda::Driver::load(request.driver);
  if (!driver)
    return driver.takeError();
  Result<std::shared_ptr<const cuda::Device>> device =
      cuda::Device::open(*std::move(driver), request.device);
  if (!device || request.options.targets != "host")
    return device;
  Result<std::string> target = cuda::targetOf(**device);
  if (!target)
    return target.takeError();
  request.options.targets = *std::move(target);
  return device;
}

namespace {

Result<std::shared_ptr<const core::Package>> compile(const Source &what,
                                                     CompileRequest &how) {
  return core::compile(what, how.options,
                       how.useCache ? core::Cache::fromEnvironment()
                                    : core::Cache("", false));
}

/// Tells the caller how long it took to load code.
class LoadTimer {
public:
  explicit LoadTimer(const CompileRequest &how) : how(how) {}
  void stop() const {
    if (how.options.timing)
      how.options.timing("load-code",
                         std::chrono::duration<double, std::milli>(
                             std::chrono::steady_clock::now() - begin)
                             .count());
  }

private:
  const CompileRequest &how;
  const std::chrono::steady_clock::time_point begin =
      std::chrono::steady_clock::now();
};

Result<moe_program> compileForCpu(const Source &what, CompileRequest &how) {
  Result<std::shared_ptr<const core::Package>> package = compile(what, how);
  if (!package)
    return package.takeError();
  const LoadTimer timer(how);
  Result<size_t> variant = core::chooseVariant(**package, how.options.isa);
  if (!variant)
    return variant.takeError();
  Result<std::shared_ptr<const core::KernelCode>> code =
      core::loadKernels(**package, *variant, how.perfMap);
  if (!code)
    return code.takeError();
  Result<std::shared_ptr<const core::Program>> program = core::Program::create(
      *package, *variant, what.function, *std::move(code));
  if (!program)
    return program.takeError();
  timer.stop();
  return moe_program{*std::move(program), nullptr};
}

Result<moe_program> compileForGpu(const Source &what, CompileRequest &how) {
  // A single name picks that variant of a package.
  const std::string wanted =
      cuda::parseArch(how.options.targets) ? how.options.targets : "";
  // A GPU that is not there is told before anything is compiled for it.
  Result<std::shared_ptr<const cuda::Device>> device = openDevice(how);
  if (!device)
    return device.takeError();
  Result<std::shared_ptr<const core::Package>> package = compile(what, how);
  if (!package)
    return package.takeError();
  const LoadTimer timer(how);
  Result<std::shared_ptr<const cuda::Module>> module =
      cuda::Module::load(*package, *std::move(device), wanted);
  if (!module)
    return module.takeError();
  Result<std::shared_ptr<const core::Program>> program = core::Program::create(
      *package, (*module)->variantIndex(), what.function, nullptr);
  if (!program)
    return program.takeError();
  timer.stop();
  return moe_program{*std::move(program), *std::move(module)};
}

} // namespace

moe_error *moe_compile(const moe_source *source,
                       const moe_compile_options *options,
                       moe_program **program) {
  return guarded([&]() -> Status {
    if (!program)
      return wrongUse("moe_compile: program is null");
    *program = nullptr;
    Result<Source> what = toSource(source);
    if (!what)
      return what.takeError();
    Result<CompileRequest> how = toRequest(options);
    if (!how)
      return how.takeError();
    Result<moe_program> made =
        how->cuda ? compileForGpu(*what, *how) : compileForCpu(*what, *how);
    if (!made)
      return made.takeError();
    *program = new moe_program(*std::move(made));
    return {};
  });
}

void moe_program_release(moe_program *program) { delete program; }

moe_error *moe_program_info(const moe_program *program, moe_text **json) {
  return guarded([&]() -> Status {
    if (!program || !json)
      return wrongUse("moe_program_info: null");
    *json = nullptr;
    return give(programInfo(*program), json);
  });
}

void moe_program_package(const moe_program *program, const char **data,
                         size_t *size) {
  const std::string_view bytes =
      program ? program->program->package().bytes() : std::string_view();
  if (data)
    *data = bytes.data();
  if (size)
    *size = bytes.size();
}

moe_error *moe_import(const moe_source *source, moe_text **ir) {
  return guarded([&]() -> Status {
    if (!ir)
      return wrongUse("moe_import: ir is null");
    *ir = nullptr;
    Result<Source> what = toSource(source);
    if (!what)
      return what.takeError();
    if (what->kind == Source::Kind::Package) {
      Result<Source> text = core::sourceOfIr(*what, "this");
      return text ? give(text->content, ir) : Status(text.takeError());
    }
    Result<core::CompilerPlugin> plugin = core::CompilerPlugin::load();
    if (!plugin)
      return plugin.takeError();
    Result<std::string> text = plugin->import(*what);
    return text ? give(*std::move(text), ir) : Status(text.takeError());
  });
}

moe_error *moe_signature(const moe_source *source, moe_text **json) {
  return guarded([&]() -> Status {
    if (!json)
      return wrongUse("moe_signature: json is null");
    *json = nullptr;
    Result<Source> what = toSource(source);
    if (what)
      what = core::sourceOfIr(*what, "the signature");
    if (!what)
      return what.takeError();
    Result<core::CompilerPlugin> plugin = core::CompilerPlugin::load();
    if (!plugin)
      return plugin.takeError();
    Result<std::string> text = plugin->signature(*what);
    return text ? give(*std::move(text), json) : Status(text.takeError());
  });
}

moe_error *moe_explain(const moe_source *source,
                       const moe_compile_options *options, uint32_t asJson,
                       moe_text **text) {
  return guarded([&]() -> Status {
    if (!text)
      return wrongUse("moe_explain: text is null");
    *text = nullptr;
    Result<Source> what = toSource(source);
    if (!what)
      return what.takeError();
    if (what->kind == Source::Kind::Package && asJson) {
      // A package carries its decisions, stripped or not.
      Result<std::shared_ptr<const core::Package>> package =
          core::Package::fromBytes(what->content, what->name);
      if (!package)
        return package.takeError();
      if (const flatbuffers::String *decisions = (*package)->root().decisions())
        return give(decisions->str(), text);
    }
    what = core::sourceOfIr(*what, "--explain");
    if (!what)
      return what.takeError();
    Result<CompileRequest> how = toRequest(options);
    if (!how)
      return how.takeError();
    if (how->cuda)
      if (auto device = openDevice(*how); !device)
        return device.takeError();
    Result<core::CompilerPlugin> plugin = core::CompilerPlugin::load();
    if (!plugin)
      return plugin.takeError();
    Result<std::string> made = plugin->explain(*what, how->options, asJson);
    return made ? give(*std::move(made), text) : Status(made.takeError());
  });
}
