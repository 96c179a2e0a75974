// RUN: moe-opt %s -moe-lower-front-end -split-input-file | FileCheck %s
// RUN: moe-opt %s -moe-lower-front-end -split-input-file -remarks-filter-missed="moe-lower-front-end" 2>&1 | FileCheck %s --check-prefix=REMARK

// A sort carries all its tensors, element by element, and asks its comparator
// both ways: equal elements stay where they are.
// REMARK: remark: [Missed] slow-path
// REMARK-SAME: slow path: tm_tensor.sort runs as loops of one task
// CHECK-LABEL: func.func @sort
// CHECK: %[[R:.*]]:2 = scf.for {{.*}} -> (tensor<?x8xf32>, tensor<?x8xi64>)
// CHECK: scf.for
// CHECK: scf.for
// CHECK: arith.cmpf oge
// CHECK: arith.cmpf oge
// CHECK: scf.if
// CHECK-COUNT-4: tensor.insert
// CHECK: return %[[R]]#1
func.func @sort(%x: tensor<?x8xf32>, %i: tensor<?x8xi64>) -> tensor<?x8xi64> {
  %r:2 = "tm_tensor.sort"(%x, %i) <{dimension = 1 : i64, operandSegmentSizes = array<i32: 0, 2>}> ({
  ^bb0(%a: f32, %b: f32, %c: i64, %d: i64):
    %p = arith.cmpf oge, %a, %b : f32
    "tm_tensor.yield"(%p) : (i1) -> ()
  }) : (tensor<?x8xf32>, tensor<?x8xi64>) -> (tensor<?x8xf32>, tensor<?x8xi64>)
  return %r#1 : tensor<?x8xi64>
}

// -----

// Without indices given, top-k counts along its dimension.
// REMARK: slow path: iree_linalg_ext.topk runs as loops of one task
// CHECK-LABEL: func.func @topk
// CHECK: scf.for
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: tensor.extract %{{.*}} : tensor<4x8xf32>
// CHECK-NEXT: %[[ID:.*]] = arith.index_cast %[[I]] : index to i32
// CHECK: scf.for {{.*}} = %[[ID]]) -> (tensor<4x2xf32>, tensor<4x2xi32>, f32, i32)
func.func @topk(%x: tensor<4x8xf32>, %v: tensor<4x2xf32>, %i: tensor<4x2xi32>) -> (tensor<4x2xf32>, tensor<4x2xi32>) {
  %r:2 = "iree_linalg_ext.topk"(%x, %v, %i) <{dimension = 1 : i64}> ({
  ^bb0(%a: f32, %b: f32):
    %p = arith.cmpf ogt, %a, %b : f32
    "iree_linalg_ext.yield"(%p) : (i1) -> ()
  }) : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xi32>) -> (tensor<4x2xf32>, tensor<4x2xi32>)
  return %r#0, %r#1 : tensor<4x2xf32>, tensor<4x2xi32>
}

// -----

// A window moves along the dimensions that the map names.
// CHECK-LABEL: func.func @scatter
// CHECK: scf.for %[[B:[a-z0-9]+]] =
// CHECK: scf.for %[[W:[a-z0-9]+]] =
// CHECK: %[[I:.*]] = tensor.extract %{{.*}}[%[[B]], %{{.*}}] : tensor<5x1xi32>
// CHECK: %[[P:.*]] = arith.index_cast %[[I]] : i32 to index
// CHECK: tensor.insert %{{.*}} into %{{.*}}[%[[P]], %[[W]]] : tensor<9x4xf32>
func.func @scatter(%u: tensor<5x4xf32>, %i: tensor<5x1xi32>, %o: tensor<9x4xf32>) -> tensor<9x4xf32> {
  %r = "tm_tensor.scatter"(%u, %i, %o) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %b, %a : f32
    "tm_tensor.yield"(%s) : (f32) -> ()
  }) : (tensor<5x4xf32>, tensor<5x1xi32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return %r : tensor<9x4xf32>
}

// -----

// An exclusive scan writes what was before.
// CHECK-LABEL: func.func @exclusive
// CHECK: scf.for
// CHECK: %[[BEFORE:.*]] = tensor.extract %{{.*}}[] : tensor<i32>
// CHECK: %[[NEXT:.*]] = arith.addi
// CHECK: tensor.insert %[[BEFORE]] into %{{.*}} : tensor<8xi32>
// CHECK: tensor.insert %[[NEXT]] into %{{.*}}[] : tensor<i32>
func.func @exclusive(%x: tensor<8xi32>, %o: tensor<8xi32>, %c: tensor<i32>) -> tensor<8xi32> {
  %r:2 = "iree_linalg_ext.scan"(%x, %o, %c) <{dimension = 0 : i64, inclusive = false}> ({
  ^bb0(%a: i32, %b: i32):
    %s = arith.addi %a, %b : i32
    "iree_linalg_ext.yield"(%s) : (i32) -> ()
  }) : (tensor<8xi32>, tensor<8xi32>, tensor<i32>) -> (tensor<8xi32>, tensor<i32>)
  return %r#0 : tensor<8xi32>
}
