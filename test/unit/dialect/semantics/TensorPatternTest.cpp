//===- TensorPatternTest.cpp - Names of stored tensors ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/TensorPattern.h"

#include "gtest/gtest.h"

using namespace moe::semantics;

namespace {

TEST(TensorPattern, NumberOfAnExpert) {
  EXPECT_EQ(nameOfExpert("layer.experts.{e}.w1", 3), "layer.experts.3.w1");
  EXPECT_EQ(nameOfExpert("{e}", 12), "12");
  EXPECT_EQ(nameOfExpert("experts.{e+64}.w1", 0), "experts.64.w1");
  EXPECT_EQ(nameOfExpert("experts.{e+64}.w1", 7), "experts.71.w1");
  EXPECT_EQ(nameOfExpert("experts.{e+0}", 7), "experts.7");
}

TEST(TensorPattern, WhatIsNoNumberIsPartOfTheName) {
  for (const char *name :
       {"", "layer.w1", "layer.{f}.w1", "{e", "{e+}", "{e+64", "{e+-1}",
        "{e-1}", "{e+1a}", "{e+99999999999}", "{e1}"}) {
    EXPECT_FALSE(isPerExpert(name)) << name;
    EXPECT_EQ(nameOfExpert(name, 1), name);
  }
  EXPECT_EQ(nameOfExpert("{e+}.{e}", 5), "{e+}.5");
  // What lies behind the name is no part of it.
  EXPECT_FALSE(isPerExpert(std::string_view("{e+64}").substr(0, 5)));
}

TEST(TensorPattern, Place) {
  auto number = expertNumberIn("a.{e+10}.b");
  ASSERT_TRUE(number);
  EXPECT_EQ(number->at, 2u);
  EXPECT_EQ(number->length, 6u);
  EXPECT_EQ(number->first, 10);
}

} // namespace
