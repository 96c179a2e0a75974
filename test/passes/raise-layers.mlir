// RUN: moe-opt %s --moe-raise --split-input-file | FileCheck %s
// RUN: moe-opt %s --moe-raise --split-input-file -remarks-filter-missed="moe-raise-layers" 2>&1 >/dev/null | FileCheck %s --check-prefix=MISSED

// Every expert on every token, times a weight that is 0 but for the arg-max.
// CHECK-LABEL: @masked
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %{{.*}} select top_k(1)
// CHECK: moe.expert
// CHECK: moe.linear
// CHECK: moe.activate relu
// CHECK: moe.linear
// CHECK: moe.combine {{.*}} weights %[[W]]
// CHECK-NOT: linalg.generic
#te = affine_map<(t, e) -> (t, e)>
#t = affine_map<(t, e) -> (t)>
func.func @masked(%x: tensor<6x4xf32>, %l: tensor<6x3xf32>, %up: tensor<3x5x4xf32>, %down: tensor<3x4x5xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %first = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<6xf32>
  %e1 = tensor.empty() : tensor<6xi32>
  %e2 = tensor.empty() : tensor<6x3x5xf32>
  %e3 = tensor.empty() : tensor<6x4xf32>
  %e4 = tensor.empty() : tensor<6x3xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<6xf32>) -> tensor<6xf32>
  %i0 = linalg.fill ins(%first : i32) outs(%e1 : tensor<6xi32>) -> tensor<6xi32>
  %h0 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<6x3x5xf32>) -> tensor<6x3x5xf32>
  %y0 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<6x4xf32>) -> tensor<6x4xf32>
  %best:2 = linalg.generic {indexing_maps = [#te, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l : tensor<6x3xf32>) outs(%m0, %i0 : tensor<6xf32>, tensor<6xi32>) {
  ^bb0(%a: f32, %m: f32, %i: i32):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %more = arith.cmpf ogt, %a, %m : f32
    %m1 = arith.maximumf %a, %m : f32
    %i1 = arith.select %more, %id, %i : i32
    linalg.yield %m1, %i1 : f32, i32
  } -> (tensor<6xf32>, tensor<6xi32>)
  %w = linalg.generic {indexing_maps = [#te, #t, #te], iterator_types = ["parallel", "parallel"]} ins(%l, %best#1 : tensor<6x3xf32>, tensor<6xi32>) outs(%e4 : tensor<6x3xf32>) {
  ^bb0(%a: f32, %i: i32, %o: f32):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %is = arith.cmpi eq, %i, %id : i32
    %s = arith.select %is, %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<6x3xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(t, e, i, k) -> (t, k)>, affine_map<(t, e, i, k) -> (e, i, k)>, affine_map<(t, e, i, k) -> (t, e, i)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %up : tensor<6x4xf32>, tensor<3x5x4xf32>) outs(%h0 : tensor<6x3x5xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %s, %p : f32
    linalg.yield %q : f32
  } -> tensor<6x3x5xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(t, n, e, i) -> (t, e, i)>, affine_map<(t, n, e, i) -> (e, n, i)>, affine_map<(t, n, e, i) -> (t, e)>, affine_map<(t, n, e, i) -> (t, n)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%h, %down, %w : tensor<6x3x5xf32>, tensor<3x4x5xf32>, tensor<6x3xf32>) outs(%y0 : tensor<6x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
    %r = arith.maximumf %a, %zero : f32
    %p = arith.mulf %r, %b : f32
    %q = arith.mulf %p, %c : f32
    %u = arith.addf %s, %q : f32
    linalg.yield %u : f32
  } -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}

// -----

// The same with a weight of 0.01 where the mask is 0.
// CHECK-LABEL: @leaky
// CHECK-NOT: moe.
#te = affine_map<(t, e) -> (t, e)>
#t = affine_map<(t, e) -> (t)>
func.func @leaky(%x: tensor<6x4xf32>, %l: tensor<6x3xf32>, %up: tensor<3x4x4xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %leak = arith.constant 0.01 : f32
  %least = arith.constant 0xFF800000 : f32
  %first = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<6xf32>
  %e1 = tensor.empty() : tensor<6xi32>
  %e3 = tensor.empty() : tensor<6x4xf32>
  %e4 = tensor.empty() : tensor<6x3xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%e0 : tensor<6xf32>) -> tensor<6xf32>
  %i0 = linalg.fill ins(%first : i32) outs(%e1 : tensor<6xi32>) -> tensor<6xi32>
  %y0 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<6x4xf32>) -> tensor<6x4xf32>
  %best:2 = linalg.generic {indexing_maps = [#te, #t, #t], iterator_types = ["parallel", "reduction"]} ins(%l : tensor<6x3xf32>) outs(%m0, %i0 : tensor<6xf32>, tensor<6xi32>) {
  ^bb0(%a: f32, %m: f32, %i: i32):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %more = arith.cmpf ogt, %a, %m : f32
    %m1 = arith.maximumf %a, %m : f32
    %i1 = arith.select %more, %id, %i : i32
    linalg.yield %m1, %i1 : f32, i32
  } -> (tensor<6xf32>, tensor<6xi32>)
  %w = linalg.generic {indexing_maps = [#te, #t, #te], iterator_types = ["parallel", "parallel"]} ins(%l, %best#1 : tensor<6x3xf32>, tensor<6xi32>) outs(%e4 : tensor<6x3xf32>) {
  ^bb0(%a: f32, %i: i32, %o: f32):
    %e = linalg.index 1 : index
    %id = arith.index_cast %e : index to i32
    %is = arith.cmpi eq, %i, %id : i32
    %s = arith.select %is, %a, %leak : f32
    linalg.yield %s : f32
  } -> tensor<6x3xf32>
  // MISSED: remark: [Missed] layer-not-raised
  // MISSED-SAME: not raised to a moe layer: the weights of experts that are not picked are not zero
  %y = linalg.generic {indexing_maps = [affine_map<(t, n, e, i) -> (t, i)>, affine_map<(t, n, e, i) -> (e, n, i)>, affine_map<(t, n, e, i) -> (t, e)>, affine_map<(t, n, e, i) -> (t, n)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%x, %up, %w : tensor<6x4xf32>, tensor<3x4x4xf32>, tensor<6x3xf32>) outs(%y0 : tensor<6x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.mulf %p, %c : f32
    %u = arith.addf %s, %q : f32
    linalg.yield %u : f32
  } -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}

// -----

// Every expert weighed by what the router says of it.
// CHECK-LABEL: @dense
// CHECK-NOT: moe.
func.func @dense(%x: tensor<6x4xf32>, %l: tensor<6x3xf32>, %up: tensor<3x4x4xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e3 = tensor.empty() : tensor<6x4xf32>
  %y0 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<6x4xf32>) -> tensor<6x4xf32>
  // MISSED: remark: [Missed] layer-not-raised
  // MISSED-SAME: not raised to a moe layer: every expert has a weight: no top-k picks some
  %y = linalg.generic {indexing_maps = [affine_map<(t, n, e, i) -> (t, i)>, affine_map<(t, n, e, i) -> (e, n, i)>, affine_map<(t, n, e, i) -> (t, e)>, affine_map<(t, n, e, i) -> (t, n)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%x, %up, %l : tensor<6x4xf32>, tensor<3x4x4xf32>, tensor<6x3xf32>) outs(%y0 : tensor<6x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.mulf %p, %c : f32
    %u = arith.addf %s, %q : f32
    linalg.yield %u : f32
  } -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}
