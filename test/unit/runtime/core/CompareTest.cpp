//===- CompareTest.cpp - Results against expectations ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Compare.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace moe::core;

namespace {

class Tensors {
public:
  Tensors &add(const std::string &name, DType dtype, std::vector<int64_t> shape,
               const std::vector<double> &values) {
    Tensor tensor(dtype, std::move(shape));
    for (size_t index = 0; index < values.size(); ++index)
      tensor.set(index, values[index]);
    list.push_back({name, tensor});
    return *this;
  }
  std::vector<NamedTensor> list;
};

std::vector<TensorComparison> compared(const Tensors &got,
                                       const Tensors &want) {
  return compare(got.list, want.list, 0).tensors;
}
bool held(const Tensors &got, const Tensors &want, double tolerance) {
  return compare(got.list, want.list, tolerance).held();
}

const double kNaN = std::numeric_limits<double>::quiet_NaN();

} // namespace

TEST(Compare, FloatsByRelativeFrobeniusError) {
  Tensors got, want;
  got.add("y", DType::F32, {2}, {3, 4.5});
  want.add("y", DType::F32, {2}, {3, 4});
  auto reports = compared(got, want);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_DOUBLE_EQ(reports[0].error, 0.1);
  EXPECT_EQ(reports[0].summary(), "1.00e-01");
  EXPECT_TRUE(held(got, want, 0.1));
  EXPECT_FALSE(held(got, want, 0.09));
  EXPECT_EQ(compare(got.list, want.list, 1e-5).failure(),
            "y: error 1.00e-01 is above 1.00e-05");
}

TEST(Compare, TheExactExpectationCountsWhereThereIsOne) {
  Tensors got, want;
  got.add("y", DType::BF16, {1}, {1});
  want.add("y", DType::BF16, {1}, {2}).add("y_f64", DType::F64, {1}, {1});
  auto reports = compared(got, want);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].name, "y");
  EXPECT_EQ(reports[0].error, 0);
}

TEST(Compare, IdsAsSetsAndWeightsByTheirId) {
  Tensors got, want;
  got.add("topk_ids", DType::I32, {2, 2}, {1, 0, -1, 2})
      .add("topk_weights", DType::F32, {2, 2}, {0.75, 0.25, 0, 1});
  want.add("topk_ids", DType::I32, {2, 2}, {0, 1, 2, -1})
      .add("topk_weights", DType::F32, {2, 2}, {0.25, 0.75, 1, 0})
      .add("topk_ids_before_capacity", DType::I32, {2, 2}, {0, 1, 2, 1});
  auto reports = compared(got, want);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].summary(), "exact");
  EXPECT_EQ(reports[1].summary(), "exact");
}

TEST(Compare, DifferingIds) {
  Tensors got, want;
  got.add("topk_ids", DType::I32, {2, 2}, {1, 2, 3, 3});
  want.add("topk_ids", DType::I32, {2, 2}, {1, 5, 3, 2});
  EXPECT_EQ(compared(got, want)[0].problem,
            "row 0 has ids [1, 2], expected [1, 5] (2 rows differ)");
}

TEST(Compare, WeightsOfAnIdThatIsNotThereAreWrong) {
  Tensors got, want;
  got.add("topk_ids", DType::I32, {1, 1}, {1})
      .add("topk_weights", DType::F32, {1, 1}, {0.5});
  want.add("topk_ids", DType::I32, {1, 1}, {2})
      .add("topk_weights", DType::F32, {1, 1}, {0.5});
  EXPECT_EQ(compared(got, want)[1].error, 1);
}

TEST(Compare, OtherIntegersMustBeEqual) {
  Tensors got, want;
  got.add("result0", DType::I64, {3}, {1, 2, 3});
  want.add("result0", DType::I64, {3}, {1, 9, 9});
  EXPECT_EQ(compared(got, want)[0].problem,
            "element 1 is 2, expected 9 (2 elements differ)");
  want.list = got.list;
  EXPECT_TRUE(held(got, want, 0));
}

TEST(Compare, MissingTensorsOtherShapesOtherKinds) {
  Tensors got, want;
  got.add("b", DType::F32, {2}, {1, 2}).add("c", DType::I32, {1}, {1});
  want.add("a", DType::F32, {1}, {1})
      .add("b", DType::F32, {1, 2}, {1, 2})
      .add("c", DType::F32, {1}, {1});
  auto reports = compared(got, want);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].problem, "is missing");
  EXPECT_EQ(reports[1].problem, "has shape [2], expected [1, 2]");
  EXPECT_EQ(reports[2].problem, "is i32, expected f32");
  Comparison comparison = compare(got.list, want.list, 1e9);
  EXPECT_FALSE(comparison.held());
  EXPECT_TRUE(std::isinf(comparison.worst()));
  EXPECT_EQ(comparison.failure(),
            "a is missing; b has shape [2], expected [1, 2]; c is i32, "
            "expected f32");
}

TEST(Compare, NaNAgreesWithNothing) {
  for (double other : {kNaN, 1.0}) {
    Tensors got, want;
    got.add("y", DType::F32, {2}, {kNaN, 1});
    want.add("y", DType::F32, {2}, {other, 1});
    EXPECT_FALSE(held(got, want, 1e300));
    EXPECT_EQ(compared(got, want)[0].problem, "holds a NaN or an infinity");
  }
}

TEST(Compare, NoElementsAgree) {
  Tensors got, want;
  got.add("y", DType::F32, {0, 4}, {});
  want.add("y", DType::F32, {0, 4}, {});
  EXPECT_TRUE(held(got, want, 0));
}
