// A layer that is no known model: square roots of softplus as scores, groups of
// experts, a selection bias, clamped gated units with LoRA on the way in,
// identity experts and a shared expert. expert-forms.py holds it to its formula.

!g = !moe.groups<experts = 8, ragged>
func.func @exotic(%x: tensor<?x12xf32> {moe.name = "hidden_states", moe.dims = ["T", "H"]}, %router: tensor<8x12xf32>, %bias: tensor<8xf32>,
                  %gate: tensor<6x10x12xf32>, %up: tensor<6x10x12xf32>, %down: tensor<6x12x10xf32>,
                  %a: tensor<6x3x12xf32>, %b: tensor<6x10x3xf32>, %sup: tensor<10x12xf32>, %sdown: tensor<12x10xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %l = moe.linear %x, %router acc f32 : (tensor<?x12xf32>, tensor<8x12xf32>) -> tensor<?x8xf32>
  %ids, %w = moe.route %l score sqrtsoftplus bias %bias groups(2 keep 1 by top2_sum fill -inf) select top_k(3) normalize l1(eps 1.0e-20 add) scale 1.5
      : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  %su = moe.linear %x, %sup acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
  %sh = moe.activate relu2(%su) : (tensor<?x10xf32>) -> tensor<?x10xf32>
  %shared = moe.linear %sh, %sdown acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>) -> tensor<?x12xf32>
  %g = moe.group %ids : tensor<?x3xi32> -> !g
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%gate, %up, %down, %a, %b) virtual [#moe.virtual<identity 3 to 4>] {
  ^bb0(%r0: tensor<?x12xf32>, %g0: tensor<10x12xf32>, %u0: tensor<10x12xf32>, %d0: tensor<12x10xf32>, %a0: tensor<3x12xf32>, %b0: tensor<10x3xf32>):
    %base = moe.linear %r0, %g0 acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
    %low = moe.linear %r0, %a0 acc f32 : (tensor<?x12xf32>, tensor<3x12xf32>) -> tensor<?x3xf32>
    %delta = moe.linear %low, %b0 acc f32 : (tensor<?x3xf32>, tensor<10x3xf32>) -> tensor<?x10xf32>
    %c0 = arith.constant 0 : index
    %n = tensor.dim %r0, %c0 : tensor<?x12xf32>
    %e = tensor.empty(%n) : tensor<?x10xf32>
    %scale = arith.constant 0.5 : f32
    %s = linalg.fill ins(%scale : f32) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
    %scaled = arith.mulf %delta, %s : tensor<?x10xf32>
    %sum = arith.addf %base, %scaled : tensor<?x10xf32>
    %u = moe.linear %r0, %u0 acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
    %h = moe.activate clamp_glu(%sum, %u) {alpha = 1.702, beta = 1.0, limit = 7.0} : (tensor<?x10xf32>, tensor<?x10xf32>) -> tensor<?x10xf32>
    %y = moe.linear %h, %d0 acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !g, tensor<6x10x12xf32>, tensor<6x10x12xf32>, tensor<6x12x10xf32>, tensor<6x3x12xf32>, tensor<6x10x3xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w init %shared acc f32 order slot
      : (tensor<?x12xf32>, !g, tensor<?x3xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}
