// RUN: moe-test-opt %s -moe-form-kernels -mlir-print-local-scope -split-input-file | %python %S/check_memory.py | FileCheck %s --check-prefix=BEFORE
// RUN: moe-test-opt %s -moe-to-exec -mlir-print-local-scope -split-input-file | %python %S/check_memory.py | FileCheck %s --check-prefix=AFTER
// RUN: moe-test-opt %s -moe-to-exec -mlir-print-local-scope -split-input-file | FileCheck %s
// RUN: moe-test-opt %s -moe-to-exec -mlir-print-local-scope -split-input-file | sed -E 's/offset affine_map<\(d0\) -> \([^>]*\)> bytes/offset affine_map<(d0) -> (0)> bytes/' | not %python %S/check_memory.py 2>&1 | FileCheck %s --check-prefix=BROKEN

// The checker walks the steps of a run by itself, for many sizes: slices that
// are used at the same time share no byte, before the pass as after it.

// A chain: at most two values live at a time, so two shelves hold five.
// BROKEN: error: @chain at (1,): {{.*}} are used at the same time and share bytes
// BEFORE: @chain: 5 slices, none share
// AFTER: @chain: 5 slices, some share
// CHECK-LABEL: moe_exec.program @chain
// CHECK: moe_exec.workspace size affine_map<(d0) -> (((d0 * 16) ceildiv 64) * 128)>
module attributes {moe.target = #moe_test.target} {
  func.func @chain(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = math.exp %x : tensor<?x4xf32>
    %1 = math.sin %0 : tensor<?x4xf32>
    %2 = math.exp %1 : tensor<?x4xf32>
    %3 = math.sin %2 : tensor<?x4xf32>
    %4 = math.exp %3 : tensor<?x4xf32>
    %5 = math.sin %4 : tensor<?x4xf32>
    return %5 : tensor<?x4xf32>
  }
}

// -----

// All at once: nothing can share.
// BEFORE: @wide: 3 slices, none share
// AFTER: @wide: 3 slices, none share
module attributes {moe.target = #moe_test.target} {
  func.func @wide(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = math.exp %x : tensor<?x4xf32>
    %1 = math.sin %x : tensor<?x4xf32>
    %2 = math.cos %x : tensor<?x4xf32>
    %3 = math.fma %0, %1, %2 : tensor<?x4xf32>
    return %3 : tensor<?x4xf32>
  }
}

// -----

// Forms: only one of them runs, so each may use the other's memory, but not
// that of a value from before that is still read after.
// BEFORE: @forms: 5 slices, none share
// AFTER: @forms: 5 slices, some share
module attributes {moe.target = #moe_test.target} {
  func.func @forms(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4xf32>
    %kept = math.exp %x : tensor<?x4xf32>
    %y = moe.by_tokens %t [16] -> (tensor<?x4xf32>) {
      %a = math.exp %x : tensor<?x4xf32>
      %b = math.sin %a : tensor<?x4xf32>
      moe.yield %b : tensor<?x4xf32>
    }, {
      %a = math.cos %x : tensor<?x4xf32>
      %b = math.sin %a : tensor<?x4xf32>
      %c = math.cos %b : tensor<?x4xf32>
      moe.yield %c : tensor<?x4xf32>
    }
    %z = arith.addf %y, %kept : tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// Buffers of other sizes and of several dimensions; a whole layer.
// BEFORE: @layer: 11 slices, none share
// AFTER: @layer: 11 slices, some share
module attributes {moe.target = #moe_test.target<tile = 16>} {
  func.func @layer(%x: tensor<?x64xf32> {moe.dims = ["T", "H"]}, %l: tensor<?x8xf32> {moe.dims = ["T", "E"]}, %w: tensor<8x32x64xf32>, %v: tensor<8x64x32xf32>,
                   %other: tensor<?x3xf64> {moe.dims = ["S", "D"]}) -> (tensor<?x64xf32>, tensor<?x3xf64>) attributes {moe.bounds = {T = 4096, S = 16}} {
    %o0 = math.exp %other : tensor<?x3xf64>
    %o1 = math.exp %o0 : tensor<?x3xf64>
    %s = moe.score softmax %l : tensor<?x8xf32> -> tensor<?x8xf32>
    %ids = moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
    %wt = moe.weigh %s, %ids normalize l1 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
    %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
    %h = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g tiles(%t) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xf32>, tensor<8x32x64xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>) -> tensor<?x32xf32>
    %o = moe.grouped_matmul lhs(%h) rhs(%v) by %g tiles(%t) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x32xf32>, tensor<8x64x32xf32>, !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>) -> tensor<?x64xf32>
    %y = moe.combine %o by %g weights %wt acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x64xf32>
    %o2 = math.exp %o1 : tensor<?x3xf64>
    return %y, %o2 : tensor<?x64xf32>, tensor<?x3xf64>
  }
}

// -----

// No slices, no workspace.
// AFTER: @none: 0 slices, none share
// CHECK-LABEL: moe_exec.program @none
// CHECK-NOT: moe_exec.workspace
module attributes {moe.target = #moe_test.target} {
  func.func @none(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = math.exp %x : tensor<?x4xf32>
    return %0 : tensor<?x4xf32>
  }
}
