// RUN: moe-opt %s -moe-split-results -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @apart
// CHECK: %[[A:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x1xi64>)
// CHECK: %[[B:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?xi64>)
// CHECK: return %[[A]], %[[B]]
func.func @apart(%a: tensor<?x1xi64>, %b: tensor<?xi64>) -> (tensor<?x1xi64>, tensor<?xi64>) {
  %r:2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%a, %b : tensor<?x1xi64>, tensor<?xi64>) {
  ^bb0(%p: i64, %q: i64):
    %i = linalg.index 0 : index
    %k = arith.index_cast %i : index to i64
    %m = arith.addi %k, %p : i64
    linalg.yield %k, %m : i64, i64
  } -> (tensor<?x1xi64>, tensor<?xi64>)
  return %r#0, %r#1 : tensor<?x1xi64>, tensor<?xi64>
}

// -----

// Outputs of one indexing stay together, and so do sums that read each other.
// CHECK-LABEL: func.func @together
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
func.func @together(%x: tensor<4x8xf32>, %a: tensor<4xf32>, %i: tensor<4xi64>, %c: tensor<8xf32>) -> (tensor<4xf32>, tensor<4xi64>, tensor<4xf32>, tensor<8xf32>) {
  %r:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%a, %i : tensor<4xf32>, tensor<4xi64>) {
  ^bb0(%in: f32, %m: f32, %k: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %max = arith.maximumf %in, %m : f32
    %gt = arith.cmpf ogt, %in, %m : f32
    %at = arith.select %gt, %n, %k : i64
    linalg.yield %max, %at : f32, i64
  } -> (tensor<4xf32>, tensor<4xi64>)
  %s:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%a, %c : tensor<4xf32>, tensor<8xf32>) {
  ^bb0(%in: f32, %p: f32, %q: f32):
    %t = arith.addf %in, %p : f32
    %u = arith.addf %in, %q : f32
    linalg.yield %t, %u : f32, f32
  } -> (tensor<4xf32>, tensor<8xf32>)
  return %r#0, %r#1, %s#0, %s#1 : tensor<4xf32>, tensor<4xi64>, tensor<4xf32>, tensor<8xf32>
}
