//===- SelectClause.cpp - Assembly of a selection -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A selection stands in moe.route and moe.select with its operands where they
// are used, and alone, as an attribute, without them: one grammar.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/Clauses.h"

using namespace mlir;
using namespace moe;

namespace {
/// Reads a selection. As an attribute it has no operands: `ops` is null.
struct SelectionParser {
  AsmParser &parser;
  OpAsmParser *ops;
  UnresolvedSelect *operands;
  bool *apart;

  ParseResult
  operand(std::optional<OpAsmParser::UnresolvedOperand> UnresolvedSelect::*to) {
    OpAsmParser::UnresolvedOperand read;
    if (ops->parseOperand(read))
      return failure();
    operands->*to = read;
    return success();
  }

  FailureOr<SelectAttr> parse();
  ParseResult parseArguments(semantics::SelectKind kind, int64_t &picks,
                             double &bound, CapacityLimitAttr &limit);
  ParseResult parseNoise(semantics::NoiseKind &noise);
};
} // namespace

ParseResult SelectionParser::parseArguments(semantics::SelectKind kind,
                                            int64_t &picks, double &bound,
                                            CapacityLimitAttr &limit) {
  using semantics::SelectKind;
  switch (kind) {
  case SelectKind::TopK:
    return failure(parser.parseLParen() || parser.parseInteger(picks) ||
                   parser.parseRParen());
  case SelectKind::TopP:
  case SelectKind::Threshold:
    return failure(parser.parseLParen() || parser.parseFloat(bound) ||
                   parser.parseComma() || parser.parseInteger(picks) ||
                   parser.parseRParen());
  case SelectKind::All:
    return success();
  case SelectKind::Table:
    return failure(
        ops && (parser.parseLParen() || operand(&UnresolvedSelect::table) ||
                parser.parseLSquare() || operand(&UnresolvedSelect::given) ||
                parser.parseRSquare() || parser.parseRParen()));
  case SelectKind::Extern:
    return failure(ops &&
                   (parser.parseLParen() || operand(&UnresolvedSelect::given) ||
                    parser.parseRParen()));
  case SelectKind::ExpertTopK: {
    if (parser.parseLParen())
      return failure();
    FailureOr<CapacityLimitAttr> parsed =
        CapacityLimitAttr::parseClause(parser);
    if (failed(parsed) || parser.parseRParen())
      return failure();
    limit = *parsed;
    return success();
  }
  }
  llvm_unreachable("every selection is handled");
}

ParseResult SelectionParser::parseNoise(semantics::NoiseKind &noise) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef name;
  if (parser.parseKeyword(&name))
    return failure();
  auto kind = semantics::noiseKindFromName(name);
  if (!kind) {
    std::string known;
    for (const semantics::NoiseRow &row : semantics::noiseKinds())
      known += (known.empty() ? "" : ", ") + std::string(row.name);
    return parser.emitError(loc, "unknown noise '")
           << name << "', expected one of " << known;
  }
  noise = *kind;
  return failure(ops &&
                 (parser.parseLParen() || operand(&UnresolvedSelect::noise) ||
                  parser.parseRParen()));
}

FailureOr<SelectAttr> SelectionParser::parse() {
  FailureOr<semantics::SelectKind> kind =
      parseTableKey<semantics::SelectKind>(parser);
  if (failed(kind))
    return failure();
  MLIRContext *context = parser.getContext();
  int64_t picks = 0, always = 0;
  double bound = 0;
  semantics::NoiseKind noise = semantics::NoiseKind::None;
  auto limit = CapacityLimitAttr::get(context, 0);
  if (parseArguments(*kind, picks, bound, limit))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("always"))) {
    if (parser.parseLParen() || parser.parseInteger(always))
      return failure();
    SMLoc loc = parser.getCurrentLocation();
    if (apart) {
      *apart = succeeded(parser.parseOptionalKeyword("apart"));
      if (!*apart && failed(parser.parseOptionalKeyword("joint")))
        return parser.emitError(
            loc, "expected 'joint' or 'apart': whether normalize and scale "
                 "take in the always-on experts has no default");
    }
    if (parser.parseRParen())
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("noise")) && parseNoise(noise))
    return failure();
  if (ops && succeeded(parser.parseOptionalKeyword("valid")) &&
      (parser.parseLParen() || operand(&UnresolvedSelect::valid) ||
       parser.parseRParen()))
    return failure();
  return SelectAttr::get(context, *kind, picks,
                         parser.getBuilder().getF64FloatAttr(bound), limit,
                         always, noise);
}

namespace {
/// Prints a selection; an operand that is null is left out with its brackets.
struct SelectionPrinter {
  AsmPrinter &printer;
  OpAsmPrinter *ops;
  SelectOperands<Value> operands;
  std::optional<bool> apart;

  void print(SelectAttr attr);
  void printArguments(SelectAttr attr);
};
} // namespace

void SelectionPrinter::printArguments(SelectAttr attr) {
  using semantics::SelectKind;
  switch (attr.getKind()) {
  case SelectKind::TopK:
    printer << "(" << attr.getPicks() << ")";
    break;
  case SelectKind::TopP:
  case SelectKind::Threshold:
    printer << "(";
    printDouble(printer, attr.getBound().getValueAsDouble());
    printer << ", " << attr.getPicks() << ")";
    break;
  case SelectKind::All:
    break;
  case SelectKind::Table:
    if (ops)
      *ops << "(" << operands.table << "[" << operands.given << "])";
    break;
  case SelectKind::Extern:
    if (ops)
      *ops << "(" << operands.given << ")";
    break;
  case SelectKind::ExpertTopK:
    printer << "(";
    attr.getLimit().printClause(printer);
    printer << ")";
    break;
  }
}

void SelectionPrinter::print(SelectAttr attr) {
  printer << nameOf(attr.getKind());
  printArguments(attr);
  if (attr.getAlways() != 0)
    printer << " always(" << attr.getAlways()
            << (!apart   ? ""
                : *apart ? " apart"
                         : " joint")
            << ")";
  if (attr.getNoise() != semantics::NoiseKind::None) {
    printer << " noise " << StringRef(semantics::nameOf(attr.getNoise()));
    if (ops)
      *ops << "(" << operands.noise << ")";
  }
  if (ops && operands.valid)
    *ops << " valid(" << operands.valid << ")";
}

Attribute SelectAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<SelectAttr> attr =
      SelectionParser{parser, nullptr, nullptr, nullptr}.parse();
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}
void SelectAttr::print(AsmPrinter &printer) const {
  printer << "<";
  SelectionPrinter{printer, nullptr, {}, std::nullopt}.print(*this);
  printer << ">";
}
ParseResult moe::parseSelection(OpAsmParser &parser, SelectAttr &attr,
                                UnresolvedSelect &operands, bool *apart) {
  FailureOr<SelectAttr> parsed =
      SelectionParser{parser, &parser, &operands, apart}.parse();
  if (failed(parsed))
    return failure();
  attr = *parsed;
  return success();
}
void moe::printSelection(OpAsmPrinter &printer, SelectAttr attr,
                         const SelectOperands<Value> &operands,
                         std::optional<bool> apart) {
  SelectionPrinter{printer, &printer, operands, apart}.print(attr);
}
