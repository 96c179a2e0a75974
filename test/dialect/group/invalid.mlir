// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// !moe.groups
//===----------------------------------------------------------------------===//

// expected-error @below {{groups expects 1 to 1048576 experts, got experts = 0}}
func.func private @groups_experts_low(!moe.groups<experts = 0, ragged>)

// -----

// expected-error @below {{groups expects 1 to 1048576 experts, got experts = 9223372036854775807}}
func.func private @groups_experts_high(!moe.groups<experts = 9223372036854775807, ragged>)

// -----

// expected-error @below {{groups expects local = [first, count) within 8 experts, got [4, 5]}}
func.func private @groups_local_end(!moe.groups<experts = 8, local = [4, 5], ragged>)

// -----

// expected-error @below {{groups expects local = [first, count) within 8 experts, got [-1, 4]}}
func.func private @groups_local_first(!moe.groups<experts = 8, local = [-1, 4], ragged>)

// -----

// expected-error @below {{groups expects local = [first, count) within 8 experts, got [8, 9223372036854775807]}}
func.func private @groups_local_huge(!moe.groups<experts = 8, local = [8, 9223372036854775807], ragged>)

// -----

// expected-error @below {{unknown layout of groups 'sorted', expected ragged, aligned<n>, padded<C> or dense}}
func.func private @groups_layout(!moe.groups<experts = 8, sorted>)

// -----

// expected-error @below {{groups expects aligned<n> with n from 1 to 2^31, got n = 0}}
func.func private @groups_aligned(!moe.groups<experts = 8, aligned<0>>)

// -----

// expected-error @below {{groups expects padded<C> with C from 1 to 2^31, got C = 4294967296}}
func.func private @groups_padded(!moe.groups<experts = 8, padded<4294967296>>)

// -----

//===----------------------------------------------------------------------===//
// moe.group, moe.groups_from_offsets, moe.offsets
//===----------------------------------------------------------------------===//

func.func @group_c1_rank(%i: tensor<8xi32>) {
  // expected-error @below {{'moe.group' op expects ids [T, K] of i32 with a static K, got 'tensor<8xi32>'}}
  moe.group %i : tensor<8xi32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @group_c1_dynamic_k(%i: tensor<4x?xi32>) {
  // expected-error @below {{'moe.group' op expects ids [T, K] of i32 with a static K, got 'tensor<4x?xi32>'}}
  moe.group %i : tensor<4x?xi32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @group_c1_type(%i: tensor<4x2xsi32>) {
  // expected-error @below {{'moe.group' op expects ids [T, K] of i32 with a static K, got 'tensor<4x2xsi32>'}}
  moe.group %i : tensor<4x2xsi32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @groups_from_offsets_c1_size(%o: tensor<8xi32>) {
  // expected-error @below {{'moe.groups_from_offsets' op expects offsets [9] of i32 for 8 experts, got 'tensor<8xi32>'}}
  moe.groups_from_offsets %o : tensor<8xi32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @groups_from_offsets_c1_rank(%o: tensor<i32>) {
  // expected-error @below {{'moe.groups_from_offsets' op expects offsets [9] of i32 for 8 experts, got 'tensor<i32>'}}
  moe.groups_from_offsets %o : tensor<i32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @offsets_c1(%g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.offsets' op expects a result [9] of i32 for 8 experts, got 'tensor<9xi64>'}}
  moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi64>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.check_ids, moe.require
//===----------------------------------------------------------------------===//

func.func @check_ids_c1_ids(%i: tensor<8xi32>) {
  // expected-error @below {{'moe.check_ids' op expects ids [T, K] of i32 with a static K, got 'tensor<8xi32>'}}
  moe.check_ids %i experts 8 : tensor<8xi32> -> tensor<1xi64>
  return
}

// -----

func.func @check_ids_c1_status(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.check_ids' op expects a status [1] of i64, got 'tensor<i64>'}}
  moe.check_ids %i experts 8 : tensor<?x2xi32> -> tensor<i64>
  return
}

// -----

func.func @check_ids_c2(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.check_ids' op expects experts >= 1, got -1}}
  moe.check_ids %i experts -1 : tensor<?x2xi32> -> tensor<1xi64>
  return
}

// -----

func.func @require_c1(%s: tensor<1xi32>) {
  // expected-error @below {{'moe.require' op expects a status [1] of i64, got 'tensor<1xi32>'}}
  moe.require %s error 708 : tensor<1xi32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.dispatch
//===----------------------------------------------------------------------===//

func.func @dispatch_c1_rank(%x: tensor<f32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.dispatch' op expects rows [N, H] of the input's width and element type, got input 'tensor<f32>' and rows 'tensor<f32>'}}
  moe.dispatch %x by %g : tensor<f32>, !moe.groups<experts = 8, ragged> -> tensor<f32>
  return
}

// -----

func.func @dispatch_c1_width(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.dispatch' op expects rows [N, H] of the input's width and element type, got input 'tensor<?x4xf32>' and rows 'tensor<?x5xf32>'}}
  moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x5xf32>
  return
}

// -----

func.func @dispatch_c1_type(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.dispatch' op expects rows [N, H] of the input's width and element type, got input 'tensor<?x4xf32>' and rows 'tensor<?x4xbf16>'}}
  moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xbf16>
  return
}

// -----

func.func @dispatch_c1_bound(%x: tensor<4x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.dispatch' op expects 8 rows, the bound T*K of the groups, got 'tensor<4x4xf32>'}}
  moe.dispatch %x by %g : tensor<4x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<4x4xf32>
  return
}

// -----

func.func @dispatch_c1_tokens(%x: tensor<5x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.dispatch' op expects one input row a token of the groups, got 'tensor<5x4xf32>' and ids 'tensor<4x2xi32>'}}
  moe.dispatch %x by %g : tensor<5x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<8x4xf32>
  return
}

// -----

func.func @dispatch_c2(%x: tensor<4x4xf32>, %o: tensor<9xi32>) {
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.dispatch' op expects groups made from slots by moe.group; groups from offsets have no map to tokens}}
  moe.dispatch %x by %g : tensor<4x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<8x4xf32>
  return
}

// -----

func.func @dispatch_c3_shape(%x: tensor<4x4xf32>, %i: tensor<4x2xi32>, %w: tensor<4x1xf32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.dispatch' op expects scale [T, K] of a float type, got 'tensor<4x1xf32>'}}
  moe.dispatch %x by %g scale %w : tensor<4x4xf32>, !moe.groups<experts = 8, ragged>, tensor<4x1xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @dispatch_c3_type(%x: tensor<4x4xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<4x2xi32>) {
  // expected-error @below {{'moe.dispatch' op expects scale [T, K] of a float type, got 'tensor<4x2xi32>'}}
  moe.dispatch %x by %g scale %w : tensor<4x4xf32>, !moe.groups<experts = 8, ragged>, tensor<4x2xi32> -> tensor<8x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.combine
//===----------------------------------------------------------------------===//

func.func @combine_c1_rank(%r: tensor<8xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.combine' op expects rows [N, H] and a result [T, H] of float types, got 'tensor<8xf32>' and 'tensor<4xf32>'}}
  moe.combine %r by %g acc f32 order slot : (tensor<8xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4xf32>
  return
}

// -----

func.func @combine_c1_width(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.combine' op expects rows [N, H] and a result [T, H] of float types, got 'tensor<8x4xf32>' and 'tensor<4x5xf32>'}}
  moe.combine %r by %g acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x5xf32>
  return
}

// -----

func.func @combine_c1_bound(%r: tensor<4x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.combine' op expects 8 rows, the bound T*K of the groups, got 'tensor<4x4xf32>'}}
  moe.combine %r by %g acc f32 order slot : (tensor<4x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_c1_tokens(%r: tensor<8x4xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.combine' op expects one result row a token of the groups, got 'tensor<8x4xf32>' and ids 'tensor<4x2xi32>'}}
  moe.combine %r by %g acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<8x4xf32>
  return
}

// -----

func.func @combine_c1_weights(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>, %w: tensor<3x2xf32>) {
  // expected-error @below {{'moe.combine' op expects weights [T, K] of a float type, got 'tensor<3x2xf32>'}}
  moe.combine %r by %g weights %w acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>, tensor<3x2xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_c1_weights_k(%r: tensor<8x4xf32>, %i: tensor<4x2xi32>, %w: tensor<4x3xf32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.combine' op expects weights [T, K] of a float type, got 'tensor<4x3xf32>'}}
  moe.combine %r by %g weights %w acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>, tensor<4x3xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_c1_init(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>, %s: tensor<4x5xf32>) {
  // expected-error @below {{'moe.combine' op expects init of a float type in the shape of the result, got 'tensor<4x5xf32>' for 'tensor<4x4xf32>'}}
  moe.combine %r by %g init %s acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>, tensor<4x5xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_c2(%r: tensor<8x4xf32>, %o: tensor<9xi32>) {
  %g = moe.groups_from_offsets %o : tensor<9xi32> -> !moe.groups<experts = 8, ragged>
  // expected-error @below {{'moe.combine' op expects groups made from slots by moe.group; groups from offsets have no map to tokens}}
  moe.combine %r by %g acc f32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_c3(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.combine' op expects a float type as acc, got 'i32'}}
  moe.combine %r by %g acc i32 order slot : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_order(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{expected string or keyword containing one of the following enum values for attribute 'order' [slot, expert, any]}}
  moe.combine %r by %g acc f32 order random : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x4xf32>
  return
}

// -----

func.func @combine_segments(%r: tensor<8x4xf32>, %g: !moe.groups<experts = 8, ragged>) {
  // expected-error @below {{'moe.combine' op operand count (2) does not match with the total size (3) specified in attribute 'operandSegmentSizes'}}
  "moe.combine"(%r, %g) <{acc = f32, order = 0 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0>}> : (tensor<8x4xf32>, !moe.groups<experts = 8, ragged>) -> tensor<4x4xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Layouts, axis expert, slots apart
//===----------------------------------------------------------------------===//

func.func @group_c2_count(%i: tensor<4x8xi32>, %t: index) {
  // expected-error @below {{'moe.group' op expects ids [E, C] and ragged groups of these E experts, all local, for axis expert, got 'tensor<4x8xi32>' and '!moe.groups<experts = 8, ragged>'}}
  moe.group %i axis expert tokens %t : tensor<4x8xi32> -> !moe.groups<experts = 8, ragged>
  return
}

// -----

func.func @group_c2_layout(%i: tensor<8x4xi32>, %t: index) {
  // expected-error @below {{'moe.group' op expects ids [E, C] and ragged groups of these E experts, all local, for axis expert, got 'tensor<8x4xi32>' and '!moe.groups<experts = 8, dense>'}}
  moe.group %i axis expert tokens %t : tensor<8x4xi32> -> !moe.groups<experts = 8, dense>
  return
}

// -----

func.func @group_c3(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  %i2, %w2 = moe.capacity %i, %w cap 5 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  // expected-error @below {{'moe.group' op expects padded<C> of at least the 5 rows an expert that the capacity of its ids grants, got padded<4>}}
  moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, padded<4>>
  return
}

// -----

func.func @dispatch_c1_aligned(%x: tensor<4x8xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 3, aligned<4>>
  // expected-error @below {{'moe.dispatch' op expects 20 rows, the bound T*K + E*(n-1), up to a multiple of n, of the groups, got 'tensor<8x8xf32>'}}
  moe.dispatch %x by %g : tensor<4x8xf32>, !moe.groups<experts = 3, aligned<4>> -> tensor<8x8xf32>
  return
}

// -----

func.func @dispatch_c1_padded(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 3, padded<4>>
  // expected-error @below {{'moe.dispatch' op expects 12 rows, the bound E*C of the groups, got 'tensor<8x8xf32>'}}
  moe.dispatch %x by %g : tensor<?x8xf32>, !moe.groups<experts = 3, padded<4>> -> tensor<8x8xf32>
  return
}

// -----

func.func @dispatch_c1_dense(%x: tensor<4x8xf32>, %i: tensor<4x2xi32>) {
  %g = moe.group %i : tensor<4x2xi32> -> !moe.groups<experts = 3, dense>
  // expected-error @below {{'moe.dispatch' op expects 12 rows, the bound E*T of the groups, got 'tensor<8x8xf32>'}}
  moe.dispatch %x by %g : tensor<4x8xf32>, !moe.groups<experts = 3, dense> -> tensor<8x8xf32>
  return
}

// -----

func.func @dispatch_c1_picks(%x: tensor<?x8xf32>, %i: tensor<3x2xi32>, %t: index) {
  %g = moe.group %i axis expert tokens %t : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.dispatch' op expects 6 rows, the bound E*C of the groups, got 'tensor<8x8xf32>'}}
  moe.dispatch %x by %g : tensor<?x8xf32>, !moe.groups<experts = 3, ragged> -> tensor<8x8xf32>
  return
}

// -----

func.func @dispatch_c1_slots(%x: tensor<?x3x8xf32>, %i: tensor<?x2xi32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.dispatch' op expects an input [T, K, H] of the slots that its groups were made from, got 'tensor<?x3x8xf32>'}}
  moe.dispatch %x by %g : tensor<?x3x8xf32>, !moe.groups<experts = 3, ragged> -> tensor<?x8xf32>
  return
}

// -----

func.func @dispatch_c3_picks(%x: tensor<?x8xf32>, %i: tensor<3x2xi32>, %t: index, %w: tensor<2x3xf32>) {
  %g = moe.group %i axis expert tokens %t : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.dispatch' op expects scale [E, C] of a float type, got 'tensor<2x3xf32>'}}
  moe.dispatch %x by %g scale %w : tensor<?x8xf32>, !moe.groups<experts = 3, ragged>, tensor<2x3xf32> -> tensor<6x8xf32>
  return
}

// -----

func.func @combine_c1_picks(%r: tensor<6x8xf32>, %i: tensor<3x2xi32>, %t: index, %w: tensor<?x3xf32>) {
  %g = moe.group %i axis expert tokens %t : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.combine' op expects weights [E, C] of a float type, got 'tensor<?x3xf32>'}}
  moe.combine %r by %g weights %w acc f32 order slot : (tensor<6x8xf32>, !moe.groups<experts = 3, ragged>, tensor<?x3xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @combine_c4_rank(%r: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.combine' op expects rows [N, H] and a result [T, K, H] of float types, got 'tensor<?x8xf32>' and 'tensor<?x8xf32>'}}
  moe.combine %r by %g reduce none acc f32 order slot : (tensor<?x8xf32>, !moe.groups<experts = 3, ragged>) -> tensor<?x8xf32>
  return
}

// -----

func.func @combine_c4_slots(%r: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.combine' op expects a result [T, K, H] of the slots that its groups were made from, got 'tensor<?x3x8xf32>'}}
  moe.combine %r by %g reduce none acc f32 order slot : (tensor<?x8xf32>, !moe.groups<experts = 3, ragged>) -> tensor<?x3x8xf32>
  return
}

// -----

func.func @combine_c4_init(%r: tensor<?x8xf32>, %i: tensor<?x2xi32>, %y: tensor<?x8xf32>) {
  %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.combine' op expects no init with reduce none, which sums nothing}}
  moe.combine %r by %g init %y reduce none acc f32 order slot : (tensor<?x8xf32>, !moe.groups<experts = 3, ragged>, tensor<?x8xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

func.func @combine_c4_picks(%r: tensor<6x8xf32>, %i: tensor<3x2xi32>, %t: index) {
  %g = moe.group %i axis expert tokens %t : tensor<3x2xi32> -> !moe.groups<experts = 3, ragged>
  // expected-error @below {{'moe.combine' op expects groups with slots of tokens for reduce none, got groups of axis expert}}
  moe.combine %r by %g reduce none acc f32 order slot : (tensor<6x8xf32>, !moe.groups<experts = 3, ragged>) -> tensor<?x2x8xf32>
  return
}
