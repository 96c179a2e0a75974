//===- DType.cpp - Element types of host tensors ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every conversion goes through double, which holds each element type but i64
// exactly, and rounds once. All small floats share one encoder and one decoder
// over a row of four numbers, so that bf16 and f8e4m3fn cannot differ in how
// they treat a tie or a subnormal.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DType.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

using namespace moe::core;

static_assert(std::endian::native == std::endian::little,
              "checkpoints and packages are little-endian, and so is moec");

namespace {

struct DTypeInfo {
  DType dtype;
  uint8_t bytes;
  std::string_view name;
  std::string_view safetensors;
};

// In the order of the enum: indexed by its values.
constexpr DTypeInfo infos[] = {
    {DType::F64, 8, "f64", "F64"},
    {DType::F32, 4, "f32", "F32"},
    {DType::BF16, 2, "bf16", "BF16"},
    {DType::F16, 2, "f16", "F16"},
    {DType::F8E4M3, 1, "f8E4M3FN", "F8_E4M3"},
    {DType::F8E5M2, 1, "f8E5M2", "F8_E5M2"},
    {DType::F8E8M0, 1, "f8E8M0FNU", "F8_E8M0"},
    {DType::I64, 8, "i64", "I64"},
    {DType::I32, 4, "i32", "I32"},
    {DType::I16, 2, "i16", "I16"},
    {DType::I8, 1, "i8", "I8"},
    {DType::U8, 1, "ui8", "U8"},
    {DType::Bool, 1, "i1", "BOOL"},
};

static_assert(std::size(infos) == numDTypes);

const DTypeInfo &info(DType dtype) {
  const DTypeInfo &row = infos[static_cast<size_t>(dtype)];
  assert(row.dtype == dtype && "the table follows the enum");
  return row;
}

/// A binary float of at most 16 bits: sign, exponent, mantissa.
struct SmallFloat {
  int mantissaBits;
  int bias;
  uint32_t signBit;
  uint32_t largest;  ///< code of the largest finite value
  uint32_t overflow; ///< code of what is beyond: infinity, or NaN without one
  uint32_t quietNaN;
};

constexpr SmallFloat bf16 = {7, 127, 0x8000, 0x7f7f, 0x7f80, 0x7fc0};
constexpr SmallFloat f16 = {10, 15, 0x8000, 0x7bff, 0x7c00, 0x7e00};
constexpr SmallFloat f8e4m3 = {3, 7, 0x80, 0x7e, 0x7f, 0x7f};
constexpr SmallFloat f8e5m2 = {2, 15, 0x80, 0x7b, 0x7c, 0x7e};

constexpr int doubleMantissaBits = 52;
constexpr int doubleBias = 1023;
constexpr uint64_t doubleMantissa = (uint64_t(1) << doubleMantissaBits) - 1;

/// 2^exponent, for exponents of normal doubles.
double powerOfTwo(int exponent) {
  return std::bit_cast<double>(uint64_t(exponent + doubleBias)
                               << doubleMantissaBits);
}

double decode(const SmallFloat &format, uint32_t code) {
  bool negative = code & format.signBit;
  uint32_t magnitude = code & (format.signBit - 1);
  double value;
  if (magnitude > format.largest) {
    bool infinite =
        magnitude == format.overflow && format.overflow != format.quietNaN;
    value = infinite ? std::numeric_limits<double>::infinity()
                     : std::numeric_limits<double>::quiet_NaN();
  } else {
    uint32_t field = magnitude >> format.mantissaBits;
    uint32_t mantissa = magnitude & ((1u << format.mantissaBits) - 1);
    // A subnormal has the exponent of the smallest normal and no leading one.
    uint32_t significand =
        field ? mantissa | (1u << format.mantissaBits) : mantissa;
    int exponent = static_cast<int>(field ? field : 1) - format.bias;
    value = significand * powerOfTwo(exponent - format.mantissaBits);
  }
  return negative ? -value : value;
}

uint32_t encode(const SmallFloat &format, double value) {
  if (std::isnan(value))
    return format.quietNaN;
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint32_t sign = bits >> 63 ? format.signBit : 0;
  int exponent = static_cast<int>((bits >> doubleMantissaBits) & 0x7ff);
  // Subnormal doubles are far below half of every type's smallest value.
  if (exponent == 0)
    return sign;
  if (exponent == 0x7ff)
    return sign | format.overflow;
  uint64_t significand =
      (bits & doubleMantissa) | (uint64_t(1) << doubleMantissaBits);
  exponent -= doubleBias;

  int smallest = 1 - format.bias;
  int shift = doubleMantissaBits - format.mantissaBits;
  if (exponent < smallest) {
    shift += smallest - exponent;
    exponent = smallest;
  }
  if (shift > doubleMantissaBits + 1)
    return sign;
  uint64_t kept = significand >> shift;
  uint64_t rest = significand & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  if (rest > half || (rest == half && (kept & 1)))
    ++kept;
  // `kept` holds the leading one, which counts one exponent up, as does a carry
  // out of the mantissa: both are right by plain addition.
  uint64_t code = (uint64_t(exponent - smallest) << format.mantissaBits) + kept;
  return sign |
         static_cast<uint32_t>(code > format.largest ? format.overflow : code);
}

double decodeE8M0(uint8_t code) {
  return code == 0xff ? std::numeric_limits<double>::quiet_NaN()
                      : powerOfTwo(int(code) - 127);
}

uint8_t encodeE8M0(double value) {
  constexpr uint8_t nan = 0xff;
  if (std::isnan(value) || value < 0)
    return nan;
  if (value < powerOfTwo(-127))
    return 0;
  if (std::isinf(value))
    return nan;
  uint64_t bits = std::bit_cast<uint64_t>(value);
  int code = static_cast<int>(bits >> doubleMantissaBits) - doubleBias + 127;
  // With no mantissa the kept significand is the leading one alone, which is
  // odd: to even, a tie goes up.
  if ((bits & doubleMantissa) >> (doubleMantissaBits - 1))
    ++code;
  return code > 0xfe ? nan : static_cast<uint8_t>(code);
}

template <typename T> T read(const void *data, size_t index) {
  T value;
  std::memcpy(&value, static_cast<const char *>(data) + index * sizeof(T),
              sizeof(T));
  return value;
}

template <typename T> void write(void *data, size_t index, T value) {
  std::memcpy(static_cast<char *>(data) + index * sizeof(T), &value, sizeof(T));
}

/// Towards zero; out of range the nearest end of the range, NaN zero.
template <typename T> T truncate(double value) {
  if (std::isnan(value))
    return 0;
  // As doubles the lowest value is exact, and one above the highest is too.
  constexpr double low = static_cast<double>(std::numeric_limits<T>::lowest());
  constexpr double beyond =
      2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  if (value < low)
    return std::numeric_limits<T>::lowest();
  if (value >= beyond)
    return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

/// A double that rounds to any narrower float as `value` itself would: what
/// does not fit 53 bits is kept as a lowest bit that is set (round to odd).
double stickyDouble(int64_t value) {
  uint64_t magnitude = value < 0 ? -uint64_t(value) : uint64_t(value);
  int dropped = std::bit_width(magnitude) - (doubleMantissaBits + 1);
  if (dropped <= 0)
    return static_cast<double>(value);
  uint64_t kept = magnitude >> dropped;
  if (kept << dropped != magnitude)
    kept |= 1;
  double rounded = static_cast<double>(kept) * powerOfTwo(dropped);
  return value < 0 ? -rounded : rounded;
}

} // namespace

size_t moe::core::byteSize(DType dtype) { return info(dtype).bytes; }

bool moe::core::isFloat(DType dtype) { return dtype <= DType::F8E8M0; }

std::string_view moe::core::name(DType dtype) { return info(dtype).name; }

std::optional<DType> moe::core::dtypeFromName(std::string_view name) {
  for (const DTypeInfo &row : infos)
    if (row.name == name)
      return row.dtype;
  return std::nullopt;
}

std::string_view moe::core::safetensorsName(DType dtype) {
  return info(dtype).safetensors;
}

std::optional<DType> moe::core::dtypeFromSafetensors(std::string_view name) {
  for (const DTypeInfo &row : infos)
    if (row.safetensors == name)
      return row.dtype;
  return std::nullopt;
}

double moe::core::loadAsDouble(DType dtype, const void *data, size_t index) {
  switch (dtype) {
  case DType::F64:
    return read<double>(data, index);
  case DType::F32:
    return read<float>(data, index);
  case DType::BF16:
    return std::bit_cast<float>(uint32_t(read<uint16_t>(data, index)) << 16);
  case DType::F16:
    return decode(f16, read<uint16_t>(data, index));
  case DType::F8E4M3:
    return decode(f8e4m3, read<uint8_t>(data, index));
  case DType::F8E5M2:
    return decode(f8e5m2, read<uint8_t>(data, index));
  case DType::F8E8M0:
    return decodeE8M0(read<uint8_t>(data, index));
  case DType::I64:
    return static_cast<double>(read<int64_t>(data, index));
  default:
    return static_cast<double>(loadAsInt(dtype, data, index));
  }
}

int64_t moe::core::loadAsInt(DType dtype, const void *data, size_t index) {
  switch (dtype) {
  case DType::I64:
    return read<int64_t>(data, index);
  case DType::I32:
    return read<int32_t>(data, index);
  case DType::I16:
    return read<int16_t>(data, index);
  case DType::I8:
    return read<int8_t>(data, index);
  case DType::U8:
    return read<uint8_t>(data, index);
  case DType::Bool:
    return read<uint8_t>(data, index) != 0;
  default:
    return truncate<int64_t>(loadAsDouble(dtype, data, index));
  }
}

void moe::core::storeFromDouble(DType dtype, void *data, size_t index,
                                double value) {
  switch (dtype) {
  case DType::F64:
    return write(data, index,
                 std::isnan(value) ? std::numeric_limits<double>::quiet_NaN()
                                   : value);
  case DType::F32:
    return write(data, index,
                 std::isnan(value) ? std::numeric_limits<float>::quiet_NaN()
                                   : static_cast<float>(value));
  case DType::BF16:
    return write(data, index, static_cast<uint16_t>(encode(bf16, value)));
  case DType::F16:
    return write(data, index, static_cast<uint16_t>(encode(f16, value)));
  case DType::F8E4M3:
    return write(data, index, static_cast<uint8_t>(encode(f8e4m3, value)));
  case DType::F8E5M2:
    return write(data, index, static_cast<uint8_t>(encode(f8e5m2, value)));
  case DType::F8E8M0:
    return write(data, index, encodeE8M0(value));
  case DType::I64:
    return write(data, index, truncate<int64_t>(value));
  case DType::I32:
    return write(data, index, truncate<int32_t>(value));
  case DType::I16:
    return write(data, index, truncate<int16_t>(value));
  case DType::I8:
    return write(data, index, truncate<int8_t>(value));
  case DType::U8:
    return write(data, index, truncate<uint8_t>(value));
  case DType::Bool:
    return write(data, index, static_cast<uint8_t>(value != 0));
  }
}

void moe::core::storeFromInt(DType dtype, void *data, size_t index,
                             int64_t value) {
  switch (dtype) {
  case DType::I64:
    return write(data, index, value);
  case DType::I32:
    return write(data, index, static_cast<int32_t>(value));
  case DType::I16:
    return write(data, index, static_cast<int16_t>(value));
  case DType::I8:
    return write(data, index, static_cast<int8_t>(value));
  case DType::U8:
    return write(data, index, static_cast<uint8_t>(value));
  case DType::Bool:
    return write(data, index, static_cast<uint8_t>(value != 0));
  case DType::F64:
    return write(data, index, static_cast<double>(value));
  default:
    return storeFromDouble(dtype, data, index, stickyDouble(value));
  }
}

double moe::core::roundTo(DType dtype, double value) {
  std::byte element[sizeof(double)] = {};
  storeFromDouble(dtype, element, 0, value);
  return loadAsDouble(dtype, element, 0);
}
