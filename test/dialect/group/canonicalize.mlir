// RUN: moe-opt %s -canonicalize -cse | FileCheck %s

// The offsets that groups were made of.
// CHECK-LABEL: func.func @offsets_of_offsets
// CHECK-SAME: (%[[O:.*]]: tensor<9xi32>)
// CHECK-NEXT: return %[[O]]
func.func @offsets_of_offsets(%o: tensor<9xi32>) -> tensor<9xi32> {
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  %p = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %p : tensor<9xi32>
}

// Another type is a conversion that no one asked for.
// CHECK-LABEL: func.func @offsets_of_dynamic
// CHECK: moe.offsets
func.func @offsets_of_dynamic(%o: tensor<?xi32>) -> tensor<9xi32> {
  %g = moe.groups_from_offsets %o : tensor<?xi32> -> !moe.groups<experts = 8, ragged>
  %p = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %p : tensor<9xi32>
}

// Layers of the same ids share the index work.
// CHECK-LABEL: func.func @shared_ids
// CHECK-COUNT-1: = moe.group %
// CHECK-NOT: = moe.group %
// CHECK: moe.dispatch
// CHECK-NOT: moe.dispatch
func.func @shared_ids(%x: tensor<?x4xf32>, %i: tensor<?x2xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %h = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %s = moe.dispatch %x by %h : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  return %r, %s : tensor<?x4xf32>, tensor<?x4xf32>
}

// A requirement stays, though nothing reads it.
// CHECK-LABEL: func.func @requirements
// CHECK: moe.check_ids
// CHECK: moe.require
func.func @requirements(%i: tensor<?x2xi32>) {
  %s = moe.check_ids %i experts 8 : tensor<?x2xi32> -> tensor<1xi64>
  moe.require %s error 708 : tensor<1xi64>
  return
}
