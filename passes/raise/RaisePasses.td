//===- RaisePasses.td - From ordinary ops to moe ops -------*- tablegen -*-===//
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

#ifndef MOE_PASSES_RAISE_RAISEPASSES_TD
#define MOE_PASSES_RAISE_RAISEPASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseLayersPass : Pass<"moe-raise-layers", "::mlir::func::FuncOp"> {
  let summary = "raises MoE layers in ordinary ops to moe ops";
  let description = [{
    Finds tensors that are an MoE layer and puts `moe.route`, `moe.group`,
    `moe.dispatch`, `moe.expert` and `moe.combine` in their place. What is
    matched is the formula of an element, not its spelling: every expert on
    every token with weights that are zero off the picks, loops over experts,
    gathered weights, sorted rows, buckets of rows are one formula. A capacity
    becomes `moe.capacity`, a choice by experts `expert_top_k`.

    Raised only if all holds: the ids are the picks of one row of scores (so
    distinct and in range); no two rows have one place of an expert; what experts
    that are not picked give is multiplied by zero; the rest of the formula is
    products of rows and weights, biases and rows of the activation table;
    logits, rows, and weights as a stack [E, ...] are tensors. Formulas are real arithmetic: 0 times an expert's Inf or NaN is
    0 here. A layer that half-matches stays as it is, with a missed remark that
    says what does not hold.

    Before:
    ```mlir
    #rows = affine_map<(t, e) -> (t, e)>
    #row = affine_map<(t, e) -> (t)>
    func.func @layer(%x: tensor<16x16xf32>, %l: tensor<16x8xf32>, %w: tensor<8x32x16xf32>) -> tensor<16x32xf32> {
      %zero = arith.constant 0.0 : f32
      %least = arith.constant 0xFF800000 : f32
      %first = arith.constant 0 : i32
      %e0 = tensor.empty() : tensor<16xf32>
      %e1 = tensor.empty() : tensor<16xi32>
      %e2 = tensor.empty() : tensor<16x32xf32>
      %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<16xf32>) -> tensor<16xf32>
      %i0 = linalg.fill ins(%first : i32) outs(%e1 : tensor<16xi32>) -> tensor<16xi32>
      %z = linalg.fill ins(%zero : f32) outs(%e2 : tensor<16x32xf32>) -> tensor<16x32xf32>
      %max:2 = linalg.generic {indexing_maps = [#rows, #row, #row], iterator_types = ["parallel", "reduction"]}
          ins(%l : tensor<16x8xf32>) outs(%m0, %i0 : tensor<16xf32>, tensor<16xi32>) {
      ^bb0(%a: f32, %m: f32, %i: i32):
        %e = linalg.index 1 : index
        %id = arith.index_cast %e : index to i32
        %more = arith.cmpf ogt, %a, %m : f32
        %m1 = arith.maximumf %a, %m : f32
        %i1 = arith.select %more, %id, %i : i32
        linalg.yield %m1, %i1 : f32, i32
      } -> (tensor<16xf32>, tensor<16xi32>)
      %y = linalg.generic {indexing_maps = [affine_map<(t, n, k) -> (t, k)>, affine_map<(t, n, k) -> (t)>,
                                            affine_map<(t, n, k) -> (t)>, affine_map<(t, n, k) -> (t, n)>],
                           iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %max#0, %max#1 : tensor<16x16xf32>, tensor<16xf32>, tensor<16xi32>) outs(%z : tensor<16x32xf32>) {
      ^bb0(%a: f32, %m: f32, %i: i32, %s: f32):
        %id = arith.index_cast %i : i32 to index
        %n = linalg.index 1 : index
        %k = linalg.index 2 : index
        %b = tensor.extract %w[%id, %n, %k] : tensor<8x32x16xf32>
        %p = arith.mulf %a, %b : f32
        %q = arith.mulf %p, %m : f32
        %r = arith.addf %s, %q : f32
        linalg.yield %r : f32
      } -> tensor<16x32xf32>
      return %y : tensor<16x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @layer(%arg0: tensor<16x16xf32>, %arg1: tensor<16x8xf32>, %arg2: tensor<8x32x16xf32>) -> tensor<16x32xf32> {
      %ids, %weights = moe.route %arg1 select top_k(1) : tensor<16x8xf32> -> tensor<16x1xi32>, tensor<16x1xf32>
      %0 = moe.group %ids : tensor<16x1xi32> -> !moe.groups<experts = 8, ragged>
      %1 = moe.dispatch %arg0 by %0 : tensor<16x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<16x16xf32>
      %2 = moe.expert %1 by %0 weights(%arg2) {
      ^bb0(%arg3: tensor<?x16xf32>, %arg4: tensor<32x16xf32>):
        %4 = moe.linear %arg3, %arg4 acc f32 : (tensor<?x16xf32>, tensor<32x16xf32>) -> tensor<?x32xf32>
        moe.yield %4 : tensor<?x32xf32>
      } : (tensor<16x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x32x16xf32>) -> tensor<16x32xf32>
      %3 = moe.combine %2 by %0 weights %weights acc f32 order slot : (tensor<16x32xf32>, !moe.groups<experts = 8, ragged>, tensor<16x1xf32>) -> tensor<16x32xf32>
      return %3 : tensor<16x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::arith::ArithDialect"];
}

def RaiseRoutesPass : Pass<"moe-raise-routes", "::mlir::func::FuncOp"> {
  let summary = "raises routers in ordinary ops to moe.route";
  let description = [{
    Replaces tensors [T, K] that hold the picks of a router, or their weights,
    by the results of a `moe.route`: score, bias, groups, top-k as a sort, a
    top-k or repeated arg-max, and the norm of the weights.

    Before:
    ```mlir
    #rows = affine_map<(t, e) -> (t, e)>
    #row = affine_map<(t, e) -> (t)>
    func.func @route(%l: tensor<16x8xf32>) -> tensor<16x2xi32> {
      %least = arith.constant 0xFF800000 : f32
      %first = arith.constant 0 : i32
      %e0 = tensor.empty() : tensor<16xf32>
      %e1 = tensor.empty() : tensor<16xi32>
      %e2 = tensor.empty() : tensor<16x8xf32>
      %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<16xf32>) -> tensor<16xf32>
      %i0 = linalg.fill ins(%first : i32) outs(%e1 : tensor<16xi32>) -> tensor<16xi32>
      %best:2 = linalg.generic {indexing_maps = [#rows, #row, #row], iterator_types = ["parallel", "reduction"]}
          ins(%l : tensor<16x8xf32>) outs(%m0, %i0 : tensor<16xf32>, tensor<16xi32>) {
      ^bb0(%a: f32, %m: f32, %i: i32):
        %e = linalg.index 1 : index
        %id = arith.index_cast %e : index to i32
        %more = arith.cmpf ogt, %a, %m : f32
        %m1 = arith.maximumf %a, %m : f32
        %i1 = arith.select %more, %id, %i : i32
        linalg.yield %m1, %i1 : f32, i32
      } -> (tensor<16xf32>, tensor<16xi32>)
      %rest = linalg.generic {indexing_maps = [#rows, #row, #rows], iterator_types = ["parallel", "parallel"]}
          ins(%l, %best#1 : tensor<16x8xf32>, tensor<16xi32>) outs(%e2 : tensor<16x8xf32>) {
      ^bb0(%a: f32, %i: i32, %o: f32):
        %e = linalg.index 1 : index
        %id = arith.index_cast %e : index to i32
        %taken = arith.cmpi eq, %i, %id : i32
        %b = arith.select %taken, %least, %a : f32
        linalg.yield %b : f32
      } -> tensor<16x8xf32>
      %next:2 = linalg.generic {indexing_maps = [#rows, #row, #row], iterator_types = ["parallel", "reduction"]}
          ins(%rest : tensor<16x8xf32>) outs(%m0, %i0 : tensor<16xf32>, tensor<16xi32>) {
      ^bb0(%a: f32, %m: f32, %i: i32):
        %e = linalg.index 1 : index
        %id = arith.index_cast %e : index to i32
        %more = arith.cmpf ogt, %a, %m : f32
        %m1 = arith.maximumf %a, %m : f32
        %i1 = arith.select %more, %id, %i : i32
        linalg.yield %m1, %i1 : f32, i32
      } -> (tensor<16xf32>, tensor<16xi32>)
      %first_ids = tensor.expand_shape %best#1 [[0, 1]] output_shape [16, 1] : tensor<16xi32> into tensor<16x1xi32>
      %second_ids = tensor.expand_shape %next#1 [[0, 1]] output_shape [16, 1] : tensor<16xi32> into tensor<16x1xi32>
      %ids = tensor.concat dim(1) %first_ids, %second_ids : (tensor<16x1xi32>, tensor<16x1xi32>) -> tensor<16x2xi32>
      return %ids : tensor<16x2xi32>
    }
    ```
    After:
    ```mlir
    func.func @route(%arg0: tensor<16x8xf32>) -> tensor<16x2xi32> {
      %ids, %weights = moe.route %arg0 select top_k(2) : tensor<16x8xf32> -> tensor<16x2xi32>, tensor<16x2xf32>
      return %ids : tensor<16x2xi32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::arith::ArithDialect"];
}

#endif // MOE_PASSES_RAISE_RAISEPASSES_TD
