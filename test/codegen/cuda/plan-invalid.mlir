// RUN: moe-opt %s --split-input-file --verify-diagnostics

// What a plan says of its op.

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  func.func @f(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
    // expected-error @below {{#moe_cuda.matmul is no plan for moe.activate}}
    %y = moe.activate relu(%x) {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 64, tile_k = 16, stages = 2>}
      : (tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  func.func @f(%x: tensor<?x32xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 64x32xf32>) -> tensor<?x64xf32> {
    // expected-error @below {{weights are packed as #moe_cpu.panels<columns = 16>, the plan reads #moe_cuda.rows<interleave = 8>}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 64, tile_k = 16, stages = 2>}
      : (tensor<?x32xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 64x32xf32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  func.func @f(%x: tensor<?x32xf32>, %w: tensor<64x32xf32>) -> tensor<?x64xf32> {
    // expected-error @below {{sm80_mma takes bf16 rows and weights; use mainloop = fma}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm80_mma, tile_m = 64, tile_n = 64, tile_k = 64, stages = 2>}
      : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_90a">} {
  func.func @f(%x: tensor<?x33xbf16>, %w: tensor<64x33xbf16>) -> tensor<?x64xf32> {
    // expected-error @below {{sm90_wgmma takes rows of whole 16 bytes, got 33 elements; use mainloop = sm80_mma}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 64, tile_k = 64, stages = 3>}
      : (tensor<?x33xbf16>, tensor<64x33xbf16>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_89">} {
  func.func @f(%x: tensor<?x32xbf16>, %w: tensor<64x32xbf16>) -> tensor<?x64xf32> {
    // expected-error @below {{sm_89 has no wgmma; use mainloop = sm80_mma}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 64, tile_k = 64, stages = 3>}
      : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_89">} {
  func.func @f(%x: tensor<?x32xbf16>, %w: tensor<64x32xbf16>) -> tensor<?x64xf32> {
    // expected-error @below {{tiles need 262784 bytes of shared memory, a block of sm_89 has 101376}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm80_mma, tile_m = 128, tile_n = 128, tile_k = 64, stages = 8>}
      : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_90a">} {
  func.func @f(%x: tensor<?x32xbf16>, %w: tensor<64x32xbf16>) -> tensor<?x64xf32> {
    // expected-error @below {{sm90_wgmma takes tiles of at most 256 columns by 32, of all sides together, got 288}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w, %w) acc f32 {
    ^bb0(%a: f32, %b: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 144, tile_k = 64, stages = 3>}
      : (tensor<?x32xbf16>, tensor<64x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  func.func @f(%x: tensor<?x32xf32>, %w: tensor<64x32xf32>) -> tensor<?x64xf32> {
    // expected-error @below {{tiles of 256x128 are dealt to 2048 threads, a block has 32 to 1024 by 32}}
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 256, tile_n = 128, tile_k = 16, stages = 3>}
      : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}
