// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-expose-taps))' -verify-diagnostics

func.func @taken(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {moe.name = "y"}) {
  // expected-error @below {{'moe.tap' op expects a name that no result has, got 'y'}}
  moe.tap "y" %x : tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}
