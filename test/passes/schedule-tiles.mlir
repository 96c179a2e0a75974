// RUN: moe-test-opt %s -moe-schedule-tiles -split-input-file | FileCheck %s

// Matmuls of the same groups and tile size share one list, made once the groups
// are there; another size is another list.
// CHECK-LABEL: func.func @share
// CHECK: %[[G:.*]] = moe.group
// CHECK-DAG: %[[A:.*]] = moe.tiles %[[G]] : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 48>
// CHECK-DAG: %[[B:.*]] = moe.tiles %[[G]] : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
// CHECK-NOT: moe.tiles %
// CHECK: moe.grouped_matmul {{.*}} by %[[G]] tiles(%[[A]])
// CHECK: moe.grouped_matmul {{.*}} by %[[G]] tiles(%[[A]])
// CHECK: moe.grouped_matmul {{.*}} by %[[G]] tiles(%[[B]])
func.func @share(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %w: tensor<8x4x4xf32>) -> tensor<?x4xf32> {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %a = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 48>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %b = moe.grouped_matmul lhs(%a) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 48>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %c = moe.grouped_matmul lhs(%b) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 16>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// -----

// Each form of a layer has its own list, of groups made outside too.
// CHECK-LABEL: func.func @forms
// CHECK: moe.by_tokens
// CHECK: %[[A:.*]] = moe.tiles %{{.*}} -> !moe.tiles<rows = 16>
// CHECK: tiles(%[[A]])
// CHECK: }, {
// CHECK: %[[B:.*]] = moe.tiles %{{.*}} -> !moe.tiles<rows = 16>
// CHECK: tiles(%[[B]])
func.func @forms(%t: index, %x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x4x4xf32>) -> tensor<?x4xf32> {
  %y = moe.by_tokens %t [8] -> (tensor<?x4xf32>) {
    %a = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } {moe.plan = #moe_test.plan<sums = "fma", tile = 16>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  }, {
    %a = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%s: f32):
      moe.yield %s : f32
    } {moe.plan = #moe_test.plan<sums = "fma", tile = 16>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  }
  return %y : tensor<?x4xf32>
}

// -----

// No plan, a plan that lists nothing, a dense layer, a list that is there.
// CHECK-LABEL: func.func @untouched
// CHECK-COUNT-1: moe.tiles %
// CHECK-NOT: moe.tiles %
func.func @untouched(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<8x4x4xf32>, %v: tensor<4x4xf32>)
    -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %b = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma">} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %c = moe.grouped_matmul lhs(%x) rhs(%v) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma">} : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
  %d = moe.grouped_matmul lhs(%x) rhs(%w) by %g tiles(%t) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 16>} : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>) -> tensor<?x4xf32>
  return %a, %b, %c, %d : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
