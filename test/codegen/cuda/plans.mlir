// RUN: moe-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(moe-select-plan,moe-pack-weights,moe-schedule-tiles))' | FileCheck %s

// RUN: moe-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(moe-bucket-tokens,moe-select-plan))' | FileCheck %s --check-prefix=BUCKETS

// The main loop follows from types, alignment and architecture. No tiles are
// listed: blocks find theirs.

!g = !moe.groups<experts = 8, ragged>
module attributes {moe.target = #moe_cuda.target<name = "sm_90a">} {
  // CHECK-LABEL: func.func @full_precision
  // CHECK-SAME: chosen = "fma, tiles of 32x32, 3 stages of 16", reason = "full precision, which tensor cores do not have"
  // CHECK: moe.pack {{.*}} -> !moe.packed<#moe_cuda.rows<interleave = 8>, 8x32x64xf32>
  // CHECK-NOT: moe.tiles
  // CHECK: moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 32, tile_k = 16, stages = 3>
  func.func @full_precision(%x: tensor<?x64xf32>, %w: tensor<8x32x64xf32>, %g: !g) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xf32>, tensor<8x32x64xf32>, !g) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  // f32 rows by bf16 weights are not for tensor cores either.
  // CHECK-LABEL: func.func @mixed
  // CHECK: mainloop = fma
  func.func @mixed(%x: tensor<?x64xf32>, %w: tensor<8x32x64xbf16>, %g: !g) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xf32>, tensor<8x32x64xbf16>, !g) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  // CHECK-LABEL: func.func @aligned
  // CHECK: mainloop = sm90_wgmma
  func.func @aligned(%x: tensor<?x64xbf16>, %w: tensor<8x32x64xbf16>, %g: !g) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xbf16>, tensor<8x32x64xbf16>, !g) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  // Tiles that cover 192 columns have equal shares: two of 96, not of 128.
  // CHECK-LABEL: func.func @shares
  // CHECK: mainloop = sm90_wgmma, tile_m = 128, tile_n = 96,
  func.func @shares(%x: tensor<?x64xbf16>, %w: tensor<8x192x64xbf16>, %v: tensor<8x192x64xbf16>, %g: !g) -> tensor<?x192xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w, %v) by %g acc f32 {
    ^bb0(%a: f32, %b: f32):
      %c = arith.mulf %a, %b : f32
      moe.yield %c : f32
    } : (tensor<?x64xbf16>, tensor<8x192x64xbf16>, tensor<8x192x64xbf16>, !g) -> tensor<?x192xf32>
    return %y : tensor<?x192xf32>
  }
  // CHECK-LABEL: func.func @odd
  // CHECK-SAME: reason = "rows of the left side are no whole 16 bytes, as tensor copies want; large tiles use what they read often"
  // CHECK: mainloop = sm80_mma
  func.func @odd(%x: tensor<?x60xbf16>, %w: tensor<8x32x60xbf16>, %g: !g) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x60xbf16>, tensor<8x32x60xbf16>, !g) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

// Another plan of the reader's is kept.

module attributes {moe.target = #moe_cuda.target<name = "sm_86">} {
  // CHECK-LABEL: func.func @kept
  // CHECK: tile_m = 16
  func.func @kept(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm80_mma, tile_m = 16, tile_n = 64, tile_k = 64, stages = 2>}
      : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  // CHECK-LABEL: func.func @chosen
  // CHECK: mainloop = sm80_mma
  func.func @chosen(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>) -> tensor<?x32xf32> {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

// Where experts have few rows small tiles are best: a layer with a main loop of
// tensor cores has two forms, of one reduction class. (8 experts, 2 slots a
// token: up to 16 rows an expert up to 64 tokens.) And where tiles would be fewer
// than multiprocessors for all those tokens, they are smaller: here 8 * 4
// become 8 * 16, on 132. So it is for what has no experts, too.

!g = !moe.groups<experts = 8, ragged>
module attributes {moe.target = #moe_cuda.target<name = "sm_90a">} {
  // BUCKETS-LABEL: func.func @layer
  // BUCKETS: moe.by_tokens %{{.*}} [65]
  // BUCKETS: moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 32, tile_k = 64, stages = 6>
  // BUCKETS: moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>
  func.func @layer(%x: tensor<?x64xbf16> {moe.dims = ["T", "H"]}, %ids: tensor<?x2xi32> {moe.dims = ["T", "K"]}, %w: tensor<8x512x64xbf16>) -> tensor<?x512xf32> {
    %g = moe.group %ids : tensor<?x2xi32> -> !g
    %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xbf16>, tensor<8x512x64xbf16>, !g) -> tensor<?x512xf32>
    return %y : tensor<?x512xf32>
  }
  // BUCKETS-LABEL: func.func @routed
  // BUCKETS-SAME: chosen = "sm90_wgmma, tiles of 64x32, 6 stages of 64", reason = "rows and weights are bf16, on 16 bytes; up to 64 tokens there are so few tiles that each has a multiprocessor", runnerUp = "tiles of 128x256, which are fewer"
  // BUCKETS: moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 32, tile_k = 64, stages = 6>
  // BUCKETS: moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 128, tile_k = 64, stages = 6>
  // BUCKETS: moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 128, tile_n = 256, tile_k = 64, stages = 4>
  func.func @routed(%x: tensor<?x64xbf16> {moe.dims = ["T", "H"]}, %ids: tensor<?x2xi32> {moe.dims = ["T", "K"]}, %r: tensor<256x64xbf16>, %w: tensor<8x4096x64xbf16>) -> (tensor<?x256xf32>, tensor<?x4096xf32>) {
    %logits = moe.grouped_matmul lhs(%x) rhs(%r) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
    %g = moe.group %ids : tensor<?x2xi32> -> !g
    %y = moe.grouped_matmul lhs(%x gather) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x64xbf16>, tensor<8x4096x64xbf16>, !g) -> tensor<?x4096xf32>
    return %logits, %y : tensor<?x256xf32>, tensor<?x4096xf32>
  }
}
