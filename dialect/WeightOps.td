//===- WeightOps.td - Parameters and bounds: param, load_param, assume --*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_WEIGHTOPS_TD
#define MOE_DIALECT_WEIGHTOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferIntRangeInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"

def Moe_ParamOp : Moe_Op<"param", [Symbol]> {
  let summary = "a weight tensor of the module";
  let description = [{
    Names a tensor that is bound at run time; weights are never in the IR. The
    type is the canonical one, its elements have the stored element type: a
    conversion is an op, not a property of a parameter. `from` says which
    checkpoint tensors it is made of; without it the tensor is bound under the
    symbol's name.

    Rules:
    - param_c1: the type is a static ranked tensor.
    - param_c2: the source yields exactly that type.

    ```mlir
    moe.param @up : tensor<128x768x2048xbf16>
        from #moe.source<"model.layers.0.mlp.experts.{e}.up_proj.weight" : 768x2048xbf16>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
      OptionalAttr<Moe_SourceAttr>:$source);
  let assemblyFormat = [{
    $sym_name `:` $type (`from` qualified($source)^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Moe_LoadParamOp : Moe_Op<"load_param", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a parameter";
  let description = [{
    Rules:
    - load_param_c1: the symbol is a `moe.param` of the result's type.

    ```mlir
    moe.param @up : tensor<128x768x2048xbf16>
    %w = moe.load_param @up : tensor<128x768x2048xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs AnyRankedTensor:$value);
  let assemblyFormat = "$param attr-dict `:` type($value)";
}

def Moe_AssumeOp : Moe_Op<"assume", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<InferIntRangeInterface, ["inferResultRanges"]>]> {
  let summary = "an index with a known range";
  let description = [{
    The operand, known to lie in [lo, hi]: bounds of named dimensions are
    checked once at entry by the runtime and reach integer range analysis
    through this op.

    Rules:
    - assume_c1: 0 <= lo <= hi.

    ```mlir
    %t = moe.assume %d in [0, 131072]
    ```
  }];
  let arguments = (ins Index:$value, I64Attr:$lo, I64Attr:$hi);
  let results = (outs Index:$result);
  let assemblyFormat = [{
    $value `in` ` ` `[` custom<PlainInt>($lo) `,` custom<PlainInt>($hi) `]` attr-dict
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // MOE_DIALECT_WEIGHTOPS_TD
