// RUN: moe-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{unknown CUDA target 'sm_70', expected sm_80, sm_86, sm_89, sm_90a, sm_120}}
module attributes {moe.target = #moe_cuda.target<name = "sm_70">} {}

// -----

// expected-error @below {{target expects sms >= 0, got -1}}
module attributes {moe.target = #moe_cuda.target<name = "sm_80", sms = -1>} {}

// -----

// expected-error @below {{rows expects interleave = 8, got 4}}
func.func private @f(!moe.packed<#moe_cuda.rows<interleave = 4>, 16x32xf32>)

// -----

func.func @f(%w: tensor<16x32xf64>) {
  // expected-error @below {{rows hold f32, bf16 or f16, got f64}}
  moe.pack %w : tensor<16x32xf64> -> !moe.packed<#moe_cuda.rows<interleave = 8>, 16x32xf64>
  return
}

// -----

func.func @f(%w: tensor<16777217x32xf32>) {
  // expected-error @below {{one expert of tensor<16777217x32xf32> has more than 16777216 rows or columns}}
  moe.pack %w : tensor<16777217x32xf32> -> !moe.packed<#moe_cuda.rows<interleave = 8>, 16777217x32xf32>
  return
}

// -----

// expected-error @below {{matmul by fma expects 16 <= tile_m <= 256 by 16, got 8}}
module attributes {test.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 8, tile_n = 64, tile_k = 16, stages = 2>} {}

// -----

// expected-error @below {{matmul by sm90_wgmma expects 64 <= tile_m <= 256 by 64, got 32}}
module attributes {test.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 32, tile_n = 64, tile_k = 64, stages = 3>} {}

// -----

// expected-error @below {{matmul by sm80_mma expects 64 <= tile_k <= 64 by 8, got 32}}
module attributes {test.plan = #moe_cuda.matmul<mainloop = sm80_mma, tile_m = 64, tile_n = 64, tile_k = 32, stages = 2>} {}

// -----

// expected-error @below {{launch expects 32 <= block <= 1024 by 32, got 48}}
module attributes {test.launch = #moe_cuda.launch<block = 48>} {}

// -----

// expected-error @below {{launch expects 0 <= smem <= 1048576, got -16}}
module attributes {test.launch = #moe_cuda.launch<block = 64, smem = -16>} {}

// -----

// expected-error @below {{matmul by sm90_wgmma expects 3 <= stages <= 8 by 1, got 2}}
module attributes {test.plan = #moe_cuda.matmul<mainloop = sm90_wgmma, tile_m = 64, tile_n = 64, tile_k = 64, stages = 2>} {}
