//===- CountCosts.cpp - Remarks of what functions compute and move --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/plan/Costs.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_COUNTCOSTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// "25.8 GFLOP".
static std::string inUnits(double value, StringRef unit) {
  static constexpr StringRef prefixes[] = {"", "k", "M", "G", "T", "P"};
  unsigned power = 0;
  while (value >= 1000 && power + 1 < std::size(prefixes)) {
    value /= 1000;
    ++power;
  }
  return llvm::formatv(value < 100 && power > 0 ? "{0:f1} {1}{2}"
                                                : "{0:f0} {1}{2}",
                       value, prefixes[power], unit);
}

/// "3.4 ms".
static std::string inTime(double milliseconds) {
  if (milliseconds < 1e-3)
    return llvm::formatv("{0:f0} ns", 1e6 * milliseconds);
  if (milliseconds < 1)
    return llvm::formatv("{0:f1} µs", 1e3 * milliseconds);
  return llvm::formatv("{0:f1} ms", milliseconds);
}

static int64_t whole(double value) {
  return static_cast<int64_t>(std::min(std::round(value), 9e18));
}

static void say(func::FuncOp function, TargetAttrInterface target,
                StringRef when, std::optional<int64_t> tokens) {
  std::optional<Cost> cost = countCost(function, target, tokens.value_or(0));
  if (!cost || (cost->isWhole && cost->flops == 0 && cost->bytes == 0))
    return;
  Type f32 = Float32Type::get(function.getContext());
  const Rates rates = target.getRates(f32, f32);
  const double memory = cost->memoryTime(rates),
               best = 1e3 * cost->roofline(rates);
  auto remark =
      remark::analysis(function.getLoc(), remark::RemarkOpts::name(when)
                                              .category("moe-count-costs")
                                              .function(function.getName()));
  if (tokens)
    remark << remark::metric("tokens", *tokens);
  remark << remark::metric("flops", whole(cost->flops))
         << remark::metric("bytes", whole(cost->bytes))
         << remark::metric("roofline_ms", best)
         << (cost->isWhole ? "" : "at least ") + inUnits(cost->flops, "FLOP") +
                ", " + inUnits(cost->bytes, "B") + "; at best " + inTime(best) +
                ", " + (memory > cost->computeTime ? "memory" : "compute") +
                " binds";
}

namespace {
struct CountCostsPass : moe::impl::CountCostsPassBase<CountCostsPass> {
  using CountCostsPassBase::CountCostsPassBase;

  void runOnOperation() override {
    // Nobody to tell.
    if (!getContext().getRemarkEngine())
      return;
    auto target = getOperation()->getAttrOfType<TargetAttrInterface>(
        MoeDialect::kTargetAttr);
    if (!target)
      return;
    SmallVector<int64_t> counts(tokens.begin(), tokens.end());
    if (counts.empty())
      counts = {1, 16, 256};
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // What a private function does is part of what its callers do.
      if (function.isPrivate())
        continue;
      if (!hasDynamicSizes(function)) {
        say(function, target, when, std::nullopt);
        continue;
      }
      for (int64_t count : counts)
        say(function, target, when, count);
    }
  }
};
} // namespace
