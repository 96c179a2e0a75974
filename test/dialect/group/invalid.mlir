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

// expected-error @below {{unknown layout of groups 'padded', expected ragged}}
func.func private @groups_layout(!moe.groups<experts = 8, padded>)

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
