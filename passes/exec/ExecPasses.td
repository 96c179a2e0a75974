//===- ExecPasses.td - From the plan to the exec phase -----*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes of this folder; what holds for all of them is in passes/Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_EXEC_EXECPASSES_TD
#define MOE_PASSES_EXEC_EXECPASSES_TD

include "mlir/Pass/PassBase.td"

def DedupeKernelsPass : Pass<"moe-dedupe-kernels", "::mlir::ModuleOp"> {
  let summary = "makes equal kernels one";
  let description = [{
    Kernels and preparations that differ in nothing but their name become one:
    48 equal layers are one set of kernels. Steps are renamed to the kernel that
    stays.

    Before:
    ```mlir
    module {
      moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
          inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]})
          outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
        %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 64)>
        %h = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%x, %h) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp_0 tasks affine_map<(d0) -> (d0)> args(%h, %y) : memref<?x4xf32>, memref<?x4xf32>
      }
      moe_exec.kernel @exp(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
      moe_exec.kernel @exp_0(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
    }
    ```
    After:
    ```mlir
    module {
      moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
          inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]})
          outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
        %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 64)>
        %h = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%x, %h) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%h, %y) : memref<?x4xf32>, memref<?x4xf32>
      }
      moe_exec.kernel @exp(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::moe::exec::MoeExecDialect"];
}

def FormKernelsPass : Pass<"moe-form-kernels", "::mlir::ModuleOp"> {
  let summary = "turns planned functions into programs over kernels";
  let description = [{
    Every public function becomes a `moe_exec.program`: its ops are grouped into
    kernels, every value between kernels gets a buffer, and what depends on
    parameters alone is prepared at bind time (`moe_exec.prepare`). Buffers do
    not overlap yet. Precondition: the plan phase, and a `moe.target`.

    Before:
    ```mlir
    module attributes {moe.target = #moe_test.target} {
      func.func @layer(%x: tensor<?x4xf32> {moe.name = "x", moe.dims = ["T", "H"]}) -> (tensor<?x4xf32> {moe.name = "y"})
          attributes {moe.bounds = {T = 4096}} {
        %h = math.exp %x : tensor<?x4xf32>
        %y = math.sin %h : tensor<?x4xf32>
        return %y : tensor<?x4xf32>
      }
    }
    ```
    After:
    ```mlir
    module attributes {moe.target = #moe_test.target} {
      moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
          inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]})
          outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
        %ws = moe_exec.workspace size affine_map<(d0) -> (((d0 * 16) ceildiv 64) * 64)>
        %h = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        moe_exec.launch @exp_test tasks affine_map<(d0) -> (d0)> args(%x, %h) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @sin_test tasks affine_map<(d0) -> (d0)> args(%h, %y) : memref<?x4xf32>, memref<?x4xf32>
      }
      moe_exec.kernel @exp_test(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
      moe_exec.kernel @sin_test(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.sin %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::moe::exec::MoeExecDialect",
                           "::mlir::memref::MemRefDialect"];
}

def PlanMemoryPass : Pass<"moe-plan-memory", "::mlir::ModuleOp"> {
  let summary = "lets buffers share memory where their lifetimes allow it";
  let description = [{
    Places the slices of every program's workspace by the steps that use them:
    buffers whose lifetimes do not meet share bytes. Sizes are affine in the
    program's dimensions; places are chosen by their size at the bound.

    Before:
    ```mlir
    module {
      moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
          inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]})
          outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
        %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 192)>
        %a = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        %b = moe_exec.slice %ws offset affine_map<(d0) -> (d0 * 64)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        %c = moe_exec.slice %ws offset affine_map<(d0) -> (d0 * 128)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%x, %a) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%a, %b) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%b, %c) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%c, %y) : memref<?x4xf32>, memref<?x4xf32>
      }
      moe_exec.kernel @exp(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
    }
    ```
    After:
    ```mlir
    module {
      moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
          inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]})
          outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
        %ws = moe_exec.workspace size affine_map<(d0) -> (((d0 * 16) ceildiv 64) * 128)>
        %a = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        %b = moe_exec.slice %ws offset affine_map<(d0) -> (((d0 * 16) ceildiv 64) * 64)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        %c = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%x, %a) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%a, %b) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%b, %c) : memref<?x4xf32>, memref<?x4xf32>
        moe_exec.launch @exp tasks affine_map<(d0) -> (d0)> args(%c, %y) : memref<?x4xf32>, memref<?x4xf32>
      }
      moe_exec.kernel @exp(%x: tensor<?x4xf32>) -> tensor<?x4xf32>
          attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
        %y = math.exp %x : tensor<?x4xf32>
        moe_exec.return %y : tensor<?x4xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::moe::exec::MoeExecDialect"];
}

#endif // MOE_PASSES_EXEC_EXECPASSES_TD
