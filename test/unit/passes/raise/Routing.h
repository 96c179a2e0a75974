//===- Routing.h - Formulas of a router for tests ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of the raise's analyses share: the picks of a token over
// unknown logits, and the places of a slot as three people would count them.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_PASSES_RAISE_ROUTING_H
#define MOE_TEST_PASSES_RAISE_ROUTING_H

#include "moe/passes/raise/LayerMatch.h"

namespace moe::test {

using raise::Expr;

struct Routing {
  Routing(int64_t numTokens, int64_t numExperts)
      : tokens(f.integer(numTokens)), experts(f.integer(numExperts)) {}

  Expr token() { return f.variable(tokens); }
  Expr logit(Expr t, Expr e) { return f.call("logit", {t, e}, false); }
  Expr pick(Expr t, Expr rank) {
    Expr e = f.variable(experts);
    return f.pick(e, logit(t, e), rank);
  }
  Expr softmax(Expr t, Expr at) {
    Expr e = f.variable(experts);
    return f.softmax(e, logit(t, e), at);
  }
  /// How many tokens before `t` have expert `e` at this rank.
  Expr before(Expr t, Expr e, Expr rank) {
    Expr o = token();
    return f.sum(o, f.mul(f.less(o, t), f.equal(pick(o, rank), e)));
  }
  Expr all(Expr e, Expr rank) {
    Expr o = token();
    return f.sum(o, f.equal(pick(o, rank), e));
  }

  raise::Formulas f;
  Expr tokens, experts;
};

} // namespace moe::test

#endif // MOE_TEST_PASSES_RAISE_ROUTING_H
