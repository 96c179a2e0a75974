// RUN: moe-opt %s -moe-fuse-gather -split-input-file | FileCheck %s

// Both matmuls read the tokens through the map, and no copy is left.
// CHECK-LABEL: func.func @gather
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>
// CHECK-NOT: moe.dispatch
// CHECK: moe.grouped_matmul lhs(%[[X]] gather)
// CHECK: moe.grouped_matmul lhs(%[[X]] gather)
func.func @gather(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %w: tensor<8x4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %a = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %b = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  return %a, %b : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Rows that something else reads too are still moved for it.
// CHECK-LABEL: func.func @other_reader
// CHECK: %[[R:.*]] = moe.dispatch
// CHECK: moe.grouped_matmul lhs(%{{.*}} gather)
// CHECK: return %{{.*}}, %[[R]]
func.func @other_reader(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %w: tensor<8x4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %a = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  return %a, %r : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A scale computes; other groups are other rows; a dense layer has no map.
// CHECK-LABEL: func.func @not_gathered
// CHECK-NOT: gather
// CHECK-COUNT-3: moe.dispatch
func.func @not_gathered(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>, %j: tensor<?x2xi32>, %s: tensor<?x2xf32>, %w: tensor<8x4x4xf32>, %d: tensor<4x4xf32>)
    -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %h = moe.group %j : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %s : tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32> -> tensor<?x4xf32>
  %a = moe.grouped_matmul lhs(%r) rhs(%w) by %g acc f32 {
  ^bb0(%t: f32):
    moe.yield %t : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %q = moe.dispatch %x by %h : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %b = moe.grouped_matmul lhs(%q) rhs(%w) by %g acc f32 {
  ^bb0(%t: f32):
    moe.yield %t : f32
  } : (tensor<?x4xf32>, tensor<8x4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x4xf32>
  %p = moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %c = moe.grouped_matmul lhs(%p) rhs(%d) acc f32 {
  ^bb0(%t: f32):
    moe.yield %t : f32
  } : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  return %a, %b, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
