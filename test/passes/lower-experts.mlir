// RUN: moe-opt %s -moe-lower-experts -split-input-file -verify-diagnostics | FileCheck %s

// A linear on the expert's weight is a grouped matmul; other ops run over the
// rows of all experts.
// CHECK-LABEL: func.func @swiglu
// CHECK-SAME: (%[[R:.*]]: tensor<?x64xbf16>, %[[G:.*]]: !moe.groups<experts = 8, ragged>, %[[WG:.*]]: tensor<8x32x64xbf16>, %[[WU:.*]]: tensor<8x32x64xbf16>, %[[WD:.*]]: tensor<8x64x32xbf16>)
// CHECK-NOT: moe.expert
// CHECK: %[[A:.*]] = moe.grouped_matmul lhs(%[[R]]) rhs(%[[WG]]) by %[[G]] acc f32 {
// CHECK: } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, !moe.groups<experts = 8, ragged>) -> tensor<?x32xf32>
// CHECK: %[[U:.*]] = moe.grouped_matmul lhs(%[[R]]) rhs(%[[WU]]) by %[[G]] acc f32 {
// CHECK: %[[H:.*]] = moe.activate swiglu(%[[A]], %[[U]]) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xbf16>
// CHECK: %[[Y:.*]] = moe.grouped_matmul lhs(%[[H]]) rhs(%[[WD]]) by %[[G]] acc f32 {
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32):
// CHECK-NEXT: %[[T:.*]] = arith.truncf %[[S]] : f32 to bf16
// CHECK-NEXT: moe.yield %[[T]] : bf16
// CHECK: return %[[Y]]
func.func @swiglu(%rows: tensor<?x64xbf16>, %g: !moe.groups<experts = 8, ragged>,
                  %gate: tensor<8x32x64xbf16>, %up: tensor<8x32x64xbf16>, %down: tensor<8x64x32xbf16>) -> tensor<?x64xbf16> {
  %o = moe.expert %rows by %g weights(%gate, %up, %down) {
  ^bb0(%r: tensor<?x64xbf16>, %wg: tensor<32x64xbf16>, %wu: tensor<32x64xbf16>, %wd: tensor<64x32xbf16>):
    %a = moe.linear %r, %wg acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    %b = moe.linear %r, %wu acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    %h = moe.activate swiglu(%a, %b) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xbf16>
    %y = moe.linear %h, %wd acc f32 : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    moe.yield %y : tensor<?x64xbf16>
  } : (tensor<?x64xbf16>, !moe.groups<experts = 8, ragged>, tensor<8x32x64xbf16>, tensor<8x32x64xbf16>, tensor<8x64x32xbf16>) -> tensor<?x64xbf16>
  return %o : tensor<?x64xbf16>
}

// -----

// A bias of each expert is an operand of the epilogue; a weight of all experts
// (here a LoRA's) is a dense layer over all rows.
// CHECK-LABEL: func.func @bias_and_lora
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<4x4x4xf32>, %[[B:[a-z0-9]+]]: tensor<4x4xf32>, %[[LA:[a-z0-9]+]]: tensor<2x4xf32>, %[[LB:[a-z0-9]+]]: tensor<4x2xf32>)
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%[[W]]) by %{{.*}} operands(%[[B]] columns) acc f32 {
// CHECK: arith.addf
// CHECK: %[[U:.*]] = moe.grouped_matmul lhs(%{{.*}}) rhs(%[[LA]]) acc f32 {
// CHECK: moe.grouped_matmul lhs(%[[U]]) rhs(%[[LB]]) acc f32 {
// CHECK: arith.addf %{{.*}}, %{{.*}} : tensor<?x4xf32>
func.func @bias_and_lora(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, local = [0, 4], ragged>, %w: tensor<4x4x4xf32>, %b: tensor<4x4xf32>,
                         %la: tensor<2x4xf32>, %lb: tensor<4x2xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%w, %b) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>, %b0: tensor<4xf32>):
    %a = moe.linear %r, %w0 bias %b0 acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %u = moe.linear %r, %la acc f32 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
    %v = moe.linear %u, %lb acc f32 : (tensor<?x2xf32>, tensor<4x2xf32>) -> tensor<?x4xf32>
    %s = arith.addf %a, %v : tensor<?x4xf32>
    moe.yield %s : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 8, local = [0, 4], ragged>, tensor<4x4x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// -----

// Weights are dequantized for all experts, and computed with for all experts.
// CHECK-LABEL: func.func @weight_ops
// CHECK: %[[W:.*]] = moe.dequantize fp8_block %{{.*}}, %{{.*}} block [4, 4] : tensor<8x4x4xf8E4M3FN>, tensor<8x1x1xf32> -> tensor<8x4x4xf32>
// CHECK: %[[N:.*]] = arith.negf %[[W]] : tensor<8x4x4xf32>
// CHECK: moe.grouped_matmul lhs(%{{.*}}) rhs(%[[N]]) by
func.func @weight_ops(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 8, ragged>, %c: tensor<8x4x4xf8E4M3FN>, %s: tensor<8x1x1xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%c, %s) {
  ^bb0(%r: tensor<?x4xf32>, %c0: tensor<4x4xf8E4M3FN>, %s0: tensor<1x1xf32>):
    %w = moe.dequantize fp8_block %c0, %s0 block [4, 4] : tensor<4x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<4x4xf32>
    %n = arith.negf %w : tensor<4x4xf32>
    %y = moe.linear %r, %n acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 8, ragged>, tensor<8x4x4xf8E4M3FN>, tensor<8x1x1xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// -----

// A norm over features, where the number of rows is known: buffers take it.
// CHECK-LABEL: func.func @static_rows
// CHECK-SAME: (%[[X:.*]]: tensor<16x4xf32>
// CHECK: %[[E:.*]] = tensor.empty() : tensor<16xf32>
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[E]] : tensor<16xf32>) -> tensor<16xf32>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<16x4xf32>) outs(%[[Z]] : tensor<16xf32>)
// CHECK: %[[N:.*]] = math.rsqrt %[[S]] : tensor<16xf32>
// CHECK: %[[F:.*]] = tensor.empty() : tensor<16x4xf32>
// CHECK: %[[B:.*]] = linalg.broadcast ins(%[[N]] : tensor<16xf32>) outs(%[[F]] : tensor<16x4xf32>) dimensions = [1]
// CHECK: %[[P:.*]] = arith.mulf %[[B]], %[[X]] : tensor<16x4xf32>
// CHECK: return %[[P]]
func.func @static_rows(%x: tensor<16x4xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<16x4xf32> {
  %o = moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %z = arith.constant 0.0 : f32
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
        ins(%r : tensor<?x4xf32>) outs(%f : tensor<?xf32>) {
    ^bb0(%v: f32, %u: f32):
      %t = arith.addf %v, %u : f32
      linalg.yield %t : f32
    } -> tensor<?xf32>
    %q = math.rsqrt %s : tensor<?xf32>
    %e2 = tensor.empty(%n) : tensor<?x4xf32>
    %b = linalg.broadcast ins(%q : tensor<?xf32>) outs(%e2 : tensor<?x4xf32>) dimensions = [1]
    %p = arith.mulf %b, %r : tensor<?x4xf32>
    moe.yield %p : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<16x4xf32>
  return %o : tensor<16x4xf32>
}

// -----

// Rows and result may know their number differently.
// CHECK-LABEL: func.func @one_side_static
// CHECK-SAME: (%[[X:.*]]: tensor<16x4xf32>
// CHECK-NEXT: %[[C:.*]] = tensor.cast %[[X]] : tensor<16x4xf32> to tensor<?x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @one_side_static(%x: tensor<16x4xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// -----

func.func @mixed_bias(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%w) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>):
    // expected-error @below {{'moe.linear' op expects weight and bias to be both an expert's own or both shared by all experts}}
    %y = moe.linear %r, %w0 bias %b acc f32 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// -----

// An expert's own vector beside rows becomes one a row.
// CHECK-LABEL: func.func @mixed_rows
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[G:.*]]: !moe.groups<experts = 2, ragged>, %[[S:.*]]: tensor<2x4xf32>
// CHECK: %[[E:.*]] = moe.row_experts %[[G]] rows %{{.*}} : !moe.groups<experts = 2, ragged> -> tensor<?xi32>
// CHECK: %[[O:.*]] = linalg.generic {{.*}} ins(%[[E]] : tensor<?xi32>)
// CHECK: tensor.extract %[[S]][%{{.*}}, %{{.*}}] : tensor<2x4xf32>
// CHECK: %[[B:.*]] = linalg.generic {{.*}} ins(%[[O]] : tensor<?x4xf32>)
// CHECK: arith.mulf %[[X]], %[[B]] : tensor<?x4xf32>
func.func @mixed_rows(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %s: tensor<2x4xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%s) {
  ^bb0(%r: tensor<?x4xf32>, %s0: tensor<4xf32>):
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %e = tensor.empty(%n) : tensor<?x4xf32>
    %b = linalg.broadcast ins(%s0 : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
    %y = arith.mulf %r, %b : tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// -----

// One that a region reads has no form over all rows.
func.func @mixed_region(%x: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %s: tensor<2x4xf32>) -> tensor<?x4xf32> {
  %o = moe.expert %x by %g weights(%s) {
  ^bb0(%r: tensor<?x4xf32>, %s0: tensor<4xf32>):
    // expected-error @below {{'linalg.generic' op mixes an expert's own weights into rows in a way that cannot be lowered to the rows of all experts; expects them in moe.linear or as operands of a linalg op}}
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%r : tensor<?x4xf32>) {
    ^bb0(%v: f32):
      %i = linalg.index 1 : index
      %t = tensor.extract %s0[%i] : tensor<4xf32>
      %p = arith.mulf %v, %t : f32
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}
