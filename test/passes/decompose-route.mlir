// RUN: moe-opt %s -moe-decompose-route -split-input-file | FileCheck %s

// Each clause goes to the op that it belongs to.
// CHECK-LABEL: func.func @every_clause
// CHECK-SAME: (%[[L:.*]]: tensor<?x256xf32>, %[[B:.*]]: tensor<256xf32>)
// CHECK-NEXT: %[[S:.*]] = moe.score sigmoid %[[L]] : tensor<?x256xf32> -> tensor<?x256xf32>
// CHECK-NEXT: %[[I:.*]] = moe.select %[[S]] bias %[[B]] groups(8 keep 4 by top2_sum fill -inf) top_k(8) : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>
// The bias has no effect on weights: they come from the scores.
// CHECK-NEXT: %[[W:.*]] = moe.weigh %[[S]], %[[I]] normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x256xf32>, tensor<?x8xi32> -> tensor<?x8xf32>
// CHECK-NEXT: return %[[I]], %[[W]]
func.func @every_clause(%l: tensor<?x256xf32>, %b: tensor<256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %ids, %w = moe.route %l score sigmoid bias %b groups(8 keep 4 by top2_sum fill -inf) select top_k(8)
      normalize l1(eps 1.0e-20 add) scale 2.5
      : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return %ids, %w : tensor<?x8xi32>, tensor<?x8xf32>
}

// -----

// Without a score the logits are the scores.
// CHECK-LABEL: func.func @no_score
// CHECK-SAME: (%[[L:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: %[[I:.*]] = moe.select %[[L]] top_k(2)
// CHECK-NEXT: moe.weigh %[[L]], %[[I]] normalize softmax
func.func @no_score(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %ids, %w = moe.route %l select top_k(2) normalize softmax : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Scores are computed in f32, whatever the logits are.
// CHECK-LABEL: func.func @narrow_logits
// CHECK: %[[S:.*]] = moe.score identity %{{.*}} : tensor<?x8xbf16> -> tensor<?x8xf32>
// CHECK: moe.select %[[S]] top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>
// CHECK: moe.weigh %[[S]], %{{.*}} : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xbf16>
func.func @narrow_logits(%l: tensor<?x8xbf16>) -> (tensor<?x2xi32>, tensor<?x2xbf16>) {
  %ids, %w = moe.route %l select top_k(2) : tensor<?x8xbf16> -> tensor<?x2xi32>, tensor<?x2xbf16>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xbf16>
}

// -----

// A rounding of the scores is seen by all who read them: selection, weights
// and the result.
// CHECK-LABEL: func.func @rounded_scores
// CHECK: %[[S:.*]] = moe.score softmax %{{.*}} : tensor<?x8xf32> -> tensor<?x8xbf16>
// CHECK: %[[I:.*]] = moe.select %[[S]] top_k(1)
// CHECK: %[[W:.*]] = moe.weigh %[[S]], %[[I]]
// CHECK: return %[[I]], %[[W]], %[[S]]
func.func @rounded_scores(%l: tensor<?x8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xbf16>) {
  %ids, %w, %s = moe.route %l score softmax as bf16 select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xbf16>
  return %ids, %w, %s : tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xbf16>
}

// -----

// Scores that are the logits as they are need no op, even as a result.
// CHECK-LABEL: func.func @scores_are_logits
// CHECK-SAME: (%[[L:.*]]: tensor<4x8xf32>)
// CHECK-NOT: moe.score
// CHECK: return %[[L]]
func.func @scores_are_logits(%l: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %ids, %w, %s = moe.route %l select top_k(1) : tensor<4x8xf32> -> tensor<4x1xi32>, tensor<4x1xf32>, tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// Routers in regions too.
// CHECK-LABEL: func.func @nested
// CHECK-NOT: moe.route
// CHECK-COUNT-2: moe.select
func.func @nested(%l: tensor<?x8xf32>, %c: i1) -> tensor<?x1xi32> {
  %r = scf.if %c -> tensor<?x1xi32> {
    %ids, %w = moe.route %l score softmax select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    scf.yield %ids : tensor<?x1xi32>
  } else {
    %ids, %w = moe.route %l select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
    scf.yield %ids : tensor<?x1xi32>
  }
  return %r : tensor<?x1xi32>
}

// Operands go to the part that reads them.
// CHECK-LABEL: func.func @operands
// CHECK-SAME: (%[[L:.*]]: tensor<?x8xf32>, %[[B:.*]]: tensor<6xf32>, %[[V:.*]]: tensor<?xi1>, %[[A:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[I:.*]] = moe.select %[[L]] bias %[[B]] top_k(2) always(2) valid(%[[V]]) : tensor<?x8xf32>, tensor<6xf32>, tensor<?xi1> -> tensor<?x4xi32>
// CHECK-NEXT: %[[W:.*]] = moe.weigh %[[L]], %[[I]] normalize l1 scale 2.0 expert_scale %[[A]] apart 2 : tensor<?x8xf32>, tensor<?x4xi32>, tensor<8xf32> -> tensor<?x4xf32>
// CHECK-NEXT: return %[[I]], %[[W]]
func.func @operands(%l: tensor<?x8xf32>, %b: tensor<6xf32>, %v: tensor<?xi1>, %a: tensor<8xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l bias %b select top_k(2) always(2 apart) valid(%v) normalize l1 scale 2.0 expert_scale %a
    : tensor<?x8xf32>, tensor<6xf32>, tensor<?xi1>, tensor<8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @by_expert
// CHECK-NEXT: %[[S:.*]] = moe.score softmax
// CHECK-NEXT: %[[I:.*]] = moe.select %[[S]] expert_top_k(ceil(T * 2 / 8)) : tensor<?x8xf32> -> tensor<8x?xi32>
// CHECK-NEXT: moe.weigh %[[S]], %[[I]] by expert : tensor<?x8xf32>, tensor<8x?xi32> -> tensor<8x?xf32>
func.func @by_expert(%l: tensor<?x8xf32>) -> (tensor<8x?xi32>, tensor<8x?xf32>) {
  %i, %w = moe.route %l score softmax select expert_top_k(ceil(T * 2 / 8)) : tensor<?x8xf32> -> tensor<8x?xi32>, tensor<8x?xf32>
  return %i, %w : tensor<8x?xi32>, tensor<8x?xf32>
}
