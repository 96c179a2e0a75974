//===- RouteRules.h - Rules that the routing ops share ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// moe.route is score, select and weigh in one op, and capacity takes what they
// give: their operands, and what may be wrong with them, are the same.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_ROUTERULES_H
#define MOE_DIALECT_ROUTERULES_H

#include "moe/dialect/Clauses.h"
#include "moe/dialect/ShapeRules.h"

namespace moe {

/// [T, E] floats with a known number of experts.
mlir::LogicalResult verifyScores(mlir::Operation *op, llvm::StringRef what,
                                 mlir::RankedTensorType type);
/// Ids and weights [T, slots], or [E, C] of picks by expert.
mlir::LogicalResult verifyIds(mlir::Operation *op, mlir::RankedTensorType ids,
                              int64_t rows, int64_t columns,
                              bool byExpert = false);
mlir::LogicalResult verifyWeights(mlir::Operation *op,
                                  mlir::RankedTensorType weights, int64_t rows,
                                  int64_t columns, bool byExpert = false);
/// Floats [size], if there are any.
mlir::LogicalResult verifyVector(mlir::Operation *op, llvm::StringRef what,
                                 mlir::Value value, int64_t size);
/// An operand is there exactly when its clause asks for it.
mlir::LogicalResult verifyGiven(mlir::Operation *op, llvm::StringRef clause,
                                bool asked, mlir::Value operand);
/// Operands of a selection over scores [T, E]: route_c13, c14, c16.
mlir::LogicalResult verifyOperands(mlir::Operation *op, SelectAttr select,
                                   const SelectOperands<mlir::Value> &operands,
                                   mlir::RankedTensorType scores);
/// A rule of the semantics library that is broken is a diagnostic.
mlir::LogicalResult verifyRule(mlir::Operation *op,
                               std::optional<std::string> broken);

/// The spec of a selection among `experts`, as much as its op says.
semantics::RouterSpec specOf(SelectAttr select, GroupLimitAttr groups,
                             mlir::Value bias, mlir::Value table,
                             mlir::Value given, int64_t experts);
/// The shape of ids and weights: [T, slots], or [E, C].
std::pair<int64_t, int64_t> shapeOfPicks(SelectAttr select,
                                         const semantics::RouterSpec &spec,
                                         mlir::RankedTensorType scores);

} // namespace moe

#endif // MOE_DIALECT_ROUTERULES_H
