//===- Info.h - What programs and bound programs say about themselves -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON as moe_c.h describes it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_API_INFO_H
#define MOE_RUNTIME_API_INFO_H

#include "moe/runtime/api/Handles.h"

#include <string>

namespace moe::api {

std::string programInfo(const moe_program &program);
std::string boundInfo(const core::Bound &bound);
/// Bytes of code of the program's variant.
uint64_t codeBytes(const core::Program &program);
/// Bytes of the program's packed weights.
uint64_t weightBytes(const core::Program &program);

} // namespace moe::api

#endif // MOE_RUNTIME_API_INFO_H
