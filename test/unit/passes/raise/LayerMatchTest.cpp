//===- LayerMatchTest.cpp - MoE layers in formulas ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routing.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::raise;
using namespace moe::test;

namespace {

/// Experts of one product, a bias, and gelu.
struct Layer : Routing {
  Layer() : Routing(16, 8), t(token()), h(f.variable(f.integer(32))) {}
  Expr product(Expr t, Expr e, Expr column) {
    Expr k = f.variable(f.integer(24));
    return f.sum(k, f.mul(f.call("x", {t, k}, false),
                          f.call("w", {e, column, k}, false)));
  }
  Expr biased(Expr t, Expr e, Expr column) {
    return f.add(product(t, e, column), f.call("b", {e, column}, false));
  }
  /// x * (1 + tanh(c * (x + d * x * x * x))), times `half`.
  Expr gelu(Expr x, Expr half) {
    Expr inner = f.mul(f.number(0.7978845608028654),
                       f.add(x, f.mul({f.number(0.044715), x, x, x})));
    Expr tanh = f.call("math.tanh{}f32", {inner}, false);
    return f.mul({half, x, f.add(f.one(), tanh)});
  }
  Expr down(Expr e, llvm::function_ref<Expr(Expr)> hidden) {
    Expr i = f.variable(f.integer(48));
    return f.sum(i, f.mul(hidden(i), f.call("v", {e, h, i}, false)));
  }
  std::optional<LayerMatch> match(Expr value) {
    return matchLayer(f, value, t, h, why);
  }

  Expr t, h;
  std::string why;
};

TEST(LayerMatch, ABiasedActivationWithItsHalfOutside) {
  Layer r;
  Expr e = r.pick(r.t, r.f.zero());
  Expr half = r.f.number(0.5);
  Expr body =
      r.down(e, [&](Expr i) { return r.gelu(r.biased(r.t, e, i), half); });
  auto match = r.match(r.f.mul(r.softmax(r.t, e), body));
  ASSERT_TRUE(match) << r.why;
  ASSERT_EQ(match->body.steps.size(), 3u);
  EXPECT_EQ(match->body.steps[1].activation, semantics::Activation::GeluTanh);
  EXPECT_TRUE(match->body.steps[0].bias);
  EXPECT_EQ(match->weights[0], r.softmax(r.t, e));
  // A third is no half.
  Expr third = r.down(
      e, [&](Expr i) { return r.gelu(r.biased(r.t, e, i), r.f.number(0.25)); });
  auto scaled = r.match(r.f.mul(r.softmax(r.t, e), third));
  EXPECT_FALSE(scaled && scaled->weights[0] == r.softmax(r.t, e));
}

TEST(LayerMatch, ATermForEachPick) {
  Layer r;
  auto term = [&](unsigned rank, Expr weight) {
    return r.f.mul(weight, r.product(r.t, r.pick(r.t, r.f.integer(rank)), r.h));
  };
  Expr u = r.f.call("u", {r.t}, false), v = r.f.call("v", {r.t}, false);
  auto match = r.match(r.f.add(term(0, u), term(1, v)));
  ASSERT_TRUE(match) << r.why;
  EXPECT_EQ(match->count, 2);
  ASSERT_EQ(match->weights.size(), 2u);
  EXPECT_EQ(match->weights[1], v);
  // The second pick without the first is none of two.
  EXPECT_FALSE(r.match(r.f.add(term(1, u), term(2, v))));
}

TEST(LayerMatch, ExpertsThatChoose) {
  Layer r;
  Expr e = r.f.variable(r.experts), c = r.f.variable(r.f.integer(4));
  Expr name = r.token();
  Expr chosen = r.f.pick(name, r.softmax(name, e), c);
  Expr value = r.f.sum(
      e, r.f.sum(c, r.f.mul({r.f.equal(r.t, chosen), r.softmax(chosen, e),
                             r.product(chosen, e, r.h)})));
  auto match = r.match(value);
  ASSERT_TRUE(match) << r.why;
  EXPECT_TRUE(match->expertsChoose);
  EXPECT_EQ(match->count, 4);
  // Of another expert's token.
  Expr other = r.f.pick(name, r.softmax(name, r.f.zero()), c);
  EXPECT_FALSE(r.match(
      r.f.sum(e, r.f.sum(c, r.f.mul({r.f.equal(r.t, other), r.softmax(other, e),
                                     r.product(other, e, r.h)})))));
}

TEST(LayerMatch, AMaskThatLetsInOtherTokens) {
  Layer r;
  Expr e = r.pick(r.t, r.f.zero()), u = r.token();
  Expr mixed = r.f.sum(u, r.f.mul(r.f.equal(r.pick(u, r.f.zero()), e),
                                  r.f.call("x", {u, r.h}, false)));
  Expr k = r.f.variable(r.f.integer(24));
  Expr value = r.f.mul(r.softmax(r.t, e),
                       r.f.sum(k, r.f.mul(r.f.substitute(mixed, r.h, k),
                                          r.f.call("w", {e, r.h, k}, false))));
  EXPECT_FALSE(r.match(value));
  EXPECT_EQ(r.why, "the part that depends on the expert is no expert: more "
                   "than one token may have a place of an expert");
}

} // namespace
