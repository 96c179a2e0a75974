//===- MoeCudaDialect.td - CUDA targets, layouts and plans -*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a CUDA target says about itself and about an op stands in the IR as
// these attributes: a plan can be read, replaced by hand and tested without a
// GPU.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_MOECUDADIALECT
#define MOE_CODEGEN_CUDA_MOECUDADIALECT

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "moe/dialect/MoeInterfaces.td"

def MoeCuda_Dialect : Dialect {
  let name = "moe_cuda";
  let cppNamespace = "::moe::cuda";
  let summary = "CUDA targets, weight layouts and plans";
  let description = [{
    Attributes only: the computation stays in `moe`, and what a plan asks for is
    printed as CUDA C++ when a module is lowered.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::moe::MoeDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();

    /// On a lowered moe_exec.kernel: its #moe_cuda.launch.
    static constexpr ::llvm::StringLiteral kLaunchAttr = "moe_cuda.launch";
  }];
}

class MoeCuda_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<MoeCuda_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def MoeCuda_TargetAttr : MoeCuda_Attr<"Target", "target", [
    DeclareAttrInterfaceMethods<Moe_TargetAttrInterface>]> {
  let summary = "an architecture to compile for";
  let description = [{
    `name` is a real architecture ("sm_80", "sm_90a"); it fixes what code may
    use. `sms` is the number of multiprocessors, `smem` the bytes of shared
    memory that a block may have, `l2` bytes of cache: those of the usual device
    of the architecture when left out. They move the default plans and never the
    results.

    ```mlir
    #moe_cuda.target<name = "sm_90a">
    #moe_cuda.target<name = "sm_80", sms = 56>
    ```
  }];
  let parameters = (ins StringRefParameter<"target name">:$name,
      DefaultValuedParameter<"int64_t", "0">:$sms,
      DefaultValuedParameter<"int64_t", "0">:$smem,
      DefaultValuedParameter<"int64_t", "0">:$l2);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    const CudaArch &getArch() const;
    int64_t getNumSms() const { return getSms() ? getSms() : getArch().sms; }
    int64_t getSharedBytes() const {
      return getSmem() ? getSmem() : getArch().smem;
    }
    int64_t getL2Bytes() const { return getL2() ? getL2() : getArch().l2; }
  }];
}

def MoeCuda_RowsAttr : MoeCuda_Attr<"Rows", "rows", [
    DeclareAttrInterfaceMethods<Moe_PackedLayoutAttrInterface>]> {
  let summary = "weights in rows that bulk copies can take";
  let description = [{
    Each expert's tensors [N, K] become rows of K elements: `interleave` rows of
    the first tensor, the same of the second, and so on. Rows start on 16 bytes;
    what is past N or K is zero. Elements keep their type. device/sizes.cuh
    defines the layout.

    ```mlir
    #moe_cuda.rows<interleave = 8>
    ```
  }];
  let parameters = (ins "int64_t":$interleave);
  let assemblyFormat = "`<` struct(params) `>`";
}

def MoeCuda_MainLoop : I32EnumAttr<"MainLoop", "how a tile is summed", [
    I32EnumAttrCase<"Fma", 0, "fma">,
    I32EnumAttrCase<"Sm80Mma", 1, "sm80_mma">,
    I32EnumAttrCase<"Sm90Wgmma", 2, "sm90_wgmma">]> {
  let cppNamespace = "::moe::cuda";
  let genSpecializedAttr = 0;
}

def MoeCuda_MatmulAttr : MoeCuda_Attr<"Matmul", "matmul", [
    DeclareAttrInterfaceMethods<Moe_PlanAttrInterface>]> {
  let summary = "the plan of a grouped matmul";
  let description = [{
    A block computes a tile of `tile_m` rows of one expert by `tile_n` columns
    (of each right-hand side); k runs in steps of `tile_k`, `stages` of which are
    in shared memory at a time.

    `mainloop` is how a tile is summed, and with it the reduction class:
    - `fma`: one chain of fused multiply-adds over ascending k, in f32.
    - `sm80_mma`: bf16 tensor cores through mma.sync, fed by cp.async.
    - `sm90_wgmma`: bf16 tensor cores through wgmma, fed by TMA.
    Each sums k in one order whatever the tile, so that a row's bits do not
    depend on how many rows run beside it.

    ```mlir
    #moe_cuda.matmul<mainloop = sm80_mma, tile_m = 64, tile_n = 128,
                     tile_k = 64, stages = 3>
    ```
  }];
  let parameters = (ins EnumParameter<MoeCuda_MainLoop>:$mainloop,
      "int64_t":$tile_m, "int64_t":$tile_n, "int64_t":$tile_k,
      "int64_t":$stages);
  let assemblyFormat = "`<` struct(params) `>`";
}

def MoeCuda_LaunchAttr : MoeCuda_Attr<"Launch", "launch"> {
  let summary = "how a lowered kernel is launched";
  let description = [{
    `block` threads and `smem` bytes of dynamic shared memory a block. A
    `persistent` kernel has as many blocks as fit the device and strides over its
    tasks; any other has one a task.

    ```mlir
    #moe_cuda.launch<block = 128, smem = 49152>
    ```
  }];
  let parameters = (ins "int64_t":$block,
      DefaultValuedParameter<"int64_t", "0">:$smem,
      DefaultValuedParameter<"bool", "false">:$persistent);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // MOE_CODEGEN_CUDA_MOECUDADIALECT
