//===- Passes.td - The passes of the CPU code generator ----*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CPU_PASSES
#define MOE_CODEGEN_CPU_PASSES

include "mlir/Pass/PassBase.td"

def EmulateIsaPass : Pass<"moe-emulate-isa", "::mlir::ModuleOp"> {
  let summary = "Turn instructions that the target lacks into vector ops";
  let description = [{
    Kernels that were planned for AVX-512 or AMX hold operations of the
    `x86vector` and `amx` dialects. This pass replaces each whose features
    `target` lacks by vector and arith ops that compute the same bits: sums run
    in the order of the instruction. So that code for any processor can be
    executed and checked on any other. What the target has stays.

    A tile becomes a vector of its shape, also where a loop carries it. Tile
    products become loops over a copy of the operands on the stack, which keeps
    compilation fast; the result is for checking, not for speed. Subnormal
    numbers are computed, where the instructions flush them to zero.

    Before:

    ```mlir
    func.func @k(%a: memref<16x32xbf16>, %b: memref<16x32xbf16>,
                 %c: memref<16x16xf32>) {
      %0 = arith.constant 0 : index
      %acc = amx.tile_load %c[%0, %0] : memref<16x16xf32> into !amx.tile<16x16xf32>
      %ta = amx.tile_load %a[%0, %0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
      %tb = amx.tile_load %b[%0, %0] : memref<16x32xbf16> into !amx.tile<16x32xbf16>
      %p = amx.tile_mulf %ta, %tb, %acc
        : !amx.tile<16x32xbf16>, !amx.tile<16x32xbf16>, !amx.tile<16x16xf32>
      amx.tile_store %c[%0, %0], %p : memref<16x16xf32>, !amx.tile<16x16xf32>
      return
    }
    ```

    After, with `target=x86-64-v3` (the product's inner loop):

    ```mlir
    %sums:2 = scf.for %k = %c0 to %c16 step %c1
        iter_args(%even = %zero, %odd = %zero) -> (vector<16xf32>, vector<16xf32>) {
      %pairs = vector.load %bCopy[%k, %c0] : memref<16x32xbf16>, vector<32xbf16>
      %b0 = vector.shuffle %pairs, %pairs [0, 2, 4, …] : vector<32xbf16>, vector<32xbf16>
      …
      %e = vector.fma %a0, %b0f, %even : vector<16xf32>
      %o = vector.fma %a1, %b1f, %odd : vector<16xf32>
      scf.yield %e, %o : vector<16xf32>, vector<16xf32>
    }
    %old = vector.load %cCopy[%m, %c0] : memref<16x16xf32>, vector<16xf32>
    %sum = arith.addf %sums#0, %sums#1 : vector<16xf32>
    %new = arith.addf %old, %sum : vector<16xf32>
    ```

    An operation that the target lacks and that has no emulation is an error.
  }];
  let options = [Option<
      "target", "target", "std::string", /*default=*/"\"x86-64-v3\"",
      "The target whose features are left alone, e.g. x86-64-v4+avx512_bf16">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def LowerKernelsPass : Pass<"moe-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Write each kernel as a leaf function over buffers";
  let description = [{
    This is where tensors end. Every `moe_exec.kernel` of the module becomes a
    function of the kernel ABI (codegen/abi/kernel.h) in a nested module
    `@kernels`, made of scf, arith, math, vector, amx, x86vector and llvm ops; its plans decide
    the loops. Kernels and programs stay as they are: they say how the functions
    are launched.

    The inner loops of matmuls are private functions of that module, which
    kernels with the same weight type share.

    Before:

    ```mlir
    module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
      moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>,
                                                   affine_map<(d0) -> (d0)>]} {
        %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
        moe_exec.return %y : tensor<?x64xf32>
      }
    }
    ```

    After, beside the kernel:

    ```mlir
    module @kernels {
      func.func @relu(%args: !llvm.ptr, %begin: i64, %end: i64, %worker: i32,
                      %scratch: !llvm.ptr) attributes {moe.kernel} {
        ...
        scf.for %row = %begin to %end step %c1 : i64 {
          scf.for %column = %c0 to %c64 step %c1 : i64 {
            ...
            %x = llvm.load %px : !llvm.ptr -> f32
            %y = arith.maximumf %x, %zero : f32
            llvm.store %y, %py : f32, !llvm.ptr
          }
        }
        return
      }
    }
    ```

    A kernel that cannot be lowered is an error that says which op and why.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::amx::AMXDialect",
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::mlir::x86vector::X86VectorDialect",
    "::moe::cpu::MoeCpuDialect"
  ];
}

def ToLlvmPass : Pass<"moe-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Lower kernels to the LLVM dialect for one target";
  let description = [{
    Takes every `func.func` of the module, made of func, scf, cf, arith, math,
    index, vector, memref, ub, amx, x86vector and llvm ops, to the LLVM dialect.
    Anything that cannot be lowered for `target` is reported before the first
    rewrite, with the op, the type and what would work. Then, in this order:

    1. 16-bit float arithmetic is computed in f32 and rounded after each
       operation, so that all targets agree.
    2. Transcendental functions become polynomials; no code image can call a
       math library.
    3. Vectors of several dimensions become one-dimensional ones, horizontal
       reductions with `fastmath<reassoc>` a tree of halves: the order of a sum
       is written down, not left to a target.
    4. Fused multiply-adds and 16-bit conversions that the target lacks are
       spelled out; LLVM would call a library for them.
    5. Structured control flow becomes branches, and one conversion with one
       type converter finishes: a loop may carry a value of any type.

    Before:

    ```mlir
    func.func @scale(%args: !llvm.ptr, %begin: i64, %end: i64, %worker: i32,
                     %scratch: !llvm.ptr) attributes {moe.kernel} {
      %buffers = llvm.load %args : !llvm.ptr -> !llvm.ptr
      %x = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
      %two = arith.constant dense<2.0> : vector<8xf32>
      %eight = arith.constant 8 : i64
      scf.for %i = %begin to %end step %eight : i64 {
        %p = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
        %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
        %w = arith.mulf %v, %two : vector<8xf32>
        llvm.store %w, %p {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
      }
      return
    }
    ```

    After, the loop body:

    ```mlir
    ^bb2:  // pred: ^bb1
      %6 = llvm.getelementptr %3[%4] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %7 = llvm.load %6 {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
      %8 = llvm.fmul %7, %1 : vector<8xf32>
      llvm.store %8, %6 {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
      %9 = llvm.add %4, %0 : i64
      llvm.br ^bb1(%9 : i64)
    ```
  }];
  let options = [Option<
      "target", "target", "std::string", /*default=*/"\"x86-64-v3\"",
      "What the code may use, e.g. x86-64-v4+avx512_bf16, aarch64">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::affine::AffineDialect", "::mlir::vector::VectorDialect"
  ];
}

#endif // MOE_CODEGEN_CPU_PASSES
