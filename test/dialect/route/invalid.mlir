// RUN: moe-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// moe.route
//===----------------------------------------------------------------------===//

func.func @route_c1_rank(%l: tensor<8xf32>) {
  // expected-error @below {{'moe.route' op expects logits [T, E] of a float type with a static number of experts, got 'tensor<8xf32>'}}
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<top_k(1)>}> : (tensor<8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>)
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
  // expected-error @below {{'moe.route' op expects no eps for normalize softmax: only l1 and lp divide by a norm}}
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
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<top_k(2)>, scale = 0x7FF8000000000000 : f64}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
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
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<top_k(2)>, normalize = []}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
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
  // expected-error @below {{unknown selection 'bottom_k', expected one of top_k, top_p, threshold, all, table, extern, expert_top_k}}
  moe.route %l select bottom_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
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
  "moe.capacity"(%i, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>, cap = #moe.capacity_limit<4>, order = 0 : i32, overflow = 0 : i32}> : (tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x1xi32>, tensor<?x2xf32>)
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
  "moe.capacity"(%i, %w) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>, cap = #moe.capacity_limit<4>, order = 7 : i32, overflow = 0 : i32}> : (tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Selections
//===----------------------------------------------------------------------===//

func.func @route_c9_p(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a positive, finite p for top_p, got 0}}
  moe.route %l select top_p(0.0, 2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c9_tau(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a finite tau for threshold, got -inf}}
  moe.route %l select threshold(-1.0e999, 2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c9_bias(%l: tensor<?x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{'moe.route' op expects no bias with all, which does not pick by score}}
  moe.route %l bias %b select all : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return
}

// -----

func.func @route_c9_groups(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no groups with threshold; only top_k picks from groups}}
  moe.route %l groups(4 keep 2 by max fill 0) select threshold(0.5, 2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c2_candidates(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 1 <= k <= number of experts, got k = 7 with 6 experts}}
  moe.route %l select top_k(7) always(2 joint) : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}

// -----

func.func @route_c10_all(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no always clause with all, which does not pick by score}}
  moe.route %l select all always(1 joint) : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}

// -----

func.func @route_c10_many(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects fewer always-on experts than there are, got 8 of 8}}
  moe.route %l select top_k(1) always(8 joint) : tensor<?x8xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return
}

// -----

func.func @route_c10_negative(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects fewer always-on experts than there are, got -1 of 8}}
  moe.route %l select top_k(1) always(-1 joint) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return
}

// -----

func.func @route_c10_apart(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects 'apart' only with an always clause}}
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<top_k(2)>, apart}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_always_mode(%l: tensor<?x8xf32>) {
  // expected-error @below {{expected 'joint' or 'apart': whether normalize and scale take in the always-on experts has no default}}
  moe.route %l select top_k(1) always(1) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c11_all(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no noise with all, which does not pick by score}}
  moe.route %l select all noise gumbel(%n) : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return
}

// -----

func.func @route_c11_second(%l: tensor<?x8xf32>, %n: tensor<?xf32>) {
  // expected-error @below {{'moe.route' op expects k = 2 with noise second_bernoulli, got k = 3}}
  moe.route %l select top_k(3) noise second_bernoulli(%n) : tensor<?x8xf32>, tensor<?xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return
}

// -----

func.func @route_c11_kind(%l: tensor<?x8xf32>, %n: tensor<?xf32>) {
  // expected-error @below {{'moe.route' op expects top_k with noise second_bernoulli, got top_p}}
  moe.route %l select top_p(0.5, 2) noise second_bernoulli(%n) : tensor<?x8xf32>, tensor<?xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c11_groups(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no groups with noise second_gumbel, which picks the first expert without it}}
  moe.route %l groups(4 keep 2 by max fill 0) select top_k(2) noise second_gumbel(%n) : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_noise_unknown(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) {
  // expected-error @below {{unknown noise 'normal', expected one of gumbel, second_gumbel, second_bernoulli}}
  moe.route %l select top_k(2) noise normal(%n) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c12_p(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a positive, finite p for normalize lp, got 0}}
  moe.route %l select top_k(2) normalize lp(0.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c12_eps(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects a positive, finite eps for normalize masked_softmax, got -1}}
  moe.route %l select top_k(2) normalize masked_softmax(-1.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c12_first(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects normalize masked_softmax to be the first step: it reads the logits of all experts}}
  moe.route %l select top_k(2) normalize l1, masked_softmax(1.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c12_expert(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no normalize with expert_top_k: an expert's picks are of different tokens}}
  moe.route %l select expert_top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<8x2xi32>, tensor<8x2xf32>
  return
}

// -----

func.func @route_c5_masked(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no score clause with normalize masked_softmax, which takes logits, got score sigmoid}}
  moe.route %l score sigmoid select top_k(2) normalize masked_softmax(1.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c13_table(%l: tensor<?x8xf32>, %t: tensor<?x2xi32>, %x: tensor<?xi32>) {
  // expected-error @below {{'moe.route' op expects a table [V, K] of i32 or i64 with static sizes, got 'tensor<?x2xi32>'}}
  moe.route %l select table(%t[%x]) : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c13_table_type(%l: tensor<?x8xf32>, %t: tensor<4x2xf32>, %x: tensor<?xi32>) {
  // expected-error @below {{'moe.route' op expects a table [V, K] of i32 or i64 with static sizes, got 'tensor<4x2xf32>'}}
  moe.route %l select table(%t[%x]) : tensor<?x8xf32>, tensor<4x2xf32>, tensor<?xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c13_tokens(%l: tensor<?x8xf32>, %t: tensor<4x2xi32>, %x: tensor<?x2xi32>) {
  // expected-error @below {{'moe.route' op expects token ids [T] of i32 or i64, got 'tensor<?x2xi32>'}}
  moe.route %l select table(%t[%x]) : tensor<?x8xf32>, tensor<4x2xi32>, tensor<?x2xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c13_given(%l: tensor<?x8xf32>, %x: tensor<?x2xi64>) {
  // expected-error @below {{'moe.route' op expects given ids [T, K] of i32 with a static K, got 'tensor<?x2xi64>'}}
  moe.route %l select extern(%x) : tensor<?x8xf32>, tensor<?x2xi64> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c14_noise(%l: tensor<?x8xf32>, %n: tensor<?x7xf32>) {
  // expected-error @below {{'moe.route' op expects noise [T, 8] of a float type, got 'tensor<?x7xf32>'}}
  moe.route %l select top_k(2) noise gumbel(%n) : tensor<?x8xf32>, tensor<?x7xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c14_uniform(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects noise [T] of a float type, got 'tensor<?x8xf32>'}}
  moe.route %l select top_k(2) noise second_bernoulli(%n) : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c14_valid(%l: tensor<?x8xf32>, %v: tensor<?xi32>) {
  // expected-error @below {{'moe.route' op expects valid [T] of i1, got 'tensor<?xi32>'}}
  moe.route %l select top_k(2) valid(%v) : tensor<?x8xf32>, tensor<?xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c14_valid_expert(%l: tensor<?x8xf32>, %v: tensor<?xi1>) {
  // expected-error @below {{'moe.route' op expects no valid clause with expert_top_k: set the scores of what is no token to NaN}}
  moe.route %l select expert_top_k(2) valid(%v) : tensor<?x8xf32>, tensor<?xi1> -> tensor<8x2xi32>, tensor<8x2xf32>
  return
}

// -----

func.func @route_c14_missing(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects an operand for table}}
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<table>}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c14_unasked(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no operand of noise without that clause}}
  "moe.route"(%l, %l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 1, 0, 0>, select = #moe.select<top_k(2)>}> : (tensor<?x8xf32>, tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @route_c15(%l: tensor<?x8xf32>, %a: tensor<7xf32>) {
  // expected-error @below {{'moe.route' op expects expert_scale [8] of a float type, got 'tensor<7xf32>'}}
  moe.route %l select top_k(2) expert_scale %a : tensor<?x8xf32>, tensor<7xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @route_c16_places(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects cap >= 1, got cap = 0}}
  moe.route %l select expert_top_k(0) : tensor<?x8xf32> -> tensor<8x0xi32>, tensor<8x0xf32>
  return
}

// -----

func.func @route_c16_minimum(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects no minimum in expert_top_k, whose results have C columns, got 3}}
  moe.route %l select expert_top_k(ceil(T * 1 / 2) minimum 3) : tensor<?x8xf32> -> tensor<8x?xi32>, tensor<8x?xf32>
  return
}

// -----

func.func @route_c1_by_expert(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects weights [8, C] of a float type, got 'tensor<4x2xf32>'}}
  moe.route %l select expert_top_k(ceil(T * 1 / 2)) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<4x2xf32>
  return
}

// -----

func.func @route_c1_ids_by_expert(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects ids [8, 3] of i32, got 'tensor<8x2xi32>'}}
  moe.route %l select expert_top_k(3) : tensor<?x8xf32> -> tensor<8x2xi32>, tensor<8x3xf32>
  return
}

// -----

func.func @select_c13(%l: tensor<?x8xf32>, %x: tensor<?x2xi64>) {
  // expected-error @below {{'moe.select' op expects given ids [T, K] of i32 with a static K, got 'tensor<?x2xi64>'}}
  %i = moe.select %l extern(%x) : tensor<?x8xf32>, tensor<?x2xi64> -> tensor<?x2xi32>
  return
}

// -----

func.func @weigh_c1_by_expert(%l: tensor<?x8xf32>, %i: tensor<7x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects ids [E, C] of i32, got 'tensor<7x2xi32>'}}
  %w = moe.weigh %l, %i by expert : tensor<?x8xf32>, tensor<7x2xi32> -> tensor<7x2xf32>
  return
}

// -----

func.func @weigh_c4(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>, %a: tensor<2xf32>) {
  // expected-error @below {{'moe.weigh' op expects expert_scale [8] of a float type, got 'tensor<2xf32>'}}
  %w = moe.weigh %l, %i expert_scale %a : tensor<?x8xf32>, tensor<?x2xi32>, tensor<2xf32> -> tensor<?x2xf32>
  return
}

// -----

func.func @weigh_c5(%l: tensor<?x8xf32>, %i: tensor<?x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects 0 <= apart < 2, the number of slots, got 2}}
  %w = moe.weigh %l, %i apart 2 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
  return
}

// -----

func.func @weigh_c6(%l: tensor<?x8xf32>, %i: tensor<8x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects no 'apart' by expert}}
  %w = moe.weigh %l, %i by expert apart 1 : tensor<?x8xf32>, tensor<8x2xi32> -> tensor<8x2xf32>
  return
}

// -----

func.func @weigh_c6_normalize(%l: tensor<?x8xf32>, %i: tensor<8x2xi32>) {
  // expected-error @below {{'moe.weigh' op expects no normalize with expert_top_k: an expert's picks are of different tokens}}
  %w = moe.weigh %l, %i by expert normalize l1 : tensor<?x8xf32>, tensor<8x2xi32> -> tensor<8x2xf32>
  return
}

// -----

func.func @capacity_c2_share(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a denominator of 1 to 1073741824, got 0}}
  moe.capacity %i, %w cap ceil(T * 1 / 0) order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c2_numerator(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a numerator of 1 to 1073741824, got 1073741825}}
  moe.capacity %i, %w cap ceil(T * 1073741825 / 1) order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c2_minimum(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a minimum of 0 to 1073741824, got -1}}
  moe.capacity %i, %w cap ceil(T * 1 / 1) minimum -1 order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c2_multiple(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a multiple_of of 1 to 1073741824, got 0}}
  moe.capacity %i, %w cap ceil(T * 1 / 1) multiple_of 0 order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_no_numerator(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{expected a positive numerator, got 0}}
  moe.capacity %i, %w cap ceil(T * 0 / 1) order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_rounding(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{unknown rounding 'round', expected a number, or ceil, floor or nearest of (T * n / d)}}
  moe.capacity %i, %w cap round(T * 1 / 1) order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c3(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a scope of at least one token, got 0}}
  moe.capacity %i, %w cap 4 scope 0 order weight overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c3_recycle(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xi32>, %s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.capacity' op expects no scope with overflow recycle}}
  moe.capacity %i, %w cap 4 scope 2 order rank_major overflow recycle from %p : tensor<?xi32> scores %s : tensor<?x8xf32> : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c4_missing(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects an operand for order priority}}
  moe.capacity %i, %w cap 4 order priority overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c4_unasked(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xf32>) {
  // expected-error @below {{'moe.capacity' op expects no operand of order priority without that clause}}
  moe.capacity %i, %w cap 4 order weight by %p : tensor<?xf32> overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c4_type(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'moe.capacity' op expects priority [T] of a float type, got 'tensor<?xi32>'}}
  moe.capacity %i, %w cap 4 order priority by %p : tensor<?xi32> overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c5_missing(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects an operand for overflow recycle}}
  moe.capacity %i, %w cap 4 order rank_major overflow recycle : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c5_order(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xi32>, %s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.capacity' op expects overflow recycle with order token_major or rank_major}}
  moe.capacity %i, %w cap 4 order weight overflow recycle from %p : tensor<?xi32> scores %s : tensor<?x8xf32> : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c5_places(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xi64>, %s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.capacity' op expects places [N] of i32, got 'tensor<?xi64>'}}
  moe.capacity %i, %w cap 4 order rank_major overflow recycle from %p : tensor<?xi64> scores %s : tensor<?x8xf32> : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c5_scores(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xi32>, %s: tensor<?xf32>) {
  // expected-error @below {{'moe.capacity' op expects scores [T, E] of a float type with a static number of experts, got 'tensor<?xf32>'}}
  moe.capacity %i, %w cap 4 order rank_major overflow recycle from %p : tensor<?xi32> scores %s : tensor<?xf32> : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c6(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects renorm l1 or lp, got softmax}}
  moe.capacity %i, %w cap 4 order rank_major overflow drop renorm softmax : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c6_eps(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects a positive, finite eps for normalize l1, got 0}}
  moe.capacity %i, %w cap 4 order rank_major overflow drop renorm l1(eps 0.0 add) : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c7(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) {
  // expected-error @below {{'moe.capacity' op expects at least one expert, got 0}}
  moe.capacity %i, %w cap 4 order rank_major overflow drop experts 0 : tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// -----

func.func @capacity_c5_tokens(%i: tensor<4x2xi32>, %w: tensor<4x2xf32>, %p: tensor<?xi32>, %s: tensor<5x8xf32>) {
  // expected-error @below {{'moe.capacity' op expects scores of as many tokens as the ids, got 'tensor<5x8xf32>'}}
  moe.capacity %i, %w cap 4 order rank_major overflow recycle from %p : tensor<?xi32> scores %s : tensor<5x8xf32> : tensor<4x2xi32>, tensor<4x2xf32>
  return
}

// -----

func.func @select_c9(%s: tensor<?x8xf32>) {
  // expected-error @below {{'moe.select' op expects a positive, finite p for top_p, got -1}}
  %i = moe.select %s top_p(-1.0, 2) : tensor<?x8xf32> -> tensor<?x2xi32>
  return
}

// -----

func.func @route_c14_given(%l: tensor<?x8xf32>) {
  // expected-error @below {{'moe.route' op expects an operand for table or extern}}
  "moe.route"(%l) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 0, 0, 0>, select = #moe.select<extern>}> : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}
