//===- Handles.cpp - Errors, texts and the version --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every caller uses whatever else it does.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/api/Handles.h"
#include "moe/runtime/core/Version.h"

using namespace moe;

moe_error *api::outOfMemory() noexcept {
  // Short enough for a string without memory of its own.
  static moe_error error{{core::ErrorId::OutOfMemory, "out of memory"}};
  return &error;
}

moe_error *api::unexpected(const char *what) noexcept {
  try {
    return makeError(
        {core::ErrorId::Internal,
         std::string("internal error: ") + what + "; please report this"});
  } catch (...) {
    return outOfMemory();
  }
}

moe_error *api::makeError(core::Error error) noexcept {
  auto *made = new (std::nothrow) moe_error{std::move(error)};
  return made ? made : outOfMemory();
}

core::Status api::give(std::string bytes, moe_text **text) {
  *text = new moe_text{std::move(bytes)};
  return {};
}

const char *moe_version(void) { return core::version().data(); }
const char *moe_build_id(void) { return core::buildId().data(); }

uint32_t moe_error_id(const moe_error *error) {
  return error ? static_cast<uint32_t>(error->error.id) : 0;
}
const char *moe_error_message(const moe_error *error) {
  return error ? error->error.message.c_str() : "";
}
const char *moe_error_details(const moe_error *error) {
  return error ? error->error.details.c_str() : "";
}
void moe_error_release(moe_error *error) {
  if (error != api::outOfMemory())
    delete error;
}

const char *moe_text_data(const moe_text *text) {
  return text ? text->bytes.c_str() : "";
}
size_t moe_text_size(const moe_text *text) {
  return text ? text->bytes.size() : 0;
}
void moe_text_release(moe_text *text) { delete text; }
