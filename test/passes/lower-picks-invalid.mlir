// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-picks))' -split-input-file -verify-diagnostics

!g = !moe.groups<experts = 4, ragged>
func.func @offsets(%i: tensor<4x2xi32>, %t: index) -> tensor<5xi32> {
  %g = moe.group %i axis expert tokens %t : tensor<4x2xi32> -> !g
  // expected-error @below {{'moe.offsets' op observes where the rows of axis expert lie, which the compiler is free to choose; expects groups of tokens' slots}}
  %o = moe.offsets %g : !g -> tensor<5xi32>
  return %o : tensor<5xi32>
}

// -----

!g = !moe.groups<experts = 4, ragged>
func.func @many(%i: tensor<4x536870912xi32>, %t: index) -> !g {
  // expected-error @below {{'moe.group' op expects fewer than 2^31 rows, got 4 experts of 536870912}}
  %g = moe.group %i axis expert tokens %t : tensor<4x536870912xi32> -> !g
  return %g : !g
}
