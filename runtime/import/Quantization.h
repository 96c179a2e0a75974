//===- Quantization.h - How a checkpoint's weights are quantized -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every quantizer has its own keys and names for the same few ways to store a
// matrix. What they say is brought here to a row of the format table, the size
// of its blocks, and the names of its tensors; which of a layer's matrices are
// quantized says the checkpoint itself.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_IMPORT_QUANTIZATION_H
#define MOE_RUNTIME_IMPORT_QUANTIZATION_H

#include "moe/runtime/import/Config.h"

#include <array>

namespace moe::import {

/// What stands in the place of "weight" in a tensor's name; empty where a
/// format has no such tensor.
struct QuantNames {
  std::string_view codes = "weight", scales;
  std::string_view zeros = {}, matrixScales = {}, columnGroups = {};
  /// Matrices are stored [K, N].
  bool inputsFirst = false;
  /// What scales are called where `scales` is not stored.
  std::string_view otherScales = {};
};

struct Quantization {
  std::optional<semantics::QuantFormat> format;
  /// Rows and columns of one scale, of formats that have no size of their own;
  /// rows or columns of 0 are all of them. Both 0: as the shape of the scales
  /// says, one a row or one a matrix.
  std::array<int64_t, 2> block = {0, 0};
  /// "group_size = 32": what `block` follows from.
  std::string blockReason;
  QuantNames names;
};

/// From quantization_config, or hf_quant_config.json beside config.json.
/// Errors: QuantizationUnsupported and those of reading.
core::Result<Quantization> readQuantization(const Config &config,
                                            const std::string &folder);

} // namespace moe::import

#endif // MOE_RUNTIME_IMPORT_QUANTIZATION_H
