//===- MoeTypes.td - Types of the moe dialect --------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOETYPES_TD
#define MOE_DIALECT_MOETYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "moe/dialect/MoeDialect.td"
include "moe/dialect/MoeInterfaces.td"

class Moe_Type<string name, string typeMnemonic>
    : TypeDef<Moe_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Moe_GroupsType : Moe_Type<"Groups", "groups"> {
  let summary = "rows sorted by expert";
  let description = [{
    The index work of a layer: which row every chosen (token, slot) gets. Rows
    are sorted by expert, then by flat slot t*K + j (stable). `experts` is the
    global number of experts; `local = [first, count)` is the range whose rows
    exist here (all by default): an id outside it is elsewhere, not -1.

    The layout says where an expert's rows lie, and with it how many rows there
    are at most, which is how many a tensor of rows has:

    | layout | the first row of expert e | rows |
    |---|---|---|
    | `ragged` | behind those of e - 1 | T*K |
    | `aligned<n>` | the same, at the next multiple of n | T*K + E*(n-1), up to a multiple of n |
    | `padded<C>` | e*C; an expert has at most C rows | E*C |
    | `dense` | e*T; the row of token t is e*T + t | E*T |

    Rows that belong to no slot are unspecified and reach no result. Which of its
    expert's rows a slot has cannot be seen, so compiled code is free to make
    any layout `ragged` (moe-normalize-groups).

    ```mlir
    !moe.groups<experts = 128, ragged>
    !moe.groups<experts = 128, local = [32, 16], ragged>
    !moe.groups<experts = 8, padded<64>>
    ```
  }];
  let parameters = (ins "int64_t":$numExperts, "int64_t":$localFirst,
                    "int64_t":$localCount, "::moe::plan::Layout":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilder<(ins "int64_t":$numExperts), [{
      return $_get($_ctxt, numExperts, int64_t(0), numExperts,
                   ::moe::plan::Layout());
    }]>
  ];
  let extraClassDeclaration = [{
    bool isLocal() const { return getLocalCount() != getNumExperts(); }
    bool isRagged() const {
      return getLayout().kind == ::moe::plan::Layout::Kind::Ragged;
    }
    /// The same groups, ragged.
    GroupsType asRagged() const;
  }];
}

def Moe_TilesType : Moe_Type<"Tiles", "tiles"> {
  let summary = "the row tiles of groups";
  let description = [{
    A count and a list of (expert, first row, last row + 1), each at most `rows`
    rows of one expert.

    ```mlir
    !moe.tiles<rows = 48>
    ```
  }];
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` `rows` `=` $rows `>`";
  let genVerifyDecl = 1;
}

def Moe_PackedType : Moe_Type<"Packed", "packed"> {
  let summary = "weights in a layout of the target";
  let description = [{
    One or two weight tensors [E, N, K] (or [N, K]) packed together in a layout
    that a target's kernels read, as made by `moe.pack`.

    ```mlir
    !moe.packed<#moe_cpu.panels<columns = 16>, 8x48x64xf32, 8x48x64xf32>
    ```
  }];
  let parameters = (ins "::moe::PackedLayoutAttrInterface":$layout,
                    ArrayRefParameter<"::mlir::RankedTensorType">:$tensors);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // MOE_DIALECT_MOETYPES_TD
