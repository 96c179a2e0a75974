// Each function is what one rewrite of moe-simplify-layers, the one that it is
// named for, is about; rewrites.py holds its values before and after to each other.

func.func @zero_bias(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %b = arith.constant dense<0.0> : tensor<8xf32>
  %ids, %w = moe.route %l score sigmoid bias %b groups(4 keep 2 by max fill 0) select top_k(2) normalize l1 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

func.func @zero_noise(%l: tensor<5x8xf32>) -> (tensor<5x3xi32>, tensor<5x3xf32>) {
  %n = arith.constant dense<0.0> : tensor<5x8xf32>
  %ids, %w = moe.route %l select top_k(3) noise gumbel(%n) normalize softmax : tensor<5x8xf32>, tensor<5x8xf32> -> tensor<5x3xi32>, tensor<5x3xf32>
  return %ids, %w : tensor<5x3xi32>, tensor<5x3xf32>
}

func.func @zero_noise_of_the_second(%l: tensor<5x8xf32>) -> (tensor<5x2xi32>, tensor<5x2xf32>) {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x8xf32>
  %n = linalg.fill ins(%c : f32) outs(%e : tensor<5x8xf32>) -> tensor<5x8xf32>
  %ids, %w = moe.route %l score softmax select top_k(2) noise second_gumbel(%n) : tensor<5x8xf32>, tensor<5x8xf32> -> tensor<5x2xi32>, tensor<5x2xf32>
  return %ids, %w : tensor<5x2xi32>, tensor<5x2xf32>
}

func.func @all_valid(%l: tensor<5x8xf32>) -> (tensor<5x2xi32>, tensor<5x2xf32>) {
  %v = arith.constant dense<true> : tensor<5xi1>
  %ids, %w = moe.route %l score softmax select top_k(2) valid(%v) : tensor<5x8xf32>, tensor<5xi1> -> tensor<5x2xi32>, tensor<5x2xf32>
  return %ids, %w : tensor<5x2xi32>, tensor<5x2xf32>
}

func.func @pick_all(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>, %b: tensor<8xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score sigmoid bias %b groups(4 keep 2 by max fill 0) select top_k(8) normalize l1(eps 1.0e-9 add) scale 1.5 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  %g = moe.group %ids : tensor<?x8xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @equal_bias(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %b = arith.constant dense<-0.75> : tensor<8xf32>
  %ids, %w = moe.route %l score sigmoid bias %b groups(4 keep 2 by max fill -inf) select top_k(3) normalize l1 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @fill_neg_inf(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %ids, %w = moe.route %l score sqrtsoftplus groups(4 keep 2 by top2_sum fill 0) select top_k(3) : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @softmax_of_picks(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %ids, %w = moe.route %l score softmax groups(4 keep 2 by max fill -inf) select top_k(3) normalize l1(eps 1.0e-20 add) scale 2.5 : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @softmax_of_picks_and_always(%l: tensor<?x8xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %ids, %w = moe.route %l score softmax select top_k(2) always(2 joint) normalize l1 : tensor<?x8xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %ids, %w : tensor<?x4xi32>, tensor<?x4xf32>
}

func.func @sigmoid_of_picks(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %ids, %w = moe.route %l score sigmoid select top_k(3) normalize l1(eps 1.0e-9 max) scale 2.5 : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @sigmoid_of_picks_alone(%l: tensor<?x8xf32>) -> (tensor<?x1xi32>, tensor<?x1xf32>) {
  %ids, %w = moe.route %l score sigmoid select top_k(1) : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  return %ids, %w : tensor<?x1xi32>, tensor<?x1xf32>
}

func.func @single_pick(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @single_pick_of_logits(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l select top_k(1) normalize softmax : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @single_pick_kept(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %i, %p = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %ids, %w = moe.capacity %i, %p cap 3 order token_major overflow drop : tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @single_pick_entering(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %w : tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @single_positive_pick(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score sigmoid select top_k(1) normalize l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @single_positive_pick_entering(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l select top_k(1) normalize sigmoid, l1 : tensor<?x8xf32> -> tensor<?x1xi32>, tensor<?x1xf32>
  %g = moe.group %ids : tensor<?x1xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %w : tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x1xf32> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @unit_weights(%l: tensor<5x8xf32>, %x: tensor<5x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<5x16xf32> {
  %u = arith.constant dense<1.0> : tensor<5x2xf32>
  %ids, %w = moe.route %l select top_k(2) : tensor<5x8xf32> -> tensor<5x2xi32>, tensor<5x2xf32>
  %g = moe.group %ids : tensor<5x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<5x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<10x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<10x16xf32>
  %y = moe.combine %o by %g weights %u acc f32 order slot : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>, tensor<5x2xf32>) -> tensor<5x16xf32>
  return %y : tensor<5x16xf32>
}

func.func @unit_weights_entering(%l: tensor<5x8xf32>, %x: tensor<5x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<5x16xf32> {
  %u = arith.constant dense<1.0> : tensor<5x2xf32>
  %ids, %w = moe.route %l select top_k(2) : tensor<5x8xf32> -> tensor<5x2xi32>, tensor<5x2xf32>
  %g = moe.group %ids : tensor<5x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %u : tensor<5x16xf32>, !moe.groups<experts = 8, ragged>, tensor<5x2xf32> -> tensor<10x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %h = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    moe.yield %h : tensor<?x16xf32>
  } : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<10x16xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<5x16xf32>
  return %y : tensor<5x16xf32>
}

func.func @unit_expert_scale(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %s = arith.constant dense<1.0> : tensor<8xf32>
  %ids, %w = moe.route %l score sigmoid select top_k(2) scale 2.5 expert_scale %s : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

func.func @equal_expert_scale(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %s = arith.constant dense<0.3> : tensor<8xf32>
  %ids, %w = moe.route %l score sigmoid select top_k(2) scale 2.5 expert_scale %s : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

func.func @norm_of_norm(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %ids, %w = moe.route %l select top_k(3) normalize softmax, l1 : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @norm_of_norm_by_sums(%l: tensor<?x8xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>) {
  %ids, %w = moe.route %l score sigmoid select top_k(3) normalize lp(2.0, eps 1.0e-3 add), l1 : tensor<?x8xf32> -> tensor<?x3xi32>, tensor<?x3xf32>
  return %ids, %w : tensor<?x3xi32>, tensor<?x3xf32>
}

func.func @norm_of_norm_of_all(%l: tensor<?x8xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %ids, %w = moe.route %l score softmax select all normalize l1 : tensor<?x8xf32> -> tensor<?x8xi32>, tensor<?x8xf32>
  return %ids, %w : tensor<?x8xi32>, tensor<?x8xf32>
}

func.func @scale_before_renorm(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %p = moe.route %l score softmax select top_k(2) scale 2.5 : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %ids, %w = moe.capacity %i, %p cap ceil(T * 2 / 8) minimum 1 order weight overflow drop renorm l1 : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %ids, %w, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}

func.func @renorm_before(%l: tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>) {
  %i, %p = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %ids, %w = moe.capacity %i, %p cap ceil(T * 9 / 8) minimum 1 order rank_major overflow drop renorm l1(eps 1.0e-7 max) : tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %o = moe.offsets %g : !moe.groups<experts = 8, ragged> -> tensor<9xi32>
  return %ids, %w, %o : tensor<?x2xi32>, tensor<?x2xf32>, tensor<9xi32>
}

func.func @identity_experts(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g {
  ^bb0(%rows: tensor<?x16xf32>):
    moe.yield %rows : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @rows_back(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %q = moe.combine %o by %g reduce none acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x2x16xf32>
  %z = moe.dispatch %q by %g : tensor<?x2x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %y = moe.combine %z by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @zero_init(%l: tensor<5x8xf32>, %x: tensor<5x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<5x16xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<5x16xf32>
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<5x16xf32>) -> tensor<5x16xf32>
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<5x8xf32> -> tensor<5x2xi32>, tensor<5x2xf32>
  %g = moe.group %ids : tensor<5x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<5x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<10x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<10x16xf32>
  %y = moe.combine %o by %g weights %w init %zero acc f32 order slot : (tensor<10x16xf32>, !moe.groups<experts = 8, ragged>, tensor<5x2xf32>, tensor<5x16xf32>) -> tensor<5x16xf32>
  return %y : tensor<5x16xf32>
}

func.func @add_into_init(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %sum = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  %y = arith.addf %sum, %x : tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @add_into_init_of_linalg(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>, %e: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %sum = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  %y = linalg.add ins(%x, %sum : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @add_into_init_of_loops(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>, %e: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %sum = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<?x16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

func.func @add_into_init_expanded(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %v: tensor<1x?x16xf32>, %e: tensor<1x?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<1x?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g : tensor<?x16xf32>, !moe.groups<experts = 8, ragged> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %a : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %sum = moe.combine %o by %g weights %w acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32>) -> tensor<?x16xf32>
  %zero = arith.constant 0 : index
  %t = tensor.dim %x, %zero : tensor<?x16xf32>
  %wide = tensor.expand_shape %sum [[0, 1], [2]] output_shape [1, %t, 16] : tensor<?x16xf32> into tensor<1x?x16xf32>
  %y = linalg.add ins(%wide, %v : tensor<1x?x16xf32>, tensor<1x?x16xf32>) outs(%e : tensor<1x?x16xf32>) -> tensor<1x?x16xf32>
  return %y : tensor<1x?x16xf32>
}

func.func @scale_after_experts(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l score softmax select top_k(2) : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %w : tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %b = moe.linear %a, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %c = arith.subf %a, %b : tensor<?x16xf32>
    moe.yield %c : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
func.func @scale_after_experts_relu(%l: tensor<?x8xf32>, %x: tensor<?x16xf32>, %m: tensor<8x16x16xf32>) -> tensor<?x16xf32> {
  %ids, %w = moe.route %l select top_k(2) normalize softmax : tensor<?x8xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = moe.group %ids : tensor<?x2xi32> -> !moe.groups<experts = 8, ragged>
  %r = moe.dispatch %x by %g scale %w : tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<?x2xf32> -> tensor<?x16xf32>
  %o = moe.expert %r by %g weights(%m) {
  ^bb0(%rows: tensor<?x16xf32>, %one: tensor<16x16xf32>):
    %a = moe.linear %rows, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %b = moe.activate relu(%a) : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %c = moe.linear %b, %one acc f32 : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    moe.yield %c : tensor<?x16xf32>
  } : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>, tensor<8x16x16xf32>) -> tensor<?x16xf32>
  %y = moe.combine %o by %g acc f32 order slot : (tensor<?x16xf32>, !moe.groups<experts = 8, ragged>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
