// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// moe.route
//===----------------------------------------------------------------------===//

func.func @route_c1_rank(%l: tensor<8xf32>) {
  // expected-error @below {{'moe.route' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<8xf32>'}}
  "moe.route"(%l) <{select = #moe.select<top_k(1)>}> : (tensor<8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>)
  return
}

// -----

func.func @route_c1_dynamic_experts(%l: tensor<4x?xf32>) {
  // expected-error @below {{'moe.route' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<4x?xf32>'}}
  moe.route %l select top_k(1) : tensor<4x?xf32> -> tensor<4x1xi32>, tensor<4x1xf32>
  return
}

// -----

func.func @route_c1_no_experts(%l: tensor<4x0xf32>) {
  // expected-error @below {{'moe.route' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<4x0xf32>'}}
  moe.route %l select top_k(1) : tensor<4x0xf32> -> tensor<4x1xi32>, tensor<4x1xf32>
  return
}

// -----

func.func @route_c1_logits_type(%l: tensor<4x8xi32>) {
  // expected-error @below {{'moe.route' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<4x8xi32>'}}
  moe.route %l select top_k(1) : tensor<4x8xi32> -> tensor<4x1xi32>, tensor<4x1xf32>
  return
}

// -----

func.func @route_c1_ids(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects ids [T, 2] of i32, got 'tensor<?x3xi32>'}}
  moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c1_ids_type(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects ids [T, 2] of i32, got 'tensor<?x2xi64>'}}
  moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi64>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c1_weights(%l: tensor<4x8xf32>) {
  // expected-error @below {{'moe.route' op expects weights [T, 2] of a float type, got 'tensor<5x2xf32>'}}
  moe.route %l select top_k(2) : tensor<4x8xf32> -> tensor<4x2xi32>, tensor<5x2xf32>
  return
}

// -----

func.func @route_c1_scores(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects scores [T, 8] of a float type, got 'tensor<?x4xf32>'}}
  moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x4xf32>
  return
}

// -----

func.func @route_c2_k(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 1 <= k <= number of experts, got k = 9 with 8 experts}}
  moe.route %l select top_k(9) : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}

// -----

func.func @route_c2_k_zero(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 1 <= k <= number of experts, got k = 0 with 8 experts}}
  moe.route %l select top_k(0) : tensor<?x8xf32> -> tensor<?x0xi32>, tensor<?x0xf32>
  return
}

// -----

func.func @route_c2_k_least(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 1 <= k <= number of experts, got k = -9223372036854775808 with 8 experts}}
  moe.route %l select top_k(-9223372036854775808) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @route_c2_kept(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects k <= 4, the number of experts in the kept groups, with fill -inf, got k = 5}}
  moe.route %l groups(4 keep 2 by max fill -inf) select top_k(5) : tensor<?x8xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  return
}

// -----

func.func @route_c3_divides(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a number of groups that divides the number of experts, got 3 groups for 8 experts}}
  moe.route %l groups(3 keep 2 by max fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c3_no_groups(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a number of groups that divides the number of experts, got 0 groups for 8 experts}}
  moe.route %l groups(0 keep 0 by max fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c3_keep(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 1 <= keep <= number of groups, got keep 5 of 4 groups}}
  moe.route %l groups(4 keep 5 by max fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c3_sum(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a group score over 1 to 2 experts, the size of a group, got top3_sum}}
  moe.route %l groups(4 keep 2 by top3_sum fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c4_bias(%l: tensor<?x8xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{'moe.route' op expects bias [8] of a float type, got 'tensor<4xf32>'}}
  moe.route %l bias %b select top_k(2) : tensor<?x8xf32>, tensor<4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c4_bias_rank(%l: tensor<?x8xf32>, %b: tensor<1x8xf32>) {
  // expected-error @below {{'moe.route' op expects bias [8] of a float type, got 'tensor<1x8xf32>'}}
  moe.route %l bias %b select top_k(2) : tensor<?x8xf32>, tensor<1x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c5_softmax(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no score clause with normalize softmax, which takes logits, got score sigmoid}}
  moe.route %l score sigmoid select top_k(2) normalize softmax : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c6_no_sum(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no eps for normalize softmax: only l1 divides by a sum}}
  moe.route %l select top_k(2) normalize softmax(eps 1.0e-20 add) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c6_positive(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a positive, finite eps for normalize l1, got -1}}
  moe.route %l select top_k(2) normalize l1(eps -1.0 add) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c6_infinite(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a positive, finite eps for normalize l1, got inf}}
  moe.route %l select top_k(2) normalize l1(eps 1.0e999 add) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c7_scale(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a finite scale, got inf}}
  moe.route %l select top_k(2) scale 1.0e999 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c7_nan(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a finite scale, got nan}}
  "moe.route"(%l) <{select = #moe.select<top_k(2)>, scale = 0x7FF8000000000000 : f64}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c8_default(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects scores of 'f32', the type they are selected by, got 'tensor<?x8xbf16>'}}
  moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xbf16>
  return
}

// -----

func.func @route_c8_as(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects scores of 'bf16', the type they are selected by, got 'tensor<?x8xf32>'}}
  moe.route %l score softmax as bf16 select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
  return
}

// -----

func.func @route_c8_no_float(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a float type after 'as', got 'i32'}}
  moe.route %l score softmax as i32 select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_normalize_empty(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op attribute 'normalize' failed to satisfy constraint: normalize steps with at least 1 elements}}
  "moe.route"(%l) <{select = #moe.select<top_k(2)>, normalize = []}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Assembly of the clauses
//===----------------------------------------------------------------------===//

func.func @score_unknown(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown score function 'nonsense', expected one of identity, softmax, sigmoid}}
  moe.route %l score nonsense select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @group_score_unknown(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown group score 'mean', expected max or top<j>_sum}}
  moe.route %l groups(4 keep 2 by mean fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @group_score_zero(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown group score 'top0_sum', expected max or top<j>_sum}}
  moe.route %l groups(4 keep 2 by top0_sum fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @group_score_huge(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown group score 'top99999999999999999999_sum', expected max or top<j>_sum}}
  moe.route %l groups(4 keep 2 by top99999999999999999999_sum fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @group_fill_missing(%l: tensor<?x8xf32>) {
  // expected-error @below {{expected 'fill -inf' or 'fill 0': what the experts of the other groups count as has no default}}
  moe.route %l groups(4 keep 2 by max) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @group_fill_other(%l: tensor<?x8xf32>) {
  // expected-error @below {{expected fill -inf or 0}}
  moe.route %l groups(4 keep 2 by max fill 1) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @select_unknown(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown selection 'top_p', expected top_k(k)}}
  moe.route %l select top_p(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @select_huge(%l: tensor<?x8xf32>) {
  // expected-error @below {{integer value too large}}
  moe.route %l select top_k(99999999999999999999) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @norm_unknown(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown normalize step 'nonsense', expected one of softmax, sigmoid}}
  moe.route %l select top_k(2) normalize nonsense : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @eps_mode_missing(%l: tensor<?x8xf32>) {
  // expected-error @below {{expected 'add' or 'max': how eps enters the norm has no default}}
  moe.route %l select top_k(2) normalize l1(eps 1.0e-20) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @eps_mode_unknown(%l: tensor<?x8xf32>) {
  // expected-error @below {{unknown eps mode 'mul', expected add or max}}
  moe.route %l select top_k(2) normalize l1(eps 1.0e-20 mul) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_results(%l: tensor<?x8xf32>) {
  // expected-error @below {{expected the types of ids, weights and, if wanted, scores}}
  %ids = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.score, moe.select, moe.weigh
//===----------------------------------------------------------------------===//

func.func @score_c1_logits(%l: tensor<f32>) {
  // expected-error @below {{'moe.score' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<f32>'}}
  moe.score softmax %l : tensor<f32> -> tensor<f32>
  return
}

// -----

func.func @score_c1_scores(%l: tensor<4x8xf32>) {
  // expected-error @below {{'moe.score' op expects scores of a float type in the shape of 'tensor<4x8xf32>', got 'tensor<4x9xf32>'}}
  moe.score softmax %l : tensor<4x8xf32> -> tensor<4x9xf32>
  return
}

// -----

func.func @score_fn_kind(%l: tensor<4x8xf32>) {
  // expected-error @below {{Invalid attribute `fn` in property conversion: 5 : i32}}
  "moe.score"(%l) <{fn = 5 : i32}> : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @select_c1_scores(%s: tensor<?x?xf32>) {
  // expected-error @below {{'moe.select' op expects scores [T, E] of a float type with a static number of experts, got 'tensor<?x?xf32>'}}
  moe.select %s top_k(2) : tensor<?x?xf32> -> tensor<?x2xi32>
  return
}

// -----

func.func @select_c1_ids(%s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.select' op expects ids [T, 2] of i32, got 'tensor<?x2xf32>'}}
  moe.select %s top_k(2) : tensor<?x8xf32> -> tensor<?x2xf32>
  return
}

// -----

func.func @select_c2(%s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.select' op expects 1 <= k <= number of experts, got k = 9 with 8 experts}}
  moe.select %s top_k(9) : tensor<?x8xf32> -> tensor<?x9xi32>
  return
}

// -----

func.func @select_c3(%s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.select' op expects a number of groups that divides the number of experts, got 5 groups for 8 experts}}
  moe.select %s groups(5 keep 1 by max fill 0) top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
  return
}

// -----

func.func @select_c4(%s: tensor<?x8xf32>, %b: tensor<f32>) {
  // expected-error @below {{'moe.select' op expects bias [8] of a float type, got 'tensor<f32>'}}
  moe.select %s bias %b top_k(2) : tensor<?x8xf32>, tensor<f32> -> tensor<?x2xi32>
  return
}

// -----

func.func @weigh_c1_ids(%s: tensor<?x8xf32>, %i: tensor<?x?xi32>) {
  // expected-error @below {{'moe.weigh' op expects ids [T, K] of i32, got 'tensor<?x?xi32>'}}
  moe.weigh %s, %i : tensor<?x8xf32>, tensor<?x?xi32> -> tensor<?x2xf32>
  return
}

// -----

func.func @weigh_c1_tokens(%s: tensor<4x8xf32>, %i: tensor<5x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects ids [T, K] of i32, got 'tensor<5x2xi32>'}}
  moe.weigh %s, %i : tensor<4x8xf32>, tensor<5x2xi32> -> tensor<4x2xf32>
  return
}

// -----

func.func @weigh_c1_weights(%s: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects weights [T, 2] of a float type, got 'tensor<?x3xf32>'}}
  moe.weigh %s, %i : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x3xf32>
  return
}

// -----

func.func @weigh_c2(%s: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects a positive, finite eps for normalize l1, got 0}}
  moe.weigh %s, %i normalize l1(eps 0.0 max) : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
  return
}

// -----

func.func @weigh_c3(%s: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects a finite scale, got -inf}}
  moe.weigh %s, %i scale -1.0e999 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// moe.capacity
//===----------------------------------------------------------------------===//

func.func @capacity_c1_ids(%i: tensor<?xi32>, %w: tensor<?xf32>) {
  // expected-error @below {{'moe.capacity' op expects ids [T, K] of i32, got 'tensor<?xi32>'}}
  moe.capacity %i, %w cap 4 order token_major overflow drop : tensor<?xi32>, tensor<?xf32>
  return
}

// -----

func.func @capacity_c1_weights(%i: tensor<?x2xi32>, %w: tensor<?x1xf32>) {
  // expected-error @below {{'moe.capacity' op expects weights [T, 2] of a float type, got 'tensor<?x1xf32>'}}
  moe.capacity %i, %w cap 4 order token_major overflow drop : tensor<?x2xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @capacity_c1_results(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op failed to verify that all of {ids, kept_ids} have same type}}
  "moe.capacity"(%i, %w) <{cap = 4 : i64, order = 0 : i32, overflow = 0 : i32}> : (tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @capacity_c2(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects cap >= 1, got cap = -4}}
  moe.capacity %i, %w cap -4 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c2_zero(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects cap >= 1, got cap = 0}}
  moe.capacity %i, %w cap 0 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_order(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{Invalid attribute `order` in property conversion: 7 : i32}}
  "moe.capacity"(%i, %w) <{cap = 4 : i64, order = 7 : i32, overflow = 0 : i32}> : (tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}
