//===- Handles.h - Owners of the C interface's handles ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// moe-run and moe-bench use libmoe as anyone does: through moe_c.h.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_COMMON_HANDLES_H
#define MOE_TOOLS_COMMON_HANDLES_H

#include "moe/runtime/api/moe_c.h"
#include "moe/runtime/core/Error.h"

#include <memory>
#include <string>
#include <string_view>

namespace moe::tools {

template <typename T, void (*release)(T *)> struct Releaser {
  void operator()(T *handle) const { release(handle); }
};
template <typename T, void (*release)(T *)>
using Handle = std::unique_ptr<T, Releaser<T, release>>;

using Program = Handle<moe_program, moe_program_release>;
using Bound = Handle<moe_bound, moe_bound_release>;
using Workspace = Handle<moe_workspace, moe_workspace_release>;
using Text = Handle<moe_text, moe_text_release>;
using Results = Handle<moe_results, moe_results_release>;

/// An error of the interface as a Status; releases it. Null is success.
inline core::Status take(moe_error *error) {
  if (!error)
    return core::Status::ok();
  core::Error made(static_cast<core::ErrorId>(moe_error_id(error)),
                   moe_error_message(error));
  made.details = moe_error_details(error);
  moe_error_release(error);
  return made;
}

inline std::string_view view(const Text &text) {
  return {moe_text_data(text.get()), moe_text_size(text.get())};
}

} // namespace moe::tools

#endif // MOE_TOOLS_COMMON_HANDLES_H
