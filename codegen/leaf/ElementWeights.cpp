//===- ElementWeights.cpp - One element of a quantized weight -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/ElementReader.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

/// Numbers as a table of the image.
Value ElementReader::lookup(ArrayRef<double> numbers, Value index) {
  Type f32 = l.b.getF32Type();
  SmallVector<float> table;
  for (double number : numbers)
    table.push_back(static_cast<float>(number));
  Value data = frame.constantData(DenseElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(table.size())}, f32),
      ArrayRef<float>(table)));
  return l.loadElement(f32, data, index);
}

/// The code of element `index` of a word, counted along the packed side.
Value ElementReader::codeInWord(const semantics::QuantRow &format, Value word,
                                Value index) {
  Value code = arith::ExtUIOp::create(l.b, l.loc, l.b.getI64Type(), word);
  const int64_t perWord = format.codesPerWord, bits = format.codeBits();
  if (perWord == 1)
    return code;
  Value slot = l.rem(index, perWord);
  if (format.evenFirst)
    slot = l.add(l.div(slot, 2), l.mul(l.rem(slot, 2), perWord / 2));
  code = arith::ShRUIOp::create(l.b, l.loc, code, l.mul(slot, bits));
  return arith::AndIOp::create(l.b, l.loc, code, l.i64((1 << bits) - 1));
}

/// An element of a decoded weight, rounded once.
Value ElementReader::dequantize(DequantizeOp op, ArrayRef<Value> indices) {
  const semantics::QuantRow &format =
      semantics::lookup(op.getFormat().getValue());
  auto [blockRows, blockCols] = op.getBlockShape();
  Value row = indices[indices.size() - 2], column = indices.back();
  const Values outer(indices.drop_back(2));
  auto at = [&](Value y, Value x) {
    Values all = outer;
    all.append({y, x});
    return all;
  };
  Type f32 = l.b.getF32Type(), f64 = l.b.getF64Type();

  // A column group that does not exist makes the weight NaN.
  Value scaleRow = l.div(row, blockRows), scaleCol, exists;
  if (Value groups = op.getColumnGroups()) {
    Values place = outer;
    place.push_back(column);
    Value group = l.toI64(read(groups, place));
    Value last = l.i64(
        cast<RankedTensorType>(op.getScales().getType()).getShape().back() - 1);
    scaleCol = l.max(l.i64(0), l.min(group, last));
    exists = l.equal(group, scaleCol);
  } else {
    scaleCol = l.div(column, blockCols);
  }

  const int64_t perWord = format.codesPerWord;
  const bool alongRows = format.along == semantics::PackedAlong::Rows;
  Values codeAt = alongRows ? at(l.div(row, perWord), column)
                            : at(row, l.div(column, perWord));
  if (format.nested) {
    codeAt = at(row, l.div(column, blockCols));
    codeAt.push_back(l.div(l.rem(column, blockCols), perWord));
  }
  Value code =
      codeInWord(format, read(op.getCodes(), codeAt), alongRows ? row : column);
  Value number = lookup(semantics::codeValues(format.code), code);
  Value zero;
  if (op.getZeros())
    zero = lookup(
        semantics::codeValues(format.code),
        codeInWord(format,
                   read(op.getZeros(), at(l.div(scaleRow, perWord), scaleCol)),
                   scaleRow));
  // Differences of codes are exact.
  if (zero)
    number = arith::SubFOp::create(l.b, l.loc, number, zero);
  if (format.zeroOffset != 0)
    number = arith::SubFOp::create(
        l.b, l.loc, number,
        l.constant(f32, static_cast<double>(format.zeroOffset)));

  Value scale = read(op.getScales(), at(scaleRow, scaleCol));
  auto byte = [&] {
    return arith::ExtUIOp::create(l.b, l.loc, l.b.getI64Type(), scale);
  };
  switch (format.scale) {
  case semantics::ScaleKind::Float:
    break;
  case semantics::ScaleKind::E8M0: {
    SmallVector<double> powers;
    for (unsigned exponent = 0; exponent < 256; ++exponent)
      powers.push_back(semantics::e8m0Value(exponent));
    scale = lookup(powers, byte());
    break;
  }
  case semantics::ScaleKind::E4M3FN:
    scale = lookup(semantics::codeValues(semantics::CodeKind::E4M3FN), byte());
    break;
  }
  // A product in f32 is rounded already; one in f64 is exact. A second scale
  // would round it again.
  Type result = getElementTypeOrSelf(op.getType());
  Value ofMatrix;
  if (Value scales = op.getMatrixScales())
    ofMatrix = read(scales, at(l.i64(0), l.i64(0)));
  Type product = !ofMatrix && (result.isF32() ||
                               format.scale == semantics::ScaleKind::E8M0)
                     ? f32
                     : f64;
  Value exact = arith::MulFOp::create(l.b, l.loc, l.toFloat(number, product),
                                      l.toFloat(scale, product));
  if (ofMatrix) {
    ofMatrix = l.toFloat(ofMatrix, f64);
    if (format.matrixScale == semantics::MatrixScale::Factor)
      exact = arith::MulFOp::create(l.b, l.loc, exact, ofMatrix);
    else
      exact = arith::DivFOp::create(l.b, l.loc, exact, ofMatrix);
  }
  Value rounded = l.toFloat(exact, result);
  return exists ? l.select(exists, rounded,
                           l.constant(result,
                                      std::numeric_limits<double>::quiet_NaN()))
                : rounded;
}
