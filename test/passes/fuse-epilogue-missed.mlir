// RUN: moe-opt %s -moe-fuse-epilogue -remarks-filter-missed="moe-fuse-epilogue" 2>&1 | FileCheck %s

// A product that something else reads has to be made anyway, so nothing is
// fused, and the remark names who else reads it.
// CHECK: fuse-epilogue-missed.mlir:[[@LINE+10]]:8: remark: [Missed] product-has-other-users
// CHECK-SAME: Category:moe-fuse-epilogue
// CHECK-SAME: math.exp is not fused: the product it reads is also used by func.return, math.sin
// CHECK-LABEL: func.func @other_users
// CHECK: math.exp %{{.*}} : tensor<?x3xf32>
func.func @other_users(%x: tensor<?x4xf32>, %w: tensor<3x4xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %a = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%s: f32):
    moe.yield %s : f32
  } : (tensor<?x4xf32>, tensor<3x4xf32>) -> tensor<?x3xf32>
  %b = math.exp %a : tensor<?x3xf32>
  %c = math.sin %a : tensor<?x3xf32>
  return %a, %b, %c : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}
