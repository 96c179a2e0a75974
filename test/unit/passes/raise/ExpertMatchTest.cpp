//===- ExpertMatchTest.cpp - One expert's computation in formulas ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routing.h"

#include "moe/passes/raise/ExpertMatch.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::raise;
using namespace moe::test;

namespace {

/// A token's row of 24, and experts of 48 and 32 columns.
struct Body : Routing {
  Body()
      : Routing(16, 8), t(token()), e(f.variable(experts)),
        h(f.variable(f.integer(32))) {}

  Expr weight(llvm::StringRef name, Expr out, Expr in) {
    return f.call(name, {e, out, in}, false);
  }
  Expr row(Expr k) { return f.call("x", {t, k}, false); }
  Expr product(llvm::StringRef name, Expr column,
               llvm::function_ref<Expr(Expr)> rows, int64_t depth = 24) {
    Expr k = f.variable(f.integer(depth));
    return f.sum(k, f.mul(rows(k), weight(name, column, k)));
  }
  Expr product(llvm::StringRef name, Expr column) {
    return product(name, column, [&](Expr k) { return row(k); });
  }
  Expr silu(Expr x) { return f.mul(x, f.sigmoid(x)); }
  /// down(silu(gate) * up)
  Expr gated() {
    return product(
        "down", h,
        [&](Expr i) {
          return f.mul(silu(product("gate", i)), product("up", i));
        },
        48);
  }
  std::optional<ExpertMatch> match(Expr body) {
    why.clear();
    return matchExpert(f, body, t, e, h, why);
  }

  Expr t, e, h;
  std::string why;
};

TEST(ExpertMatch, AGatedExpert) {
  Body b;
  auto match = b.match(b.gated());
  ASSERT_TRUE(match) << b.why;
  ASSERT_EQ(match->steps.size(), 4u);
  EXPECT_EQ(match->steps[2].activation, semantics::Activation::SwiGLU);
  // The gate is the first operand, whatever the order of the factors.
  ASSERT_EQ(match->steps[2].operands.size(), 2u);
  const ExpertStep &gate = match->steps[match->steps[2].operands[0]];
  EXPECT_EQ(gate.weight, b.weight("gate", gate.out, gate.in));
  EXPECT_EQ(gate.operands[0], -1);
  EXPECT_EQ(match->steps[3].operands[0], 2);
  EXPECT_EQ(match->rows, b.row(match->feature));
}

TEST(ExpertMatch, OneProductOfOneRow) {
  Body b;
  auto match = b.match(b.product("w", b.h));
  ASSERT_TRUE(match) << b.why;
  EXPECT_EQ(match->steps.size(), 1u);
  // Of rows that another column changes, it is no product of rows.
  Expr other = b.product(
      "w", b.h, [&](Expr k) { return b.f.call("x", {b.t, k, b.h}, false); });
  EXPECT_FALSE(b.match(other));
  EXPECT_EQ(b.why, "a sum in it is not a product of rows and a weight");
}

TEST(ExpertMatch, WhatIsSummedMustBeWeighed) {
  Body b;
  Expr k = b.f.variable(b.f.integer(24));
  // A weight that has nothing of the depth.
  Expr flat =
      b.f.sum(k, b.f.mul(b.row(k), b.f.call("w", {b.e, b.h, b.t, k}, false)));
  EXPECT_FALSE(b.match(flat));
  EXPECT_EQ(b.why, "a sum in it is not a product of rows and a weight");
}

TEST(ExpertMatch, BothSidesReadOneKindOfRows) {
  Body b;
  auto with = [&](Expr token) {
    Expr up = b.product(
        "up", b.h, [&](Expr k) { return b.f.call("x", {token, k}, false); });
    return b.match(b.f.mul(b.silu(b.product("gate", b.h)), up));
  };
  EXPECT_TRUE(with(b.t)) << b.why;
  EXPECT_FALSE(with(b.f.add(b.t, b.f.one())));
  EXPECT_EQ(b.why, "it reads two kinds of rows");
}

TEST(ExpertMatch, ABiasBelongsToItsProduct) {
  Body b;
  Expr bias = b.f.call("b", {b.e, b.h}, false);
  auto match = b.match(b.silu(b.f.add(b.product("w", b.h), bias)));
  ASSERT_TRUE(match) << b.why;
  ASSERT_EQ(match->steps.size(), 2u);
  EXPECT_EQ(match->steps[0].bias, bias);
  // What the token changes is no bias.
  Expr residual = b.f.call("r", {b.t, b.h}, false);
  EXPECT_FALSE(b.match(b.silu(b.f.add(b.product("w", b.h), residual))));
  EXPECT_EQ(b.why, "it reads more of the token than the rows");
}

TEST(ExpertMatch, SomethingIsMultiplied) {
  Body b;
  EXPECT_FALSE(b.match(b.silu(b.f.call("b", {b.t, b.e, b.h}, false))));
  EXPECT_EQ(b.why, "it holds no product of rows and a weight");
}

TEST(ExpertMatch, ActivationsOfTheTable) {
  Body b;
  Expr x = b.product("w", b.h);
  auto relu = b.match(b.f.max(x, b.f.zero()));
  ASSERT_TRUE(relu) << b.why;
  EXPECT_EQ(relu->steps[1].activation, semantics::Activation::Relu);
  // A square is in no row, nor is a sigmoid that multiplies another product.
  EXPECT_FALSE(b.match(b.f.mul(x, x)));
  EXPECT_EQ(b.why, "its activation is none that moe.activate knows");
  Expr three = b.f.mul({b.silu(x), b.product("u", b.h), b.product("v", b.h)});
  EXPECT_FALSE(b.match(three));
  EXPECT_EQ(b.why, "its activation is none that moe.activate knows");
}

} // namespace
