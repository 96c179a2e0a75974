//===- CompilerPlugin.cpp - The compiler, if it is here ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finding and checking the library; then each call turns our values into the C
// structs of codegen/abi/plugin.h and back, and frees what the plugin lent.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CompilerPlugin.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/OsLibrary.h"
#include "moe/runtime/core/Version.h"

using namespace moe::core;

namespace {

constexpr const char *fileName = "libmoe_compiler.so";

/// Where to look if MOE_COMPILER does not say.
std::vector<std::string> usualPlaces() {
  std::vector<std::string> places;
  std::string beside = os::folderOfThisLibrary();
  if (!beside.empty())
    places.push_back(beside + "/" + fileName);
  std::string program = os::folderOfProgram();
  if (!program.empty())
    places.push_back(program + "/../lib/" + fileName);
  return places;
}

Error absent(const std::string &reason) {
  return {ErrorId::CompilerAbsent,
          "this needs the compiler, " + reason +
              "; set MOE_COMPILER to the path of " + fileName +
              ", or build and install moec with its compiler (packages run "
              "without it)"};
}

const char *orNull(const std::string &text) {
  return text.empty() ? nullptr : text.c_str();
}

moe_plugin_source lend(const Source &source) {
  moe_plugin_source lent{};
  lent.kind = source.kind == Source::Kind::Checkpoint ? MOE_SOURCE_CHECKPOINT
              : source.kind == Source::Kind::Spec     ? MOE_SOURCE_SPEC
                                                      : MOE_SOURCE_TEXT;
  lent.text = source.content.c_str();
  lent.name = source.name.c_str();
  lent.layer = source.layer.value_or(-1);
  lent.dtype = orNull(source.dtype);
  lent.function = orNull(source.function);
  lent.override_ids = source.overrideIds;
  return lent;
}

moe_plugin_options lend(const CompileOptions &options) {
  moe_plugin_options lent{};
  lent.targets = options.targets.c_str();
  lent.isa = orNull(options.isa);
  lent.emit = options.emit.c_str();
  lent.from_phase = orNull(options.fromPhase);
  lent.to_phase = orNull(options.toPhase);
  lent.dump_dir = orNull(options.dumpDir);
  lent.strip_ir = options.stripIr;
  lent.deterministic = options.deterministic;
  lent.fast = orNull(options.fast);
  return lent;
}

std::vector<moe_plugin_tensor> lend(std::span<const NamedWeight> tensors) {
  std::vector<moe_plugin_tensor> lent;
  for (const NamedWeight &named : tensors)
    lent.push_back({named.name.c_str(),
                    static_cast<uint32_t>(named.tensor.dtype),
                    static_cast<uint32_t>(named.tensor.shape.size()),
                    named.tensor.shape.data(), named.tensor.data});
  return lent;
}

/// The weights as the plugin sees them, with the array that they point to.
struct LentWeights {
  explicit LentWeights(const WeightsSpec &weights)
      : tensors(lend(weights.tensors)) {
    switch (weights.kind) {
    case WeightsSpec::Kind::Folder:
      value.folder = weights.folder.c_str();
      break;
    case WeightsSpec::Kind::Random:
      value.seed = weights.seed;
      break;
    case WeightsSpec::Kind::Tensors:
      value.num_tensors = tensors.size();
      tensors.emplace_back(); // none of them are not random ones: not null
      value.tensors = tensors.data();
    }
  }
  std::vector<moe_plugin_tensor> tensors;
  moe_plugin_weights value{};
};

/// One call: `body(blob, error)` returns the error's id.
template <typename Body>
Result<std::string> call(const moe_plugin_api &api, Body body) {
  moe_plugin_blob blob{};
  moe_plugin_error lent{};
  const uint32_t id = body(&blob, &lent);
  if (id != 0) {
    Error error(static_cast<ErrorId>(id), lent.message ? lent.message : "");
    error.details = lent.details ? lent.details : "";
    api.release_error(&lent);
    return error;
  }
  std::string bytes(static_cast<const char *>(blob.data), blob.size);
  api.release_blob(&blob);
  return bytes;
}

} // namespace

Result<CompilerPlugin> CompilerPlugin::load() {
  Result<std::optional<std::string>> given = environment(Variable::Compiler);
  if (!given)
    return given.takeError();
  if (*given)
    return load(**given);
  std::string tried;
  for (const std::string &path : usualPlaces()) {
    if (os::fileInfo(path))
      return load(path);
    tried += (tried.empty() ? "" : " nor ") + quote(path);
  }
  return absent("which is neither " + tried);
}

Result<CompilerPlugin> CompilerPlugin::load(const std::string &path) {
  Result<os::Library> library = os::Library::open(path);
  if (!library)
    return absent("but " + library.error().message);
  auto entry =
      reinterpret_cast<moe_plugin_entry>(library->symbol(MOE_PLUGIN_ENTRY));
  if (!entry)
    return absent("but " + quote(path) + " is another library: it has no " +
                  MOE_PLUGIN_ENTRY);
  const moe_plugin_api *api = entry();
  // Fields are only appended: the first two are where they always were.
  if (api->version != MOE_PLUGIN_VERSION || api->build_id != buildId())
    return Error(ErrorId::CompilerVersion,
                 quote(path) + " is build " + api->build_id +
                     " with interface " + std::to_string(api->version) +
                     ", this is build " + std::string(buildId()) +
                     " with interface " + std::to_string(MOE_PLUGIN_VERSION) +
                     "; install both libraries of one build");
  return CompilerPlugin(api);
}

Result<std::string>
CompilerPlugin::compile(const Source &source,
                        const CompileOptions &options) const {
  const moe_plugin_source lentSource = lend(source);
  const moe_plugin_options lentOptions = lend(options);
  moe_plugin_timing timing = nullptr;
  if (options.timing)
    timing = [](void *context, const char *phase, double milliseconds) {
      static_cast<const CompileOptions *>(context)->timing(phase, milliseconds);
    };
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->compile(&lentSource, &lentOptions, timing,
                        const_cast<CompileOptions *>(&options), blob, error);
  });
}

Result<std::string>
CompilerPlugin::interpret(const Source &source, const WeightsSpec &weights,
                          std::span<const NamedWeight> inputs,
                          bool exact) const {
  const moe_plugin_source lentSource = lend(source);
  const LentWeights lentWeights(weights);
  const std::vector<moe_plugin_tensor> lentInputs = lend(inputs);
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->interpret(&lentSource, &lentWeights.value, lentInputs.data(),
                          lentInputs.size(), exact, blob, error);
  });
}

Result<std::string>
CompilerPlugin::checkPhases(const Source &source, const CompileOptions &options,
                            const WeightsSpec &weights,
                            std::span<const NamedWeight> inputs,
                            double tolerance) const {
  const moe_plugin_source lentSource = lend(source);
  const moe_plugin_options lentOptions = lend(options);
  const LentWeights lentWeights(weights);
  const std::vector<moe_plugin_tensor> lentInputs = lend(inputs);
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->check_phases(&lentSource, &lentOptions, &lentWeights.value,
                             lentInputs.data(), lentInputs.size(), tolerance,
                             blob, error);
  });
}

Result<std::string> CompilerPlugin::import(const Source &source) const {
  const moe_plugin_source lent = lend(source);
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->import(&lent, blob, error);
  });
}

Result<std::string> CompilerPlugin::signature(const Source &source) const {
  const moe_plugin_source lent = lend(source);
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->signature(&lent, blob, error);
  });
}

Result<std::string> CompilerPlugin::explain(const Source &source,
                                            const CompileOptions &options,
                                            bool json) const {
  const moe_plugin_source lentSource = lend(source);
  const moe_plugin_options lentOptions = lend(options);
  return call(*api, [&](moe_plugin_blob *blob, moe_plugin_error *error) {
    return api->explain(&lentSource, &lentOptions, json, blob, error);
  });
}
