//===- CoverPairs.cpp - Few layers with every pair ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layer is made for a pair that none has yet: from the plainest layer that
// has it, axis after axis takes the value that meets most others for the first
// time. Of some such layers, in other orders of the axes, the richest is taken.
//
//===----------------------------------------------------------------------===//

#include "moe/test/combinations/Axes.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string_view>

using namespace moe;
using namespace moe::test;

namespace {

/// Which pairs of values no combination has yet.
class OpenPairs {
public:
  explicit OpenPairs(const std::vector<Axis> &axes) {
    for (const Axis &axis : axes) {
      firsts.push_back(total);
      total += axis.values.size();
    }
    open.assign(total * total, true);
  }
  /// Of the value of an axis with those of the others.
  size_t with(const Combination &chosen, size_t axis) const {
    size_t count = 0;
    for (size_t other = 0; other < chosen.size(); ++other)
      count += other != axis && open[place(chosen, axis, other)];
    return count;
  }
  size_t of(const Combination &chosen) const {
    size_t twice = 0;
    for (size_t axis = 0; axis < chosen.size(); ++axis)
      twice += with(chosen, axis);
    return twice / 2;
  }
  bool has(const Combination &chosen, size_t a, size_t b) const {
    return open[place(chosen, a, b)];
  }
  void close(const Combination &chosen, size_t a, size_t b) {
    open[place(chosen, a, b)] = open[place(chosen, b, a)] = false;
  }
  void close(const Combination &chosen) {
    for (size_t a = 0; a < chosen.size(); ++a)
      for (size_t b = 0; b < a; ++b)
        close(chosen, a, b);
  }

private:
  size_t place(const Combination &chosen, size_t a, size_t b) const {
    return (firsts[a] + chosen[a]) * total + firsts[b] + chosen[b];
  }
  std::vector<size_t> firsts;
  size_t total = 0;
  std::vector<bool> open;
};

} // namespace

/// The values of axes `a` and `b` as chosen, and else the first ones: with a
/// score and a capacity that give the layer a meaning. None: there are none.
static std::optional<Combination> plainest(const std::vector<Axis> &axes,
                                           const Combination &chosen, size_t a,
                                           size_t b) {
  auto at = [&](std::string_view name) {
    return std::ranges::find(axes, name, &Axis::name) - axes.begin();
  };
  const size_t score = at("score"), capacity = at("capacity");
  for (size_t i = 0; i < axes[score].values.size(); ++i)
    for (size_t j = 0; j < axes[capacity].values.size(); ++j) {
      Combination plain(axes.size(), 0);
      plain[score] = i;
      plain[capacity] = j;
      plain[a] = chosen[a];
      plain[b] = chosen[b];
      if (isMeaningful(layerOf(axes, plain)))
        return plain;
    }
  return std::nullopt;
}

std::vector<Combination> test::coverPairs(const std::vector<Axis> &axes) {
  OpenPairs open(axes);
  std::mt19937 random(1); // its values are the same everywhere
  /// Gives axis after axis the value that meets most others for the first time.
  auto enrich = [&](Combination chosen, size_t a, size_t b) {
    std::vector<size_t> rest;
    for (size_t axis = 0; axis < axes.size(); ++axis)
      if (axis != a && axis != b)
        rest.insert(rest.begin() + random() % (rest.size() + 1), axis);
    for (size_t axis : rest) {
      const size_t count = axes[axis].values.size(), first = random() % count;
      Combination best = chosen;
      size_t most = open.with(chosen, axis);
      for (size_t i = 0; i < count; ++i) {
        Combination other = chosen;
        other[axis] = (first + i) % count;
        if (size_t gain = open.with(other, axis);
            gain > most && isMeaningful(layerOf(axes, other))) {
          most = gain;
          best = other;
        }
      }
      chosen = best;
    }
    return chosen;
  };
  std::vector<Combination> all;
  Combination pair(axes.size(), 0);
  for (size_t a = 0; a < axes.size(); ++a)
    for (size_t b = a + 1; b < axes.size(); ++b)
      for (pair[a] = 0; pair[a] < axes[a].values.size(); ++pair[a])
        for (pair[b] = 0; pair[b] < axes[b].values.size(); ++pair[b]) {
          if (!open.has(pair, a, b))
            continue;
          std::optional<Combination> plain = plainest(axes, pair, a, b);
          if (!plain)
            continue;
          Combination best;
          for (int trial = 0; trial < 12; ++trial) {
            Combination chosen = enrich(*plain, a, b);
            if (best.empty() || open.of(chosen) > open.of(best))
              best = chosen;
          }
          open.close(best);
          all.push_back(best);
        }
  return all;
}
