//===- Models.h - The layers that moe-bench knows ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes and routers of released models, as rows. A row says what is computed;
// how it is compiled is the compiler's business.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_BENCH_MODELS_H
#define MOE_TOOLS_MOE_BENCH_MODELS_H

#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace moe::tools {

struct Model {
  std::string_view name;
  int64_t hiddenSize, intermediateSize, numExperts, topK;
  /// Width of the shared experts together; 0: none.
  int64_t sharedSize;
  std::string_view activation;
  /// Further members of the LayerSpec (moe_c.h): router, capacity, biases.
  std::string_view rest;

  /// Matrices of an expert: 3 for gated ones, else 2.
  int64_t matrices() const;
  /// Floating-point operations of a layer on `tokens` tokens, router included.
  double flops(int64_t tokens) const;
  /// Bytes of the weights that are read when `touched` experts have tokens.
  double bytes(double touched, int64_t elementBytes) const;
  /// The layer as JSON, with `experts` of its experts (0: all of them).
  std::string spec(std::string_view dtype, int64_t experts) const;
};

std::span<const Model> models();
/// UsageInvalid lists the names.
core::Result<const Model *> findModel(std::string_view name);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_BENCH_MODELS_H
