// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// Every clause, in pipeline order.
// CHECK-LABEL: func.func @every_clause
func.func @every_clause(%l: tensor<?x256xf32>, %b: tensor<256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  // CHECK: moe.route %{{.*}} score sigmoid bias %{{.*}} groups(8 keep 4 by top2_sum fill -inf) select top_k(8) normalize l1(eps 1.0e-20 add) scale 2.5
  // CHECK-SAME: : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %ids, %w = moe.route %l score sigmoid bias %b
      groups(8 keep 4 by top2_sum fill -inf) select top_k(8)
      normalize l1(eps 1.0e-20 add) scale 2.5
      : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return %ids, %w : tensor<?x8xi32>, tensor<?x8xf32>
}

// Absent clauses are the identity.
// CHECK-LABEL: func.func @no_clause
func.func @no_clause(%l: tensor<4x8xbf16>) -> (tensor<4x1xi32>, tensor<4x1xbf16>) {
  // CHECK: moe.route %{{.*}} select top_k(1) : tensor<4x8xbf16> -> tensor<4x1xi32>, tensor<4x1xbf16>
  %ids, %w = moe.route %l select top_k(1) : tensor<4x8xbf16> -> tensor<4x1xi32>, tensor<4x1xbf16>
  return %ids, %w : tensor<4x1xi32>, tensor<4x1xbf16>
}

// CHECK-LABEL: func.func @groups
func.func @groups(%l: tensor<?x8xf32>) {
  // CHECK: groups(4 keep 2 by max fill 0)
  %0, %1 = moe.route %l score softmax groups(4 keep 2 by max fill 0) select top_k(6) : tensor<?x8xf32> -> tensor<?x6xi32>, tensor<?x6xf32>
  // A sum over one expert is the maximum.
  // CHECK: groups(4 keep 2 by max fill -inf)
  %2, %3 = moe.route %l groups(4 keep 2 by top1_sum fill -inf) select top_k(4) : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return
}

// CHECK-LABEL: func.func @normalize
func.func @normalize(%l: tensor<?x8xf32>) {
  // CHECK: normalize softmax :
  %0, %1 = moe.route %l select top_k(2) normalize softmax : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: normalize sigmoid, l1(eps 0.125 max) :
  %2, %3 = moe.route %l select top_k(2) normalize sigmoid, l1(eps 0.125 max) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// Numbers keep every bit and are spelled so that the parser reads them.
// CHECK-LABEL: func.func @numbers
func.func @numbers(%l: tensor<?x8xf32>) {
  // CHECK: scale -2.8270000000000004 :
  %0, %1 = moe.route %l select top_k(2) scale -2.8270000000000004 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: scale 1.0e+300 :
  %2, %3 = moe.route %l select top_k(2) scale 1.0e300 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: scale 1.0 {note = "kept"} :
  %4, %5 = moe.route %l select top_k(2) scale 1.0 {note = "kept"} : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// A rounding of the scores before anything reads them, and the scores themselves.
// CHECK-LABEL: func.func @scores
func.func @scores(%l: tensor<?x8xf32>) -> (tensor<?x8xbf16>, tensor<?x8xf32>) {
  // CHECK: moe.route %{{.*}} score softmax as bf16 select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xbf16>
  %0, %1, %2 = moe.route %l score softmax as bf16 select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xbf16>
  // CHECK: -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xf32>
  %3, %4, %5 = moe.route %l score relu select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x8xf32>
  return %2, %5 : tensor<?x8xbf16>, tensor<?x8xf32>
}

// The clauses as ops of the group phase.
// CHECK-LABEL: func.func @group_phase
func.func @group_phase(%l: tensor<?x256xf32>, %b: tensor<256xf32>) -> tensor<?x8xf32> {
  // CHECK: moe.score sqrtsoftplus %{{.*}} : tensor<?x256xf32> -> tensor<?x256xbf16>
  %s = moe.score sqrtsoftplus %l : tensor<?x256xf32> -> tensor<?x256xbf16>
  // CHECK: moe.select %{{.*}} bias %{{.*}} groups(8 keep 4 by top2_sum fill -inf) top_k(8) : tensor<?x256xbf16>, tensor<256xf32> -> tensor<?x8xi32>
  %ids = moe.select %s bias %b groups(8 keep 4 by top2_sum fill -inf) top_k(8)
      : tensor<?x256xbf16>, tensor<256xf32> -> tensor<?x8xi32>
  // CHECK: moe.select %{{.*}} top_k(8) : tensor<?x256xbf16> -> tensor<?x8xi32>
  %plain = moe.select %s top_k(8) : tensor<?x256xbf16> -> tensor<?x8xi32>
  // CHECK: moe.weigh %{{.*}}, %{{.*}} normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x256xbf16>, tensor<?x8xi32> -> tensor<?x8xf32>
  %w = moe.weigh %s, %ids normalize l1(eps 1.0e-20 add) scale 2.5
      : tensor<?x256xbf16>, tensor<?x8xi32> -> tensor<?x8xf32>
  // CHECK: moe.weigh %{{.*}}, %{{.*}} : tensor<?x256xbf16>, tensor<?x8xi32> -> tensor<?x8xf32>
  %v = moe.weigh %s, %plain : tensor<?x256xbf16>, tensor<?x8xi32> -> tensor<?x8xf32>
  return %w : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @capacity
func.func @capacity(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  // CHECK: moe.capacity %{{.*}}, %{{.*}} cap 64 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %0, %1 = moe.capacity %ids, %w cap 64 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: cap 9223372036854775807 order rank_major overflow drop
  %2, %3 = moe.capacity %0, %1 cap 9223372036854775807 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  return %2, %3 : tensor<?x2xi32>, tensor<?x2xf32>
}

// The clauses as attributes, by which the generic form names them.
// CHECK-LABEL: func.func private @attributes
// CHECK-SAME: #moe.score<softmax>
// CHECK-SAME: #moe.group_limit<8 keep 4 by top2_sum fill -inf>
// CHECK-SAME: #moe.select<top_k(4)>
// CHECK-SAME: #moe.norm<l1(eps 1.0e-20 add)>
func.func private @attributes() attributes {list = [
    #moe.score<softmax>, #moe.group_limit<8 keep 4 by top2_sum fill -inf>,
    #moe.select<top_k(4)>, #moe.norm<l1(eps 1.0e-20 add)>]}

// Selections, with their operands where they are used.
// CHECK-LABEL: func.func @selections
func.func @selections(%l: tensor<?x8xf32>, %b: tensor<6xf32>, %t: tensor<32x2xi64>, %x: tensor<?xi32>, %e: tensor<?x2xi32>, %n: tensor<?x8xf32>, %u: tensor<?xf32>, %v: tensor<?xi1>, %a: tensor<8xf32>) {
  // CHECK: select top_p(0.9, 4) normalize l1 :
  %0, %1 = moe.route %l score softmax select top_p(0.9, 4) normalize l1 : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  // CHECK: select threshold(-0.5, 8) valid(%{{.*}}) : tensor<?x8xf32>, tensor<?xi1> ->
  %2, %3 = moe.route %l select threshold(-0.5, 8) valid(%v) : tensor<?x8xf32>, tensor<?xi1> -> tensor<?x8xi32>, tensor<?x8xf32>
  // CHECK: select all :
  %4, %5 = moe.route %l score softmax select all : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  // CHECK: select table(%{{.*}}[%{{.*}}]) scale 1.5 : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32> ->
  %6, %7 = moe.route %l score relu select table(%t[%x]) scale 1.5 : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: select extern(%{{.*}}) : tensor<?x8xf32>, tensor<?x2xi32> ->
  %8, %9 = moe.route %l select extern(%e) : tensor<?x8xf32>, tensor<?x2xi32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: bias %{{.*}} select top_k(2) always(2 joint) valid(%{{.*}}) normalize l1 expert_scale %{{.*}} : tensor<?x8xf32>, tensor<6xf32>, tensor<?xi1>, tensor<8xf32> ->
  %10, %11 = moe.route %l score sigmoid bias %b select top_k(2) always(2 joint) valid(%v) normalize l1 expert_scale %a
    : tensor<?x8xf32>, tensor<6xf32>, tensor<?xi1>, tensor<8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  // CHECK: select top_k(2) always(1 apart) :
  %12, %13 = moe.route %l select top_k(2) always(1 apart) : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  // CHECK: select top_k(3) noise gumbel(%{{.*}}) : tensor<?x8xf32>, tensor<?x8xf32> ->
  %14, %15 = moe.route %l select top_k(3) noise gumbel(%n) : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  // CHECK: select top_k(3) noise second_gumbel(%{{.*}}) :
  %16, %17 = moe.route %l select top_k(3) noise second_gumbel(%n) : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  // CHECK: select top_k(2) noise second_bernoulli(%{{.*}}) : tensor<?x8xf32>, tensor<?xf32> ->
  %18, %19 = moe.route %l select top_k(2) noise second_bernoulli(%u) : tensor<?x8xf32>, tensor<?xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: select expert_top_k(3) : tensor<?x8xf32> -> tensor<8x3xi32>, tensor<8x3xf32>
  %20, %21 = moe.route %l score softmax select expert_top_k(3) : tensor<?x8xf32> -> tensor<8x3xi32>, tensor<8x3xf32>
  // CHECK: select expert_top_k(ceil(T * 2 / 8) multiple_of 4) scale 2.0 :
  %22, %23 = moe.route %l select expert_top_k(ceil(T * 2 / 8) multiple_of 4) scale 2.0 : tensor<?x8xf32> -> tensor<8x?xi32>, tensor<8x?xf32>
  // CHECK: normalize masked_softmax(0.01), lp(2.0), lp(3.0, eps 0.125 max) :
  %24, %25 = moe.route %l select top_k(2) normalize masked_softmax(0.01), lp(2.0), lp(3.0, eps 0.125 max) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return
}

// The same as ops of the group phase.
// CHECK-LABEL: func.func @group_selections
func.func @group_selections(%s: tensor<?x8xf32>, %t: tensor<32x2xi64>, %x: tensor<?xi32>, %v: tensor<?xi1>, %a: tensor<8xf32>) {
  // CHECK: moe.select %{{.*}} table(%{{.*}}[%{{.*}}]) valid(%{{.*}}) : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32>, tensor<?xi1> -> tensor<?x2xi32>
  %i = moe.select %s table(%t[%x]) valid(%v) : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32>, tensor<?xi1> -> tensor<?x2xi32>
  // CHECK: moe.select %{{.*}} top_k(1) always(1) : tensor<?x8xf32> -> tensor<?x2xi32>
  %j = moe.select %s top_k(1) always(1) : tensor<?x8xf32> -> tensor<?x2xi32>
  // CHECK: moe.weigh %{{.*}}, %{{.*}} normalize l1 expert_scale %{{.*}} apart 1 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<8xf32> -> tensor<?x2xf32>
  %w = moe.weigh %s, %j normalize l1 expert_scale %a apart 1 : tensor<?x8xf32>, tensor<?x2xi32>, tensor<8xf32> -> tensor<?x2xf32>
  %k = moe.select %s expert_top_k(floor(T * 1 / 4)) : tensor<?x8xf32> -> tensor<8x?xi32>
  // CHECK: moe.weigh %{{.*}}, %{{.*}} by expert scale 2.0 : tensor<?x8xf32>, tensor<8x?xi32> -> tensor<8x?xf32>
  %u = moe.weigh %s, %k by expert scale 2.0 : tensor<?x8xf32>, tensor<8x?xi32> -> tensor<8x?xf32>
  return
}

// CHECK-LABEL: func.func @capacities
func.func @capacities(%ids: tensor<?x2xi32>, %w: tensor<?x2xf32>, %p: tensor<?xf32>, %q: tensor<?xi32>, %s: tensor<?x8xf32>) {
  // CHECK: cap ceil(T * 10 / 32) minimum 4 multiple_of 8 scope 16 order priority by %{{.*}} : tensor<?xf32> overflow drop renorm l1(eps 0.125 max) : tensor<?x2xi32>, tensor<?x2xf32>
  %0, %1 = moe.capacity %ids, %w cap ceil(T * 10 / 32) minimum 4 multiple_of 8 scope 16 order priority by %p : tensor<?xf32> overflow drop renorm l1(eps 0.125 max)
    : tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: cap nearest(T * 1 / 4) order token_major overflow recycle from %{{.*}} : tensor<?xi32> scores %{{.*}} : tensor<?x8xf32> : tensor<?x2xi32>, tensor<?x2xf32>
  %2, %3 = moe.capacity %ids, %w cap nearest(T * 1 / 4) order token_major overflow recycle from %q : tensor<?xi32> scores %s : tensor<?x8xf32>
    : tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: cap floor(T * 1 / 4) order weight overflow drop experts 8 :
  %4, %5 = moe.capacity %ids, %w cap floor(T * 1 / 4) order weight overflow drop experts 8 : tensor<?x2xi32>, tensor<?x2xf32>
  return
}
