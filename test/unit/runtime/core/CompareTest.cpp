//===- CompareTest.cpp - Results against expectations ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Compare.h"

#include "gtest/gtest.h"

#include <limits>

using namespace moe::core;

namespace {

/// Tensors by name that own their data.
class Tensors {
public:
  Tensors &add(const std::string &name, DType dtype, std::vector<int64_t> shape,
               const std::vector<double> &values) {
    Tensor tensor(dtype, std::move(shape));
    for (size_t index = 0; index < values.size(); ++index)
      tensor.set(index, values[index]);
    owned.push_back(tensor);
    views.push_back({name, owned.back().view()});
    return *this;
  }
  std::vector<NamedView> views;

private:
  std::vector<Tensor> owned;
};

std::vector<TensorReport> compare(const Tensors &got, const Tensors &want) {
  return compareTensors(got.views, want.views);
}

const double nan = std::numeric_limits<double>::quiet_NaN();

} // namespace

TEST(Compare, FloatsByRelativeFrobeniusError) {
  Tensors got, want;
  got.add("y", DType::F32, {2}, {3, 4.5});
  want.add("y", DType::F32, {2}, {3, 4});
  auto reports = compare(got, want);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_DOUBLE_EQ(reports[0].error, 0.1);
  EXPECT_TRUE(reports[0].agrees(0.1));
  EXPECT_FALSE(reports[0].agrees(0.09));
}

TEST(Compare, TheExactExpectationCountsWhereThereIsOne) {
  Tensors got, want;
  got.add("y", DType::BF16, {1}, {1});
  want.add("y", DType::BF16, {1}, {2}).add("y_f64", DType::F64, {1}, {1});
  auto reports = compare(got, want);
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
  auto reports = compare(got, want);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(reports[0].agrees(0)) << reports[0].problem;
  EXPECT_TRUE(reports[1].agrees(0)) << reports[1].error;
}

TEST(Compare, DifferingIds) {
  Tensors got, want;
  got.add("topk_ids", DType::I32, {2, 2}, {1, 2, 3, 3});
  want.add("topk_ids", DType::I32, {2, 2}, {1, 5, 3, 2});
  EXPECT_EQ(compare(got, want)[0].problem,
            "row 0 has ids [1, 2], expected [1, 5] (2 rows differ)");
}

TEST(Compare, WeightsOfAnIdThatIsNotThereAreWrong) {
  Tensors got, want;
  got.add("topk_ids", DType::I32, {1, 1}, {1})
      .add("topk_weights", DType::F32, {1, 1}, {0.5});
  want.add("topk_ids", DType::I32, {1, 1}, {2})
      .add("topk_weights", DType::F32, {1, 1}, {0.5});
  EXPECT_EQ(compare(got, want)[1].error, 1);
}

TEST(Compare, OtherIntegersMustBeEqual) {
  Tensors got, want;
  got.add("result0", DType::I64, {3}, {1, 2, 3});
  want.add("result0", DType::I64, {3}, {1, 9, 9});
  EXPECT_EQ(compare(got, want)[0].problem,
            "element 1 is 2, expected 9 (2 elements differ)");
  want.views[0].tensor = got.views[0].tensor;
  EXPECT_TRUE(compare(got, want)[0].agrees(0));
}

TEST(Compare, MissingTensorsOtherShapesOtherKinds) {
  Tensors got, want;
  got.add("b", DType::F32, {2}, {1, 2}).add("c", DType::I32, {1}, {1});
  want.add("a", DType::F32, {1}, {1})
      .add("b", DType::F32, {1, 2}, {1, 2})
      .add("c", DType::F32, {1}, {1});
  auto reports = compare(got, want);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].problem, "is missing");
  EXPECT_EQ(reports[1].problem, "has shape [2], expected [1, 2]");
  EXPECT_EQ(reports[2].problem, "is i32, expected f32");
  EXPECT_FALSE(reports[0].agrees(1e9));
}

TEST(Compare, NaNAgreesWithNothing) {
  for (double other : {nan, 1.0}) {
    Tensors got, want;
    got.add("y", DType::F32, {2}, {nan, 1});
    want.add("y", DType::F32, {2}, {other, 1});
    auto report = compare(got, want)[0];
    EXPECT_FALSE(report.agrees(1e300));
    EXPECT_EQ(report.problem, "holds a NaN or an infinity");
  }
}

TEST(Compare, NoElementsAgree) {
  Tensors got, want;
  got.add("y", DType::F32, {0, 4}, {});
  want.add("y", DType::F32, {0, 4}, {});
  EXPECT_TRUE(compare(got, want)[0].agrees(0));
}
