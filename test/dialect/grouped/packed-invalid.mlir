// RUN: moe-test-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expected a packed layout, got 4 : i32}}
func.func private @packed_layout(!moe.packed<4 : i32, 4x4xf32>)

// -----

// expected-error @below {{packed expects one or two tensors, got 0}}
func.func private @packed_none(!moe.packed<#moe_test.layout<columns = 4>>)

// -----

// expected-error @below {{packed expects one or two tensors, got 3}}
func.func private @packed_three(!moe.packed<#moe_test.layout<columns = 4>, 4x4xf32, 4x4xf32, 4x4xf32>)

// -----

// expected-error @below {{packed expects static [E, N, K] or [N, K], got 'tensor<f32>'}}
func.func private @packed_rank(!moe.packed<#moe_test.layout<columns = 4>, f32>)

// -----

// expected-error @below {{packed expects tensors of one type, got 'tensor<4x4xf32>' and 'tensor<4x4xbf16>'}}
func.func private @packed_types(!moe.packed<#moe_test.layout<columns = 4>, 4x4xf32, 4x4xbf16>)

// -----

// expected-error @below {{invalid element type 'none'}}
func.func private @packed_element(!moe.packed<#moe_test.layout<columns = 4>, 4x4xnone>)

// -----

func.func @pack_c1_count(%a: tensor<4x4xf32>) {
  // expected-error @below {{'moe.pack' op expects 2 tensors as the result's type says, got 1}}
  moe.pack %a : tensor<4x4xf32> -> !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32, 4x4xf32>
  return
}

// -----

func.func @pack_c1_type(%a: tensor<4x8xf32>) {
  // expected-error @below {{'moe.pack' op expects 'tensor<4x4xf32>' as the result's type says, got 'tensor<4x8xf32>'}}
  moe.pack %a : tensor<4x8xf32> -> !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>
  return
}

// -----

func.func @pack_c2(%a: tensor<4x5xf32>) {
  // expected-error @below {{'moe.pack' op has a layout that cannot hold the tensors: K must be a multiple of 4, got 5}}
  moe.pack %a : tensor<4x5xf32> -> !moe.packed<#moe_test.layout<columns = 4>, 4x5xf32>
  return
}

// -----

func.func @grouped_matmul_c1_packed_twice(%x: tensor<?x4xf32>, %p: !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one or two right-hand sides, or one packed value}}
  moe.grouped_matmul lhs(%x) rhs(%p, %p) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>, !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @grouped_matmul_c1_packed_beside_plain(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>, %p: !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one or two right-hand sides, or one packed value}}
  moe.grouped_matmul lhs(%x) rhs(%w, %p) acc f32 {
  ^bb0(%a: f32, %b: f32):
    moe.yield %a : f32
  } : (tensor<?x4xf32>, tensor<4x4xf32>, !moe.packed<#moe_test.layout<columns = 4>, 4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @plan_does_not_fit(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) {
  // expected-error @below {{moe.plan does not fit: tiles are listed for groups only}}
  moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } {moe.plan = #moe_test.plan<sums = "fma", tile = 8>} : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @plan_of_another_op(%x: tensor<?x4xf32>) {
  // expected-error @below {{moe.plan does not fit: only a moe.grouped_matmul has a plan}}
  math.exp %x {moe.plan = #moe_test.plan<sums = "fma">} : tensor<?x4xf32>
  return
}

// -----

// The op is verified first, so that a plan never sees one that is not well formed.
func.func @plan_of_a_broken_op(%x: tensor<?x4xf32>) {
  // expected-error @below {{'moe.grouped_matmul' op expects one or two right-hand sides, or one packed value}}
  moe.grouped_matmul lhs(%x) rhs() acc f32 {
  ^bb0(%a: f32):
    moe.yield %a : f32
  } {moe.plan = #moe_test.plan<sums = "fma">} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}
