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

#include <array>
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

/// The value of element (row, col) of one matrix in real arithmetic.
/// `codes` and `scales` are the raw bytes of that matrix in the layout of the
/// format; `scaleAt` reads scale i as a double (ignored for E8M0).
struct QuantShape {
  int64_t rows = 0, cols = 0;
  int64_t blockRows = 0, blockCols = 0;
  /// Scales along each side: the last block may be cut.
  int64_t scaleRows() const { return (rows + blockRows - 1) / blockRows; }
  int64_t scaleCols() const { return (cols + blockCols - 1) / blockCols; }
};
/// Index of the byte that holds (row, col), and which code in it.
struct CodePosition {
  int64_t byte;
  unsigned sub;
};
CodePosition codePosition(const QuantRow &format, const QuantShape &shape,
                          int64_t row, int64_t col);
int64_t scaleIndex(const QuantRow &format, const QuantShape &shape, int64_t row,
                   int64_t col);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_QUANTFORMAT_H
