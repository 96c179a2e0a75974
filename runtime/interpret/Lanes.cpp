//===- Lanes.cpp - The table of scalar ops --------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integers follow the arith dialect: results wrap to their width, signedness
// belongs to the op. Where the dialect leaves a result undefined (a shift by
// the width or more, a float outside the integer's range) the table picks one
// value; where it makes the program undefined (a division by zero) it is an
// error.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Lanes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace moe;
using namespace moe::interpret;

namespace {

using In = const Cell *const *;

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

template <auto F>
const char *floatUnary(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = F(in[0][j].f);
  return nullptr;
}
template <auto F>
const char *floatBinary(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = F(in[0][j].f, in[1][j].f);
  return nullptr;
}
template <auto F>
const char *floatTernary(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = F(in[0][j].f, in[1][j].f, in[2][j].f);
  return nullptr;
}
template <auto F>
const char *floatTest(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i = F(in[0][j].f) ? 1 : 0;
  return nullptr;
}
/// F over uint64: arithmetic that is the same for both signs.
template <auto F>
const char *bits(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i =
        wrapInt(static_cast<int64_t>(F(static_cast<uint64_t>(in[0][j].i),
                                       static_cast<uint64_t>(in[1][j].i))),
                op.to.width);
  return nullptr;
}
template <auto F>
const char *signedBinary(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i = wrapInt(F(asSigned(in[0][j].i, op.from.width),
                         asSigned(in[1][j].i, op.from.width)),
                       op.to.width);
  return nullptr;
}
template <auto F>
const char *unsignedBinary(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i =
        wrapInt(static_cast<int64_t>(F(asUnsigned(in[0][j].i, op.from.width),
                                       asUnsigned(in[1][j].i, op.from.width))),
                op.to.width);
  return nullptr;
}
constexpr const char *kDivision = "divides by zero";
template <auto F>
const char *signedDivision(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    if (in[1][j].i == 0)
      return kDivision;
  return signedBinary<F>(op, in, out, count);
}
template <auto F>
const char *unsignedDivision(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    if (in[1][j].i == 0)
      return kDivision;
  return unsignedBinary<F>(op, in, out, count);
}
/// F of the unsigned value and its width: counts of bits.
template <auto F>
const char *bitCount(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i = wrapInt(F(asUnsigned(in[0][j].i, op.from.width), op.from.width),
                       op.to.width);
  return nullptr;
}
/// F of the left operand, the distance and the width; the distance is smaller
/// than the width, others give 0.
template <auto F>
const char *shift(const LaneOp &op, In in, Cell *out, size_t count) {
  unsigned width = op.from.width;
  for (size_t j = 0; j < count; ++j) {
    uint64_t distance = asUnsigned(in[1][j].i, width);
    out[j].i =
        distance < width ? wrapInt(F(in[0][j].i, distance, width), width) : 0;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Ops that are more than one expression
//===----------------------------------------------------------------------===//

double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  if (a == b)
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<double>::quiet_NaN();
  if (a == b)
    return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

/// The smallest integer has no positive counterpart: a quotient by -1 wraps.
int64_t divide(int64_t a, int64_t b) {
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}
int64_t remainder(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }
int64_t floorDivide(int64_t a, int64_t b) {
  int64_t rest = remainder(a, b);
  return divide(a, b) - (rest != 0 && (rest < 0) != (b < 0));
}
int64_t ceilDivide(int64_t a, int64_t b) {
  int64_t rest = remainder(a, b);
  return divide(a, b) + (rest != 0 && (rest < 0) == (b < 0));
}

int64_t shiftLeft(int64_t a, uint64_t distance, unsigned) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) << distance);
}
int64_t shiftRight(int64_t a, uint64_t distance, unsigned width) {
  return asSigned(a, width) >> distance;
}
int64_t shiftRightUnsigned(int64_t a, uint64_t distance, unsigned width) {
  return static_cast<int64_t>(asUnsigned(a, width) >> distance);
}

const char *integerPower(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j) {
    int64_t base = asSigned(in[0][j].i, op.from.width);
    int64_t exponent = asSigned(in[1][j].i, op.from.width);
    uint64_t result = 1;
    if (exponent < 0) {
      if (base == 0)
        return "raises 0 to a negative power";
      bool odd = exponent & 1;
      result = base == 1 ? 1 : base == -1 ? (odd ? uint64_t(-1) : 1) : 0;
    } else {
      uint64_t power = static_cast<uint64_t>(base);
      for (uint64_t rest = exponent; rest != 0; rest >>= 1, power *= power)
        if (rest & 1)
          result *= power;
    }
    out[j].i = wrapInt(static_cast<int64_t>(result), op.to.width);
  }
  return nullptr;
}

const char *floatToTheInteger(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = std::pow(in[0][j].f, static_cast<double>(in[1][j].i));
  return nullptr;
}

const char *compareInts(const LaneOp &op, In in, Cell *out, size_t count) {
  using P = mlir::arith::CmpIPredicate;
  unsigned width = op.from.width;
  auto signedly = [&](auto holds) {
    for (size_t j = 0; j < count; ++j)
      out[j].i =
          holds(asSigned(in[0][j].i, width), asSigned(in[1][j].i, width));
  };
  auto unsignedly = [&](auto holds) {
    for (size_t j = 0; j < count; ++j)
      out[j].i =
          holds(asUnsigned(in[0][j].i, width), asUnsigned(in[1][j].i, width));
  };
  switch (static_cast<P>(op.predicate)) {
  case P::eq:
    signedly(std::equal_to<>());
    break;
  case P::ne:
    signedly(std::not_equal_to<>());
    break;
  case P::slt:
    signedly(std::less<>());
    break;
  case P::sle:
    signedly(std::less_equal<>());
    break;
  case P::sgt:
    signedly(std::greater<>());
    break;
  case P::sge:
    signedly(std::greater_equal<>());
    break;
  case P::ult:
    unsignedly(std::less<>());
    break;
  case P::ule:
    unsignedly(std::less_equal<>());
    break;
  case P::ugt:
    unsignedly(std::greater<>());
    break;
  case P::uge:
    unsignedly(std::greater_equal<>());
    break;
  }
  return nullptr;
}

const char *compareFloats(const LaneOp &op, In in, Cell *out, size_t count) {
  using P = mlir::arith::CmpFPredicate;
  auto compare = [&](auto holds) {
    for (size_t j = 0; j < count; ++j)
      out[j].i = holds(in[0][j].f, in[1][j].f);
  };
  // An ordered comparison is false of NaN as C++'s are; an unordered one is
  // the opposite comparison, negated.
  switch (static_cast<P>(op.predicate)) {
  case P::AlwaysFalse:
    compare([](double, double) { return false; });
    break;
  case P::OEQ:
    compare([](double a, double b) { return a == b; });
    break;
  case P::OGT:
    compare([](double a, double b) { return a > b; });
    break;
  case P::OGE:
    compare([](double a, double b) { return a >= b; });
    break;
  case P::OLT:
    compare([](double a, double b) { return a < b; });
    break;
  case P::OLE:
    compare([](double a, double b) { return a <= b; });
    break;
  case P::ONE:
    compare([](double a, double b) { return a < b || a > b; });
    break;
  case P::ORD:
    compare([](double a, double b) { return a == a && b == b; });
    break;
  case P::UEQ:
    compare([](double a, double b) { return !(a < b || a > b); });
    break;
  case P::UGT:
    compare([](double a, double b) { return !(a <= b); });
    break;
  case P::UGE:
    compare([](double a, double b) { return !(a < b); });
    break;
  case P::ULT:
    compare([](double a, double b) { return !(a >= b); });
    break;
  case P::ULE:
    compare([](double a, double b) { return !(a > b); });
    break;
  case P::UNE:
    compare([](double a, double b) { return a != b; });
    break;
  case P::UNO:
    compare([](double a, double b) { return a != a || b != b; });
    break;
  case P::AlwaysTrue:
    compare([](double, double) { return true; });
    break;
  }
  return nullptr;
}

const char *select(const LaneOp &, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j] = in[0][j].i ? in[1][j] : in[2][j];
  return nullptr;
}

const char *absolute(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j) {
    int64_t value = asSigned(in[0][j].i, op.from.width);
    out[j].i = wrapInt(
        value < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(value))
                  : value,
        op.to.width);
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Floats of another type: the rounding of the result is all there is to do.
const char *same(const LaneOp &, In in, Cell *out, size_t count) {
  if (out != in[0])
    std::memmove(out, in[0], count * sizeof(Cell));
  return nullptr;
}
const char *signExtend(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i = wrapInt(asSigned(in[0][j].i, op.from.width), op.to.width);
  return nullptr;
}
const char *zeroExtend(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].i =
        wrapInt(static_cast<int64_t>(asUnsigned(in[0][j].i, op.from.width)),
                op.to.width);
  return nullptr;
}
const char *signedToFloat(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = static_cast<double>(asSigned(in[0][j].i, op.from.width));
  return nullptr;
}
const char *unsignedToFloat(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j)
    out[j].f = static_cast<double>(asUnsigned(in[0][j].i, op.from.width));
  return nullptr;
}
const char *floatToSigned(const LaneOp &op, In in, Cell *out, size_t count) {
  double limit = std::ldexp(1.0, static_cast<int>(op.to.width) - 1);
  for (size_t j = 0; j < count; ++j) {
    double value = in[0][j].f;
    int64_t result = 0;
    if (value >= limit)
      result = std::numeric_limits<int64_t>::max() >> (64 - op.to.width);
    else if (value < -limit)
      result = std::numeric_limits<int64_t>::min() >> (64 - op.to.width);
    else if (value == value)
      result = static_cast<int64_t>(value);
    out[j].i = wrapInt(result, op.to.width);
  }
  return nullptr;
}
const char *floatToUnsigned(const LaneOp &op, In in, Cell *out, size_t count) {
  double limit = std::ldexp(1.0, static_cast<int>(op.to.width));
  for (size_t j = 0; j < count; ++j) {
    double value = in[0][j].f;
    uint64_t result = 0;
    if (value >= limit)
      result = ~uint64_t(0);
    else if (value > 0)
      result = static_cast<uint64_t>(value);
    out[j].i = wrapInt(static_cast<int64_t>(result), op.to.width);
  }
  return nullptr;
}
/// Through the bytes that an element of the type has in memory.
const char *reinterpret(const LaneOp &op, In in, Cell *out, size_t count) {
  for (size_t j = 0; j < count; ++j) {
    uint64_t word = 0;
    if (op.from.isFloat)
      core::storeFromDouble(op.from.dtype, &word, 0, in[0][j].f);
    else
      word = asUnsigned(in[0][j].i, op.from.width);
    if (op.to.isFloat)
      out[j].f = core::loadAsDouble(op.to.dtype, &word, 0);
    else
      out[j].i = wrapInt(static_cast<int64_t>(word), op.to.width);
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

struct Row {
  llvm::StringLiteral name;
  LaneOp::Function function;
};

using D = double;
using I = int64_t;
using U = uint64_t;

const Row kRows[] = {
    {"arith.addf", floatBinary<[](D a, D b) { return a + b; }>},
    {"arith.subf", floatBinary<[](D a, D b) { return a - b; }>},
    {"arith.mulf", floatBinary<[](D a, D b) { return a * b; }>},
    {"arith.divf", floatBinary<[](D a, D b) { return a / b; }>},
    {"arith.remf", floatBinary<[](D a, D b) { return std::fmod(a, b); }>},
    {"arith.negf", floatUnary<[](D a) { return -a; }>},
    {"arith.maximumf", floatBinary<maximum>},
    {"arith.minimumf", floatBinary<minimum>},
    {"arith.maxnumf", floatBinary<[](D a, D b) { return std::fmax(a, b); }>},
    {"arith.minnumf", floatBinary<[](D a, D b) { return std::fmin(a, b); }>},
    {"arith.cmpf", compareFloats},
    {"arith.cmpi", compareInts},
    {"arith.select", select},

    {"arith.addi", bits<[](U a, U b) { return a + b; }>},
    {"arith.subi", bits<[](U a, U b) { return a - b; }>},
    {"arith.muli", bits<[](U a, U b) { return a * b; }>},
    {"arith.andi", bits<[](U a, U b) { return a & b; }>},
    {"arith.ori", bits<[](U a, U b) { return a | b; }>},
    {"arith.xori", bits<[](U a, U b) { return a ^ b; }>},
    {"arith.divsi", signedDivision<divide>},
    {"arith.remsi", signedDivision<remainder>},
    {"arith.floordivsi", signedDivision<floorDivide>},
    {"arith.ceildivsi", signedDivision<ceilDivide>},
    {"arith.divui", unsignedDivision<[](U a, U b) { return a / b; }>},
    {"arith.remui", unsignedDivision<[](U a, U b) { return a % b; }>},
    {"arith.ceildivui",
     unsignedDivision<[](U a, U b) { return a / b + (a % b != 0); }>},
    {"arith.maxsi", signedBinary<[](I a, I b) { return std::max(a, b); }>},
    {"arith.minsi", signedBinary<[](I a, I b) { return std::min(a, b); }>},
    {"arith.maxui", unsignedBinary<[](U a, U b) { return std::max(a, b); }>},
    {"arith.minui", unsignedBinary<[](U a, U b) { return std::min(a, b); }>},
    {"arith.shli", shift<shiftLeft>},
    {"arith.shrsi", shift<shiftRight>},
    {"arith.shrui", shift<shiftRightUnsigned>},

    {"arith.extf", same},
    {"arith.truncf", same},
    {"arith.extsi", signExtend},
    {"arith.extui", zeroExtend},
    {"arith.trunci", signExtend},
    {"arith.index_cast", signExtend},
    {"arith.index_castui", zeroExtend},
    {"arith.sitofp", signedToFloat},
    {"arith.uitofp", unsignedToFloat},
    {"arith.fptosi", floatToSigned},
    {"arith.fptoui", floatToUnsigned},
    {"arith.bitcast", reinterpret},

    {"math.absf", floatUnary<[](D a) { return std::fabs(a); }>},
    {"math.acos", floatUnary<[](D a) { return std::acos(a); }>},
    {"math.acosh", floatUnary<[](D a) { return std::acosh(a); }>},
    {"math.asin", floatUnary<[](D a) { return std::asin(a); }>},
    {"math.asinh", floatUnary<[](D a) { return std::asinh(a); }>},
    {"math.atan", floatUnary<[](D a) { return std::atan(a); }>},
    {"math.atan2", floatBinary<[](D a, D b) { return std::atan2(a, b); }>},
    {"math.atanh", floatUnary<[](D a) { return std::atanh(a); }>},
    {"math.cbrt", floatUnary<[](D a) { return std::cbrt(a); }>},
    {"math.ceil", floatUnary<[](D a) { return std::ceil(a); }>},
    {"math.clampf", floatTernary<[](D x, D low, D high) {
       return minimum(maximum(x, low), high);
     }>},
    {"math.copysign",
     floatBinary<[](D a, D b) { return std::copysign(a, b); }>},
    {"math.cos", floatUnary<[](D a) { return std::cos(a); }>},
    {"math.cosh", floatUnary<[](D a) { return std::cosh(a); }>},
    {"math.erf", floatUnary<[](D a) { return std::erf(a); }>},
    {"math.erfc", floatUnary<[](D a) { return std::erfc(a); }>},
    {"math.exp", floatUnary<[](D a) { return std::exp(a); }>},
    {"math.exp2", floatUnary<[](D a) { return std::exp2(a); }>},
    {"math.expm1", floatUnary<[](D a) { return std::expm1(a); }>},
    {"math.floor", floatUnary<[](D a) { return std::floor(a); }>},
    {"math.fma", floatTernary<[](D a, D b, D c) { return std::fma(a, b, c); }>},
    {"math.fpowi", floatToTheInteger},
    {"math.isfinite", floatTest<[](D a) { return std::isfinite(a); }>},
    {"math.isinf", floatTest<[](D a) { return std::isinf(a); }>},
    {"math.isnan", floatTest<[](D a) { return std::isnan(a); }>},
    {"math.log", floatUnary<[](D a) { return std::log(a); }>},
    {"math.log10", floatUnary<[](D a) { return std::log10(a); }>},
    {"math.log1p", floatUnary<[](D a) { return std::log1p(a); }>},
    {"math.log2", floatUnary<[](D a) { return std::log2(a); }>},
    {"math.powf", floatBinary<[](D a, D b) { return std::pow(a, b); }>},
    {"math.round", floatUnary<[](D a) { return std::round(a); }>},
    {"math.roundeven", floatUnary<[](D a) { return std::nearbyint(a); }>},
    {"math.rsqrt", floatUnary<[](D a) { return 1 / std::sqrt(a); }>},
    {"math.sin", floatUnary<[](D a) { return std::sin(a); }>},
    {"math.sinh", floatUnary<[](D a) { return std::sinh(a); }>},
    {"math.sqrt", floatUnary<[](D a) { return std::sqrt(a); }>},
    {"math.tan", floatUnary<[](D a) { return std::tan(a); }>},
    {"math.tanh", floatUnary<[](D a) { return std::tanh(a); }>},
    {"math.trunc", floatUnary<[](D a) { return std::trunc(a); }>},

    {"math.absi", absolute},
    {"math.ipowi", integerPower},
    {"math.ctlz", bitCount<[](U a, unsigned width) {
       return static_cast<I>(width) - llvm::bit_width(a);
     }>},
    {"math.cttz", bitCount<[](U a, unsigned width) {
       return a == 0 ? static_cast<I>(width) : llvm::countr_zero(a);
     }>},
    {"math.ctpop",
     bitCount<[](U a, unsigned) { return static_cast<I>(llvm::popcount(a)); }>},
};

const llvm::StringMap<LaneOp::Function> &table() {
  static const llvm::StringMap<LaneOp::Function> map = [] {
    llvm::StringMap<LaneOp::Function> map;
    for (const Row &row : kRows)
      map[row.name] = row.function;
    return map;
  }();
  return map;
}

} // namespace

llvm::ArrayRef<llvm::StringLiteral> interpret::laneOpNames() {
  static const std::vector<llvm::StringLiteral> names = [] {
    std::vector<llvm::StringLiteral> names;
    for (const Row &row : kRows)
      names.push_back(row.name);
    return names;
  }();
  return names;
}

std::optional<LaneOp> interpret::laneOpFor(mlir::Operation *op, bool exact) {
  auto row = table().find(op->getName().getStringRef());
  if (row == table().end() || op->getNumResults() != 1 ||
      op->getNumOperands() > kMaxLaneOperands)
    return std::nullopt;
  std::optional<Element> from =
      Element::ofElements(op->getOperand(0).getType());
  std::optional<Element> to = Element::ofElements(op->getResult(0).getType());
  if (!from || !to)
    return std::nullopt;
  LaneOp lane;
  lane.function = row->second;
  lane.from = *from;
  lane.to = *to;
  lane.round = exact ? core::DType::F64 : to->dtype;
  if (auto compare = mlir::dyn_cast<mlir::arith::CmpIOp>(op))
    lane.predicate = static_cast<int64_t>(compare.getPredicate());
  else if (auto compare = mlir::dyn_cast<mlir::arith::CmpFOp>(op))
    lane.predicate = static_cast<int64_t>(compare.getPredicate());
  return lane;
}
