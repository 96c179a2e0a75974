//===- Expansions.h - What LLVM would call a library for ---------*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A code image calls nothing outside itself, so functions and conversions that
// processors lack are written out as arithmetic before LLVM sees them, for
// scalars and vectors alike. Each has one definition for all targets where
// bits should agree. Steps of moe-to-llvm, in the order it runs them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_EXPANSIONS_H
#define MOE_CODEGEN_CPU_EXPANSIONS_H

#include "moe/codegen/cpu/CpuTargets.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace moe::cpu {

/// applyPatternsGreedily without a look at the regions themselves, which takes
/// longer than the patterns: what kernels are written in has no dead blocks.
llvm::LogicalResult rewrite(mlir::Operation *root,
                            mlir::RewritePatternSet &&patterns);

/// Computes arith, math and vector arithmetic on f16 and bf16 in f32, rounding
/// after each op. For +, -, *, / and sqrt that is the correctly rounded result.
llvm::LogicalResult widenHalfFloats(mlir::Operation *root);

/// exp and exp2: own polynomials, at most 1.5 ulp, over the whole range
/// including subnormal results. The others: upstream's, f32 only. See
/// docs/numerics for the errors; ExpandMathTest measures them.
void populateMathExpansions(mlir::RewritePatternSet &patterns);

/// math.fma and vector.fma as one operation that rounds once or, where `target`
/// has no FMA, as a product and a sum.
void populateFmaExpansions(mlir::RewritePatternSet &patterns,
                           const CpuTarget &target);

/// arith.extf and arith.truncf between 16-bit floats and f32, to nearest even,
/// NaN stays NaN, where `target` has no instruction; extf to f64 by f32.
void populateHalfFloatExpansions(mlir::RewritePatternSet &patterns,
                                 const CpuTarget &target);

/// The last step, on LLVM dialect functions: a 16-bit float that the target
/// cannot convert is its bits, an i16. LLVM would hold single ones in f32 and
/// call a library to store them.
void replaceHalfFloats(mlir::ModuleOp module, const CpuTarget &target);

/// Vectors of several dimensions to one-dimensional ones, masks to comparisons,
/// reassociable reductions to trees.
llvm::LogicalResult lowerVectors(mlir::Operation *root);

} // namespace moe::cpu

#endif // MOE_CODEGEN_CPU_EXPANSIONS_H
