//===- LayerIr.cpp - A layer of any form as text --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/test/combinations/LayerWriter.h"

#include <utility>

using namespace moe;
using namespace moe::test;
using std::to_string;

static std::string groupsClause(const LayerSpec::Groups &groups) {
  return " groups(" + to_string(groups.count) + " keep " +
         to_string(groups.keep) + " by " +
         (groups.top_sum == 1 ? "max"
                              : "top" + to_string(groups.top_sum) + "_sum") +
         " fill " + groups.fill + ")";
}

static std::string selectClause(const LayerForm &layer) {
  const std::string kind(semantics::lookup(layer.select.kind).name);
  std::string clause = " select " + kind;
  if (!semantics::lookup(layer.select.kind).bound.empty())
    clause +=
        "(" + real(layer.select.bound) + ", " + to_string(layer.top_k) + ")";
  else if (layer.select.kind == semantics::SelectKind::TopK ||
           layer.isByExpert())
    clause += "(" + to_string(layer.top_k) + ")";
  if (layer.select.always)
    clause += " always(" + to_string(layer.select.always) +
              (layer.apart ? " apart)" : " joint)");
  return clause;
}

static std::string normClause(const LayerForm &layer) {
  std::string clause;
  for (const LayerSpec::Norm &step : layer.router.normalize) {
    std::string inner;
    if (!semantics::lookup(*semantics::normKindFromName(step.kind))
             .param.empty())
      inner = real(layer.norm_param);
    if (!step.eps_mode.empty())
      inner += (inner.empty() ? "eps " : ", eps ") + real(step.eps) + " " +
               step.eps_mode;
    clause += (clause.empty() ? " normalize " : ", ") + step.kind +
              (inner.empty() ? "" : "(" + inner + ")");
  }
  return clause;
}

void LayerWriter::route(Value logits) {
  const LayerSpec::Router &router = layer.router;
  std::vector<Value> operands = {logits};
  auto operand = [&](Value value) {
    operands.push_back(value);
    return value.name;
  };
  std::string op = "moe.route " + logits.name;
  if (router.score != "identity" || !router.score_dtype.empty())
    op += " score " + router.score;
  if (!router.score_dtype.empty())
    op += " as " + router.score_dtype;
  if (router.selection_bias)
    op += " bias " +
          operand(weight("selection_bias", {layer.candidates()}, "f32"));
  if (router.groups)
    op += groupsClause(*router.groups);
  op += selectClause(layer);
  if (layer.select.noise != semantics::NoiseKind::None)
    op += " noise " + std::string(semantics::nameOf(layer.select.noise)) + "(" +
          operand(input("noise")) + ")";
  op += normClause(layer);
  if (router.scale != 1)
    op += " scale " + real(router.scale);
  if (layer.expert_scale)
    op += " expert_scale " + operand(input("factors"));
  ids = {"%ids", layer.idShape(), "i32"};
  weights = {"%weights", layer.idShape(), "f32"};
  scores = {"%scores",
            {-1, layer.columns()},
            router.score_dtype.empty() ? "f32" : router.score_dtype};
  std::vector<Value> results = {ids, weights};
  if (layer.overflow.recycle)
    results.push_back(scores);
  body += "  " + names(results) + " = " + op + " : " + types(operands) +
          " -> " + types(results) + "\n";
}

/// Leaves what has a place.
void LayerWriter::limit() {
  if (!layer.capacity)
    return;
  const LayerForm::Overflow &overflow = layer.overflow;
  std::string op =
      "moe.capacity " + names({ids, weights}) + " cap " +
      (overflow.share.empty() ? to_string(layer.capacity->per_expert)
                              : overflow.share);
  if (overflow.scope)
    op += " scope " + to_string(overflow.scope);
  op += " order " + overflow.order;
  if (const Value priority = input("priority"))
    op += " by " + priority.name + " : " + priority.type();
  if (const Value places = input("places"))
    op += " overflow recycle from " + places.name + " : " + places.type() +
          " scores " + scores.name + " : " + scores.type();
  else
    op += " overflow drop";
  if (!overflow.renorm.empty())
    op += " renorm " + overflow.renorm;
  body += "  %kept_ids, %kept_weights = " + op + " : " + types({ids, weights}) +
          "\n";
  ids.name = "%kept_ids";
  weights.name = "%kept_weights";
}

Value LayerWriter::sharedExperts(Value x) {
  if (!layer.shared_experts)
    return {};
  const int64_t inner = layer.shared_experts->intermediate_size;
  std::vector<Value> parts;
  if (gated)
    parts.push_back(
        linear(x, weight("shared_gate", {inner, hidden}, stored), {}));
  parts.push_back(linear(x, weight("shared_up", {inner, hidden}, stored), {}));
  const Value result = linear(
      activate(parts), weight("shared_down", {hidden, inner}, stored), {});
  if (!layer.shared_experts->gate)
    return result;
  return timesColumn(
      result, linear(x, weight("shared_router", {1, hidden}, stored), {}),
      /*sigmoid=*/true);
}

static std::string virtualClause(const LayerForm &layer) {
  std::string ranges;
  int64_t first = layer.num_experts;
  for (auto [kind, number] : {std::pair("identity", layer.identity_experts),
                              std::pair("zero", layer.zero_experts)}) {
    if (number)
      ranges += std::string(ranges.empty() ? "" : ", ") + "#moe.virtual<" +
                kind + " " + to_string(first) + " to " +
                to_string(first + number - 1) + ">";
    first += number;
  }
  return ranges.empty() ? "" : " virtual [" + ranges + "]";
}

/// An op over each expert's rows; `make` writes its body.
Value LayerWriter::perExpert(Value rows, const std::vector<Value> &matrices,
                             int64_t columns, const std::string &element,
                             Body make) {
  std::vector<Value> operands = {rows, groups};
  std::vector<Value> arguments = {{"%rows", {-1, rows.shape[1]}, rows.element}};
  for (const Value &matrix : matrices) {
    operands.push_back(matrix);
    arguments.push_back({"%w" + to_string(arguments.size()),
                         {matrix.shape.begin() + 1, matrix.shape.end()},
                         matrix.element});
  }
  std::string outer = std::move(body);
  body.clear();
  const Value made = make(arguments.front(), std::span(arguments).subspan(1));
  const std::string inner = std::exchange(body, std::move(outer));
  return define("moe.expert " + rows.name + " by " + groups.name + " weights(" +
                    names(matrices) + ")" + virtualClause(layer) +
                    " {\n  ^bb0(" +
                    joined(arguments,
                           [](const Value &argument) {
                             return argument.name + ": " + argument.type();
                           }) +
                    "):\n" + inner + "  moe.yield " + made.name + " : " +
                    made.type() + "\n  } : (" + types(operands) + ") -> ",
                {rows.shape[0], columns}, element);
}

static Value next(std::span<const Value> &slices) {
  const Value slice = slices.front();
  slices = slices.subspan(1);
  return slice;
}

/// Up to the activation.
Value LayerWriter::enter(Value rows, std::span<const Value> &slices) {
  std::vector<Value> parts;
  for (int part = gated ? 0 : 1; part < 2; ++part) {
    const Value matrix = next(slices);
    const Value bias = layer.expert_bias ? next(slices) : Value();
    Value result = linear(rows, matrix, bias);
    if (layer.lora_rank) {
      const Value down = next(slices);
      result = adapted(rows, result, down, next(slices));
    }
    parts.push_back(result);
  }
  return activate(parts);
}

Value LayerWriter::leave(Value rows, std::span<const Value> &slices) {
  const Value matrix = next(slices);
  return linear(rows, matrix, layer.expert_bias ? next(slices) : Value());
}

Value LayerWriter::experts(Value rows) {
  std::vector<Value> first, last;
  for (std::string name : {"gate", "up"}) {
    if (name == "gate" && !gated)
      continue;
    first.push_back(ofExperts(name, {width, hidden}));
    if (layer.expert_bias)
      first.push_back(ofExperts(name + "_bias", {width}));
    if (layer.lora_rank) {
      first.push_back(ofExperts(name + "_a", {layer.lora_rank, hidden}));
      first.push_back(ofExperts(name + "_b", {width, layer.lora_rank}));
    }
  }
  last.push_back(ofExperts("down", {hidden, width}));
  if (layer.expert_bias)
    last.push_back(ofExperts("down_bias", {hidden}));

  if (layer.weigh_at == WeighAt::Hidden) {
    const Value inner = perExpert(
        rows, first, width, act, [&](Value own, std::span<const Value> slices) {
          return enter(own, slices);
        });
    const int64_t slots = layer.slots();
    const Value zero = define("arith.constant 0 : ", {}, "index");
    const Value tokens =
        define("tensor.dim " + names({x, zero}) + " : " + x.type() + " // ", {},
               "index");
    const Value column =
        define("tensor.expand_shape " + weights.name +
                   " [[0], [1, 2]] output_shape [" + tokens.name + ", " +
                   to_string(slots) + ", 1] : " + weights.type() + " into ",
               {-1, slots, 1}, "f32");
    const Value factors =
        define("moe.dispatch " + column.name + " by " + groups.name + " : " +
                   types({column, groups}) + " -> ",
               {rows.shape[0], 1}, "f32");
    return perExpert(timesColumn(inner, factors, /*sigmoid=*/false), last,
                     hidden, "f32",
                     [&](Value own, std::span<const Value> slices) {
                       return leave(own, slices);
                     });
  }
  first.insert(first.end(), last.begin(), last.end());
  return perExpert(rows, first, hidden, "f32",
                   [&](Value own, std::span<const Value> slices) {
                     const Value inner = enter(own, slices);
                     return leave(inner, slices);
                   });
}

/// The experts' sum, which starts with `init`.
Value LayerWriter::mixture(Value x, Value init) {
  std::string layout = layer.layout;
  int64_t rows = -1;
  if (layout == "padded") {
    layout += "<" + to_string(layer.capacity->per_expert) + ">";
    rows = layer.columns() * layer.capacity->per_expert;
  }
  const std::string axis =
      layer.isByExpert() ? " axis expert tokens " + numRows(x).name : "";
  groups =
      define("moe.group " + ids.name + axis + " : " + ids.type() + " -> ", {},
             "!moe.groups<experts = " + to_string(layer.columns()) + ", " +
                 layout + ">");
  std::vector<Value> operands = {x, groups};
  std::string op = "moe.dispatch " + x.name + " by " + groups.name;
  if (layer.weigh_at == WeighAt::Dispatch) {
    op += " scale " + weights.name;
    operands.push_back(weights);
  }
  const Value out = experts(
      define(op + " : " + types(operands) + " -> ", {rows, hidden}, act));
  operands = {out, groups};
  op = "moe.combine " + out.name + " by " + groups.name;
  if (layer.weigh_at == WeighAt::Combine) {
    op += " weights " + weights.name;
    operands.push_back(weights);
  }
  if (init) {
    op += " init " + init.name;
    operands.push_back(init);
  }
  return define(op + " acc f32 order " + layer.combine_order + " : (" +
                    types(operands) + ") -> ",
                {-1, hidden}, act);
}

std::string LayerWriter::module() {
  x = {"%hidden_states", {-1, hidden}, act};
  Value bias;
  if (layer.router.logits_bias)
    bias = weight("router_bias", {layer.columns()}, stored);
  const Value logits =
      linear(x, weight("router", {layer.columns(), hidden}, stored), bias);
  route(logits);
  limit();
  const Value result = mixture(x, sharedExperts(x));
  const std::vector<Value> results = {result, ids, weights, logits};

  std::vector<std::string> arguments = {x.name + ": " + x.type() +
                                        " {moe.name = \"hidden_states\", "
                                        "moe.dims = [\"T\", \"H\"]}"};
  for (const LayerInput &each : inputsOf(layer)) {
    const Value value = input(each.name);
    arguments.push_back(
        value.name + ": " + value.type() + " {moe.name = \"" + each.name +
        "\", moe.dims = [" +
        joined(each.dims,
               [](const std::string &dim) { return "\"" + dim + "\""; }) +
        "]}");
  }
  constexpr const char *resultNames[] = {"hidden_states", "topk_ids",
                                         "topk_weights", "router_logits"};
  std::string outputs;
  for (size_t i = 0; i < results.size(); ++i)
    outputs += (i ? ", " : "") + results[i].type() + " {moe.name = \"" +
               resultNames[i] + "\"}";
  return params + "func.func @layer(" +
         joined(arguments, [](const std::string &text) { return text; }) +
         ") -> (" + outputs +
         ") attributes {moe.bounds = {T = " + to_string(layer.max_tokens) +
         " : i64}} {\n" + body + "  return " + names(results) + " : " +
         types(results) + "\n}\n";
}

std::string test::irOf(const LayerForm &layer) {
  return LayerWriter(layer).module();
}
