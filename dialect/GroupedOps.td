//===- GroupedOps.td - Group phase: grouped_matmul, by_tokens, pack --*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_GROUPEDOPS_TD
#define MOE_DIALECT_GROUPEDOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"
include "moe/dialect/MoeTypes.td"

def Moe_GroupedMatmulOp : Moe_Op<"grouped_matmul", [Pure,
    AttrSizedOperandSegments, SingleBlock, IsolatedFromAbove]> {
  let summary = "one matrix product a group of rows, with an epilogue";
  let description = [{
    For every group e and every row r of it:
    result[r, n] = epilogue(sum over k of lhs[r, k] * rhs0[e, n, k],
                            the same with rhs1, operands at (e, r, n)).
    One or two right-hand sides share a pass over the rows; `gather` takes row
    r's token from lhs [T, K] through the groups' map instead of lhs [N, K].
    Without `by` there is one group of all rows and rhs is [N, K]: a dense
    layer.

    The epilogue is a region of arith and math scalars; its arguments are one
    accumulator a right-hand side, then one value an operand. An operand is
    indexed by `columns` ([E, N] or [N]), `slots` ([T, K]: the row's (t, j)),
    `experts` ([E]) or `elements` ([N rows, N]).

    Rules:
    - grouped_matmul_c1: lhs [R, K], every rhs [E, N, K] (or [N, K] without
      `by`, or packed), of one shape; R is the bound of the groups.
    - grouped_matmul_c2: gather needs `by` with groups from slots, and lhs
      [T, K] of their tokens.
    - grouped_matmul_c3: epilogue arguments: accumulators of type acc, then one
      scalar of each operand's element type; it yields one scalar of the
      result's element type.
    - grouped_matmul_c4: operand shapes match their index.
    - grouped_matmul_c5: the epilogue holds scalar arith and math ops only.
    - grouped_matmul_c6: acc is f32 or f64.
    - grouped_matmul_c7: tiles come from the same groups.
    - grouped_matmul_c8: the groups are ragged, and not of `axis expert`.

    `tiles` (plan phase) is the list of row tiles that a plan's tasks run over;
    without groups the tiles follow from the row count and need no list.

    ```mlir
    %h = moe.grouped_matmul lhs(%x gather) rhs(%wg, %wu) by %g acc f32 {
    ^bb0(%a: f32, %u: f32):
      %m = arith.mulf %a, %u : f32
      moe.yield %m : f32
    } : (tensor<?x64xf32>, tensor<8x32x64xf32>, tensor<8x32x64xf32>,
         !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$lhs,
      Variadic<AnyTypeOf<[AnyRankedTensor, Moe_PackedType]>>:$rhs,
      Optional<Moe_GroupsType>:$groups, Optional<Moe_TilesType>:$tiles,
      Variadic<AnyRankedTensor>:$epilogue_operands,
      UnitAttr:$gather, TypeAttr:$acc,
      DefaultValuedAttr<DenseI32ArrayAttr, "{}">:$epilogue_index);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region SizedRegion<1>:$epilogue);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Right-hand sides before packing: 1 or 2.
    unsigned getNumRhs();
    /// Type of one unpacked right-hand side.
    ::mlir::RankedTensorType getRhsType(unsigned index);
    EpilogueIndex getIndexOf(unsigned operand);
    /// Columns (N) and the contracted size (K).
    int64_t getNumColumns();
    int64_t getDepth();
    /// 1 without groups.
    int64_t getNumGroups();
    /// An epilogue that yields its only accumulator.
    bool hasIdentityEpilogue();
  }];
  let builders = [
    // With an identity epilogue (a rounding to the result type if need be).
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$lhs,
        "::mlir::ValueRange":$rhs, "::mlir::Value":$groups, "bool":$gather,
        "::mlir::Type":$acc)>
  ];
}

def Moe_RowExpertsOp : Moe_Op<"row_experts", [Pure]> {
  let summary = "the local expert of every row (group phase)";
  let description = [{
    For a row of expert e its index among the local experts: where an expert's
    slice of a weight lies. -1 for rows at or past offsets[E]. `rows` is how many
    the tensors of its rows have.

    Rules:
    - row_experts_c1: the result is [N] of i32, N the rows of the groups.

    ```mlir
    %e = moe.row_experts %g rows %n : !moe.groups<experts = 8, ragged> -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Moe_GroupsType:$groups, Index:$rows);
  let results = (outs AnyRankedTensor:$experts);
  let assemblyFormat = [{
    $groups `rows` $rows attr-dict `:` qualified(type($groups)) `->` type($experts)
  }];
  let hasVerifier = 1;
}

def Moe_PlacesOp : Moe_Op<"places", [Pure,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
  let summary = "where experts have a token among those they picked (group phase)";
  let description = [{
    The inverse of ids [E, C] of tokens: places[t, e] = c where ids[e, c] = t, and
    -1 where expert e did not pick token t. Ids outside [0, T) are nobody's. A
    token that an expert names twice has one of the two places.

    Rules:
    - places_c1: ids are [E, C] of i32, the result [T, E] of i32.

    ```mlir
    %p = moe.places %ids tokens %t : tensor<8x32xi32> -> tensor<?x8xi32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids, Index:$tokens);
  let results = (outs AnyRankedTensor:$places);
  let assemblyFormat = [{
    $ids `tokens` $tokens attr-dict `:` type($ids) `->` type($places)
  }];
  let hasVerifier = 1;
}

def Moe_TilesOp : Moe_Op<"tiles", [Pure]> {
  let summary = "the row tiles of groups (plan phase)";
  let description = [{
    Cuts every group's rows into equal tiles of at most `rows` rows, as
    `dialect/plan/TileWalk.h` defines them: the work list of a grouped matmul
    whose task count is data. One list serves every matmul of the same groups
    and tile size.

    ```mlir
    %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 48>
    ```
  }];
  let arguments = (ins Moe_GroupsType:$groups);
  let results = (outs Moe_TilesType:$tiles);
  let assemblyFormat = "$groups attr-dict `:` qualified(type($groups)) `->` qualified(type($tiles))";
}

def Moe_ByTokensOp : Moe_Op<"by_tokens", [
    RecursiveMemoryEffects, RecursivelySpeculatable, SingleBlock]> {
  let summary = "one layer in several forms, chosen by the token count";
  let description = [{
    Runs region i when tokens < buckets[i] for the first such i, and the last
    region otherwise. The regions compute the same values and differ in their
    plans; they are equal at birth and are folded back when they end up equal.

    Rules:
    - by_tokens_c1: one region more than buckets.
    - by_tokens_c2: buckets are positive and ascending.
    - by_tokens_c3: every region has no arguments and yields the op's result
      types.

    ```mlir
    %y = moe.by_tokens %t [8] -> (tensor<?x64xf32>) {
      moe.yield %small : tensor<?x64xf32>
    }, {
      moe.yield %large : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Index:$tokens, DenseI64ArrayAttr:$buckets);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$forms);
  let assemblyFormat = [{
    $tokens $buckets (`->` `(` type($results)^ `)`)? $forms attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// Token counts of region i: [first, last], the last bound being open
    /// (INT64_MAX).
    std::pair<int64_t, int64_t> getTokenRange(unsigned region);
  }];
}

def Moe_PackOp : Moe_Op<"pack", [Pure]> {
  let summary = "weights in a layout of the target (plan phase)";
  let description = [{
    Packs one or two weight tensors together. Over parameters it becomes part of
    their preparation at bind time; over run-time values it is work of every
    call, and a remark says so.

    Rules:
    - pack_c1: one or two float tensors of one type, as the result's type says.
    - pack_c2: the layout can hold them.

    ```mlir
    %p = moe.pack %wg, %wu : tensor<8x32x64xf32>, tensor<8x32x64xf32>
        -> !moe.packed<#moe_cpu.panels<columns = 8>, 8x32x64xf32, 8x32x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$tensors);
  let results = (outs Moe_PackedType:$packed);
  let assemblyFormat = "$tensors attr-dict `:` type($tensors) `->` qualified(type($packed))";
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_GROUPEDOPS_TD
