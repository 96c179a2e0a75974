//===- PlanPasses.td - From the group to the plan phase ----*- tablegen -*-===//
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

#ifndef MOE_PASSES_PLAN_PLANPASSES_TD
#define MOE_PASSES_PLAN_PLANPASSES_TD

include "mlir/Pass/PassBase.td"

def BucketTokensPass : Pass<"moe-bucket-tokens", "::mlir::func::FuncOp"> {
  let summary = "gives a function one form a token bucket";
  let description = [{
    Asks the module's target at which token counts its best plan changes and
    wraps the function's body in `moe.by_tokens` with equal regions. A target
    with one plan for every count leaves the function as it is. Precondition:
    the module has a `moe.target`.

    Before:
    ```mlir
    module attributes {moe.target = #moe_test.target<buckets = [16]>} {
      func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
        %y = math.exp %x : tensor<?x64xf32>
        return %y : tensor<?x64xf32>
      }
    }
    ```
    After:
    ```mlir
    module attributes {moe.target = #moe_test.target<buckets = [16]>} {
      func.func @layer(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
        %c0 = arith.constant 0 : index
        %t = tensor.dim %x, %c0 : tensor<?x64xf32>
        %r = moe.by_tokens %t [16] -> (tensor<?x64xf32>) {
          %y = math.exp %x : tensor<?x64xf32>
          moe.yield %y : tensor<?x64xf32>
        }, {
          %y = math.exp %x : tensor<?x64xf32>
          moe.yield %y : tensor<?x64xf32>
        }
        return %r : tensor<?x64xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
}

def PackWeightsPass : Pass<"moe-pack-weights", "::mlir::func::FuncOp"> {
  let summary = "brings weights into the layout that the plan wants";
  let description = [{
    Where the plan of a `moe.grouped_matmul` names a weight layout, its
    right-hand sides go through a `moe.pack`. Equal packs are made one by CSE,
    and over all token buckets by `moe-dedupe-kernels`, as preparations. A pack
    of run-time values is work of every call: a remark says what it costs. A
    plan whose kernel packs keeps the weights as they are.

    Before:
    ```mlir
    func.func @dense(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
      %h = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>} : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @dense(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
      %p = moe.pack %w : tensor<32x64xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 32x64xf32>
      %h = moe.grouped_matmul lhs(%x) rhs(%p) acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>}
          : (tensor<?x64xf32>, !moe.packed<#moe_test.layout<columns = 16>, 32x64xf32>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def CountCostsPass : Pass<"moe-count-costs", "::mlir::ModuleOp"> {
  let summary = "says what each function computes and moves";
  let description = [{
    Counts the FLOPs of contractions and the bytes that kernels read and write,
    and how long both take at best on the module's target (`moe/passes/plan/
    Costs.h` says what counts). An analysis remark a public function and token
    count says so; the IR stays. It runs on what comes in and on what is
    planned, so that `--moe-explain` shows both.

    Before:
    ```mlir
    func.func @dense(%x: tensor<8x64xf32>, %w: tensor<32x64xf32>) -> tensor<8x32xf32> {
      %y = moe.linear %x, %w acc f32 : (tensor<8x64xf32>, tensor<32x64xf32>) -> tensor<8x32xf32>
      return %y : tensor<8x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @dense(%x: tensor<8x64xf32>, %w: tensor<32x64xf32>) -> tensor<8x32xf32> {
      %y = moe.linear %x, %w acc f32 : (tensor<8x64xf32>, tensor<32x64xf32>) -> tensor<8x32xf32>
      return %y : tensor<8x32xf32>
    }
    ```
  }];
  let options = [
    Option<"when", "when", "std::string", /*default=*/"\"now\"",
           "What the remark calls the state of the IR: before, after">,
    ListOption<"tokens", "tokens", "int64_t",
               "Token counts where sizes are dynamic: 1, 16, 256">
  ];
}

def ScheduleTilesPass : Pass<"moe-schedule-tiles", "::mlir::func::FuncOp"> {
  let summary = "lists the row tiles that planned matmuls run over";
  let description = [{
    How many rows an expert has is data. Where a plan works on listed tiles,
    its matmul gets a `moe.tiles` of its groups; matmuls of the same groups and
    tile size share one list.

    Before:
    ```mlir
    func.func @grouped(%r: tensor<?x64xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x32x64xf32>)
        -> tensor<?x32xf32> {
      %h = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } {moe.plan = #moe_test.plan<sums = "fma", tile = 48>}
          : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @grouped(%r: tensor<?x64xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x32x64xf32>)
        -> tensor<?x32xf32> {
      %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 48>
      %h = moe.grouped_matmul lhs(%r) rhs(%w) by %g tiles(%t) acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } {moe.plan = #moe_test.plan<sums = "fma", tile = 48>}
          : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 48>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def SelectPlanPass : Pass<"moe-select-plan", "::mlir::func::FuncOp"> {
  let summary = "chooses a plan for every op that needs one";
  let description = [{
    Asks the module's target for a plan of each op and writes it as `moe.plan`.
    A plan that is already there was written by a user or a tuner and is only
    verified. Every choice is recorded as a `#moe.decision` of the function.
    Under row determinism all forms of an op must have one reduction class, or
    the pass fails. Precondition: the module has a `moe.target`.

    Before:
    ```mlir
    module attributes {moe.target = #moe_test.target<tile = 48>} {
      func.func @dense(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> attributes {moe.bounds = {T = 4096}} {
        %h = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
        ^bb0(%a: f32):
          moe.yield %a : f32
        } : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
        return %h : tensor<?x32xf32>
      }
    }
    ```
    After:
    ```mlir
    module attributes {moe.target = #moe_test.target<tile = 48>} {
      func.func @dense(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> attributes {moe.bounds = {T = 4096},
          moe.decisions = [#moe.decision<what = "plan of a matmul", chosen = "sums", reason = "the test said so",
                                         runnerUp = "none", figures = {from = 0, to = 4096}>]} {
        %h = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
        ^bb0(%a: f32):
          moe.yield %a : f32
        } {moe.plan = #moe_test.plan<sums = "sums">} : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
        return %h : tensor<?x32xf32>
      }
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

#endif // MOE_PASSES_PLAN_PLANPASSES_TD
