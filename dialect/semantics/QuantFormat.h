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

/// Of every format: a weight is (code - zero) * scale, in real arithmetic,
/// times or by the scale of its matrix where the format has one. Codes are
/// stored in words; `block` is the part of a matrix that one scale and zero
/// belong to.
enum class QuantFormat : uint32_t {
  /// Codes f8e4m3fn [N, K]; one multiplier for each block of rows x columns,
  /// counted from the origin, the last block of either side may be cut
  /// (DeepSeek-V3 `weight_scale_inv`). A block of 1 x K is one scale a channel,
  /// of N x K one a matrix.
  Fp8Block = 0,
  /// Codes e2m1, 2 a byte, low nibble first: u8 [N, K/32, 16]; scales e8m0
  /// u8 [N, K/32], one for each 32 columns (OCP MX v1.0; gpt-oss).
  Mxfp4 = 1,
  /// Codes u4, 8 columns a word: i32 [N, K/8]; zeros [N/8, K/g], 8 rows a word,
  /// stored less 1, the sum of 16 being no carry; the group of a column is
  /// given where columns were reordered (`g_idx`).
  GptqInt4 = 2,
  /// The same with zeros as they are (`checkpoint_format: gptq_v2`).
  GptqV2Int4 = 3,
  /// Codes u4, 8 rows a word: i32 [N/8, K], rows 0 2 4 6 1 3 5 7 from the low
  /// nibble on; zeros [N/8, K/g] likewise (AutoAWQ, version gemm).
  AwqInt4 = 4,
  /// Codes u4, 8 columns a word: i32 [N, K/8]; the zero is 8
  /// (compressed-tensors, pack-quantized, symmetric).
  PackedInt4 = 5,
  /// The same with zeros [N/8, K/g], 8 rows a word.
  PackedInt4Zeros = 6,
  /// Codes i8 [N, K] (compressed-tensors, int-quantized).
  Int8 = 7,
  /// Codes e2m1, 2 a byte, low nibble first: u8 [N, K/2]; scales f8e4m3fn
  /// [N, K/16], times the matrix's own (modelopt `weight_scale_2`).
  Nvfp4 = 8,
  /// The same, by the matrix's own (compressed-tensors `weight_global_scale`).
  Nvfp4Divisor = 9,
  /// As Fp8Block, with scales e8m0 u8 (DeepSeek's ue8m0).
  Fp8BlockE8M0 = 10,
  /// As Mxfp4, with the words of a row in one dimension: u8 [N, K/2]
  /// (DeepSeek-V4's experts).
  Mxfp4Rows = 11,
};

enum class CodeKind : uint32_t { E4M3FN = 0, E2M1 = 1, UInt4 = 2, Int8 = 3 };
enum class ScaleKind : uint32_t {
  Float = 0,  ///< the scale tensor's own float value
  E8M0 = 1,   ///< 2^(byte - 127); byte 255 is NaN and refused at bind
  E4M3FN = 2, ///< f8e4m3fn
};
/// A second scale, of a whole matrix.
enum class MatrixScale : uint32_t { None = 0, Factor = 1, Divisor = 2 };
/// Whether a word holds neighbours of a row or of a column.
enum class PackedAlong : uint32_t { Columns = 0, Rows = 1 };

struct QuantRow {
  QuantFormat id;
  std::string_view name; ///< as in the IR: "fp8_block"
  CodeKind code;
  ScaleKind scale;
  unsigned wordBits, codesPerWord;
  /// Elements of one scale along rows (N) and columns (K); 0: given by the
  /// op's `block` attribute.
  int64_t blockRows;
  int64_t blockCols;
  /// The words of a block are a dimension of their own.
  bool nested = false;
  PackedAlong along = PackedAlong::Columns;
  /// Even elements of a word first, then the odd ones.
  bool evenFirst = false;
  /// Zeros are stored, one a scale, in words along rows.
  bool zeros = false;
  /// What is added to a stored zero; where none is stored, the zero.
  int64_t zeroOffset = 0;
  /// The group of each column may be given.
  bool columnGroups = false;
  MatrixScale matrixScale = MatrixScale::None;
  std::string_view source = {};

  unsigned codeBits() const { return wordBits / codesPerWord; }
};
std::span<const QuantRow> quantFormats();
const QuantRow &lookup(QuantFormat id);
std::optional<QuantFormat> quantFormatFromName(std::string_view name);

/// The real value of every code of a kind, in code order; 256 entries for
/// E4M3FN (0x7f and 0xff are NaN) and Int8, 16 for E2M1 and UInt4.
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

/// Where the code of (row, col) lies: index of the word, in row-major order,
/// and which code in it. Words along rows or columns start at the origin; the
/// last one of each may be used in part.
struct CodePosition {
  int64_t word;
  unsigned slot;
};
CodePosition codePosition(const QuantRow &format, const QuantShape &shape,
                          int64_t row, int64_t col);
/// Where the zero of (row, scale column) lies, in a tensor of words along rows.
CodePosition zeroPosition(const QuantRow &format, const QuantShape &shape,
                          int64_t row, int64_t scaleCol);
/// Words of the codes and of the zeros of one matrix.
int64_t codeWords(const QuantRow &format, const QuantShape &shape);
int64_t zeroWords(const QuantRow &format, const QuantShape &shape);
/// Code `slot` of a word: code 0 is in the lowest bits.
uint8_t codeInWord(const QuantRow &format, uint32_t word, unsigned slot);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_QUANTFORMAT_H
