// What experts and their rows can be besides a model's layer. expert-forms.py
// holds each function to its formula.

// JetMoE's mixture of attention heads: experts around an op on slots.
!g8 = !moe.groups<experts = 8, ragged>
func.func @slots(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                 %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %a: tensor<?x3x10xf32> {moe.dims = ["T", "K", "D"]},
                 %wq: tensor<8x10x12xf32>, %wo: tensor<8x12x10xf32>)
    -> (tensor<?x3x10xf32> {moe.name = "q"}, tensor<?x12xf32> {moe.name = "y"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%wq) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<10x12xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
    moe.yield %y : tensor<?x10xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x10x12xf32>) -> tensor<?x10xf32>
  %q = moe.combine %o by %g weights %w reduce none acc f32 order slot : (tensor<?x10xf32>, !g8, tensor<?x3xf32>) -> tensor<?x3x10xf32>
  %s = arith.mulf %q, %a : tensor<?x3x10xf32>
  %ra = moe.dispatch %s by %g : tensor<?x3x10xf32>, !g8 -> tensor<?x10xf32>
  %oa = moe.expert %ra by %g weights(%wo) {
  ^bb0(%r0: tensor<?x10xf32>, %w0: tensor<12x10xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x10xf32>, !g8, tensor<8x12x10xf32>) -> tensor<?x12xf32>
  %y = moe.combine %oa by %g weights %w acc f32 order expert : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  return %q, %y : tensor<?x3x10xf32>, tensor<?x12xf32>
}

// Identity, zero and constant experts between those with weights, of which some
// are elsewhere.
!v = !moe.groups<experts = 8, local = [1, 7], ragged>
func.func @virtual(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                   %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %init: tensor<?x12xf32> {moe.dims = ["T", "H"]},
                   %up: tensor<2x12x12xf32>, %c: tensor<2x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}, tensor<?x12xf32> {moe.name = "plain"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !v
  %r = moe.dispatch %x by %g scale %w : tensor<?x12xf32>, !v, tensor<?x3xf32> -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%up) virtual [#moe.virtual<identity 2 to 3>, #moe.virtual<constant 4 to 5>, #moe.virtual<zero 7 to 7>] constants(%c) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %a = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    %y = moe.activate relu2(%a) : (tensor<?x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !v, tensor<2x12x12xf32>, tensor<2x12xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w init %init acc f32 order slot : (tensor<?x12xf32>, !v, tensor<?x3xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  %p = moe.combine %o by %g acc f32 order slot : (tensor<?x12xf32>, !v) -> tensor<?x12xf32>
  return %y, %p : tensor<?x12xf32>, tensor<?x12xf32>
}

// Expert choice: every expert picks four tokens.
func.func @picks(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %picks: tensor<8x4xi32>, %w: tensor<8x4xf32>,
                 %init: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %up: tensor<8x12x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}, tensor<?x12xf32> {moe.name = "scaled"}) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x12xf32>
  %g = moe.group %picks axis expert tokens %t : tensor<8x4xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<32x12xf32>
  %o = moe.expert %r by %g weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %a = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    %y = moe.activate relu2(%a) : (tensor<?x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<32x12xf32>, !g8, tensor<8x12x12xf32>) -> tensor<32x12xf32>
  %y = moe.combine %o by %g weights %w init %init acc f32 order expert : (tensor<32x12xf32>, !g8, tensor<8x4xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  %rs = moe.dispatch %x by %g scale %w : tensor<?x12xf32>, !g8, tensor<8x4xf32> -> tensor<32x12xf32>
  %s = moe.combine %rs by %g acc f32 order slot : (tensor<32x12xf32>, !g8) -> tensor<?x12xf32>
  return %y, %s : tensor<?x12xf32>, tensor<?x12xf32>
}

// Rows of every layout, of one layer.
!ga = !moe.groups<experts = 8, aligned<4>>
!gp = !moe.groups<experts = 8, padded<5>>
!gd = !moe.groups<experts = 8, dense>
func.func @layouts(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                   %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %up: tensor<8x12x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "aligned"}, tensor<?x12xf32> {moe.name = "padded"}, tensor<?x12xf32> {moe.name = "dense"}) {
  %ga = moe.group %ids : tensor<?x3xi32> -> !ga
  %ra = moe.dispatch %x by %ga : tensor<?x12xf32>, !ga -> tensor<?x12xf32>
  %oa = moe.expert %ra by %ga weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !ga, tensor<8x12x12xf32>) -> tensor<?x12xf32>
  %ya = moe.combine %oa by %ga weights %w acc f32 order slot : (tensor<?x12xf32>, !ga, tensor<?x3xf32>) -> tensor<?x12xf32>
  %ids2, %w2 = moe.capacity %ids, %w cap 5 order token_major overflow drop : tensor<?x3xi32>, tensor<?x3xf32>
  %gp = moe.group %ids2 : tensor<?x3xi32> -> !gp
  %rp = moe.dispatch %x by %gp : tensor<?x12xf32>, !gp -> tensor<40x12xf32>
  %op = moe.expert %rp by %gp weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<40x12xf32>, !gp, tensor<8x12x12xf32>) -> tensor<40x12xf32>
  %yp = moe.combine %op by %gp weights %w2 acc f32 order slot : (tensor<40x12xf32>, !gp, tensor<?x3xf32>) -> tensor<?x12xf32>
  %gd = moe.group %ids : tensor<?x3xi32> -> !gd
  %rd = moe.dispatch %x by %gd : tensor<?x12xf32>, !gd -> tensor<?x12xf32>
  %od = moe.expert %rd by %gd weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !gd, tensor<8x12x12xf32>) -> tensor<?x12xf32>
  %yd = moe.combine %od by %gd weights %w acc f32 order expert : (tensor<?x12xf32>, !gd, tensor<?x3xf32>) -> tensor<?x12xf32>
  return %ya, %yp, %yd : tensor<?x12xf32>, tensor<?x12xf32>, tensor<?x12xf32>
}

// Soft MoE: every expert has two mixtures of all tokens.
!s4 = !moe.groups<experts = 4, ragged>
func.func @soft(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %d: tensor<?x4x2xf32> {moe.dims = ["T", "E", "P"]},
                %c: tensor<?x4x2xf32> {moe.dims = ["T", "E", "P"]}, %up: tensor<4x12x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %r = moe.soft_dispatch %x by %d : tensor<?x12xf32>, tensor<?x4x2xf32> -> tensor<4x2x12xf32>
  %rows = tensor.collapse_shape %r [[0, 1], [2]] : tensor<4x2x12xf32> into tensor<8x12xf32>
  %offsets = arith.constant dense<[0, 2, 4, 6, 8]> : tensor<5xi32>
  %g = moe.groups_from_offsets %offsets : tensor<5xi32> -> !s4
  %o = moe.expert %rows by %g weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %a = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    %y = moe.activate relu2(%a) : (tensor<?x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<8x12xf32>, !s4, tensor<4x12x12xf32>) -> tensor<8x12xf32>
  %slots = tensor.expand_shape %o [[0, 1], [2]] output_shape [4, 2, 12] : tensor<8x12xf32> into tensor<4x2x12xf32>
  %y = moe.soft_combine %slots by %c : tensor<4x2x12xf32>, tensor<?x4x2xf32> -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// Lory and SMEAR: segments of tokens have merged experts.
func.func @merge(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %gates: tensor<4x8xf32>, %offsets: tensor<5xi32>, %up: tensor<8x12x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %w = moe.merge %up by %gates : tensor<8x12x12xf32>, tensor<4x8xf32> -> tensor<4x12x12xf32>
  %g = moe.groups_from_offsets %offsets : tensor<5xi32> -> !s4
  %o = moe.expert %x by %g weights(%w) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !s4, tensor<4x12x12xf32>) -> tensor<?x12xf32>
  return %o : tensor<?x12xf32>
}

// MMoE: all experts once, two gates.
func.func @gates(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                 %w0: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %w1: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %up: tensor<8x12x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y0"}, tensor<?x12xf32> {moe.name = "y1"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w: tensor<12x12xf32>):
    %y = moe.linear %r0, %w acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x12x12xf32>) -> tensor<?x12xf32>
  %y0 = moe.combine %o by %g weights %w0 acc f32 order slot : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  %y1 = moe.combine %o by %g weights %w1 acc f32 order expert : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  return %y0, %y1 : tensor<?x12xf32>, tensor<?x12xf32>
}

// A norm behind the expert, by the expert's own scale, and what it saw, tapped.
func.func @norm(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %up: tensor<8x12x12xf32>, %scale: tensor<8x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%up, %scale) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<12x12xf32>, %s0: tensor<12xf32>):
    %a = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<12x12xf32>) -> tensor<?x12xf32>
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %n = tensor.dim %a, %c0 : tensor<?x12xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %q = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<?x12xf32>) outs(%f : tensor<?xf32>) {
    ^bb0(%v: f32, %s: f32):
      %sq = arith.mulf %v, %v : f32
      %t = arith.addf %s, %sq : f32
      linalg.yield %t : f32
    } -> tensor<?xf32>
    %e2 = tensor.empty(%n) : tensor<?x12xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%a, %q, %s0 : tensor<?x12xf32>, tensor<?xf32>, tensor<12xf32>) outs(%e2 : tensor<?x12xf32>) {
    ^bb0(%v: f32, %s: f32, %k: f32, %u: f32):
      %h = arith.constant 12.0 : f32
      %eps = arith.constant 1.0e-6 : f32
      %m = arith.divf %s, %h : f32
      %p = arith.addf %m, %eps : f32
      %root = math.sqrt %p : f32
      %d = arith.divf %v, %root : f32
      %z = arith.mulf %d, %k : f32
      linalg.yield %z : f32
    } -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x12x12xf32>, tensor<8x12xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  %twice = arith.addf %y, %y : tensor<?x12xf32>
  moe.tap "twice" %twice : tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// LoRA on both products of an expert, the second scaled and biased by expert.
func.func @lora(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %up: tensor<8x10x12xf32>, %a: tensor<8x3x12xf32>, %b: tensor<8x10x3xf32>,
                %down: tensor<8x12x10xf32>, %bias: tensor<8x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%up, %a, %b, %down, %bias) {
  ^bb0(%r0: tensor<?x12xf32>, %u0: tensor<10x12xf32>, %a0: tensor<3x12xf32>, %b0: tensor<10x3xf32>, %d0: tensor<12x10xf32>, %c0: tensor<12xf32>):
    %base = moe.linear %r0, %u0 acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
    %low = moe.linear %r0, %a0 acc f32 : (tensor<?x12xf32>, tensor<3x12xf32>) -> tensor<?x3xf32>
    %delta = moe.linear %low, %b0 acc f32 : (tensor<?x3xf32>, tensor<10x3xf32>) -> tensor<?x10xf32>
    %zero = arith.constant 0 : index
    %n = tensor.dim %r0, %zero : tensor<?x12xf32>
    %e = tensor.empty(%n) : tensor<?x10xf32>
    %two = arith.constant 2.0 : f32
    %s = linalg.fill ins(%two : f32) outs(%e : tensor<?x10xf32>) -> tensor<?x10xf32>
    %scaled = arith.mulf %delta, %s : tensor<?x10xf32>
    %sum = arith.addf %base, %scaled : tensor<?x10xf32>
    %h = moe.activate relu2(%sum) : (tensor<?x10xf32>) -> tensor<?x10xf32>
    %y = moe.linear %h, %d0 bias %c0 acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>, tensor<12xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x10x12xf32>, tensor<8x3x12xf32>, tensor<8x10x3xf32>, tensor<8x12x10xf32>, tensor<8x12xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// MoLoRA and LoRAMoE: one base product, adapters of all experts by dense gates.
// The ids name every expert.
func.func @molora(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x8xi32> {moe.dims = ["T", "E"]},
                  %p: tensor<?x8xf32> {moe.dims = ["T", "E"]}, %base: tensor<10x12xf32>, %a: tensor<8x3x12xf32>, %b: tensor<8x10x3xf32>)
    -> (tensor<?x10xf32> {moe.name = "y"}) {
  %y0 = moe.linear %x, %base acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
  %g = moe.group %ids : tensor<?x8xi32> -> !gd
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !gd -> tensor<?x12xf32>
  %o = moe.expert %r by %g weights(%a, %b) {
  ^bb0(%r0: tensor<?x12xf32>, %a0: tensor<3x12xf32>, %b0: tensor<10x3xf32>):
    %u = moe.linear %r0, %a0 acc f32 : (tensor<?x12xf32>, tensor<3x12xf32>) -> tensor<?x3xf32>
    %v = moe.linear %u, %b0 acc f32 : (tensor<?x3xf32>, tensor<10x3xf32>) -> tensor<?x10xf32>
    moe.yield %v : tensor<?x10xf32>
  } : (tensor<?x12xf32>, !gd, tensor<8x3x12xf32>, tensor<8x10x3xf32>) -> tensor<?x10xf32>
  %y = moe.combine %o by %g weights %p init %y0 acc f32 order expert : (tensor<?x10xf32>, !gd, tensor<?x8xf32>, tensor<?x10xf32>) -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// MoV: one vector a token, merged of all experts' vectors.
func.func @mov(%a: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %p: tensor<?x8xf32> {moe.dims = ["T", "E"]}, %v: tensor<8x12xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %m = moe.merge %v by %p : tensor<8x12xf32>, tensor<?x8xf32> -> tensor<?x12xf32>
  %y = arith.mulf %a, %m : tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// MixLoRA: the base product once a token, adapters by slot, at the FFN.
func.func @mixlora(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                   %w: tensor<?x3xf32> {moe.dims = ["T", "K"]}, %up: tensor<10x12xf32>, %a: tensor<8x3x12xf32>, %b: tensor<8x10x3xf32>,
                   %down: tensor<12x10xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %base = moe.linear %x, %up acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %rb = moe.dispatch %base by %g : tensor<?x10xf32>, !g8 -> tensor<?x10xf32>
  %d = moe.expert %r by %g weights(%a, %b) {
  ^bb0(%r0: tensor<?x12xf32>, %a0: tensor<3x12xf32>, %b0: tensor<10x3xf32>):
    %u = moe.linear %r0, %a0 acc f32 : (tensor<?x12xf32>, tensor<3x12xf32>) -> tensor<?x3xf32>
    %v = moe.linear %u, %b0 acc f32 : (tensor<?x3xf32>, tensor<10x3xf32>) -> tensor<?x10xf32>
    moe.yield %v : tensor<?x10xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x3x12xf32>, tensor<8x10x3xf32>) -> tensor<?x10xf32>
  %sum = arith.addf %rb, %d : tensor<?x10xf32>
  %h = moe.activate relu2(%sum) : (tensor<?x10xf32>) -> tensor<?x10xf32>
  %o = moe.linear %h, %down acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x12xf32>, !g8, tensor<?x3xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

// Weights on the hidden rows, which a dispatch of [T, K, 1] brings there.
func.func @hidden(%x: tensor<?x12xf32> {moe.dims = ["T", "H"]}, %ids: tensor<?x3xi32> {moe.dims = ["T", "K"]},
                  %w: tensor<?x3x1xf32> {moe.dims = ["T", "K", "1"]}, %up: tensor<8x10x12xf32>, %down: tensor<8x12x10xf32>)
    -> (tensor<?x12xf32> {moe.name = "y"}) {
  %g = moe.group %ids : tensor<?x3xi32> -> !g8
  %r = moe.dispatch %x by %g : tensor<?x12xf32>, !g8 -> tensor<?x12xf32>
  %h = moe.expert %r by %g weights(%up) {
  ^bb0(%r0: tensor<?x12xf32>, %w0: tensor<10x12xf32>):
    %a = moe.linear %r0, %w0 acc f32 : (tensor<?x12xf32>, tensor<10x12xf32>) -> tensor<?x10xf32>
    %y = moe.activate relu2(%a) : (tensor<?x10xf32>) -> tensor<?x10xf32>
    moe.yield %y : tensor<?x10xf32>
  } : (tensor<?x12xf32>, !g8, tensor<8x10x12xf32>) -> tensor<?x10xf32>
  %rw = moe.dispatch %w by %g : tensor<?x3x1xf32>, !g8 -> tensor<?x1xf32>
  %hw = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%rw : tensor<?x1xf32>) outs(%h : tensor<?x10xf32>) {
  ^bb0(%k: f32, %v: f32):
    %z = arith.mulf %k, %v : f32
    linalg.yield %z : f32
  } -> tensor<?x10xf32>
  %o = moe.expert %hw by %g weights(%down) {
  ^bb0(%r0: tensor<?x10xf32>, %w0: tensor<12x10xf32>):
    %y = moe.linear %r0, %w0 acc f32 : (tensor<?x10xf32>, tensor<12x10xf32>) -> tensor<?x12xf32>
    moe.yield %y : tensor<?x12xf32>
  } : (tensor<?x10xf32>, !g8, tensor<8x12x10xf32>) -> tensor<?x12xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x12xf32>, !g8) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}
