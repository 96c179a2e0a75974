//===- QuantFormat.h - The table of quantized weight formats ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a stored weight becomes a number: code elements, how they are packed,
// which scale belongs to which element. moe.dequantize names a row; the
// reference, the packers and (later) kernels that compute on codes read it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_QUANTFORMAT_H
#define MOE_DIALECT_SEMANTICS_QUANTFORMAT_H

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace moe::semantics {

enum class QuantFormat : uint32_t {
  /// Codes f8e4m3fn [N, K]; one multiplier for each block of rows x columns,
  /// counted from the origin, the last block of either side may be cut
  /// (DeepSeek-V3 `weight_scale_inv`).
  Fp8Block = 0,
  /// Codes e2m1, 2 a byte, low nibble first: u8 [N, K/32, 16]; scales e8m0
  /// u8 [N, K/32], one for each 32 columns (OCP MX v1.0; gpt-oss).
  Mxfp4 = 1,
};

enum class CodeKind : uint32_t { E4M3FN = 0, E2M1 = 1 };
enum class ScaleKind : uint32_t {
  Float = 0, ///< the scale tensor's own float value
  E8M0 = 1,  ///< 2^(byte - 127); byte 255 is NaN and refused at bind
};

struct QuantRow {
  QuantFormat id;
  std::string_view name; ///< as in the IR: "fp8_block"
  CodeKind code;
  ScaleKind scale;
  unsigned codesPerByte;
  /// Elements of one scale along rows (N) and columns (K); 0: given by the
  /// op's `block` attribute.
  int64_t blockRows;
  int64_t blockCols;
  std::string_view source;
};
std::span<const QuantRow> quantFormats();
const QuantRow &lookup(QuantFormat id);
std::optional<QuantFormat> quantFormatFromName(std::string_view name);

/// The real value of every code of a kind, in code order; 256 entries for
/// E4M3FN (0x7f and 0xff are NaN), 16 for E2M1.
std::span<const double> codeValues(CodeKind kind);
/// 2^(byte - 127); NaN for 255.
double e8m0Value(uint8_t byte);

/// One matrix [rows, cols] and the part of it that one scale belongs to. Blocks
/// are counted from the origin; the last one of either side may be cut.
struct QuantShape {
  int64_t rows = 0, cols = 0;
  int64_t blockRows = 1, blockCols = 1;

  int64_t scaleRows() const;
  int64_t scaleCols() const;
  /// Index of the scale of (row, col), in row-major order.
  int64_t scaleIndex(int64_t row, int64_t col) const;
};

/// Where the code of (row, col) lies: index of the byte, and which code in it.
/// Codes are in row-major order; a row of packed codes is whole bytes.
struct CodePosition {
  int64_t byte;
  unsigned sub;
};
CodePosition codePosition(const QuantRow &format, const QuantShape &shape,
                          int64_t row, int64_t col);
/// Code `sub` of a byte: code 0 is in the lowest bits.
uint8_t codeInByte(const QuantRow &format, uint8_t byte, unsigned sub);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_QUANTFORMAT_H
