// RUN: moe-opt %s -canonicalize -split-input-file | FileCheck %s

// Clauses that say nothing go.
// CHECK-LABEL: func.func @empty_clauses
// CHECK: moe.route %{{.*}} select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
func.func @empty_clauses(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l score identity groups(4 keep 4 by max fill 0) select top_k(2) scale 1.0
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Clauses that say something stay: a rounding, a group that is not kept.
// CHECK-LABEL: func.func @full_clauses
// CHECK: moe.route %{{.*}} score identity as bf16 groups(4 keep 3 by max fill 0) select top_k(2) normalize l1 scale 1.5
func.func @full_clauses(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l score identity as bf16 groups(4 keep 3 by max fill 0) select top_k(2) normalize l1 scale 1.5
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Scores that nobody reads are not kept; attributes of others are.
// CHECK-LABEL: func.func @dead_scores
// CHECK: moe.route %{{.*}} score softmax select top_k(2) {note = "kept"} : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
func.func @dead_scores(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w, %s = moe.route %l score softmax select top_k(2) {note = "kept"}
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// CHECK-LABEL: func.func @live_scores
// CHECK: -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
func.func @live_scores(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x8xf32>) {
  %i, %w, %s = moe.route %l score softmax select top_k(2)
      : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
  return %i, %s : tensor<?x2xi32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @identity_score
// CHECK-SAME: (%[[L:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: return %[[L]]
func.func @identity_score(%l: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %s = moe.score identity %l : tensor<?x8xf32> -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// -----

// A conversion is not the identity.
// CHECK-LABEL: func.func @converting_score
// CHECK: moe.score identity
func.func @converting_score(%l: tensor<?x8xbf16>) -> tensor<?x8xf32> {
  %s = moe.score identity %l : tensor<?x8xbf16> -> tensor<?x8xf32>
  return %s : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @select_and_weigh
// CHECK: moe.select %{{.*}} top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
// CHECK: moe.weigh %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
func.func @select_and_weigh(%s: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i = moe.select %s groups(2 keep 2 by top2_sum fill -inf) top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
  %w = moe.weigh %s, %i scale 1.0 : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Picks of a token are distinct: no expert gets more rows than there are tokens.
// CHECK-LABEL: func.func @capacity_of_all_tokens
// CHECK: %[[I:.*]], %[[W:.*]] = moe.route
// CHECK-NEXT: return %[[I]], %[[W]]
func.func @capacity_of_all_tokens(%l: tensor<4x8xf32>) -> (tensor<4x2xi32>, tensor<4x2xf32>) {
  %i, %w = moe.route %l select top_k(2) : tensor<4x8xf32> -> tensor<4x2xi32>, tensor<4x2xf32>
  %ci, %cw = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<4x2xi32>, tensor<4x2xf32>
  return %ci, %cw : tensor<4x2xi32>, tensor<4x2xf32>
}

// -----

// Less, or ids of unknown origin, or a token count that is not known: it stays.
// A share of one token a token or more is enough for any number of them.
// CHECK-LABEL: func.func @capacity_of_any_tokens
// CHECK-NOT: moe.capacity %{{.*}} drop :
// CHECK: moe.capacity %{{.*}} renorm l1
// CHECK: moe.capacity %{{.*}} cap ceil(T * 7 / 8)
func.func @capacity_of_any_tokens(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %0, %1 = moe.capacity %i, %w cap floor(T * 8 / 8) order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %2, %3 = moe.capacity %0, %1 cap nearest(T * 10 / 8) multiple_of 4 order rank_major overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  %4, %5 = moe.capacity %0, %1 cap ceil(T * 7 / 8) order rank_major overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  return %0, %2, %4 : tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>
}

// CHECK-LABEL: func.func @capacity_that_limits
// CHECK-COUNT-3: moe.capacity
func.func @capacity_that_limits(%l: tensor<4x8xf32>, %i: tensor<4x2xi32>, %w: tensor<4x2xf32>, %d: tensor<?x8xf32>)
    -> (tensor<4x2xi32>, tensor<4x2xi32>, tensor<?x2xi32>) {
  %0, %1 = moe.route %l select top_k(2) : tensor<4x8xf32> -> tensor<4x2xi32>, tensor<4x2xf32>
  %2, %3 = moe.capacity %0, %1 cap 3 order rank_major overflow drop : tensor<4x2xi32>, tensor<4x2xf32>
  %4, %5 = moe.capacity %i, %w cap 4 order rank_major overflow drop : tensor<4x2xi32>, tensor<4x2xf32>
  %6, %7 = moe.route %d select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %8, %9 = moe.capacity %6, %7 cap 4096 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return %2, %4, %8 : tensor<4x2xi32>, tensor<4x2xi32>, tensor<?x2xi32>
}
