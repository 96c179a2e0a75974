//===- Plugin.cpp - The compiler as libmoe calls it -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The border of codegen/abi/plugin.h: C values in, C values out, and nothing
// thrown across. LLVM is built without exceptions, but what it calls may throw.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/abi/plugin.h"

#include "moe/runtime/core/Version.h"
#include "moe/runtime/jit/Compile.h"
#include "moe/runtime/jit/Reference.h"
#include "moe/runtime/jit/Source.h"
#include "moe/runtime/jit/ToolMain.h"

#include "llvm/Config/llvm-config.h"

#include <exception>
#include <memory>

using namespace moe;
using namespace moe::jit;
using core::Error;
using core::ErrorId;
using core::Result;

namespace {
struct OwnedError {
  std::string message, details;
};
} // namespace

static uint32_t fail(const Error &error, moe_plugin_error *out) {
  auto owned = std::make_unique<OwnedError>();
  owned->message = error.message;
  owned->details = error.details;
  out->id = static_cast<uint32_t>(error.id);
  out->message = owned->message.c_str();
  out->details = owned->details.c_str();
  out->owner = owned.release();
  return out->id;
}

/// Runs `body`, which gives bytes or an Error, and hands over what it gives.
template <typename Body>
static uint32_t give(moe_plugin_blob *out, moe_plugin_error *error,
                     Body &&body) {
  *out = {};
  *error = {};
  try {
    Result<std::string> made = body();
    if (!made)
      return fail(made.error(), error);
    auto owned = std::make_unique<std::string>(std::move(*made));
    out->data = owned->data();
    out->size = owned->size();
    out->owner = owned.release();
    return 0;
  } catch (const std::bad_alloc &) {
    return fail(Error(ErrorId::OutOfMemory, "out of memory in the compiler"),
                error);
  } catch (const std::exception &thrown) {
    return fail(Error(ErrorId::Internal,
                      std::string("the compiler failed: ") + thrown.what()),
                error);
  }
}

static uint32_t pluginCompile(const moe_plugin_source *source,
                              const moe_plugin_options *options,
                              moe_plugin_timing timing, void *context,
                              moe_plugin_blob *out, moe_plugin_error *error) {
  return give(out, error, [&] {
    Timing report;
    if (timing)
      report = [=](std::string_view phase, double ms) {
        timing(context, std::string(phase).c_str(), ms);
      };
    return compile(*source, *options, report);
  });
}

static uint32_t pluginInterpret(const moe_plugin_source *source,
                                const moe_plugin_weights *weights,
                                const moe_plugin_tensor *inputs, size_t count,
                                uint32_t exact, moe_plugin_blob *out,
                                moe_plugin_error *error) {
  return give(out, error, [&] {
    return interpretSource(*source, weights, {inputs, count}, exact != 0);
  });
}

static uint32_t pluginCheckPhases(const moe_plugin_source *source,
                                  const moe_plugin_options *options,
                                  const moe_plugin_weights *weights,
                                  const moe_plugin_tensor *inputs, size_t count,
                                  double rtol, moe_plugin_blob *out,
                                  moe_plugin_error *error) {
  return give(out, error, [&] {
    return checkPhases(*source, *options, weights, {inputs, count}, rtol);
  });
}

static uint32_t pluginImport(const moe_plugin_source *source,
                             moe_plugin_blob *out, moe_plugin_error *error) {
  return give(out, error, [&] { return printedSource(*source); });
}

static uint32_t pluginSignature(const moe_plugin_source *source,
                                moe_plugin_blob *out, moe_plugin_error *error) {
  return give(out, error, [&]() -> Result<std::string> {
    auto context = makeContext();
    auto module = loadSource(*context, *source);
    if (!module)
      return module.takeError();
    auto function = findFunction(**module, source->function);
    if (!function)
      return function.takeError();
    return signatureOf(*function);
  });
}

static uint32_t pluginExplain(const moe_plugin_source *source,
                              const moe_plugin_options *options, uint32_t json,
                              moe_plugin_blob *out, moe_plugin_error *error) {
  return give(out, error,
              [&] { return explain(*source, *options, json != 0); });
}

static void releaseBlob(moe_plugin_blob *blob) {
  delete static_cast<std::string *>(blob->owner);
  *blob = {};
}

static void releaseError(moe_plugin_error *error) {
  delete static_cast<OwnedError *>(error->owner);
  *error = {};
}

extern "C" MOE_COMPILER_EXPORT const moe_plugin_api *moe_compiler_plugin(void) {
  static const std::string build(core::buildId());
  static const moe_plugin_api api = {
      MOE_PLUGIN_VERSION, build.c_str(),   LLVM_VERSION_STRING,
      pluginCompile,      pluginInterpret, pluginCheckPhases,
      pluginImport,       pluginSignature, pluginExplain,
      releaseBlob,        releaseError};
  return &api;
}
