//===- FusePasses.td - From the input to the group phase ---*- tablegen -*-===//
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

#ifndef MOE_PASSES_FUSE_FUSEPASSES_TD
#define MOE_PASSES_FUSE_FUSEPASSES_TD

include "mlir/Pass/PassBase.td"

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

def LowerCountsPass : Pass<"moe-lower-counts", "::mlir::func::FuncOp"> {
  let summary = "turns counts of slots into sums over slots";
  let description = [{
    Afterwards no `moe.count` is left: each is a `linalg.generic` that adds 1 for every slot of an expert.

    Before:
    ```mlir
    func.func @count(%ids: tensor<?x2xi32>) -> tensor<8xi32> {
      %c = moe.count %ids : tensor<?x2xi32> -> tensor<8xi32>
      return %c : tensor<8xi32>
    }
    ```
    After:
    ```mlir
    func.func @count(%ids: tensor<?x2xi32>) -> tensor<8xi32> {
      %empty = tensor.empty() : tensor<8xi32>
      %zero = arith.constant 0 : i32
      %zeros = linalg.fill ins(%zero : i32) outs(%empty : tensor<8xi32>) -> tensor<8xi32>
      %c = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>],
          iterator_types = ["parallel", "reduction", "reduction"]} ins(%ids : tensor<?x2xi32>) outs(%zeros : tensor<8xi32>) {
      ^bb0(%id: i32, %sum: i32):
        %index = linalg.index 0 : index
        %expert = arith.index_cast %index : index to i32
        %same = arith.cmpi eq, %id, %expert : i32
        %one = arith.constant 1 : i32
        %none = arith.constant 0 : i32
        %more = arith.select %same, %one, %none : i32
        %next = arith.addi %sum, %more : i32
        linalg.yield %next : i32
      } -> tensor<8xi32>
      return %c : tensor<8xi32>
    }
    ```
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
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

#endif // MOE_PASSES_FUSE_FUSEPASSES_TD
