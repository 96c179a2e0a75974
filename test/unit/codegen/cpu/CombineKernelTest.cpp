//===- CombineKernelTest.cpp - Sums of the experts' rows ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bit for bit against the reference: it rounds every product and partial sum to
// acc, and so does the kernel.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/runtime/reference/Rows.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

struct Case {
  DType rows, weights, init, acc, result;
  const char *order;
  bool weighted = true, hasInit = true;
  int64_t width = 37;
};

std::string typeOf(const char *rows, int64_t columns, DType dtype) {
  return std::string("tensor<") + rows + "x" + std::to_string(columns) + "x" +
         std::string(core::name(dtype)) + ">";
}

void check(const Case &c, const std::string &target) {
  const std::string rows = typeOf("?", c.width, c.rows);
  const std::string weights = typeOf("?", 3, c.weights);
  const std::string init = typeOf("?", c.width, c.init);
  const std::string result = typeOf("?", c.width, c.result);
  const std::string groups = "!moe.groups<experts = 6, ragged>";
  const std::string n = "affine_map<(d0) -> (d0 * 3)>",
                    t = "affine_map<(d0) -> (d0)>";
  std::string types = rows + ", " + groups;
  std::string text = "moe_exec.kernel @combine(%r: " + rows + ", %g: " + groups;
  if (c.weighted) {
    text += ", %w: " + weights;
    types += ", " + weights;
  }
  if (c.hasInit) {
    text += ", %i: " + init;
    types += ", " + init;
  }
  text +=
      ") -> " + result + " attributes {num_dims = 1 : i64, sizes = [" + n +
      ", " + n + (c.weighted ? ", " + t : "") + (c.hasInit ? ", " + t : "") +
      ", " + t + "]} {\n  %y = moe.combine %r by %g" +
      (c.weighted ? " weights %w" : "") + (c.hasInit ? " init %i" : "") +
      " acc " + std::string(core::name(c.acc)) + " order " + c.order + " : (" +
      types + ") -> " + result + "\n  moe_exec.return %y : " + result + "\n}\n";
  LoweredKernels kernels(text, target);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(5);
  for (int64_t tokens : {0, 1, 2, 19}) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < 3 * tokens; ++i)
      ids.push_back(static_cast<int32_t>(random() % 7) - 1);
    auto made = reference::group(ids, 6);
    ASSERT_TRUE(made);
    Buffer r(c.rows, randomValues(c.rows, 3 * tokens * c.width, random));
    Buffer w(c.weights, randomValues(c.weights, 3 * tokens, random));
    Buffer i(c.init, randomValues(c.init, tokens * c.width, random));
    Buffer offsets(made->offsets), slotOfRow(made->slotOfRow),
        rowOfSlot(made->rowOfSlot), y(c.result, tokens * c.width);
    std::vector<Buffer *> buffers{&r, &offsets, &slotOfRow, &rowOfSlot};
    if (c.weighted)
      buffers.push_back(&w);
    if (c.hasInit)
      buffers.push_back(&i);
    buffers.push_back(&y);
    kernels.run("combine", buffers, {tokens}, random);
    reference::CombineSpec spec{tokens, 3, c.width, c.acc,
                                std::string(c.order) == "expert"
                                    ? reference::CombineOrder::Expert
                                    : reference::CombineOrder::Slot};
    std::vector<double> want =
        reference::combine(spec, *made, r.values(),
                           c.weighted ? w.values() : std::vector<double>(),
                           c.hasInit ? i.values() : std::vector<double>());
    for (size_t at = 0; at < want.size(); ++at)
      ASSERT_EQ(y[at], core::roundTo(c.result, want[at]))
          << target << " token " << at / c.width << " column " << at % c.width;
  }
}

TEST(CombineKernelTest, TypesAndOrders) {
  constexpr DType f32 = DType::F32, bf16 = DType::BF16, f16 = DType::F16,
                  f64 = DType::F64;
  const Case cases[] = {
      {f32, f32, f32, f32, f32, "slot"},
      {f32, f32, f32, f32, f32, "expert"},
      {f32, f32, f32, f32, f32, "slot", false, false},
      {f32, f32, f32, f32, f32, "slot", true, false, 64},
      {bf16, bf16, bf16, bf16, bf16, "expert"},
      {bf16, f32, bf16, f32, bf16, "slot"},
      {bf16, f32, bf16, bf16, bf16, "slot"},
      {f32, f32, f16, f16, f32, "expert"},
      {f16, f16, f16, f16, f16, "slot", true, true, 1},
      {f16, bf16, f32, f32, f16, "expert", true, false},
      {bf16, f32, f32, f64, f32, "slot"},
      {f32, f64, f64, f64, bf16, "any"},
  };
  for (const char *target : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64"})
    if (canRun(target))
      for (const Case &c : cases)
        check(c, target);
}

} // namespace
