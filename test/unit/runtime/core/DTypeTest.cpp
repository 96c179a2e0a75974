//===- DTypeTest.cpp - Element types of host tensors ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle knows no bit tricks: it writes down the value of every code by the
// formula of its format, and finds the nearest of them by looking at all.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DType.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace moe::core;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Format {
  DType dtype;
  int exponentBits;
  int mantissaBits;
  bool hasInfinity;
};

constexpr Format formats[] = {
    {DType::BF16, 8, 7, true},
    {DType::F16, 5, 10, true},
    {DType::F8E4M3, 4, 3, false},
    {DType::F8E5M2, 5, 2, true},
};

/// The value of a code without its sign, by the definition of the format.
double valueOf(const Format &format, int code) {
  int mantissaCount = 1 << format.mantissaBits;
  int exponent = code / mantissaCount;
  double fraction = double(code % mantissaCount) / mantissaCount;
  int topExponent = (1 << format.exponentBits) - 1;
  int bias = topExponent / 2;
  if (format.hasInfinity && exponent == topExponent)
    return fraction == 0 ? infinity : nan;
  if (!format.hasInfinity &&
      code == topExponent * mantissaCount + mantissaCount - 1)
    return nan;
  return exponent == 0 ? std::ldexp(fraction, 1 - bias)
                       : std::ldexp(1 + fraction, exponent - bias);
}

int numCodes(const Format &format) {
  return 1 << (format.exponentBits + format.mantissaBits);
}

uint32_t storedCode(DType dtype, double value) {
  uint32_t code = 0;
  storeFromDouble(dtype, &code, 0, value);
  return code;
}

/// Code (without sign) nearest to a positive value, ties to the even code. The
/// first value that the format lacks counts as one more code: infinity is the
/// code after the largest finite one, and so is the NaN of f8e4m3fn.
class NearestCode {
public:
  explicit NearestCode(const Format &format) {
    for (int code = 0; code < numCodes(format); ++code) {
      double value = valueOf(format, code);
      if (!std::isfinite(value))
        break;
      values.push_back(value);
    }
    size_t n = values.size();
    values.push_back(values[n - 1] + (values[n - 1] - values[n - 2]));
  }
  int operator()(double value) const {
    auto above = std::lower_bound(values.begin(), values.end(), value);
    int code = static_cast<int>(above - values.begin());
    if (above == values.end())
      code = static_cast<int>(values.size()) - 1;
    else if (*above != value) {
      // Differences of doubles this close to each other are exact.
      double up = *above - value, down = value - *(above - 1);
      if (down < up || (down == up && (code - 1) % 2 == 0))
        --code;
    }
    return code;
  }
  const std::vector<double> &grid() const { return values; }

private:
  std::vector<double> values;
};

class SmallFloatTest : public testing::TestWithParam<Format> {};

TEST_P(SmallFloatTest, EveryCodeLoadsItsValue) {
  const Format &format = GetParam();
  for (int code = 0; code < numCodes(format); ++code) {
    double expected = valueOf(format, code);
    uint32_t positive = code, negative = code | numCodes(format);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(loadAsDouble(format.dtype, &positive, 0))) << code;
      EXPECT_TRUE(std::isnan(loadAsDouble(format.dtype, &negative, 0))) << code;
      continue;
    }
    EXPECT_EQ(loadAsDouble(format.dtype, &positive, 0), expected) << code;
    EXPECT_EQ(loadAsDouble(format.dtype, &negative, 0), -expected) << code;
    EXPECT_TRUE(std::signbit(loadAsDouble(format.dtype, &negative, 0)));
  }
}

TEST_P(SmallFloatTest, EveryValueStoresItsCode) {
  const Format &format = GetParam();
  for (int code = 0; code < numCodes(format); ++code) {
    double value = valueOf(format, code);
    if (std::isnan(value))
      continue;
    EXPECT_EQ(storedCode(format.dtype, value), uint32_t(code));
    EXPECT_EQ(storedCode(format.dtype, -value),
              uint32_t(code | numCodes(format)));
  }
}

TEST_P(SmallFloatTest, RoundsAroundEveryMidpoint) {
  const Format &format = GetParam();
  NearestCode nearest(format);
  uint32_t sign = numCodes(format);
  const std::vector<double> &grid = nearest.grid();
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    double middle = grid[i] + (grid[i + 1] - grid[i]) / 2;
    for (double value :
         {middle, std::nextafter(middle, 0.0), std::nextafter(middle, infinity),
          std::nextafter(grid[i], infinity),
          std::nextafter(grid[i + 1], 0.0)}) {
      uint32_t expected = nearest(value);
      EXPECT_EQ(storedCode(format.dtype, value), expected) << value;
      EXPECT_EQ(storedCode(format.dtype, -value), expected | sign) << value;
    }
  }
}

TEST_P(SmallFloatTest, RoundsRandomDoubles) {
  const Format &format = GetParam();
  NearestCode nearest(format);
  std::mt19937_64 random(7);
  // Exponents a little beyond both ends of the format's range.
  std::uniform_int_distribution<int> exponents(
      -(1 << (format.exponentBits - 1)) - format.mantissaBits - 3,
      (1 << (format.exponentBits - 1)) + 3);
  for (int i = 0; i < 200000; ++i) {
    double value = std::ldexp(1 + std::ldexp(double(random() >> 12), -52),
                              exponents(random));
    EXPECT_EQ(storedCode(format.dtype, value), uint32_t(nearest(value)))
        << value;
  }
}

TEST_P(SmallFloatTest, Specials) {
  const Format &format = GetParam();
  uint32_t sign = numCodes(format);
  NearestCode nearest(format);
  uint32_t beyond = nearest(infinity);
  EXPECT_EQ(storedCode(format.dtype, infinity), beyond);
  EXPECT_EQ(storedCode(format.dtype, -infinity), beyond | sign);
  EXPECT_EQ(storedCode(format.dtype, std::numeric_limits<double>::max()),
            beyond);
  EXPECT_EQ(storedCode(format.dtype, 0.0), 0u);
  EXPECT_EQ(storedCode(format.dtype, -0.0), sign);
  EXPECT_EQ(storedCode(format.dtype, std::numeric_limits<double>::denorm_min()),
            0u);
  for (double value : {nan, -nan, std::bit_cast<double>(0x7ff0000000000001)})
    EXPECT_TRUE(std::isnan(roundTo(format.dtype, value)));
  // One NaN, whatever the sign and the payload were.
  EXPECT_EQ(storedCode(format.dtype, nan), storedCode(format.dtype, -nan));
}

INSTANTIATE_TEST_SUITE_P(DType, SmallFloatTest, testing::ValuesIn(formats),
                         [](const auto &info) {
                           return std::string(name(info.param.dtype));
                         });

TEST(DTypeTest, NaNIsTheQuietPositiveOne) {
  EXPECT_EQ(storedCode(DType::F32, -nan), 0x7fc00000u);
  EXPECT_EQ(storedCode(DType::BF16, -nan), 0x7fc0u);
  EXPECT_EQ(storedCode(DType::F16, -nan), 0x7e00u);
  EXPECT_EQ(storedCode(DType::F8E4M3, -nan), 0x7fu);
  EXPECT_EQ(storedCode(DType::F8E5M2, -nan), 0x7eu);
  EXPECT_EQ(storedCode(DType::F8E8M0, -nan), 0xffu);
  uint64_t bits = 0;
  storeFromDouble(DType::F64, &bits, 0, -nan);
  EXPECT_EQ(bits, 0x7ff8000000000000u);
}

TEST(DTypeTest, LimitsOfFormats) {
  EXPECT_EQ(roundTo(DType::F8E4M3, 448), 448);
  EXPECT_EQ(roundTo(DType::F8E4M3, 464), 448); // a tie with 480, which is NaN
  EXPECT_TRUE(std::isnan(roundTo(DType::F8E4M3, 464.0000001)));
  EXPECT_EQ(roundTo(DType::F8E5M2, 61439.9), 57344);
  EXPECT_EQ(roundTo(DType::F8E5M2, 61440), infinity);
  EXPECT_EQ(roundTo(DType::F16, 65519.9), 65504);
  EXPECT_EQ(roundTo(DType::F16, 65520), infinity);
  EXPECT_EQ(roundTo(DType::F32, 0x1.ffffffp127), infinity);
  EXPECT_EQ(roundTo(DType::F32, 0x1.fffffefffffffp127), 0x1.fffffep127);
  EXPECT_EQ(roundTo(DType::F32, 0x1p-149), 0x1p-149);
  EXPECT_EQ(roundTo(DType::F32, 0x1p-150), 0);
  EXPECT_EQ(roundTo(DType::F32, 0x1.8p-150), 0x1p-149);
}

TEST(DTypeTest, RoundsOnceNotThroughF32) {
  // Just above the middle of two values; as f32 it is the middle, which goes to
  // the even one.
  struct {
    DType dtype;
    double value;
    double once;
  } cases[] = {
      {DType::BF16, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-7},
      {DType::BF16, 1 + 3 * 0x1p-8 - 0x1p-40, 1 + 0x1p-7},
      {DType::F16, 1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-10},
      {DType::F8E4M3, 1 + 0x1p-4 + 0x1p-40, 1 + 0x1p-3},
      {DType::F8E5M2, 1 + 0x1p-3 + 0x1p-40, 1 + 0x1p-2},
      // Subnormals of bf16 lie in f32's too.
      {DType::BF16, 0x1p-134 + 0x1p-170, 0x1p-133},
  };
  for (const auto &c : cases) {
    EXPECT_EQ(roundTo(c.dtype, c.value), c.once) << name(c.dtype);
    EXPECT_NE(roundTo(c.dtype, static_cast<float>(c.value)), c.once)
        << name(c.dtype) << ": rounding twice was expected to differ";
  }
}

TEST(DTypeTest, E8M0) {
  for (int byte = 0; byte < 255; ++byte) {
    uint8_t code = static_cast<uint8_t>(byte);
    double value = std::ldexp(1.0, byte - 127);
    EXPECT_EQ(loadAsDouble(DType::F8E8M0, &code, 0), value);
    EXPECT_EQ(storedCode(DType::F8E8M0, value), uint32_t(byte));
    // The middle is 1.5 times the value; ties go up.
    double middle = 1.5 * value;
    uint32_t up = byte + 1; // 255 is NaN, which is what follows 2^127
    EXPECT_EQ(storedCode(DType::F8E8M0, std::nextafter(middle, 0)),
              uint32_t(byte));
    EXPECT_EQ(storedCode(DType::F8E8M0, std::nextafter(middle, infinity)), up);
    EXPECT_EQ(storedCode(DType::F8E8M0, middle), up);
  }
  uint8_t code = 255;
  EXPECT_TRUE(std::isnan(loadAsDouble(DType::F8E8M0, &code, 0)));
  EXPECT_EQ(storedCode(DType::F8E8M0, 0.0), 0u);
  EXPECT_EQ(storedCode(DType::F8E8M0, -0.0), 0u);
  EXPECT_EQ(storedCode(DType::F8E8M0, 0x1p-300), 0u);
  EXPECT_EQ(storedCode(DType::F8E8M0, -1), 255u);
  EXPECT_EQ(storedCode(DType::F8E8M0, -infinity), 255u);
  EXPECT_EQ(storedCode(DType::F8E8M0, infinity), 255u);
}

TEST(DTypeTest, IntegersTruncateAndSaturate) {
  struct {
    DType dtype;
    double low, high;
  } ranges[] = {{DType::I8, -128, 127},
                {DType::U8, 0, 255},
                {DType::I16, -32768, 32767},
                {DType::I32, -2147483648.0, 2147483647.0}};
  for (const auto &range : ranges) {
    EXPECT_EQ(roundTo(range.dtype, 1e30), range.high);
    EXPECT_EQ(roundTo(range.dtype, range.high + 0.9), range.high);
    EXPECT_EQ(roundTo(range.dtype, range.high + 1), range.high);
    EXPECT_EQ(roundTo(range.dtype, infinity), range.high);
    EXPECT_EQ(roundTo(range.dtype, -1e30), range.low);
    EXPECT_EQ(roundTo(range.dtype, range.low - 0.9), range.low);
    EXPECT_EQ(roundTo(range.dtype, range.low - 1), range.low);
    EXPECT_EQ(roundTo(range.dtype, nan), 0);
    EXPECT_EQ(roundTo(range.dtype, 2.9), 2);
    EXPECT_EQ(roundTo(range.dtype, -2.9), range.low < 0 ? -2 : 0);
  }
  int64_t value;
  storeFromDouble(DType::I64, &value, 0, 0x1p63);
  EXPECT_EQ(value, std::numeric_limits<int64_t>::max());
  storeFromDouble(DType::I64, &value, 0, -0x1p63);
  EXPECT_EQ(value, std::numeric_limits<int64_t>::min());
  storeFromDouble(DType::I64, &value, 0, 0x1.fffffffffffffp62);
  EXPECT_EQ(value, 0x7ffffffffffffc00);
}

TEST(DTypeTest, IntegersKeepAllBits) {
  std::byte buffer[8];
  for (int64_t value :
       {int64_t(0), int64_t(-1), int64_t(127), int64_t(0x1234567890abcdef),
        std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max()}) {
    storeFromInt(DType::I64, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::I64, buffer, 0), value);
    storeFromInt(DType::I32, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::I32, buffer, 0), static_cast<int32_t>(value));
    storeFromInt(DType::I16, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::I16, buffer, 0), static_cast<int16_t>(value));
    storeFromInt(DType::I8, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::I8, buffer, 0), static_cast<int8_t>(value));
    storeFromInt(DType::U8, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::U8, buffer, 0), static_cast<uint8_t>(value));
    storeFromInt(DType::Bool, buffer, 0, value);
    EXPECT_EQ(loadAsInt(DType::Bool, buffer, 0), value != 0);
  }
}

TEST(DTypeTest, BoolIsZeroOrNot) {
  uint8_t byte = 200;
  EXPECT_EQ(loadAsDouble(DType::Bool, &byte, 0), 1);
  EXPECT_EQ(loadAsInt(DType::Bool, &byte, 0), 1);
  EXPECT_EQ(storedCode(DType::Bool, 0.25), 1u);
  EXPECT_EQ(storedCode(DType::Bool, -0.0), 0u);
}

TEST(DTypeTest, FloatsLoadAsIntegers) {
  float values[] = {3.9f, -3.9f, 1e30f, -1e30f, float(nan)};
  EXPECT_EQ(loadAsInt(DType::F32, values, 0), 3);
  EXPECT_EQ(loadAsInt(DType::F32, values, 1), -3);
  EXPECT_EQ(loadAsInt(DType::F32, values, 2),
            std::numeric_limits<int64_t>::max());
  EXPECT_EQ(loadAsInt(DType::F32, values, 3),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(loadAsInt(DType::F32, values, 4), 0);
}

TEST(DTypeTest, LargeIntegersRoundOnce) {
  // Through double, 2^60 + 2^36 + 1 is a tie of two f32 values and would go to
  // the even one below.
  int64_t value = (int64_t(1) << 60) + (int64_t(1) << 36) + 1;
  float element;
  storeFromInt(DType::F32, &element, 0, value);
  EXPECT_EQ(element, 0x1p60f + 0x1p37f);
  storeFromInt(DType::F32, &element, 0, -value);
  EXPECT_EQ(element, -(0x1p60f + 0x1p37f));
  // The compiler's own conversion from i64 rounds once.
  std::mt19937_64 random(11);
  for (int i = 0; i < 100000; ++i) {
    auto any = static_cast<int64_t>(random() >> (random() % 63));
    any = i % 2 ? any : -any;
    storeFromInt(DType::F32, &element, 0, any);
    ASSERT_EQ(element, static_cast<float>(any)) << any;
  }
  for (int64_t end : {std::numeric_limits<int64_t>::min(),
                      std::numeric_limits<int64_t>::max()}) {
    storeFromInt(DType::F32, &element, 0, end);
    EXPECT_EQ(element, static_cast<float>(end));
  }
}

TEST(DTypeTest, NoAlignmentIsAssumed) {
  alignas(16) std::byte buffer[64] = {};
  for (int value = 0; value < numDTypes; ++value) {
    auto dtype = static_cast<DType>(value);
    void *odd = buffer + 1;
    storeFromDouble(dtype, odd, 0, 1);
    storeFromDouble(dtype, odd, 2, 1);
    EXPECT_EQ(loadAsDouble(dtype, odd, 0), 1);
    EXPECT_EQ(loadAsDouble(dtype, odd, 2), 1);
  }
}

TEST(DTypeTest, NamesGoBothWays) {
  for (int value = 0; value < numDTypes; ++value) {
    auto dtype = static_cast<DType>(value);
    EXPECT_EQ(dtypeFromName(name(dtype)), dtype);
    EXPECT_EQ(dtypeFromSafetensors(safetensorsName(dtype)), dtype);
  }
  EXPECT_EQ(dtypeFromName("f31"), std::nullopt);
  EXPECT_EQ(dtypeFromName(""), std::nullopt);
  EXPECT_EQ(dtypeFromSafetensors("f32"), std::nullopt);
  EXPECT_EQ(name(DType::F8E4M3), "f8E4M3FN");
  EXPECT_EQ(safetensorsName(DType::BF16), "BF16");
  EXPECT_EQ(byteSize(DType::F16), 2u);
  EXPECT_EQ(byteSize(DType::I64), 8u);
  EXPECT_TRUE(isFloat(DType::F8E8M0));
  EXPECT_FALSE(isFloat(DType::I64));
}

} // namespace
