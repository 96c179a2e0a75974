// RUN: moe-opt %s -pass-pipeline='builtin.module(func.func(moe-lower-mixtures))' -split-input-file -mlir-print-local-scope | FileCheck %s

// A slot of an expert is a sum over the tokens, however many, from zero.
// CHECK-LABEL: func.func @dispatch
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[D:.*]]: tensor<?x4x2xf32>) -> tensor<4x2x8xf32> {
// CHECK-NEXT: %[[E:.*]] = tensor.empty() : tensor<4x2x8xf32>
// CHECK-NEXT: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f32) outs(%[[E]] : tensor<4x2x8xf32>) -> tensor<4x2x8xf32>
// CHECK-NEXT: %[[S:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d3, d0, d1)>, affine_map<(d0, d1, d2, d3) -> (d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[D]], %[[X]] : tensor<?x4x2xf32>, tensor<?x8xf32>) outs(%[[Z]] : tensor<4x2x8xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : f32
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[SUM]], %[[P]] : f32
// CHECK-NEXT: linalg.yield %[[N]] : f32
// CHECK-NEXT: } -> tensor<4x2x8xf32>
// CHECK-NEXT: return %[[S]] : tensor<4x2x8xf32>
func.func @dispatch(%x: tensor<?x8xf32>, %d: tensor<?x4x2xf32>) -> tensor<4x2x8xf32> {
  %r = moe.soft_dispatch %x by %d : tensor<?x8xf32>, tensor<?x4x2xf32> -> tensor<4x2x8xf32>
  return %r : tensor<4x2x8xf32>
}

// -----

// bf16 is summed in f32 and rounded once, behind the sum.
// CHECK-LABEL: func.func @combine_bf16
// CHECK-SAME: (%[[R:.*]]: tensor<4x2x8xbf16>, %[[W:.*]]: tensor<?x4x2xf32>) -> tensor<?x8xbf16> {
// CHECK-NEXT: %[[DIM:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[T:.*]] = tensor.dim %[[W]], %[[DIM]] : tensor<?x4x2xf32>
// CHECK-NEXT: %[[E:.*]] = tensor.empty(%[[T]]) : tensor<?x8xf32>
// CHECK-NEXT: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f32) outs(%[[E]] : tensor<?x8xf32>)
// CHECK-NEXT: %[[S:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d2, d3, d1)>, affine_map<(d0, d1, d2, d3) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%[[W]], %[[R]] : tensor<?x4x2xf32>, tensor<4x2x8xbf16>) outs(%[[Z]] : tensor<?x8xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: bf16, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[X:.*]] = arith.extf %[[B]] : bf16 to f32
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[X]] : f32
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[SUM]], %[[P]] : f32
// CHECK-NEXT: linalg.yield %[[N]] : f32
// CHECK-NEXT: } -> tensor<?x8xf32>
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]} ins(%[[S]] : tensor<?x8xf32>) outs(%{{.*}} : tensor<?x8xbf16>) {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %{{.*}}: bf16):
// CHECK-NEXT: %[[U:.*]] = arith.truncf %[[V]] : f32 to bf16
// CHECK-NEXT: linalg.yield %[[U]] : bf16
// CHECK-NEXT: } -> tensor<?x8xbf16>
// CHECK-NEXT: return %[[Y]] : tensor<?x8xbf16>
func.func @combine_bf16(%r: tensor<4x2x8xbf16>, %c: tensor<?x4x2xf32>) -> tensor<?x8xbf16> {
  %y = moe.soft_combine %r by %c : tensor<4x2x8xbf16>, tensor<?x4x2xf32> -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// -----

// The operands may know what the result does not.
// CHECK-LABEL: func.func @combine_static
// CHECK-SAME: (%[[R:.*]]: tensor<4x2x8xf32>, %[[W:.*]]: tensor<16x4x2xf32>) -> tensor<?x8xf32> {
// CHECK-NEXT: %{{.*}} = tensor.empty() : tensor<16x8xf32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[R]] : tensor<16x4x2xf32>, tensor<4x2x8xf32>) outs(%{{.*}} : tensor<16x8xf32>) {
// CHECK: } -> tensor<16x8xf32>
// CHECK-NEXT: %[[C:.*]] = tensor.cast %[[S]] : tensor<16x8xf32> to tensor<?x8xf32>
// CHECK-NEXT: return %[[C]] : tensor<?x8xf32>
func.func @combine_static(%r: tensor<4x2x8xf32>, %c: tensor<16x4x2xf32>) -> tensor<?x8xf32> {
  %y = moe.soft_combine %r by %c : tensor<4x2x8xf32>, tensor<16x4x2xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A merge runs over the experts of matrices and of biases; f64 is not narrowed.
// CHECK-LABEL: func.func @merge
// CHECK-SAME: (%[[M:.*]]: tensor<8x6x4xf64>, %[[B:.*]]: tensor<8x4xf32>, %[[W:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: %[[DIM:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[T:.*]] = tensor.dim %[[W]], %[[DIM]] : tensor<?x8xf32>
// CHECK-NEXT: %[[E:.*]] = tensor.empty(%[[T]]) : tensor<?x6x4xf64>
// CHECK-NEXT: %[[C:.*]] = arith.constant 0.000000e+00 : f64
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f64) outs(%[[E]] : tensor<?x6x4xf64>)
// CHECK-NEXT: %[[S:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3)>, affine_map<(d0, d1, d2, d3) -> (d3, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[W]], %[[M]] : tensor<?x8xf32>, tensor<8x6x4xf64>) outs(%[[Z]] : tensor<?x6x4xf64>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[V:.*]]: f64, %[[SUM:.*]]: f64):
// CHECK-NEXT: %[[X:.*]] = arith.extf %[[A]] : f32 to f64
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[X]], %[[V]] : f64
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[SUM]], %[[P]] : f64
// CHECK-NEXT: linalg.yield %[[N]] : f64
// CHECK: %[[C:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[Z:.*]] = linalg.fill ins(%[[C]] : f32) outs(%{{.*}} : tensor<?x4xf32>)
// CHECK: %[[U:.*]] = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[W]], %[[B]] : tensor<?x8xf32>, tensor<8x4xf32>) outs(%[[Z]] : tensor<?x4xf32>) {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[V:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[V]] : f32
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[SUM]], %[[P]] : f32
// CHECK-NEXT: linalg.yield %[[N]] : f32
// CHECK: return %[[S]], %[[U]]
func.func @merge(%m: tensor<8x6x4xf64>, %b: tensor<8x4xf32>, %p: tensor<?x8xf32>) -> (tensor<?x6x4xf64>, tensor<?x4xf32>) {
  %w = moe.merge %m by %p : tensor<8x6x4xf64>, tensor<?x8xf32> -> tensor<?x6x4xf64>
  %v = moe.merge %b by %p : tensor<8x4xf32>, tensor<?x8xf32> -> tensor<?x4xf32>
  return %w, %v : tensor<?x6x4xf64>, tensor<?x4xf32>
}

// -----

// A layer that chooses has nothing to mix.
// CHECK-LABEL: func.func @sparse
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[I:.*]]: tensor<8x2xi32>)
// CHECK-NEXT: %[[G:.*]] = moe.group %[[I]]
// CHECK-NEXT: %[[R:.*]] = moe.dispatch %[[X]] by %[[G]]
// CHECK-NEXT: %[[Y:.*]] = moe.combine %[[R]] by %[[G]] acc f32 order slot
// CHECK-NEXT: return %[[Y]]
func.func @sparse(%x: tensor<8x4xf32>, %ids: tensor<8x2xi32>) -> tensor<8x4xf32> {
  %g = moe.group %ids : tensor<8x2xi32> -> !moe.groups<experts = 5, ragged>
  %r = moe.dispatch %x by %g : tensor<8x4xf32>, !moe.groups<experts = 5, ragged> -> tensor<16x4xf32>
  %y = moe.combine %r by %g acc f32 order slot : (tensor<16x4xf32>, !moe.groups<experts = 5, ragged>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
