//===- RouteOps.td - Routing: route, score, select, weigh, capacity --*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifier rules carry labels (route_c1 ...): the same label stands in the
// verifier, in its negative test, and here.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_ROUTEOPS_TD
#define MOE_DIALECT_ROUTEOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"

// An empty list would print as a clause without steps.
def Moe_NormSteps : ConfinedAttr<
    TypedArrayAttrBase<Moe_NormAttr, "normalize steps">, [ArrayMinCount<1>]>;

def Moe_RouteOp : Moe_Op<"route", [Pure]> {
  let summary = "picks experts for each token and weighs them";
  let description = [{
    A router as a row of orthogonal clauses, in pipeline order; an absent clause
    is the identity:

    - `score F [as type]`: scores from logits, computed in f32; `as bf16` rounds
      them before anything reads them (Switch rounds probabilities before
      arg-max).
    - `bias %b`: added to the scores for the selection only, never in weights.
    - `groups(n keep m by max|top<j>_sum fill -inf|0)`: only experts of the `m`
      groups with the highest score take part. `fill` has no default.
    - `select top_k(k)`.
    - `normalize step ...`: over the kept, unbiased scores: `softmax`,
      `sigmoid`, `l1`, `l1(eps E add|max)`.
    - `scale c`.

    Ids are in descending selection score, ties to the lowest index; NaN is
    never selected; slots that no expert fills hold id -1 and weight 0. A third
    result, if its type is given, holds the scores [T, E].

    Rules:
    - route_c1: logits are [T, E], ids [T, K] of i32, weights [T, K], K the
      number of picks.
    - route_c2: 1 <= k <= E; k <= keep*E/n with fill -inf.
    - route_c3: n divides E, 1 <= keep <= n, a group holds the j experts that
      its score sums.
    - route_c4: bias is [E].
    - route_c5: normalize softmax and sigmoid take logits: no score clause.
    - route_c6: eps is positive and finite, and given exactly with a mode.
    - route_c7: scale is finite.
    - route_c8: scores, if wanted, are of the type after `as`, or f32.

    Adjoint: zero for ids; logits get what normalize and score pass back from the
    weights of the picks.

    ```mlir
    %ids, %w = moe.route %l score sigmoid bias %b
        groups(8 keep 4 by top2_sum fill -inf) select top_k(8)
        normalize l1(eps 1.0e-20 add) scale 2.5
        : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$logits,
      Optional<AnyRankedTensor>:$bias, OptionalAttr<Moe_ScoreFnAttr>:$score,
      OptionalAttr<TypeAttr>:$score_type,
      OptionalAttr<Moe_GroupLimitAttr>:$groups, Moe_SelectAttr:$select,
      OptionalAttr<Moe_NormSteps>:$normalize,
      OptionalAttr<F64Attr>:$scale);
  let results = (outs AnyRankedTensor:$ids, AnyRankedTensor:$weights,
      Optional<AnyRankedTensor>:$scores);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// The clauses as the semantics library knows them.
    ::moe::semantics::RouterSpec getSpec();
  }];
}

def Moe_ScoreOp : Moe_Op<"score", [Pure]> {
  let summary = "scores of a router (group phase)";
  let description = [{
    The `score` clause of `moe.route`: scores of the logits, computed in f32 and
    rounded to the result type.

    Rules:
    - score_c1: logits and scores are float tensors of one shape [T, E].

    ```mlir
    %s = moe.score sigmoid %l : tensor<?x256xf32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Moe_ScoreFnAttr:$fn, AnyRankedTensor:$logits);
  let results = (outs AnyRankedTensor:$scores);
  let assemblyFormat = [{
    custom<ScoreFn>($fn) $logits attr-dict `:` type($logits) `->` type($scores)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Moe_SelectOp : Moe_Op<"select", [Pure]> {
  let summary = "picks experts by their scores (group phase)";
  let description = [{
    The `bias`, `groups` and `select` clauses of `moe.route`.

    Rules:
    - select_c1: scores are [T, E], ids [T, K] of i32.
    - select_c2, select_c3, select_c4: as route_c2, route_c3, route_c4.

    ```mlir
    %ids = moe.select %s bias %b groups(8 keep 4 by top2_sum fill -inf) top_k(8)
        : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$scores,
      Optional<AnyRankedTensor>:$bias,
      OptionalAttr<Moe_GroupLimitAttr>:$groups, Moe_SelectAttr:$select);
  let results = (outs AnyRankedTensor:$ids);
  let assemblyFormat = [{
    $scores (`bias` $bias^)? (custom<GroupLimit>($groups)^)?
    custom<Select>($select) attr-dict `:` type($scores) (`,` type($bias)^)? `->` type($ids)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Moe_WeighOp : Moe_Op<"weigh", [Pure]> {
  let summary = "mixing weights of the picked experts (group phase)";
  let description = [{
    The `normalize` and `scale` clauses of `moe.route`, over the scores of the
    picked experts. A slot with id -1 takes no part and has weight 0.

    Rules:
    - weigh_c1: scores are [T, E], ids and weights [T, K].
    - weigh_c2: as route_c6. weigh_c3: as route_c7.

    ```mlir
    %w = moe.weigh %s, %ids normalize l1(eps 1.0e-20 add) scale 2.5
        : tensor<?x256xf32>, tensor<?x8xi32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$scores, AnyRankedTensor:$ids,
      OptionalAttr<Moe_NormSteps>:$normalize,
      OptionalAttr<F64Attr>:$scale);
  let results = (outs AnyRankedTensor:$weights);
  let assemblyFormat = [{
    $scores `,` $ids (custom<Normalize>($normalize)^)? (custom<Scale>($scale)^)?
    attr-dict `:` type($scores) `,` type($ids) `->` type($weights)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Moe_CapacityOp : Moe_Op<"capacity", [Pure,
    AllTypesMatch<["ids", "kept_ids"]>, AllTypesMatch<["weights", "kept_weights"]>]> {
  let summary = "limits the rows of each expert";
  let description = [{
    Slots claim an expert's `cap` places in `order`: `token_major` (every slot
    of a token before the next token) or `rank_major` (every token's first
    choice before any second). A slot beyond the capacity is dropped: id -1,
    weight 0. Counters cover all tokens of the call. The weights that stay are
    not renormalized.

    Rules:
    - capacity_c1: ids and weights are [T, K], results have their types.
    - capacity_c2: cap >= 1.

    ```mlir
    %ids2, %w2 = moe.capacity %ids, %w cap 64 order token_major overflow drop
        : tensor<?x1xi32>, tensor<?x1xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids, AnyRankedTensor:$weights,
      I64Attr:$cap, Moe_CapacityOrder:$order, Moe_Overflow:$overflow);
  let results = (outs AnyRankedTensor:$kept_ids, AnyRankedTensor:$kept_weights);
  let assemblyFormat = [{
    $ids `,` $weights `cap` custom<PlainInt>($cap) `order` $order `overflow` $overflow
    attr-dict `:` type($ids) `,` type($weights)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // MOE_DIALECT_ROUTEOPS_TD
