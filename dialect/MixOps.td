//===- MixOps.td - Mixing tokens, weights; taps ------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MIXOPS_TD
#define MOE_DIALECT_MIXOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeDialect.td"
include "moe/dialect/MoeInterfaces.td"

// Values that taps leave behind.
def Moe_TapResource : Resource<"::moe::TapResource">;

def Moe_SoftDispatchOp : Moe_Op<"soft_dispatch", [Pure,
    DeclareOpInterfaceMethods<Moe_TokenScopeOpInterface>]> {
  let summary = "rows of experts that are mixtures of all tokens";
  let description = [{
    result[e, p, h] = sum over t of weights[t, e, p] * x[t, h], summed in f32 or
    wider and rounded once: Soft MoE, and the dispatch einsum of GShard. What an
    expert gets depends on every token of the batch.

    Rules:
    - soft_dispatch_c1: x is [T, H], weights [T, E, P], the result [E, P, H],
      all float.

    Adjoint: x' = a soft_combine of the rows' gradient by the same weights.

    ```mlir
    %r = moe.soft_dispatch %x by %d
        : tensor<?x64xf32>, tensor<?x8x2xf32> -> tensor<8x2x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weights);
  let results = (outs AnyRankedTensor:$rows);
  let assemblyFormat = [{
    $input `by` $weights attr-dict `:` type($input) `,` type($weights) `->`
    type($rows)
  }];
  let hasVerifier = 1;
}

def Moe_SoftCombineOp : Moe_Op<"soft_combine", [Pure]> {
  let summary = "tokens that are mixtures of all experts' rows";
  let description = [{
    result[t, h] = sum over e and p of weights[t, e, p] * rows[e, p, h], summed
    in f32 or wider and rounded once.

    Rules:
    - soft_combine_c1: rows are [E, P, H], weights [T, E, P], the result [T, H],
      all float.

    Adjoint: rows' = a soft_dispatch of the result's gradient by the same
    weights.

    ```mlir
    %y = moe.soft_combine %o by %c
        : tensor<8x2x64xf32>, tensor<?x8x2xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$rows, AnyRankedTensor:$weights);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $rows `by` $weights attr-dict `:` type($rows) `,` type($weights) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Moe_MergeOp : Moe_Op<"merge", [Pure]> {
  let summary = "weights that are mixtures of all experts' weights";
  let description = [{
    result[m, ...] = sum over e of weights[m, e] * tensor[e, ...], summed in f32
    or wider and rounded once: one merged expert a segment of tokens (Lory,
    SMEAR), or one merged vector a token (MoV).

    Rules:
    - merge_c1: the tensor is [E, ...], weights [M, E], the result [M, ...], all
      float.

    Adjoint: tensor' = a merge of the result's gradient by the transposed
    weights.

    ```mlir
    %w = moe.merge %up by %gates
        : tensor<8x32x64xf32>, tensor<4x8xf32> -> tensor<4x32x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$tensor, AnyRankedTensor:$weights);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $tensor `by` $weights attr-dict `:` type($tensor) `,` type($weights) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Moe_TapOp : Moe_Op<"tap", [MemoryEffects<[MemWrite<Moe_TapResource>]>]> {
  let summary = "keeps a value for whoever watches";
  let description = [{
    The value becomes one more output of the function, by this name. Taps stay in
    their order and keep no other op from being moved or removed.

    Rules:
    - tap_c1: the name is not empty, and no other tap of the function has it.
    - tap_c2: it stands in the body of a function.

    ```mlir
    func.func @layer(%l: tensor<?x128xf32>) {
      moe.tap "router_logits" %l : tensor<?x128xf32>
      return
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$value);
  let assemblyFormat = "$name $value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_MIXOPS_TD
