//===- Clauses.cpp - Assembly of clauses shared by several ops ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/Clauses.h"

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

FailureOr<SelectAttr> SelectAttr::parseClause(AsmParser &parser) {
  StringRef kind;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&kind))
    return failure();
  if (kind != "top_k")
    return parser.emitError(loc, "unknown selection '")
           << kind << "', expected top_k(k)";
  int64_t k;
  if (parser.parseLParen() || parser.parseInteger(k) || parser.parseRParen())
    return failure();
  return SelectAttr::get(parser.getContext(), k);
}
void SelectAttr::printClause(AsmPrinter &printer) const {
  printer << "top_k(" << getTopK() << ")";
}
Attribute SelectAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<SelectAttr> attr = parseClause(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}
void SelectAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printClause(printer);
  printer << ">";
}
ParseResult moe::parseSelect(OpAsmParser &parser, SelectAttr &attr) {
  FailureOr<SelectAttr> parsed = SelectAttr::parseClause(parser);
  if (failed(parsed))
    return failure();
  attr = *parsed;
  return success();
}
void moe::printSelect(OpAsmPrinter &printer, Operation *, SelectAttr attr) {
  attr.printClause(printer);
}

FailureOr<NormAttr> NormAttr::parseClause(AsmParser &parser) {
  FailureOr<semantics::NormKind> kind =
      parseTableKey<semantics::NormKind>(parser);
  if (failed(kind))
    return failure();
  double eps = 0;
  semantics::EpsMode mode = semantics::EpsMode::None;
  if (succeeded(parser.parseOptionalLParen())) {
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
    if (parser.parseRParen())
      return failure();
  }
  return NormAttr::get(parser.getContext(), *kind,
                       parser.getBuilder().getF64FloatAttr(eps), mode);
}
void NormAttr::printClause(AsmPrinter &printer) const {
  printer << nameOf(getKind());
  if (getEpsMode() == semantics::EpsMode::None)
    return;
  printer << "(eps ";
  printDouble(printer, getEps().getValueAsDouble());
  printer << (getEpsMode() == semantics::EpsMode::Add ? " add)" : " max)");
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
