//===- Locate.cpp - Where the MoE layers of a checkpoint are --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Locate.h"

#include <algorithm>
#include <charconv>
#include <map>

using namespace moe;
using namespace moe::import;
using core::Error;
using core::ErrorId;
using core::Result;

/// More layers than this are a mistake in a configuration.
static constexpr int64_t kMaxLayers = 10000;

/// A pattern around "{l}".
static std::pair<std::string, std::string> around(std::string_view pattern) {
  size_t at = pattern.find("{l}");
  return {std::string(pattern.substr(0, at)),
          std::string(pattern.substr(at + 3))};
}

/// The number between prefix and suffix of a name, as Python prints it.
static std::optional<int64_t> numberIn(std::string_view name,
                                       std::string_view prefix,
                                       std::string_view suffix) {
  if (name.size() <= prefix.size() + suffix.size() ||
      !name.starts_with(prefix) || !name.ends_with(suffix))
    return std::nullopt;
  std::string_view digits =
      name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  int64_t number = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      number < 0 || number > kMaxLayers || std::to_string(number) != digits)
    return std::nullopt;
  return number;
}

static std::vector<LayerPlace> storedLayers(const Stack &stack,
                                            std::string_view router,
                                            int64_t offset,
                                            const core::Checkpoint &stored) {
  std::vector<LayerPlace> places;
  auto search = [&](std::string_view pattern) {
    auto [prefix, suffix] = around(pattern);
    std::string end = suffix + "." + std::string(router);
    for (const std::string &name : stored.names())
      if (std::optional<int64_t> layer = numberIn(name, prefix, end))
        places.push_back({offset + *layer,
                          prefix + std::to_string(*layer) + suffix, &stack});
  };
  for (std::string_view pattern : stack.blocks) {
    search(pattern);
    // A multimodal model's language model is inside or beside "model"; alone it
    // has no prefix.
    constexpr std::string_view model = "model.";
    if (!pattern.starts_with(model))
      continue;
    std::string inner(pattern.substr(model.size()));
    for (const char *outer : {"language_model.model.", "model.language_model.",
                              "thinker.model.", "language.model.", ""})
      search(outer + inner);
  }
  return places;
}

/// The step of a T5 stack: a key of its own, else from the number of sparse
/// layers.
static Result<int64_t> stackStep(const Config &config, std::string_view side,
                                 int64_t layers) {
  std::string step = std::string(side) + "_sparse_step";
  std::string count = "num_sparse_" + std::string(side) + "_layers";
  if (config.find(step))
    return config.integer(step, 0, kMaxLayers, std::nullopt);
  Result<int64_t> sparse = config.integer(count, 0, kMaxLayers, std::nullopt);
  if (!sparse)
    return sparse;
  return *sparse > 0 ? layers / *sparse : 0;
}

/// Whether the configuration makes each layer of a stack an MoE layer.
static Result<std::vector<bool>>
impliedLayers(const Stack &stack, const Config &config, int64_t layers) {
  std::vector<bool> isMoe(layers, true);
  switch (stack.rule) {
  case LayerRule::Every:
    return isMoe;
  case LayerRule::SparseStep:
  case LayerRule::AfterDense:
  case LayerRule::Offset:
    break;
  case LayerRule::Pattern: {
    Result<std::string> pattern = config.text(stack.first, "");
    if (!pattern)
      return pattern.takeError();
    for (int64_t layer = 0; layer < layers; ++layer)
      isMoe[layer] = static_cast<size_t>(layer) < pattern->size() &&
                     (*pattern)[layer] == 'E';
    return isMoe;
  }
  case LayerRule::EncoderStep:
  case LayerRule::DecoderStep: {
    bool encoder = stack.rule == LayerRule::EncoderStep;
    Result<int64_t> step =
        stackStep(config, encoder ? "encoder" : "decoder", layers);
    if (!step)
      return step.takeError();
    for (int64_t layer = 0; layer < layers; ++layer)
      isMoe[layer] = *step == 1 || (*step > 1 && layer % *step == 1);
    return isMoe;
  }
  }
  Result<std::vector<std::string>> words = config.texts("mlp_layer_types");
  if (!words)
    return words.takeError();
  if (!words->empty()) {
    for (int64_t layer = 0; layer < layers; ++layer)
      isMoe[layer] = static_cast<size_t>(layer) < words->size() &&
                     (*words)[layer] == "sparse";
    return isMoe;
  }
  auto key = [&](std::string_view name, int64_t low,
                 int64_t absent) -> Result<int64_t> {
    if (name.empty())
      return absent;
    return config.integer(name, low, kMaxLayers, absent);
  };
  Result<int64_t> step = key(stack.step, 1, 1), first = key(stack.first, 0, 0),
                  last = key(stack.last, -1, -1);
  Result<std::vector<int64_t>> dense = config.integers("mlp_only_layers");
  if (!step)
    return step.takeError();
  if (!first)
    return first.takeError();
  if (!last)
    return last.takeError();
  if (!dense)
    return dense.takeError();
  for (int64_t layer = 0; layer < layers; ++layer)
    if (stack.rule == LayerRule::Offset)
      isMoe[layer] = layer % *step == *first;
    else if (stack.rule == LayerRule::AfterDense)
      isMoe[layer] = layer >= *first && layer % *step == 0;
    else
      isMoe[layer] = (layer + 1) % *step == 0 && layer >= *first &&
                     (*last < 0 || layer <= *last) &&
                     std::ranges::find(*dense, layer) == dense->end();
  return isMoe;
}

Result<std::vector<LayerPlace>>
import::locateLayers(const Family &family, const Config &config,
                     const core::Checkpoint &checkpoint) {
  // Of two places with one number, the first is the preferred one.
  std::map<int64_t, LayerPlace> places;
  auto add = [&](LayerPlace place) {
    places.try_emplace(place.number, std::move(place));
  };
  int64_t offset = 0;
  for (const Stack &stack : family.stacks) {
    std::string_view router =
        (stack.routerTensors.empty() ? family.routerTensors
                                     : stack.routerTensors)
            .front()
            .name;
    // How many layers there are matters where nothing is stored, and where
    // another stack is numbered on from this one.
    bool counted = checkpoint.empty() || family.stacks.size() > 1;
    int64_t layers = 0;
    if (counted) {
      Result<int64_t> count =
          config.integer(stack.numLayers, 0, kMaxLayers, std::nullopt);
      if (!count)
        return count.takeError();
      layers = *count;
    }
    if (!checkpoint.empty()) {
      for (LayerPlace &place : storedLayers(stack, router, offset, checkpoint))
        add(std::move(place));
    } else {
      Result<std::vector<bool>> implied = impliedLayers(stack, config, layers);
      if (!implied)
        return implied.takeError();
      auto [prefix, suffix] = around(stack.blocks.front());
      for (int64_t layer = 0; layer < layers; ++layer)
        if ((*implied)[layer])
          add({offset + layer, prefix + std::to_string(layer) + suffix,
               &stack});
    }
    offset += layers;
  }
  std::vector<LayerPlace> sorted;
  for (auto &[number, place] : places)
    sorted.push_back(std::move(place));
  return sorted;
}

/// "0, 3 to 60".
static std::string rangesOf(const std::vector<LayerPlace> &layers) {
  std::string text;
  for (size_t first = 0; first < layers.size();) {
    size_t last = first;
    while (last + 1 < layers.size() &&
           layers[last + 1].number == layers[last].number + 1)
      ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(layers[first].number);
    if (last > first)
      text += " to " + std::to_string(layers[last].number);
    first = last + 1;
  }
  return text;
}

Result<LayerPlace> import::chooseLayer(const std::vector<LayerPlace> &layers,
                                       int64_t number,
                                       const std::string &folder) {
  if (layers.empty())
    return Error(ErrorId::LayerNotFound, "'" + folder + "' has no MoE layer");
  if (number < 0 && layers.size() == 1)
    return layers.front();
  if (number < 0)
    return Error(ErrorId::LayerAmbiguous,
                 "'" + folder + "' has " + std::to_string(layers.size()) +
                     " MoE layers (" + rangesOf(layers) +
                     "); choose one with --layer=N");
  for (const LayerPlace &layer : layers)
    if (layer.number == number)
      return layer;
  return Error(ErrorId::LayerNotFound,
               "layer " + std::to_string(number) + " of '" + folder +
                   "' is no MoE layer; its MoE layers are " + rangesOf(layers));
}
