// REQUIRES: cudasim
// RUN: rm -rf %t && mkdir %t && %python %S/executors.py %s %t | FileCheck %s

// Capacity, groups, dispatch and combine on CUDA kernels: what the CPU gives.

// CHECK-COUNT-5: {{^[a-z_]+: same$}}

!g = !moe.groups<experts = 8, ragged>
func.func @by_token(%i: tensor<?x3xi32>, %w: tensor<?x3xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>, tensor<9xi32>) {
  %i2, %w2 = moe.capacity %i, %w cap 4 order token_major overflow drop : tensor<?x3xi32>, tensor<?x3xf32>
  %g = moe.group %i2 : tensor<?x3xi32> -> !g
  %o = moe.offsets %g : !g -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x3xi32>, tensor<?x3xf32>, tensor<9xi32>
}
func.func @by_rank(%i: tensor<?x3xi32>, %w: tensor<?x3xbf16>) -> (tensor<?x3xi32>, tensor<?x3xbf16>, tensor<9xi32>) {
  %i2, %w2 = moe.capacity %i, %w cap 5 order rank_major overflow drop : tensor<?x3xi32>, tensor<?x3xbf16>
  %g = moe.group %i2 : tensor<?x3xi32> -> !g
  %o = moe.offsets %g : !g -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x3xi32>, tensor<?x3xbf16>, tensor<9xi32>
}
func.func @by_slot(%x: tensor<?x40xf32>, %i: tensor<?x4xi32>, %w: tensor<?x4xf32>, %y: tensor<?x40xf32>) -> tensor<?x40xf32> {
  %g = moe.group %i : tensor<?x4xi32> -> !g
  %r = moe.dispatch %x by %g scale %w : tensor<?x40xf32>, !g, tensor<?x4xf32> -> tensor<?x40xf32>
  %z = moe.combine %r by %g weights %w init %y acc f32 order slot : (tensor<?x40xf32>, !g, tensor<?x4xf32>, tensor<?x40xf32>) -> tensor<?x40xf32>
  return %z : tensor<?x40xf32>
}
func.func @by_expert(%x: tensor<?x40xbf16>, %i: tensor<?x4xi32>, %w: tensor<?x4xf32>) -> tensor<?x40xbf16> {
  %g = moe.group %i : tensor<?x4xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x40xbf16>, !g -> tensor<?x40xbf16>
  %z = moe.combine %r by %g weights %w acc bf16 order expert : (tensor<?x40xbf16>, !g, tensor<?x4xf32>) -> tensor<?x40xbf16>
  return %z : tensor<?x40xbf16>
}
!l = !moe.groups<experts = 8, local = [2, 3], ragged>
func.func @local(%x: tensor<?x24xf32>, %i: tensor<?x4xi32>, %v: tensor<3x16x24xf32>, %b: tensor<3x16xf32>) -> (tensor<?x16xf32>, tensor<9xi32>) {
  %g = moe.group %i : tensor<?x4xi32> -> !l
  %o = moe.offsets %g : !l -> tensor<9xi32>
  %h = moe.grouped_matmul lhs(%x gather) rhs(%v) by %g operands(%b columns) acc f32 {
  ^bb0(%s: f32, %c: f32):
    %t = arith.addf %s, %c : f32
    moe.yield %t : f32
  } : (tensor<?x24xf32>, tensor<3x16x24xf32>, !l, tensor<3x16xf32>) -> tensor<?x16xf32>
  %z = moe.combine %h by %g acc f32 order slot : (tensor<?x16xf32>, !l) -> tensor<?x16xf32>
  return %z, %o : tensor<?x16xf32>, tensor<9xi32>
}
