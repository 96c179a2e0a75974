//===- Clauses.cpp - Assembly of clauses shared by several ops ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/Clauses.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace moe;

template <typename AttrT, typename Key>
static ParseResult parseRow(OpAsmParser &parser, AttrT &attr) {
  FailureOr<Key> key = parseTableKey<Key>(parser);
  if (failed(key))
    return failure();
  attr = AttrT::get(parser.getContext(), *key);
  return success();
}

ParseResult moe::parseScoreFn(OpAsmParser &parser, ScoreFnAttr &attr) {
  return parseRow<ScoreFnAttr, semantics::ScoreFn>(parser, attr);
}
void moe::printScoreFn(OpAsmPrinter &printer, Operation *, ScoreFnAttr attr) {
  printer << nameOf(attr.getValue());
}
ParseResult moe::parseActivation(OpAsmParser &parser, ActivationAttr &attr) {
  return parseRow<ActivationAttr, semantics::Activation>(parser, attr);
}
void moe::printActivation(OpAsmPrinter &printer, Operation *,
                          ActivationAttr attr) {
  printer << nameOf(attr.getValue());
}
ParseResult moe::parseQuantFormat(OpAsmParser &parser, QuantFormatAttr &attr) {
  return parseRow<QuantFormatAttr, semantics::QuantFormat>(parser, attr);
}
void moe::printQuantFormat(OpAsmPrinter &printer, Operation *,
                           QuantFormatAttr attr) {
  printer << nameOf(attr.getValue());
}

void moe::printDouble(AsmPrinter &printer, double value) {
  // The IR's own float syntax wants a point with a digit before it.
  std::string text = semantics::decimalText(value);
  if (text.find('.') == std::string::npos)
    text.insert(std::min(text.find('e'), text.size()), ".0");
  printer << text;
}

//===----------------------------------------------------------------------===//
// Clauses
//===----------------------------------------------------------------------===//

FailureOr<GroupLimitAttr> GroupLimitAttr::parseClause(AsmParser &parser) {
  int64_t numGroups, keep, topSum = 1;
  StringRef by;
  if (parser.parseInteger(numGroups) || parser.parseKeyword("keep") ||
      parser.parseInteger(keep) || parser.parseKeyword("by"))
    return failure();
  SMLoc byLoc = parser.getCurrentLocation();
  if (parser.parseKeyword(&by))
    return failure();
  if (by != "max") {
    StringRef digits = by;
    if (!digits.consume_front("top") || !digits.consume_back("_sum") ||
        digits.getAsInteger(10, topSum) || topSum < 1)
      return parser.emitError(byLoc, "unknown group score '")
             << by << "', expected max or top<j>_sum";
  }
  // Implementations of "the same" model differ in the fill, so it is asked for.
  SMLoc fillLoc = parser.getCurrentLocation();
  if (failed(parser.parseOptionalKeyword("fill")))
    return parser.emitError(fillLoc, "expected 'fill -inf' or 'fill 0': what "
                                     "the experts of the other groups count as "
                                     "has no default");
  semantics::GroupFill fill;
  if (succeeded(parser.parseOptionalMinus())) {
    if (parser.parseKeyword("inf"))
      return failure();
    fill = semantics::GroupFill::NegInf;
  } else {
    int64_t zero;
    SMLoc zeroLoc = parser.getCurrentLocation();
    if (parser.parseInteger(zero))
      return failure();
    if (zero != 0)
      return parser.emitError(zeroLoc, "expected fill -inf or 0");
    fill = semantics::GroupFill::Zero;
  }
  return GroupLimitAttr::get(parser.getContext(), numGroups, keep, topSum,
                             fill);
}

void GroupLimitAttr::printClause(AsmPrinter &printer) const {
  printer << getNumGroups() << " keep " << getKeep() << " by ";
  if (getTopSum() == 1)
    printer << "max";
  else
    printer << "top" << getTopSum() << "_sum";
  printer << " fill "
          << (getFill() == semantics::GroupFill::NegInf ? "-inf" : "0");
}

Attribute GroupLimitAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<GroupLimitAttr> attr = parseClause(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}
void GroupLimitAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printClause(printer);
  printer << ">";
}

OptionalParseResult moe::parseGroupLimit(OpAsmParser &parser,
                                         GroupLimitAttr &attr) {
  if (failed(parser.parseOptionalKeyword("groups")))
    return std::nullopt;
  if (parser.parseLParen())
    return failure();
  FailureOr<GroupLimitAttr> parsed = GroupLimitAttr::parseClause(parser);
  if (failed(parsed) || parser.parseRParen())
    return failure();
  attr = *parsed;
  return success();
}
void moe::printGroupLimit(OpAsmPrinter &printer, Operation *,
                          GroupLimitAttr attr) {
  if (!attr)
    return;
  printer << "groups(";
  attr.printClause(printer);
  printer << ")";
}

//===----------------------------------------------------------------------===//
// Capacities
//===----------------------------------------------------------------------===//

FailureOr<CapacityLimitAttr> CapacityLimitAttr::parseClause(AsmParser &parser) {
  MLIRContext *context = parser.getContext();
  int64_t number;
  if (OptionalParseResult plain = parser.parseOptionalInteger(number);
      plain.has_value()) {
    if (failed(*plain))
      return failure();
    return CapacityLimitAttr::get(context, number);
  }
  StringRef name;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&name))
    return failure();
  std::optional<semantics::Rounding> rounding =
      semantics::roundingFromName(name);
  if (!rounding)
    return parser.emitError(loc, "unknown rounding '")
           << name << "', expected a number, or ceil, floor or nearest of "
           << "(T * n / d)";
  int64_t numerator, denominator, minimum = 0, multipleOf = 1;
  if (parser.parseLParen() || parser.parseKeyword("T") || parser.parseStar() ||
      parser.parseInteger(numerator) || parser.parseSlash() ||
      parser.parseInteger(denominator) || parser.parseRParen() ||
      (succeeded(parser.parseOptionalKeyword("minimum")) &&
       parser.parseInteger(minimum)) ||
      (succeeded(parser.parseOptionalKeyword("multiple_of")) &&
       parser.parseInteger(multipleOf)))
    return failure();
  // A share of 0 would be taken for a number.
  if (numerator < 1)
    return parser.emitError(loc, "expected a positive numerator, got ")
           << numerator;
  return CapacityLimitAttr::get(context, *rounding, numerator, denominator,
                                minimum, multipleOf);
}
void CapacityLimitAttr::printClause(AsmPrinter &printer) const {
  if (getSpec().isNumber()) {
    printer << getMinimum();
    return;
  }
  printer << StringRef(semantics::nameOf(getRounding())) << "(T * "
          << getNumerator() << " / " << getDenominator() << ")";
  if (getMinimum() != 0)
    printer << " minimum " << getMinimum();
  if (getMultipleOf() != 1)
    printer << " multiple_of " << getMultipleOf();
}
Attribute CapacityLimitAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<CapacityLimitAttr> attr = parseClause(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}
void CapacityLimitAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printClause(printer);
  printer << ">";
}
ParseResult moe::parseCapacityLimit(OpAsmParser &parser,
                                    CapacityLimitAttr &attr) {
  FailureOr<CapacityLimitAttr> parsed = CapacityLimitAttr::parseClause(parser);
  if (failed(parsed))
    return failure();
  attr = *parsed;
  return success();
}
void moe::printCapacityLimit(OpAsmPrinter &printer, Operation *,
                             CapacityLimitAttr attr) {
  attr.printClause(printer);
}

//===----------------------------------------------------------------------===//
// Norms and scales
//===----------------------------------------------------------------------===//

static ParseResult parseEps(AsmParser &parser, double &eps,
                            semantics::EpsMode &mode) {
  if (parser.parseKeyword("eps") || parser.parseFloat(eps))
    return failure();
  SMLoc modeLoc = parser.getCurrentLocation();
  StringRef modeName;
  if (failed(parser.parseOptionalKeyword(&modeName)))
    return parser.emitError(modeLoc, "expected 'add' or 'max': how eps "
                                     "enters the norm has no default");
  if (modeName == "add")
    mode = semantics::EpsMode::Add;
  else if (modeName == "max")
    mode = semantics::EpsMode::Max;
  else
    return parser.emitError(modeLoc, "unknown eps mode '")
           << modeName << "', expected add or max";
  return success();
}

FailureOr<NormAttr> NormAttr::parseClause(AsmParser &parser) {
  FailureOr<semantics::NormKind> kind =
      parseTableKey<semantics::NormKind>(parser);
  if (failed(kind))
    return failure();
  double eps = 0, param = 0;
  semantics::EpsMode mode = semantics::EpsMode::None;
  // The row's own parameter comes first.
  if (!semantics::lookup(*kind).param.empty()) {
    if (parser.parseLParen() || parser.parseFloat(param) ||
        (succeeded(parser.parseOptionalComma()) &&
         parseEps(parser, eps, mode)) ||
        parser.parseRParen())
      return failure();
  } else if (succeeded(parser.parseOptionalLParen())) {
    if (parseEps(parser, eps, mode) || parser.parseRParen())
      return failure();
  }
  Builder &builder = parser.getBuilder();
  return NormAttr::get(parser.getContext(), *kind, builder.getF64FloatAttr(eps),
                       mode, builder.getF64FloatAttr(param));
}
void NormAttr::printClause(AsmPrinter &printer) const {
  const bool hasParam = !semantics::lookup(getKind()).param.empty();
  const bool hasEps = getEpsMode() != semantics::EpsMode::None;
  printer << nameOf(getKind());
  if (!hasParam && !hasEps)
    return;
  printer << "(";
  if (hasParam)
    printDouble(printer, getParam().getValueAsDouble());
  if (hasEps) {
    printer << (hasParam ? ", eps " : "eps ");
    printDouble(printer, getEps().getValueAsDouble());
    printer << (getEpsMode() == semantics::EpsMode::Add ? " add" : " max");
  }
  printer << ")";
}
Attribute NormAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<NormAttr> attr = parseClause(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}
void NormAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printClause(printer);
  printer << ">";
}

ParseResult moe::parseNormStep(OpAsmParser &parser, NormAttr &attr) {
  FailureOr<NormAttr> parsed = NormAttr::parseClause(parser);
  if (failed(parsed))
    return failure();
  attr = *parsed;
  return success();
}
void moe::printNormStep(OpAsmPrinter &printer, Operation *, NormAttr attr) {
  attr.printClause(printer);
}

OptionalParseResult moe::parseNormalize(OpAsmParser &parser, ArrayAttr &attr) {
  if (failed(parser.parseOptionalKeyword("normalize")))
    return std::nullopt;
  SmallVector<Attribute> steps;
  if (parser.parseCommaSeparatedList([&]() -> ParseResult {
        FailureOr<NormAttr> step = NormAttr::parseClause(parser);
        if (failed(step))
          return failure();
        steps.push_back(*step);
        return success();
      }))
    return failure();
  attr = parser.getBuilder().getArrayAttr(steps);
  return success();
}
void moe::printNormalize(OpAsmPrinter &printer, Operation *, ArrayAttr attr) {
  if (!attr)
    return;
  printer << "normalize ";
  llvm::interleaveComma(attr.getAsRange<NormAttr>(), printer,
                        [&](NormAttr step) { step.printClause(printer); });
}

OptionalParseResult moe::parseScale(OpAsmParser &parser, FloatAttr &attr) {
  if (failed(parser.parseOptionalKeyword("scale")))
    return std::nullopt;
  double value;
  if (parser.parseFloat(value))
    return failure();
  attr = parser.getBuilder().getF64FloatAttr(value);
  return success();
}
void moe::printScale(OpAsmPrinter &printer, Operation *, FloatAttr attr) {
  if (!attr)
    return;
  printer << "scale ";
  printDouble(printer, attr.getValueAsDouble());
}

ParseResult moe::parsePlainInt(OpAsmParser &parser, IntegerAttr &attr) {
  int64_t value;
  if (parser.parseInteger(value))
    return failure();
  attr = parser.getBuilder().getI64IntegerAttr(value);
  return success();
}
void moe::printPlainInt(OpAsmPrinter &printer, Operation *, IntegerAttr attr) {
  printer << attr.getInt();
}
