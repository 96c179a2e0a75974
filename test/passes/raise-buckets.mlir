// Rows in buckets of T places an expert: a scatter by expert and running count,
// and a gather. Each other run changes one condition.
// RUN: moe-opt %s --allow-unregistered-dialect --moe-raise | FileCheck %s
// RUN: sed 's/arith.addi %first, %count : i64/arith.addi %first, %n0 : i64/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: sed 's/arith.muli %expert, %width : i64/arith.muli %expert, %n1 : i64/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: sed 's/arith.addi %old, %new : i64/arith.muli %old, %new : i64/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=TWICE

// CHECK-LABEL: @buckets
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %{{.*}} select top_k(1)
// CHECK: %[[G:.*]] = moe.group %[[IDS]]
// CHECK: moe.dispatch %{{.*}} by %[[G]]
// CHECK: moe.expert
// CHECK: moe.combine {{.*}} weights %[[W]]
// CHECK-NOT: tm_tensor

// TWICE: not raised to a moe layer: a scatter may write one row twice
// TWICE: tm_tensor.scatter
#te = affine_map<(t, e) -> (t, e)>
#t = affine_map<(t, e) -> (t)>
#id = affine_map<(a) -> (a)>
#id2 = affine_map<(a, b) -> (a, b)>
#a = affine_map<(a, b) -> (a)>
#b = affine_map<(a, b) -> (b)>
func.func @buckets(%x: tensor<?x4xf32>, %router: tensor<4x2xf32>, %w: tensor<2x4x4xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %n0 = arith.constant 0 : i64
  %n1 = arith.constant 1 : i64
  %tokens = tensor.dim %x, %c0 : tensor<?x4xf32>
  %el = tensor.empty(%tokens) : tensor<?x2xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%el : tensor<?x2xf32>) -> tensor<?x2xf32>
  %l = linalg.matmul ins(%x, %router : tensor<?x4xf32>, tensor<4x2xf32>) outs(%l0 : tensor<?x2xf32>) -> tensor<?x2xf32>
  %e0 = tensor.empty(%tokens) : tensor<?xf32>
  %e1 = tensor.empty(%tokens) : tensor<?xi64>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %i0 = linalg.fill ins(%n0 : i64) outs(%e1 : tensor<?xi64>) -> tensor<?xi64>
  %best:2 = linalg.generic {indexing_maps = [#te, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l : tensor<?x2xf32>) outs(%m0, %i0 : tensor<?xf32>, tensor<?xi64>) {
  ^bb0(%v: f32, %m: f32, %i: i64):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i64
    %more = arith.cmpf ogt, %v, %m : f32
    %m1 = arith.maximumf %v, %m : f32
    %i1 = arith.select %more, %id, %i : i64
    linalg.yield %m1, %i1 : f32, i64
  } -> (tensor<?xf32>, tensor<?xi64>)
  %width = arith.index_cast %tokens : index to i64
  %c2 = arith.constant 2 : index
  %all = arith.muli %tokens, %c2 : index
  %e2 = tensor.empty(%tokens) : tensor<?x2xi64>
  %e3 = tensor.empty() : tensor<2xi64>
  %o0 = linalg.fill ins(%n0 : i64) outs(%e2 : tensor<?x2xi64>) -> tensor<?x2xi64>
  %o1 = linalg.fill ins(%n0 : i64) outs(%e3 : tensor<2xi64>) -> tensor<2xi64>
  %hot = linalg.generic {indexing_maps = [#t, #te], iterator_types = ["parallel", "parallel"]} ins(%best#1 : tensor<?xi64>) outs(%e2 : tensor<?x2xi64>) {
  ^bb0(%expert: i64, %o: i64):
    %e = linalg.index 1 : index
    %i = arith.index_cast %e : index to i64
    %is = arith.cmpi eq, %expert, %i : i64
    %one = arith.extui %is : i1 to i64
    linalg.yield %one : i64
  } -> tensor<?x2xi64>
  %scan:2 = "tm_tensor.scan"(%hot, %o0, %o1) <{dimension = 0 : i64, inclusive = false, operandSegmentSizes = array<i32: 1, 2>}> ({
  ^bb0(%old: i64, %new: i64):
    %sum = arith.addi %old, %new : i64
    "tm_tensor.yield"(%sum) : (i64) -> ()
  }) : (tensor<?x2xi64>, tensor<?x2xi64>, tensor<2xi64>) -> (tensor<?x2xi64>, tensor<2xi64>)
  %slot = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%best#1 : tensor<?xi64>) outs(%e1 : tensor<?xi64>) {
  ^bb0(%expert: i64, %o: i64):
    %row = linalg.index 0 : index
    %e = arith.index_cast %expert : i64 to index
    %count = tensor.extract %scan#0[%row, %e] : tensor<?x2xi64>
    %first = arith.muli %expert, %width : i64
    %place = arith.addi %first, %count : i64
    linalg.yield %place : i64
  } -> tensor<?xi64>
  %list = tensor.expand_shape %slot [[0, 1]] output_shape [%tokens, 1] : tensor<?xi64> into tensor<?x1xi64>
  %rows = tensor.expand_shape %x [[0, 1], [2]] output_shape [%tokens, 1, 4] : tensor<?x4xf32> into tensor<?x1x4xf32>
  %e4 = tensor.empty(%all) : tensor<?x4xf32>
  %b0 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<?x4xf32>) -> tensor<?x4xf32>
  %buckets = "tm_tensor.scatter"(%rows, %list, %b0) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%new: f32, %old: f32):
    "tm_tensor.yield"(%new) : (f32) -> ()
  }) : (tensor<?x1x4xf32>, tensor<?x1xi64>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %split = tensor.expand_shape %buckets [[0, 1], [2]] output_shape [2, %tokens, 4] : tensor<?x4xf32> into tensor<2x?x4xf32>
  %e5 = tensor.empty(%tokens) : tensor<2x?x4xf32>
  %h0 = linalg.fill ins(%zero : f32) outs(%e5 : tensor<2x?x4xf32>) -> tensor<2x?x4xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(e, r, n, k) -> (e, r, k)>, affine_map<(e, r, n, k) -> (e, n, k)>, affine_map<(e, r, n, k) -> (e, r, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%split, %w : tensor<2x?x4xf32>, tensor<2x4x4xf32>) outs(%h0 : tensor<2x?x4xf32>) {
  ^bb0(%u: f32, %v: f32, %acc: f32):
    %q = arith.mulf %u, %v : f32
    %r = arith.addf %acc, %q : f32
    linalg.yield %r : f32
  } -> tensor<2x?x4xf32>
  %flat = tensor.collapse_shape %h [[0, 1], [2]] : tensor<2x?x4xf32> into tensor<?x4xf32>
  %e6 = tensor.empty(%tokens) : tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [#a, #a, #id2], iterator_types = ["parallel", "parallel"]} ins(%slot, %best#0 : tensor<?xi64>, tensor<?xf32>) outs(%e6 : tensor<?x4xf32>) {
  ^bb0(%place: i64, %weight: f32, %o: f32):
    %n = linalg.index 1 : index
    %row = arith.index_cast %place : i64 to index
    %v = tensor.extract %flat[%row, %n] : tensor<?x4xf32>
    %r = arith.mulf %v, %weight : f32
    linalg.yield %r : f32
  } -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
