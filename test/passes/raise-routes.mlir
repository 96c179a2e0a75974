// RUN: moe-opt %s --allow-unregistered-dialect --moe-raise-routes --split-input-file | FileCheck %s

// Biased logits, all experts sorted, the first two kept, softmax of these.
// CHECK-LABEL: @sorted
// CHECK: %[[L:.*]] = arith.addf
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %[[L]] select top_k(2) normalize softmax : tensor<?x8xf32>
// CHECK: %[[I64:.*]] = arith.extsi %[[IDS]] : tensor<?x2xi32> to tensor<?x2xi64>
// CHECK: return %[[W]], %[[I64]]
#m = affine_map<(d0, d1) -> (d0, d1)>
#r = affine_map<(d0, d1) -> (d0)>
func.func @sorted(%a: tensor<?x8xf32>, %b: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi64>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %l = arith.addf %a, %b : tensor<?x8xf32>
  %t = tensor.dim %l, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%t) : tensor<?x8xi64>
  %iota = linalg.generic {indexing_maps = [#m], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x8xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 1 : index
    %j = arith.index_cast %i : index to i64
    linalg.yield %j : i64
  } -> tensor<?x8xi64>
  %s:2 = "tm_tensor.sort"(%l, %iota) <{dimension = 1 : i64, operandSegmentSizes = array<i32: 0, 2>}> ({
  ^bb0(%p: f32, %q: f32, %i: i64, %j: i64):
    %c = arith.cmpf oge, %p, %q : f32
    "tm_tensor.yield"(%c) : (i1) -> ()
  }) : (tensor<?x8xf32>, tensor<?x8xi64>) -> (tensor<?x8xf32>, tensor<?x8xi64>)
  %v = tensor.extract_slice %s#0[0, 0] [%t, 2] [1, 1] : tensor<?x8xf32> to tensor<?x2xf32>
  %ids = tensor.extract_slice %s#1[0, 0] [%t, 2] [1, 1] : tensor<?x8xi64> to tensor<?x2xi64>
  %ev = tensor.empty(%t) : tensor<?x2xf32>
  %x = linalg.generic {indexing_maps = [#m, #m], iterator_types = ["parallel", "parallel"]} ins(%v : tensor<?x2xf32>) outs(%ev : tensor<?x2xf32>) {
  ^bb0(%p: f32, %o: f32):
    %q = math.exp %p : f32
    linalg.yield %q : f32
  } -> tensor<?x2xf32>
  %es = tensor.empty(%t) : tensor<?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%es : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#m, #r], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x2xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%p: f32, %o: f32):
    %q = arith.addf %p, %o : f32
    linalg.yield %q : f32
  } -> tensor<?xf32>
  %w = linalg.generic {indexing_maps = [#m, #r, #m], iterator_types = ["parallel", "parallel"]} ins(%x, %sum : tensor<?x2xf32>, tensor<?xf32>) outs(%ev : tensor<?x2xf32>) {
  ^bb0(%p: f32, %d: f32, %o: f32):
    %q = arith.divf %p, %d : f32
    linalg.yield %q : f32
  } -> tensor<?x2xf32>
  return %w, %ids : tensor<?x2xf32>, tensor<?x2xi64>
}

// -----

// Sorted upwards, these are not the picks of a router.
// CHECK-LABEL: @upwards
// CHECK-NOT: moe.route
// CHECK: tm_tensor.sort
#m = affine_map<(d0, d1) -> (d0, d1)>
func.func @upwards(%l: tensor<16x8xf32>) -> tensor<16x2xi64> {
  %e = tensor.empty() : tensor<16x8xi64>
  %iota = linalg.generic {indexing_maps = [#m], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<16x8xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 1 : index
    %j = arith.index_cast %i : index to i64
    linalg.yield %j : i64
  } -> tensor<16x8xi64>
  %s:2 = "tm_tensor.sort"(%l, %iota) <{dimension = 1 : i64, operandSegmentSizes = array<i32: 0, 2>}> ({
  ^bb0(%p: f32, %q: f32, %i: i64, %j: i64):
    %c = arith.cmpf ole, %p, %q : f32
    "tm_tensor.yield"(%c) : (i1) -> ()
  }) : (tensor<16x8xf32>, tensor<16x8xi64>) -> (tensor<16x8xf32>, tensor<16x8xi64>)
  %ids = tensor.extract_slice %s#1[0, 0] [16, 2] [1, 1] : tensor<16x8xi64> to tensor<16x2xi64>
  return %ids : tensor<16x2xi64>
}
