//===- OsMemory.cpp - Large blocks of memory --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linux. A huge page must begin at a multiple of its size, which mmap does not
// promise: we ask for one more and give back what lies outside.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/OsMemory.h"
#include "moe/runtime/core/Os.h"

#include <cstdint>

#include <sys/mman.h>

using namespace moe::core;
using namespace moe::core::os;

namespace {

constexpr size_t hugePage = size_t(2) << 20;

size_t roundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace

Result<Memory> Memory::allocate(size_t bytes, const std::string &what) {
  Memory memory;
  if (bytes == 0)
    return memory;
  auto failed = [&] {
    return Error(ErrorId::OutOfMemory,
                 what + " needs " + std::to_string(bytes) +
                     " bytes, which this system does not give");
  };
  if (bytes > SIZE_MAX / 4)
    return failed();
  const size_t length = roundUp(bytes, pageSize());
  const bool huge = length >= hugePage;
  const size_t asked = huge ? length + hugePage : length;
  void *raw = ::mmap(nullptr, asked, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED)
    return failed();
  auto *start = static_cast<std::byte *>(raw);
  if (huge) {
    const auto address = reinterpret_cast<uintptr_t>(raw);
    const size_t before = roundUp(address, hugePage) - address;
    if (before)
      ::munmap(start, before);
    if (before < hugePage)
      ::munmap(start + before + length, hugePage - before);
    start += before;
    ::madvise(start, length, MADV_HUGEPAGE);
  }
  memory.start = start;
  memory.length = bytes;
  return memory;
}

Memory::~Memory() {
  if (start)
    ::munmap(start, roundUp(length, pageSize()));
}
