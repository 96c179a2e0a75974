// RUN: moe-test-opt %s -moe-select-plan -split-input-file -verify-diagnostics | FileCheck %s

// A plan for each matmul, and a decision for each plan. Other ops need none.
// CHECK-LABEL: func.func @plans
// CHECK-SAME: attributes {moe.bounds = {T = 4096 : i64}, moe.decisions = [#moe.decision<what = "plan of a matmul", chosen = "sums", reason = "the test said so", runnerUp = "none", figures = {from = 0 : i64, to = 4096 : i64}>, #moe.decision<{{.*}}>]}
// CHECK: math.exp %{{[a-z0-9]*}} :
// CHECK: {moe.plan = #moe_test.plan<sums = "sums">} : (tensor<?x4xf32>, tensor<3x4xf32>)
// CHECK: {moe.plan = #moe_test.plan<sums = "sums", tile = 48>} : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>)
module attributes {moe.target = #moe_test.target<tile = 48>} {
  func.func @plans(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>, %v: tensor<8x3x4xf32>, %g: !moe.groups<experts = 8, ragged>)
      -> (tensor<?x3xf32>, tensor<?x3xf32>) attributes {moe.bounds = {T = 4096}} {
    %e = math.exp %x : tensor<?x4xf32>
    %a = moe.grouped_matmul lhs(%e) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    %b = moe.grouped_matmul lhs(%e) rhs(%v) by %g acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x3xf32>
    return %a, %b : tensor<?x3xf32>, tensor<?x3xf32>
  }
}

// -----

// A plan that is there was written by a user or a tuner: it is kept, and no
// decision is made. Decisions of before stay.
// CHECK-LABEL: func.func @override
// CHECK-SAME: moe.decisions = [#moe.decision<what = "before", chosen = "a", reason = "b", runnerUp = "c">]
// CHECK: {moe.plan = #moe_test.plan<sums = "mine">}
module attributes {moe.target = #moe_test.target<tile = 48>} {
  func.func @override(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32>
      attributes {moe.decisions = [#moe.decision<what = "before", chosen = "a", reason = "b", runnerUp = "c">]} {
    %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } {moe.plan = #moe_test.plan<sums = "mine">} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    return %a : tensor<?x3xf32>
  }
}

// -----

// A form is planned for its own token counts, the last up to the bound (2^20
// where the function has none).
// CHECK-LABEL: func.func @ranges
// CHECK-SAME: figures = {from = 0 : i64, to = 15 : i64}
// CHECK-SAME: figures = {from = 16 : i64, to = 1048576 : i64}
module attributes {moe.target = #moe_test.target<buckets = [16]>} {
  func.func @ranges(%t: index, %x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32> {
    %y = moe.by_tokens %t [16] -> (tensor<?x3xf32>) {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }, {
      %c = arith.constant true
      %a = scf.if %c -> tensor<?x3xf32> {
        %b = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
        ^bb0(%s: f32):
          moe.yield %s : f32
        } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
        scf.yield %b : tensor<?x3xf32>
      } else {
        %e = tensor.empty(%t) : tensor<?x3xf32>
        scf.yield %e : tensor<?x3xf32>
      }
      moe.yield %a : tensor<?x3xf32>
    }
    return %y : tensor<?x3xf32>
  }
}

// -----

// Where types say how many tokens there are, there are no more.
// CHECK-LABEL: func.func @static
// CHECK-SAME: figures = {from = 0 : i64, to = 8 : i64}
// CHECK-SAME: figures = {from = 0 : i64, to = 4 : i64}
module attributes {moe.target = #moe_test.target} {
  func.func @static(%x: tensor<8x4xf32>, %w: tensor<3x4xf32>, %ids: tensor<4x2xi32>, %v: tensor<8x3x4xf32>) -> (tensor<8x3xf32>, tensor<8x3xf32>) {
    %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<8x4xf32>, tensor<3x4xf32>) -> tensor<8x3xf32>
    %g = moe.group %ids : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
    %b = moe.grouped_matmul lhs(%x) rhs(%v) by %g acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<8x4xf32>, tensor<8x3x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<8x3xf32>
    return %a, %b : tensor<8x3xf32>, tensor<8x3xf32>
  }
}

// -----

// Forms that sum in different orders give a token other bits by how many run
// beside it.
module attributes {moe.target = #moe_test.target<buckets = [16], classes = true>} {
  func.func @classes(%t: index, %x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32> {
    // expected-error @below {{'moe.by_tokens' op has plans of different reduction classes in its forms, 'sums_0' and 'sums_1', which row determinism forbids: give the plans one class, or set moe.determinism = "none"}}
    %y = moe.by_tokens %t [16] -> (tensor<?x3xf32>) {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }, {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }
    return %y : tensor<?x3xf32>
  }
}

// -----

// On request they may.
// CHECK-LABEL: func.func @classes_allowed
// CHECK: sums = "sums_0"
// CHECK: sums = "sums_1"
module attributes {moe.target = #moe_test.target<buckets = [16], classes = true>, moe.determinism = "none"} {
  func.func @classes_allowed(%t: index, %x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> tensor<?x3xf32> {
    %y = moe.by_tokens %t [16] -> (tensor<?x3xf32>) {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }, {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }
    return %y : tensor<?x3xf32>
  }
}

// -----

// Nor may a form have a matmul that another lacks.
module attributes {moe.target = #moe_test.target<buckets = [16]>, moe.determinism = "row"} {
  func.func @lacking(%t: index, %x: tensor<?x3xf32>, %w: tensor<3x3xf32>) -> tensor<?x3xf32> {
    // expected-error @below {{'moe.by_tokens' op has plans of different reduction classes in its forms, 'sums' and '', which row determinism forbids}}
    %y = moe.by_tokens %t [16] -> (tensor<?x3xf32>) {
      %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
      ^bb0(%s: f32):
        moe.yield %s : f32
      } : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
      moe.yield %a : tensor<?x3xf32>
    }, {
      moe.yield %x : tensor<?x3xf32>
    }
    return %y : tensor<?x3xf32>
  }
}

// -----

// expected-error @below {{expects a module with moe.target, such as {moe.target = #moe_cpu.target<...>}}}
func.func @no_target() {
  return
}

// -----

// A target is told which weights are other ones in every call: those that are
// not made of parameters and constants alone.
// CHECK-LABEL: func.func @run_time
// CHECK: {moe.plan = #moe_test.plan<sums = "sums", columns = 16>}
// CHECK: {moe.plan = #moe_test.plan<sums = "sums", columns = 16, packs = true>}
module attributes {moe.target = #moe_test.target<columns = 16, packs = true>} {
  moe.param @w : tensor<3x4xf32>
  func.func @run_time(%x: tensor<?x4xf32>, %v: tensor<3x4xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>) {
    %w = moe.load_param @w : tensor<3x4xf32>
    %n = arith.negf %w : tensor<3x4xf32>
    %a = moe.grouped_matmul lhs(%x) rhs(%n) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    %m = arith.mulf %w, %v : tensor<3x4xf32>
    %b = moe.grouped_matmul lhs(%x) rhs(%m) acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
    return %a, %b : tensor<?x3xf32>, tensor<?x3xf32>
  }
}
