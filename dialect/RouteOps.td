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
include "moe/dialect/MoeInterfaces.td"

// An empty list would print as a clause without steps.
def Moe_NormSteps : ConfinedAttr<
    TypedArrayAttrBase<Moe_NormAttr, "normalize steps">, [ArrayMinCount<1>]>;

def Moe_RouteOp : Moe_Op<"route", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
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
    - `select`: a row of the selection table.
      - `top_k(k)`; `top_p(p, kmax)`: the fewest of the highest selection scores
        whose sum reaches p; `threshold(tau, kmax)`: the ones above tau.
      - `all`: every expert, in the order of their indices.
      - `table(%t[%x])`: row %x[t] of a table [V, K] of ids; `extern(%ids)`: ids
        [T, K]. An id or token id of -1 is none; any other out of range is a
        run-time error.
      - `expert_top_k(C)`: each expert takes the C tokens that score it highest,
        ties to the lowest token. Ids are token ids [E, C], weights [E, C].
    - `always(S joint|apart)`: the last S columns are no candidates; every token
      gets them, in the slots after its picks. Whether normalize and scale take
      them in (`joint`) or leave their scores as they are (`apart`) has no
      default.
    - `noise gumbel(%n)`: %n [T, E] is added to the selection scores, or with
      `second_gumbel` from the second pick on; `second_bernoulli(%u)`: the second
      pick stays iff 2 * its score > %u[t].
    - `valid(%v)`: a token whose %v[t] is false gets id -1 throughout.
    - `normalize step ...`: over the kept, unbiased scores: `softmax`,
      `sigmoid`, `masked_softmax(eps)`, `l1`, `lp(p)`, the last two also with
      `eps E add|max`.
    - `scale c`, and `expert_scale %a`: times a factor of the picked expert.

    Ids are in descending selection score, ties to the lowest index; NaN is
    never selected; slots that no expert fills hold id -1 and weight 0. A third
    result, if its type is given, holds the scores [T, E].

    Rules:
    - route_c1: logits are [T, E], ids [T, K] of i32, weights [T, K], K the
      number of slots; with expert_top_k ids and weights are [E, C].
    - route_c2: 1 <= k <= E; k <= keep*E/n with fill -inf.
    - route_c3: n divides E, 1 <= keep <= n, a group holds the j experts that
      its score sums.
    - route_c4: bias is [E], less the always-on experts.
    - route_c5: normalize softmax, sigmoid and masked_softmax take logits: no
      score clause.
    - route_c6: eps is positive and finite, and given exactly with a mode.
    - route_c7: scale is finite.
    - route_c8: scores, if wanted, are of the type after `as`, or f32.
    - route_c9: p and tau are finite, p positive; bias, groups, always and noise
      go with a selection by score, groups with top_k only.
    - route_c10: fewer experts are always on than there are; `apart` goes with
      always.
    - route_c11: noise of the second pick goes with top_k, second_bernoulli with
      two picks, second_gumbel without groups.
    - route_c12: the parameter of a normalize step is positive and finite,
      masked_softmax comes first, expert_top_k has no normalize.
    - route_c13: a table is [V, K] and token ids are [T], both of i32 or i64;
      given ids are [T, K] of i32.
    - route_c14: gumbel noise is [T, E] less the always-on experts, a bernoulli
      operand [T], valid [T] of i1; an operand is given exactly where its clause
      asks for it.
    - route_c15: expert_scale is [E].
    - route_c16: C is a number or a share of the tokens, without a minimum.

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
      Optional<AnyRankedTensor>:$bias, Optional<AnyRankedTensor>:$table,
      Optional<AnyRankedTensor>:$given, Optional<AnyRankedTensor>:$noise,
      Optional<AnyRankedTensor>:$valid, Optional<AnyRankedTensor>:$expert_scale,
      OptionalAttr<Moe_ScoreFnAttr>:$score,
      OptionalAttr<TypeAttr>:$score_type,
      OptionalAttr<Moe_GroupLimitAttr>:$groups, Moe_SelectAttr:$select,
      UnitAttr:$apart, OptionalAttr<Moe_NormSteps>:$normalize,
      OptionalAttr<F64Attr>:$scale);
  let results = (outs AnyRankedTensor:$ids, AnyRankedTensor:$weights,
      Optional<AnyRankedTensor>:$scores);
  let builders = [
    // A router that picks the k highest, from operands that every router has.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$logits,
        "::mlir::Value":$bias, "::moe::ScoreFnAttr":$score,
        "::mlir::TypeAttr":$scoreType, "::moe::GroupLimitAttr":$groups,
        "::moe::SelectAttr":$select, "::mlir::ArrayAttr":$normalize,
        "::mlir::FloatAttr":$scale), [{
      build($_builder, $_state, results, logits, bias, ::mlir::Value(),
            ::mlir::Value(), ::mlir::Value(), ::mlir::Value(),
            ::mlir::Value(), score, scoreType, groups, select,
            ::mlir::UnitAttr(), normalize, scale);
    }]>];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// The clauses as the semantics library knows them. Of expert_top_k with a
    /// share of the tokens, `topK` is 1.
    ::moe::semantics::RouterSpec getSpec();
  }];
}

def Moe_ScoreOp : Moe_Op<"score", [Pure,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
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

def Moe_SelectOp : Moe_Op<"select", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
  let summary = "picks experts by their scores (group phase)";
  let description = [{
    The `bias`, `groups`, `select`, `noise` and `valid` clauses of `moe.route`.
    An id or token id of an operand that is out of range, and not -1, makes the
    id -2, which `moe.check_ids` finds.

    Rules:
    - select_c1: scores are [T, E], ids [T, K] of i32; [E, C] with expert_top_k.
    - select_c2, select_c3, select_c4, select_c9 ...: as route_c2, route_c3,
      route_c4, route_c9 to route_c11, route_c13, route_c14, route_c16.

    ```mlir
    %ids = moe.select %s bias %b groups(8 keep 4 by top2_sum fill -inf) top_k(8)
        : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$scores,
      Optional<AnyRankedTensor>:$bias, Optional<AnyRankedTensor>:$table,
      Optional<AnyRankedTensor>:$given, Optional<AnyRankedTensor>:$noise,
      Optional<AnyRankedTensor>:$valid,
      OptionalAttr<Moe_GroupLimitAttr>:$groups, Moe_SelectAttr:$select);
  let results = (outs AnyRankedTensor:$ids);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    ::moe::semantics::RouterSpec getSpec();
  }];
}

def Moe_WeighOp : Moe_Op<"weigh", [Pure,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
  let summary = "mixing weights of the picked experts (group phase)";
  let description = [{
    The `normalize`, `scale` and `expert_scale` clauses of `moe.route`, over the
    scores of the picked experts. A slot with id -1 takes no part and has weight
    0. `apart n` leaves the last n slots at their scores. With `by expert` the
    ids are token ids [E, C].

    Rules:
    - weigh_c1: scores are [T, E], ids and weights [T, K]; by expert [E, C].
    - weigh_c2: as route_c6. weigh_c3: as route_c7. weigh_c4: as route_c15.
    - weigh_c5: 0 <= apart < K.
    - weigh_c6: as route_c12; by expert there is no normalize and no apart.

    ```mlir
    %w = moe.weigh %s, %ids normalize l1(eps 1.0e-20 add) scale 2.5
        : tensor<?x256xf32>, tensor<?x8xi32> -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$scores, AnyRankedTensor:$ids,
      Optional<AnyRankedTensor>:$expert_scale, UnitAttr:$by_expert,
      OptionalAttr<Moe_NormSteps>:$normalize,
      OptionalAttr<F64Attr>:$scale, OptionalAttr<I64Attr>:$apart);
  let results = (outs AnyRankedTensor:$weights);
  let assemblyFormat = [{
    $scores `,` $ids (`by` `expert` $by_expert^)?
    (custom<Normalize>($normalize)^)? (custom<Scale>($scale)^)?
    (`expert_scale` $expert_scale^)? (`apart` custom<PlainInt>($apart)^)?
    attr-dict `:` type($scores) `,` type($ids) (`,` type($expert_scale)^)? `->`
    type($weights)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    ::moe::semantics::RouterSpec getSpec();
  }];
}

def Moe_CapacityOp : Moe_Op<"capacity", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>,
    AllTypesMatch<["ids", "kept_ids"]>, AllTypesMatch<["weights", "kept_weights"]>]> {
  let summary = "limits the rows of each expert";
  let description = [{
    Slots claim an expert's `cap` places in `order`: `token_major` (every slot
    of a token before the next token), `rank_major` (every token's first choice
    before any second), `priority by %p` (by ranks, tokens of a rank in
    descending p) or `weight` (descending weights); ties in slot order, NaN
    last. A slot beyond the capacity is dropped: id -1, weight 0. `cap` is a
    number or a share of the tokens, see `#moe.capacity_limit`.

    With `scope n` every run of n tokens (a sequence) has places of its own; T
    is n then. `overflow recycle from %places scores %s`: each dropped slot, in
    slot order, gets the first free place that %places still holds; place
    e * cap + i is the i-th of expert e, free is one that no slot claimed; what
    is no free place is skipped. Its weight is the token's score of that expert.
    `renorm l1` divides the weights that stay by their sum. `experts E` says that
    ids are below E, where no `moe.group` of the kept ids does.

    Rules:
    - capacity_c1: ids and weights are [T, K], results have their types.
    - capacity_c2: cap >= 1; of a share, the numbers are in [1, 2^30], the
      minimum in [0, 2^30].
    - capacity_c3: scope >= 1; without recycle.
    - capacity_c4: priority is [T] of floats, given exactly with its order.
    - capacity_c5: places are [N] of i32 and scores [T, E], given exactly with
      recycle; recycle goes with the orders by tokens and ranks, whose slots
      have places.
    - capacity_c6: renorm is l1 or lp.
    - capacity_c7: experts >= 1.

    ```mlir
    %ids2, %w2 = moe.capacity %ids, %w cap 64 order token_major overflow drop
        : tensor<?x1xi32>, tensor<?x1xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$ids, AnyRankedTensor:$weights,
      Optional<AnyRankedTensor>:$priority, Optional<AnyRankedTensor>:$places,
      Optional<AnyRankedTensor>:$scores, Moe_CapacityLimitAttr:$cap,
      OptionalAttr<I64Attr>:$scope, Moe_CapacityOrder:$order,
      Moe_Overflow:$overflow, OptionalAttr<Moe_NormAttr>:$renorm,
      OptionalAttr<I64Attr>:$experts);
  let results = (outs AnyRankedTensor:$kept_ids, AnyRankedTensor:$kept_weights);
  let builders = [
    // Drops what is beyond a number of places.
    OpBuilder<(ins "::mlir::Value":$ids, "::mlir::Value":$weights,
        "::moe::CapacityLimitAttr":$cap, "::moe::CapacityOrder":$order), [{
      build($_builder, $_state, ids.getType(), weights.getType(), ids, weights,
            ::mlir::Value(), ::mlir::Value(), ::mlir::Value(), cap,
            ::mlir::IntegerAttr(), order, ::moe::Overflow::Drop,
            ::moe::NormAttr(), ::mlir::IntegerAttr());
    }]>];
  let assemblyFormat = [{
    $ids `,` $weights `cap` custom<CapacityLimit>($cap)
    (`scope` custom<PlainInt>($scope)^)? `order` $order
    (`by` $priority^ `:` type($priority))? `overflow` $overflow
    (`from` $places^ `:` type($places) `scores` $scores `:` type($scores))?
    (`renorm` custom<NormStep>($renorm)^)?
    (`experts` custom<PlainInt>($experts)^)? attr-dict `:` type($ids) `,`
    type($weights)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// Whether no slot can be beyond the capacity, whatever was picked.
    bool limitsNothing();
  }];
}

#endif // MOE_DIALECT_ROUTEOPS_TD
