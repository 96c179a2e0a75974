//===- Matmul.h - The one product of matrices in double ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nearly all of an interpreter's time is spent here, so this is the one loop
// that is blocked: a layer of a few hundred tokens is checked in a second. The
// order of a sum in double is free.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_REFERENCE_MATMUL_H
#define MOE_RUNTIME_REFERENCE_MATMUL_H

#include <cstdint>

namespace moe::reference {

/// c[m, n] = sum over k of a[m, k] * b[n, k], all dense and row-major.
void multiplyTransposed(const double *a, const double *b, double *c, int64_t m,
                        int64_t n, int64_t k);

} // namespace moe::reference

#endif // MOE_RUNTIME_REFERENCE_MATMUL_H
