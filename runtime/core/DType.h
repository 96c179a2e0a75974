//===- DType.h - Element types of host tensors ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types that moec reads, computes with and writes, and their exact
// conversions. The reference, the importer's decoders and the tests all round
// through this file, so it is the definition of a rounding.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_DTYPE_H
#define MOE_RUNTIME_CORE_DTYPE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace moe::core {

/// Element types that a checkpoint, an input or a buffer can have. The values
/// are part of the package format and of the C ABI: append only.
enum class DType : uint8_t {
  F64 = 0,
  F32 = 1,
  BF16 = 2,
  F16 = 3,
  F8E4M3 = 4, ///< f8e4m3fn: no infinities, 0x7f and 0xff are NaN
  F8E5M2 = 5,
  F8E8M0 = 6, ///< a power of two, 2^(byte - 127)
  I64 = 7,
  I32 = 8,
  I16 = 9,
  I8 = 10,
  U8 = 11,
  Bool = 12,
};

/// How many there are; their values are 0 to numDTypes - 1.
inline constexpr int numDTypes = 13;

/// Bytes of one element.
size_t byteSize(DType dtype);
bool isFloat(DType dtype);
/// "f32", "bf16", "f8E4M3FN", "ui8", "i1", ...: as the IR and the command line
/// spell it.
std::string_view name(DType dtype);
std::optional<DType> dtypeFromName(std::string_view name);
/// "F32", "BF16", "F8_E4M3", ...: as a safetensors header spells it.
std::string_view safetensorsName(DType dtype);
std::optional<DType> dtypeFromSafetensors(std::string_view name);

/// Element `index` of a buffer, exactly, as a double (i64 beyond 2^53 rounds).
/// No alignment is assumed.
double loadAsDouble(DType dtype, const void *data, size_t index);
/// Element `index` as an integer. Floats truncate towards zero, to the nearest
/// end of the range where they lie outside; NaN is 0. Any bool but 0 is 1.
int64_t loadAsInt(DType dtype, const void *data, size_t index);
/// Rounds once from double to the element type, to nearest, ties to even, with
/// subnormals. Beyond the largest finite value (by half a step) f32, bf16, f16
/// and f8e5m2 give infinity; f8e4m3fn, which has none, gives NaN, as do
/// infinities: it does not saturate. f8e8m0 rounds to the nearest power of two
/// (a tie to the larger, whose significand is even), 0 to 2^-127; negative
/// values and those beyond 2^127 give NaN. NaN becomes the positive quiet NaN
/// of the type. Integers truncate towards zero and saturate, NaN is 0; bool is
/// value != 0.
void storeFromDouble(DType dtype, void *data, size_t index, double value);
/// Floats round once, as above; narrower integers keep the low bits.
void storeFromInt(DType dtype, void *data, size_t index, int64_t value);
/// `value` rounded to `dtype` and back.
double roundTo(DType dtype, double value);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_DTYPE_H
