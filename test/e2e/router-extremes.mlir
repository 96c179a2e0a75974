// REQUIRES: cudasim
// RUN: rm -rf %t && mkdir %t && %python %S/executors.py %s %t reference | FileCheck %s --implicit-check-not=differs

// Every selection on every executor, over rows with ties, NaN, infinities, zeros
// of both signs and nothing that can be picked: the same ids, and weights that
// are NaN where, and only where, a token is broken.

// CHECK-COUNT-16: {{^[a-z0-9_]+: same$}}

func.func @prefix(%l: tensor<?x37xf32>) -> (tensor<?x9xi32>, tensor<?x9xf32>) {
  %i, %w = moe.route %l score softmax select top_p(0.61, 9) normalize l1 : tensor<?x37xf32> -> tensor<?x9xi32>, tensor<?x9xf32>
  return %i, %w : tensor<?x9xi32>, tensor<?x9xf32>
}
func.func @above(%l: tensor<?x37xf32>) -> (tensor<?x37xi32>, tensor<?x37xf32>) {
  %i, %w = moe.route %l select threshold(1.0, 37) : tensor<?x37xf32> -> tensor<?x37xi32>, tensor<?x37xf32>
  return %i, %w : tensor<?x37xi32>, tensor<?x37xf32>
}
func.func @positive(%l: tensor<?x12xf32>) -> (tensor<?x12xi32>, tensor<?x12xf32>) {
  %i, %w = moe.route %l score relu select threshold(0.0, 12) : tensor<?x12xf32> -> tensor<?x12xi32>, tensor<?x12xf32>
  return %i, %w : tensor<?x12xi32>, tensor<?x12xf32>
}
func.func @all(%l: tensor<?x33xbf16>) -> (tensor<?x33xi32>, tensor<?x33xf32>) {
  %i, %w = moe.route %l score sigmoid select all : tensor<?x33xbf16> -> tensor<?x33xi32>, tensor<?x33xf32>
  return %i, %w : tensor<?x33xi32>, tensor<?x33xf32>
}
func.func @always(%l: tensor<?x35xf32>, %b: tensor<32xf32>) -> (tensor<?x11xi32>, tensor<?x11xf32>) {
  %i, %w = moe.route %l score sigmoid bias %b groups(8 keep 4 by max fill -inf) select top_k(8) always(3 joint) normalize l1 scale 2.5
    : tensor<?x35xf32>, tensor<32xf32> -> tensor<?x11xi32>, tensor<?x11xf32>
  return %i, %w : tensor<?x11xi32>, tensor<?x11xf32>
}
func.func @apart(%l: tensor<?x9xf32>) -> (tensor<?x6xi32>, tensor<?x6xf16>) {
  %i, %w = moe.route %l score sigmoid select top_k(4) always(2 apart) normalize l1(eps 1.0e-3 max) scale 2.5
    : tensor<?x9xf32> -> tensor<?x6xi32>, tensor<?x6xf16>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf16>
}
func.func @gumbel(%l: tensor<?x40xf32>, %n: tensor<?x40xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>) {
  %i, %w = moe.route %l groups(8 keep 3 by top2_sum fill 0) select top_k(5) noise gumbel(%n) normalize softmax
    : tensor<?x40xf32>, tensor<?x40xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  return %i, %w : tensor<?x5xi32>, tensor<?x5xf32>
}
func.func @second_gumbel(%l: tensor<?x33xf32>, %n: tensor<?x33xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l select top_k(4) noise second_gumbel(%n) normalize softmax
    : tensor<?x33xf32>, tensor<?x33xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @second_bernoulli(%l: tensor<?x9xf32>, %u: tensor<?xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l select top_k(2) noise second_bernoulli(%u) normalize sigmoid
    : tensor<?x9xf32>, tensor<?xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}
func.func @mixer(%l: tensor<?x33xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l select top_k(2) normalize masked_softmax(0.3) : tensor<?x33xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}
func.func @norms(%l: tensor<?x16xf32>, %a: tensor<16xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l select top_k(4) normalize sigmoid, lp(2.0), lp(0.75, eps 1.0e-2 add) expert_scale %a
    : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @table(%l: tensor<?x8xf32>, %t: tensor<8x5xi64>, %x: tensor<?xi32>, %v: tensor<?xi1>) -> (tensor<?x5xi32>, tensor<?x5xf32>) {
  %i, %w = moe.route %l score sqrtsoftplus select table(%t[%x]) valid(%v) normalize l1(eps 1.0e-20 add)
    : tensor<?x8xf32>, tensor<8x5xi64>, tensor<?xi32>, tensor<?xi1> -> tensor<?x5xi32>, tensor<?x5xf32>
  return %i, %w : tensor<?x5xi32>, tensor<?x5xf32>
}
func.func @given(%l: tensor<?x8xf32>, %e: tensor<?x4xi32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score softmax select extern(%e) : tensor<?x8xf32>, tensor<?x4xi32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @tokens(%l: tensor<?x7xf32>, %a: tensor<7xf32>) -> (tensor<7x25xi32>, tensor<7x25xf32>) {
  %i, %w = moe.route %l select expert_top_k(25) expert_scale %a : tensor<?x7xf32>, tensor<7xf32> -> tensor<7x25xi32>, tensor<7x25xf32>
  return %i, %w : tensor<7x25xi32>, tensor<7x25xf32>
}
func.func @by_weight(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l select top_k(3) : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  %i2, %w2 = moe.capacity %i, %w cap ceil(T * 1 / 2) multiple_of 2 scope 6 order weight overflow drop renorm lp(3.0)
    : tensor<?x3xi32>, tensor<?x3xf32>
  %g = moe.group %i2 : tensor<?x3xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x3xi32>, tensor<?x3xf32>, tensor<9xi32>
}
func.func @by_priority(%l: tensor<?x8xf32>, %p: tensor<?xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.capacity %i, %w cap 2 order priority by %p : tensor<?xf32> overflow drop renorm l1
    : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}
