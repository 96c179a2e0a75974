//===- ControlTest.cpp - Loops, branches, calls, assertions ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

using namespace moe;
using namespace moe::interpret::test;

using Values = std::vector<double>;

TEST(Control, ForCarriesValues) {
  Program program{R"(
    func.func @main(%n: index) -> index {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %r = scf.for %i = %c0 to %n step %c2 iter_args(%sum = %c0) -> index {
        %s = arith.addi %sum, %i : index
        scf.yield %s : index
      }
      return %r : index
    })",
                  {i64({}, {7})}};
  EXPECT_EQ(program.values(), Values{12});
  program.arguments[0] = i64({}, {0});
  EXPECT_EQ(program.values(), Values{0});
}

TEST(Control, ForOverNarrowIntegersEndsAtTheEndOfTheirRange) {
  Program program{R"(
    func.func @main() -> i32 {
      %low = arith.constant 120 : i8
      %high = arith.constant 127 : i8
      %step = arith.constant 5 : i8
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %r = scf.for %i = %low to %high step %step iter_args(%count = %zero) -> i32 : i8 {
        %c = arith.addi %count, %one : i32
        scf.yield %c : i32
      }
      return %r : i32
    })"};
  EXPECT_EQ(program.values(), Values{2});
}

TEST(Control, ForUpdatesATensorInPlace) {
  // 20000 inserts into 20000 elements: quadratic if each one copied.
  Program program{R"(
    func.func @main(%n: index) -> tensor<?xindex> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %e = tensor.empty(%n) : tensor<?xindex>
      %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %e) -> tensor<?xindex> {
        %s = tensor.insert %i into %t[%i] : tensor<?xindex>
        scf.yield %s : tensor<?xindex>
      }
      return %r : tensor<?xindex>
    })",
                  {i64({}, {20000})}};
  Values got = program.values();
  ASSERT_EQ(got.size(), 20000u);
  EXPECT_EQ(got[0], 0);
  EXPECT_EQ(got[19999], 19999);
}

TEST(Control, IfWhileSwitch) {
  Program program{R"(
    func.func @main(%n: i32) -> (i32, i32, i32) {
      %c0 = arith.constant 0 : i32
      %c1 = arith.constant 1 : i32
      %c2 = arith.constant 2 : i32
      %even = arith.remsi %n, %c2 : i32
      %isEven = arith.cmpi eq, %even, %c0 : i32
      %a = scf.if %isEven -> i32 {
        scf.yield %c2 : i32
      } else {
        scf.yield %c1 : i32
      }
      %b:2 = scf.while (%x = %n, %steps = %c0) : (i32, i32) -> (i32, i32) {
        %more = arith.cmpi sgt, %x, %c1 : i32
        scf.condition(%more) %x, %steps : i32, i32
      } do {
      ^bb0(%x: i32, %steps: i32):
        %half = arith.divsi %x, %c2 : i32
        %next = arith.addi %steps, %c1 : i32
        scf.yield %half, %next : i32, i32
      }
      %i = arith.index_cast %n : i32 to index
      %c = scf.index_switch %i -> i32
      case 8 {
        %eight = arith.constant 80 : i32
        scf.yield %eight : i32
      }
      default {
        scf.yield %c0 : i32
      }
      return %a, %b#1, %c : i32, i32, i32
    })",
                  {i32({}, {8})}};
  auto results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), 2);
  EXPECT_EQ((*results)[1].tensor.at(0), 3);
  EXPECT_EQ((*results)[2].tensor.at(0), 80);
  program.arguments[0] = i32({}, {1});
  results = program.run();
  ASSERT_TRUE(results) << results.error().str();
  EXPECT_EQ((*results)[0].tensor.at(0), 1);
  EXPECT_EQ((*results)[1].tensor.at(0), 0);
  EXPECT_EQ((*results)[2].tensor.at(0), 0);
}

TEST(Control, Calls) {
  Program program{R"(
    func.func private @twice(%x: f32) -> f32 {
      %r = arith.addf %x, %x : f32
      return %r : f32
    }
    func.func @main(%x: f32) -> f32 {
      %a = call @twice(%x) : (f32) -> f32
      %b = call @twice(%a) : (f32) -> f32
      return %b : f32
    })",
                  {f32({}, {3})}};
  EXPECT_EQ(program.values(), Values{12});
}

TEST(Control, RecursionAndEndlessLoopsAreErrors) {
  Program recursion{R"(
    func.func @main(%x: f32) -> f32 {
      %r = call @main(%x) : (f32) -> f32
      return %r : f32
    })",
                    {f32({}, {3})}};
  EXPECT_EQ(recursion.error(),
            "E0306: test.mlir:2:5: 'func.func' is more than 500 regions and "
            "calls deep");
  Program loop{R"(
    func.func @main() {
      %true = arith.constant true
      scf.while : () -> () {
        scf.condition(%true)
      } do {
        scf.yield
      }
      return
    })"};
  loop.options.maxSteps = 1000;
  EXPECT_EQ(loop.error(),
            "E0306: test.mlir:5:9: 'scf.condition' was reached after 1000 "
            "steps; the interpreter stops a program after 1000");
}

TEST(Control, Faults) {
  Program step{R"(
    func.func @main(%s: index) {
      %c0 = arith.constant 0 : index
      scf.for %i = %c0 to %s step %c0 {
      }
      return
    })",
               {i64({}, {1})}};
  EXPECT_EQ(step.error(), "E0306: test.mlir:4:7: 'scf.for' expects a positive "
                          "step, got 0");
  Program assertion{R"(
    func.func @main(%c: i1) {
      cf.assert %c, "sizes agree"
      return
    })",
                    {tensorOf(core::DType::Bool, {}, {0})}};
  EXPECT_EQ(assertion.error(),
            "E0306: test.mlir:3:7: 'cf.assert' fails: sizes agree");
  Program branches{R"(
    func.func @main() {
      cf.br ^bb1
    ^bb1:
      return
    })"};
  EXPECT_EQ(branches.error(),
            "E0305: test.mlir:2:5: 'func.func' has branches; the interpreter "
            "runs structured control flow (scf)");
  Program external{"func.func private @main()"};
  EXPECT_EQ(external.error(), "E0305: test.mlir:1:1: 'func.func' has no body");
}
