// Adapters of experts as PEFT stores them. ADAPTERS stands for the sources of @a
// [E, r, H] and @b [E, I, r].
!g = !moe.groups<experts = 8, ragged>
moe.param @router : tensor<8x12xf32> from #moe.source<"layers.1.mlp.gate.weight" : 8x12xf32>
moe.param @up : tensor<8x6x12xf32> from #moe.source<"layers.1.mlp.experts.{e}.up_proj.weight" : 6x12xf32>
moe.param @down : tensor<8x12x6xf32> from #moe.source<"layers.1.mlp.experts.{e}.down_proj.weight" : 12x6xf32>
ADAPTERS
func.func @layer(%x: tensor<?x12xf32> {moe.name = "hidden_states", moe.dims = ["T", "H"]}) -> (tensor<?x12xf32> {moe.name = "hidden_states"}) {
  %router = moe.load_param @router : tensor<8x12xf32>
  %up = moe.load_param @up : tensor<8x6x12xf32>
  %down = moe.load_param @down : tensor<8x12x6xf32>
  %a = moe.load_param @a : tensor<8x4x12xf32>
  %b = moe.load_param @b : tensor<8x6x4xf32>
  %l = moe.linear %x, %router acc f32 : (tensor<?x12xf32>, tensor<8x12xf32>) -> tensor<?x8xf32>
  %ids, %w = moe.route %l score softmax select top_k(2) normalize l1 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%up, %a, %b, %down) {
  ^bb0(%r0: tensor<?x12xf32>, %u0: tensor<6x12xf32>, %a0: tensor<4x12xf32>, %b0: tensor<6x4xf32>, %d0: tensor<12x6xf32>):
    %base = moe.linear %r0, %u0 acc f32 : (tensor<?x12xf32>, tensor<6x12xf32>) -> tensor<?x6xf32>
    %low = moe.linear %r0, %a0 acc f32 : (tensor<?x12xf32>, tensor<4x12xf32>) -> tensor<?x4xf32>
    %delta = moe.linear %low, %b0 acc f32 : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
    %sum = arith.addf %base, %delta : tensor<?x6xf32>
    %h = moe.activate relu(%sum) : (tensor<?x6xf32>) -> tensor<?x6xf32>
    %y = moe.linear %h, %d0 acc f32 : (tensor<?x6xf32>, tensor<12x6xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !g, tensor<8x6x12xf32>, tensor<8x4x12xf32>, tensor<8x6x4xf32>, tensor<8x12x6xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x12xf32>, !g, tensor<?x2xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}
