// RUN: moe-opt %s --split-input-file --verify-diagnostics --moe-cuda-lower-kernels

// What a kernel cannot be made of is said before anything is emitted.

// expected-error @below {{expects a CUDA target to lower kernels for, such as {moe.target = #moe_cuda.target<...>}}}
module {
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    moe_exec.return %x : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: arith.remf has no CUDA lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = arith.remf %x, %x : tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: math.cbrt has no CUDA lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = math.cbrt %x : tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: arith.maximumf on f64 has no CUDA lowering; compute in f32}}
  moe_exec.kernel @k(%x: tensor<2xf64>) -> tensor<2xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = arith.maximumf %x, %x : tensor<2xf64>
    moe_exec.return %y : tensor<2xf64>
  }
}

// -----

// In a region too.

#id = affine_map<(d0) -> (d0)>
module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: math.cbrt has no CUDA lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %e = tensor.empty() : tensor<2xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %r = math.cbrt %a : f32
      linalg.yield %r : f32
    } -> tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: a layout other than #moe_cuda.rows has no CUDA lowering}}
  moe_exec.kernel @k(%x: tensor<16x32xf32>) -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.pack %x : tensor<16x32xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x32xf32>
    moe_exec.return %y : !moe.packed<#moe_cpu.panels<columns = 16>, 16x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: moe.tiles has no CUDA lowering; blocks find their tiles by the offsets}}
  moe_exec.kernel @k(%ids: tensor<?x2xi32>) -> (!moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> (d0 * 2)>]} {
    %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
    %t = moe.tiles %g : !moe.groups<experts = 8, ragged> -> !moe.tiles<rows = 16>
    moe_exec.return %g, %t : !moe.groups<experts = 8, ragged>, !moe.tiles<rows = 16>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: sorting by expert takes 240000 bytes of shared memory, a block of sm_80 has 166912}}
  moe_exec.kernel @k(%ids: tensor<?x2xi32>) -> !moe.groups<experts = 30000, ragged>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>]} {
    %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 30000, ragged>
    moe_exec.return %g : !moe.groups<experts = 30000, ragged>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: routing four tokens takes 320064 bytes of shared memory, a block of sm_80 has 166912}}
  moe_exec.kernel @k(%l: tensor<?x10000xf32>) -> tensor<?x2xi32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %i = moe.select %l top_k(2) : tensor<?x10000xf32> -> tensor<?x2xi32>
    moe_exec.return %i : tensor<?x2xi32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: moe.grouped_matmul has no #moe_cuda.matmul plan}}
  moe_exec.kernel @k(%x: tensor<?x32xf32>, %w: tensor<64x32xf32>) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
}

// -----

module attributes {moe.target = #moe_cuda.target<name = "sm_80">} {
  // expected-error @below {{cannot be lowered for sm_80: moe.grouped_matmul needs weights packed as #moe_cuda.rows<interleave = 8>}}
  moe_exec.kernel @k(%x: tensor<?x32xf32>, %w: tensor<64x32xf32>) -> tensor<?x64xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cuda.matmul<mainloop = fma, tile_m = 32, tile_n = 64, tile_k = 16, stages = 2>}
      : (tensor<?x32xf32>, tensor<64x32xf32>) -> tensor<?x64xf32>
    moe_exec.return %y : tensor<?x64xf32>
  }
}
