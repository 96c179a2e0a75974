// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @mixtures
func.func @mixtures(%x: tensor<?x8xbf16>, %d: tensor<?x4x2xf32>, %w: tensor<4x8x8xbf16>, %p: tensor<3x4xf32>, %i: tensor<?x2xi32>, %j: tensor<?x5x2xi32>) {
  // CHECK: moe.soft_dispatch %{{.*}} by %{{.*}} : tensor<?x8xbf16>, tensor<?x4x2xf32> -> tensor<4x2x8xbf16>
  %r = moe.soft_dispatch %x by %d : tensor<?x8xbf16>, tensor<?x4x2xf32> -> tensor<4x2x8xbf16>
  // CHECK: moe.soft_combine %{{.*}} by %{{.*}} : tensor<4x2x8xbf16>, tensor<?x4x2xf32> -> tensor<?x8xf32>
  %y = moe.soft_combine %r by %d : tensor<4x2x8xbf16>, tensor<?x4x2xf32> -> tensor<?x8xf32>
  // CHECK: moe.merge %{{.*}} by %{{.*}} : tensor<4x8x8xbf16>, tensor<3x4xf32> -> tensor<3x8x8xbf16>
  %m = moe.merge %w by %p : tensor<4x8x8xbf16>, tensor<3x4xf32> -> tensor<3x8x8xbf16>
  // CHECK: moe.count %{{.*}} : tensor<?x2xi32> -> tensor<8xf32>
  %c = moe.count %i : tensor<?x2xi32> -> tensor<8xf32>
  // CHECK: moe.count %{{.*}} : tensor<?x5x2xi32> -> tensor<?x8xi32>
  %s = moe.count %j : tensor<?x5x2xi32> -> tensor<?x8xi32>
  // CHECK: moe.tap "seen" %{{.*}} : tensor<?x8xf32>
  moe.tap "seen" %y : tensor<?x8xf32>
  return
}

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x2x8xf32>, %i: tensor<?x2xi32>, %k: tensor<3x2xi32>, %t: index) {
  // CHECK: moe.group %{{.*}} : tensor<?x2xi32> -> !moe.groups<experts = 8, local = [2, 4], aligned<16>>
  %a = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, local = [2, 4], aligned<16>>
  // CHECK: moe.group %{{.*}} : tensor<?x2xi32> -> !moe.groups<experts = 8, padded<3>>
  %p = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, padded<3>>
  // CHECK: moe.group %{{.*}} : tensor<?x2xi32> -> !moe.groups<experts = 8, dense>
  %d = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, dense>
  // CHECK: moe.group %{{.*}} axis expert tokens %{{.*}} : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  %e = moe.group %k axis expert tokens %t : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  // CHECK: moe.dispatch %{{.*}} by %{{.*}} : tensor<?x2x8xf32>
  %r = moe.dispatch %x by %p : tensor<?x2x8xf32>, !moe.groups<experts = 8, padded<3>> -> tensor<24x8xf32>
  // CHECK: virtual [#moe.virtual<identity 0 to 1>, #moe.virtual<constant 4 to 4>] constants(%{{.*}})
  %c = arith.constant dense<1.0> : tensor<1x8xf32>
  %w = arith.constant dense<1.0> : tensor<5x8x8xf32>
  %o = moe.expert %r by %p weights(%w) virtual [#moe.virtual<identity 0 to 1>, #moe.virtual<constant 4 to 4>] constants(%c) {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<24x8xf32>, !moe.groups<experts = 8, padded<3>>, tensor<5x8x8xf32>, tensor<1x8xf32>) -> tensor<24x8xf32>
  // CHECK: moe.combine %{{.*}} by %{{.*}} reduce none acc f32 order slot
  %y = moe.combine %o by %p reduce none acc f32 order slot : (tensor<24x8xf32>, !moe.groups<experts = 8, padded<3>>) -> tensor<?x2x8xf32>
  // CHECK: moe.row_experts %{{.*}} rows %{{.*}} : !moe.groups<experts = 3, ragged> -> tensor<?xi32>
  %re = moe.row_experts %e rows %t : !moe.groups<experts = 3, ragged> -> tensor<?xi32>
  // CHECK: moe.places %{{.*}} tokens %{{.*}} : tensor<3x2xi32> -> tensor<?x3xi32>
  %pl = moe.places %k tokens %t : tensor<3x2xi32> -> tensor<?x3xi32>
  return
}
