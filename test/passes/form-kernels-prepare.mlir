// RUN: moe-test-opt %s -moe-form-kernels -mlir-print-local-scope -split-input-file -verify-diagnostics | FileCheck %s

// What depends on parameters alone is computed when they are bound, one expert
// at a time: gate and up are two tensors an expert, packed together.
// CHECK-LABEL: moe_exec.program @per_expert
// CHECK: moe_exec.param @gate_up_prepared : memref<8192xi8>
// CHECK: moe_exec.kernel @prepare_gate_up(%[[G:.*]]: tensor<14x8xf32>, %[[U:.*]]: tensor<14x8xf32>) -> !moe.packed<#moe_test.layout<columns = 16>, 14x8xf32, 14x8xf32> attributes {num_dims = 0 : i64
// CHECK-NEXT: %[[P:.*]] = moe.pack %[[G]], %[[U]] : tensor<14x8xf32>, tensor<14x8xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 14x8xf32, 14x8xf32>
// CHECK-NEXT: moe_exec.return %[[P]]
// CHECK: moe_exec.prepare @gate_up_prepared kernel @prepare_gate_up units 8
// CHECK-SAME: from [#moe.source<"l.{e}.gate" : 14x8xf32>, #moe.source<"l.{e}.up" : 14x8xf32>] : memref<8192xi8>
module attributes {moe.target = #moe_test.target<columns = 16>} {
  moe.param @gate : tensor<8x14x8xf32> from #moe.source<"l.{e}.gate" : 14x8xf32>
  moe.param @up : tensor<8x14x8xf32> from #moe.source<"l.{e}.up" : 14x8xf32>
  func.func @per_expert(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>) -> tensor<?x14xf32> {
    %a = moe.load_param @gate : tensor<8x14x8xf32>
    %b = moe.load_param @up : tensor<8x14x8xf32>
    %p = moe.pack %a, %b : tensor<8x14x8xf32>, tensor<8x14x8xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 8x14x8xf32, 8x14x8xf32>
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %h = moe.grouped_matmul lhs(%x gather) rhs(%p) by %g acc f32 {
    ^bb0(%s: f32, %t: f32):
      %m = arith.mulf %s, %t : f32
      moe.yield %m : f32
    } : (tensor<?x8xf32>, !moe.packed<#moe_test.layout<columns = 16>, 8x14x8xf32, 8x14x8xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x14xf32>
    %y = moe.combine %h by %g acc f32 order slot : (tensor<?x14xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x14xf32>
    return %y : tensor<?x14xf32>
  }
}

// -----

// Sources of one tensor of all experts, transposed and interleaved: a kernel
// reads them where they lie, by strides; an expert's slice drops the first.
// Dequantized and scaled by a constant on the way.
// CHECK-LABEL: moe_exec.program @fused
// CHECK: moe_exec.kernel @prepare_codes_scales(%[[C:.*]]: tensor<16x8xf8E4M3FN> {moe_exec.strides = array<i64: 2, 32>}, %[[S:.*]]: tensor<1x1xf32>) -> !moe.packed
// CHECK: %[[W:.*]] = moe.dequantize fp8_block %[[C]], %[[S]] block [16, 8] : tensor<16x8xf8E4M3FN>, tensor<1x1xf32> -> tensor<16x8xf32>
// CHECK: %[[K:.*]] = arith.constant dense<5.000000e-01> : tensor<16x8xf32>
// CHECK: %[[M:.*]] = arith.mulf %[[W]], %[[K]] : tensor<16x8xf32>
// CHECK: moe.pack %[[M]] : tensor<16x8xf32>
// CHECK: moe_exec.prepare @{{.*}} kernel @prepare_codes_scales units 4
// CHECK-SAME: from [#moe.source<"w" : 4x8x32xf8E4M3FN transpose [0, 2, 1] slice 1 from 1 step 2 size 16>, #moe.source<"s" : 4x1x1xf32>] : memref<2048xi8>
module attributes {moe.target = #moe_test.target<columns = 16>} {
  moe.param @codes : tensor<4x16x8xf8E4M3FN> from #moe.source<"w" : 4x8x32xf8E4M3FN transpose [0, 2, 1] slice 1 from 1 step 2 size 16>
  moe.param @scales : tensor<4x1x1xf32> from #moe.source<"s" : 4x1x1xf32>
  func.func @fused(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>) -> tensor<?x16xf32> {
    %c = moe.load_param @codes : tensor<4x16x8xf8E4M3FN>
    %s = moe.load_param @scales : tensor<4x1x1xf32>
    %w = moe.dequantize fp8_block %c, %s block [16, 8] : tensor<4x16x8xf8E4M3FN>, tensor<4x1x1xf32> -> tensor<4x16x8xf32>
    %half = arith.constant dense<0.5> : tensor<4x16x8xf32>
    %m = arith.mulf %w, %half : tensor<4x16x8xf32>
    %p = moe.pack %m : tensor<4x16x8xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 4x16x8xf32>
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 4, ragged>
    %h = moe.grouped_matmul lhs(%x gather) rhs(%p) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x8xf32>, !moe.packed<#moe_test.layout<columns = 16>, 4x16x8xf32>, !moe.groups<experts = 4, ragged>) -> tensor<?x16xf32>
    %y = moe.combine %h by %g acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 4, ragged>) -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
}

// -----

// A tensor an expert that is computed but not packed is prepared an expert at a
// time all the same; one that is stored whole, as a whole.
// CHECK-LABEL: moe_exec.program @unpacked
// CHECK: moe_exec.kernel @prepare_w(%{{.*}}: tensor<4x8xbf16>) -> tensor<4x8xf32>
// CHECK: moe_exec.prepare @w_prepared kernel @prepare_w units 2
// CHECK-SAME: memref<2x4x8xf32>
// CHECK: moe_exec.kernel @prepare_v(%{{.*}}: tensor<2x4x8xbf16>) -> tensor<2x4x8xf32>
// CHECK: moe_exec.prepare @v_prepared kernel @prepare_v units 1
module attributes {moe.target = #moe_test.target} {
  moe.param @w : tensor<2x4x8xbf16> from #moe.source<"w.{e}" : 4x8xbf16>
  moe.param @v : tensor<2x4x8xbf16> from #moe.source<"v" : 2x4x8xbf16>
  func.func @unpacked(%i: tensor<?x8xi32>) -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>) {
    %w = moe.load_param @w : tensor<2x4x8xbf16>
    %a = arith.extf %w : tensor<2x4x8xbf16> to tensor<2x4x8xf32>
    %v = moe.load_param @v : tensor<2x4x8xbf16>
    %b = arith.extf %v : tensor<2x4x8xbf16> to tensor<2x4x8xf32>
    return %a, %b : tensor<2x4x8xf32>, tensor<2x4x8xf32>
  }
}

// -----

// Without steps the only source is read as it lies; without a source it is the
// tensor of the parameter's name. One parameter is prepared once.
// CHECK-LABEL: moe_exec.program @as_it_lies
// CHECK-DAG: moe_exec.param @[[A:.*]] : memref<2x4xf32>
// CHECK-DAG: moe_exec.param @[[B:.*]] : memref<4xf32>
// CHECK-NOT: moe_exec.param
// CHECK: moe_exec.prepare @{{.*}} units 2 from [#moe.source<"a.{e}" : 4xf32>] : memref<2x4xf32>
// CHECK: moe_exec.prepare @{{.*}} units 1 from [#moe.source<"b" : 4xf32>] : memref<4xf32>
// CHECK-NOT: moe_exec.prepare
module attributes {moe.target = #moe_test.target} {
  moe.param @a : tensor<2x4xf32> from #moe.source<"a.{e}" : 4xf32>
  moe.param @b : tensor<4xf32>
  func.func @as_it_lies(%x: tensor<2x4xf32>, %z: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>) {
    %a = moe.load_param @a : tensor<2x4xf32>
    %0 = arith.addf %x, %a : tensor<2x4xf32>
    %1 = arith.mulf %x, %a : tensor<2x4xf32>
    %b = moe.load_param @b : tensor<4xf32>
    %2 = arith.addf %z, %b : tensor<4xf32>
    return %0, %1, %2 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>
  }
}

// -----

// One expert: a source of all experts is a source of one.
// CHECK-LABEL: moe_exec.program @one_expert
// CHECK: moe_exec.kernel @prepare_a_b(%{{.*}}: tensor<14x8xf32>, %{{.*}}: tensor<14x8xf32>)
// CHECK: moe_exec.prepare @a_b_prepared kernel @prepare_a_b units 1
module attributes {moe.target = #moe_test.target<columns = 16>} {
  moe.param @a : tensor<1x14x8xf32> from #moe.source<"a.{e}" : 14x8xf32>
  moe.param @b : tensor<1x14x8xf32> from #moe.source<"b" : 1x14x8xf32>
  func.func @one_expert(%x: tensor<?x8xf32>, %i: tensor<?x1xi32>) -> tensor<?x14xf32> {
    %a = moe.load_param @a : tensor<1x14x8xf32>
    %b = moe.load_param @b : tensor<1x14x8xf32>
    %p = moe.pack %a, %b : tensor<1x14x8xf32>, tensor<1x14x8xf32> -> !moe.packed<#moe_test.layout<columns = 16>, 1x14x8xf32, 1x14x8xf32>
    %g = moe.group %i : tensor<?x1xi32> -> !moe.groups<experts = 1, ragged>
    %h = moe.grouped_matmul lhs(%x gather) rhs(%p) by %g acc f32 {
    ^bb0(%s: f32, %t: f32):
      moe.yield %s : f32
    } : (tensor<?x8xf32>, !moe.packed<#moe_test.layout<columns = 16>, 1x14x8xf32, 1x14x8xf32>, !moe.groups<experts = 1, ragged>) -> tensor<?x14xf32>
    %y = moe.combine %h by %g acc f32 order slot : (tensor<?x14xf32>, !moe.groups<experts = 1, ragged>) -> tensor<?x14xf32>
    return %y : tensor<?x14xf32>
  }
}

// -----

// A chain that reads each value twice is walked once, not 2^64 times.
// CHECK-LABEL: moe_exec.program @doubling
// CHECK: moe_exec.prepare
module attributes {moe.target = #moe_test.target} {
  moe.param @w : tensor<4xf32>
  func.func @doubling(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = moe.load_param @w : tensor<4xf32>
    %1 = arith.addf %0, %0 : tensor<4xf32>
    %2 = arith.addf %1, %1 : tensor<4xf32>
    %3 = arith.addf %2, %2 : tensor<4xf32>
    %4 = arith.addf %3, %3 : tensor<4xf32>
    %5 = arith.addf %4, %4 : tensor<4xf32>
    %6 = arith.addf %5, %5 : tensor<4xf32>
    %7 = arith.addf %6, %6 : tensor<4xf32>
    %8 = arith.addf %7, %7 : tensor<4xf32>
    %9 = arith.addf %8, %8 : tensor<4xf32>
    %10 = arith.addf %9, %9 : tensor<4xf32>
    %11 = arith.addf %10, %10 : tensor<4xf32>
    %12 = arith.addf %11, %11 : tensor<4xf32>
    %13 = arith.addf %12, %12 : tensor<4xf32>
    %14 = arith.addf %13, %13 : tensor<4xf32>
    %15 = arith.addf %14, %14 : tensor<4xf32>
    %16 = arith.addf %15, %15 : tensor<4xf32>
    %17 = arith.addf %16, %16 : tensor<4xf32>
    %18 = arith.addf %17, %17 : tensor<4xf32>
    %19 = arith.addf %18, %18 : tensor<4xf32>
    %20 = arith.addf %19, %19 : tensor<4xf32>
    %21 = arith.addf %20, %20 : tensor<4xf32>
    %22 = arith.addf %21, %21 : tensor<4xf32>
    %23 = arith.addf %22, %22 : tensor<4xf32>
    %24 = arith.addf %23, %23 : tensor<4xf32>
    %25 = arith.addf %24, %24 : tensor<4xf32>
    %26 = arith.addf %25, %25 : tensor<4xf32>
    %27 = arith.addf %26, %26 : tensor<4xf32>
    %28 = arith.addf %27, %27 : tensor<4xf32>
    %29 = arith.addf %28, %28 : tensor<4xf32>
    %30 = arith.addf %29, %29 : tensor<4xf32>
    %31 = arith.addf %30, %30 : tensor<4xf32>
    %32 = arith.addf %31, %31 : tensor<4xf32>
    %33 = arith.addf %32, %32 : tensor<4xf32>
    %34 = arith.addf %33, %33 : tensor<4xf32>
    %35 = arith.addf %34, %34 : tensor<4xf32>
    %36 = arith.addf %35, %35 : tensor<4xf32>
    %y = arith.mulf %36, %x : tensor<4xf32>
    return %y : tensor<4xf32>
  }
}
