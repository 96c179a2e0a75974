//===- ExpertOps.td - Experts: expert, linear, activate, dequantize --*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EXPERTOPS_TD
#define MOE_DIALECT_EXPERTOPS_TD

include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"
include "moe/dialect/MoeTypes.td"

def Moe_ExpertOp : Moe_Op<"expert", [Pure, AttrSizedOperandSegments,
    SingleBlockImplicitTerminator<"::moe::YieldOp">]> {
  let summary = "runs each expert's body on its rows";
  let description = [{
    For every expert e: result[rows of e] = body(rows of e, W0[e], W1[e], ...).
    The body is a function of ONE expert's rows: its first argument is the rows,
    the others are the expert's slices of the weight operands, without the
    leading expert dimension. It may hold `moe.linear`, `moe.activate`,
    `moe.dequantize`, elementwise arith and math on tensors, and linalg ops that
    keep rows apart. LoRA is two linears and an add.

    `virtual` names experts that have no weights and do not run the body: an
    `identity` expert yields its rows as they are, a `zero` expert zeros, and
    constant expert number i of all, in ascending order, row i of `constants`
    [C, n]. What they yield is rounded to the result's type.

    Rules:
    - expert_c1: body arguments are the rows and one slice a weight operand, of
      matching types; the row dimension is dynamic.
    - expert_c2: every weight operand is [E, ...] with E the local experts of
      the groups less those that are virtual.
    - expert_c3: the body yields one tensor [rows, n]; the result is [N, n] of
      that element type.
    - expert_c4: ops of the body keep rows apart, and it yields rows.
    - expert_c5: ranges of virtual experts ascend, do not overlap, lie within the
      experts of the groups and leave a local expert.
    - expert_c6: with an identity expert rows and result have one width; there
      are `constants` [C, n] exactly where there are C constant experts.

    ```mlir
    %o = moe.expert %rows by %g weights(%up, %down) {
    ^bb0(%r: tensor<?x64xf32>, %u: tensor<32x64xf32>, %d: tensor<64x32xf32>):
      %a = moe.linear %r, %u acc f32 : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      %h = moe.activate relu(%a) : (tensor<?x32xf32>) -> tensor<?x32xf32>
      %y = moe.linear %h, %d acc f32 : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
      moe.yield %y : tensor<?x64xf32>
    } : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<8x32x64xf32>,
         tensor<8x64x32xf32>) -> tensor<?x64xf32>
    // Ids 8 to 11 pass their rows through.
    %v = moe.expert %rows by %h weights(%w) virtual [#moe.virtual<identity 8 to 11>] {
    ^bb0(%r: tensor<?x64xf32>, %w0: tensor<64x64xf32>):
      %y = moe.linear %r, %w0 acc f32 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
      moe.yield %y : tensor<?x64xf32>
    } : (tensor<?x64xf32>, !moe.groups<experts = 12, ragged>, tensor<8x64x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$rows, Moe_GroupsType:$groups,
      Variadic<AnyRankedTensor>:$weights,
      Optional<AnyRankedTensor>:$constants,
      OptionalAttr<Moe_VirtualArray>:$virtual_experts);
  let results = (outs AnyRankedTensor:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $rows `by` $groups (`weights` `(` $weights^ `)`)?
    (`virtual` $virtual_experts^)? (`constants` `(` $constants^ `)`)? $body
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The range that an id lies in; null for an expert with weights.
    VirtualAttr virtualOf(int64_t id);
    /// Virtual experts among ids [first, last).
    int64_t countVirtual(int64_t first, int64_t last);
  }];
}

def Moe_LinearOp : Moe_Op<"linear", [Pure]> {
  let summary = "rows times a transposed weight matrix";
  let description = [{
    result[r, n] = sum over k of rows[r, k] * weight[n, k] + bias[n], summed in
    `acc` and rounded once to the result type. Operand types may differ (f32
    rows, bf16 weights): products are exact in `acc` or wider.

    Outside `moe.expert` it is an ordinary dense layer: the router projection, a
    shared expert.

    Rules:
    - linear_c1: rows [R, K], weight [N, K], result [R, N], all float.
    - linear_c2: bias is [N].
    - linear_c3: acc is f32 or f64.

    Adjoint: rows' = dy * weight; weight' = dyT * rows (a grouped_matmul with
    ragged contraction inside `moe.expert`).

    ```mlir
    %y = moe.linear %r, %w bias %b acc f32
        : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$rows, AnyRankedTensor:$weight,
      Optional<AnyRankedTensor>:$bias, TypeAttr:$acc);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $rows `,` $weight (`bias` $bias^)? `acc` $acc attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Moe_ActivateOp : Moe_Op<"activate", [Pure]> {
  let summary = "an activation, plain or gated";
  let description = [{
    A row of the activation table over one operand, or over (gate, up) for the
    gated linear units, with its parameters. Computed in f32, rounded to the
    result type. Parameters in which implementations differ have no default:
    `clamp_glu` (gpt-oss) wants all of alpha, beta and limit.

    Rules:
    - activate_c1: as many operands as the row takes.
    - activate_c2: operands and result have one shape, all float.
    - activate_c3: exactly the row's parameters, required ones present, finite.

    ```mlir
    %h = moe.activate swiglu(%gate, %up)
        : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    %c = moe.activate clamp_glu(%gate, %up) {alpha = 1.702, beta = 1.0, limit = 7.0}
        : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Moe_ActivationAttr:$kind,
      Variadic<AnyRankedTensor>:$operands_, OptionalAttr<F64Attr>:$alpha,
      OptionalAttr<F64Attr>:$beta, OptionalAttr<F64Attr>:$limit);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    custom<Activation>($kind) `(` $operands_ `)` attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    /// The row's parameters in table order, defaults filled in.
    ::llvm::SmallVector<double> getParams();
  }];
}

def Moe_DequantizeOp : Moe_Op<"dequantize", [Pure]> {
  let summary = "weights from codes and scales";
  let description = [{
    Decodes stored weights by a row of the format table: (code - zero) * scale,
    in real arithmetic, rounded once to the result type. A producer: it is never
    an attribute of a matmul. Decoded at bind time unless a kernel fuses it.

    What a format has beyond codes and scales follows them, in this order: its
    zeros, the scales of whole matrices, and, where columns were reordered, the
    group of each column.

    Rules:
    - dequantize_c1: codes [E?, N, K] of the format's element, or [E?, N, K/32,
      16] for mxfp4; of packed codes K, or N, counts words: 8 codes of 4 bits in
      an i32, 2 in an i8, the last one may be used in part.
    - dequantize_c2: scales [E?, ceil(N/rows), ceil(K/columns)]; `block [rows,
      columns]` is given exactly where the format has no block of its own, whose
      columns divide K.
    - dequantize_c3: the result is a float tensor [E?, N, K].
    - dequantize_c4: zeros are words along rows, one code a scale; the scales of
      matrices are floats [E?, 1, 1]; groups are i32 [E?, K].

    ```mlir
    %w = moe.dequantize fp8_block %codes, %scales block [128, 128]
        : tensor<8x192x256xf8E4M3FN>, tensor<8x2x2xf32> -> tensor<8x192x256xf32>
    %v = moe.dequantize gptq_int4 %c, %s, %z, %g block [1, 32]
        : tensor<8x96x8xi32>, tensor<8x96x2xf16>, tensor<8x12x2xi32>, tensor<8x64xi32>
        -> tensor<8x96x64xbf16>
    ```
  }];
  let arguments = (ins Moe_QuantFormatAttr:$format, AnyRankedTensor:$codes,
      AnyRankedTensor:$scales, Variadic<AnyRankedTensor>:$extras,
      OptionalAttr<DenseI64ArrayAttr>:$block);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    custom<QuantFormat>($format) $codes `,` $scales (`,` $extras^)?
    (`block` $block^)? attr-dict
    `:` type($codes) `,` type($scales) (`,` type($extras)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Elements of one scale along rows and columns, from the op or the table.
    std::pair<int64_t, int64_t> getBlockShape();
    /// What the format has beyond codes and scales; null where it has not.
    ::mlir::Value getZeros();
    ::mlir::Value getMatrixScales();
    ::mlir::Value getColumnGroups();
  }];
}

def Moe_YieldOp : Moe_Op<"yield", [Pure, Terminator,
    ParentOneOf<["ExpertOp", "GroupedMatmulOp", "ByTokensOp"]>]> {
  let summary = "ends a region of the moe dialect";
  let description = [{
    The value of an expert's body, of an epilogue, or of a token bucket.

    ```mlir
    %h = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{
    build($_builder, $_state, ::mlir::ValueRange());
  }]>];
}

#endif // MOE_DIALECT_EXPERTOPS_TD
