// RUN: moe-opt %s -moe-lower-contractions -mlir-print-local-scope -split-input-file | FileCheck %s

// Batches are equal groups of the rows of one matmul; their offsets follow from
// how many rows there are, which here is data.
// CHECK-LABEL: func.func @batches
// CHECK-SAME: (%[[X:.*]]: tensor<8x?x48xf32>, %[[W:.*]]: tensor<8x48x32xf32>
// CHECK: %[[T:.*]] = linalg.generic {{.*}}affine_map<(d0, d1, d2) -> (d0, d2, d1)>{{.*}} ins(%[[W]] : tensor<8x48x32xf32>) outs(%{{.*}} : tensor<8x32x48xf32>)
// CHECK: %[[O:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<9xi32>)
// CHECK: %[[G:.*]] = moe.groups_from_offsets %[[O]] : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
// CHECK: %[[R:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<8x?x48xf32> into tensor<?x48xf32>
// CHECK: %[[Y:.*]] = moe.grouped_matmul lhs(%[[R]]) rhs(%[[T]]) by %[[G]] acc f32
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]]
func.func @batches(%x: tensor<8x?x48xf32>, %w: tensor<8x48x32xf32>, %o: tensor<8x?x32xf32>) -> tensor<8x?x32xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%o : tensor<8x?x32xf32>) -> tensor<8x?x32xf32>
  %y = linalg.batch_matmul ins(%x, %w : tensor<8x?x48xf32>, tensor<8x48x32xf32>) outs(%i : tensor<8x?x32xf32>) -> tensor<8x?x32xf32>
  return %y : tensor<8x?x32xf32>
}

// -----

// A mask is a float before it is multiplied, by the cast that the op has: as an
// unsigned bit. Two terms' loops are one depth, and an output whose columns come
// first has its sides changed.
// CHECK-LABEL: func.func @mask
// CHECK-SAME: (%[[X:.*]]: tensor<8x16x8xi1>, %[[W:.*]]: tensor<16x8x32xf32>
// CHECK: arith.uitofp %{{.*}} : i1 to f32
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<32x16x8xf32> into tensor<32x128xf32>
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<8x16x8xf32> into tensor<8x128xf32>
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%{{.*}}) acc f32 {
// CHECK: } : (tensor<32x128xf32>, tensor<8x128xf32>) -> tensor<32x8xf32>
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @mask(%x: tensor<8x16x8xi1>, %w: tensor<16x8x32xf32>, %o: tensor<32x8xf32>) -> tensor<32x8xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%o : tensor<32x8xf32>) -> tensor<32x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k, l) -> (m, k, l)>, affine_map<(m, n, k, l) -> (k, l, n)>, affine_map<(m, n, k, l) -> (n, m)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%x, %w : tensor<8x16x8xi1>, tensor<16x8x32xf32>) outs(%i : tensor<32x8xf32>) {
  ^bb0(%a: i1, %b: f32, %c: f32):
    %f = arith.uitofp %a : i1 to f32
    %p = arith.mulf %b, %f : f32
    %s = arith.addf %p, %c : f32
    linalg.yield %s : f32
  } -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}

// -----

// Left: a product of one column, one whose batches are data, integers, and a
// sum of squares.
// CHECK-LABEL: func.func @left
// CHECK-NOT: moe.grouped_matmul
func.func @left(%x: tensor<?x32x8xf32>, %w: tensor<?x8x16xf32>, %v: tensor<?x8x1xf32>, %a: tensor<16x32xi32>, %b: tensor<32x16xi32>, %o: tensor<?x32x16xf32>, %p: tensor<?x32x1xf32>, %q: tensor<16x16xi32>, %t: tensor<32x8xf32>, %u: tensor<32xf32>) -> (tensor<?x32x16xf32>, tensor<?x32x1xf32>, tensor<16x16xi32>, tensor<32xf32>) {
  %0 = linalg.batch_matmul ins(%x, %w : tensor<?x32x8xf32>, tensor<?x8x16xf32>) outs(%o : tensor<?x32x16xf32>) -> tensor<?x32x16xf32>
  %1 = linalg.batch_matmul ins(%x, %v : tensor<?x32x8xf32>, tensor<?x8x1xf32>) outs(%p : tensor<?x32x1xf32>) -> tensor<?x32x1xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<16x32xi32>, tensor<32x16xi32>) outs(%q : tensor<16x16xi32>) -> tensor<16x16xi32>
  %3 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%t : tensor<32x8xf32>) outs(%u : tensor<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %m = arith.mulf %in, %in : f32
    %s = arith.addf %m, %out : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  return %0, %1, %2, %3 : tensor<?x32x16xf32>, tensor<?x32x1xf32>, tensor<16x16xi32>, tensor<32xf32>
}
