//===- CountAllocations.h - What is taken from the allocator ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C library's allocator becomes the program's own that includes this, in
// one file: what libmoe, the C++ library and the kernels take from it while
// `counting` is set is counted. Memory mapped from the system is not seen.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_LIB_COUNTALLOCATIONS_H
#define MOE_TEST_LIB_COUNTALLOCATIONS_H

#include <atomic>
#include <cstddef>

static std::atomic<bool> counting{false};
static std::atomic<int> allocations{0};
static void count() {
  if (counting.load(std::memory_order_relaxed))
    ++allocations;
}
// glibc's own, under the names that it keeps for this.
#define EXPORTED extern "C" __attribute__((visibility("default")))
EXPORTED void *__libc_malloc(size_t size);
EXPORTED void *__libc_calloc(size_t count, size_t size);
EXPORTED void *__libc_realloc(void *block, size_t size);
EXPORTED void *__libc_memalign(size_t alignment, size_t size);
EXPORTED void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
EXPORTED void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}
EXPORTED void *realloc(void *block, size_t size) {
  count();
  return __libc_realloc(block, size);
}
EXPORTED void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
EXPORTED int posix_memalign(void **block, size_t alignment, size_t size) {
  count();
  *block = __libc_memalign(alignment, size);
  return *block ? 0 : 12;
}
#undef EXPORTED

#endif // MOE_TEST_LIB_COUNTALLOCATIONS_H
