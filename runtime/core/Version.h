//===- Version.h - Which moec this is ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_VERSION_H
#define MOE_RUNTIME_CORE_VERSION_H

#include <string>
#include <string_view>

namespace moe::core {

/// "0.1.0".
std::string_view version();
/// A hash of the sources that decide what is compiled and how it runs: part of
/// every cache key, and equal in libmoe and its compiler plugin.
std::string_view buildId();
/// What --version prints: the tool, version, build and this host's features,
/// a line each.
std::string versionText(std::string_view tool);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_VERSION_H
