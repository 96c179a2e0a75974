// The input of the stored fixtures: everything of the input phase, whose
// bytecode a later moec still has to read. RUN lines are in bytecode.test.
moe.param @gate : tensor<8x32x64xbf16> from #moe.source<"l.experts.{e}.gate.weight" : 32x64xbf16>
moe.param @up : tensor<8x32x64xbf16> from #moe.source<"l.experts.gate_up" : 8x64x64xbf16 transpose [0, 2, 1] slice 1 from 1 step 2 size 32>
moe.param @down : tensor<8x64x32xf8E4M3FN> from #moe.source<"l.down" : 512x32xf8E4M3FN reshape [8, 64, 32]>
moe.param @down_scale : tensor<8x1x1xf32>
moe.param @router : tensor<8x64xf32>
moe.param @bias : tensor<8xf32>
func.func @layer(%x: tensor<?x64xbf16> {moe.name = "hidden_states", moe.dims = ["T", "H"]})
    -> (tensor<?x64xbf16> {moe.name = "hidden_states"}, tensor<?x2xi32> {moe.name = "topk_ids"})
    attributes {moe.bounds = {T = 131072}} {
  %r = moe.load_param @router : tensor<8x64xf32>
  %b = moe.load_param @bias : tensor<8xf32>
  %l = moe.linear %x, %r acc f32 : (tensor<?x64xbf16>, tensor<8x64xf32>) -> tensor<?x8xf32>
  %ids, %w = moe.route %l score sigmoid as bf16 bias %b groups(4 keep 2 by top2_sum fill -inf) select top_k(2)
      normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %kept, %kept_w = moe.capacity %ids, %w cap 64 order rank_major overflow drop : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %kept : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %rows = moe.dispatch %x by %g : tensor<?x64xbf16>, !moe.groups<experts = 8, ragged> -> tensor<?x64xbf16>
  %wg = moe.load_param @gate : tensor<8x32x64xbf16>
  %wu = moe.load_param @up : tensor<8x32x64xbf16>
  %wd = moe.load_param @down : tensor<8x64x32xf8E4M3FN>
  %sd = moe.load_param @down_scale : tensor<8x1x1xf32>
  %o = moe.expert %rows by %g weights(%wg, %wu, %wd, %sd) {
  ^bb0(%r0: tensor<?x64xbf16>, %g0: tensor<32x64xbf16>, %u0: tensor<32x64xbf16>, %d0: tensor<64x32xf8E4M3FN>, %s0: tensor<1x1xf32>):
    %a = moe.linear %r0, %g0 acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    %u = moe.linear %r0, %u0 acc f32 : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
    %h = moe.activate clamp_glu(%a, %u) {alpha = 1.702, beta = 1.0, limit = 7.0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xbf16>
    %w0 = moe.dequantize fp8_block %d0, %s0 block [128, 128] : tensor<64x32xf8E4M3FN>, tensor<1x1xf32> -> tensor<64x32xbf16>
    %y = moe.linear %h, %w0 acc f32 : (tensor<?x32xbf16>, tensor<64x32xbf16>) -> tensor<?x64xbf16>
    moe.yield %y : tensor<?x64xbf16>
  } : (tensor<?x64xbf16>, !moe.groups<experts = 8, ragged>, tensor<8x32x64xbf16>, tensor<8x32x64xbf16>, tensor<8x64x32xf8E4M3FN>, tensor<8x1x1xf32>) -> tensor<?x64xbf16>
  %y = moe.combine %o by %g weights %kept_w acc f32 order slot : (tensor<?x64xbf16>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x64xbf16>
  return %y, %ids : tensor<?x64xbf16>, tensor<?x2xi32>
}
func.func @routers(%l: tensor<?x8xf32>, %t: tensor<32x2xi64>, %x: tensor<?xi32>, %n: tensor<?x7xf32>, %v: tensor<?xi1>, %a: tensor<8xf32>, %p: tensor<?xf32>)
    -> (tensor<?x2xi32>, tensor<?x3xi32>, tensor<8x?xi32>) {
  %i, %w = moe.route %l score relu select table(%t[%x]) valid(%v) normalize lp(2.0, eps 0.125 max) expert_scale %a
    : tensor<?x8xf32>, tensor<32x2xi64>, tensor<?xi32>, tensor<?xi1>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %ci, %cw = moe.capacity %i, %w cap ceil(T * 10 / 32) minimum 4 multiple_of 8 scope 16 order priority by %p : tensor<?xf32> overflow drop renorm l1
    : tensor<?x2xi32>, tensor<?x2xf32>
  %j, %u = moe.route %l select top_k(2) always(1 apart) noise gumbel(%n) normalize masked_softmax(0.25)
    : tensor<?x8xf32>, tensor<?x7xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  %k, %q = moe.route %l select expert_top_k(nearest(T * 1 / 4)) : tensor<?x8xf32> -> tensor<8x?xi32>, tensor<8x?xf32>
  return %ci, %j, %k : tensor<?x2xi32>, tensor<?x3xi32>, tensor<8x?xi32>
}
