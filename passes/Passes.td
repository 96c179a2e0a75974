//===- Passes.td - Passes over moe IR ----------------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Target-neutral passes, in the order of the phases and alphabetical within
// one. Each name is also the name of its class, its file and its lit test:
// moe-fuse-gather, FuseGatherPass, fuse/FuseGather.cpp,
// test/passes/fuse-gather.mlir. Each example is run: what stands under "Before"
// becomes what stands under "After" (test/passes/doctest.test). Where a pass asks
// a target, the example's is #moe_test, whose answers stand in its attribute.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_PASSES_PASSES_TD
#define MOE_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// input
//===----------------------------------------------------------------------===//

def RaiseLayersPass : Pass<"moe-raise-layers", "::mlir::func::FuncOp"> {
  let summary = "raises MoE layers in ordinary ops to moe ops";
  let description = [{
    Finds tensors that are an MoE layer and puts `moe.route`, `moe.group`,
    `moe.dispatch`, `moe.expert` and `moe.combine` in their place. What is
    matched is the formula of an element, not its spelling: every expert on
    every token with weights that are zero off the picks, loops over experts,
    gathered weights, sorted rows are one formula.

    Raised only if all holds: the ids are the picks of one row of scores (so
    distinct and in range); what experts that are not picked give is multiplied
    by zero; the rest of the formula is products of rows and weights, biases and
    rows of the activation table; logits, rows, and weights as a stack [E, ...]
    are tensors. Formulas are real arithmetic: 0 times an expert's Inf or NaN is
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

def ExposeTapsPass : Pass<"moe-expose-taps", "::mlir::func::FuncOp"> {
  let summary = "makes taps outputs of their function";
  let description = [{
    The value of every `moe.tap` of a public function becomes one more result,
    named as the tap, behind those that there are. Afterwards no `moe.tap` is
    left in it.

    Before:
    ```mlir
    func.func @layer(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {moe.name = "y"}) {
      moe.tap "seen" %x : tensor<?x8xf32>
      return %x : tensor<?x8xf32>
    }
    ```
    After:
    ```mlir
    func.func @layer(%x: tensor<?x8xf32>)
        -> (tensor<?x8xf32> {moe.name = "y"}, tensor<?x8xf32> {moe.name = "seen"}) {
      return %x, %x : tensor<?x8xf32>, tensor<?x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def OverrideIdsPass : Pass<"moe-override-ids", "::mlir::func::FuncOp"> {
  let summary = "routes by ids that the caller gives";
  let description = [{
    Adds an argument `override_ids` [T, K] to a function with one router: rows
    go to these experts, while the router still runs and its ids, weights and
    logits are still results. For replaying recorded routings and for
    benchmarks of a given distribution.

    Before:
    ```mlir
    func.func @layer(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<9xi32>) {
      %ids, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
      return %ids, %o : tensor<?x2xi32>, tensor<9xi32>
    }
    ```
    After:
    ```mlir
    func.func @layer(%l: tensor<?x8xf32>, %given: tensor<?x2xi32> {moe.name = "override_ids"})
        -> (tensor<?x2xi32>, tensor<9xi32>) {
      %ids, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      %g = moe.group %given : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
      return %ids, %o : tensor<?x2xi32>, tensor<9xi32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def AddBalanceLossPass
    : Pass<"moe-add-balance-loss", "::mlir::func::FuncOp"> {
  let summary = "gives a router's balance loss or bias update as another result";
  let description = [{
    Adds a result to a function with one router: a loss `balance_loss` [1], or
    with `kind=bias-update` the bias `selection_bias` [E] of the next step. With
    T tokens, c_e the slots of expert e, f_e = c_e / sum(c) and P_e the mean over
    tokens of an expert's probability (softmax of the logits; sigmoid and
    sqrtsoftplus scores over their sum):

    | kind | what |
    |---|---|
    | switch | coefficient * E * sum(f * P) |
    | sequence | the same of every `sequence-length` of a static number of tokens, its mean |
    | global | the same with c from an argument `global_counts` [E], f32 |
    | z | coefficient * mean over tokens of logsumexp(l)^2 |
    | importance | coefficient * (standard deviation / mean of P)^2 |
    | load | the same of the mean of Phi(E * (l - the least kept logit)) |
    | bias-update | b + coefficient * sign(mean(c) - c) |

    Counts are those before any capacity. No gradient goes through f, c or b.

    Before, with `kind=bias-update`:
    ```mlir
    func.func @layer(%l: tensor<?x8xf32>) -> tensor<?x2xi32> {
      %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      return %ids : tensor<?x2xi32>
    }
    ```
    After:
    ```mlir
    func.func @layer(%arg0: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<8xf32> {moe.name = "selection_bias"}) {
      %ids, %weights = moe.route %arg0 score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      %c0 = arith.constant 0 : index
      %dim = tensor.dim %arg0, %c0 : tensor<?x8xf32>
      %0 = tensor.empty() : tensor<8xf32>
      %cst = arith.constant 0.000000e+00 : f32
      %1 = linalg.fill ins(%cst : f32) outs(%0 : tensor<8xf32>) -> tensor<8xf32>
      %2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>], iterator_types = ["parallel", "reduction", "reduction"]} ins(%ids : tensor<?x2xi32>) outs(%1 : tensor<8xf32>) {
      ^bb0(%in: i32, %out: f32):
        %8 = linalg.index 0 : index
        %9 = arith.index_cast %8 : index to i32
        %10 = arith.cmpi eq, %in, %9 : i32
        %cst_1 = arith.constant 1.000000e+00 : f32
        %cst_2 = arith.constant 0.000000e+00 : f32
        %11 = arith.select %10, %cst_1, %cst_2 : f32
        %12 = arith.addf %out, %11 : f32
        linalg.yield %12 : f32
      } -> tensor<8xf32>
      %3 = tensor.empty() : tensor<1xf32>
      %cst_0 = arith.constant 0.000000e+00 : f32
      %4 = linalg.fill ins(%cst_0 : f32) outs(%3 : tensor<1xf32>) -> tensor<1xf32>
      %5 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%2 : tensor<8xf32>) outs(%4 : tensor<1xf32>) {
      ^bb0(%in: f32, %out: f32):
        %8 = arith.addf %out, %in : f32
        linalg.yield %8 : f32
      } -> tensor<1xf32>
      %6 = tensor.empty() : tensor<8xf32>
      %7 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%2, %5 : tensor<8xf32>, tensor<1xf32>) outs(%6 : tensor<8xf32>) {
      ^bb0(%in: f32, %in_1: f32, %out: f32):
        %cst_2 = arith.constant 8.000000e+00 : f32
        %8 = arith.divf %in_1, %cst_2 : f32
        %cst_3 = arith.constant 0.000000e+00 : f32
        %cst_4 = arith.constant 0.00999999977 : f32
        %cst_5 = arith.constant -0.00999999977 : f32
        %9 = arith.cmpf olt, %8, %in : f32
        %10 = arith.select %9, %cst_5, %cst_3 : f32
        %11 = arith.cmpf ogt, %8, %in : f32
        %12 = arith.select %11, %cst_4, %10 : f32
        linalg.yield %12 : f32
      } -> tensor<8xf32>
      return %ids, %7 : tensor<?x2xi32>, tensor<8xf32>
    }
    ```
  }];
  let options = [
    Option<"kind", "kind", "std::string", "\"switch\"",
           "switch, sequence, global, z, importance, load or bias-update">,
    Option<"coefficient", "coefficient", "double", "0.01",
           "what the loss is multiplied by; of a bias, the step">,
    Option<"sequenceLength", "sequence-length", "int64_t", "0",
           "tokens of a sequence, for kind=sequence">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def UnrollLoopsPass : Pass<"moe-unroll-loops", "::mlir::func::FuncOp"> {
  let summary = "writes out loops over whole tensors";
  let description = [{
    A `scf.for` of a known count that carries tensors, and whose body makes whole
    tensors (an expert, a layer), becomes its iterations, one after another: a
    program is a list of kernels. Loops that only read and write elements stay.

    Missed where that would be more than 40000 ops.

    Before:
    ```mlir
    func.func @twice(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %y = scf.for %i = %c0 to %c2 step %c1 iter_args(%a = %x) -> (tensor<?x4xf32>) {
        %e = math.exp %a : tensor<?x4xf32>
        scf.yield %e : tensor<?x4xf32>
      }
      return %y : tensor<?x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @twice(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %count = arith.constant 2 : index
      %a = math.exp %x : tensor<?x4xf32>
      %y = math.exp %a : tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"];
}

//===----------------------------------------------------------------------===//
// input -> group
//===----------------------------------------------------------------------===//

def DecomposeRoutePass : Pass<"moe-decompose-route", "::mlir::func::FuncOp"> {
  let summary = "splits moe.route into score, select and weigh";
  let description = [{
    The clauses of a router, one op each, so that later passes can fuse the
    score into a projection's epilogue or share a selection. Precondition: none.
    Afterwards no `moe.route` is left.

    Before:
    ```mlir
    func.func @route(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %ids, %w = moe.route %l score softmax select top_k(2) normalize l1
          : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
      return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```
    After:
    ```mlir
    func.func @route(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
      %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
      %ids = moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
      %w = moe.weigh %s, %ids normalize l1 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
      return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def CheckIdsPass : Pass<"moe-check-ids", "::mlir::func::FuncOp"> {
  let summary = "checks ids that no router picked";
  let description = [{
    Where the ids of a `moe.group` are not the picks of a router (an argument,
    or anything computed elsewhere), inserts a `moe.check_ids` and a
    `moe.require`, so that an id out of range is an error and not a wrong
    number.

    Before:
    ```mlir
    func.func @group(%ids: tensor<?x2xi32>) -> !moe.groups<experts = 8, ragged> {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      return %g : !moe.groups<experts = 8, ragged>
    }
    ```
    After:
    ```mlir
    func.func @group(%ids: tensor<?x2xi32>) -> !moe.groups<experts = 8, ragged> {
      %s = moe.check_ids %ids experts 8 : tensor<?x2xi32> -> tensor<1xi64>
      moe.require %s error 708 : tensor<1xi64>
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      return %g : !moe.groups<experts = 8, ragged>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def FuseEpiloguePass : Pass<"moe-fuse-epilogue", "::mlir::func::FuncOp"> {
  let summary = "computes what follows a grouped_matmul in its epilogue";
  let description = [{
    An activation or an elementwise op whose operand is a `moe.grouped_matmul`
    used by nothing else moves into the epilogue; the gate and up products of a
    gated unit become one matmul with two right-hand sides, one pass over the
    rows. Values are the same bit for bit: a rounding between the two ops stays
    as an op of the epilogue.

    Missed where the product has other users: the remark names them.

    Before:
    ```mlir
    func.func @reglu(%x: tensor<?x64xf32>, %wg: tensor<32x64xf32>, %wu: tensor<32x64xf32>) -> tensor<?x32xf32> {
      %gate = moe.grouped_matmul lhs(%x) rhs(%wg) acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      %up = moe.grouped_matmul lhs(%x) rhs(%wu) acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      %h = moe.activate reglu(%gate, %up) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @reglu(%x: tensor<?x64xf32>, %wg: tensor<32x64xf32>, %wu: tensor<32x64xf32>) -> tensor<?x32xf32> {
      %h = moe.grouped_matmul lhs(%x) rhs(%wg, %wu) acc f32 {
      ^bb0(%gate: f32, %up: f32):
        %zero = arith.constant 0.0 : f32
        %r = arith.maximumf %gate, %zero : f32
        %y = arith.mulf %r, %up : f32
        moe.yield %y : f32
      } : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def FuseGatherPass : Pass<"moe-fuse-gather", "::mlir::func::FuncOp"> {
  let summary = "reads dispatched rows through the groups' map";
  let description = [{
    `moe.dispatch` only moves rows: a `moe.grouped_matmul` over them reads the
    tokens' rows itself (`gather`), and the copy of T*K rows is not made. A
    dispatch with a scale computes and stays.

    Before:
    ```mlir
    func.func @gather(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x64xf32>) -> tensor<?x32xf32> {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      %r = moe.dispatch %x by %g : tensor<?x64xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x64xf32>
      %h = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @gather(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<8x32x64xf32>) -> tensor<?x32xf32> {
      %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
      %h = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
      ^bb0(%a: f32):
        moe.yield %a : f32
      } : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
      return %h : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def HoistAssertsPass : Pass<"moe-hoist-asserts", "::mlir::func::FuncOp"> {
  let summary = "asks what the body of a linalg op asserts before the op";
  let description = [{
    A `cf.assert` in the body of a `linalg.generic` is asked of all iterations
    by an op of its own, and asserted once: a kernel cannot fail, a step of a
    program can.

    Before:
    ```mlir
    func.func @checked(%i: tensor<8xindex>, %x: tensor<4xf32>, %o: tensor<8xf32>) -> tensor<8xf32> {
      %c4 = arith.constant 4 : index
      %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%i : tensor<8xindex>) outs(%o : tensor<8xf32>) {
      ^bb0(%in: index, %out: f32):
        %c = arith.cmpi slt, %in, %c4 : index
        cf.assert %c, "index must be smaller than dim size"
        %e = tensor.extract %x[%in] : tensor<4xf32>
        linalg.yield %e : f32
      } -> tensor<8xf32>
      return %r : tensor<8xf32>
    }
    ```
    After:
    ```mlir
    func.func @checked(%i: tensor<8xindex>, %x: tensor<4xf32>, %o: tensor<8xf32>) -> tensor<8xf32> {
      %c4 = arith.constant 4 : index
      %true = arith.constant true
      %t = tensor.empty() : tensor<i1>
      %f = linalg.fill ins(%true : i1) outs(%t : tensor<i1>) -> tensor<i1>
      %a = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%i, %o : tensor<8xindex>, tensor<8xf32>) outs(%f : tensor<i1>) {
      ^bb0(%in: index, %old: f32, %out: i1):
        %c = arith.cmpi slt, %in, %c4 : index
        %d = arith.andi %out, %c : i1
        linalg.yield %d : i1
      } -> tensor<i1>
      %h = tensor.extract %a[] : tensor<i1>
      cf.assert %h, "index must be smaller than dim size"
      %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%i : tensor<8xindex>) outs(%o : tensor<8xf32>) {
      ^bb0(%in: index, %out: f32):
        %c = arith.cmpi slt, %in, %c4 : index
        %e = tensor.extract %x[%in] : tensor<4xf32>
        linalg.yield %e : f32
      } -> tensor<8xf32>
      return %r : tensor<8xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def LowerContractionsPass : Pass<"moe-lower-contractions", "::mlir::func::FuncOp"> {
  let summary = "makes sums of products grouped matmuls";
  let description = [{
    A linalg op on tensors that adds products of two inputs' elements, with any
    permutation of their dimensions and casts before the product, becomes a
    `moe.grouped_matmul` over rows: of one group, or of as many equal groups as
    there are batches. What its operands need (another order, a cast, a
    collapse) is written beside it.

    Left as they are: products of a few rows or columns, which packing does not
    pay for, those with a dynamic number of batches, columns or terms, and those
    of integers or f64.

    Before:
    ```mlir
    func.func @project(%x: tensor<?x64xf32>, %w: tensor<64x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %r = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x32xf32>) outs(%y : tensor<?x32xf32>) -> tensor<?x32xf32>
      return %r : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @project(%x: tensor<?x64xf32>, %w: tensor<64x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
      %e = tensor.empty() : tensor<32x64xf32>
      %t = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<64x32xf32>) outs(%e : tensor<32x64xf32>) {
      ^bb0(%in: f32, %out: f32):
        linalg.yield %in : f32
      } -> tensor<32x64xf32>
      %c0 = arith.constant 0 : index
      %dim = tensor.dim %x, %c0 : tensor<?x64xf32>
      %r = moe.grouped_matmul lhs(%x) rhs(%t) operands(%y elements) acc f32 {
      ^bb0(%a: f32, %b: f32):
        %s = arith.addf %a, %b : f32
        moe.yield %s : f32
      } : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
      return %r : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def LowerExpertsPass : Pass<"moe-lower-experts", "::mlir::func::FuncOp"> {
  let summary = "turns moe.expert into ops over the rows of all experts";
  let description = [{
    Each op of an expert's body runs over the rows of every expert at once:
    `moe.linear` on a weight argument becomes a `moe.grouped_matmul`, and each
    other op is lifted to all rows, which is what its keeping rows apart
    allows. A bias becomes an epilogue operand. `moe.dequantize` of a weight
    argument is lifted to the weights of all experts. Afterwards no `moe.expert`
    is left.

    Before:
    ```mlir
    func.func @experts(%r: tensor<?x64xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x32x64xf32>)
        -> tensor<?x32xf32> {
      %o = moe.expert %r by %g weights(%w) {
      ^bb0(%rows: tensor<?x64xf32>, %w0: tensor<32x64xf32>):
        %a = moe.linear %rows, %w0 acc f32 : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
        %y = moe.activate relu(%a) : (tensor<?x32xf32>) -> tensor<?x32xf32>
        moe.yield %y : tensor<?x32xf32>
      } : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<8x32x64xf32>) -> tensor<?x32xf32>
      return %o : tensor<?x32xf32>
    }
    ```
    After:
    ```mlir
    func.func @experts(%r: tensor<?x64xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x32x64xf32>)
        -> tensor<?x32xf32> {
      %a = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
      %o = moe.activate relu(%a) : (tensor<?x32xf32>) -> tensor<?x32xf32>
      return %o : tensor<?x32xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerFrontEndPass : Pass<"moe-lower-front-end", "::mlir::func::FuncOp"> {
  let summary = "makes front ends' sort, top-k, scan and scatter loops";
  let description = [{
    The ops of torch-mlir (`tm_tensor`) and IREE (`iree_linalg_ext`) that raising
    left become `scf.for` loops that carry tensors; a sort is stable whether its
    comparator is strict or not. An op of any other dialect is an error that
    names who legalizes it.

    Before:
    ```mlir
    func.func @cumsum(%x: tensor<8xi32>, %o: tensor<8xi32>, %c: tensor<i32>) -> tensor<8xi32> {
      %s:2 = "tm_tensor.scan"(%x, %o, %c) <{dimension = 0 : i64, inclusive = true}> ({
      ^bb0(%a: i32, %b: i32):
        %r = arith.addi %a, %b : i32
        "tm_tensor.yield"(%r) : (i32) -> ()
      }) : (tensor<8xi32>, tensor<8xi32>, tensor<i32>) -> (tensor<8xi32>, tensor<i32>)
      return %s#0 : tensor<8xi32>
    }
    ```
    After:
    ```mlir
    func.func @cumsum(%x: tensor<8xi32>, %o: tensor<8xi32>, %c: tensor<i32>) -> tensor<8xi32> {
      %c0 = arith.constant 0 : index
      %c8 = arith.constant 8 : index
      %c1 = arith.constant 1 : index
      %s:2 = scf.for %i = %c0 to %c8 step %c1 iter_args(%p = %o, %q = %c) -> (tensor<8xi32>, tensor<i32>) {
        %a = tensor.extract %q[] : tensor<i32>
        %b = tensor.extract %x[%i] : tensor<8xi32>
        %r = arith.addi %a, %b : i32
        %u = tensor.insert %r into %p[%i] : tensor<8xi32>
        %v = tensor.insert %r into %q[] : tensor<i32>
        scf.yield %u, %v : tensor<8xi32>, tensor<i32>
      }
      return %s#0 : tensor<8xi32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def LowerLinearsPass : Pass<"moe-lower-linears", "::mlir::func::FuncOp"> {
  let summary = "turns dense layers into a grouped_matmul of one group";
  let description = [{
    `moe.linear` outside experts (router projections, shared experts) becomes a
    `moe.grouped_matmul` without groups, so that dense layers run by the same
    kernels.

    Before:
    ```mlir
    func.func @router(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %b: tensor<8xf32>) -> tensor<?x8xf32> {
      %l = moe.linear %x, %w bias %b acc f32 : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      return %l : tensor<?x8xf32>
    }
    ```
    After:
    ```mlir
    func.func @router(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>, %b: tensor<8xf32>) -> tensor<?x8xf32> {
      %l = moe.grouped_matmul lhs(%x) rhs(%w) operands(%b columns) acc f32 {
      ^bb0(%a: f32, %b0: f32):
        %s = arith.addf %a, %b0 : f32
        moe.yield %s : f32
      } : (tensor<?x64xf32>, tensor<8x64xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      return %l : tensor<?x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect"];
}

def LowerMixturesPass : Pass<"moe-lower-mixtures", "::mlir::func::FuncOp"> {
  let summary = "turns soft dispatch, soft combine and merge into sums";
  let description = [{
    Afterwards no `moe.soft_dispatch`, `moe.soft_combine` and `moe.merge` is
    left: each is a sum of products in f32 (f64 where an operand is), an ordinary
    `linalg.generic`, and a rounding where the result's type is another.

    Before:
    ```mlir
    func.func @merge(%w: tensor<8x4xf32>, %p: tensor<3x8xf32>) -> tensor<3x4xf32> {
      %m = moe.merge %w by %p : tensor<8x4xf32>, tensor<3x8xf32> -> tensor<3x4xf32>
      return %m : tensor<3x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @merge(%w: tensor<8x4xf32>, %p: tensor<3x8xf32>) -> tensor<3x4xf32> {
      %e = tensor.empty() : tensor<3x4xf32>
      %c = arith.constant 0.0 : f32
      %z = linalg.fill ins(%c : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
      %m = linalg.generic {
          indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
                           affine_map<(d0, d1, d2) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%p, %w : tensor<3x8xf32>, tensor<8x4xf32>) outs(%z : tensor<3x4xf32>) {
      ^bb0(%a: f32, %b: f32, %sum: f32):
        %product = arith.mulf %a, %b : f32
        %next = arith.addf %sum, %product : f32
        linalg.yield %next : f32
      } -> tensor<3x4xf32>
      return %m : tensor<3x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerPicksPass : Pass<"moe-lower-picks", "::mlir::func::FuncOp"> {
  let summary = "gives the rows of expert choice their places";
  let description = [{
    Groups of `axis expert` become groups from offsets 0, C, 2C ...: row e*C + c
    is the token that expert e picked as its c-th. A dispatch by them gathers, a
    combine adds up the experts that `moe.places` finds, in ascending order.
    Afterwards no `moe.group` of `axis expert` is left.

    Before:
    ```mlir
    func.func @picks(%r: tensor<8x4xf32>, %ids: tensor<4x2xi32>, %t: index, %w: tensor<4x4x4xf32>) -> tensor<8x4xf32> {
      %g = moe.group %ids axis expert tokens %t : tensor<4x2xi32> -> !moe.groups<experts = 4, ragged>
      %o = moe.expert %r by %g {
      ^bb0(%rows: tensor<?x4xf32>):
        moe.yield %rows : tensor<?x4xf32>
      } : (tensor<8x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<8x4xf32>
      return %o : tensor<8x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @picks(%r: tensor<8x4xf32>, %ids: tensor<4x2xi32>, %t: index, %w: tensor<4x4x4xf32>) -> tensor<8x4xf32> {
      %offsets = arith.constant dense<[0, 2, 4, 6, 8]> : tensor<5xi32>
      %g = moe.groups_from_offsets %offsets : tensor<5xi32> -> !moe.groups<experts = 4, ragged>
      %o = moe.expert %r by %g {
      ^bb0(%rows: tensor<?x4xf32>):
        moe.yield %rows : tensor<?x4xf32>
      } : (tensor<8x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<8x4xf32>
      return %o : tensor<8x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerVirtualPass : Pass<"moe-lower-virtual", "::mlir::func::FuncOp"> {
  let summary = "takes experts without weights out of the groups";
  let description = [{
    A slot with a virtual expert loses its row: the ids are made -1 there and
    number the other experts without gaps. What identity and constant experts
    yield is added to a token's init: x times the sum of their weights, and each
    constant times its own. Condition: rows come from a `moe.dispatch` of [T, H]
    and the result goes to `moe.combine`s, all by one `moe.group`. Equal in real
    numbers: a token's sum starts with its virtual experts.

    Before:
    ```mlir
    func.func @zero(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>, %w: tensor<4x4x4xf32>) -> tensor<8x4xf32> {
      %g = moe.group %ids : tensor<8x2xi32> -> !moe.groups<experts = 5, ragged>
      %r = moe.dispatch %x by %g : tensor<8x4xf32>, !moe.groups<experts = 5, ragged> -> tensor<16x4xf32>
      %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 4 to 4>] {
      ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
        moe.yield %rows : tensor<?x4xf32>
      } : (tensor<16x4xf32>, !moe.groups<experts = 5, ragged>, tensor<4x4x4xf32>) -> tensor<16x4xf32>
      %y = moe.combine %o by %g acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 5, ragged>) -> tensor<8x4xf32>
      return %y : tensor<8x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @zero(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>, %w: tensor<4x4x4xf32>) -> tensor<8x4xf32> {
      %all = moe.group %ids : tensor<8x2xi32> -> !moe.groups<experts = 5, ragged>
      %e = tensor.empty() : tensor<8x2xi32>
      %own = linalg.generic {
          indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
          iterator_types = ["parallel", "parallel"]}
          ins(%ids : tensor<8x2xi32>) outs(%e : tensor<8x2xi32>) {
      ^bb0(%id: i32, %before: i32):
        %none = arith.constant -1 : i32
        %zero = arith.constant 0 : i32
        %last = arith.constant 4 : i32
        %behind = arith.cmpi sgt, %id, %last : i32
        %count = arith.constant 1 : i32
        %shift = arith.select %behind, %count, %zero : i32
        %number = arith.subi %id, %shift : i32
        %low = arith.constant 4 : i32
        %above = arith.cmpi sge, %id, %low : i32
        %high = arith.constant 4 : i32
        %below = arith.cmpi sle, %id, %high : i32
        %inside = arith.andi %above, %below : i1
        %next = arith.select %inside, %none, %number : i32
        linalg.yield %next : i32
      } -> tensor<8x2xi32>
      %g = moe.group %own : tensor<8x2xi32> -> !moe.groups<experts = 4, ragged>
      %r = moe.dispatch %x by %g : tensor<8x4xf32>, !moe.groups<experts = 4, ragged> -> tensor<16x4xf32>
      %o = moe.expert %r by %g weights(%w) {
      ^bb0(%rows: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
        moe.yield %rows : tensor<?x4xf32>
      } : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>, tensor<4x4x4xf32>) -> tensor<16x4xf32>
      %y = moe.combine %o by %g acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<8x4xf32>
      return %y : tensor<8x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def NormalizeGroupsPass : Pass<"moe-normalize-groups", "::mlir::func::FuncOp"> {
  let summary = "makes the rows of all groups ragged";
  let description = [{
    Which of its expert's rows a slot has reaches no result, so aligned, padded
    and dense rows become ragged ones, and no kernel pads. Condition: the groups
    are used by `moe.dispatch`, `moe.expert` and `moe.combine`, and rows by the
    last two; any other use is an error. Afterwards all groups are ragged.

    Before:
    ```mlir
    func.func @padded(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>) -> tensor<8x4xf32> {
      %g = moe.group %ids : tensor<8x2xi32> -> !moe.groups<experts = 5, padded<4>>
      %r = moe.dispatch %x by %g : tensor<8x4xf32>, !moe.groups<experts = 5, padded<4>> -> tensor<20x4xf32>
      %y = moe.combine %r by %g acc f32 order slot : (tensor<20x4xf32>, !moe.groups<experts = 5, padded<4>>) -> tensor<8x4xf32>
      return %y : tensor<8x4xf32>
    }
    ```
    After:
    ```mlir
    func.func @padded(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>) -> tensor<8x4xf32> {
      %g = moe.group %ids : tensor<8x2xi32> -> !moe.groups<experts = 5, ragged>
      %r = moe.dispatch %x by %g : tensor<8x4xf32>, !moe.groups<experts = 5, ragged> -> tensor<16x4xf32>
      %y = moe.combine %r by %g acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 5, ragged>) -> tensor<8x4xf32>
      return %y : tensor<8x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect"];
}

def SplitResultsPass : Pass<"moe-split-results", "::mlir::func::FuncOp"> {
  let summary = "gives outputs that are indexed differently ops of their own";
  let description = [{
    A `linalg.generic` without reductions whose outputs have different maps
    becomes one op an output; each repeats what it needs of the body.

    Before:
    ```mlir
    func.func @pair(%x: tensor<8xf32>, %a: tensor<8x1xf32>, %b: tensor<8xf32>) -> (tensor<8x1xf32>, tensor<8xf32>) {
      %r:2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%a, %b : tensor<8x1xf32>, tensor<8xf32>) {
      ^bb0(%in: f32, %p: f32, %q: f32):
        %e = math.exp %in : f32
        linalg.yield %in, %e : f32, f32
      } -> (tensor<8x1xf32>, tensor<8xf32>)
      return %r#0, %r#1 : tensor<8x1xf32>, tensor<8xf32>
    }
    ```
    After:
    ```mlir
    func.func @pair(%x: tensor<8xf32>, %a: tensor<8x1xf32>, %b: tensor<8xf32>) -> (tensor<8x1xf32>, tensor<8xf32>) {
      %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, 0)>], iterator_types = ["parallel"]} ins(%x, %b : tensor<8xf32>, tensor<8xf32>) outs(%a : tensor<8x1xf32>) {
      ^bb0(%in: f32, %q: f32, %p: f32):
        %e = math.exp %in : f32
        linalg.yield %in : f32
      } -> tensor<8x1xf32>
      %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %a : tensor<8xf32>, tensor<8x1xf32>) outs(%b : tensor<8xf32>) {
      ^bb0(%in: f32, %p: f32, %q: f32):
        %e = math.exp %in : f32
        linalg.yield %e : f32
      } -> tensor<8xf32>
      return %r, %s : tensor<8x1xf32>, tensor<8xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

//===----------------------------------------------------------------------===//
// group -> plan
//===----------------------------------------------------------------------===//

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
    of run-time values is work of every call: a remark says what it costs.

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

//===----------------------------------------------------------------------===//
// plan -> exec
//===----------------------------------------------------------------------===//

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

#endif // MOE_PASSES_PASSES_TD
