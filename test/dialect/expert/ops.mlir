// RUN: moe-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @swiglu
func.func @swiglu(%rows: tensor<?x64xbf16>, %g: !moe.groups<experts = 8, ragged>,
                  %gate: tensor<8x32x64xbf16>, %up: tensor<8x32x64xbf16>, %down: tensor<8x64x32xbf16>) -> tensor<?x64xbf16> {
  // CHECK: moe.expert %{{.*}} by %{{.*}} weights(%{{.*}}, %{{.*}}, %{{.*}}) {
  // CHECK-NEXT: ^bb0(%[[R:.*]]: tensor<?x64xbf16>, %[[G:.*]]: tensor<32x64xbf16>, %[[U:.*]]: tensor<32x64xbf16>, %[[D:.*]]: tensor<64x32xbf16>):
  // CHECK-NEXT: %[[A:.*]] = moe.linear %[[R]], %[[G]] acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  // CHECK-NEXT: %[[B:.*]] = moe.linear %[[R]], %[[U]] acc f32
  // CHECK-NEXT: %[[H:.*]] = moe.activate swiglu(%[[A]], %[[B]]) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xbf16>
  // CHECK-NEXT: %[[Y:.*]] = moe.linear %[[H]], %[[D]] acc f32 : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
  // CHECK-NEXT: moe.yield %[[Y]] : tensor<?x64xbf16>
  // CHECK-NEXT: } : (tensor<?x64xbf16>, !moe.groups<experts = 8, ragged>, tensor<8x32x64xbf16>, tensor<8x32x64xbf16>, tensor<8x64x32xbf16>) -> tensor<?x64xbf16>
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

// A body without weights, over the local experts of a static number of rows.
// CHECK-LABEL: func.func @identity
func.func @identity(%rows: tensor<16x4xf32>, %g: !moe.groups<experts = 8, local = [2, 4], ragged>) -> tensor<?x4xf32> {
  // CHECK: moe.expert %{{.*}} by %{{.*}} {
  %o = moe.expert %rows by %g {
  ^bb0(%r: tensor<?x4xf32>):
    moe.yield %r : tensor<?x4xf32>
  } : (tensor<16x4xf32>, !moe.groups<experts = 8, local = [2, 4], ragged>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// What a body may hold: LoRA (two linears and an add), a norm over features,
// a broadcast, captured weights and constants, per-expert biases, a branch that
// does not depend on rows.
// CHECK-LABEL: func.func @rich_body
func.func @rich_body(%rows: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>, %w: tensor<2x4x4xf32>, %bias: tensor<2x4xf32>,
                     %la: tensor<2x4xf32>, %lb: tensor<4x2xf32>, %scale: tensor<4xf32>, %c: i1) -> tensor<?x4xf32> {
  %o = moe.expert %rows by %g weights(%w, %bias) {
  ^bb0(%r: tensor<?x4xf32>, %w0: tensor<4x4xf32>, %b0: tensor<4xf32>):
    // CHECK: moe.linear %{{.*}}, %{{.*}} bias %{{.*}} acc f64 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %a = moe.linear %r, %w0 bias %b0 acc f64 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %u = moe.linear %r, %la acc f32 : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
    %v = moe.linear %u, %lb acc f32 : (tensor<?x2xf32>, tensor<4x2xf32>) -> tensor<?x4xf32>
    %s = arith.addf %a, %v : tensor<?x4xf32>
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r, %c0 : tensor<?x4xf32>
    %zero = arith.constant 0.0 : f32
    %e1 = tensor.empty(%n) : tensor<?xf32>
    %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?xf32>) -> tensor<?xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
                           iterator_types = ["parallel", "reduction"]} ins(%s : tensor<?x4xf32>) outs(%z1 : tensor<?xf32>) {
    ^bb0(%x: f32, %acc: f32):
      %sq = arith.mulf %x, %x : f32
      %t = arith.addf %acc, %sq : f32
      linalg.yield %t : f32
    } -> tensor<?xf32>
    %norm = math.rsqrt %sum : tensor<?xf32>
    %e2 = tensor.empty(%n) : tensor<?x4xf32>
    %wide = linalg.broadcast ins(%norm : tensor<?xf32>) outs(%e2 : tensor<?x4xf32>) dimensions = [1]
    %chosen = scf.if %c -> tensor<4xf32> {
      scf.yield %scale : tensor<4xf32>
    } else {
      %two = arith.addf %scale, %scale : tensor<4xf32>
      scf.yield %two : tensor<4xf32>
    }
    %columns = linalg.broadcast ins(%chosen : tensor<4xf32>) outs(%e2 : tensor<?x4xf32>) dimensions = [0]
    %p = arith.mulf %s, %wide : tensor<?x4xf32>
    %q = arith.mulf %p, %columns : tensor<?x4xf32>
    moe.yield %q : tensor<?x4xf32>
  } : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>, tensor<2x4x4xf32>, tensor<2x4xf32>) -> tensor<?x4xf32>
  return %o : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @activations
func.func @activations(%x: tensor<?x4xf32>, %u: tensor<?x4xf32>) {
  // CHECK: moe.activate identity(%{{.*}}) : (tensor<?x4xf32>) -> tensor<?x4xbf16>
  %0 = moe.activate identity(%x) : (tensor<?x4xf32>) -> tensor<?x4xbf16>
  // CHECK: moe.activate relu2(%{{.*}})
  %1 = moe.activate relu2(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.activate clamp_glu(%{{.*}}, %{{.*}}) {alpha = 1.702000e+00 : f64, beta = 1.000000e+00 : f64, limit = 7.000000e+00 : f64}
  %2 = moe.activate clamp_glu(%x, %u) {alpha = 1.702, beta = 1.0, limit = 7.0} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func.func private @attributes
// CHECK-SAME: [#moe.activation<geglu>, #moe.quant_format<mxfp4>]
func.func private @attributes() attributes {list = [#moe.activation<geglu>, #moe.quant_format<mxfp4>]}

// CHECK-LABEL: func.func @dequantize
func.func @dequantize(%c: tensor<8x192x256xf8E4M3FN>, %s: tensor<8x2x2xf32>, %d: tensor<130x100xf8E4M3FN>, %t: tensor<2x1xbf16>,
                      %m: tensor<8x16x2x16xi8>, %e: tensor<8x16x2xi8>) {
  // CHECK: moe.dequantize fp8_block %{{.*}}, %{{.*}} block [128, 128] : tensor<8x192x256xf8E4M3FN>, tensor<8x2x2xf32> -> tensor<8x192x256xf32>
  %0 = moe.dequantize fp8_block %c, %s block [128, 128] : tensor<8x192x256xf8E4M3FN>, tensor<8x2x2xf32> -> tensor<8x192x256xf32>
  // Blocks are cut at the end, of a dense matrix too.
  // CHECK: moe.dequantize fp8_block
  %1 = moe.dequantize fp8_block %d, %t block [128, 128] : tensor<130x100xf8E4M3FN>, tensor<2x1xbf16> -> tensor<130x100xbf16>
  // CHECK: moe.dequantize mxfp4 %{{.*}}, %{{.*}} : tensor<8x16x2x16xi8>, tensor<8x16x2xi8> -> tensor<8x16x64xbf16>
  %2 = moe.dequantize mxfp4 %m, %e : tensor<8x16x2x16xi8>, tensor<8x16x2xi8> -> tensor<8x16x64xbf16>
  return
}

// CHECK-LABEL: func.func @dequantize_more
func.func @dequantize_more(%c: tensor<4x9x3xi32>, %s: tensor<4x9x2xf16>, %z: tensor<4x2x2xi32>, %g: tensor<4x17xi32>,
                           %a: tensor<2x17xi32>, %as: tensor<9x2xf16>, %az: tensor<2x2xi32>,
                           %n: tensor<9x16xi8>, %ns: tensor<9x2xf8E4M3FN>, %ng: tensor<1x1xf32>) {
  // CHECK: moe.dequantize gptq_int4 %{{.*}}, %{{.*}}, %{{.*}} block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16>, tensor<4x2x2xi32> -> tensor<4x9x17xbf16>
  %0 = moe.dequantize gptq_int4 %c, %s, %z block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16>, tensor<4x2x2xi32> -> tensor<4x9x17xbf16>
  // CHECK: moe.dequantize gptq_v2_int4 %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16>, tensor<4x2x2xi32>, tensor<4x17xi32> -> tensor<4x9x17xbf16>
  %1 = moe.dequantize gptq_v2_int4 %c, %s, %z, %g block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16>, tensor<4x2x2xi32>, tensor<4x17xi32> -> tensor<4x9x17xbf16>
  // CHECK: moe.dequantize packed_int4 %{{.*}}, %{{.*}} block [1, 9]
  %2 = moe.dequantize packed_int4 %c, %s block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16> -> tensor<4x9x17xbf16>
  // CHECK: moe.dequantize packed_int4_zeros
  %3 = moe.dequantize packed_int4_zeros %c, %s, %z block [1, 9] : tensor<4x9x3xi32>, tensor<4x9x2xf16>, tensor<4x2x2xi32> -> tensor<4x9x17xbf16>
  // CHECK: moe.dequantize awq_int4
  %4 = moe.dequantize awq_int4 %a, %as, %az block [1, 9] : tensor<2x17xi32>, tensor<9x2xf16>, tensor<2x2xi32> -> tensor<9x17xf32>
  // CHECK: moe.dequantize int8 %{{.*}}, %{{.*}} block [1, 16] : tensor<9x16xi8>, tensor<9x1xf32> -> tensor<9x16xf32>
  %t = tensor.empty() : tensor<9x1xf32>
  %5 = moe.dequantize int8 %n, %t block [1, 16] : tensor<9x16xi8>, tensor<9x1xf32> -> tensor<9x16xf32>
  // CHECK: moe.dequantize nvfp4 %{{.*}}, %{{.*}}, %{{.*}} : tensor<9x16xi8>, tensor<9x2xf8E4M3FN>, tensor<1x1xf32> -> tensor<9x32xf32>
  %6 = moe.dequantize nvfp4 %n, %ns, %ng : tensor<9x16xi8>, tensor<9x2xf8E4M3FN>, tensor<1x1xf32> -> tensor<9x32xf32>
  // CHECK: moe.dequantize nvfp4_divisor
  %7 = moe.dequantize nvfp4_divisor %n, %ns, %ng : tensor<9x16xi8>, tensor<9x2xf8E4M3FN>, tensor<1x1xf32> -> tensor<9x32xf32>
  return
}

// Outside experts a linear is a dense layer, of operands of any float types.
// CHECK-LABEL: func.func @dense
func.func @dense(%x: tensor<?x64xf32>, %w: tensor<8x64xbf16>) -> tensor<?x8xf32> {
  // CHECK: moe.linear %{{.*}}, %{{.*}} acc f32 {note = "router"} : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
  %l = moe.linear %x, %w acc f32 {note = "router"} : (tensor<?x64xf32>, tensor<8x64xbf16>) -> tensor<?x8xf32>
  return %l : tensor<?x8xf32>
}
