//===- DefaultFloats.h - Floating point as kernels expect it ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row's bits depend neither on an application's rounding mode and flushing of
// subnormals nor on the thread that computes it: wherever kernels are called,
// on our threads or on the caller's, one of these lives.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_DEFAULTFLOATS_H
#define MOE_RUNTIME_CORE_DEFAULTFLOATS_H

#include <cfenv>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace moe::core {

/// Round to nearest, subnormals kept, no traps, as long as this lives; then the
/// thread's own settings and flags again.
class DefaultFloats {
#if defined(__x86_64__)
  // Kernels use the vector unit alone; saving the other one costs more than a
  // short launch.
public:
  DefaultFloats() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~DefaultFloats() { _mm_setcsr(saved); }

private:
  unsigned saved;
#else
public:
  DefaultFloats() {
    std::fegetenv(&saved);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloats() { std::fesetenv(&saved); }

private:
  std::fenv_t saved;
#endif
public:
  DefaultFloats(const DefaultFloats &) = delete;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_DEFAULTFLOATS_H
