//===- RandomWeights.h - Weights from a seed --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer can be run, timed and compared without its checkpoint. An element
// depends on the seed, the tensor's name and the element's index alone, so that
// any part of a tensor can be made alone, by any thread, by the executor and by
// the interpreter, on any machine, to the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_RANDOMWEIGHTS_H
#define MOE_RUNTIME_CORE_RANDOMWEIGHTS_H

#include "moe/runtime/core/DType.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace moe::core {

/// A stored tensor of random values that give a layer outputs of about the size
/// of its inputs. With `n` a nearly normal variable (the sum of four uniform
/// ones: mean 0, variance 1, at most 2*sqrt(3)):
///
///   rank >= 2 of f64, f32, bf16, f16   n / sqrt(last dimension)
///   rank <= 1 of these                 n / 50 (a bias)
///   f8e4m3, f8e5m2                     16 n: codes, whose scales follow
///   float whose name ends in "scale",  (1 + n / 8) / (16 sqrt(128 * last
///   "scales" or "scale_inv"            dimension)): scales of 128 x 128 blocks
///   f8e8m0, and u8 with such a name    the power of two nearest to 1 / (3
///                                      sqrt(32 * last dimension)), times 1/2,
///                                      1 or 2: scales of 32 4-bit codes each
///   other integers                     any bits (bool: 0 or 1)
///
/// All of it is exact in double before the one rounding to the element type.
class RandomTensor {
public:
  RandomTensor(uint64_t seed, std::string_view name, DType dtype,
               std::span<const int64_t> shape);
  /// Writes elements [begin, end) to `out`, which is aligned to an element.
  void fill(int64_t begin, int64_t end, void *out) const;

private:
  void fillNormal(int64_t begin, int64_t end, void *out) const;
  template <typename Store>
  void each(int64_t begin, int64_t end, Store store) const;

  enum class Kind : uint8_t { Normal, Positive, PowerOfTwo, Bits };
  uint64_t key;
  DType dtype;
  Kind kind;
  /// Standard deviation, or the middle of Positive.
  double scale = 1;
  /// The middle of PowerOfTwo, as an e8m0 byte.
  int exponent = 127;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_RANDOMWEIGHTS_H
