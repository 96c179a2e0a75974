module attributes {moe.target = #moe_cpu.target<name = "x86-64-v3">} {
  moe.param @router : tensor<16x64xf32> from #moe.source<"model.layers.1.mlp.gate.weight" : 16x64xf32>
  moe.param @selection_bias : tensor<16xf32> from #moe.source<"model.layers.1.mlp.gate.e_score_correction_bias" : 16xf32>
  moe.param @gate : tensor<16x24x64xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.gate_proj.weight" : 24x64xf32>
  moe.param @up : tensor<16x24x64xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.up_proj.weight" : 24x64xf32>
  moe.param @down : tensor<16x64x24xf32> from #moe.source<"model.layers.1.mlp.experts.{e}.down_proj.weight" : 64x24xf32>
  moe.param @shared_gate : tensor<24x64xf32> from #moe.source<"model.layers.1.mlp.shared_experts.gate_proj.weight" : 24x64xf32>
  moe.param @shared_up : tensor<24x64xf32> from #moe.source<"model.layers.1.mlp.shared_experts.up_proj.weight" : 24x64xf32>
  moe.param @shared_down : tensor<64x24xf32> from #moe.source<"model.layers.1.mlp.shared_experts.down_proj.weight" : 64x24xf32>
  func.func @layer(%arg0: tensor<?x64xf32> {moe.dims = ["T", "H"], moe.name = "hidden_states"}) -> (tensor<?x64xf32> {moe.name = "hidden_states"}, tensor<?x4xi32> {moe.name = "topk_ids"}, tensor<?x4xf32> {moe.name = "topk_weights"}, tensor<?x16xf32> {moe.name = "router_logits"}) attributes {moe.bounds = {T = 1048576 : i64}} {
    %0 = moe.load_param @router : tensor<16x64xf32>
    %1 = moe.grouped_matmul lhs(%arg0) rhs(%0) acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } : (tensor<?x64xf32>, tensor<16x64xf32>) -> tensor<?x16xf32>
    %2 = moe.load_param @selection_bias : tensor<16xf32>
    %3 = moe.score sigmoid %1 : tensor<?x16xf32> -> tensor<?x16xf32>
    %4 = moe.select %3 bias %2 groups(4 keep 2 by top2_sum fill -inf) top_k(4) : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>
    %5 = moe.weigh %3, %4 normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x16xf32>, tensor<?x4xi32> -> tensor<?x4xf32>
    %6 = moe.load_param @shared_gate : tensor<24x64xf32>
    %7 = moe.load_param @shared_up : tensor<24x64xf32>
    %8 = moe.grouped_matmul lhs(%arg0) rhs(%6, %7) acc f32 {
    ^bb0(%arg1: f32, %arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %18 = arith.negf %arg1 : f32
      %19 = math.exp %18 : f32
      %20 = arith.addf %19, %cst_0 : f32
      %21 = arith.divf %arg1, %20 : f32
      %22 = arith.addf %arg2, %cst : f32
      %23 = arith.mulf %21, %22 : f32
      moe.yield %23 : f32
    } : (tensor<?x64xf32>, tensor<24x64xf32>, tensor<24x64xf32>) -> tensor<?x24xf32>
    %9 = moe.load_param @shared_down : tensor<64x24xf32>
    %10 = moe.grouped_matmul lhs(%8) rhs(%9) acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } : (tensor<?x24xf32>, tensor<64x24xf32>) -> tensor<?x64xf32>
    %11 = moe.group %4 : tensor<?x4xi32> -> !moe.groups<experts = 16, ragged>
    %12 = moe.load_param @gate : tensor<16x24x64xf32>
    %13 = moe.load_param @up : tensor<16x24x64xf32>
    %14 = moe.load_param @down : tensor<16x64x24xf32>
    %15 = moe.grouped_matmul lhs(%arg0 gather) rhs(%12, %13) by %11 acc f32 {
    ^bb0(%arg1: f32, %arg2: f32):
      %cst = arith.constant 0.000000e+00 : f32
      %cst_0 = arith.constant 1.000000e+00 : f32
      %18 = arith.negf %arg1 : f32
      %19 = math.exp %18 : f32
      %20 = arith.addf %19, %cst_0 : f32
      %21 = arith.divf %arg1, %20 : f32
      %22 = arith.addf %arg2, %cst : f32
      %23 = arith.mulf %21, %22 : f32
      moe.yield %23 : f32
    } : (tensor<?x64xf32>, tensor<16x24x64xf32>, tensor<16x24x64xf32>, !moe.groups<experts = 16, ragged>) -> tensor<?x24xf32>
    %16 = moe.grouped_matmul lhs(%15) rhs(%14) by %11 acc f32 {
    ^bb0(%arg1: f32):
      moe.yield %arg1 : f32
    } : (tensor<?x24xf32>, tensor<16x64x24xf32>, !moe.groups<experts = 16, ragged>) -> tensor<?x64xf32>
    %17 = moe.combine %16 by %11 weights %5 init %10 acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 16, ragged>, tensor<?x4xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    return %17, %4, %5, %1 : tensor<?x64xf32>, tensor<?x4xi32>, tensor<?x4xf32>, tensor<?x16xf32>
  }
}

