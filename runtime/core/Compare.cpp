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
#include <cstdio>
#include <limits>

using namespace moe;
using namespace moe::core;

static const Tensor *find(std::span<const NamedTensor> tensors,
                          std::string_view name) {
  for (const NamedTensor &each : tensors)
    if (each.name == name)
      return &each.tensor;
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

static std::vector<int64_t> rowOf(const Tensor &ids, int64_t row) {
  std::vector<int64_t> values;
  for (int64_t slot = 0; slot < ids.shape()[1]; ++slot)
    values.push_back(
        loadAsInt(ids.dtype(), ids.data(),
                  static_cast<size_t>(row * ids.shape()[1] + slot)));
  return values;
}

/// Both are [T, K] integers.
static void compareIds(const Tensor &got, const Tensor &want,
                       TensorComparison &report) {
  int64_t differing = 0;
  for (int64_t row = 0; row < want.shape()[0]; ++row) {
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

static void compareInts(const Tensor &got, const Tensor &want,
                        TensorComparison &report) {
  int64_t differing = 0;
  for (int64_t index = 0; index < want.numElements(); ++index) {
    size_t at = static_cast<size_t>(index);
    int64_t a = loadAsInt(got.dtype(), got.data(), at);
    int64_t b = loadAsInt(want.dtype(), want.data(), at);
    if (a != b && differing++ == 0)
      report.problem = "element " + std::to_string(index) + " is " +
                       std::to_string(a) + ", expected " + std::to_string(b);
  }
  if (differing > 1)
    report.problem += " (" + std::to_string(differing) + " elements differ)";
}

/// Weights of a row by the id that they belong to; each id of ours is matched
/// once.
static void compareWeights(const Tensor &got, const Tensor &gotIds,
                           const Tensor &want, const Tensor &wantIds,
                           TensorComparison &report) {
  Distance distance;
  int64_t topK = want.shape()[1];
  for (int64_t row = 0; row < want.shape()[0]; ++row) {
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

static void compareFloats(const Tensor &got, const Tensor &want,
                          TensorComparison &report) {
  Distance distance;
  for (int64_t index = 0; index < want.numElements(); ++index)
    distance.add(got.at(index), want.at(index));
  report.error = distance.relative();
}

static TensorComparison compareOne(const std::string &name, const Tensor &want,
                                   std::span<const NamedTensor> results,
                                   std::span<const NamedTensor> expected) {
  TensorComparison report;
  report.name = name;
  const Tensor *got = find(results, name);
  if (!got) {
    report.problem = "is missing";
    return report;
  }
  if (got->shape() != want.shape()) {
    report.problem = "has shape " + shapeStr(got->shape()) + ", expected " +
                     shapeStr(want.shape());
    return report;
  }
  if (isFloat(got->dtype()) != isFloat(want.dtype())) {
    report.problem = "is " + std::string(core::name(got->dtype())) +
                     ", expected " + std::string(core::name(want.dtype()));
    return report;
  }
  const Tensor *gotIds = find(results, "topk_ids");
  const Tensor *wantIds = find(expected, "topk_ids");
  bool matched = name == "topk_weights" && want.shape().size() == 2 && gotIds &&
                 wantIds && gotIds->shape() == want.shape() &&
                 wantIds->shape() == want.shape();
  if (name == "topk_ids" && want.shape().size() == 2)
    compareIds(*got, want, report);
  else if (!isFloat(want.dtype()))
    compareInts(*got, want, report);
  else if (matched)
    compareWeights(*got, *gotIds, want, *wantIds, report);
  else
    compareFloats(*got, want, report);
  if (!std::isfinite(report.error))
    report.problem = "holds a NaN or an infinity";
  return report;
}

Comparison core::compare(std::span<const NamedTensor> results,
                         std::span<const NamedTensor> expected,
                         double tolerance) {
  Comparison comparison;
  comparison.tolerance = tolerance;
  for (const NamedTensor &each : expected) {
    if (each.name.ends_with("_f64") || each.name.ends_with("_before_capacity"))
      continue;
    const Tensor *exact = find(expected, each.name + "_f64");
    comparison.tensors.push_back(
        compareOne(each.name, exact ? *exact : each.tensor, results, expected));
  }
  return comparison;
}

static std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2e", value);
  return text;
}

std::string TensorComparison::summary() const {
  if (!problem.empty())
    return problem;
  return error == 0 ? "exact" : scientific(error);
}

bool Comparison::held() const { return failure().empty(); }

double Comparison::worst() const {
  double worst = 0;
  for (const TensorComparison &each : tensors)
    worst = std::max(worst, each.problem.empty()
                                ? each.error
                                : std::numeric_limits<double>::infinity());
  return worst;
}

std::string Comparison::failure() const {
  std::string text;
  for (const TensorComparison &each : tensors) {
    if (each.problem.empty() && each.error <= tolerance)
      continue;
    text += (text.empty() ? "" : "; ") + each.name;
    text += each.problem.empty() ? ": error " + scientific(each.error) +
                                       " is above " + scientific(tolerance)
                                 : " " + each.problem;
  }
  return text;
}
