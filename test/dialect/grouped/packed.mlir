// RUN: moe-test-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @packed
func.func @packed(%x: tensor<?x64xf32>, %wg: tensor<8x30x64xf32>, %wu: tensor<8x30x64xf32>, %g: !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32> {
  // CHECK: %[[P:.*]] = moe.pack %{{.*}}, %{{.*}} : tensor<8x30x64xf32>, tensor<8x30x64xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 8x30x64xf32, 8x30x64xf32>
  %p = moe.pack %wg, %wu : tensor<8x30x64xf32>, tensor<8x30x64xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 8x30x64xf32, 8x30x64xf32>
  // One packed value stands for both right-hand sides; a plan is verified with its op.
  // CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%[[P]]) by %{{.*}} acc f32 {
  // CHECK: {moe.plan = #moe_test.plan<sums = "fma", tile = 8>}
  %h = moe.grouped_matmul lhs(%x) rhs(%p) by %g acc f32 {
  ^bb0(%a: f32, %u: f32):
    %m = arith.mulf %a, %u : f32
    moe.yield %m : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 8>} : (tensor<?x64xf32>, !moe.packed<#moe_test.layout<columns = 16>, 8x30x64xf32, 8x30x64xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x30xf32>
  return %h : tensor<?x30xf32>
}

// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<?x64xf32>, %w: tensor<30x64xf32>) -> tensor<?x30xf32> {
  // CHECK: -> !moe.packed<#moe_test.layout<columns = 16>, 30x64xf32>
  %p = moe.pack %w : tensor<30x64xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 30x64xf32>
  %h = moe.grouped_matmul lhs(%x) rhs(%p) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x64xf32>, !moe.packed<#moe_test.layout<columns = 16>, 30x64xf32>) -> tensor<?x30xf32>
  return %h : tensor<?x30xf32>
}
