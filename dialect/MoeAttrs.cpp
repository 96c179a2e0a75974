//===- MoeAttrs.cpp - Attributes of the moe dialect -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeDialect.h"
#include "moe/dialect/semantics/TensorPattern.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;

#include "moe/dialect/MoeEnums.cpp.inc"

#include "moe/dialect/MoeAttrInterfaces.cpp.inc"
#include "moe/dialect/MoeOpInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/dialect/MoeAttrs.cpp.inc"

void MoeDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moe/dialect/MoeAttrs.cpp.inc"
      >();
}

semantics::GroupLimit GroupLimitAttr::getSpec() const {
  return {getNumGroups(), getKeep(), getTopSum(), getFill()};
}

semantics::NormStep NormAttr::getSpec() const {
  return {getKind(), getEps().getValueAsDouble(), getEpsMode(),
          getParam().getValueAsDouble()};
}

semantics::Selection SelectAttr::getSpec() const {
  return {getKind(), getBound().getValueAsDouble(), getAlways(), getNoise()};
}

semantics::CapacityLimit CapacityLimitAttr::getSpec() const {
  return {getRounding(), getNumerator(), getDenominator(), getMinimum(),
          getMultipleOf()};
}

AffineExpr CapacityLimitAttr::getPlaces(AffineExpr tokens) const {
  semantics::RatioDivision ratio = semantics::divisionOf(getSpec());
  AffineExpr places =
      (tokens * ratio.factor + ratio.addend).floorDiv(ratio.divisor);
  return places.ceilDiv(getMultipleOf()) * getMultipleOf();
}

//===----------------------------------------------------------------------===//
// SourceAttr
//===----------------------------------------------------------------------===//

bool SourceAttr::isPerExpert() const {
  return semantics::isPerExpert(getPattern().getValue());
}

/// Walks the steps from the stored tensor; returns the reason when one does not
/// apply.
static std::string viewOf(SourceAttr source, SourceView &view) {
  std::string error;
  llvm::raw_string_ostream os(error);
  view.perExpert = source.isPerExpert();
  view.offset = 0;
  view.shape.assign(source.getStored().getShape().begin(),
                    source.getStored().getShape().end());
  auto setRowMajor = [&] {
    view.strides.assign(view.shape.size(), 1);
    for (size_t d = view.shape.size(); d-- > 1;)
      view.strides[d - 1] = view.strides[d] * view.shape[d];
  };
  setRowMajor();
  bool first = true;
  for (Attribute step : source.getSteps()) {
    int64_t rank = view.shape.size();
    if (auto transpose = dyn_cast<TransposeStepAttr>(step)) {
      ArrayRef<int64_t> permutation = transpose.getPermutation();
      llvm::SmallBitVector seen(rank);
      for (int64_t d : permutation)
        if (d >= 0 && d < rank)
          seen.set(d);
      if (static_cast<int64_t>(permutation.size()) != rank || !seen.all()) {
        os << "transpose expects a permutation of " << rank
           << " dimensions, got [";
        llvm::interleaveComma(permutation, os);
        os << "]";
        return error;
      }
      SmallVector<int64_t> shape, strides;
      for (int64_t d : permutation) {
        shape.push_back(view.shape[d]);
        strides.push_back(view.strides[d]);
      }
      view.shape = shape;
      view.strides = strides;
    } else if (auto slice = dyn_cast<SliceStepAttr>(step)) {
      int64_t d = slice.getDim();
      if (d < 0 || d >= rank) {
        os << "slice expects a dimension below " << rank << ", got " << d;
        return error;
      }
      bool fits =
          slice.getFrom() >= 0 && slice.getStep() >= 1 && slice.getSize() >= 1;
      int64_t last = 0;
      fits = fits &&
             !llvm::MulOverflow(slice.getSize() - 1, slice.getStep(), last) &&
             !llvm::AddOverflow(last, slice.getFrom(), last) &&
             last < view.shape[d];
      if (!fits) {
        os << "slice from " << slice.getFrom() << " step " << slice.getStep()
           << " size " << slice.getSize() << " does not fit dimension " << d
           << " of size " << view.shape[d];
        return error;
      }
      view.offset += slice.getFrom() * view.strides[d];
      // The step of a single element says nothing, and may be any number.
      if (slice.getSize() > 1)
        view.strides[d] *= slice.getStep();
      view.shape[d] = slice.getSize();
    } else {
      auto reshape = cast<ReshapeStepAttr>(step);
      if (!first)
        return "reshape must come directly after the stored type";
      int64_t from = 1, to = 1;
      bool bad = false;
      for (int64_t s : view.shape)
        bad |= llvm::MulOverflow(from, s, from);
      for (int64_t s : reshape.getShape())
        bad |= s < 1 || llvm::MulOverflow(to, s, to);
      if (bad || from != to) {
        os << "reshape expects as many elements as the stored tensor has: "
           << from << ", got " << to;
        return error;
      }
      view.shape.assign(reshape.getShape().begin(), reshape.getShape().end());
      setRowMajor();
    }
    first = false;
  }
  return error;
}

FailureOr<SourceView> SourceAttr::getView() const {
  SourceView view;
  if (!viewOf(*this, view).empty())
    return failure();
  return view;
}
std::string SourceAttr::getViewError() const {
  SourceView view;
  return viewOf(*this, view);
}

LogicalResult SourceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringAttr pattern, RankedTensorType stored,
                                 ArrayRef<Attribute> steps) {
  if (pattern.getValue().empty())
    return emitError() << "source expects a tensor name, got an empty string";
  if (auto number = semantics::expertNumberIn(pattern.getValue());
      number && semantics::isPerExpert(
                    pattern.getValue().drop_front(number->at + number->length)))
    return emitError() << "source expects at most one {e}, got '"
                       << pattern.getValue() << "'";
  // A product that overflows would make every stride meaningless.
  int64_t elements = 1;
  for (int64_t s : stored.getShape())
    if (llvm::MulOverflow(elements, s, elements))
      return emitError() << "source's stored type has too many elements: "
                         << stored;
  return success();
}

/// Parses "8x64xf32" as a static tensor type.
static ParseResult parseStored(AsmParser &parser, RankedTensorType &type) {
  SmallVector<int64_t> shape;
  Type element;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element))
    return failure();
  if (!TensorType::isValidElementType(element))
    return parser.emitError(loc, "invalid element type ") << element;
  type = RankedTensorType::get(shape, element);
  return success();
}

static void printStored(AsmPrinter &printer, RankedTensorType type) {
  for (int64_t size : type.getShape())
    printer << size << "x";
  printer << type.getElementType();
}

Attribute SourceAttr::parse(AsmParser &parser, Type) {
  std::string pattern;
  RankedTensorType stored;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&pattern) ||
      parser.parseColon() || parseStored(parser, stored))
    return {};
  SmallVector<Attribute> steps;
  MLIRContext *context = parser.getContext();
  auto parseList = [&](SmallVectorImpl<int64_t> &list) {
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
      return parser.parseInteger(list.emplace_back());
    });
  };
  StringRef keyword;
  while (succeeded(parser.parseOptionalKeyword(
      &keyword, {"transpose", "slice", "reshape"}))) {
    if (keyword == "transpose") {
      SmallVector<int64_t> permutation;
      if (parseList(permutation))
        return {};
      steps.push_back(TransposeStepAttr::get(context, permutation));
    } else if (keyword == "reshape") {
      SmallVector<int64_t> shape;
      if (parseList(shape))
        return {};
      steps.push_back(ReshapeStepAttr::get(context, shape));
    } else {
      int64_t dim, from, step, size;
      if (parser.parseInteger(dim) || parser.parseKeyword("from") ||
          parser.parseInteger(from) || parser.parseKeyword("step") ||
          parser.parseInteger(step) || parser.parseKeyword("size") ||
          parser.parseInteger(size))
        return {};
      steps.push_back(SliceStepAttr::get(context, dim, from, step, size));
    }
  }
  if (parser.parseGreater())
    return {};
  return SourceAttr::getChecked([&] { return parser.emitError(loc); }, context,
                                StringAttr::get(context, pattern), stored,
                                steps);
}

void SourceAttr::print(AsmPrinter &printer) const {
  printer << "<" << getPattern() << " : ";
  printStored(printer, getStored());
  for (Attribute step : getSteps()) {
    if (auto transpose = dyn_cast<TransposeStepAttr>(step)) {
      printer << " transpose [";
      llvm::interleaveComma(transpose.getPermutation(), printer);
      printer << "]";
    } else if (auto reshape = dyn_cast<ReshapeStepAttr>(step)) {
      printer << " reshape [";
      llvm::interleaveComma(reshape.getShape(), printer);
      printer << "]";
    } else {
      auto slice = cast<SliceStepAttr>(step);
      printer << " slice " << slice.getDim() << " from " << slice.getFrom()
              << " step " << slice.getStep() << " size " << slice.getSize();
    }
  }
  printer << ">";
}
