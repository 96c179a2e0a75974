//===- Passes.td - From planned kernels to CUDA ------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_PASSES
#define MOE_CODEGEN_CUDA_PASSES

include "mlir/Pass/PassBase.td"

def CudaLowerKernelsPass : Pass<"moe-cuda-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Prepare kernels for printing as CUDA C++";
  let description = [{
    Each moe_exec.kernel gets a #moe_cuda.launch, and a name that is one in C++.
    What of it is scalar code becomes functions of a nested module, `kernels`,
    to be simplified before they are printed: one thread's work of a kernel of
    ordinary ops, a combine or a pack; the epilogue of a matmul, the formulas of
    a router. Programs stay as they are.

    Before:

    ```mlir
    moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
      %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```

    After, beside the kernel with its `moe_cuda.launch`, and simplified:

    ```mlir
    func.func @relu(%x: !llvm.ptr, %y: !llvm.ptr, %d0: i64, %tasks: i64) attributes {moe.kernel} {
      %task = call @blockIndex() : () -> i64
      %thread = call @threadIndex() : () -> i64
      scf.for %i = %thread to %c64 step %c128 : i64 {
        %line = arith.muli %task, %c64 : i64
        %at = arith.addi %line, %i : i64
        %from = llvm.getelementptr %x[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
        %a = llvm.load %from : !llvm.ptr -> f32
        %r = arith.maximumf %a, %zero : f32
        %to = llvm.getelementptr %y[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
        llvm.store %r, %to : f32, !llvm.ptr
      }
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::moe::cuda::MoeCudaDialect"];
}

#endif // MOE_CODEGEN_CUDA_PASSES
