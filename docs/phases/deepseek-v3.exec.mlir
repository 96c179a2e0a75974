#map = affine_map<(d0) -> (d0 * 1664 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 12 + 192) ceildiv 64) * 64 + 192)>
#map1 = affine_map<(d0) -> (0)>
#map2 = affine_map<(d0) -> (d0 * 1024)>
#map3 = affine_map<(d0) -> (d0 * 384)>
#map4 = affine_map<(d0) -> (d0 * 1664 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 12 + 192) ceildiv 64) * 64 + 128)>
#map5 = affine_map<(d0) -> (8)>
#map6 = affine_map<(d0) -> (d0 * 1664 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 16) ceildiv 64) * 64)>
#map7 = affine_map<(d0) -> (((d0 * 4) floordiv 48 + 16) * 12)>
#map8 = affine_map<(d0) -> (d0 * 1664 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 16) ceildiv 64) * 64 + ((d0 * 12 + 192) ceildiv 64) * 64)>
#map9 = affine_map<(d0) -> (68)>
#map10 = affine_map<(d0) -> (d0 * 1664)>
#map11 = affine_map<(d0) -> (d0 * 16)>
#map12 = affine_map<(d0) -> (d0 * 1664 + ((d0 * 16) ceildiv 64) * 64)>
#map13 = affine_map<(d0) -> (d0 * 1408)>
#map14 = affine_map<(d0) -> (d0 * 256)>
#map15 = affine_map<(d0) -> (d0 * 96)>
#map16 = affine_map<(d0) -> (d0 ceildiv 48)>
#map17 = affine_map<(d0) -> (d0)>
#map18 = affine_map<(d0) -> ((d0 ceildiv 48) * 3)>
#map19 = affine_map<(d0) -> ((d0 ceildiv 48) * 4)>
#map20 = affine_map<(d0) -> (1)>
#map21 = affine_map<() -> ()>
#map22 = affine_map<(d0) -> ()>
#map23 = affine_map<(d0) -> (d0 * 4)>
#map24 = affine_map<(d0) -> ((d0 * 4) floordiv 48 + 16)>
module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  moe_exec.program @layer dims(%arg0: index {bound = 1048576 : i64, name = "T"}) inputs(%arg1: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"}) outputs(%arg2: memref<?x64xf32> {dims = ["T", "64"], name = "hidden_states"}, %arg3: memref<?x4xi32> {dims = ["T", "4"], name = "topk_ids"}, %arg4: memref<?x4xf32> {dims = ["T", "4"], name = "topk_weights"}, %arg5: memref<?x16xf32> {dims = ["T", "16"], name = "router_logits"}) attributes {moe.decisions = [#moe.decision<what = "plan of grouped_matmul 1x16x64, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 4096 : i64, flops_per_row = 2048 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 1x24x64, 2 sides", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "2x4 registers, 1.06 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 12288 : i64, flops_per_row = 6144 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 1x64x24, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 8 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 6144 : i64, flops_per_row = 3072 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 16x24x64, 2 sides", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 31 tokens", runnerUp = "2x4 registers, 1.06 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 12288 : i64, flops_per_row = 6144 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>, #moe.decision<what = "plan of grouped_matmul 16x64x24, 1 side", chosen = "6x2 registers, 48-row tiles, 1 panels a task", reason = "fewest cycles a multiply-add; memory binds below 31 tokens", runnerUp = "4x3 registers, 1.02 times the cycles", figures = {cycles_per_fma = 5.200000e-01 : f64, expert_bytes = 6144 : i64, flops_per_row = 3072 : i64, rows_where_compute_binds = 7.740000e+00 : f64}>]} {
    %0 = moe_exec.workspace size #map
    %1 = moe_exec.slice %0 offset #map1 bytes #map2 : memref<?x64xf32>
    %2 = moe_exec.param @down_prepared : memref<98304xi8>
    %3 = moe_exec.slice %0 offset #map2 bytes #map3 : memref<?x24xf32>
    %4 = moe_exec.param @gate_up_prepared : memref<196608xi8>
    %5 = moe_exec.slice %0 offset #map4 bytes #map5 : memref<1xi64>
    %6 = moe_exec.slice %0 offset #map6 bytes #map7 : memref<?x3xi32>
    %7 = moe_exec.slice %0 offset #map8 bytes #map9 : memref<17xi32>
    %8 = moe_exec.slice %0 offset #map10 bytes #map11 : memref<?xi32>
    %9 = moe_exec.slice %0 offset #map12 bytes #map11 : memref<?xi32>
    %10 = moe_exec.slice %0 offset #map13 bytes #map14 : memref<?x64xf32>
    %11 = moe_exec.param @shared_down_prepared : memref<6144xi8>
    %12 = moe_exec.slice %0 offset #map1 bytes #map15 : memref<?x24xf32>
    %13 = moe_exec.param @shared_gate_shared_up_prepared : memref<12288xi8>
    %14 = moe_exec.param @selection_bias_0 : memref<16xf32>
    %15 = moe_exec.param @router_prepared : memref<4096xi8>
    moe_exec.launch @matmul_16x64_f32_avx2 tasks #map16 args(%arg1, %15, %arg5) : memref<?x64xf32>, memref<4096xi8>, memref<?x16xf32>
    moe_exec.launch @route_16_avx2 tasks #map17 args(%arg5, %14, %arg3, %arg4) : memref<?x16xf32>, memref<16xf32>, memref<?x4xi32>, memref<?x4xf32>
    moe_exec.launch @matmul2_24x64_f32_avx2 tasks #map18 args(%arg1, %13, %12) : memref<?x64xf32>, memref<12288xi8>, memref<?x24xf32>
    moe_exec.launch @matmul_64x24_f32_avx2 tasks #map19 args(%12, %11, %10) : memref<?x24xf32>, memref<6144xi8>, memref<?x64xf32>
    moe_exec.launch @group_avx2 tasks #map20 args(%arg3, %7, %8, %9, %5, %6) : memref<?x4xi32>, memref<17xi32>, memref<?xi32>, memref<?xi32>, memref<1xi64>, memref<?x3xi32>
    moe_exec.launch @grouped_matmul2_24x64_f32_avx2 tasks from %5 : memref<1xi64> times 3 args(%arg1, %4, %7, %8, %9, %5, %6, %3) : memref<?x64xf32>, memref<196608xi8>, memref<17xi32>, memref<?xi32>, memref<?xi32>, memref<1xi64>, memref<?x3xi32>, memref<?x24xf32>
    moe_exec.launch @grouped_matmul_64x24_f32_avx2 tasks from %5 : memref<1xi64> times 4 args(%3, %2, %7, %8, %9, %5, %6, %1) : memref<?x24xf32>, memref<98304xi8>, memref<17xi32>, memref<?xi32>, memref<?xi32>, memref<1xi64>, memref<?x3xi32>, memref<?x64xf32>
    moe_exec.launch @combine_64_avx2 tasks #map17 args(%1, %7, %8, %9, %arg4, %10, %arg2) : memref<?x64xf32>, memref<17xi32>, memref<?xi32>, memref<?xi32>, memref<?x4xf32>, memref<?x64xf32>, memref<?x64xf32>
  }
  moe_exec.kernel @prepare_router(%arg0: tensor<16x64xf32>) -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32> attributes {num_dims = 0 : i64, sizes = [#map21, #map21]} {
    %0 = moe.pack %arg0 : tensor<16x64xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>
    moe_exec.return %0 : !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>
  }
  moe_exec.prepare @router_prepared kernel @prepare_router units 1 from [#moe.source<"model.layers.1.mlp.gate.weight" : 16x64xf32>] : memref<4096xi8>
  moe_exec.kernel @matmul_16x64_f32_avx2(%arg0: tensor<?x64xf32>, %arg1: !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>) -> tensor<?x16xf32> attributes {num_dims = 1 : i64, scratch = 15360 : i64, sizes = [#map17, #map22, #map17]} {
    %0 = moe.grouped_matmul lhs(%arg0) rhs(%arg1) acc f32 {
    ^bb0(%arg2: f32):
      moe.yield %arg2 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 16x64xf32>) -> tensor<?x16xf32>
    moe_exec.return %0 : tensor<?x16xf32>
  }
  moe_exec.prepare @selection_bias_0 units 1 from [#moe.source<"model.layers.1.mlp.gate.e_score_correction_bias" : 16xf32>] : memref<16xf32>
  moe_exec.kernel @route_16_avx2(%arg0: tensor<?x16xf32>, %arg1: tensor<16xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) attributes {num_dims = 1 : i64, scratch = 384 : i64, sizes = [#map17, #map22, #map17, #map17]} {
    %0 = moe.score sigmoid %arg0 : tensor<?x16xf32> -> tensor<?x16xf32>
    %1 = moe.select %0 bias %arg1 groups(4 keep 2 by top2_sum fill -inf) top_k(4) : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>
    %2 = moe.weigh %0, %1 normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x16xf32>, tensor<?x4xi32> -> tensor<?x4xf32>
    moe_exec.return %1, %2 : tensor<?x4xi32>, tensor<?x4xf32>
  }
  moe_exec.kernel @prepare_shared_gate_shared_up(%arg0: tensor<24x64xf32>, %arg1: tensor<24x64xf32>) -> !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32> attributes {num_dims = 0 : i64, sizes = [#map21, #map21, #map21]} {
    %0 = moe.pack %arg0, %arg1 : tensor<24x64xf32>, tensor<24x64xf32> -> !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>
    moe_exec.return %0 : !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>
  }
  moe_exec.prepare @shared_gate_shared_up_prepared kernel @prepare_shared_gate_shared_up units 1 tasks 3 from [#moe.source<"model.layers.1.mlp.shared_experts.gate_proj.weight" : 24x64xf32>, #moe.source<"model.layers.1.mlp.shared_experts.up_proj.weight" : 24x64xf32>] : memref<12288xi8>
  moe_exec.kernel @matmul2_24x64_f32_avx2(%arg0: tensor<?x64xf32>, %arg1: !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>) -> tensor<?x24xf32> attributes {num_dims = 1 : i64, scratch = 15360 : i64, sizes = [#map17, #map22, #map17]} {
    %0 = moe.grouped_matmul lhs(%arg0) rhs(%arg1) acc f32 {
    ^bb0(%arg2: f32, %arg3: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %1 = arith.negf %arg2 : f32
      %2 = math.exp %1 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = arith.divf %arg2, %3 : f32
      %5 = arith.addf %arg3, %cst : f32
      %6 = arith.mulf %4, %5 : f32
      moe.yield %6 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 8, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 8>, 24x64xf32, 24x64xf32>) -> tensor<?x24xf32>
    moe_exec.return %0 : tensor<?x24xf32>
  }
  moe_exec.kernel @prepare_shared_down(%arg0: tensor<64x24xf32>) -> !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32> attributes {num_dims = 0 : i64, sizes = [#map21, #map21]} {
    %0 = moe.pack %arg0 : tensor<64x24xf32> -> !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>
    moe_exec.return %0 : !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>
  }
  moe_exec.prepare @shared_down_prepared kernel @prepare_shared_down units 1 tasks 4 from [#moe.source<"model.layers.1.mlp.shared_experts.down_proj.weight" : 64x24xf32>] : memref<6144xi8>
  moe_exec.kernel @matmul_64x24_f32_avx2(%arg0: tensor<?x24xf32>, %arg1: !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>) -> tensor<?x64xf32> attributes {num_dims = 1 : i64, scratch = 9216 : i64, sizes = [#map17, #map22, #map17]} {
    %0 = moe.grouped_matmul lhs(%arg0) rhs(%arg1) acc f32 {
    ^bb0(%arg2: f32):
      moe.yield %arg2 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x24xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 64x24xf32>) -> tensor<?x64xf32>
    moe_exec.return %0 : tensor<?x64xf32>
  }
  moe_exec.kernel @group_avx2(%arg0: tensor<?x4xi32>) -> (!moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>) attributes {num_dims = 1 : i64, scratch = 128 : i64, sizes = [#map17, #map23, #map24]} {
    %0 = moe.group %arg0 : tensor<?x4xi32> -> !moe.groups<experts = 16, ragged>
    %1 = moe.tiles %0 : !moe.groups<experts = 16, ragged> -> !moe.tiles<rows = 48>
    moe_exec.return %0, %1 : !moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>
  }
  moe_exec.prepare @gate_up_prepared kernel @prepare_shared_gate_shared_up units 16 tasks 3 from [#moe.source<"model.layers.1.mlp.experts.{e}.gate_proj.weight" : 24x64xf32>, #moe.source<"model.layers.1.mlp.experts.{e}.up_proj.weight" : 24x64xf32>] : memref<196608xi8>
  moe_exec.kernel @grouped_matmul2_24x64_f32_avx2(%arg0: tensor<?x64xf32>, %arg1: !moe.packed<#moe_cpu.panels<columns = 8>, 16x24x64xf32, 16x24x64xf32>, %arg2: !moe.groups<experts = 16, ragged>, %arg3: !moe.tiles<rows = 48>) -> tensor<?x24xf32> attributes {num_dims = 1 : i64, scratch = 15360 : i64, sizes = [#map17, #map22, #map23, #map24, #map23]} {
    %0 = moe.grouped_matmul lhs(%arg0 gather) rhs(%arg1) by %arg2 tiles(%arg3) acc f32 {
    ^bb0(%arg4: f32, %arg5: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %1 = arith.negf %arg4 : f32
      %2 = math.exp %1 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = arith.divf %arg4, %3 : f32
      %5 = arith.addf %arg5, %cst : f32
      %6 = arith.mulf %4, %5 : f32
      moe.yield %6 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 8, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x64xf32>, !moe.packed<#moe_cpu.panels<columns = 8>, 16x24x64xf32, 16x24x64xf32>, !moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>) -> tensor<?x24xf32>
    moe_exec.return %0 : tensor<?x24xf32>
  }
  moe_exec.prepare @down_prepared kernel @prepare_shared_down units 16 tasks 4 from [#moe.source<"model.layers.1.mlp.experts.{e}.down_proj.weight" : 64x24xf32>] : memref<98304xi8>
  moe_exec.kernel @grouped_matmul_64x24_f32_avx2(%arg0: tensor<?x24xf32>, %arg1: !moe.packed<#moe_cpu.panels<columns = 16>, 16x64x24xf32>, %arg2: !moe.groups<experts = 16, ragged>, %arg3: !moe.tiles<rows = 48>) -> tensor<?x64xf32> attributes {num_dims = 1 : i64, scratch = 9216 : i64, sizes = [#map23, #map22, #map23, #map24, #map23]} {
    %0 = moe.grouped_matmul lhs(%arg0) rhs(%arg1) by %arg2 tiles(%arg3) acc f32 {
    ^bb0(%arg4: f32):
      moe.yield %arg4 : f32
    } {moe.plan = #moe_cpu.matmul<rows = 6, columns = 16, tile_rows = 48, panels_per_task = 1, streams = 4, prefetch = 8192>} : (tensor<?x24xf32>, !moe.packed<#moe_cpu.panels<columns = 16>, 16x64x24xf32>, !moe.groups<experts = 16, ragged>, !moe.tiles<rows = 48>) -> tensor<?x64xf32>
    moe_exec.return %0 : tensor<?x64xf32>
  }
  moe_exec.kernel @combine_64_avx2(%arg0: tensor<?x64xf32>, %arg1: !moe.groups<experts = 16, ragged>, %arg2: tensor<?x4xf32>, %arg3: tensor<?x64xf32>) -> tensor<?x64xf32> attributes {num_dims = 1 : i64, sizes = [#map23, #map23, #map17, #map17, #map17]} {
    %0 = moe.combine %arg0 by %arg1 weights %arg2 init %arg3 acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 16, ragged>, tensor<?x4xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    moe_exec.return %0 : tensor<?x64xf32>
  }
}

