// RUN: moe-test-opt %s -moe-form-kernels -mlir-print-local-scope -split-input-file -verify-diagnostics | FileCheck %s

// A layer: a router's clauses are one kernel, the index work one, each matmul
// one, the combine one. Values between kernels have a place in the workspace;
// the results are written where they belong.
// CHECK-LABEL: moe_exec.program @layer
// CHECK-SAME: dims(%[[T:[a-z0-9]+]]: index {bound = 4096 : i64, name = "T"})
// CHECK-SAME: inputs(%[[X:[a-z0-9]+]]: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"}, %[[L:[a-z0-9]+]]: memref<?x8xf32> {dims = ["T", "8"], name = "router_logits"})
// CHECK-SAME: outputs(%[[Y:[a-z0-9]+]]: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"}, %[[I:[a-z0-9]+]]: memref<?x2xi32> {dims = ["T", "2"], name = "topk_ids"})
// CHECK-SAME: attributes {moe.decisions = [#moe.decision<what = "a", chosen = "b", reason = "c", runnerUp = "d">]} {
// CHECK-NEXT: %[[WS:.*]] = moe_exec.workspace size affine_map<(d0) -> (
// CHECK-DAG: %[[W:.*]] = moe_exec.param @[[UP:.*]] : memref<8x32x64xf32>
// CHECK-DAG: %[[V:.*]] = moe_exec.param @[[DOWN:.*]] : memref<8x64x32xf32>
// CHECK: moe_exec.launch @route_8_test tasks affine_map<(d0) -> (d0)> args(%[[L]], %[[I]], %[[WT:.*]]) : memref<?x8xf32>, memref<?x2xi32>, memref<?x2xf32>
// CHECK-NEXT: moe_exec.launch @group_test tasks affine_map<(d0) -> (d0)> args(%[[I]], %[[O:.*]], %[[S:.*]], %[[R:.*]], %[[N:.*]], %[[TL:.*]]) : memref<?x2xi32>, memref<9xi32>, memref<?xi32>, memref<?xi32>, memref<1xi64>, memref<?x3xi32>
// The first matmul's tasks are the listed tiles; both read the tokens' map.
// CHECK-NEXT: moe_exec.launch @grouped_matmul_32x64_f32_test tasks from %[[N]] : memref<1xi64> times 2 args(%[[X]], %[[W]], %[[O]], %[[S]], %[[R]], %[[N]], %[[TL]], %[[H:.*]])
// CHECK-NEXT: moe_exec.launch @grouped_matmul_64x32_f32_test tasks affine_map<(d0) -> (d0)> args(%[[H]], %[[V]], %[[O]], %[[S]], %[[R]], %[[E:.*]])
// CHECK-NEXT: moe_exec.launch @combine_64_test tasks affine_map<(d0) -> (d0)> args(%[[E]], %[[O]], %[[S]], %[[R]], %[[WT]], %[[Y]])
// CHECK-NEXT: }

// Kernels hold the ops as they were, over arguments, with the sizes of all.
// CHECK: moe_exec.kernel @route_8_test(%[[KL:.*]]: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
// CHECK-NEXT: %[[KS:.*]] = moe.score softmax %[[KL]]
// CHECK-NEXT: %[[KI:.*]] = moe.select %[[KS]] top_k(2)
// CHECK-NEXT: %[[KW:.*]] = moe.weigh %[[KS]], %[[KI]] normalize l1
// CHECK-NEXT: moe_exec.return %[[KI]], %[[KW]]
// CHECK: moe_exec.kernel @group_test(%{{.*}}: tensor<?x2xi32>) -> (!moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>)
// Rows of groups are T*K, listed tiles as many as T*K rows can make.
// CHECK-SAME: sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> ((d0 * 2) floordiv 16 + 8)>]
// CHECK: moe_exec.kernel @grouped_matmul_32x64_f32_test(%{{.*}}: tensor<?x64xf32>, %{{.*}}: tensor<8x32x64xf32>, %{{.*}}: !moe.groups<experts = 8, ragged>, %{{.*}}: !moe.tiles<rows = 16>) -> tensor<?x32xf32>
// CHECK-SAME: scratch = 256 : i64
// CHECK-SAME: affine_map<(d0) -> (d0 * 2)>]
// CHECK: {moe.plan = #moe_test.plan<sums = "fma", tile = 16>}
// CHECK: moe_exec.kernel @grouped_matmul_64x32_f32_test
// CHECK: moe_exec.kernel @combine_64_test

// Nothing is left of functions and parameters; those read as they lie have no kernel.
// CHECK-NOT: func.func
// CHECK-NOT: moe.param
module attributes {moe.target = #moe_test.target<columns = 16>} {
  moe.param @up : tensor<8x32x64xf32> from #moe.source<"up.{e}" : 32x64xf32>
  moe.param @down : tensor<8x64x32xf32> from #moe.source<"down" : 8x64x32xf32>
  func.func @layer(%x: tensor<?x64xf32> {moe.name = "hidden_states", moe.dims = ["T", "H"]}, %l: tensor<?x8xf32> {moe.name = "router_logits", moe.dims = ["T", "E"]})
      -> (tensor<?x64xf32> {moe.name = "hidden_states"}, tensor<?x2xi32> {moe.name = "topk_ids"})
      attributes {moe.bounds = {T = 4096}, moe.decisions = [#moe.decision<what = "a", chosen = "b", reason = "c", runnerUp = "d">]} {
    %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
    %ids = moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
    %wt = moe.weigh %s, %ids normalize l1 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
    %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
    %w = moe.load_param @up : tensor<8x32x64xf32>
    %v = moe.load_param @down : tensor<8x64x32xf32>
    %h = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g tiles(%t) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_test.plan<sums = "fma", tile = 16>} : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>) -> tensor<?x32xf32>
    %o = moe.grouped_matmul lhs(%h) rhs(%v) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x32xf32>, tensor<8x64x32xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x64xf32>
    %y = moe.combine %o by %g weights %wt acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x64xf32>
    return %y, %ids : tensor<?x64xf32>, tensor<?x2xi32>
  }
}

// -----

// One layer in two forms is a switch; both write the same output, and constants
// that simplification moved out of the forms are repeated in their kernels.
// CHECK-LABEL: moe_exec.program @forms
// CHECK-SAME: outputs(%[[Y:[a-z0-9]+]]: memref<?x4xf32>
// CHECK: moe_exec.switch %{{.*}} [16] {
// CHECK-NEXT: moe_exec.launch @[[A:.*]] tasks affine_map<(d0) -> (d0)> args(%{{.*}}, %[[Y]])
// CHECK-NEXT: }, {
// CHECK-NEXT: moe_exec.launch @[[B:.*]] tasks affine_map<(d0) -> (d0)> args(%{{.*}}, %[[H:.*]])
// CHECK-NEXT: moe_exec.launch @[[C:.*]] tasks affine_map<(d0) -> (d0)> args(%[[H]], %[[Y]])
// CHECK-NEXT: }
// CHECK: moe_exec.kernel @[[A]](%[[X:.*]]: tensor<?x4xf32>)
// CHECK-NEXT: %[[CST:.*]] = arith.constant 2.000000e+00 : f32
// CHECK: %[[N:.*]] = moe_exec.size affine_map<(d0) -> (d0)>
// CHECK: tensor.empty(%[[N]])
// CHECK: linalg.generic
// CHECK: arith.mulf %{{.*}}, %[[CST]]
module attributes {moe.target = #moe_test.target} {
  func.func @forms(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %two = arith.constant 2.0 : f32
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %y = moe.by_tokens %t [16] -> (tensor<?x4xf32>) {
      %e = tensor.empty(%t) : tensor<?x4xf32>
      %a = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
      ^bb0(%v: f32, %u: f32):
        %m = arith.mulf %v, %two : f32
        linalg.yield %m : f32
      } -> tensor<?x4xf32>
      moe.yield %a : tensor<?x4xf32>
    }, {
      %a = math.exp %x : tensor<?x4xf32>
      %b = math.sin %a : tensor<?x4xf32>
      moe.yield %b : tensor<?x4xf32>
    }
    return %y : tensor<?x4xf32>
  }
}

// -----

// Results that no kernel writes: an argument is copied, a constant is written by
// a kernel, one value for two results is copied once, a parameter comes from
// where it was prepared.
// CHECK-LABEL: moe_exec.program @results
// CHECK-SAME: inputs(%[[X:[a-z0-9]+]]: memref<?x4xf32> {dims = ["arg0_0", "4"], name = "arg0"})
// CHECK-SAME: outputs(%[[R0:[a-z0-9]+]]: memref<?x4xf32> {dims = ["arg0_0", "4"], name = "result0"}, %[[R1:[a-z0-9]+]]: memref<2xf32> {dims = ["2"], name = "result1"}, %[[R2:[a-z0-9]+]]: memref<?x4xf32> {{.*}}, %[[R3:[a-z0-9]+]]: memref<?x4xf32> {{.*}}, %[[R4:[a-z0-9]+]]: memref<4xf32>
// CHECK-NOT: moe_exec.workspace
// CHECK: %[[W:.*]] = moe_exec.param @{{.*}} : memref<4xf32>
// CHECK: moe_exec.launch @exp_test {{.*}} args(%[[X]], %[[R2]])
// CHECK: moe_exec.copy %[[X]], %[[R0]]
// CHECK: moe_exec.launch @constant_test {{.*}} args(%[[R1]])
// CHECK: moe_exec.copy %[[R2]], %[[R3]]
// CHECK: moe_exec.copy %[[W]], %[[R4]]
// CHECK: moe_exec.kernel @constant_test() -> tensor<2xf32>
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<1.000000e+00>
// CHECK-NEXT: moe_exec.return %[[C]]
module attributes {moe.target = #moe_test.target} {
  moe.param @w : tensor<4xf32>
  func.func @results(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<2xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<4xf32>) {
    %c = arith.constant dense<1.0> : tensor<2xf32>
    %e = math.exp %x : tensor<?x4xf32>
    %w = moe.load_param @w : tensor<4xf32>
    return %x, %c, %e, %e, %w : tensor<?x4xf32>, tensor<2xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<4xf32>
  }
}

// -----

// A status is checked where it is required, however it came to be: computed,
// constant, or an argument.
// CHECK-LABEL: moe_exec.program @checks
// CHECK: moe_exec.launch @group_test {{.*}} args(%{{.*}}, %[[S:.*]]) : memref<?x2xi32>, memref<1xi64>
// CHECK-NEXT: moe_exec.check %[[S]] error 708 : memref<1xi64>
// CHECK: moe_exec.launch @constant_test {{.*}} args(%[[K:.*]]) : memref<1xi64>
// CHECK-NEXT: moe_exec.check %[[K]] error 101
// CHECK-NEXT: moe_exec.check %{{.*}} error 102
module attributes {moe.target = #moe_test.target} {
  func.func @checks(%i: tensor<?x2xi32>, %given: tensor<1xi64>) -> tensor<9xi32> {
    %s = moe.check_ids %i experts 8 : tensor<?x2xi32> -> tensor<1xi64>
    moe.require %s error 708 : tensor<1xi64>
    %k = arith.constant dense<-1> : tensor<1xi64>
    moe.require %k error 101 : tensor<1xi64>
    moe.require %given error 102 : tensor<1xi64>
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
    return %o : tensor<9xi32>
  }
}

// -----

// What follows a check runs after it, though it could join a kernel before it.
// CHECK-LABEL: moe_exec.program @check_order
// CHECK: moe_exec.launch @[[A:.*]] tasks {{.*}} args(%{{.*}}, %{{.*}}, %[[C:.*]], %[[S:.*]])
// CHECK-NEXT: moe_exec.check %[[S]] error 708
// CHECK-NEXT: moe_exec.launch @[[B:.*]] tasks {{.*}} args(%[[C]],
// CHECK: moe_exec.kernel @[[A]]
// CHECK-NEXT: moe.capacity
// CHECK-NEXT: moe.check_ids
// CHECK: moe_exec.kernel @[[B]]
// CHECK-NEXT: moe.group
// CHECK-NEXT: moe.offsets
module attributes {moe.target = #moe_test.target} {
  func.func @check_order(%i: tensor<?x2xi32> {moe.dims = ["T", "K"]}, %w: tensor<?x2xf32> {moe.dims = ["T", "K"]}) -> tensor<9xi32> {
    %ci, %cw = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    %s = moe.check_ids %ci experts 8 : tensor<?x2xi32> -> tensor<1xi64>
    moe.require %s error 708 : tensor<1xi64>
    %g = moe.group %ci : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
    return %o : tensor<9xi32>
  }
}

// -----

// Sizes that are computed: sums and products of sizes, assumed ones, casts.
// CHECK-LABEL: moe_exec.program @sizes
// CHECK: bytes affine_map<(d0, d1) -> ((d0 * 3 + d1 - 1) * 4)> : memref<?xf32>
// CHECK: moe_exec.kernel
module attributes {moe.target = #moe_test.target} {
  func.func @sizes(%x: tensor<?xf32> {moe.dims = ["T"]}, %y: tensor<?xf32> {moe.dims = ["S"]}) -> tensor<?xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %t = tensor.dim %x, %c0 : tensor<?xf32>
    %s = tensor.dim %y, %c0 : tensor<?xf32>
    %b = moe.assume %t in [0, 4096]
    %m = arith.muli %b, %c3 : index
    %a = arith.addi %m, %s : index
    %n = arith.subi %a, %c1 : index
    %one = arith.constant 1.0 : f32
    %e = tensor.empty(%n) : tensor<?xf32>
    %f = linalg.fill ins(%one : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %p = math.exp %f : tensor<?xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
        ins(%p : tensor<?xf32>) outs(%x : tensor<?xf32>) {
    ^bb0(%v: f32, %u: f32):
      %z = arith.addf %v, %u : f32
      linalg.yield %z : f32
    } -> tensor<?xf32>
    return %r : tensor<?xf32>
  }
}

// -----

// Sizes of arguments that an op demands to be equal are one dimension, which the
// runtime checks at entry: of the first name that was given, and the lower bound.
// CHECK-LABEL: moe_exec.program @equal_sizes
// CHECK-SAME: dims(%{{[a-z0-9]+}}: index {bound = 64 : i64, name = "S"}, %{{[a-z0-9]+}}: index {bound = 1048576 : i64, name = "arg3_0"})
// CHECK-SAME: {dims = ["S", "4"], name = "arg0"}
// CHECK-SAME: {dims = ["S", "4"], name = "arg1"}
// CHECK-SAME: {dims = ["S", "2"], name = "arg2"}
// CHECK-SAME: {dims = ["arg3_0"], name = "arg3"}
module attributes {moe.target = #moe_test.target} {
  func.func @equal_sizes(%x: tensor<?x4xf32>, %y: tensor<?x4xf32> {moe.dims = ["S", "H"]}, %i: tensor<?x2xi32> {moe.dims = ["T", "K"]}, %other: tensor<?xf32>)
      -> (tensor<?x4xf32>, tensor<?xf32>) attributes {moe.bounds = {S = 128, T = 64}} {
    %z = arith.addf %x, %y : tensor<?x4xf32>
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %r = moe.dispatch %z by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
    %c = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
    %o = math.exp %other : tensor<?xf32>
    return %c, %o : tensor<?x4xf32>, tensor<?xf32>
  }
}

// -----

// Private functions are no programs, and no function is left.
// CHECK-NOT: moe_exec.program
// CHECK-NOT: func.func
module attributes {moe.target = #moe_test.target} {
  func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
  func.func private @declared(%x: tensor<4xf32>) -> tensor<4xf32>
}

// -----

// A task of a router's kernel is a token, and sees no other: where experts pick
// tokens the selection is a kernel of its own, whose task is an expert. How many
// they pick is an expression of the tokens.
// CHECK-LABEL: moe_exec.program @expert_choice
// CHECK: bytes affine_map<(d0) -> (((d0 * 2 + 7) floordiv 8) * 32)>
// CHECK: moe_exec.launch @[[SCORE:route_8.*]] tasks affine_map<(d0) -> (d0)>
// CHECK: moe_exec.launch @[[PICK:pick_tokens_8.*]] tasks
// CHECK: moe_exec.launch @[[WEIGH:weigh_tokens_8.*]] tasks
// CHECK: moe_exec.kernel @[[SCORE]]
// CHECK-NEXT: moe.score
// CHECK-NEXT: moe_exec.return
// CHECK: moe_exec.kernel @[[PICK]]
// CHECK-NEXT: moe.select
// CHECK-NEXT: moe_exec.return
// CHECK: moe_exec.kernel @[[WEIGH]]
// CHECK-NEXT: moe.weigh
// CHECK-NEXT: moe_exec.return
module attributes {moe.target = #moe_test.target} {
  func.func @expert_choice(%l: tensor<?x8xf32> {moe.dims = ["T", "E"]}) -> tensor<8xf32> {
    %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
    %i = moe.select %s expert_top_k(ceil(T * 2 / 8)) : tensor<?x8xf32> -> tensor<8x?xi32>
    %w = moe.weigh %s, %i by expert : tensor<?x8xf32>, tensor<8x?xi32> -> tensor<8x?xf32>
    %zero = arith.constant dense<0.0> : tensor<8xf32>
    %sum = linalg.reduce { arith.addf } ins(%w : tensor<8x?xf32>) outs(%zero : tensor<8xf32>) dimensions = [1]
    return %sum : tensor<8xf32>
  }
}
