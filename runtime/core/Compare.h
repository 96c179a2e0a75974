//===- Compare.h - Results against expectations -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// When two runs of a layer agree. One rule for the tests, for `--expect` and
// for `--check`:
//
//  - topk_ids are compared per row as sets: the order of slots is unspecified.
//    They must be equal.
//  - topk_weights are matched by id.
//  - Other integers must be equal, other floats are compared by relative
//    Frobenius error |y - y*| / |y*| (absolute where y* is 0).
//  - An expected X_f64 is compared in place of X, and X_before_capacity is not
//    a result. Every other expected tensor must be there, in the same shape.
//  - A NaN agrees with nothing.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_COMPARE_H
#define MOE_RUNTIME_CORE_COMPARE_H

#include "moe/runtime/core/Safetensors.h"

#include <span>
#include <string>
#include <vector>

namespace moe::core {

/// How one tensor compares.
struct TensorReport {
  std::string name;
  /// Relative error of floats; 0 of integers that agree.
  double error = 0;
  /// Why no error can agree with any tolerance: "is missing", "has shape [7,
  /// 8], expected [7, 4]", "row 3 has ids [1, 2], expected [1, 5] (2 rows
  /// differ)".
  std::string problem;

  bool agrees(double tolerance) const {
    return problem.empty() && error <= tolerance;
  }
};

/// One report an expected tensor, in their order.
std::vector<TensorReport> compareTensors(std::span<const NamedView> results,
                                         std::span<const NamedView> expected);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_COMPARE_H
