// RUN: moe-opt %s --moe-lower-kernels --split-input-file | FileCheck %s

// Kernels stay; beside them is a module of leaf functions.

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // CHECK-LABEL: moe_exec.kernel @relu
  // CHECK: moe.activate relu
  moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
}
// CHECK: module @kernels {
// CHECK: func.func @relu(%[[ARGS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %{{.*}}: i32, %{{.*}}: !llvm.ptr) attributes {moe.kernel}
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK: scf.for
// CHECK: llvm.load {{.*}} : !llvm.ptr -> f32
// CHECK: arith.maximumf
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr

// -----

// Two matmuls of one weight type share their tile functions; the epilogue runs
// on vectors; scratch is written on the kernel.

!w = !moe.packed<#moe_cpu.panels<columns = 16>, 64x32xbf16>
module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // CHECK-LABEL: moe_exec.kernel @first
  // CHECK-SAME: scratch = 1280
  moe_exec.kernel @first(%x: tensor<?x32xf32>, %w: !w) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      %two = arith.constant 2.0 : f32
      %b = arith.mulf %a, %two : f32
      moe.yield %b : f32
    } {moe.plan = #moe_cpu.matmul<rows = 2, columns = 16, tile_rows = 5, panels_per_task = 2, streams = 2>}
      : (tensor<?x32xf32>, !w) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
  moe_exec.kernel @second(%x: tensor<?x32xf32>, %w: !w) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 2, columns = 16, tile_rows = 4, panels_per_task = 1, streams = 2>}
      : (tensor<?x32xf32>, !w) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
}
// CHECK: module @kernels {
// CHECK: func.func @first(
// CHECK: scf.index_switch
// CHECK: call @tile_fma_bf16_1x2x8_s2_p0
// CHECK: call @tile_fma_bf16_2x2x8_s1_p0
// CHECK: arith.mulf {{.*}} : vector<8xf32>
// CHECK: func.func private @tile_fma_bf16_1x2x8_s2_p0({{.*}}) attributes {passthrough = ["noinline", "norecurse", "moe-as-written"]}
// CHECK-COUNT-4: vector.fma
// CHECK: func.func private @tile_fma_bf16_2x2x8_s1_p0
// CHECK: func.func @second(
// CHECK-NOT: func.func private
