// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-normalize-groups))' -split-input-file | FileCheck %s

// Aligned rows, through two experts: all have the bound of ragged ones, T*K.
// CHECK-LABEL: func.func @aligned
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>) -> tensor<8x4xf32> {
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<8x2xi32> -> !moe.groups<experts = 4, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<8x4xf32>, !moe.groups<experts = 4, ragged> -> tensor<16x4xf32>
// CHECK-NEXT: %[[O:.*]] = moe.expert %[[R]] by %[[G]] {
// CHECK-NEXT: ^bb0(%[[R0:.*]]: tensor<?x4xf32>):
// CHECK-NEXT: moe.yield %[[R0]]
// CHECK-NEXT: } : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<16x4xf32>
// CHECK-NEXT: %[[Q:.*]] = moe.expert %[[O]] by %[[G]] {
// CHECK-NEXT: ^bb0(%[[R1:.*]]: tensor<?x4xf32>):
// CHECK-NEXT: moe.yield %[[R1]]
// CHECK-NEXT: } : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<16x4xf32>
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[Q]] by %[[G]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<8x4xf32>
// CHECK-NEXT: return %[[Y]] : tensor<8x4xf32>
!a = !moe.groups<experts = 4, aligned<4>>
func.func @aligned(%x: tensor<8x4xf32>, %i: tensor<8x2xi32>) -> tensor<8x4xf32> {
  %g = moe.group %i : tensor<8x2xi32> -> !a
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !a -> tensor<28x4xf32>
  %o = moe.expert %r by %g {
  ^bb0(%r0: tensor<?x4xf32>):
    moe.yield %r0 : tensor<?x4xf32>
  } : (tensor<28x4xf32>, !a) -> tensor<28x4xf32>
  %q = moe.expert %o by %g {
  ^bb0(%r0: tensor<?x4xf32>):
    moe.yield %r0 : tensor<?x4xf32>
  } : (tensor<28x4xf32>, !a) -> tensor<28x4xf32>
  %y = moe.combine %q by %g acc f32 order slot : (tensor<28x4xf32>, !a) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// Padded rows are as many for any number of tokens, ragged ones are not. Which
// experts are local is no matter of the layout.
// CHECK-LABEL: func.func @padded
// CHECK-SAME: (%[[X:.*]]: tensor<?x4xbf16>, %[[I:.*]]: tensor<?x2xi32>, %[[W:.*]]: tensor<?x2xf32>) -> tensor<?x4xbf16> {
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<?x2xi32> -> !moe.groups<experts = 8, local = [2, 4], ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<?x4xbf16>, !moe.groups<experts = 8, local = [2, 4], ragged> -> tensor<?x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[R]] by %[[G]] weights %[[W]] acc f32 order slot : (tensor<?x4xbf16>, !moe.groups<experts = 8, local = [2, 4], ragged>, tensor<?x2xf32>) -> tensor<?x4xbf16>
// CHECK-NEXT: return %[[Y]] : tensor<?x4xbf16>
!p = !moe.groups<experts = 8, local = [2, 4], padded<3>>
func.func @padded(%x: tensor<?x4xbf16>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x4xbf16> {
  %g = moe.group %i : tensor<?x2xi32> -> !p
  %r = moe.dispatch %x by %g : tensor<?x4xbf16>, !p -> tensor<24x4xbf16>
  %y = moe.combine %r by %g weights %w acc f32 order slot : (tensor<24x4xbf16>, !p, tensor<?x2xf32>) -> tensor<?x4xbf16>
  return %y : tensor<?x4xbf16>
}

// -----

// Dense rows, once of a known number and once of what has none.
// CHECK-LABEL: func.func @dense
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>, %[[B:.*]]: tensor<8x4xf32>)
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<8x2xi32> -> !moe.groups<experts = 4, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<8x4xf32>, !moe.groups<experts = 4, ragged> -> tensor<16x4xf32>
// CHECK-NEXT: %[[S:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<8x4xf32>, !moe.groups<experts = 4, ragged> -> tensor<16x4xf32>
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[R]] by %[[G]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>) -> tensor<8x4xf32>
// CHECK-NEXT: %[[Z:.*]] = moe.combine %[[S]] by %[[G]] init %[[B]] acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 4, ragged>, tensor<8x4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: return %[[Y]], %[[Z]]
!d = !moe.groups<experts = 4, dense>
func.func @dense(%x: tensor<8x4xf32>, %i: tensor<8x2xi32>, %b: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %g = moe.group %i : tensor<8x2xi32> -> !d
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !d -> tensor<32x4xf32>
  %s = moe.dispatch %x by %g : tensor<8x4xf32>, !d -> tensor<?x4xf32>
  %y = moe.combine %r by %g acc f32 order slot : (tensor<32x4xf32>, !d) -> tensor<8x4xf32>
  %z = moe.combine %s by %g init %b acc f32 order slot : (tensor<?x4xf32>, !d, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y, %z : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// What is ragged stays: its type of rows, and what observes them.
// CHECK-LABEL: func.func @ragged
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>, %[[O:.*]]: tensor<5xi32>)
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]] : tensor<8x2xi32> -> !moe.groups<experts = 4, ragged>
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]] : tensor<8x4xf32>, !moe.groups<experts = 4, ragged> -> tensor<?x4xf32>
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[R]] : tensor<?x4xf32>
// CHECK-NEXT: %[[F:.*]] = moe.offsets %[[G]] : !moe.groups<experts = 4, ragged> -> tensor<5xi32>
// CHECK-NEXT: %[[H:.*]] = moe.groups_from_offsets %[[O]] : tensor<5xi32> -> !moe.groups<experts = 4, ragged>
// CHECK-NEXT: return %[[N]], %[[F]], %[[H]]
!r = !moe.groups<experts = 4, ragged>
func.func @ragged(%x: tensor<8x4xf32>, %i: tensor<8x2xi32>, %o: tensor<5xi32>) -> (tensor<?x4xf32>, tensor<5xi32>, !r) {
  %g = moe.group %i : tensor<8x2xi32> -> !r
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !r -> tensor<?x4xf32>
  %n = arith.negf %r : tensor<?x4xf32>
  %f = moe.offsets %g : !r -> tensor<5xi32>
  %h = moe.groups_from_offsets %o : tensor<5xi32> -> !r
  return %n, %f, %h : tensor<?x4xf32>, tensor<5xi32>, !r
}
