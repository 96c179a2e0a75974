// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-normalize-groups))' -split-input-file -verify-diagnostics

!a = !moe.groups<experts = 4, aligned<4>>
func.func @offsets(%i: tensor<?x2xi32>) -> tensor<5xi32> {
  %g = moe.group %i : tensor<?x2xi32> -> !a
  // expected-error @below {{'moe.offsets' op observes where aligned, padded or dense rows lie; expects ragged groups}}
  %o = moe.offsets %g : !a -> tensor<5xi32>
  return %o : tensor<5xi32>
}

// -----

!a = !moe.groups<experts = 4, aligned<4>>
func.func @rows(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>) -> tensor<?x8xf32> {
  %g = moe.group %i : tensor<?x2xi32> -> !a
  %r = moe.dispatch %x by %g : tensor<?x8xf32>, !a -> tensor<?x8xf32>
  // expected-error @below {{'arith.negf' op reads rows that lie aligned, padded or dense; expects such rows in moe.expert and moe.combine only, or ragged groups}}
  %n = arith.negf %r : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// -----

!a = !moe.groups<experts = 4, aligned<4>>
func.func @origin(%r: tensor<?x8xf32>, %i: tensor<?x2xi32>) -> tensor<?x8xf32> {
  %g = moe.group %i : tensor<?x2xi32> -> !a
  // expected-error @below {{'moe.expert' op expects rows that lie aligned, padded or dense to come from moe.dispatch or moe.expert, or ragged groups}}
  %o = moe.expert %r by %g {
  ^bb0(%r0: tensor<?x8xf32>):
    moe.yield %r0 : tensor<?x8xf32>
  } : (tensor<?x8xf32>, !a) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// -----

func.func @given(%o: tensor<5xi32>) -> !moe.groups<experts = 4, padded<4>> {
  // expected-error @below {{'moe.groups_from_offsets' op has rows whose places are given: expects ragged groups to be compiled}}
  %g = moe.groups_from_offsets %o : tensor<5xi32> -> !moe.groups<experts = 4, padded<4>>
  return %g : !moe.groups<experts = 4, padded<4>>
}
