// RUN: moe-opt %s -canonicalize -cse | FileCheck %s

// Steps have effects: nothing that simplifies IR may drop, merge or move one.
// Buffers that nobody uses go.
// CHECK-LABEL: moe_exec.program @steps
// CHECK: moe_exec.workspace
// CHECK-NEXT: %[[S:.*]] = moe_exec.slice
// CHECK-NEXT: moe_exec.launch @k
// CHECK-NEXT: moe_exec.launch @k
// CHECK-NEXT: moe_exec.copy
// CHECK-NEXT: moe_exec.copy
// CHECK-NEXT: moe_exec.check
// CHECK-NEXT: moe_exec.switch
// CHECK: moe_exec.kernel @k
moe_exec.program @steps dims(%T: index {name = "T", bound = 16})
    inputs(%x: memref<?x4xf32> {name = "x", dims = ["T", "4"]}, %c: memref<1xi64> {name = "c", dims = ["1"]})
    outputs(%y: memref<?x4xf32> {name = "y", dims = ["T", "4"]}) {
  %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 64)>
  %s = moe_exec.slice %ws offset affine_map<(d0) -> (0)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
  %unused = moe_exec.slice %ws offset affine_map<(d0) -> (64)> bytes affine_map<(d0) -> (d0 * 16)> : memref<?x4xf32>
  moe_exec.launch @k tasks affine_map<(d0) -> (d0)> args(%x, %s) : memref<?x4xf32>, memref<?x4xf32>
  moe_exec.launch @k tasks affine_map<(d0) -> (d0)> args(%x, %s) : memref<?x4xf32>, memref<?x4xf32>
  moe_exec.copy %s, %y : memref<?x4xf32>, memref<?x4xf32>
  moe_exec.copy %s, %y : memref<?x4xf32>, memref<?x4xf32>
  moe_exec.check %c error 708 : memref<1xi64>
  moe_exec.switch %T [] {
    moe_exec.copy %s, %y : memref<?x4xf32>, memref<?x4xf32>
  }
}
moe_exec.kernel @k(%x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
  moe_exec.return %x : tensor<?x4xf32>
}
