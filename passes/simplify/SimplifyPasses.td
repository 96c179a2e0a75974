//===- SimplifyPasses.td - What the input phase is rewritten by *- tablegen -*-===//
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

#ifndef MOE_PASSES_SIMPLIFY_SIMPLIFYPASSES_TD
#define MOE_PASSES_SIMPLIFY_SIMPLIFYPASSES_TD

include "mlir/Pass/PassBase.td"

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
      %2 = moe.count %ids : tensor<?x2xi32> -> tensor<8xf32>
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

def SimplifyLayersPass : Pass<"moe-simplify-layers", "::mlir::func::FuncOp"> {
  let summary = "rewrites routers, weights and rows to what they amount to";
  let description = [{
    Rewrites of the input phase, each with a name and a mark: `bitwise` ones
    keep every bit (of a zero its sign aside), `real` ones are equal in real
    arithmetic and keep the ids, `approx` ones may pick another expert where
    scores tie in f32. The last ones run with `fast=approx`, or where the module
    says `moe.fast = "approx"`. docs/rationale/rewrites.md lists them with their
    conditions.

    Each that fires is a *passed* remark of its name, and a decision of the
    function.

    Before:
    ```mlir
    func.func @layer(%x: tensor<?x64xf32>, %l: tensor<?x8xf32>, %w: tensor<8x64x64xf32>, %residual: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %ids, %p = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
      %r = moe.dispatch %x by %g : tensor<?x64xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x64xf32>
      %o = moe.expert %r by %g weights(%w) {
      ^bb0(%rows: tensor<?x64xf32>, %w0: tensor<64x64xf32>):
        %a = moe.linear %rows, %w0 acc f32 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
        moe.yield %a : tensor<?x64xf32>
      } : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<8x64x64xf32>) -> tensor<?x64xf32>
      %c = moe.combine %o by %g weights %p acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x64xf32>
      %y = arith.addf %residual, %c : tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
    After:
    ```mlir
    func.func @layer(%x: tensor<?x64xf32>, %l: tensor<?x8xf32>, %w: tensor<8x64x64xf32>, %residual: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {moe.decisions = [
        #moe.decision<what = "rewrite single-pick", chosen = "the weight of a single pick over its own sum is 1", reason = "every bit stays as it is", runnerUp = "", figures = {times = 1 : i64}>,
        #moe.decision<what = "rewrite add-into-init", chosen = "what is added to a layer's result is where its sum starts", reason = "it is equal in real arithmetic", runnerUp = "", figures = {times = 1 : i64}>]} {
      %ids, %p = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
      %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
      %r = moe.dispatch %x by %g : tensor<?x64xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x64xf32>
      %o = moe.expert %r by %g weights(%w) {
      ^bb0(%rows: tensor<?x64xf32>, %w0: tensor<64x64xf32>):
        %a = moe.linear %rows, %w0 acc f32 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
        moe.yield %a : tensor<?x64xf32>
      } : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<8x64x64xf32>) -> tensor<?x64xf32>
      %y = moe.combine %o by %g init %residual acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<?x64xf32>) -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
    ```
  }];
  let options = [
    Option<"fast", "fast", "::moe::Fast", "::moe::Fast::None",
           "which rewrites run besides those that are equal in real arithmetic",
           [{::llvm::cl::values(
               clEnumValN(::moe::Fast::None, "none", "none of them"),
               clEnumValN(::moe::Fast::Approx, "approx",
                          "those that change ids where scores tie"))}]>,
  ];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::tensor::TensorDialect"];
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

#endif // MOE_PASSES_SIMPLIFY_SIMPLIFYPASSES_TD
