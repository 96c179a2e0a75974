//===- SemanticsParsing.h - Table rows as attribute parameters --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attributes that name a row of a semantics table are parsed and printed by the
// table, so that a new row needs no second list of names here.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICSPARSING_H
#define MOE_DIALECT_SEMANTICSPARSING_H

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/QuantFormat.h"
#include "moe/dialect/semantics/Router.h"

#include "mlir/IR/DialectImplementation.h"

namespace moe {

/// How a table's key finds its row and its name.
template <typename Key> struct TableTraits;

template <> struct TableTraits<semantics::ScoreFn> {
  static constexpr llvm::StringLiteral kKind = "score function";
  static auto rows() { return semantics::scoreFns(); }
};
template <> struct TableTraits<semantics::Activation> {
  static constexpr llvm::StringLiteral kKind = "activation";
  static auto rows() { return semantics::activations(); }
};
template <> struct TableTraits<semantics::QuantFormat> {
  static constexpr llvm::StringLiteral kKind = "quantized format";
  static auto rows() { return semantics::quantFormats(); }
};
template <> struct TableTraits<semantics::NormKind> {
  static constexpr llvm::StringLiteral kKind = "normalize step";
  static auto rows() { return semantics::normKinds(); }
};

template <> struct TableTraits<semantics::SelectKind> {
  static constexpr llvm::StringLiteral kKind = "selection";
  static auto rows() { return semantics::selectKinds(); }
};

template <typename Key>
concept TableKey = requires { TableTraits<Key>::rows(); };

template <TableKey Key> llvm::StringRef nameOf(Key key) {
  return llvm::StringRef(semantics::lookup(key).name);
}

/// Parses a row's name; an unknown one is answered with all that are known.
template <TableKey Key>
mlir::FailureOr<Key> parseTableKey(mlir::AsmParser &parser) {
  llvm::StringRef keyword;
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return mlir::failure();
  std::string known;
  for (const auto &row : TableTraits<Key>::rows()) {
    if (keyword == llvm::StringRef(row.name))
      return row.id;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return parser.emitError(loc, "unknown ")
         << TableTraits<Key>::kKind << " '" << keyword << "', expected one of "
         << known;
}

} // namespace moe

namespace mlir {
template <moe::TableKey Key> struct FieldParser<Key, Key> {
  static FailureOr<Key> parse(AsmParser &parser) {
    return moe::parseTableKey<Key>(parser);
  }
};
} // namespace mlir

namespace moe::semantics {
// Found by argument-dependent lookup from the generated printers.
template <moe::TableKey Key>
mlir::AsmPrinter &operator<<(mlir::AsmPrinter &printer, Key key) {
  printer << moe::nameOf(key);
  return printer;
}
template <moe::TableKey Key> llvm::hash_code hash_value(Key key) {
  return llvm::hash_value(static_cast<uint32_t>(key));
}
inline llvm::hash_code hash_value(GroupFill fill) {
  return llvm::hash_value(static_cast<uint32_t>(fill));
}
inline llvm::hash_code hash_value(EpsMode mode) {
  return llvm::hash_value(static_cast<uint32_t>(mode));
}
inline llvm::hash_code hash_value(NoiseKind kind) {
  return llvm::hash_value(static_cast<uint32_t>(kind));
}
inline llvm::hash_code hash_value(Rounding rounding) {
  return llvm::hash_value(static_cast<uint32_t>(rounding));
}
} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICSPARSING_H
