// Experts that choose tokens: the two best rows of each, added where they came
// from. Each other run changes one condition.
// RUN: moe-opt %s --allow-unregistered-dialect --moe-raise | FileCheck %s
// RUN: sed 's/%row = arith.index_cast %chosen/%row = arith.index_cast %other/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: sed 's/arith.mulf %v, %weight/arith.addf %v, %weight/' %s | moe-opt --allow-unregistered-dialect --moe-raise -remarks-filter-missed="moe-raise-layers" 2>&1 | FileCheck %s --check-prefix=ROWS

// CHECK-LABEL: @choice
// CHECK: %[[IDS:.*]], %[[W:.*]] = moe.route %{{.*}} select expert_top_k(2)
// CHECK: moe.group %[[IDS]] axis expert
// CHECK: moe.expert
// CHECK: moe.combine {{.*}} weights %[[W]]
// CHECK-NOT: scatter

// ROWS-NOT: moe.expert
// ROWS: iree_linalg_ext.scatter
// ROWS-NOT: moe.expert
func.func @choice(%x: tensor<6x4xf32>, %l: tensor<6x3xf32>, %w: tensor<3x4x4xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %none = arith.constant 2147483647 : i32
  %e0 = tensor.empty() : tensor<3x6xf32>
  %e1 = tensor.empty() : tensor<3x2xf32>
  %e2 = tensor.empty() : tensor<3x2xi32>
  %e3 = tensor.empty() : tensor<3x2x4xf32>
  %e4 = tensor.empty() : tensor<6x4xf32>
  %v0 = linalg.fill ins(%least : f32) outs(%e1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %i0 = linalg.fill ins(%none : i32) outs(%e2 : tensor<3x2xi32>) -> tensor<3x2xi32>
  %h0 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<3x2x4xf32>) -> tensor<3x2x4xf32>
  %y0 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<6x4xf32>) -> tensor<6x4xf32>
  %turned = linalg.transpose ins(%l : tensor<6x3xf32>) outs(%e0 : tensor<3x6xf32>) permutation = [1, 0]
  %best:2 = "iree_linalg_ext.topk"(%turned, %v0, %i0) <{dimension = 1 : i64, operandSegmentSizes = array<i32: 1, 2>}> ({
  ^bb0(%u: f32, %v: f32):
    %more = arith.cmpf ogt, %u, %v : f32
    "iree_linalg_ext.yield"(%more) : (i1) -> ()
  }) : (tensor<3x6xf32>, tensor<3x2xf32>, tensor<3x2xi32>) -> (tensor<3x2xf32>, tensor<3x2xi32>)
  %h = linalg.generic {indexing_maps = [affine_map<(e, c, n, k) -> (e, c)>, affine_map<(e, c, n, k) -> (e, n, k)>, affine_map<(e, c, n, k) -> (e, c, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%best#1, %w : tensor<3x2xi32>, tensor<3x4x4xf32>) outs(%h0 : tensor<3x2x4xf32>) {
  ^bb0(%chosen: i32, %b: f32, %acc: f32):
    %e = linalg.index 0 : index
    %k = linalg.index 3 : index
    %other = arith.index_cast %e : index to i32
    %row = arith.index_cast %chosen : i32 to index
    %a = tensor.extract %x[%row, %k] : tensor<6x4xf32>
    %q = arith.mulf %a, %b : f32
    %r = arith.addf %acc, %q : f32
    linalg.yield %r : f32
  } -> tensor<3x2x4xf32>
  %scaled = linalg.generic {indexing_maps = [affine_map<(e, c, n) -> (e, c, n)>, affine_map<(e, c, n) -> (e, c)>, affine_map<(e, c, n) -> (e, c, n)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h, %best#0 : tensor<3x2x4xf32>, tensor<3x2xf32>) outs(%e3 : tensor<3x2x4xf32>) {
  ^bb0(%v: f32, %weight: f32, %o: f32):
    %r = arith.mulf %v, %weight : f32
    linalg.yield %r : f32
  } -> tensor<3x2x4xf32>
  %flat = tensor.collapse_shape %scaled [[0, 1], [2]] : tensor<3x2x4xf32> into tensor<6x4xf32>
  %new = tensor.expand_shape %flat [[0], [1, 2]] output_shape [6, 1, 4] : tensor<6x4xf32> into tensor<6x1x4xf32>
  %ids = tensor.collapse_shape %best#1 [[0, 1]] : tensor<3x2xi32> into tensor<6xi32>
  %list = tensor.expand_shape %ids [[0, 1]] output_shape [6, 1] : tensor<6xi32> into tensor<6x1xi32>
  %y = "iree_linalg_ext.scatter"(%new, %list, %y0) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%add: f32, %old: f32):
    %sum = arith.addf %old, %add : f32
    "iree_linalg_ext.yield"(%sum) : (f32) -> ()
  }) : (tensor<6x1x4xf32>, tensor<6x1xi32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  return %y : tensor<6x4xf32>
}
