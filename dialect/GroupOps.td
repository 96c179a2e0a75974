//===- GroupOps.td - Grouping rows by expert: group, dispatch, combine --*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_GROUPOPS_TD
#define MOE_DIALECT_GROUPOPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"
include "moe/dialect/MoeTypes.td"

def Moe_GroupOp : Moe_Op<"group", [Pure]> {
  let summary = "sorts the picked slots by expert";
  let description = [{
    Index work only: offsets[E+1], the (t, j) of every row and its inverse. Rows
    of an expert follow the flat slot t*K + j. Pure, so two layers with the same
    ids share one.

    Ids must lie in [-1, E); any other id is a run-time error. `padded<C>` asserts
    that no expert has more than C of them, as a `moe.capacity` sees to it, and
    `dense` that no token has an expert twice.

    Expert choice: `axis expert` takes for each expert the tokens that it picked,
    ids [E, C] in [-1, T), and T as `tokens`. Rows are then E*C, a token may
    have any number of them, and a token is named once by an expert.

    Rules:
    - group_c1: ids are [T, K] of i32, or [E, C] for `axis expert`.
    - group_c2: groups of `axis expert` are ragged, of E experts, all local.
    - group_c3: padded<C> is not smaller than the capacity that made the ids.

    ```mlir
    %g = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 128, ragged>
    %p = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 128, padded<64>>
    %c = moe.group %picks axis expert tokens %t : tensor<8x32xi32> -> !moe.groups<experts = 8, ragged>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids, Optional<Index>:$tokens);
  let results = (outs Moe_GroupsType:$groups);
  let assemblyFormat = [{
    $ids (`axis` `expert` `tokens` $tokens^)? attr-dict `:` type($ids) `->`
    qualified(type($groups))
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$groups, "::mlir::Value":$ids), [{
      build($_builder, $_state, groups, ids, ::mlir::Value());
    }]>
  ];
  let extraClassDeclaration = [{
    /// Whether ids say which tokens an expert picked.
    bool isByExpert() { return static_cast<bool>(getTokens()); }
  }];
  let hasVerifier = 1;
}

def Moe_CheckIdsOp : Moe_Op<"check_ids", [Pure]> {
  let summary = "finds an id that is no expert";
  let description = [{
    -1 if every id lies in [-1, experts), else the flat position t*K + j of the
    first that does not. Ids that a router picked need no check; those that a
    caller gives do, before anything is indexed by them.

    Rules:
    - check_ids_c1: ids are [T, K] of i32, the result [1] of i64.
    - check_ids_c2: experts >= 1.

    ```mlir
    %s = moe.check_ids %ids experts 128 : tensor<?x8xi32> -> tensor<1xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids, I64Attr:$experts);
  let results = (outs AnyRankedTensor:$status);
  let assemblyFormat = [{
    $ids `experts` custom<PlainInt>($experts) attr-dict `:` type($ids) `->`
    type($status)
  }];
  let hasVerifier = 1;
}

def Moe_RequireOp : Moe_Op<"require", [MemoryEffects<[MemWrite]>]> {
  let summary = "ends the run with an error unless a status is -1";
  let description = [{
    The error's id is core::ErrorId's; its message holds the status.

    Rules:
    - require_c1: the status is [1] of i64.

    ```mlir
    moe.require %s error 708 : tensor<1xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$status, I64Attr:$id);
  let assemblyFormat = [{
    $status `error` custom<PlainInt>($id) attr-dict `:` type($status)
  }];
  let hasVerifier = 1;
}

def Moe_GroupsFromOffsetsOp : Moe_Op<"groups_from_offsets", [Pure]> {
  let summary = "groups given by their row offsets";
  let description = [{
    Groups without a map from slots: after an all-to-all, or raised from
    torch's grouped_mm and JAX's ragged_dot. `dispatch` and `combine` cannot use
    them.

    Rules:
    - groups_from_offsets_c1: offsets are [E+1] of i32.

    ```mlir
    %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$offsets);
  let results = (outs Moe_GroupsType:$groups);
  let assemblyFormat = "$offsets attr-dict `:` type($offsets) `->` qualified(type($groups))";
  let hasVerifier = 1;
}

def Moe_OffsetsOp : Moe_Op<"offsets", [Pure]> {
  let summary = "the row offsets of groups";
  let description = [{
    Rows of expert e are offsets[e] .. offsets[e+1]: how many rows there are is
    data, never a shape.

    Rules:
    - offsets_c1: the result is [E+1] of i32.

    ```mlir
    %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
    ```
  }];
  let arguments = (ins Moe_GroupsType:$groups);
  let results = (outs AnyRankedTensor:$offsets);
  let assemblyFormat = "$groups attr-dict `:` qualified(type($groups)) `->` type($offsets)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Moe_CountOp : Moe_Op<"count", [Pure,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
  let summary = "how many slots picked each expert";
  let description = [{
    counts[..., e] is how often e is among ids[..., :, :], wherever its rows are
    computed; ids that are of none of the E experts count nowhere. What balance
    losses and bias updates are made of (`--moe-add-balance-loss`).

    Rules:
    - count_c1: ids are [..., T, K] of i32, counts [..., E] of i32 or f32, E
      static.

    Adjoint: zero.

    ```mlir
    %c = moe.count %ids : tensor<?x2xi32> -> tensor<8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids);
  let results = (outs AnyRankedTensor:$counts);
  let assemblyFormat = "$ids attr-dict `:` type($ids) `->` type($counts)";
  let hasVerifier = 1;
}

def Moe_DispatchOp : Moe_Op<"dispatch", [Pure]> {
  let summary = "gathers the tokens' rows by expert";
  let description = [{
    Row r is x[t] of the token t that row r belongs to, or x[t, j] of its slot
    where x is [T, K, H] (JetMoE's attention experts), times w[t, j] if a scale
    is given (Llama-4 weighs the input); the product is rounded to x's type.
    The result has as many rows as the groups' layout; rows that belong to no
    slot are unspecified.

    Rules:
    - dispatch_c1: x is [T, H] or [T, K, H], the result [N, H] of the same
      element type with N the rows of the groups where they are static.
    - dispatch_c2: the groups come from slots, not from offsets.
    - dispatch_c3: scale is [T, K], or [E, C] for groups of `axis expert`, which
      take no x [T, K, H].

    Adjoint: an unweighted `moe.combine`; with a scale, the weighted one.

    ```mlir
    %rows = moe.dispatch %x by %g
        : tensor<?x2048xf32>, !moe.groups<experts = 128, ragged> -> tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, Moe_GroupsType:$groups,
      Optional<AnyRankedTensor>:$scale);
  let results = (outs AnyRankedTensor:$rows);
  let assemblyFormat = [{
    $input `by` $groups (`scale` $scale^)? attr-dict `:` type($input) `,`
    qualified(type($groups)) (`,` type($scale)^)? `->` type($rows)
  }];
  let hasVerifier = 1;
}

def Moe_CombineOp : Moe_Op<"combine", [Pure, AttrSizedOperandSegments]> {
  let summary = "sums the experts' rows of each token";
  let description = [{
    y[t] = init[t] + sum over j of w[t, j] * rows[row of (t, j)]. Every product
    and sum is rounded to `acc`; `order` fixes the sequence: `slot` (ascending
    j), `expert` (ascending id), `any` (the compiler's choice, refused under row
    determinism). A slot without a row adds nothing; a token without rows is its
    init, or 0. Of groups of `axis expert` a token's rows come in ascending
    order of experts.

    `reduce none` keeps the slots apart: y[t, j] is the weighted row of (t, j),
    or 0 where it has none.

    Rules:
    - combine_c1: rows are [N, H], the result [T, H], weights [T, K], or [E, C]
      for groups of `axis expert`, init [T, H].
    - combine_c2: the groups come from slots, not from offsets.
    - combine_c3: acc is a float type.
    - combine_c4: with `reduce none` the result is [T, K, H], there is no init,
      and the groups are not of `axis expert`.

    Adjoint: a weighted `moe.dispatch`.

    ```mlir
    %y = moe.combine %o by %g weights %w init %shared acc f32 order slot
        : (tensor<?x2048xf32>, !moe.groups<experts = 128, ragged>, tensor<?x8xf32>,
           tensor<?x2048xf32>) -> tensor<?x2048xf32>
    %q = moe.combine %rows by %h reduce none acc f32 order slot
        : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x2x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$rows, Moe_GroupsType:$groups,
      Optional<AnyRankedTensor>:$weights, Optional<AnyRankedTensor>:$init,
      UnitAttr:$keep_slots, TypeAttr:$acc, Moe_CombineOrder:$order);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $rows `by` $groups (`weights` $weights^)? (`init` $init^)?
    (`reduce` `none` $keep_slots^)? `acc` $acc `order` $order attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_GROUPOPS_TD
