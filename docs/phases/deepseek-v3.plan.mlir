module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  moe.param @router : tensor<16x64xf32> from #moe.source<"model.layers.1.mlp.gate.weight" : 16x64xf32>
  moe.param @selection_bias : tensor<16xf32> from #moe.source<"model.layers.1.mlp.gate.e_score_correction_bias" : 16xf32>
  moe.param @gate : tensor<16x24x64xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.gate_proj.weight" : 24x64xf32>
  moe.param @up : tensor<16x24x64xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.up_proj.weight" : 24x64xf32>
  moe.param @down : tensor<16x64x24xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.down_proj.weight" : 64x24xf32>
  moe.param @shared_gate : tensor<24x64xf32> from #moe.source<"model.layers.1.mlp.shared_experts.gate_proj.weight" : 24x64xf32>
  moe.param @shared_up : tensor<24x64xf32> from #moe.source<"model.layers.1.mlp.shared_experts.up_proj.weight" : 24x64xf32>
  moe.param @shared_down : tensor<64x24xf32> from #moe.source<"model.layers.1.mlp.shared_experts.down_proj.weight" : 64x24xf32>
  func.func @layer(%arg0: tensor<?x64xf32> {moe.dims = ["T", "H"], moe.name = "hidden_states"}) -> (tensor<?x64xf32> {moe.name = "hidden_states"}, tensor<?x4xi32> {moe.name = "topk_ids"}, tensor<?x4xf32> {moe.name = "topk_weights"}, tensor<?x16xf32> {moe.name = "router_logits"}) attributes {moe.bounds = {T = 1048576 : i64}, moe.decisions = [#moe.decision<what = "plan of grouped_matmul 1x16x64, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 4096 : i64, flops_per_row = 2048 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 1x24x64, 2 sides", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "2x4 registers, 1.06 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 12288 : i64, flops_per_row = 6144 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 1x64x24, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 6144 : i64, flops_per_row = 3072 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 16x24x64, 2 sides", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 31 tokens", runnerUp = "2x4 registers, 1.06 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 12288 : i64, flops_per_row = 6144 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 16x64x24, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 31 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 6144 : i64, flops_per_row = 3072 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>]} {
    %0 = moe.load_param @router : tensor<16x64xf32>
    %1 = moe.pack %0 : tensor<16x64xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>
    %2 = moe.grouped_matmul lhs(%arg0) rhs(%1) acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>) -> tensor<?x16xf32>
    %3 = moe.load_param @selection_bias : tensor<16xf32>
    %4 = moe.score sigmoid %2 : tensor<?x16xf32> -> tensor<?x16xf32>
    %5 = moe.select %4 bias %3 groups(4 keep 2 by top2_sum fill -inf) top_k(4) : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>
    %6 = moe.weigh %4, %5 normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x16xf32>, tensor<?x4xi32> -> tensor<?x4xf32>
    %7 = moe.load_param @shared_gate : tensor<24x64xf32>
    %8 = moe.load_param @shared_up : tensor<24x64xf32>
    %9 = moe.pack %7, %8 : tensor<24x64xf32>, tensor<24x64xf32> -> !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>
    %10 = moe.grouped_matmul lhs(%arg0) rhs(%9) acc f32 {
    ^bb0(%arg1: f32, %arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %24 = arith.negf %arg1 : f32
      %25 = math.exp %24 : f32
      %26 = arith.addf %25, %cst_0 : f32
      %27 = arith.divf %arg1, %26 : f32
      %28 = arith.addf %arg2, %cst : f32
      %29 = arith.mulf %27, %28 : f32
      moe.yield %29 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 8, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>) -> tensor<?x24xf32>
    %11 = moe.load_param @shared_down : tensor<64x24xf32>
    %12 = moe.pack %11 : tensor<64x24xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>
    %13 = moe.grouped_matmul lhs(%10) rhs(%12) acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x24xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>) -> tensor<?x64xf32>
    %14 = moe.group %5 : tensor<?x4xi32> -> !moe.groups<experts = 16, ragged>
    %15 = moe.tiles %14 : !moe.groups<experts = 16, ragged> -> !moe.tiles<rows = 48>
    %16 = moe.load_param @gate : tensor<16x24x64xf32>
    %17 = moe.load_param @up : tensor<16x24x64xf32>
    %18 = moe.load_param @down : tensor<16x64x24xf32>
    %19 = moe.pack %16, %17 : tensor<16x24x64xf32>, tensor<16x24x64xf32> -> !moe.packed<#moe_cpu.panels<columns = 8>, 16x24x64xf32, 16x24x64xf32>
    %20 = moe.grouped_matmul lhs(%arg0 gather) rhs(%19) by %14 tiles(%15) acc f32 {
    ^bb0(%arg1: f32, %arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %24 = arith.negf %arg1 : f32
      %25 = math.exp %24 : f32
      %26 = arith.addf %25, %cst_0 : f32
      %27 = arith.divf %arg1, %26 : f32
      %28 = arith.addf %arg2, %cst : f32
      %29 = arith.mulf %27, %28 : f32
      moe.yield %29 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 8, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 8>, 16x24x64xf32, 16x24x64xf32>, !moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>) -> tensor<?x24xf32>
    %21 = moe.pack %18 : tensor<16x64x24xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x64x24xf32>
    %22 = moe.grouped_matmul lhs(%20) rhs(%21) by %14 tiles(%15) acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x24xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 16x64x24xf32>, !moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>) -> tensor<?x64xf32>
    %23 = moe.combine %22 by %14 weights %6 init %13 acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 16, ragged>, tensor<?x4xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    return %23, %5, %6, %2 : tensor<?x64xf32>, tensor<?x4xi32>, tensor<?x4xf32>, tensor<?x16xf32>
  }
}

