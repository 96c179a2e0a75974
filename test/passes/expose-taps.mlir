// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-expose-taps))' -split-input-file | FileCheck %s

// Taps become results in their order, behind those that there are.
// CHECK-LABEL: func.func @layer
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[Z:.*]]: tensor<4x2xbf16>) -> (tensor<?x8xf32> {moe.name = "y"}, tensor<?x8xf32> {moe.name = "seen"}, tensor<4x2xbf16> {moe.name = "router"}, tensor<?x8xf32> {moe.name = "negated"}) {
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[X]] : tensor<?x8xf32>
// CHECK-NEXT: return %[[N]], %[[X]], %[[Z]], %[[N]] : tensor<?x8xf32>, tensor<?x8xf32>, tensor<4x2xbf16>, tensor<?x8xf32>
func.func @layer(%x: tensor<?x8xf32>, %z: tensor<4x2xbf16>) -> (tensor<?x8xf32> {moe.name = "y"}) {
  moe.tap "seen" %x : tensor<?x8xf32>
  %n = arith.negf %x : tensor<?x8xf32>
  moe.tap "router" %z : tensor<4x2xbf16>
  moe.tap "negated" %n : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// -----

// There need be no results, and they need no names.
// CHECK-LABEL: func.func @no_results
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xbf16>) -> (tensor<?x8xbf16> {moe.name = "seen"}) {
// CHECK-NEXT: return %[[X]] : tensor<?x8xbf16>
func.func @no_results(%x: tensor<?x8xbf16>) {
  moe.tap "seen" %x : tensor<?x8xbf16>
  return
}
// CHECK-LABEL: func.func @unnamed
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32> {moe.name = "seen"}) {
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[X]]
// CHECK-NEXT: return %[[N]], %[[X]] : tensor<4xf32>, tensor<4xf32>
func.func @unnamed(%x: tensor<4xf32>) -> tensor<4xf32> {
  moe.tap "seen" %x : tensor<4xf32>
  %n = arith.negf %x : tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

// Without taps a function stays as it is, of however many blocks.
// CHECK-LABEL: func.func @no_taps
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[C:.*]]: i1) -> (tensor<4xf32> {moe.name = "y"}) {
// CHECK-NEXT: cf.cond_br %[[C]], ^[[A:.*]], ^[[B:.*]]
// CHECK-NEXT: ^[[A]]:
// CHECK-NEXT: return %[[X]] : tensor<4xf32>
// CHECK-NEXT: ^[[B]]:
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[X]] : tensor<4xf32>
// CHECK-NEXT: return %[[N]] : tensor<4xf32>
func.func @no_taps(%x: tensor<4xf32>, %c: i1) -> (tensor<4xf32> {moe.name = "y"}) {
  cf.cond_br %c, ^bb1, ^bb2
^bb1:
  return %x : tensor<4xf32>
^bb2:
  %n = arith.negf %x : tensor<4xf32>
  return %n : tensor<4xf32>
}

// -----

// What nobody can call has no caller to hand a tap to.
// CHECK-LABEL: func.func private @callee
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: moe.tap "seen" %[[X]] : tensor<4xf32>
// CHECK-NEXT: return %[[X]] : tensor<4xf32>
func.func private @callee(%x: tensor<4xf32>) -> tensor<4xf32> {
  moe.tap "seen" %x : tensor<4xf32>
  return %x : tensor<4xf32>
}
// CHECK: func.func private @declared(tensor<4xf32>){{$}}
func.func private @declared(tensor<4xf32>)
