//===- Clauses.h - Assembly of clauses shared by several ops ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Custom directives of the ops' assembly formats. The clauses of moe.route are
// the clauses of score, select and weigh: one spelling for all of them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_CLAUSES_H
#define MOE_DIALECT_CLAUSES_H

#include "moe/dialect/MoeDialect.h"

#include "mlir/IR/OpImplementation.h"

#include <optional>

namespace moe {

// A table row's bare name: "softmax", "swiglu", "fp8_block".
mlir::ParseResult parseScoreFn(mlir::OpAsmParser &parser, ScoreFnAttr &attr);
void printScoreFn(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                  ScoreFnAttr attr);
mlir::ParseResult parseActivation(mlir::OpAsmParser &parser,
                                  ActivationAttr &attr);
void printActivation(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                     ActivationAttr attr);
mlir::ParseResult parseQuantFormat(mlir::OpAsmParser &parser,
                                   QuantFormatAttr &attr);
void printQuantFormat(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                      QuantFormatAttr attr);

// "groups(8 keep 4 by top2_sum fill -inf)", or nothing.
mlir::OptionalParseResult parseGroupLimit(mlir::OpAsmParser &parser,
                                          GroupLimitAttr &attr);
void printGroupLimit(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                     GroupLimitAttr attr);

/// Operands of a selection; of V = Value null where the clause is absent.
template <typename V> struct SelectOperands {
  V table{}, given{}, noise{}, valid{};
};
using UnresolvedSelect =
    SelectOperands<std::optional<mlir::OpAsmParser::UnresolvedOperand>>;

// "top_k(8) always(2) noise gumbel(%n) valid(%v)". With `apart`, as moe.route
// has it: "always(2 joint)".
mlir::ParseResult parseSelection(mlir::OpAsmParser &parser, SelectAttr &attr,
                                 UnresolvedSelect &operands, bool *apart);
void printSelection(mlir::OpAsmPrinter &printer, SelectAttr attr,
                    const SelectOperands<mlir::Value> &operands,
                    std::optional<bool> apart);

// "ceil(T * 10 / 32) minimum 4", or a number.
mlir::ParseResult parseCapacityLimit(mlir::OpAsmParser &parser,
                                     CapacityLimitAttr &attr);
void printCapacityLimit(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                        CapacityLimitAttr attr);

// "l1(eps 1.0e-20 add)".
mlir::ParseResult parseNormStep(mlir::OpAsmParser &parser, NormAttr &attr);
void printNormStep(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                   NormAttr attr);

// "normalize l1(eps 1.0e-20 add), sigmoid", or nothing.
mlir::OptionalParseResult parseNormalize(mlir::OpAsmParser &parser,
                                         mlir::ArrayAttr &attr);
void printNormalize(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                    mlir::ArrayAttr attr);

// "scale 2.5", or nothing.
mlir::OptionalParseResult parseScale(mlir::OpAsmParser &parser,
                                     mlir::FloatAttr &attr);
void printScale(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                mlir::FloatAttr attr);

// An i64 without its type.
mlir::ParseResult parsePlainInt(mlir::OpAsmParser &parser,
                                mlir::IntegerAttr &attr);
void printPlainInt(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                   mlir::IntegerAttr attr);

/// The shortest decimal text that reads back as the same double.
void printDouble(mlir::AsmPrinter &printer, double value);

} // namespace moe

#endif // MOE_DIALECT_CLAUSES_H
