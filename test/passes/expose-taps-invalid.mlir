// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-expose-taps))' -verify-diagnostics -split-input-file

func.func @taken(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {moe.name = "y"}) {
  // expected-error @below {{'moe.tap' op expects a name that no result has, got 'y'}}
  moe.tap "y" %x : tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @below {{expects one block in a function with taps}}
func.func @blocks(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {moe.name = "y"}) {
  moe.tap "z" %x : tensor<?x8xf32>
  cf.br ^bb1
^bb1:
  return %x : tensor<?x8xf32>
}
