//===- FakeCompiler.cpp - A compiler plugin for tests -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stands in for libmoe_compiler.so: whatever it is given, it compiles the
// sample package. What it was asked is counted, and text asks for errors, so
// that tests see what crosses the border in both directions.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/abi/plugin.h"
#include "moe/runtime/core/Version.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include <atomic>
#include <cstring>

namespace moe::test {
namespace {

std::atomic<unsigned> compilations{0}, lent{0};

uint32_t give(std::string bytes, moe_plugin_blob *out) {
  auto *owned = new std::string(std::move(bytes));
  ++lent;
  *out = {owned->data(), owned->size(), owned};
  return 0;
}

uint32_t fail(core::ErrorId id, std::string message, std::string details,
              moe_plugin_error *error) {
  auto *owned = new std::pair<std::string, std::string>(std::move(message),
                                                        std::move(details));
  ++lent;
  *error = {static_cast<uint32_t>(id), owned->first.c_str(),
            owned->second.c_str(), owned};
  return error->id;
}

std::string text(const char *value) { return value ? value : "-"; }

/// All fields as text.
std::string describe(const moe_plugin_source *source) {
  return std::to_string(source->kind) + " " + text(source->name) + " layer " +
         std::to_string(source->layer) + " dtype " + text(source->dtype) +
         " function " + text(source->function) + ": " + text(source->text);
}
std::string describe(const moe_plugin_options *options) {
  return text(options->targets) + " isa " + text(options->isa) + " emit " +
         text(options->emit) + " from " + text(options->from_phase) + " to " +
         text(options->to_phase) + " dump " + text(options->dump_dir) +
         " strip " + std::to_string(options->strip_ir) + " deterministic " +
         std::to_string(options->deterministic) + " fast " +
         text(options->fast);
}

uint32_t compile(const moe_plugin_source *source,
                 const moe_plugin_options *options, moe_plugin_timing timing,
                 void *context, moe_plugin_blob *out, moe_plugin_error *error) {
  ++compilations;
  if (timing)
    timing(context, "fake", 1.5);
  if (std::strstr(source->text, "wrong"))
    return fail(core::ErrorId::IrInvalid,
                text(source->name) + ":1:1: this is wrong",
                "note: see the other line", error);
  if (std::strcmp(options->emit, "package") != 0)
    return give(describe(options), out);
  abi::PackageT package = samplePackage();
  package.ir = source->text;
  return give(core::writePackage(package), out);
}

/// result0: the inputs doubled, f32 [n]; weights: how they were given.
uint32_t interpret(const moe_plugin_source *, const moe_plugin_weights *weights,
                   const moe_plugin_tensor *inputs, size_t count,
                   uint32_t exact, moe_plugin_blob *out,
                   moe_plugin_error *error) {
  if (count == 0)
    return fail(core::ErrorId::InputMissing, "no input", "", error);
  size_t elements = 1;
  for (uint32_t i = 0; i < inputs->rank; ++i)
    elements *= static_cast<size_t>(inputs->shape[i]);
  std::vector<float> result(elements);
  for (size_t i = 0; i < elements; ++i)
    result[i] = 2 * static_cast<const float *>(inputs->data)[i];
  const size_t bytes = elements * sizeof(float);
  std::string how = weights->folder    ? weights->folder
                    : weights->tensors ? weights->tensors->name
                                       : std::to_string(weights->seed);
  std::string header = "{\"__metadata__\":{\"weights\":\"" + how +
                       "\",\"exact\":\"" + std::to_string(exact) +
                       "\"},\"result0\":{\"dtype\":\"F32\",\"shape\":[" +
                       std::to_string(elements) + "],\"data_offsets\":[0," +
                       std::to_string(bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char *>(&length), sizeof(length));
  file += header;
  file.append(reinterpret_cast<const char *>(result.data()), bytes);
  return give(file, out);
}

uint32_t checkPhases(const moe_plugin_source *,
                     const moe_plugin_options *options,
                     const moe_plugin_weights *, const moe_plugin_tensor *,
                     size_t count, double rtol, moe_plugin_blob *out,
                     moe_plugin_error *error) {
  if (rtol <= 0)
    return fail(core::ErrorId::ResultMismatch, "phase plan differs", "", error);
  return give(text(options->targets) + ": " + std::to_string(count) +
                  " inputs agree\n",
              out);
}

uint32_t import(const moe_plugin_source *source, moe_plugin_blob *out,
                moe_plugin_error *) {
  return give(describe(source), out);
}

uint32_t signature(const moe_plugin_source *, moe_plugin_blob *out,
                   moe_plugin_error *) {
  return give("{}", out);
}

uint32_t explain(const moe_plugin_source *, const moe_plugin_options *options,
                 uint32_t json, moe_plugin_blob *out, moe_plugin_error *) {
  return give((json ? "json " : "text ") + describe(options), out);
}

void releaseBlob(moe_plugin_blob *blob) {
  --lent;
  delete static_cast<std::string *>(blob->owner);
}
void releaseError(moe_plugin_error *error) {
  --lent;
  delete static_cast<std::pair<std::string, std::string> *>(error->owner);
}

} // namespace
} // namespace moe::test

#ifndef FAKE_BUILD_ID
#define FAKE_BUILD_ID moe::core::buildId().data()
#endif

extern "C" __attribute__((visibility("default")))
const moe_plugin_api *moe_compiler_plugin() {
  using namespace moe::test;
  static const moe_plugin_api api{
      MOE_PLUGIN_VERSION, FAKE_BUILD_ID, "0",       compile, interpret,
      checkPhases,        import,        signature, explain, releaseBlob,
      releaseError};
  return &api;
}

/// How often it compiled, and what it lent that was not given back.
extern "C" __attribute__((visibility("default"))) unsigned
fake_compiler_compilations() {
  return moe::test::compilations;
}
extern "C" __attribute__((visibility("default"))) unsigned
fake_compiler_lent() {
  return moe::test::lent;
}
