// RUN: moe-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @identity
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @identity(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %h = moe.activate identity(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %h : tensor<?x4xf32>
}

// A rounding is not the identity.
// CHECK-LABEL: func.func @rounding
// CHECK: moe.activate identity
func.func @rounding(%x: tensor<?x4xf32>) -> tensor<?x4xbf16> {
  %h = moe.activate identity(%x) : (tensor<?x4xf32>) -> tensor<?x4xbf16>
  return %h : tensor<?x4xbf16>
}

// Nor is any other row of the table.
// CHECK-LABEL: func.func @other
// CHECK: moe.activate relu
func.func @other(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %h = moe.activate relu(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %h : tensor<?x4xf32>
}

// An expert that nobody reads goes; ops of a body are simplified in place.
// CHECK-LABEL: func.func @experts
// CHECK-COUNT-1: moe.expert
// CHECK: ^bb0(%[[R:.*]]: tensor<?x4xf32>):
// CHECK-NEXT: moe.yield %[[R]]
// CHECK-NOT: moe.expert
func.func @experts(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    %h = moe.activate identity(%r) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %h : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  %dead = moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
