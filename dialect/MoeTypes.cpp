//===- MoeTypes.cpp - Types of the moe dialect ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

#define GET_TYPEDEF_CLASSES
#include "moe/dialect/MoeTypes.cpp.inc"

void MoeDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "moe/dialect/MoeTypes.cpp.inc"
      >();
}

LogicalResult GroupsType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t numExperts, int64_t localFirst,
                                 int64_t localCount) {
  // Expert ids are i32 and row offsets fit beside them.
  if (numExperts < 1 || numExperts > (int64_t(1) << 20))
    return emitError() << "groups expects 1 to 1048576 experts, got experts = "
                       << numExperts;
  if (localFirst < 0 || localCount < 1 || localFirst > numExperts ||
      localCount > numExperts - localFirst)
    return emitError() << "groups expects local = [first, count) within "
                       << numExperts << " experts, got [" << localFirst << ", "
                       << localCount << "]";
  return success();
}

Type GroupsType::parse(AsmParser &parser) {
  int64_t experts, first = 0, count;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("experts") ||
      parser.parseEqual() || parser.parseInteger(experts) ||
      parser.parseComma())
    return {};
  count = experts;
  if (succeeded(parser.parseOptionalKeyword("local"))) {
    if (parser.parseEqual() || parser.parseLSquare() ||
        parser.parseInteger(first) || parser.parseComma() ||
        parser.parseInteger(count) || parser.parseRSquare() ||
        parser.parseComma())
      return {};
  }
  StringRef layout;
  SMLoc layoutLoc = parser.getCurrentLocation();
  if (parser.parseKeyword(&layout))
    return {};
  if (layout != "ragged") {
    parser.emitError(layoutLoc, "unknown layout of groups '")
        << layout << "', expected ragged";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return GroupsType::getChecked([&] { return parser.emitError(loc); },
                                parser.getContext(), experts, first, count);
}

void GroupsType::print(AsmPrinter &printer) const {
  printer << "<experts = " << getNumExperts();
  if (isLocal())
    printer << ", local = [" << getLocalFirst() << ", " << getLocalCount()
            << "]";
  printer << ", ragged>";
}

LogicalResult TilesType::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows) {
  if (rows < 1)
    return emitError() << "tiles expects rows >= 1, got rows = " << rows;
  return success();
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 PackedLayoutAttrInterface layout,
                                 ArrayRef<RankedTensorType> tensors) {
  if (tensors.empty() || tensors.size() > 2)
    return emitError() << "packed expects one or two tensors, got "
                       << tensors.size();
  for (RankedTensorType tensor : tensors) {
    if (!tensor.hasStaticShape() || tensor.getRank() < 2 ||
        tensor.getRank() > 3)
      return emitError() << "packed expects static [E, N, K] or [N, K], got "
                         << tensor;
    if (tensor != tensors.front())
      return emitError() << "packed expects tensors of one type, got "
                         << tensors.front() << " and " << tensor;
  }
  return success();
}

Type PackedType::parse(AsmParser &parser) {
  Attribute layout;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseAttribute(layout))
    return {};
  auto packed = dyn_cast<PackedLayoutAttrInterface>(layout);
  if (!packed) {
    parser.emitError(loc, "expected a packed layout, got ") << layout;
    return {};
  }
  SmallVector<RankedTensorType> tensors;
  while (succeeded(parser.parseOptionalComma())) {
    SmallVector<int64_t> shape;
    Type element;
    SMLoc tensorLoc = parser.getCurrentLocation();
    if (parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
        parser.parseType(element))
      return {};
    if (!TensorType::isValidElementType(element)) {
      parser.emitError(tensorLoc, "invalid element type ") << element;
      return {};
    }
    tensors.push_back(RankedTensorType::get(shape, element));
  }
  if (parser.parseGreater())
    return {};
  return PackedType::getChecked([&] { return parser.emitError(loc); },
                                parser.getContext(), packed, tensors);
}

void PackedType::print(AsmPrinter &printer) const {
  printer << "<" << getLayout();
  for (RankedTensorType tensor : getTensors()) {
    printer << ", ";
    for (int64_t size : tensor.getShape())
      printer << size << "x";
    printer << tensor.getElementType();
  }
  printer << ">";
}
