// RUN: moe-opt %s -moe-check-ids -split-input-file | FileCheck %s

// Ids of a caller are checked before anything is indexed by them.
// CHECK-LABEL: func.func @given
// CHECK-SAME: (%[[I:.*]]: tensor<?x2xi32>)
// CHECK-NEXT: %[[S:.*]] = moe.check_ids %[[I]] experts 8 : tensor<?x2xi32> -> tensor<1xi64>
// CHECK-NEXT: moe.require %[[S]] error 708 : tensor<1xi64>
// CHECK-NEXT: moe.group %[[I]]
func.func @given(%i: tensor<?x2xi32>) -> !moe.groups<experts = 8, ragged> {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  return %g : !moe.groups<experts = 8, ragged>
}

// -----

// Picks of a router lie below its experts, and a capacity keeps that.
// CHECK-LABEL: func.func @picked
// CHECK-NOT: moe.check_ids
// CHECK-NOT: moe.require
func.func @picked(%l: tensor<?x8xf32>) -> (!moe.groups<experts = 8, ragged>, !moe.groups<experts = 9, ragged>, !moe.groups<experts = 8, ragged>) {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %ci, %cw = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %si = moe.select %l top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %h = moe.group %ci : tensor<?x2xi32> -> !moe.groups<experts = 9, ragged>
  %k = moe.group %si : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  return %g, %h, %k : !moe.groups<experts = 8, ragged>, !moe.groups<experts = 9, ragged>, !moe.groups<experts = 8, ragged>
}

// -----

// A router over more experts than the groups have can pick one that is none.
// CHECK-LABEL: func.func @picked_of_more
// CHECK: moe.check_ids %{{.*}} experts 7
// CHECK: moe.require
func.func @picked_of_more(%l: tensor<?x8xf32>) -> !moe.groups<experts = 7, ragged> {
  %i, %w = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 7, ragged>
  return %g : !moe.groups<experts = 7, ragged>
}

// -----

// The range of a local part is that of all experts: an id elsewhere is no error.
// CHECK-LABEL: func.func @local
// CHECK: moe.check_ids %{{.*}} experts 128
func.func @local(%i: tensor<?x2xi32>) -> !moe.groups<experts = 128, local = [32, 16], ragged> {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 128, local = [32, 16], ragged>
  return %g : !moe.groups<experts = 128, local = [32, 16], ragged>
}

// -----

// A capacity counts by the ids that it is given, so they are checked before it.
// CHECK-LABEL: func.func @capacity_of_given
// CHECK-SAME: (%[[I:[a-z0-9]+]]: tensor<?x2xi32>
// CHECK-NEXT: %[[S:.*]] = moe.check_ids %[[I]] experts 8
// CHECK-NEXT: moe.require %[[S]] error 708
// CHECK-NEXT: moe.capacity
// CHECK-NEXT: moe.capacity
// CHECK-NEXT: moe.group
func.func @capacity_of_given(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> !moe.groups<experts = 8, ragged> {
  %ci, %cw = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %di, %dw = moe.capacity %ci, %cw cap 3 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %di : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  return %g : !moe.groups<experts = 8, ragged>
}

// -----

// What a table or a caller gives is checked where it is taken, once, also when
// no group follows.
// CHECK-LABEL: func.func @table
// CHECK-NEXT: %[[I:.*]] = moe.select %{{.*}} table
// CHECK-NEXT: %[[S:.*]] = moe.check_ids %[[I]] experts 8 : tensor<?x2xi32> -> tensor<1xi64>
// CHECK-NEXT: moe.require %[[S]] error 708 : tensor<1xi64>
// CHECK-NEXT: %[[J:.*]], %{{.*}} = moe.route %{{.*}} select extern
// CHECK-NEXT: %[[R:.*]] = moe.check_ids %[[J]] experts 8 : tensor<?x2xi32> -> tensor<1xi64>
// CHECK-NEXT: moe.require %[[R]] error 708 : tensor<1xi64>
// CHECK-NEXT: moe.group %[[J]]
// CHECK-NEXT: return
func.func @table(%s: tensor<?x8xf32>, %t: tensor<32x2xi64>, %x: tensor<?xi32>, %e: tensor<?x2xi32>) -> (tensor<?x2xi32>, !moe.groups<experts = 8, ragged>) {
  %i = moe.select %s table(%t[%x]) : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32> -> tensor<?x2xi32>
  %j, %w = moe.route %s select extern(%e) : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %j : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  return %i, %g : tensor<?x2xi32>, !moe.groups<experts = 8, ragged>
}
