// RUN: moe-opt %s --split-input-file --verify-diagnostics --moe-lower-kernels

// What a kernel cannot be made of is said before anything is emitted.

// expected-error @below {{expects a CPU target to lower kernels for, such as {moe.target = #moe_cpu.target<...>}}}
module {
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    moe_exec.return %x : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: arith.remf has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = arith.remf %x, %x : tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: arith.addi on i4 has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<2xi4>) -> tensor<2xi4>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = arith.addi %x, %x : tensor<2xi4>
    moe_exec.return %y : tensor<2xi4>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: math.exp on f64 has no CPU lowering; compute in f32}}
  moe_exec.kernel @k(%x: tensor<2xf64>) -> tensor<2xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = math.exp %x : tensor<2xf64>
    moe_exec.return %y : tensor<2xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: arith.truncf from f64 to 16 bits has no CPU lowering; round to f32 first}}
  moe_exec.kernel @k(%x: tensor<2xf64>) -> tensor<2xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %h = arith.truncf %x : tensor<2xf64> to tensor<2xbf16>
    %y = arith.extf %h : tensor<2xbf16> to tensor<2xf64>
    moe_exec.return %y : tensor<2xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: linalg.generic writes its output at an expression of its loops}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<4xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<4xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>], iterator_types = ["parallel"]}
        ins(%x : tensor<2xf32>) outs(%o : tensor<4xf32>) {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    } -> tensor<4xf32>
    moe_exec.return %y : tensor<4xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: linalg.generic writes the diagonal of its output}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2x2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<2x2xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, d0)>], iterator_types = ["parallel"]}
        ins(%x : tensor<2xf32>) outs(%o : tensor<2x2xf32>) {
    ^bb0(%a: f32, %b: f32):
      linalg.yield %a : f32
    } -> tensor<2x2xf32>
    moe_exec.return %y : tensor<2x2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: linalg.generic has a parallel loop that its output does not have}}
  moe_exec.kernel @k(%x: tensor<2x2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<2xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<2x2xf32>) outs(%o : tensor<2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.addf %a, %b : f32
      linalg.yield %c : f32
    } -> tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: in linalg.generic, arith.remf has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<2xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
        ins(%x : tensor<2xf32>) outs(%o : tensor<2xf32>) {
    ^bb0(%a: f32, %b: f32):
      %c = arith.remf %a, %a : f32
      linalg.yield %c : f32
    } -> tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: linalg.generic has outputs that are indexed differently}}
  moe_exec.kernel @k(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<3x2xf32>)
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<2x3xf32>
    %p = tensor.empty() : tensor<3x2xf32>
    %y:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1, d0)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<2x3xf32>) outs(%o, %p : tensor<2x3xf32>, tensor<3x2xf32>) {
    ^bb0(%a: f32, %b: f32, %c: f32):
      linalg.yield %a, %a : f32, f32
    } -> (tensor<2x3xf32>, tensor<3x2xf32>)
    moe_exec.return %y#0, %y#1 : tensor<2x3xf32>, tensor<3x2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: tensor.dim of a dimension that is data has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<2xf32>, %i: tensor<1xi32>) -> tensor<2xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %c0 = arith.constant 0 : index
    %e = tensor.extract %i[%c0] : tensor<1xi32>
    %n = arith.index_cast %e : i32 to index
    %d = tensor.dim %x, %n : tensor<2xf32>
    %y = arith.negf %x : tensor<2xf32>
    moe_exec.return %y : tensor<2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.activate on f64 has no CPU lowering; expected f32, bf16 or f16}}
  moe_exec.kernel @k(%x: tensor<2xf64>) -> tensor<2xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.activate relu(%x) : (tensor<2xf64>) -> tensor<2xf64>
    moe_exec.return %y : tensor<2xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: linalg.softmax has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<2x4xf32>) -> tensor<2x4xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
    %o = tensor.empty() : tensor<2x4xf32>
    %y = linalg.softmax dimension(1) ins(%x : tensor<2x4xf32>) outs(%o : tensor<2x4xf32>) -> tensor<2x4xf32>
    moe_exec.return %y : tensor<2x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: sums in f64 have no CPU lowering; expected f32}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f64 {
    ^bb0(%a: f64):
      moe.yield %a : f64
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf64>
    moe_exec.return %y : tensor<4x32xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: a lhs of f64 has no CPU lowering; expected f32, bf16 or f16}}
  moe_exec.kernel @k(%x: tensor<4x8xf64>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf64>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
    moe_exec.return %y : tensor<4x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: a result of f64 has no CPU lowering; expected f32, bf16 or f16}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf64>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      %b = arith.extf %a : f32 to f64
      moe.yield %b : f64
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf64>
    moe_exec.return %y : tensor<4x32xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: a rhs of f64 has no CPU lowering; expected f32, bf16 or f16}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: tensor<32x8xf64>) -> tensor<4x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf32>, tensor<32x8xf64>) -> tensor<4x32xf32>
    moe_exec.return %y : tensor<4x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: in the epilogue, arith.remf has no CPU lowering}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      %b = arith.remf %a, %a : f32
      moe.yield %b : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
    moe_exec.return %y : tensor<4x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.grouped_matmul has no #moe_cpu.matmul plan}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } : (tensor<4x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<4x32xf32>
    moe_exec.return %y : tensor<4x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.grouped_matmul needs weights packed as #moe_cpu.panels<columns = 16>}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: tensor<32x8xf32>) -> tensor<4x32xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>} : (tensor<4x8xf32>, tensor<32x8xf32>) -> tensor<4x32xf32>
    moe_exec.return %y : tensor<4x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.grouped_matmul cannot pack its weights: one expert of tensor<8796093022208x8xf32> is larger than 64 TiB}}
  moe_exec.kernel @k(%x: tensor<4x8xf32>, %w: tensor<8796093022208x8xf32>) -> tensor<4x8796093022208xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2, pack_depth = 16>} : (tensor<4x8xf32>, tensor<8796093022208x8xf32>) -> tensor<4x8796093022208xf32>
    moe_exec.return %y : tensor<4x8796093022208xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.grouped_matmul by groups needs a list of tiles}}
  moe_exec.kernel @k(%x: tensor<?x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 2x32x8xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<?x32xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.grouped_matmul lhs(%x) rhs(%w) by %g acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>}
      : (tensor<?x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 2x32x8xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x32xf32>
    moe_exec.return %y : tensor<?x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.grouped_matmul reads what arith.negf makes in the same kernel}}
  moe_exec.kernel @k(%x: tensor<?x8xf32>, %w: !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<?x32xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {
    %n = arith.negf %x : tensor<?x8xf32>
    %y = moe.grouped_matmul lhs(%n) rhs(%w) acc f32 {
    ^bb0(%a: f32):
      moe.yield %a : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 12, panels_per_task = 2>}
      : (tensor<?x8xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 32x8xf32>) -> tensor<?x32xf32>
    moe_exec.return %y : tensor<?x32xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.combine of rows whose length is data has no CPU lowering}}
  moe_exec.kernel @k(%r: tensor<?x?xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<?x?xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0, d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, d0)>]} {
    %y = moe.combine %r by %g acc f32 order slot : (tensor<?x?xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x?xf32>
    moe_exec.return %y : tensor<?x?xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.combine in f8E5M2 has no CPU lowering}}
  moe_exec.kernel @k(%r: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.combine %r by %g acc f8E5M2 order slot : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
    moe_exec.return %y : tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.score on f64 has no CPU lowering; expected f32, bf16 or f16}}
  moe_exec.kernel @k(%l: tensor<?x4xf64>) -> tensor<?x4xf64>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.score sigmoid %l : tensor<?x4xf64> -> tensor<?x4xf64>
    moe_exec.return %y : tensor<?x4xf64>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.group does not go with moe.score in one kernel}}
  moe_exec.kernel @k(%l: tensor<?x4xf32>, %i: tensor<?x2xi32>) -> (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.score sigmoid %l : tensor<?x4xf32> -> tensor<?x4xf32>
    %g = moe.group %i : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
    moe_exec.return %y, %g : tensor<?x4xf32>, !moe.groups<experts = 2, ragged>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.combine must be the only one of its kernel}}
  moe_exec.kernel @k(%r: tensor<?x4xf32>, %g: !moe.groups<experts = 2, ragged>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.combine %r by %g acc f32 order slot : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
    %z = moe.combine %r by %g acc f32 order expert : (tensor<?x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<?x4xf32>
    moe_exec.return %y, %z : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: a kernel with moe.score returns each of its results once and nothing else}}
  moe_exec.kernel @k(%l: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %y = moe.score sigmoid %l : tensor<?x4xf32> -> tensor<?x4xf32>
    moe_exec.return %y, %y : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: a kernel of ordinary ops cannot return !moe.groups<experts = 2, ragged>}}
  moe_exec.kernel @k(%g: !moe.groups<experts = 2, ragged>) -> !moe.groups<experts = 2, ragged>
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {

    moe_exec.return %g : !moe.groups<experts = 2, ragged>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.capacity without a moe.group of its ids does not say how many experts there are}}
  moe_exec.kernel @k(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %k, %v = moe.capacity %i, %w cap 2 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    moe_exec.return %k, %v : tensor<?x2xi32>, tensor<?x2xf32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: the ids of moe.capacity have several readers and no buffer}}
  moe_exec.kernel @k(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (!moe.groups<experts = 2, ragged>, !moe.groups<experts = 2, ragged>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %k, %v = moe.capacity %i, %w cap 2 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    %g = moe.group %k : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
    %h = moe.group %k : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
    moe_exec.return %g, %h : !moe.groups<experts = 2, ragged>, !moe.groups<experts = 2, ragged>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.capacity reads what another op of its kernel makes}}
  moe_exec.kernel @k(%i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> (!moe.groups<experts = 2, ragged>, !moe.groups<experts = 2, ragged>, tensor<?x2xi32>)
      attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
    %k, %v = moe.capacity %i, %w cap 2 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    %m, %n = moe.capacity %k, %v cap 1 order token_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
    %g = moe.group %m : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
    %h = moe.group %k : tensor<?x2xi32> -> !moe.groups<experts = 2, ragged>
    moe_exec.return %g, %h, %k : !moe.groups<experts = 2, ragged>, !moe.groups<experts = 2, ragged>, tensor<?x2xi32>
  }
}

// -----

module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  // expected-error @below {{cannot be lowered for x86-64-v3: moe.combine reads rows that are a constant}}
  moe_exec.kernel @k(%g: !moe.groups<experts = 2, ragged>) -> tensor<2x4xf32>
      attributes {num_dims = 0 : i64, sizes = [affine_map<() -> (4)>, affine_map<() -> ()>]} {
    %r = arith.constant dense<1.0> : tensor<4x4xf32>
    %y = moe.combine %r by %g acc f32 order slot : (tensor<4x4xf32>, !moe.groups<experts = 2, ragged>) -> tensor<2x4xf32>
    moe_exec.return %y : tensor<2x4xf32>
  }
}
