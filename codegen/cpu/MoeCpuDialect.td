//===- MoeCpuDialect.td - CPU targets, layouts and plans ---*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the CPU target says about itself and about an op stands in the IR as
// these attributes: a plan can be read, replaced by hand and tested without the
// machine it is for.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_MOECPUDIALECT
#define MOE_CODEGEN_CPU_MOECPUDIALECT

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "moe/dialect/MoeInterfaces.td"

def MoeCpu_Dialect : Dialect {
  let name = "moe_cpu";
  let cppNamespace = "::moe::cpu";
  let summary = "CPU targets, weight layouts and plans";
  let description = [{
    Attributes only: the computation stays in `moe`, and what a plan asks for is
    written in `scf`, `vector` and `arith` when a kernel is lowered.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::moe::MoeDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
}

class MoeCpu_Attr<string name, string attrMnemonic, list<Trait> traits>
    : AttrDef<MoeCpu_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def MoeCpu_TargetAttr : MoeCpu_Attr<"Target", "target", [
    DeclareAttrInterfaceMethods<Moe_TargetAttrInterface>]> {
  let summary = "a processor to compile for";
  let description = [{
    `name` is a target name, optionally with features attached ("x86-64-v3",
    "x86-64-v4+avx512_bf16", "aarch64"); it fixes the vector length and the
    number of registers. `l1` and `l2` are bytes a core, `l3` bytes in all,
    `cores` how many cores a call may use: they move the default plans and never
    the results.

    `emulated_on` names the target whose instructions are emitted in the end:
    kernels are planned for `name` and run elsewhere.

    ```mlir
    #moe_cpu.target<name = "x86-64-v3", l1 = 32768, l2 = 524288, l3 = 33554432,
                    cores = 2>
    ```
  }];
  let parameters = (ins StringRefParameter<"target name">:$name,
      DefaultValuedParameter<"int64_t", "32768">:$l1,
      DefaultValuedParameter<"int64_t", "524288">:$l2,
      DefaultValuedParameter<"int64_t", "16777216">:$l3,
      DefaultValuedParameter<"int64_t", "4">:$cores,
      OptionalParameter<"::mlir::StringAttr">:$emulated_on);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    /// What the name stands for.
    CpuTarget getCpu() const;
    /// What code is emitted for: `emulated_on`, or the target itself.
    CpuTarget getEmittedCpu() const;
    /// f32 elements in a vector register.
    int64_t getLanes() const { return getCpu().vectorLanes(); }
    int64_t getRegisters() const { return getCpu().vectorRegisters(); }
  }];
}

def MoeCpu_PanelsAttr : MoeCpu_Attr<"Panels", "panels", [
    DeclareAttrInterfaceMethods<Moe_PackedLayoutAttrInterface>]> {
  let summary = "weights in column panels";
  let description = [{
    Each expert's tensors [N, K] become [ceil(N / columns)][K][tensor][columns]:
    a panel is one linear stream that holds, for each k, the elements of
    `columns` output columns of every tensor. The last panel is filled with
    zeros, and an expert takes a multiple of 64 bytes. Elements keep their type.

    With `interleave` = 2 the elements of two k stand side by side, as dot
    products of bf16 pairs read them: [ceil(N / columns)][K / 2][tensor][columns]
    [2]. K is filled up with zeros to a multiple of `depth_multiple`.

    ```mlir
    #moe_cpu.panels<columns = 16>
    #moe_cpu.panels<columns = 16, interleave = 2, depth_multiple = 32>
    ```
  }];
  let parameters = (ins "int64_t":$columns,
      DefaultValuedParameter<"int64_t", "1">:$interleave,
      DefaultValuedParameter<"int64_t", "1">:$depth_multiple);
  let assemblyFormat = "`<` struct(params) `>`";
}

def MoeCpu_MatmulAttr : MoeCpu_Attr<"Matmul", "matmul", [
    DeclareAttrInterfaceMethods<Moe_PlanAttrInterface, ["packsInKernel"]>]> {
  let summary = "the plan of a grouped matmul";
  let description = [{
    A task is a tile of at most `tile_rows` rows of one expert times
    `panels_per_task` panels of `columns` output columns. The tile's rows are
    cut into equal blocks of at most `rows` rows; a block times a panel is held
    in vector registers while k runs. Blocks of few rows walk up to `streams`
    panels at once, since one stream does not fill the memory system.

    k is cut into runs of `depth` (0: none), whose rows are packed at a time;
    sums carry on from run to run. `prefetch` is how many bytes of weights are
    fetched ahead, over all panels that are walked at once; 0 for none.

    With `pack_depth` = 0 weights come packed. Otherwise they come as they are,
    and a task packs so many k of some panels at a time into its own scratch,
    multiplies all its rows by them, and goes on to the next: what is right for
    weights that are other ones in every call.

    `reduction` is how an output element is summed: the same bits for every
    tile, block, thread count and token count. `fma` is one chain of fused
    multiply-adds over ascending k (a product and a sum on targets without).
    Where rows and weights are bf16, `dot_bf16` adds pairs of products and
    `amx_bf16` tiles of 32 k, both in f32.

    ```mlir
    #moe_cpu.matmul<rows = 12, columns = 16, tile_rows = 48,
                    panels_per_task = 8, streams = 4, prefetch = 8192>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns,
      "int64_t":$tile_rows, "int64_t":$panels_per_task,
      DefaultValuedParameter<"int64_t", "1">:$streams,
      DefaultValuedParameter<"int64_t", "0">:$depth,
      DefaultValuedParameter<"int64_t", "0">:$prefetch,
      DefaultValuedParameter<"int64_t", "0">:$pack_depth,
      StringRefParameter<"reduction class", [{"fma"}]>:$reduction);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // MOE_CODEGEN_CPU_MOECPUDIALECT
