//===- CodeLoader.cpp - From a code image to functions ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CodeLoader.h"

#include "moe/runtime/core/Os.h"

#include <cinttypes>
#include <cstdio>
#include <utility>

using namespace moe::core;

Result<LoadedCode> LoadedCode::load(std::span<const uint8_t> bytes,
                                    std::span<const abi::CodeEntry> entries) {
  for (const abi::CodeEntry &entry : entries)
    if (entry.offset >= bytes.size() ||
        entry.size > bytes.size() - entry.offset)
      return Error(ErrorId::PackageCorrupt,
                   "code image of " + std::to_string(bytes.size()) +
                       " bytes: entry '" + entry.name + "' is said to be " +
                       std::to_string(entry.size) + " bytes at " +
                       std::to_string(entry.offset));
  LoadedCode code;
  if (bytes.empty())
    return code;
  Result<const std::byte *> base = os::mapCode(bytes);
  if (!base)
    return base.takeError();
  code.base = *base;
  code.size = bytes.size();
  for (const abi::CodeEntry &entry : entries)
    code.functions.push_back(reinterpret_cast<moe_kernel_fn>(
        reinterpret_cast<uintptr_t>(code.base + entry.offset)));
  return code;
}

LoadedCode::LoadedCode(LoadedCode &&other) noexcept
    : base(std::exchange(other.base, nullptr)),
      size(std::exchange(other.size, 0)),
      functions(std::move(other.functions)) {}

LoadedCode &LoadedCode::operator=(LoadedCode &&other) noexcept {
  std::swap(base, other.base);
  std::swap(size, other.size);
  std::swap(functions, other.functions);
  return *this;
}

LoadedCode::~LoadedCode() {
  if (base)
    os::unmapCode(base, size);
}

Status moe::core::appendPerfMap(const LoadedCode &code,
                                std::span<const abi::CodeEntry> entries) {
  std::string lines;
  for (size_t i = 0; i < entries.size(); ++i) {
    char numbers[64];
    std::snprintf(numbers, sizeof(numbers), "%" PRIxPTR " %" PRIx64 " ",
                  reinterpret_cast<uintptr_t>(code.function(i)),
                  entries[i].size);
    lines += numbers + entries[i].name + "\n";
  }
  return os::appendPerfMap(lines);
}
