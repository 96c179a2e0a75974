//===- DimExpr.cpp - Sizes that depend on dimensions ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One stack machine, run once on intervals and then on values.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/DimExpr.h"

#include <algorithm>
#include <array>
#include <optional>

using namespace moe::core;
using moe::abi::ExprOp;

namespace {

/// Deeper than any compiler's output; shallow enough for every stack.
constexpr size_t maxDepth = 32;

Error illFormed(const std::string &why) {
  return {ErrorId::PackageCorrupt, why};
}

int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t ceilDiv(int64_t a, int64_t b) { return a / b + (a % b > 0); }
int64_t floorMod(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

std::optional<DimRange> add(DimRange a, DimRange b) {
  DimRange sum;
  if (__builtin_add_overflow(a.low, b.low, &sum.low) ||
      __builtin_add_overflow(a.high, b.high, &sum.high))
    return std::nullopt;
  return sum;
}

/// The least and the greatest of what `op` gives for the ends of both.
template <typename Op>
std::optional<DimRange> corners(DimRange a, DimRange b, Op op) {
  DimRange range{INT64_MAX, INT64_MIN};
  for (int64_t x : {a.low, a.high})
    for (int64_t y : {b.low, b.high}) {
      int64_t value;
      if (!op(x, y, value))
        return std::nullopt;
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  return range;
}

/// None on overflow; the divisor is positive.
std::optional<DimRange> combine(ExprOp op, DimRange a, DimRange b) {
  switch (op) {
  case ExprOp::Add:
    return add(a, b);
  case ExprOp::Mul:
    return corners(a, b, [](int64_t x, int64_t y, int64_t &value) {
      return !__builtin_mul_overflow(x, y, &value);
    });
  case ExprOp::FloorDiv:
    return corners(a, b, [](int64_t x, int64_t y, int64_t &value) {
      value = floorDiv(x, y);
      return true;
    });
  case ExprOp::CeilDiv:
    return corners(a, b, [](int64_t x, int64_t y, int64_t &value) {
      value = ceilDiv(x, y);
      return true;
    });
  default: // Mod
    if (a.low >= 0 && a.high < b.low)
      return a;
    return DimRange{0, b.high - 1};
  }
}

} // namespace

Result<DimRange> moe::core::rangeOf(const abi::Expr &expr,
                                    std::span<const int64_t> bounds) {
  const flatbuffers::Vector<int64_t> &code = *expr.code();
  if (code.size() % 2 != 0 || code.size() == 0)
    return illFormed("an expression of " + std::to_string(code.size()) +
                     " words");
  std::array<DimRange, maxDepth> stack;
  size_t depth = 0;
  for (flatbuffers::uoffset_t i = 0; i < code.size(); i += 2) {
    const int64_t op = code[i], operand = code[i + 1];
    if (op < 0 || op > static_cast<int64_t>(ExprOp::MAX))
      return illFormed("an expression with the unknown operation " +
                       std::to_string(op));
    const auto kind = static_cast<ExprOp>(op);
    if (kind == ExprOp::Constant || kind == ExprOp::Dim) {
      if (depth == maxDepth)
        return illFormed("an expression that needs more than " +
                         std::to_string(maxDepth) + " values at a time");
      if (kind == ExprOp::Constant) {
        stack[depth++] = {operand, operand};
        continue;
      }
      if (operand < 0 || static_cast<uint64_t>(operand) >= bounds.size())
        return illFormed("an expression of dimension " +
                         std::to_string(operand) + " of " +
                         std::to_string(bounds.size()));
      stack[depth++] = {0, bounds[static_cast<size_t>(operand)]};
      continue;
    }
    if (depth < 2)
      return illFormed("an expression that lacks an operand");
    const DimRange right = stack[--depth];
    const DimRange left = stack[depth - 1];
    const bool divides = kind != ExprOp::Add && kind != ExprOp::Mul;
    if (divides && right.low < 1)
      return illFormed("an expression that divides by " +
                       std::to_string(right.low));
    std::optional<DimRange> result = combine(kind, left, right);
    if (!result)
      return illFormed("an expression that overflows within the bounds of its "
                       "dimensions");
    stack[depth - 1] = *result;
  }
  if (depth != 1)
    return illFormed("an expression that leaves " + std::to_string(depth) +
                     " values");
  return stack[0];
}

int64_t moe::core::evaluate(const abi::Expr &expr,
                            std::span<const int64_t> dims) {
  const flatbuffers::Vector<int64_t> &code = *expr.code();
  std::array<int64_t, maxDepth> stack;
  size_t depth = 0;
  for (flatbuffers::uoffset_t i = 0; i < code.size(); i += 2) {
    const auto kind = static_cast<ExprOp>(code[i]);
    if (kind == ExprOp::Constant) {
      stack[depth++] = code[i + 1];
      continue;
    }
    if (kind == ExprOp::Dim) {
      stack[depth++] = dims[static_cast<size_t>(code[i + 1])];
      continue;
    }
    const int64_t right = stack[--depth];
    int64_t &left = stack[depth - 1];
    switch (kind) {
    case ExprOp::Add:
      left += right;
      break;
    case ExprOp::Mul:
      left *= right;
      break;
    case ExprOp::FloorDiv:
      left = floorDiv(left, right);
      break;
    case ExprOp::CeilDiv:
      left = ceilDiv(left, right);
      break;
    default:
      left = floorMod(left, right);
      break;
    }
  }
  return stack[0];
}
