//===- TensorTest.cpp - Host tensors and errors -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes of shapes that nobody vouches for, and ownership.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Tensor.h"
#include "moe/runtime/core/Error.h"

#include "gtest/gtest.h"

#include <new>

using namespace moe::core;

namespace {

TEST(TensorTest, SizesOfUntrustedShapes) {
  EXPECT_EQ(checkedBytes(DType::F32, {}), 4u);
  EXPECT_EQ(checkedBytes(DType::BF16, {7, 64}), 896u);
  EXPECT_EQ(checkedBytes(DType::F32, {0, 64}), 0u);
  EXPECT_EQ(checkedBytes(DType::F32, {-1}), std::nullopt);
  EXPECT_EQ(checkedBytes(DType::F32, {0, -1}), std::nullopt);
  int64_t big = int64_t(1) << 32;
  EXPECT_EQ(checkedBytes(DType::U8, {big, big}), std::nullopt);
  EXPECT_EQ(checkedBytes(DType::U8, {big, big, 0}), std::nullopt);
  EXPECT_EQ(checkedBytes(DType::U8, {big, big / 4}), size_t(1) << 62);
  EXPECT_EQ(checkedBytes(DType::I64, {big, big / 4}), std::nullopt);
}

TEST(TensorTest, IsZeroFilledAndAligned) {
  Tensor tensor(DType::F32, {3, 5});
  EXPECT_EQ(tensor.bytes(), 60u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u);
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    EXPECT_EQ(tensor.at(i), 0);
}

TEST(TensorTest, CopiesShareStorage) {
  Tensor tensor(DType::F16, {4});
  Tensor copy = tensor;
  tensor.set(2, 1.5);
  EXPECT_EQ(copy.at(2), 1.5);
  EXPECT_EQ(copy.view().at(2), 1.5);
  EXPECT_EQ(copy.view().bytes(), 8u);
}

TEST(TensorTest, CopyOfAViewOwnsItsData) {
  float values[] = {1, 2, 3, 4};
  Tensor copy = Tensor::copyOf({DType::F32, {2, 2}, values});
  values[3] = 9;
  EXPECT_EQ(copy.shape(), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(copy.at(3), 4);
  EXPECT_EQ(Tensor::copyOf({DType::F32, {0}, nullptr}).bytes(), 0u);
}

TEST(TensorTest, EmptyAndRankZero) {
  EXPECT_EQ(Tensor(DType::F32, {0, 8}).numElements(), 0);
  Tensor scalar(DType::F64, {});
  scalar.set(0, 2);
  EXPECT_EQ(scalar.at(0), 2);
  EXPECT_EQ(shapeStr({}), "[]");
  EXPECT_EQ(shapeStr({7, 64}), "[7, 64]");
}

TEST(TensorTest, ImpossibleShapesThrowBadAlloc) {
  EXPECT_THROW(Tensor(DType::F32, {int64_t(1) << 62}), std::bad_alloc);
  EXPECT_THROW(Tensor(DType::F32, {-4}), std::bad_alloc);
}

TEST(ErrorTest, PrintsItsIdInFourDigits) {
  EXPECT_EQ(Error(ErrorId::FileNotFound, "no such file").str(),
            "E0101: no such file");
  EXPECT_EQ(Error(ErrorId::Internal, "x").str(), "E0001: x");
}

TEST(ErrorTest, ResultHoldsEither) {
  Result<int> good = 4, bad = Error(ErrorId::IndexInvalid, "broken");
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, 4);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "broken");
  Status ok, failed = bad.takeError();
  EXPECT_TRUE(ok);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().id, ErrorId::IndexInvalid);
}

} // namespace
