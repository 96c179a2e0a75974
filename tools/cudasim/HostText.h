//===- HostText.h - The simulator's headers, as text ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library carries what it puts in front of a kernel text.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_HOSTTEXT_H
#define MOE_TOOLS_CUDASIM_HOSTTEXT_H

#include <string_view>

namespace moe {

/// Calls.h, Cuda.h or Intrinsics.h; empty for any other name.
std::string_view getHostText(std::string_view name);

} // namespace moe

#endif // MOE_TOOLS_CUDASIM_HOSTTEXT_H
