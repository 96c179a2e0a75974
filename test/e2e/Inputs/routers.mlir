// The routers of the field that are more than a top-k, each as a layer's IR would
// have it. routers.py holds their formulas.

func.func @phimoe(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l select top_k(2) normalize masked_softmax(2.0e-1) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}
func.func @inkling(%l: tensor<?x10xf32>, %b: tensor<8xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>) {
  %i, %w = moe.route %l score sigmoid bias %b select top_k(3) always(2 joint) normalize l1 scale 1.25
    : tensor<?x10xf32>, tensor<8xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  return %i, %w : tensor<?x5xi32>, tensor<?x5xf32>
}
func.func @apart(%l: tensor<?x10xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>) {
  %i, %w = moe.route %l score sigmoid select top_k(3) always(2 apart) normalize l1 scale 1.25
    : tensor<?x10xf32> -> tensor<?x5xi32>, tensor<?x5xf32>
  return %i, %w : tensor<?x5xi32>, tensor<?x5xf32>
}
func.func @deepseek_v4(%l: tensor<?x24xf32>, %b: tensor<24xf32>) -> (tensor<?x6xi32>, tensor<?x6xf32>) {
  %i, %w = moe.route %l score sqrtsoftplus bias %b select top_k(6) normalize l1(eps 1.0e-20 add) scale 1.5
    : tensor<?x24xf32>, tensor<24xf32> -> tensor<?x6xi32>, tensor<?x6xf32>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf32>
}
func.func @deepseek_v4_hash(%l: tensor<?x24xf32>, %t: tensor<32x6xi64>, %x: tensor<?xi64>) -> (tensor<?x6xi32>, tensor<?x6xf32>) {
  %i, %w = moe.route %l score sqrtsoftplus select table(%t[%x]) normalize l1(eps 1.0e-20 add) scale 1.5
    : tensor<?x24xf32>, tensor<32x6xi64>, tensor<?xi64> -> tensor<?x6xi32>, tensor<?x6xf32>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf32>
}
func.func @extern(%l: tensor<?x8xf32>, %e: tensor<?x3xi32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %i, %w = moe.route %l score softmax select extern(%e) normalize l1
    : tensor<?x8xf32>, tensor<?x3xi32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %i, %w : tensor<?x3xi32>, tensor<?x3xf32>
}
func.func @nllb(%l: tensor<?x8xf32>, %u: tensor<?xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) noise second_bernoulli(%u)
    : tensor<?x8xf32>, tensor<?xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.capacity %i, %w cap ceil(T * 1 / 5) minimum 2 order rank_major overflow drop renorm l1(eps 1.0e-7 max)
    : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}
func.func @gshard(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) noise second_gumbel(%n) normalize l1(eps 1.0e-7 max)
    : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.capacity %i, %w cap nearest(T * 2 / 8) minimum 1 order rank_major overflow drop
    : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}
func.func @gumbel(%l: tensor<?x8xf32>, %n: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %i, %w = moe.route %l select top_k(3) noise gumbel(%n) normalize softmax
    : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %i, %w : tensor<?x3xi32>, tensor<?x3xf32>
}
func.func @gemma4(%l: tensor<?x16xf32>, %a: tensor<16xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score softmax select top_k(4) normalize l1 expert_scale %a
    : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @dbrx(%l: tensor<?x16xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score softmax select top_k(4) normalize lp(2.0) : tensor<?x16xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @l3(%l: tensor<?x16xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score sigmoid select top_k(4) normalize lp(3.0, eps 1.0e-2 add) : tensor<?x16xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @v_moe(%l: tensor<?x8xf32>, %p: tensor<?xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.capacity %i, %w cap ceil(T * 2 / 16) multiple_of 2 order priority by %p : tensor<?xf32> overflow drop
    : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}
func.func @by_weight(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %i2, %w2 = moe.capacity %i, %w cap 2 scope 7 order weight overflow drop renorm lp(2.0, eps 1.0e-3 add)
    : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %i2 : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}
func.func @switch(%l: tensor<?x8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>, tensor<9xi32>) {
  %i, %w = moe.route %l score softmax as bf16 select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %i2, %w2 = moe.capacity %i, %w cap 1 scope 5 order token_major overflow drop : tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %i2 : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %i2, %w2, %o : tensor<?x1xi32>, tensor<?x1xf32>, tensor<9xi32>
}
func.func @hunyuan_large(%l: tensor<?x4xf32>, %p: tensor<?xi32>) -> (tensor<?x1xi32>, tensor<?x1xf32>, tensor<5xi32>) {
  %i, %w, %s = moe.route %l score softmax select top_k(1) : tensor<?x4xf32> -> tensor<?x1xi32>, tensor<?x1xf32>, tensor<?x4xf32>
  %i2, %w2 = moe.capacity %i, %w cap floor(T * 1 / 4) minimum 1 order rank_major overflow recycle from %p : tensor<?xi32> scores %s : tensor<?x4xf32>
    : tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %i2 : tensor<?x1xi32> -> !moe.groups<experts = 4, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 4, ragged> -> tensor<5xi32>
  return %i2, %w2, %o : tensor<?x1xi32>, tensor<?x1xf32>, tensor<5xi32>
}
// How many tokens an expert picks depends on T: what is returned is their sum.
func.func @expert_choice(%l: tensor<?x8xf32>) -> (tensor<8xi32>, tensor<8xf32>) {
  %i, %w = moe.route %l score softmax select expert_top_k(ceil(T * 2 / 8)) scale 2.0 : tensor<?x8xf32> -> tensor<8x?xi32>, tensor<8x?xf32>
  %i0 = arith.constant dense<0> : tensor<8xi32>
  %w0 = arith.constant dense<0.0> : tensor<8xf32>
  %ids = linalg.reduce { arith.addi } ins(%i : tensor<8x?xi32>) outs(%i0 : tensor<8xi32>) dimensions = [1]
  %sum = linalg.reduce { arith.addf } ins(%w : tensor<8x?xf32>) outs(%w0 : tensor<8xf32>) dimensions = [1]
  return %ids, %sum : tensor<8xi32>, tensor<8xf32>
}
func.func @six_tokens(%l: tensor<?x8xf32>) -> (tensor<8x6xi32>, tensor<8x6xf32>) {
  %i, %w = moe.route %l score softmax select expert_top_k(6) scale 2.0 : tensor<?x8xf32> -> tensor<8x6xi32>, tensor<8x6xf32>
  return %i, %w : tensor<8x6xi32>, tensor<8x6xf32>
}
func.func @mod(%l: tensor<?x1xf32>) -> (tensor<1x4xi32>, tensor<1x4xf32>) {
  %i, %w = moe.route %l select expert_top_k(4) : tensor<?x1xf32> -> tensor<1x4xi32>, tensor<1x4xf32>
  return %i, %w : tensor<1x4xi32>, tensor<1x4xf32>
}
func.func @remoe(%l: tensor<?x12xf32>) -> (tensor<?x12xi32>, tensor<?x12xf32>) {
  %i, %w = moe.route %l score relu select threshold(0.0, 12) : tensor<?x12xf32> -> tensor<?x12xi32>, tensor<?x12xf32>
  return %i, %w : tensor<?x12xi32>, tensor<?x12xf32>
}
func.func @ds_moe(%l: tensor<?x12xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %i, %w = moe.route %l score softmax select threshold(1.0e-1, 4) : tensor<?x12xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %i, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
func.func @top_p(%l: tensor<?x12xf32>) -> (tensor<?x6xi32>, tensor<?x6xf32>) {
  %i, %w = moe.route %l score softmax select top_p(7.0e-1, 6) normalize l1 : tensor<?x12xf32> -> tensor<?x6xi32>, tensor<?x6xf32>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf32>
}
func.func @dense(%l: tensor<?x6xf32>) -> (tensor<?x6xi32>, tensor<?x6xf32>) {
  %i, %w = moe.route %l score softmax select all : tensor<?x6xf32> -> tensor<?x6xi32>, tensor<?x6xf32>
  return %i, %w : tensor<?x6xi32>, tensor<?x6xf32>
}
func.func @base(%l: tensor<?x8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
  %i, %w = moe.route %l select top_k(1) normalize sigmoid : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return %i, %w : tensor<?x1xi32>, tensor<?x1xf32>
}
func.func @sinkhorn(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}
func.func @padded(%l: tensor<?x8xf32>, %v: tensor<?xi1>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %i, %w = moe.route %l score sigmoid select top_k(2) valid(%v) normalize l1
    : tensor<?x8xf32>, tensor<?xi1> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %i, %w : tensor<?x2xi32>, tensor<?x2xf32>
}
