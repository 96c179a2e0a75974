// RUN: moe-opt %s -moe-lower-linears -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @plain
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<32x64xf32>)
// CHECK-NEXT: %[[Y:.*]] = moe.grouped_matmul lhs(%[[X]]) rhs(%[[W]]) acc f32 {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32):
// CHECK-NEXT: moe.yield %[[A]] : f32
// CHECK-NEXT: } : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
// CHECK-NEXT: return %[[Y]]
func.func @plain(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>) -> tensor<?x32xf32> {
  %y = moe.linear %x, %w acc f32 : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// The bias is added in acc, and the sum is rounded once.
// CHECK-LABEL: func.func @bias
// CHECK: operands(%{{.*}} columns) acc f32 {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: bf16):
// CHECK-NEXT: %[[B32:.*]] = arith.extf %[[B]] : bf16 to f32
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[A]], %[[B32]] : f32
// CHECK-NEXT: %[[R:.*]] = arith.truncf %[[S]] : f32 to bf16
// CHECK-NEXT: moe.yield %[[R]] : bf16
func.func @bias(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>, %b: tensor<32xbf16>) -> tensor<?x32xbf16> {
  %y = moe.linear %x, %w bias %b acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>, tensor<32xbf16>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// f16 and bf16 have one width, and neither holds the other.
// CHECK-LABEL: func.func @half_floats
// CHECK: ^bb0(%[[A:.*]]: f64, %[[B:.*]]: f16):
// CHECK-NEXT: arith.extf %[[B]] : f16 to f64
// CHECK: arith.truncf %{{.*}} : f64 to bf16
func.func @half_floats(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %b: tensor<32xf16>) -> tensor<?x32xbf16> {
  %y = moe.linear %x, %w bias %b acc f64 : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<32xf16>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Those of an expert are moe-lower-experts' work.
// CHECK-LABEL: func.func @inside_expert
// CHECK: moe.expert
// CHECK: moe.linear
func.func @inside_expert(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    %y = moe.linear %r, %w0 acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
