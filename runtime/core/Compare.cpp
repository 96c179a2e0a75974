//===- Compare.cpp - Results against expectations -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Compare.h"

#include <algorithm>
#include <cmath>

using namespace moe;
using namespace moe::core;

static const TensorView *find(std::span<const NamedView> tensors,
                              std::string_view name) {
  for (const NamedView &tensor : tensors)
    if (tensor.name == name)
      return &tensor.tensor;
  return nullptr;
}

/// Accumulates |y - y*| and |y*|.
namespace {
class Distance {
public:
  void add(double got, double want) {
    double difference = got - want;
    squares += difference * difference;
    scale += want * want;
  }
  /// NaN or infinite where a value is.
  double relative() const {
    return std::sqrt(scale == 0 ? squares : squares / scale);
  }

private:
  double squares = 0, scale = 0;
};
} // namespace

static std::vector<int64_t> rowOf(const TensorView &ids, int64_t row) {
  std::vector<int64_t> values;
  for (int64_t slot = 0; slot < ids.shape[1]; ++slot)
    values.push_back(loadAsInt(ids.dtype, ids.data,
                               static_cast<size_t>(row * ids.shape[1] + slot)));
  return values;
}

/// Both are [T, K] integers.
static void compareIds(const TensorView &got, const TensorView &want,
                       TensorReport &report) {
  int64_t differing = 0;
  for (int64_t row = 0; row < want.shape[0]; ++row) {
    std::vector<int64_t> a = rowOf(got, row), b = rowOf(want, row);
    std::vector<int64_t> setA = a, setB = b;
    std::ranges::sort(setA);
    std::ranges::sort(setB);
    if (setA == setB)
      continue;
    if (differing++ == 0)
      report.problem = "row " + std::to_string(row) + " has ids " +
                       shapeStr(a) + ", expected " + shapeStr(b);
  }
  if (differing > 1)
    report.problem += " (" + std::to_string(differing) + " rows differ)";
}

static void compareInts(const TensorView &got, const TensorView &want,
                        TensorReport &report) {
  int64_t differing = 0;
  for (int64_t index = 0; index < want.numElements(); ++index) {
    size_t at = static_cast<size_t>(index);
    int64_t a = loadAsInt(got.dtype, got.data, at);
    int64_t b = loadAsInt(want.dtype, want.data, at);
    if (a != b && differing++ == 0)
      report.problem = "element " + std::to_string(index) + " is " +
                       std::to_string(a) + ", expected " + std::to_string(b);
  }
  if (differing > 1)
    report.problem += " (" + std::to_string(differing) + " elements differ)";
}

/// Weights of a row by the id that they belong to; each id of ours is matched
/// once.
static void compareWeights(const TensorView &got, const TensorView &gotIds,
                           const TensorView &want, const TensorView &wantIds,
                           TensorReport &report) {
  Distance distance;
  int64_t topK = want.shape[1];
  for (int64_t row = 0; row < want.shape[0]; ++row) {
    std::vector<int64_t> ours = rowOf(gotIds, row),
                         theirs = rowOf(wantIds, row);
    std::vector<bool> used(ours.size(), false);
    for (int64_t slot = 0; slot < topK; ++slot) {
      size_t own = 0;
      while (own < ours.size() && (used[own] || ours[own] != theirs[slot]))
        ++own;
      double value = 0;
      if (own < ours.size()) {
        used[own] = true;
        value = got.at(row * topK + static_cast<int64_t>(own));
      }
      distance.add(value, want.at(row * topK + slot));
    }
  }
  report.error = distance.relative();
}

static void compareFloats(const TensorView &got, const TensorView &want,
                          TensorReport &report) {
  Distance distance;
  for (int64_t index = 0; index < want.numElements(); ++index)
    distance.add(got.at(index), want.at(index));
  report.error = distance.relative();
}

static TensorReport compareOne(const std::string &name, const TensorView &want,
                               std::span<const NamedView> results,
                               std::span<const NamedView> expected) {
  TensorReport report;
  report.name = name;
  const TensorView *got = find(results, name);
  if (!got) {
    report.problem = "is missing";
    return report;
  }
  if (got->shape != want.shape) {
    report.problem = "has shape " + shapeStr(got->shape) + ", expected " +
                     shapeStr(want.shape);
    return report;
  }
  if (isFloat(got->dtype) != isFloat(want.dtype)) {
    report.problem = "is " + std::string(core::name(got->dtype)) +
                     ", expected " + std::string(core::name(want.dtype));
    return report;
  }
  const TensorView *gotIds = find(results, "topk_ids");
  const TensorView *wantIds = find(expected, "topk_ids");
  bool matched = name == "topk_weights" && want.shape.size() == 2 && gotIds &&
                 wantIds && gotIds->shape == want.shape &&
                 wantIds->shape == want.shape;
  if (name == "topk_ids" && want.shape.size() == 2)
    compareIds(*got, want, report);
  else if (!isFloat(want.dtype))
    compareInts(*got, want, report);
  else if (matched)
    compareWeights(*got, *gotIds, want, *wantIds, report);
  else
    compareFloats(*got, want, report);
  if (!std::isfinite(report.error))
    report.problem = "holds a NaN or an infinity";
  return report;
}

std::vector<TensorReport>
core::compareTensors(std::span<const NamedView> results,
                     std::span<const NamedView> expected) {
  std::vector<TensorReport> reports;
  for (const NamedView &tensor : expected) {
    if (tensor.name.ends_with("_f64") ||
        tensor.name.ends_with("_before_capacity"))
      continue;
    const TensorView *exact = find(expected, tensor.name + "_f64");
    reports.push_back(compareOne(tensor.name, exact ? *exact : tensor.tensor,
                                 results, expected));
  }
  return reports;
}
