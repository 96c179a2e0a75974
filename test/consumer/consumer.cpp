//===- consumer.cpp - A C++ program that runs a layer -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// consumer_cpp [LAYER]: runs a package with random weights on [2, 4] hidden
// states; without an argument, a layer that it describes and compiles itself.
//
//===----------------------------------------------------------------------===//

#include "moe/moe.hpp"

#include <cstdio>

static int fail(const moe::Error &error) {
  std::fprintf(stderr, "error: %s\n", error.str().c_str());
  return 1;
}

static moe::Source smallLayer() {
  moe::LayerSpec spec;
  spec.num_experts = 8;
  spec.top_k = 2;
  spec.hidden_size = 4;
  spec.intermediate_size = 16;
  spec.router.score = "softmax";
  spec.router.normalize = {{"l1"}};
  return moe::Source::layer(spec);
}

int main(int argc, char **argv) {
  auto program = moe::Compiler().compile(argc > 1 ? moe::Source::file(argv[1])
                                                  : smallLayer());
  if (!program)
    return fail(program.error());
  auto bound = program->bind(moe::Weights::random(1));
  if (!bound)
    return fail(bound.error());
  auto layer = moe::Layer::create(*bound, {/*max_tokens=*/2});
  if (!layer)
    return fail(layer.error());

  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8] = {};
  if (auto ran = layer->run(moe::Tensor(x, {2, 4}), moe::Tensor(y, {2, 4}));
      !ran)
    return fail(ran.error());
  for (int i = 0; i < 8; ++i)
    std::printf("%g%s", y[i], i == 7 ? "\n" : " ");
}
