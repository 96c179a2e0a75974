//===- MoeTypes.cpp - Types of the moe dialect ----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;

namespace moe::plan {
/// Types are unique by what hashes alike.
static llvm::hash_code hash_value(const Layout &layout) {
  return llvm::hash_combine(layout.kind, layout.size);
}
} // namespace moe::plan

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
                                 int64_t localCount, plan::Layout layout) {
  // Expert ids are i32 and row offsets fit beside them.
  if (numExperts < 1 || numExperts > (int64_t(1) << 20))
    return emitError() << "groups expects 1 to 1048576 experts, got experts = "
                       << numExperts;
  if (localFirst < 0 || localCount < 1 || localFirst > numExperts ||
      localCount > numExperts - localFirst)
    return emitError() << "groups expects local = [first, count) within "
                       << numExperts << " experts, got [" << localFirst << ", "
                       << localCount << "]";
  bool sized = layout.kind == plan::Layout::Kind::Aligned ||
               layout.kind == plan::Layout::Kind::Padded;
  if (sized && (layout.size < 1 || layout.size > (int64_t(1) << 31)))
    return emitError() << "groups expects "
                       << (layout.kind == plan::Layout::Kind::Aligned
                               ? "aligned<n> with n from 1 to 2^31, got n = "
                               : "padded<C> with C from 1 to 2^31, got C = ")
                       << layout.size;
  return success();
}

GroupsType GroupsType::asRagged() const {
  return get(getContext(), getNumExperts(), getLocalFirst(), getLocalCount(),
             plan::Layout());
}

static ParseResult parseLayout(AsmParser &parser, plan::Layout &layout) {
  StringRef name;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&name))
    return failure();
  using Kind = plan::Layout::Kind;
  std::optional<Kind> kind = llvm::StringSwitch<std::optional<Kind>>(name)
                                 .Case("ragged", Kind::Ragged)
                                 .Case("aligned", Kind::Aligned)
                                 .Case("padded", Kind::Padded)
                                 .Case("dense", Kind::Dense)
                                 .Default(std::nullopt);
  if (!kind)
    return parser.emitError(loc, "unknown layout of groups '")
           << name << "', expected ragged, aligned<n>, padded<C> or dense";
  layout.kind = *kind;
  if (*kind != Kind::Aligned && *kind != Kind::Padded)
    return success();
  return failure(parser.parseLess() || parser.parseInteger(layout.size) ||
                 parser.parseGreater());
}

static void printLayout(AsmPrinter &printer, plan::Layout layout) {
  switch (layout.kind) {
  case plan::Layout::Kind::Ragged:
    printer << "ragged";
    break;
  case plan::Layout::Kind::Aligned:
    printer << "aligned<" << layout.size << ">";
    break;
  case plan::Layout::Kind::Padded:
    printer << "padded<" << layout.size << ">";
    break;
  case plan::Layout::Kind::Dense:
    printer << "dense";
    break;
  }
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
  plan::Layout layout;
  if (parseLayout(parser, layout) || parser.parseGreater())
    return {};
  return GroupsType::getChecked([&] { return parser.emitError(loc); },
                                parser.getContext(), experts, first, count,
                                layout);
}

void GroupsType::print(AsmPrinter &printer) const {
  printer << "<experts = " << getNumExperts();
  if (isLocal())
    printer << ", local = [" << getLocalFirst() << ", " << getLocalCount()
            << "]";
  printer << ", ";
  printLayout(printer, getLayout());
  printer << ">";
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
