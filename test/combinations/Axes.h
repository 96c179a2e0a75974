//===- Axes.h - What a layer is combined of ---------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models fix one value on each of these axes; the compiler promises every
// combination. The product has millions of layers, so that a test takes the
// pairs: every two values of different axes meet in some layer, unless no layer
// can have both.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_COMBINATIONS_AXES_H
#define MOE_TEST_COMBINATIONS_AXES_H

#include "moe/test/combinations/LayerForm.h"

#include <functional>
#include <string>
#include <vector>

namespace moe::test {

struct AxisValue {
  std::string name;
  std::function<void(LayerForm &)> apply;
};
struct Axis {
  std::string name;
  std::vector<AxisValue> values;
};
/// The first is sizes, which later ones build on.
std::vector<Axis> layerAxes();

/// An index of a value for each axis.
using Combination = std::vector<size_t>;

LayerForm layerOf(const std::vector<Axis> &axes, const Combination &chosen);
/// "E=13 k=3 H=37 I=29, softmax, ...".
std::string nameOf(const std::vector<Axis> &axes, const Combination &chosen);

/// Whether the layer is one, and has numbers to compare: a norm divides by no
/// sum that may be next to zero.
bool isMeaningful(const LayerForm &layer);

/// Few combinations with every meaningful pair, the same on every machine.
std::vector<Combination> coverPairs(const std::vector<Axis> &axes);

} // namespace moe::test

#endif // MOE_TEST_COMBINATIONS_AXES_H
