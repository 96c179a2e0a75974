// RUN: moe-test-opt %s -moe-pack-weights -split-input-file -verify-diagnostics | FileCheck %s
// RUN: moe-test-opt %s -moe-pack-weights -cse -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=CSE
// RUN: moe-test-opt %s -moe-pack-weights -split-input-file -remarks-filter-missed="moe-pack-weights" 2>&1 | FileCheck %s --check-prefix=REMARK

// Both right-hand sides go into one packed value.
// CHECK-LABEL: func.func @two_rhs
// CHECK-DAG: %[[A:.*]] = moe.load_param @gate
// CHECK-DAG: %[[B:.*]] = moe.load_param @up
// CHECK: %[[P:.*]] = moe.pack %[[A]], %[[B]] : tensor<8x30x4xf32>, tensor<8x30x4xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 8x30x4xf32, 8x30x4xf32>
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%[[P]]) by
// Weights that are parameters are packed once, which is no remark.
// REMARK-NOT: two_rhs
moe.param @gate : tensor<8x30x4xf32>
moe.param @up : tensor<8x30x4xf32>
func.func @two_rhs(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32> {
  %a = moe.load_param @gate : tensor<8x30x4xf32>
  %b = moe.load_param @up : tensor<8x30x4xf32>
  %h = moe.grouped_matmul lhs(%x) rhs(%a, %b) by %g acc f32 {
  ^bb0(%s: f32, %t: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>} : (tensor<?x4xf32>, tensor<8x30x4xf32>, tensor<8x30x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32>
  return %h : tensor<?x30xf32>
}

// -----

// No plan, no layout in the plan, packed already: nothing to do.
// CHECK-LABEL: func.func @untouched
// CHECK-COUNT-1: moe.pack %
// CHECK-NOT: moe.pack %
moe.param @w : tensor<3x4xf32>
func.func @untouched(%x: tensor<?x4xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %w = moe.load_param @w : tensor<3x4xf32>
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %b = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma">} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %p = moe.pack %w : tensor<3x4xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 3x4xf32>
  %c = moe.grouped_matmul lhs(%x) rhs(%p) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>} : (tensor<?x4xf32>, !moe.packed<#moe_test.layout<columns = 16>, 3x4xf32>) -> tensor<?x3xf32>
  return %a, %b, %c : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}

// -----

// Equal packs are pure, so CSE makes them one; other layouts are other packs.
// CHECK-LABEL: func.func @equal_packs
// CSE-LABEL: func.func @equal_packs
// CSE-COUNT-1: -> !moe.packed<#moe_test.layout<columns = 16>, 3x4xf32>
// CSE: moe.grouped_matmul
// CSE: moe.pack %{{.*}} -> !moe.packed<#moe_test.layout<columns = 8>, 3x4xf32>
// CSE-NOT: moe.pack %
moe.param @w : tensor<3x4xf32>
func.func @equal_packs(%x: tensor<?x4xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %w = moe.load_param @w : tensor<3x4xf32>
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "a", columns = 16>} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %v = moe.load_param @w : tensor<3x4xf32>
  %b = moe.grouped_matmul lhs(%x) rhs(%v) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "b", columns = 16>} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %c = moe.grouped_matmul lhs(%x) rhs(%v) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "c", columns = 8>} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return %a, %b, %c : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}

// -----

// Weights that are given at run time are packed in every call, which costs.
// REMARK: remark: [Missed] pack-at-run-time
// REMARK-SAME: Category:moe-pack-weights
// REMARK-SAME: packs 4096 bytes of weights in every call, since they are arguments: a moe.param is packed once
// CHECK-LABEL: func.func @run_time
// CSE-LABEL: func.func @run_time
// CHECK: moe.pack
func.func @run_time(%x: tensor<?x4xf32>, %w: tensor<8x30x4xf32>, %g: !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32> {
  %h = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>} : (tensor<?x4xf32>, tensor<8x30x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32>
  return %h : tensor<?x30xf32>
}

// -----

// A kernel that packs takes them as they are, for each tile of rows.
// REMARK: packs up to 4096 bytes of weights for each tile of rows, since they are arguments: a moe.param is packed once
// CHECK-LABEL: func.func @in_kernel
// CHECK-NOT: moe.pack
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%arg1)
func.func @in_kernel(%x: tensor<?x4xf32>, %w: tensor<8x30x4xf32>, %g: !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32> {
  %h = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", columns = 16, packs = true>} : (tensor<?x4xf32>, tensor<8x30x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32>
  return %h : tensor<?x30xf32>
}

// -----

// What is computed from parameters and constants is prepared like them.
// REMARK-NOT: [Missed]
// CHECK-LABEL: func.func @computed
// CHECK: moe.pack
moe.param @w : tensor<3x4xf32>
func.func @computed(%x: tensor<?x4xf32>) -> tensor<?x3xf32> {
  %w = moe.load_param @w : tensor<3x4xf32>
  %two = arith.constant dense<2.0> : tensor<3x4xf32>
  %v = arith.mulf %w, %two : tensor<3x4xf32>
  %h = moe.grouped_matmul lhs(%x) rhs(%v) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } {moe.plan = #moe_test.plan<sums = "fma", columns = 16>} : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  return %h : tensor<?x3xf32>
}
