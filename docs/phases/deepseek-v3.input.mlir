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
    %1 = moe.linear %arg0, %0 acc f32 : (tensor<?x64xf32>, tensor<16x64xf32>) -> tensor<?x16xf32>
    %2 = moe.load_param @selection_bias : tensor<16xf32>
    %ids, %weights = moe.route %1 score sigmoid bias %2 groups(4 keep 2 by top2_sum fill -inf) select top_k(4) normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
    %3 = moe.load_param @shared_gate : tensor<24x64xf32>
    %4 = moe.linear %arg0, %3 acc f32 : (tensor<?x64xf32>, tensor<24x64xf32>) -> tensor<?x24xf32>
    %5 = moe.load_param @shared_up : tensor<24x64xf32>
    %6 = moe.linear %arg0, %5 acc f32 : (tensor<?x64xf32>, tensor<24x64xf32>) -> tensor<?x24xf32>
    %7 = moe.activate swiglu(%4, %6) : (tensor<?x24xf32>, tensor<?x24xf32>) -> tensor<?x24xf32>
    %8 = moe.load_param @shared_down : tensor<64x24xf32>
    %9 = moe.linear %7, %8 acc f32 : (tensor<?x24xf32>, tensor<64x24xf32>) -> tensor<?x64xf32>
    %10 = moe.group %ids : tensor<?x4xi32> -> !moe.groups<experts = 16, ragged>
    %11 = moe.dispatch %arg0 by %10 : tensor<?x64xf32>, !moe.groups<experts = 16, ragged> -> tensor<?x64xf32>
    %12 = moe.load_param @gate : tensor<16x24x64xf32>
    %13 = moe.load_param @up : tensor<16x24x64xf32>
    %14 = moe.load_param @down : tensor<16x64x24xf32>
    %15 = moe.expert %11 by %10 weights(%12, %13, %14) {
    ^bb0(%arg1: tensor<?x64xf32>, %arg2: tensor<24x64xf32>, %arg3: tensor<24x64xf32>, %arg4: tensor<64x24xf32>):
      %17 = moe.linear %arg1, %arg2 acc f32 : (tensor<?x64xf32>, tensor<24x64xf32>) -> tensor<?x24xf32>
      %18 = moe.linear %arg1, %arg3 acc f32 : (tensor<?x64xf32>, tensor<24x64xf32>) -> tensor<?x24xf32>
      %19 = moe.activate swiglu(%17, %18) : (tensor<?x24xf32>, tensor<?x24xf32>) -> tensor<?x24xf32>
      %20 = moe.linear %19, %arg4 acc f32 : (tensor<?x24xf32>, tensor<64x24xf32>) -> tensor<?x64xf32>
      moe.yield %20 : tensor<?x64xf32>
    } : (tensor<?x64xf32>, !moe.groups<experts = 16, ragged>, tensor<16x24x64xf32>, tensor<16x24x64xf32>, tensor<16x64x24xf32>) -> tensor<?x64xf32>
    %16 = moe.combine %15 by %10 weights %weights init %9 acc f32 order slot : (tensor<?x64xf32>, !moe.groups<experts = 16, ragged>, tensor<?x4xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
    return %16, %ids, %weights, %1 : tensor<?x64xf32>, tensor<?x4xi32>, tensor<?x4xf32>, tensor<?x16xf32>
  }
}

