//===- Rewrites.h - Rewrites of layers in the input phase -------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rewrite has a name, and a mark that says what it keeps: users are told both
// when one fires, and choose by the mark. The table is the one list of them; a
// family of rewrites is one file of functions that the table's rows point to by
// their id. docs/rationale/rewrites.md has the conditions.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_SIMPLIFY_REWRITES_H
#define MOE_PASSES_SIMPLIFY_REWRITES_H

#include "moe/dialect/MoeOps.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/MapVector.h"

namespace moe {

/// What is equal before and after a rewrite.
enum class Kept {
  Bits,  ///< every bit of a result, of a zero its sign aside
  Reals, ///< results in real arithmetic; ids, but of no numbers
  Most,  ///< not the ids where scores tie after rounding
};

enum class RewriteId {
  // Of routes: which experts are picked, and from what.
  ZeroBias,
  ZeroNoise,
  AllValid,
  PickAll,
  EqualBias,
  FillNegInf,
  SoftmaxOfPicks,
  SigmoidOfPicks,
  // Of weights.
  SinglePick,
  SinglePositivePick,
  UnitWeights,
  UnitExpertScale,
  EqualExpertScale,
  NormOfNorm,
  ScaleBeforeRenorm,
  RenormBefore,
  // Of rows.
  IdentityExperts,
  RowsBack,
  ZeroInit,
  AddIntoInit,
  ScaleAfterExperts,
};

struct RewriteRow {
  RewriteId id;
  llvm::StringLiteral name; ///< "zero-bias"
  Kept kept;
  llvm::StringLiteral says; ///< what was done, for remarks and decisions
};
llvm::ArrayRef<RewriteRow> rewriteRows();
const RewriteRow &lookup(RewriteId id);
/// "bitwise", "real" or "approx".
llvm::StringRef nameOf(Kept kept);

/// The rewrites of one run of the pass, and how often each fired.
class RewriteSet {
public:
  /// With `approx` also those that keep `Most` only.
  RewriteSet(mlir::MLIRContext *context, bool approx)
      : patterns(context), approx(approx) {}

  /// `rewrite` changes the op and what is around it, or fails and changes
  /// nothing.
  template <typename OpT>
  void add(RewriteId id,
           llvm::LogicalResult (*rewrite)(OpT, mlir::PatternRewriter &)) {
    const RewriteRow &row = lookup(id);
    if (row.kept == Kept::Most && !approx)
      return;
    auto pattern = std::make_unique<Pattern<OpT>>(patterns.getContext(), *this,
                                                  row, rewrite);
    pattern->setDebugName(row.name);
    patterns.add(std::move(pattern));
  }

  mlir::RewritePatternSet takePatterns() { return std::move(patterns); }
  /// One decision a rewrite that fired, with how often it did.
  llvm::SmallVector<mlir::Attribute> decisions(mlir::MLIRContext *context);

private:
  template <typename OpT> struct Pattern : mlir::OpRewritePattern<OpT> {
    Pattern(mlir::MLIRContext *context, RewriteSet &set, const RewriteRow &row,
            llvm::LogicalResult (*rewrite)(OpT, mlir::PatternRewriter &))
        : mlir::OpRewritePattern<OpT>(context), set(set), row(row),
          rewrite(rewrite) {}
    llvm::LogicalResult
    matchAndRewrite(OpT op, mlir::PatternRewriter &rewriter) const override {
      const mlir::Location loc = op->getLoc();
      if (failed(rewrite(op, rewriter)))
        return llvm::failure();
      set.fired(row, loc);
      return llvm::success();
    }
    RewriteSet &set;
    const RewriteRow &row;
    llvm::LogicalResult (*rewrite)(OpT, mlir::PatternRewriter &);
  };
  void fired(const RewriteRow &row, mlir::Location loc);

  mlir::RewritePatternSet patterns;
  bool approx;
  llvm::SmallMapVector<const RewriteRow *, int64_t, 8> times;
};

// One function a file.
void addRouteRewrites(RewriteSet &set);
void addWeightRewrites(RewriteSet &set);
void addRowRewrites(RewriteSet &set);

/// The route whose slots are what `groups` were made from and `weights` belong
/// to; a capacity between them only drops slots. Null if they belong to no one
/// route.
RouteOp routeOfSlots(mlir::Value groups, mlir::Value weights);
/// The one value that all elements of a tensor are, a float or an integer;
/// null if there may be several.
mlir::TypedAttr splatOf(mlir::Value tensor);
/// Whether every element is the float `value`; a zero of either sign is 0.
bool isSplatOf(mlir::Value tensor, double value);

} // namespace moe

#endif // MOE_PASSES_SIMPLIFY_REWRITES_H
