// REQUIRES: cudasim
// RUN: rm -rf %t && mkdir %t && %python %S/executors.py %s %t | FileCheck %s

// Every clause of a router on CUDA kernels, over rows with ties, NaN, infinities
// and zeros of both signs: the ids that the CPU picks, its weights up to a few
// roundings.

// CHECK-COUNT-8: {{^[a-z_]+: same$}}

func.func @softmax(%l: tensor<?x37xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>, tensor<?x37xf32>) {
  %i, %w, %s = moe.route %l score softmax select top_k(5) normalize l1 : tensor<?x37xf32> -> tensor<?x5xi32>, tensor<?x5xf32>, tensor<?x37xf32>
  return %i, %w, %s : tensor<?x5xi32>, tensor<?x5xf32>, tensor<?x37xf32>
}
func.func @rounded(%l: tensor<?x40xbf16>) -> (tensor<?x2xi32>, tensor<?x2xbf16>) {
  %i, %w = moe.route %l score softmax as bf16 select top_k(2) : tensor<?x40xbf16> -> tensor<?x2xi32>, tensor<?x2xbf16>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xbf16>
}
func.func @groups(%l: tensor<?x256xf32>, %b: tensor<256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %i, %w = moe.route %l score sigmoid bias %b groups(8 keep 4 by top2_sum fill -inf) select top_k(8) normalize l1(eps 1.0e-20 add) scale 2.5
    : tensor<?x256xf32>, tensor<256xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return %i, %w : tensor<?x8xi32>, tensor<?x8xf32>
}
func.func @zero_fill(%l: tensor<?x24xf32>) -> (tensor<?x7xi32>, tensor<?x7xf32>) {
  %i, %w = moe.route %l score sigmoid groups(6 keep 1 by max fill 0) select top_k(7) normalize l1(eps 1.0e-3 max)
    : tensor<?x24xf32> -> tensor<?x7xi32>, tensor<?x7xf32>
  return %i, %w : tensor<?x7xi32>, tensor<?x7xf32>
}
func.func @after(%l: tensor<?x33xf32>) -> (tensor<?x33xi32>, tensor<?x33xf32>) {
  %i, %w = moe.route %l select top_k(33) normalize softmax : tensor<?x33xf32> -> tensor<?x33xi32>, tensor<?x33xf32>
  return %i, %w : tensor<?x33xi32>, tensor<?x33xf32>
}
func.func @plus(%l: tensor<?x64xf32>) -> (tensor<?x6xi32>, tensor<?x6xf32>) {
  %i, %w = moe.route %l score sqrtsoftplus select top_k(6) normalize l1 scale 1.5 : tensor<?x64xf32> -> tensor<?x6xi32>, tensor<?x6xf32>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf32>
}
func.func @relu(%l: tensor<?x9xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
  %i, %w = moe.route %l score relu select top_k(1) : tensor<?x9xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return %i, %w : tensor<?x1xi32>, tensor<?x1xf32>
}
func.func @sigmoids(%l: tensor<?x16xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %i, %w = moe.route %l select top_k(3) normalize sigmoid, l1 : tensor<?x16xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %i, %w : tensor<?x3xi32>, tensor<?x3xf32>
}
