//===- ArithTest.cpp - arith and math as their documents say --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cmath>
#include <limits>

using namespace moe;
using namespace moe::interpret::test;
using testing::Test;

static const double kNaN = std::numeric_limits<double>::quiet_NaN();
static const double kInf = std::numeric_limits<double>::infinity();

/// One op over two tensors of a type.
static Program binary(const std::string &op, const std::string &type,
                      core::Tensor a, core::Tensor b) {
  std::string tensor = "tensor<?x" + type + ">";
  return {"func.func @main(%a: " + tensor + ", %b: " + tensor + ") -> " +
              tensor + " { %r = " + op + " %a, %b : " + tensor +
              " return %r : " + tensor + " }",
          {std::move(a), std::move(b)}};
}
static Program compare(const std::string &op, const std::string &type,
                       core::Tensor a, core::Tensor b) {
  std::string tensor = "tensor<?x" + type + ">";
  return {"func.func @main(%a: " + tensor + ", %b: " + tensor +
              ") -> tensor<?xi1> { %r = " + op + ", %a, %b : " + tensor +
              " return %r : tensor<?xi1> }",
          {std::move(a), std::move(b)}};
}
static Program unary(const std::string &op, const std::string &from,
                     const std::string &to, core::Tensor a) {
  std::string in = "tensor<?x" + from + ">", out = "tensor<?x" + to + ">";
  std::string types = from == to ? in : in + " to " + out;
  return {"func.func @main(%a: " + in + ") -> " + out + " { %r = " + op +
              " %a : " + types + " return %r : " + out + " }",
          {std::move(a)}};
}
using Values = std::vector<double>;

TEST(Arith, RoundsEachResultToItsType) {
  // 1 + 2^-24 is halfway between two floats: to even.
  Program add = binary("arith.addf", "f32", f32({2}, {1, 1}),
                       f32({2}, {std::ldexp(1, -24), std::ldexp(3, -24)}));
  EXPECT_EQ(add.values(), (Values{1, 1 + std::ldexp(1, -22)}));
  add.options.exact = true;
  EXPECT_EQ(add.values(),
            (Values{1 + std::ldexp(1, -24), 1 + std::ldexp(3, -24)}));
}

TEST(Arith, BF16IsRoundedAfterEveryOp) {
  using core::DType;
  // 1 + 2^-9 rounds down to 1 in bf16.
  Program add = binary("arith.addf", "bf16", tensorOf(DType::BF16, {1}, {1}),
                       tensorOf(DType::BF16, {1}, {std::ldexp(1, -9)}));
  EXPECT_EQ(add.values(), Values{1});
  Program truncate =
      unary("arith.truncf", "f32", "bf16", f32({2}, {1.00390625, 3.0}));
  EXPECT_EQ(truncate.values(), (Values{1, 3}));
  truncate.options.exact = true;
  EXPECT_EQ(truncate.values(), (Values{1.00390625, 3}));
}

TEST(Arith, MaximumPropagatesNaNAndMaxnumDoesNot) {
  core::Tensor a = f32({3}, {kNaN, 1, -0.0}), b = f32({3}, {2, kNaN, 0.0});
  Values maximum = binary("arith.maximumf", "f32", a, b).values();
  EXPECT_TRUE(std::isnan(maximum[0]) && std::isnan(maximum[1]));
  EXPECT_FALSE(std::signbit(maximum[2]));
  Values minimum = binary("arith.minimumf", "f32", a, b).values();
  EXPECT_TRUE(std::isnan(minimum[0]) && std::isnan(minimum[1]));
  EXPECT_TRUE(std::signbit(minimum[2]));
  EXPECT_EQ(binary("arith.maxnumf", "f32", a, b).values(), (Values{2, 1, 0}));
  EXPECT_EQ(binary("arith.minnumf", "f32", a, b).values(), (Values{2, 1, 0}));
}

TEST(Arith, ComparisonsOfNaN) {
  core::Tensor a = f32({4}, {1, 2, kNaN, 2}), b = f32({4}, {2, 1, 1, 2});
  auto holds = [&](const char *predicate) {
    return compare(std::string("arith.cmpf ") + predicate, "f32", a, b)
        .values();
  };
  EXPECT_EQ(holds("oeq"), (Values{0, 0, 0, 1}));
  EXPECT_EQ(holds("ogt"), (Values{0, 1, 0, 0}));
  EXPECT_EQ(holds("oge"), (Values{0, 1, 0, 1}));
  EXPECT_EQ(holds("olt"), (Values{1, 0, 0, 0}));
  EXPECT_EQ(holds("ole"), (Values{1, 0, 0, 1}));
  EXPECT_EQ(holds("one"), (Values{1, 1, 0, 0}));
  EXPECT_EQ(holds("ord"), (Values{1, 1, 0, 1}));
  EXPECT_EQ(holds("ueq"), (Values{0, 0, 1, 1}));
  EXPECT_EQ(holds("ugt"), (Values{0, 1, 1, 0}));
  EXPECT_EQ(holds("uge"), (Values{0, 1, 1, 1}));
  EXPECT_EQ(holds("ult"), (Values{1, 0, 1, 0}));
  EXPECT_EQ(holds("ule"), (Values{1, 0, 1, 1}));
  EXPECT_EQ(holds("une"), (Values{1, 1, 1, 0}));
  EXPECT_EQ(holds("uno"), (Values{0, 0, 1, 0}));
  EXPECT_EQ(holds("true"), (Values{1, 1, 1, 1}));
  EXPECT_EQ(holds("false"), (Values{0, 0, 0, 0}));
}

TEST(Arith, IntegersWrapAndSignednessBelongsToTheOp) {
  core::Tensor a = i32({3}, {2147483647, -7, 7}), b = i32({3}, {1, 2, -2});
  EXPECT_EQ(binary("arith.addi", "i32", a, b).values(),
            (Values{-2147483648.0, -5, 5}));
  EXPECT_EQ(binary("arith.divsi", "i32", a, b).values(),
            (Values{2147483647, -3, -3}));
  EXPECT_EQ(binary("arith.remsi", "i32", a, b).values(), (Values{0, -1, 1}));
  EXPECT_EQ(binary("arith.floordivsi", "i32", a, b).values(),
            (Values{2147483647, -4, -4}));
  EXPECT_EQ(binary("arith.ceildivsi", "i32", a, b).values(),
            (Values{2147483647, -3, -3}));
  EXPECT_EQ(binary("arith.divui", "i32", a, b).values(),
            (Values{2147483647, 2147483644, 0}));
  EXPECT_EQ(binary("arith.maxui", "i32", a, b).values(),
            (Values{2147483647, -7, -2}));
  EXPECT_EQ(compare("arith.cmpi ult", "i32", a, b).values(), (Values{0, 0, 1}));
  EXPECT_EQ(compare("arith.cmpi slt", "i32", a, b).values(), (Values{0, 1, 0}));
  // The one quotient that does not fit.
  EXPECT_EQ(
      binary("arith.divsi", "i32", i32({1}, {-2147483648.0}), i32({1}, {-1}))
          .values(),
      Values{-2147483648.0});
}

TEST(Arith, ShiftsByTheWidthAreZero) {
  core::Tensor a = i32({3}, {-8, -8, -8}), b = i32({3}, {1, 31, 32});
  EXPECT_EQ(binary("arith.shrsi", "i32", a, b).values(), (Values{-4, -1, 0}));
  EXPECT_EQ(binary("arith.shrui", "i32", a, b).values(),
            (Values{2147483644, 1, 0}));
  EXPECT_EQ(binary("arith.shli", "i32", a, b).values(), (Values{-16, 0, 0}));
}

TEST(Arith, TrueIsMinusOneWhereItIsSigned) {
  core::Tensor flags = tensorOf(core::DType::Bool, {2}, {0, 1});
  EXPECT_EQ(unary("arith.sitofp", "i1", "f32", flags).values(),
            (Values{0, -1}));
  EXPECT_EQ(unary("arith.uitofp", "i1", "f32", flags).values(), (Values{0, 1}));
  EXPECT_EQ(unary("arith.extsi", "i1", "i32", flags).values(), (Values{0, -1}));
  EXPECT_EQ(unary("arith.extui", "i1", "i32", flags).values(), (Values{0, 1}));
  EXPECT_EQ(binary("arith.addi", "i1", flags, flags).values(), (Values{0, 0}));
  EXPECT_EQ(unary("arith.trunci", "i32", "i1", i32({3}, {2, 3, -1})).values(),
            (Values{0, 1, 1}));
}

TEST(Arith, Conversions) {
  EXPECT_EQ(unary("arith.fptosi", "f32", "i32",
                  f32({6}, {-1.75, 1.75, kNaN, 1e20, -kInf, -2147483648.0}))
                .values(),
            (Values{-1, 1, 0, 2147483647, -2147483648.0, -2147483648.0}));
  EXPECT_EQ(unary("arith.bitcast", "f32", "i32", f32({2}, {1, -0.0})).values(),
            (Values{1065353216, -2147483648.0}));
  EXPECT_EQ(
      unary("arith.bitcast", "i32", "f32", i32({1}, {1065353216})).values(),
      Values{1});
  EXPECT_EQ(unary("arith.uitofp", "i32", "f32", i32({1}, {-1})).values(),
            Values{4294967296.0});
}

TEST(Arith, SelectByTensorAndByScalar) {
  Program byTensor{R"(
    func.func @main(%c: tensor<2xi1>, %a: tensor<2xf32>, %b: tensor<2xf32>)
        -> tensor<2xf32> {
      %r = arith.select %c, %a, %b : tensor<2xi1>, tensor<2xf32>
      return %r : tensor<2xf32>
    })",
                   {tensorOf(core::DType::Bool, {2}, {1, 0}), f32({2}, {1, 2}),
                    f32({2}, {3, 4})}};
  EXPECT_EQ(byTensor.values(), (Values{1, 4}));
  Program byScalar{R"(
    func.func @main(%c: i1, %a: tensor<2xf32>, %b: tensor<2xf32>)
        -> tensor<2xf32> {
      %r = arith.select %c, %a, %b : tensor<2xf32>
      return %r : tensor<2xf32>
    })",
                   {tensorOf(core::DType::Bool, {}, {0}), f32({2}, {1, 2}),
                    f32({2}, {3, 4})}};
  EXPECT_EQ(byScalar.values(), (Values{3, 4}));
}

TEST(Arith, Constants) {
  Program program{R"(
    func.func @main() -> tensor<2x2xf32> {
      %dense = arith.constant dense<[[1.0, 2.0], [-0.5, 0x7F800000]]> : tensor<2x2xf32>
      %splat = arith.constant dense<2.0> : tensor<2x2xf32>
      %r = arith.mulf %dense, %splat : tensor<2x2xf32>
      return %r : tensor<2x2xf32>
    })"};
  EXPECT_EQ(program.values(), (Values{2, 4, -1, kInf}));
}

TEST(Math, KnownValues) {
  // Compilers fold the expected values with another library than this one.
  auto expect = [](const char *op, double (*f)(double)) {
    Values got =
        unary(op, "f64", "f64", tensorOf(core::DType::F64, {3}, {0.5, 1, 2}))
            .values();
    ASSERT_EQ(got.size(), 3u);
    EXPECT_DOUBLE_EQ(got[0], f(0.5)) << op;
    EXPECT_DOUBLE_EQ(got[1], f(1)) << op;
    EXPECT_DOUBLE_EQ(got[2], f(2)) << op;
  };
  expect("math.exp", [](double x) { return std::exp(x); });
  expect("math.erf", [](double x) { return std::erf(x); });
  expect("math.rsqrt", [](double x) { return 1 / std::sqrt(x); });
  expect("math.log1p", [](double x) { return std::log1p(x); });
  expect("math.tanh", [](double x) { return std::tanh(x); });
  expect("math.sin", [](double x) { return std::sin(x); });
  core::Tensor halves = tensorOf(core::DType::F64, {4}, {0.5, 1.5, 2.5, -0.5});
  EXPECT_EQ(unary("math.roundeven", "f64", "f64", halves).values(),
            (Values{0, 2, 2, 0}));
  EXPECT_EQ(unary("math.round", "f64", "f64", halves).values(),
            (Values{1, 2, 3, -1}));
  EXPECT_EQ(unary("math.ctlz", "i32", "i32", i32({3}, {0, 1, -1})).values(),
            (Values{32, 31, 0}));
  EXPECT_EQ(unary("math.ctpop", "i32", "i32", i32({2}, {7, -1})).values(),
            (Values{3, 32}));
  EXPECT_EQ(
      binary("math.ipowi", "i32", i32({3}, {3, -1, 2}), i32({3}, {4, -3, -1}))
          .values(),
      (Values{81, -1, 0}));
}

TEST(Affine, ApplyMinMax) {
  Program program{R"(
    func.func @main(%n: index) -> (index, index, index) {
      %a = affine.apply affine_map<(d0)[s0] -> (d0 floordiv 4 + s0 mod 3)>(%n)[%n]
      %b = affine.min affine_map<(d0) -> (d0, 5)>(%n)
      %c = affine.max affine_map<(d0) -> (d0, 5, d0 ceildiv 2)>(%n)
      return %a, %b, %c : index, index, index
    })",
                  {i64({}, {-7})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), -2 + 2);
  EXPECT_EQ((*results)[1].tensor.at(0), -7);
  EXPECT_EQ((*results)[2].tensor.at(0), 5);
}

TEST(Arith, DivisionByZeroIsAnError) {
  EXPECT_EQ(binary("arith.divsi", "i32", i32({1}, {1}), i32({1}, {0})).error(),
            "E0306: test.mlir:1:79: 'arith.divsi' divides by zero");
  EXPECT_EQ(binary("arith.remui", "i32", i32({1}, {1}), i32({1}, {0})).error(),
            "E0306: test.mlir:1:79: 'arith.remui' divides by zero");
}

TEST(Arith, OperandsOfOneShape) {
  EXPECT_EQ(
      binary("arith.addf", "f32", f32({2}, {1, 2}), f32({3}, {1, 2, 3}))
          .error(),
      "E0306: test.mlir:1:79: 'arith.addf' has operands of shapes [2] and [3]");
}
