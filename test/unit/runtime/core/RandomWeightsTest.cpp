//===- RandomWeightsTest.cpp - Weights from a seed --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Any part alone is the same as the whole; the values are of the size that the
// header promises.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/RandomWeights.h"
#include "moe/runtime/core/Tensor.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace moe::core;

namespace {

Tensor whole(uint64_t seed, std::string_view name, DType dtype,
             std::vector<int64_t> shape) {
  Tensor tensor(dtype, shape);
  RandomTensor(seed, name, dtype, shape)
      .fill(0, tensor.numElements(), tensor.data());
  return tensor;
}

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};
Moments moments(const Tensor &tensor) {
  Moments result;
  const auto n = static_cast<double>(tensor.numElements());
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    result.mean += tensor.at(i) / n;
    result.largest = std::max(result.largest, std::fabs(tensor.at(i)));
  }
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    result.deviation += std::pow(tensor.at(i) - result.mean, 2) / n;
  result.deviation = std::sqrt(result.deviation);
  return result;
}

TEST(RandomWeightsTest, PartsAreTheSame) {
  for (DType dtype :
       {DType::F64, DType::F32, DType::BF16, DType::F16, DType::F8E4M3,
        DType::F8E5M2, DType::F8E8M0, DType::I64, DType::I32, DType::I16,
        DType::I8, DType::U8, DType::Bool}) {
    Tensor all = whole(3, "w", dtype, {7, 11});
    const size_t size = byteSize(dtype);
    for (int64_t begin : {0, 1, 30, 76}) {
      Tensor part(dtype, {77 - begin});
      const int64_t shape[] = {7, 11};
      RandomTensor(3, "w", dtype, shape).fill(begin, 77, part.data());
      EXPECT_EQ(std::memcmp(part.data(),
                            static_cast<char *>(all.data()) + begin * size,
                            part.bytes()),
                0)
          << name(dtype);
    }
  }
}

/// These bits are a promise: results are compared between machines and
/// versions. (Made by an independent computation of the same definition.)
TEST(RandomWeightsTest, Bits) {
  Tensor tensor = whole(1, "model.w", DType::F32, {2, 4});
  uint32_t bits[8];
  std::memcpy(bits, tensor.data(), sizeof(bits));
  EXPECT_EQ(bits[0], 0xbe9fd96fu);
  EXPECT_EQ(bits[7], 0x3f60559cu);
}

/// Narrow types are rounded by a short way of their own: to what storing gives.
TEST(RandomWeightsTest, NarrowTypesAreRoundedOnce) {
  for (DType dtype : {DType::F32, DType::BF16, DType::F16})
    // Up to sizes whose values are mostly subnormal in f16.
    for (int64_t last : {1, 3, 2048, 1 << 28}) {
      const int64_t shape[] = {1, last};
      std::vector<double> exact(30000);
      RandomTensor(9, "w", DType::F64, shape).fill(0, 30000, exact.data());
      Tensor tensor(dtype, {30000});
      RandomTensor(9, "w", dtype, shape).fill(0, 30000, tensor.data());
      for (size_t i = 0; i < exact.size(); ++i)
        ASSERT_EQ(tensor.at(static_cast<int64_t>(i)), roundTo(dtype, exact[i]))
            << name(dtype) << " " << last;
    }
  for (DType dtype : {DType::F8E4M3, DType::F8E5M2}) {
    const int64_t one[] = {1, 1};
    std::vector<double> exact(100000);
    RandomTensor(9, "w", DType::F64, one).fill(0, 100000, exact.data());
    Tensor tensor(dtype, {100000});
    RandomTensor(9, "w", dtype, one).fill(0, 100000, tensor.data());
    for (size_t i = 0; i < exact.size(); ++i)
      ASSERT_EQ(tensor.at(static_cast<int64_t>(i)),
                roundTo(dtype, 16 * exact[i]))
          << name(dtype);
  }
}

TEST(RandomWeightsTest, SeedAndNameMatter) {
  Tensor a = whole(1, "w", DType::F32, {64, 64});
  for (const Tensor &b : {whole(2, "w", DType::F32, {64, 64}),
                          whole(1, "v", DType::F32, {64, 64})}) {
    int same = 0;
    double product = 0;
    for (int64_t i = 0; i < a.numElements(); ++i) {
      same += a.at(i) == b.at(i);
      product += a.at(i) * b.at(i) * 64 / 4096; // variance 1/64
    }
    EXPECT_LT(same, 5);
    EXPECT_LT(std::fabs(product), 0.06);
  }
}

TEST(RandomWeightsTest, Floats) {
  for (DType dtype : {DType::F32, DType::BF16, DType::F16}) {
    Moments matrix = moments(whole(1, "w", dtype, {256, 400}));
    EXPECT_NEAR(matrix.mean, 0, 6e-4);
    EXPECT_NEAR(matrix.deviation, 1.0 / 20, 3e-4);
    EXPECT_LE(matrix.largest, 3.47 / 20);
    EXPECT_GT(matrix.largest, 3.0 / 20);
    Moments bias = moments(whole(1, "w", dtype, {40000}));
    EXPECT_NEAR(bias.deviation, 0.02, 2e-4);
  }
}

TEST(RandomWeightsTest, Fp8BlocksGiveFanInWeights) {
  Moments codes = moments(whole(1, "w", DType::F8E4M3, {256, 512}));
  Moments scales = moments(whole(1, "weight_scale_inv", DType::F32, {2, 4}));
  EXPECT_NEAR(codes.deviation, 16, 0.2);
  EXPECT_LT(codes.largest, 64);
  EXPECT_NEAR(codes.deviation * scales.mean * std::sqrt(512), 1, 0.15);
}

TEST(RandomWeightsTest, FourBitBlocksGiveFanInWeights) {
  // e2m1 values of random nibbles have the root mean square 2.93.
  Tensor scales = whole(1, "gate_up_proj_scales", DType::U8, {64, 90});
  double square = 0;
  for (int64_t i = 0; i < scales.numElements(); ++i) {
    const double scale = std::ldexp(1.0, static_cast<int>(scales.at(i)) - 127);
    square += scale * scale * 2.93 * 2.93 * (90 * 32) / (64 * 90);
  }
  EXPECT_GT(square, 0.5);
  EXPECT_LT(square, 4);
  Tensor typed = whole(1, "gate_up_proj_scales", DType::F8E8M0, {64, 90});
  EXPECT_EQ(std::memcmp(typed.data(), scales.data(), typed.bytes()), 0);
}

TEST(RandomWeightsTest, EveryValueIsANumber) {
  for (DType dtype : {DType::F8E4M3, DType::F8E5M2, DType::F8E8M0, DType::F16})
    for (int64_t last : {1, 3, 100000}) {
      Tensor tensor = whole(5, "w", dtype, {3, last});
      for (int64_t i = 0; i < tensor.numElements(); ++i)
        ASSERT_TRUE(std::isfinite(tensor.at(i)));
    }
}

TEST(RandomWeightsTest, Codes) {
  Tensor tensor = whole(1, "blocks", DType::U8, {100, 100});
  int count[256] = {};
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    ++count[static_cast<int>(tensor.at(i))];
  for (int value : count)
    EXPECT_GT(value, 10);
}

} // namespace
