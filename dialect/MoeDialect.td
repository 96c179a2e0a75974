//===- MoeDialect.td - The moe dialect ---------------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEDIALECT_TD
#define MOE_DIALECT_MOEDIALECT_TD

include "mlir/IR/OpBase.td"

def Moe_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::moe";
  let summary = "What a mixture-of-experts layer computes";
  let description = [{
    The `moe` dialect says **what** a mixture-of-experts layer computes: values,
    no buffers, no threads. A layer reads like the paper: a router picks experts
    for each token (`moe.route`), the picks are grouped by expert (`moe.group`),
    rows are gathered (`moe.dispatch`), each expert's body runs on its rows
    (`moe.expert`) and the results are summed per token (`moe.combine`).

    Routers are a table, experts are code: `moe.route` has a fixed row of
    orthogonal clauses, while the body of `moe.expert` is a region over which
    ordinary passes work. Layouts belong to weights: `moe.param` names the
    checkpoint tensors and `#moe.source` says how they become [E, N, K].

    The same dialect is used in three phases. In the **input** phase a layer
    consists of the ops above; in the **group** phase routes are decomposed into
    `moe.score`, `moe.select`, `moe.weigh` and experts into
    `moe.grouped_matmul`; in the **plan** phase the same ops carry a plan as an
    attribute. How a planned program runs is said by `moe_exec`.

    Rules that hold everywhere:
    - Row tensors are sized by their bound (T*K for ragged groups), never by
      their content. Rows at or past `offsets[E]` are unspecified and reach no
      result.
    - An id of -1 means "no expert": it has no row and adds nothing.
    - Arithmetic has explicit accumulator and result types. A rounding that is
      not written in the types does not happen.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let extraClassDeclaration = [{
    /// Version written into bytecode; see docs/versioning.md.
    static constexpr int64_t kBytecodeVersion = 1;

    /// Names of the discardable attributes of this dialect.
    /// On function arguments and results: the tensor's public name.
    static constexpr ::llvm::StringLiteral kNameAttr = "moe.name";
    /// On function arguments: an array of dimension names, one a dimension.
    static constexpr ::llvm::StringLiteral kDimsAttr = "moe.dims";
    /// On functions: a dictionary from dimension name to its largest value.
    static constexpr ::llvm::StringLiteral kBoundsAttr = "moe.bounds";
    /// On any op: its plan, an attribute with PlanAttrInterface.
    static constexpr ::llvm::StringLiteral kPlanAttr = "moe.plan";
    /// On functions: an array of #moe.decision.
    static constexpr ::llvm::StringLiteral kDecisionsAttr = "moe.decisions";
    /// On modules: the target, an attribute with TargetAttrInterface.
    static constexpr ::llvm::StringLiteral kTargetAttr = "moe.target";
    /// On functions: a unit; a lowered CPU kernel, of codegen/abi's signature.
    static constexpr ::llvm::StringLiteral kKernelAttr = "moe.kernel";
    /// On modules: "row" (the default) or "none".
    static constexpr ::llvm::StringLiteral kDeterminismAttr = "moe.determinism";
    /// On modules: "none" (the default), or "approx": rewrites that change
    /// values beyond rounding, or ids at ties, are welcome.
    static constexpr ::llvm::StringLiteral kFastAttr = "moe.fast";
    /// On modules: an array of passes that leave everything as it is, of those
    /// that a compilation can do without.
    static constexpr ::llvm::StringLiteral kDisableAttr = "moe.disable";
    static constexpr ::llvm::StringLiteral kOptionalPasses[] = {
        "moe-raise-layers", "moe-raise-routes", "moe-simplify-layers",
        "moe-fuse-gather", "moe-fuse-epilogue", "moe-dedupe-kernels",
        "moe-plan-memory"};

    /// The bound of a dimension that has none of its own.
    static constexpr int64_t kDefaultBound = int64_t(1) << 20;

    /// Registration of what the generated initializer does not know.
    void registerAttributes();
    void registerTypes();
    void registerBytecode();
  }];
}

class Moe_Op<string mnemonic, list<Trait> traits = []>
    : Op<Moe_Dialect, mnemonic, traits>;

#endif // MOE_DIALECT_MOEDIALECT_TD
