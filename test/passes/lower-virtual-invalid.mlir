// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-virtual))' -verify-diagnostics

!g = !moe.groups<experts = 4, ragged>
func.func @returned(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<3x8x8xf32>) -> tensor<?x8xf32> {
  %g = moe.group %i : tensor<?x2xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x8xf32>, !g -> tensor<?x8xf32>
  // expected-error @below {{'moe.expert' op has virtual experts whose rows cannot be left out; expects its rows from a moe.dispatch of [T, H] and its result in moe.combine that sum, all by groups that moe.group makes from tokens' slots}}
  %o = moe.expert %r by %g weights(%w) virtual [#moe.virtual<zero 3 to 3>] {
  ^bb0(%r0: tensor<?x8xf32>, %w0: tensor<8x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !g, tensor<3x8x8xf32>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}
