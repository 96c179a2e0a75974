// RUN: moe-opt %s -moe-simplify-layers -split-input-file -allow-unregistered-dialect | FileCheck %s
// RUN: moe-opt %s -moe-simplify-layers="fast=approx" -split-input-file -allow-unregistered-dialect | FileCheck %s --check-prefixes=FAST
// RUN: moe-opt %s -moe-simplify-layers="fast=approx" -split-input-file -allow-unregistered-dialect -remarks-filter-passed="moe-simplify-layers" 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: moe-opt %s -moe-simplify -split-input-file -allow-unregistered-dialect | FileCheck %s --check-prefix=PIPELINE
// RUN: echo "" | not moe-opt -moe-simplify-layers="fast=most" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: Cannot find option named 'most'

// What was done is told twice: as a remark where it was, and as a decision.
// CHECK-LABEL: func.func @told
// CHECK-SAME: moe.decisions = [#moe.decision<what = "rewrite zero-bias", chosen = "a bias of zeros is left out", reason = "every bit stays as it is", runnerUp = "", figures = {times = 2 : i64}>]
// All remarks, of this file:
// REMARK-DAG: [Passed] zero-bias | Category:moe-simplify-layers | Remark="a bias of zeros is left out (bitwise)"
// REMARK-DAG: [Passed] zero-noise | Category:moe-simplify-layers | Remark="noise of zeros is left out (bitwise)"
// REMARK-DAG: [Passed] all-valid | Category:moe-simplify-layers | Remark="a mask that holds for every token is left out (bitwise)"
// REMARK-DAG: [Passed] pick-all | Category:moe-simplify-layers | Remark="as many picks as experts are all experts, without a search (real)"
// REMARK-DAG: [Passed] equal-bias | Category:moe-simplify-layers | Remark="a bias that is equal for all experts is left out (approx)"
// REMARK-DAG: [Passed] fill-neg-inf | Category:moe-simplify-layers | Remark="experts outside the kept groups are never picked, in place of a fill of 0 below all scores (approx)"
// REMARK-DAG: [Passed] softmax-of-picks | Category:moe-simplify-layers | Remark="picks by logits and a softmax over the picks, in place of one over all experts and a division by the picks' sum (approx)"
// REMARK-DAG: [Passed] sigmoid-of-picks | Category:moe-simplify-layers | Remark="picks by logits and a sigmoid of the picks, in place of one of all experts (approx)"
// REMARK-DAG: [Passed] single-pick | Category:moe-simplify-layers | Remark="the weight of a single pick over its own sum is 1 (bitwise)"
// REMARK-DAG: [Passed] single-positive-pick | Category:moe-simplify-layers | Remark="the weight of a single pick over its own sum is 1, as its score is positive (real)"
// REMARK-DAG: [Passed] unit-weights | Category:moe-simplify-layers | Remark="weights of 1 are left out (bitwise)"
// REMARK-DAG: [Passed] unit-expert-scale | Category:moe-simplify-layers | Remark="factors of experts that are 1 are left out (bitwise)"
// REMARK-DAG: [Passed] equal-expert-scale | Category:moe-simplify-layers | Remark="factors of experts that are equal become the scale (real)"
// REMARK-DAG: [Passed] norm-of-norm | Category:moe-simplify-layers | Remark="of two norms in a row one is left out (real)"
// REMARK-DAG: [Passed] scale-before-renorm | Category:moe-simplify-layers | Remark="a scale is left out that the division after the capacity cancels (real)"
// REMARK-DAG: [Passed] renorm-before | Category:moe-simplify-layers | Remark="a capacity that drops nothing is left out, its division the router's (real)"
// REMARK-DAG: [Passed] identity-experts | Category:moe-simplify-layers | Remark="experts that give their rows back are left out (bitwise)"
// REMARK-DAG: [Passed] rows-back | Category:moe-simplify-layers | Remark="rows that a combine has put to their slots are taken from before it (bitwise)"
// REMARK-DAG: [Passed] zero-init | Category:moe-simplify-layers | Remark="a sum that starts from zeros starts from nothing (bitwise)"
// REMARK-DAG: [Passed] add-into-init | Category:moe-simplify-layers | Remark="what is added to a layer's result is where its sum starts (real)"
// REMARK-DAG: [Passed] scale-after-experts | Category:moe-simplify-layers | Remark="rows of experts that keep factors are weighed when they are combined, so that they are read in place (real)"
func.func @told(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<?x2xf32>) {
  %b = arith.constant dense<0.0> : tensor<8xf32>
  // CHECK: moe.route %{{.*}} score sigmoid groups(4 keep 2 by max fill 0) select top_k(2) :
  %i, %w = moe.route %l score sigmoid bias %b groups(4 keep 2 by max fill 0) select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: moe.route %{{.*}} score softmax select top_p(0.8, 2) :
  %j, %v = moe.route %l score softmax bias %b select top_p(8.0e-1, 2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w, %j, %v : tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// A bias may be anything where it is no constant, or not the same for all; one
// that is makes scores tie that did not.
// CHECK-LABEL: func.func @other_biases
// CHECK-NOT: moe.decisions
// CHECK-COUNT-5: moe.route %{{.*}} bias
// FAST-LABEL: func.func @other_biases
// FAST-COUNT-4: moe.route %{{.*}} bias
// FAST: moe.route %{{[^ ]*}} select top_k(2) normalize sigmoid :
func.func @other_biases(%l: tensor<?x8xf32>, %b: tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>) {
  %c = arith.constant dense<[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]> : tensor<8xf32>
  %h = arith.constant dense<0.5> : tensor<8xf32>
  %i = arith.constant dense<0xFF800000> : tensor<8xf32>
  %i0, %w0 = moe.route %l score sigmoid bias %b select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l score sigmoid bias %c select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l score sigmoid bias %h groups(4 keep 2 by max fill 0) select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i3, %w3 = moe.route %l score sigmoid bias %i select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i4, %w4 = moe.route %l score sigmoid bias %h select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i0, %i1, %i2, %i3, %i4 : tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>
}

// -----

// CHECK-LABEL: func.func @noise_and_valid
// CHECK: moe.route %{{[^ ]*}} select top_k(2) :
// CHECK: moe.route %{{[^ ]*}} select top_k(2) noise second_gumbel(
// CHECK: moe.route %{{[^ ]*}} score softmax select top_k(2) noise second_bernoulli(
// CHECK: moe.route %{{[^ ]*}} select top_k(2) valid(
func.func @noise_and_valid(%l: tensor<2x8xf32>, %n: tensor<2x8xf32>) -> (tensor<2x2xi32>, tensor<2x2xi32>, tensor<2x2xi32>, tensor<2x2xi32>) {
  %z = arith.constant dense<0.0> : tensor<2x8xf32>
  %u = arith.constant dense<0.0> : tensor<2xf32>
  %v = arith.constant dense<true> : tensor<2xi1>
  %f = arith.constant dense<[true, false]> : tensor<2xi1>
  %i0, %w0 = moe.route %l select top_k(2) noise gumbel(%z) valid(%v) : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2xi1> -> tensor<2x2xi32>, tensor<2x2xf32>
  %i1, %w1 = moe.route %l select top_k(2) noise second_gumbel(%n) : tensor<2x8xf32>, tensor<2x8xf32> -> tensor<2x2xi32>, tensor<2x2xf32>
  %i2, %w2 = moe.route %l score softmax select top_k(2) noise second_bernoulli(%u) : tensor<2x8xf32>, tensor<2xf32> -> tensor<2x2xi32>, tensor<2x2xf32>
  %i3, %w3 = moe.route %l select top_k(2) valid(%f) : tensor<2x8xf32>, tensor<2xi1> -> tensor<2x2xi32>, tensor<2x2xf32>
  return %i0, %i1, %i2, %i3 : tensor<2x2xi32>, tensor<2x2xi32>, tensor<2x2xi32>, tensor<2x2xi32>
}

// -----

// As many picks as experts.
// CHECK-LABEL: func.func @pick_all
// CHECK: moe.route %{{[^ ]*}} score sigmoid select all normalize l1 :
// FAST-LABEL: func.func @pick_all
// FAST: moe.route %{{[^ ]*}} score sigmoid select all normalize l1 :
func.func @pick_all(%l: tensor<?x8xf32>, %b: tensor<8xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %i, %w = moe.route %l score sigmoid bias %b groups(4 keep 2 by max fill 0) select top_k(8) normalize l1 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %g = moe.group %i : tensor<?x8xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x4xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x4xf32>
  %y = moe.combine %r by %g weights %w acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Slots that are seen, an expert that is not picked, slots whose order is part
// of their weights.
// CHECK-LABEL: func.func @pick_all_missed
// CHECK-COUNT-3: select top_k(8)
// CHECK: select top_k(7)
// CHECK: select top_k(2)
// CHECK-NOT: select all
func.func @pick_all_missed(%l: tensor<?x8xf32>, %m: tensor<?x2xf32>, %u: tensor<?xf32>) -> (tensor<?x8xi32>, tensor<9xi32>, tensor<9xi32>, tensor<9xi32>, tensor<3xi32>) {
  %i0, %w0 = moe.route %l select top_k(8) : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %i1, %w1 = moe.route %l select top_k(8) normalize masked_softmax(2.0e-1) : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %g1 = moe.group %i1 : tensor<?x8xi32> -> !moe.groups<experts = 8, ragged>
  %o1 = moe.offsets %g1 : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  %i2, %w2 = moe.route %l select top_k(8) : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %k2, %v2 = moe.capacity %i2, %w2 cap 3 order rank_major overflow drop : tensor<?x8xi32>, tensor<?x8xf32>
  %g2 = moe.group %k2 : tensor<?x8xi32> -> !moe.groups<experts = 8, ragged>
  %o2 = moe.offsets %g2 : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  %i3, %w3 = moe.route %l select top_k(7) : tensor<?x8xf32> -> tensor<?x7xi32>, tensor<?x7xf32>
  %g3 = moe.group %i3 : tensor<?x7xi32> -> !moe.groups<experts = 8, ragged>
  %o3 = moe.offsets %g3 : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  %i4, %w4 = moe.route %m score softmax select top_k(2) noise second_bernoulli(%u) : tensor<?x2xf32>, tensor<?xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g4 = moe.group %i4 : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
  %o4 = moe.offsets %g4 : !moe.groups<experts = 2, ragged> -> tensor<3xi32>
  return %i0, %o1, %o2, %o3, %o4 : tensor<?x8xi32>, tensor<9xi32>, tensor<9xi32>, tensor<9xi32>, tensor<3xi32>
}

// -----

// Only where ids at ties may change.
// CHECK-LABEL: func.func @of_picks
// CHECK: score softmax groups(4 keep 2 by max fill -inf) select top_k(2) normalize l1, lp(2.0)
// CHECK: score sigmoid as f32 select top_k(2) normalize l1(eps 0.1 add)
// CHECK: score softmax groups(4 keep 2 by top2_sum fill 0)
// FAST-LABEL: func.func @of_picks
// FAST-SAME: reason = "moe.fast allows ids to differ where scores tie"
// FAST: moe.route %{{[^ ]*}} groups(4 keep 2 by max fill -inf) select top_k(2) normalize softmax, lp(2.0) :
// FAST: moe.route %{{[^ ]*}} select top_k(2) normalize sigmoid, l1(eps 0.1 add) :
// FAST: moe.route %{{[^ ]*}} score softmax groups(4 keep 2 by top2_sum fill -inf) select top_k(2) :
func.func @of_picks(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>) {
  %i0, %w0 = moe.route %l score softmax groups(4 keep 2 by max fill -inf) select top_k(2) normalize l1, lp(2.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l score sigmoid as f32 select top_k(2) normalize l1(eps 1.0e-1 add) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l score softmax groups(4 keep 2 by top2_sum fill 0) select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i0, %w0, %i1, %w1, %i2 : tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x2xi32>
}

// The sum over all experts is seen, or something picks by more than an order.
// FAST-LABEL: func.func @of_picks_missed
// FAST: score softmax select top_k(2) :
// FAST: score softmax select top_k(2) normalize l1(eps 0.001 add)
// FAST: score softmax bias
// FAST: score softmax groups(4 keep 2 by top2_sum fill -inf) select top_k(2)
// FAST: score softmax select top_k(2) always(2 apart)
// FAST: score softmax as bf16 select
// FAST: score softmax select threshold(
// FAST: score softmax select top_k(2) noise gumbel(
// FAST: score softmax select top_k(2) normalize lp(2.0)
// FAST: score sigmoid groups(4 keep 2 by max fill 0) select top_k(5)
// FAST: score sigmoid select top_k(2) : tensor<?x8xf64>
// FAST: score sigmoid select top_k(2) : {{.*}}, tensor<?x8xf32>
func.func @of_picks_missed(%l: tensor<?x8xf32>, %b: tensor<8xf32>, %n: tensor<?x8xf32>, %d: tensor<?x8xf64>) {
  %i0, %w0 = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l score softmax select top_k(2) normalize l1(eps 1.0e-3 add) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l score softmax bias %b select top_k(2) normalize l1 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i3, %w3 = moe.route %l score softmax groups(4 keep 2 by top2_sum fill -inf) select top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i4, %w4 = moe.route %l score softmax select top_k(2) always(2 apart) normalize l1 : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  %i5, %w5 = moe.route %l score softmax as bf16 select top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i6, %w6 = moe.route %l score softmax select threshold(1.0e-1, 2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i7, %w7 = moe.route %l score softmax select top_k(2) noise gumbel(%n) normalize l1 : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i8, %w8 = moe.route %l score softmax select top_k(2) normalize lp(2.0) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i9, %w9 = moe.route %l score sigmoid groups(4 keep 2 by max fill 0) select top_k(5) : tensor<?x8xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  %i10, %w10 = moe.route %d score sigmoid select top_k(2) : tensor<?x8xf64> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i11, %w11, %s = moe.route %l score sigmoid select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
  "test.use"(%i0, %i1, %i2, %i3, %i4, %i5, %i6, %i7, %i8, %i9, %i10, %i11, %s) : (tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x4xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x5xi32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<?x8xf32>) -> ()
  return
}

// -----

// The module says it as well as the option.
// CHECK: module attributes {moe.fast = "approx"}
// CHECK: moe.route %{{[^ ]*}} select top_k(2) normalize softmax :
module attributes {moe.fast = "approx"} {
  func.func @by_module(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
    %i, %w = moe.route %l score softmax select top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
  }
}

// -----

// One pick over its own sum. A capacity only drops.
// CHECK-LABEL: func.func @single
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} acc
// CHECK: moe.dispatch %{{[^ ]*}} by %{{[^ ]*}} :
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} acc
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} acc
func.func @single(%l: tensor<?x8xf32>, %o: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %i : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y0 = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %y1 = moe.dispatch %o by %g scale %w : tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32> -> tensor<?x4xf32>
  %k, %v = moe.capacity %i, %w cap 3 order token_major overflow drop : tensor<?x1xi32>, tensor<?x1xf32>
  %h = moe.group %k : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y2 = moe.combine %o by %h weights %v acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %j, %u = moe.route %l score sigmoid select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %f = moe.group %j : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y3 = moe.combine %o by %f weights %u acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  return %y0, %y1, %y2, %y3 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// Weights of other slots than the groups', two picks, a scale, an epsilon, scores
// of either sign, a step that is none.
// CHECK-LABEL: func.func @single_missed
// CHECK-COUNT-8: moe.combine %{{[^ ]*}} by %{{[^ ]*}} weights
func.func @single_missed(%l: tensor<?x8xf32>, %o: tensor<?x4xf32>, %given: tensor<?x1xi32>, %p: tensor<3xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %i0, %w0 = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g0 = moe.group %given : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y0 = moe.combine %o by %g0 weights %w0 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %i1, %w1 = moe.route %l score softmax select top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g1 = moe.group %i1 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %y1 = moe.combine %o by %g1 weights %w1 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %i2, %w2 = moe.route %l score softmax select top_k(1) normalize l1 scale 2.0 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g2 = moe.group %i2 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y2 = moe.combine %o by %g2 weights %w2 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %i3, %w3 = moe.route %l score softmax select top_k(1) normalize l1(eps 1.0e-1 add) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g3 = moe.group %i3 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y3 = moe.combine %o by %g3 weights %w3 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %i4, %w4 = moe.route %l score relu select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g4 = moe.group %i4 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y4 = moe.combine %o by %g4 weights %w4 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %i5, %w5 = moe.route %l score sigmoid select top_k(1) normalize lp(1.0), l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %k5, %v5 = moe.capacity %i5, %w5 cap 3 order token_major overflow recycle from %p : tensor<3xi32> scores %l : tensor<?x8xf32> : tensor<?x1xi32>, tensor<?x1xf32>
  %g5 = moe.group %k5 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y5 = moe.combine %o by %g5 weights %v5 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %i6, %w6 = moe.route %l score softmax select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g6 = moe.group %i6 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y6 = moe.combine %o by %g6 weights %w6 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  %k7, %v7 = moe.capacity %i0, %w0 cap 3 order token_major overflow drop : tensor<?x1xi32>, tensor<?x1xf32>
  %g7 = moe.group %i0 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %y7 = moe.combine %o by %g7 weights %v7 acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x4xf32>
  return %y0, %y1, %y2, %y3, %y4, %y5, %y6, %y7 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// CHECK-LABEL: func.func @factors
// CHECK: select top_k(2) scale 2.0 :
// CHECK: select top_k(2) scale 1.0 :
// CHECK: select top_k(2) expert_scale
// CHECK: select top_k(2) expert_scale
func.func @factors(%l: tensor<?x8xf32>, %a: tensor<8xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %one = arith.constant dense<1.0> : tensor<8xf32>
  %half = arith.constant dense<0.5> : tensor<8xf32>
  %nan = arith.constant dense<0x7FC00000> : tensor<8xf32>
  %i0, %w0 = moe.route %l select top_k(2) scale 2.0 expert_scale %one : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l select top_k(2) scale 2.0 expert_scale %half : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l select top_k(2) expert_scale %a : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i3, %w3 = moe.route %l select top_k(2) expert_scale %nan : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %w0, %w1, %w2, %w3 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// CHECK-LABEL: func.func @norms
// CHECK: normalize softmax :
// CHECK: normalize softmax :
// CHECK: score sigmoid select top_k(2) normalize l1 :
// CHECK: score softmax select all :
// CHECK: normalize softmax, l1(eps 1.0e-09 max) :
// CHECK: normalize sigmoid, l1 :
// CHECK: score sigmoid select all normalize l1 :
func.func @norms(%l: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x8xf32>) {
  %i0, %w0 = moe.route %l select top_k(2) normalize softmax, l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l select top_k(2) normalize softmax, lp(2.0), l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l score sigmoid select top_k(2) normalize l1(eps 1.0e-9 add), l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i3, %w3 = moe.route %l score softmax select all normalize l1 : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %i4, %w4 = moe.route %l select top_k(2) normalize softmax, l1(eps 1.0e-9 max) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i5, %w5 = moe.route %l select top_k(2) normalize sigmoid, l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i6, %w6 = moe.route %l score sigmoid select all normalize l1 : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return %w0, %w1, %w2, %w3, %w4, %w5, %w6 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @renorm
// CHECK: moe.route %{{[^ ]*}} score softmax select top_k(2) :
// CHECK: moe.capacity %{{.*}} renorm l1
// CHECK: moe.route %{{[^ ]*}} score sigmoid select top_k(2) normalize lp(2.0, eps 0.001 add) :
// CHECK-NOT: moe.capacity
// CHECK: return
func.func @renorm(%l: tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %i0, %w0 = moe.route %l score softmax select top_k(2) scale 2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k0, %v0 = moe.capacity %i0, %w0 cap 3 order token_major overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l score sigmoid select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k1, %v1 = moe.capacity %i1, %w1 cap floor(T * 8 / 8) order token_major overflow drop renorm lp(2.0, eps 1.0e-3 add) : tensor<?x2xi32>, tensor<?x2xf32>
  return %v0, %v1 : tensor<?x2xf32>, tensor<?x2xf32>
}

// An epsilon, a scale that turns the order around, weights that are read, no
// division, slots that the scale leaves as they are, picks that may repeat.
// CHECK-LABEL: func.func @renorm_missed
// CHECK-COUNT-5: scale 
// CHECK-NOT: normalize
func.func @renorm_missed(%l: tensor<?x8xf32>, %given: tensor<?x2xi32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>) {
  %i0, %w0 = moe.route %l score softmax select top_k(2) scale 2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k0, %v0 = moe.capacity %i0, %w0 cap 3 order token_major overflow drop renorm l1(eps 1.0e-9 add) : tensor<?x2xi32>, tensor<?x2xf32>
  %i1, %w1 = moe.route %l score softmax select top_k(2) scale -2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k1, %v1 = moe.capacity %i1, %w1 cap 3 order weight overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.route %l score softmax select top_k(2) scale 2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k2, %v2 = moe.capacity %i2, %w2 cap ceil(T * 9 / 8) order token_major overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  %i3, %w3 = moe.route %l score softmax select top_k(2) scale 2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k3, %v3 = moe.capacity %i3, %w3 cap 3 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %i4, %w4 = moe.route %l score softmax select top_k(2) always(2 apart) scale 2.5 : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  %k4, %v4 = moe.capacity %i4, %w4 cap ceil(T * 9 / 8) order token_major overflow drop renorm l1 : tensor<?x4xi32>, tensor<?x4xf32>
  %i5, %w5 = moe.route %l score softmax select extern(%given) : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %k5, %v5 = moe.capacity %i5, %w5 cap ceil(T * 9 / 8) order token_major overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  return %v0, %v1, %v2, %w2, %v3, %v4, %v5 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x4xf32>, tensor<?x2xf32>
}

// -----

!groups = !moe.groups<experts = 8, ragged>
// CHECK-LABEL: func.func @rows
// CHECK-NOT: moe.expert
// CHECK-NOT: reduce none
// CHECK: return %arg0, %arg0
func.func @rows(%r: tensor<?x4xf32>, %ids: tensor<?x2xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %o = moe.expert %r by %g virtual [#moe.virtual<identity 2 to 3>] {
  ^bb0(%rows: tensor<?x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %q = moe.combine %r by %g reduce none acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x2x4xf32>
  %z = moe.dispatch %q by %g : tensor<?x2x4xf32>, !groups -> tensor<?x4xf32>
  return %o, %z : tensor<?x4xf32>, tensor<?x4xf32>
}

// A zero expert, other groups, weights, a narrow sum.
// CHECK-LABEL: func.func @rows_missed
// CHECK: moe.expert
// CHECK-COUNT-3: moe.dispatch
func.func @rows_missed(%r: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %others: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %h = moe.group %others : tensor<?x2xi32> -> !groups
  %o = moe.expert %r by %g virtual [#moe.virtual<zero 2 to 3>] {
  ^bb0(%rows: tensor<?x4xf32>):
    moe.yield %rows : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %q0 = moe.combine %r by %g reduce none acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x2x4xf32>
  %z0 = moe.dispatch %q0 by %h : tensor<?x2x4xf32>, !groups -> tensor<?x4xf32>
  %q1 = moe.combine %r by %g weights %w reduce none acc f32 order slot : (tensor<?x4xf32>, !groups, tensor<?x2xf32>) -> tensor<?x2x4xf32>
  %z1 = moe.dispatch %q1 by %g : tensor<?x2x4xf32>, !groups -> tensor<?x4xf32>
  %q2 = moe.combine %r by %g reduce none acc bf16 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x2x4xf32>
  %z2 = moe.dispatch %q2 by %g : tensor<?x2x4xf32>, !groups -> tensor<?x4xf32>
  return %o, %z0, %z1, %z2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

!groups = !moe.groups<experts = 8, ragged>
// CHECK-LABEL: func.func @sums
// CHECK-SAME: %[[R:[^:]*]]: tensor<?x4xf32>, %[[V:[^:]*]]: tensor<?x4xf32>
// CHECK-SAME: reason = "it is equal in real arithmetic"
// CHECK: %[[Y:.*]] = moe.combine %[[R]] by %{{[^ ]*}} init %[[V]] acc f32
// CHECK: return %[[Y]]
func.func @sums(%r: tensor<?x4xf32>, %v: tensor<?x4xf32>, %ids: tensor<?x2xi32>) -> tensor<?x4xf32> {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %c = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %y = arith.addf %v, %c : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @expanded_sums
// CHECK-SAME: %[[R:[^:]*]]: tensor<8x4xf32>, %[[V:[^:]*]]: tensor<1x4x4xf32>
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[V]] {{\[\[}}0, 1], [2]] : tensor<1x4x4xf32> into tensor<4x4xf32>
// CHECK: %[[Y:.*]] = moe.combine %[[R]] by %{{[^ ]*}} init %[[C]] acc f32
// CHECK: %[[E:.*]] = tensor.expand_shape %[[Y]]
// CHECK: return %[[E]]
func.func @expanded_sums(%r: tensor<8x4xf32>, %v: tensor<1x4x4xf32>, %ids: tensor<4x2xi32>) -> tensor<1x4x4xf32> {
  %g = moe.group %ids : tensor<4x2xi32> -> !groups
  %c = moe.combine %r by %g acc f32 order slot : (tensor<8x4xf32>, !groups) -> tensor<4x4xf32>
  %e = tensor.expand_shape %c [[0, 1], [2]] output_shape [1, 4, 4] : tensor<4x4xf32> into tensor<1x4x4xf32>
  %y = linalg.add ins(%v, %e : tensor<1x4x4xf32>, tensor<1x4x4xf32>) outs(%v : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %y : tensor<1x4x4xf32>
}

// The sum is read before it is expanded.
// CHECK-LABEL: func.func @expanded_sums_missed
// CHECK: moe.combine
// CHECK: linalg.add
func.func @expanded_sums_missed(%r: tensor<8x4xf32>, %v: tensor<1x4x4xf32>, %ids: tensor<4x2xi32>) -> (tensor<1x4x4xf32>, tensor<4x4xf32>) {
  %g = moe.group %ids : tensor<4x2xi32> -> !groups
  %c = moe.combine %r by %g acc f32 order slot : (tensor<8x4xf32>, !groups) -> tensor<4x4xf32>
  %e = tensor.expand_shape %c [[0, 1], [2]] output_shape [1, 4, 4] : tensor<4x4xf32> into tensor<1x4x4xf32>
  %y = linalg.add ins(%v, %e : tensor<1x4x4xf32>, tensor<1x4x4xf32>) outs(%v : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  return %y, %c : tensor<1x4x4xf32>, tensor<4x4xf32>
}

// The sum without the other term is read, it has an init, it is of a narrow
// type, it is added to itself, what is added is another op's, or read in another
// order; it would be summed in each iteration of a loop; there is no result.
// CHECK-LABEL: func.func @sums_missed
// CHECK-COUNT-5: arith.addf %{{.*}} : tensor<?x4xf32>
// CHECK-COUNT-2: linalg.generic
func.func @sums_missed(%r: tensor<?x4xf32>, %v: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %s: tensor<4x4xf32>, %i4: tensor<4x2xi32>, %r8: tensor<8x4xf32>, %n: index, %buffer: memref<4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %c0 = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %y0 = arith.addf %v, %c0 : tensor<?x4xf32>
  %c1 = moe.combine %r by %g init %v acc f32 order slot : (tensor<?x4xf32>, !groups, tensor<?x4xf32>) -> tensor<?x4xf32>
  %y1 = arith.addf %v, %c1 : tensor<?x4xf32>
  %c2 = moe.combine %r by %g acc bf16 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %y2 = arith.addf %v, %c2 : tensor<?x4xf32>
  %c3 = moe.combine %r by %g acc f32 order expert : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %y3 = arith.addf %c3, %c3 : tensor<?x4xf32>
  %y4 = arith.addf %v, %r : tensor<?x4xf32>
  %c5 = moe.combine %r by %g acc f32 order any : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %y5 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%v, %c5 : tensor<?x4xf32>, tensor<?x4xf32>) outs(%r : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?x4xf32>
  %g4 = moe.group %i4 : tensor<4x2xi32> -> !groups
  %c6 = moe.combine %r8 by %g4 acc f32 order slot : (tensor<8x4xf32>, !groups) -> tensor<4x4xf32>
  %y6 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%s, %c6 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%s : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<4x4xf32>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%buffer, %buffer : memref<4x4xf32>, memref<4x4xf32>) outs(%buffer : memref<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  }
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %c7 = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  // CHECK: scf.for
  // CHECK: arith.addf
  %y7 = scf.for %i = %zero to %n step %one iter_args(%before = %v) -> (tensor<?x4xf32>) {
    %next = arith.addf %before, %c7 : tensor<?x4xf32>
    scf.yield %next : tensor<?x4xf32>
  }
  return %y0, %c0, %y1, %y2, %y3, %y4, %y5, %y6, %y7 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>
}

// -----

!groups = !moe.groups<experts = 8, ragged>
// CHECK-LABEL: func.func @weigh_after
// CHECK: moe.dispatch %{{[^ ]*}} by %{{[^ ]*}} :
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} weights
func.func @weigh_after(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %m: tensor<8x4x4xf32>) -> tensor<?x4xf32> {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %r = moe.dispatch %x by %g scale %w : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %b = arith.addf %a, %rows : tensor<?x4xf32>
    moe.yield %b : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// relu keeps a factor that is not negative, such as a softmax: not an unknown
// one, nor one times an unknown scale of experts.
// CHECK-LABEL: func.func @weigh_after_relu
// CHECK: moe.dispatch %{{[^ ]*}} by %{{[^ ]*}} :
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} weights
// CHECK-COUNT-2: moe.dispatch %{{[^ ]*}} by %{{[^ ]*}} scale
func.func @weigh_after_relu(%x: tensor<?x4xf32>, %l: tensor<?x8xf32>, %s: tensor<8xf32>, %m: tensor<8x4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %i0, %w0 = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g0 = moe.group %i0 : tensor<?x2xi32> -> !groups
  %r0 = moe.dispatch %x by %g0 scale %w0 : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o0 = moe.expert %r0 by %g0 weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %b = moe.activate relu(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %b : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y0 = moe.combine %o0 by %g0 acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %i1, %w1 = moe.route %l select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g1 = moe.group %i1 : tensor<?x2xi32> -> !groups
  %r1 = moe.dispatch %x by %g1 scale %w1 : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o1 = moe.expert %r1 by %g1 weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %b = moe.activate relu(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %b : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y1 = moe.combine %o1 by %g1 acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %i2, %w2 = moe.route %l score softmax select top_k(2) expert_scale %s : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g2 = moe.group %i2 : tensor<?x2xi32> -> !groups
  %r2 = moe.dispatch %x by %g2 scale %w2 : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o2 = moe.expert %r2 by %g2 weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %b = moe.activate relu(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %b : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y2 = moe.combine %o2 by %g2 acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  return %y0, %y1, %y2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// A bias, an activation, weights of its own.
// CHECK-LABEL: func.func @weigh_after_missed
// CHECK-COUNT-3: moe.dispatch %{{[^ ]*}} by %{{[^ ]*}} scale
func.func @weigh_after_missed(%x: tensor<?x4xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %m: tensor<8x4x4xf32>, %v: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = moe.group %ids : tensor<?x2xi32> -> !groups
  %r0 = moe.dispatch %x by %g scale %w : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o0 = moe.expert %r0 by %g weights(%m, %v) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>, %bias: tensor<4xf32>):
    %a = moe.linear %rows, %one bias %bias acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %y0 = moe.combine %o0 by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %r1 = moe.dispatch %x by %g scale %w : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o1 = moe.expert %r1 by %g weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %b = moe.activate silu(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    moe.yield %b : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y1 = moe.combine %o1 by %g acc f32 order slot : (tensor<?x4xf32>, !groups) -> tensor<?x4xf32>
  %r2 = moe.dispatch %x by %g scale %w : tensor<?x4xf32>, !groups, tensor<?x2xf32> -> tensor<?x4xf32>
  %o2 = moe.expert %r2 by %g weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y2 = moe.combine %o2 by %g weights %w acc f32 order slot : (tensor<?x4xf32>, !groups, tensor<?x2xf32>) -> tensor<?x4xf32>
  return %y0, %y1, %y2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

!groups = !moe.groups<experts = 8, ragged>
// Constants of a front end: weights of 1 and an init of 0.
// CHECK-LABEL: func.func @constants
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} acc
// CHECK: moe.combine %{{[^ ]*}} by %{{[^ ]*}} weights %{{[^ ]*}} init
func.func @constants(%r: tensor<8x4xf32>, %ids: tensor<4x2xi32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<4x2xf32>
  %two = arith.constant dense<2.0> : tensor<4x2xf32>
  %zero = arith.constant dense<0.0> : tensor<4x4xf32>
  %three = arith.constant dense<3.0> : tensor<4x4xf32>
  %g = moe.group %ids : tensor<4x2xi32> -> !groups
  %y0 = moe.combine %r by %g weights %one init %zero acc f32 order slot : (tensor<8x4xf32>, !groups, tensor<4x2xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %y1 = moe.combine %r by %g weights %two init %three acc f32 order slot : (tensor<8x4xf32>, !groups, tensor<4x2xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y0, %y1 : tensor<4x4xf32>, tensor<4x4xf32>
}

// -----

!groups = !moe.groups<experts = 8, ragged>
// Two layers that share a router, or have equal ones, share groups and rows.
// PIPELINE-LABEL: func.func @shared_router
// PIPELINE-COUNT-1: moe.route
// PIPELINE-NOT: moe.route
// PIPELINE-COUNT-1: moe.group
// PIPELINE-NOT: moe.group %
// PIPELINE-COUNT-1: moe.dispatch
// PIPELINE-NOT: moe.dispatch
// PIPELINE-COUNT-2: moe.expert
func.func @shared_router(%x: tensor<?x4xf32>, %l: tensor<?x8xf32>, %m: tensor<8x4x4xf32>, %n: tensor<8x4x4xf32>) -> tensor<?x4xf32> {
  %b = arith.constant dense<0.0> : tensor<8xf32>
  %i0, %w0 = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g0 = moe.group %i0 : tensor<?x2xi32> -> !groups
  %r0 = moe.dispatch %x by %g0 : tensor<?x4xf32>, !groups -> tensor<?x4xf32>
  %o0 = moe.expert %r0 by %g0 weights(%m) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y0 = moe.combine %o0 by %g0 weights %w0 acc f32 order slot : (tensor<?x4xf32>, !groups, tensor<?x2xf32>) -> tensor<?x4xf32>
  %i1, %w1 = moe.route %l score softmax bias %b select top_k(2) : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g1 = moe.group %i1 : tensor<?x2xi32> -> !groups
  %r1 = moe.dispatch %x by %g1 : tensor<?x4xf32>, !groups -> tensor<?x4xf32>
  %o1 = moe.expert %r1 by %g1 weights(%n) {
  ^bb0(%rows: tensor<?x4xf32>, %one: tensor<4x4xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    moe.yield %a : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !groups, tensor<8x4x4xf32>) -> tensor<?x4xf32>
  %y1 = moe.combine %o1 by %g1 weights %w1 init %y0 acc f32 order slot : (tensor<?x4xf32>, !groups, tensor<?x2xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y1 : tensor<?x4xf32>
}
