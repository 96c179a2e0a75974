// RUN: moe-opt %s -split-input-file -verify-diagnostics

func.func @soft_dispatch_c1(%x: tensor<?x8xf32>, %d: tensor<?x4x2xf32>) {
  // expected-error @below {{'moe.soft_dispatch' op expects x [T, H], weights [T, E, P] and rows [E, P, H] of float types, got 'tensor<?x8xf32>', 'tensor<?x4x2xf32>' and 'tensor<2x4x8xf32>'}}
  moe.soft_dispatch %x by %d : tensor<?x8xf32>, tensor<?x4x2xf32> -> tensor<2x4x8xf32>
  return
}

// -----

func.func @soft_combine_c1(%r: tensor<4x2x8xf32>, %c: tensor<?x4x3xf32>) {
  // expected-error @below {{'moe.soft_combine' op expects rows [E, P, H], weights [T, E, P] and a result [T, H] of float types, got 'tensor<4x2x8xf32>', 'tensor<?x4x3xf32>' and 'tensor<?x8xf32>'}}
  moe.soft_combine %r by %c : tensor<4x2x8xf32>, tensor<?x4x3xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @merge_c1(%w: tensor<4x3x8xf32>, %p: tensor<5x4xf32>) {
  // expected-error @below {{'moe.merge' op expects a tensor [E, ...], weights [M, E] and a result [M, ...] of float types, got 'tensor<4x3x8xf32>', 'tensor<5x4xf32>' and 'tensor<4x3x8xf32>'}}
  moe.merge %w by %p : tensor<4x3x8xf32>, tensor<5x4xf32> -> tensor<4x3x8xf32>
  return
}

// -----

func.func @count_c1_type(%i: tensor<?x2xi64>) {
  // expected-error @below {{'moe.count' op expects ids [..., T, K] of i32 and counts [..., E] of i32 or f32, got 'tensor<?x2xi64>' and 'tensor<8xf32>'}}
  moe.count %i : tensor<?x2xi64> -> tensor<8xf32>
  return
}

// -----

func.func @count_c1_rank(%i: tensor<2xi32>) {
  // expected-error @below {{'moe.count' op expects ids [..., T, K] of i32 and counts [..., E] of i32 or f32, got 'tensor<2xi32>' and 'tensor<8xf32>'}}
  moe.count %i : tensor<2xi32> -> tensor<8xf32>
  return
}

// -----

func.func @count_c1_experts(%i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.count' op expects ids [..., T, K] of i32 and counts [..., E] of i32 or f32, got 'tensor<?x2xi32>' and 'tensor<?xf32>'}}
  moe.count %i : tensor<?x2xi32> -> tensor<?xf32>
  return
}

// -----

func.func @count_c1_lead(%i: tensor<3x4x2xi32>) {
  // expected-error @below {{'moe.count' op expects ids [..., T, K] of i32 and counts [..., E] of i32 or f32, got 'tensor<3x4x2xi32>' and 'tensor<4x8xf32>'}}
  moe.count %i : tensor<3x4x2xi32> -> tensor<4x8xf32>
  return
}

// -----

func.func @tap_c1_empty(%x: tensor<?x8xf32>) {
  // expected-error @below {{'moe.tap' op expects a name that is not empty}}
  moe.tap "" %x : tensor<?x8xf32>
  return
}

// -----

func.func @tap_c1_twice(%x: tensor<?x8xf32>) {
  // expected-error @below {{'moe.tap' op expects a name that no other tap has, got 'x' twice}}
  moe.tap "x" %x : tensor<?x8xf32>
  moe.tap "x" %x : tensor<?x8xf32>
  return
}

// -----

func.func @tap_c2(%x: tensor<?x8xf32>, %t: index) {
  moe.by_tokens %t [8] {
    // expected-error @below {{'moe.tap' op expects to stand in the body of a function, not in a region of another op}}
    moe.tap "x" %x : tensor<?x8xf32>
    moe.yield
  }, {
    moe.yield
  }
  return
}
