//===- Version.cpp - Which moec this is -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Version.h"

#include "moe/runtime/core/CpuInfo.h"

#include "moe/runtime/core/BuildId.inc"

using namespace moe;

std::string_view core::version() { return MOEC_VERSION; }

std::string_view core::buildId() { return MOEC_BUILD_ID; }

std::string core::versionText(std::string_view tool) {
  return std::string(tool) + " " + MOEC_VERSION + "\nbuild " + MOEC_BUILD_ID +
         "\nhost " + hostCpu().model + ", " + hostCpu().features.str() + "\n";
}
