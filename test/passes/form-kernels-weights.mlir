// RUN: moe-opt %s -moe-form-kernels -split-input-file | FileCheck %s

// A matmul that packs takes the ops that its weights are made of into its
// kernel: no tensor of all of them is written.
// CHECK-LABEL: moe_exec.program @packs
// CHECK-NOT: moe_exec.slice
// CHECK: moe_exec.launch @matmul2_32x64_f32_avx2 {{.*}} args(%arg2, %arg3, %arg4, %arg1, %arg5)
// CHECK: moe_exec.kernel @matmul2_32x64_f32_avx2(%[[W:[a-z0-9]+]]: tensor<2x64x32xf32>, %[[C:[a-z0-9]+]]: tensor<32x64xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<2x4xf32>, %[[X:[a-z0-9]+]]: tensor<?x64xf32>)
// CHECK: %[[A:.*]] = tensor.extract_slice %[[W]]
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[A]]
// CHECK: %[[D:.*]] = moe.dequantize fp8_block %[[C]], %[[S]]
// CHECK: moe.grouped_matmul lhs(%[[X]]) rhs(%[[T]], %[[D]])
module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  func.func @packs(%x: tensor<?x64xf32> {moe.name = "x", moe.dims = ["T", "H"]}, %w: tensor<2x64x32xf32> {moe.name = "w"},
                   %c: tensor<32x64xf8E4M3FN> {moe.name = "c"}, %s: tensor<2x4xf32> {moe.name = "s"})
      -> (tensor<?x32xf32> {moe.name = "y"}) {
    %a = tensor.extract_slice %w[1, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<2x64x32xf32> to tensor<64x32xf32>
    %e = tensor.empty() : tensor<32x64xf32>
    %t = linalg.transpose ins(%a : tensor<64x32xf32>) outs(%e : tensor<32x64xf32>) permutation = [1, 0]
    %d = moe.dequantize fp8_block %c, %s block [16, 16] : tensor<32x64xf8E4M3FN>, tensor<2x4xf32> -> tensor<32x64xf32>
    %y = moe.grouped_matmul lhs(%x) rhs(%t, %d) acc f32 {
    ^bb0(%g: f32, %u: f32):
      %p = arith.mulf %g, %u : f32
      moe.yield %p : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 8, tile_rows = 48, panels_per_task = 4, pack_depth = 256>}
      : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

// Ops that others read too stay apart, as do those of rows.
// CHECK-LABEL: moe_exec.program @shared
// CHECK: moe_exec.launch @transpose
// CHECK: moe_exec.launch @exp
// CHECK: moe_exec.launch @matmul_32x64_f32_avx2 {{.*}} args(
// CHECK: moe_exec.launch @matmul_32x64_f32_avx2_0 {{.*}} args(
// CHECK: moe_exec.kernel @matmul_32x64_f32_avx2(%[[X:[a-z0-9]+]]: tensor<?x64xf32>, %[[W:[a-z0-9]+]]: tensor<32x64xf32>)
// CHECK: moe.grouped_matmul lhs(%[[X]]) rhs(%[[W]])
module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  func.func @shared(%x: tensor<?x64xf32> {moe.dims = ["T", "H"]}, %w: tensor<64x32xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>) {
    %e = tensor.empty() : tensor<32x64xf32>
    %t = linalg.transpose ins(%w : tensor<64x32xf32>) outs(%e : tensor<32x64xf32>) permutation = [1, 0]
    %h = math.exp %x : tensor<?x64xf32>
    %y = moe.grouped_matmul lhs(%h) rhs(%t) acc f32 {
    ^bb0(%g: f32):
      moe.yield %g : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 4, pack_depth = 256>}
      : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    %z = moe.grouped_matmul lhs(%x) rhs(%t) acc f32 {
    ^bb0(%g: f32):
      moe.yield %g : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 4, pack_depth = 256>}
      : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    return %y, %z : tensor<?x32xf32>, tensor<?x32xf32>
  }
}

// -----

// Weights that are computed of data are computed once, and not for each tile of
// rows: only what gives them other places goes along.
// CHECK-LABEL: moe_exec.program @computed
// CHECK: moe_exec.launch @generic_avx2
// CHECK: moe_exec.launch @matmul_32x64_f32_avx2
// CHECK: moe_exec.kernel @generic_avx2
// CHECK: math.exp
// CHECK: moe_exec.kernel @matmul_32x64_f32_avx2
// CHECK-NOT: math.exp
// CHECK: linalg.transpose
// CHECK: moe.grouped_matmul
#id = affine_map<(d0, d1) -> (d0, d1)>
module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  func.func @computed(%x: tensor<?x64xf32> {moe.dims = ["T", "H"]}, %w: tensor<64x32xf32>) -> tensor<?x32xf32> {
    %d = tensor.empty() : tensor<64x32xf32>
    %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<64x32xf32>) outs(%d : tensor<64x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %r = math.exp %in : f32
      linalg.yield %r : f32
    } -> tensor<64x32xf32>
    %e = tensor.empty() : tensor<32x64xf32>
    %t = linalg.transpose ins(%v : tensor<64x32xf32>) outs(%e : tensor<32x64xf32>) permutation = [1, 0]
    %y = moe.grouped_matmul lhs(%x) rhs(%t) acc f32 {
    ^bb0(%g: f32):
      moe.yield %g : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 4, pack_depth = 256>}
      : (tensor<?x64xf32>, tensor<32x64xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}
