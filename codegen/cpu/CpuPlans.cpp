//===- CpuPlans.cpp - Which plan an op gets -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model of a core in five numbers, and the plan that it makes fastest. The
// model is coarse on purpose: it has to rank plans, not to predict times, and
// every choice can be read and replaced in the IR.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/KernelClass.h"
#include "moe/codegen/cpu/MatmulShape.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {

/// What every core of today does in a cycle. Bytes from memory are what one
/// core can ask for.
constexpr double fmasPerCycle = 2, loadsPerCycle = 2, l2BytesPerCycle = 32,
                 memoryBytesPerCycle = 8;
/// Cycles a second, and what the memory of a socket gives at most.
constexpr double clockRate = 3e9, memoryBytesPerSecond = 300e9;
/// A product of full AMX tiles, 16 x 16 sums of 16 words each.
constexpr double cyclesPerTileProduct = 16;

/// Rows of a tile by f32 multiply-adds: enough that weights from memory do not
/// bind (a weight byte is worth 2 * rows / bytes multiply-adds), few enough
/// that experts with a handful of rows more are not cut unevenly. A reduction
/// that is faster wants more, up to what a core's cache holds.
constexpr int64_t tileRowsWanted = 48, tileRowsAtMost = 128;
/// Where a task packs the weights, each tile of rows packs them again: it has
/// more of them, if there are tasks enough without. What of a panel is packed
/// at a time stays in the first cache.
constexpr int64_t tileRowsOfPacking = 256, wordsPacked = 256;

/// One way to hold a block in registers.
struct RegisterBlock {
  int64_t rows = 0, vectors = 0;
  double cyclesPerFma = 0; ///< of one vector of sums and a word of each

  std::string name() const {
    return llvm::formatv("{0}x{1}", rows, vectors).str();
  }
};

} // namespace

/// The blocks of a target, the fastest first. A step takes rows * vectors
/// multiply-adds, rows + vectors loads, and its vectors from the second cache.
static SmallVector<RegisterBlock> blocksOf(cpu::TargetAttr target,
                                           Reduction reduction, int64_t sides) {
  SmallVector<RegisterBlock> blocks;
  if (reduction == Reduction::AmxBf16) {
    const double sums = 16 * 16; // rows of a tile, words of a product
    for (int64_t vectors = sides; vectors <= amxColumnTiles; vectors += sides)
      blocks.push_back({amxRows, vectors, cyclesPerTileProduct / sums});
    return {blocks.back()};
  }
  for (int64_t vectors = sides; vectors <= 4; vectors += sides) {
    // Beside the sums: a step's weights and an element of a row. Without fused
    // multiply-adds there are products, and code that overwrites an operand.
    const int64_t others =
        target.getCpu().hasFma() ? vectors + 1 : 2 * vectors + 3;
    int64_t rows = (target.getRegisters() - others) / vectors;
    if (rows > 8)
      rows = rows / 4 * 4; // tiles are cut into blocks without a sliver
    const double fmas = rows * vectors;
    const double issue =
        std::max(fmas / fmasPerCycle, (rows + vectors) / loadsPerCycle);
    const double fetch = 4.0 * vectors * target.getLanes() / l2BytesPerCycle;
    // Fetching overlaps with computing, but not for nothing.
    blocks.push_back(
        {rows, vectors, (std::max(issue, fetch) + 0.1 * fetch) / fmas});
  }
  llvm::stable_sort(blocks, [](const RegisterBlock &a, const RegisterBlock &b) {
    return a.cyclesPerFma < b.cyclesPerFma;
  });
  return blocks;
}

/// Slots a token has, where the groups' ids can be seen.
static int64_t slotsPerToken(GroupedMatmulOp op) {
  if (!op.getGroups())
    return 1;
  auto group = op.getGroups().getDefiningOp<GroupOp>();
  auto ids = group ? cast<RankedTensorType>(group.getIds().getType())
                   : RankedTensorType();
  return ids && !ids.isDynamicDim(1) ? std::max<int64_t>(ids.getDimSize(1), 1)
                                     : 1;
}

PlanChoice cpu::TargetAttr::choosePlan(Operation *op, int64_t minTokens,
                                       int64_t maxTokens,
                                       bool weightsAtRunTime) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return {};
  const int64_t sides = matmul.getNumRhs();
  Type rows =
      cast<RankedTensorType>(matmul.getLhs().getType()).getElementType();
  const ReductionRow &reduction =
      bestReduction(getCpu(), rows, matmul.getRhsType(0).getElementType());
  SmallVector<RegisterBlock> blocks = blocksOf(*this, reduction.id, sides);
  const RegisterBlock &best = blocks.front();
  const int64_t columns = best.vectors * getLanes() / sides;
  const int64_t panels = llvm::divideCeil(matmul.getNumColumns(), columns);
  const int64_t depth = matmul.getDepth();

  // The packed rows of a tile leave room in the second cache for a panel.
  const double speed =
      reduction.interleave * (1 / fmasPerCycle) / best.cyclesPerFma;
  const int64_t wanted =
      std::clamp<int64_t>(static_cast<int64_t>(tileRowsWanted * speed),
                          tileRowsWanted, tileRowsAtMost);
  int64_t tileRows = std::max<int64_t>(wanted / best.rows, 1) * best.rows;
  if (weightsAtRunTime && panels >= 4 * getCores()) {
    const int64_t words = std::max<int64_t>(depth / reduction.interleave, 1);
    const int64_t held = std::min(getL2() / 2 / (4 * words), tileRowsOfPacking);
    tileRows = std::max(held, tileRowsAtMost) / best.rows * best.rows;
  }
  int64_t run =
      3 * getL2() / 4 / (4 * tileRows) / 256 * 256 * reduction.interleave;
  run = std::max<int64_t>(run, 256);
  if (run >= depth)
    run = 0;

  // At the fewest tokens there are as many tiles as picks; cut the columns so
  // that every core has several tasks, though not below what keeps several
  // streams of weights going.
  const int64_t slots = slotsPerToken(matmul);
  const int64_t fewest =
      std::min(matmul.getNumGroups(), slots * std::max<int64_t>(minTokens, 1));
  const int64_t streams = 4;
  const int64_t cuts =
      llvm::divideCeil(8 * getCores(), std::max<int64_t>(fewest, 1));
  int64_t perTask = std::clamp<int64_t>(panels / cuts, streams, 16);
  perTask = perTask / streams * streams;
  perTask = std::min(
      perTask, std::max<int64_t>(llvm::divideCeil(panels, getCores()), 1));

  const int64_t prefetch = weightsAtRunTime ? 0 : 8192;
  const int64_t packDepth =
      weightsAtRunTime ? wordsPacked * reduction.interleave : 0;
  auto plan =
      MatmulAttr::get(getContext(), best.rows, columns, tileRows, perTask,
                      streams, run, prefetch, packDepth, reduction.name);

  // Figures for readers, of one row and of one expert.
  const double flops = 2.0 * depth * matmul.getNumColumns() * sides;
  SmallVector<RankedTensorType> tensors(sides, matmul.getRhsType(0));
  const int64_t bytes = plan.getWeightLayout().getBytesPerExpert(tensors);
  const double flopsPerCycle =
      2.0 * getLanes() * reduction.interleave / best.cyclesPerFma;
  const double ridge =
      bytes / memoryBytesPerCycle * flopsPerCycle / std::max(flops, 1.0);
  const int64_t ridgeTokens = static_cast<int64_t>(std::ceil(std::min(
      ridge * matmul.getNumGroups() / slots, 1e15))); // of equal experts
  Builder b(getContext());
  auto number = [&](double value) { // two decimals are more than it means
    return b.getF64FloatAttr(std::round(100 * value) / 100);
  };
  DictionaryAttr figures = b.getDictionaryAttr({
      b.getNamedAttr("cycles_per_fma", number(best.cyclesPerFma)),
      b.getNamedAttr("expert_bytes", b.getI64IntegerAttr(bytes)),
      b.getNamedAttr("flops_per_row",
                     b.getI64IntegerAttr(static_cast<int64_t>(flops))),
      b.getNamedAttr("rows_where_compute_binds", number(ridge)),
  });
  std::string what = llvm::formatv(
      "plan of grouped_matmul {0}x{1}x{2}, {3} side{4}", matmul.getNumGroups(),
      matmul.getNumColumns(), depth, sides, sides == 1 ? "" : "s");
  std::string chosen = llvm::formatv(
      "{0} {1}, {2}-row tiles, {3} panels a task{4}", best.name(),
      reduction.id == Reduction::Fma ? "registers" : reduction.name, tileRows,
      perTask, weightsAtRunTime ? " that it packs" : "");
  std::string reason = "fewest cycles a multiply-add; ";
  if (maxTokens < ridgeTokens)
    reason += "memory binds";
  else if (minTokens >= ridgeTokens)
    reason += "compute binds";
  else
    reason += "memory binds below " + std::to_string(ridgeTokens) + " tokens";
  std::string second =
      blocks.size() > 1
          ? llvm::formatv("{0} registers, {1:f2} times the cycles",
                          blocks[1].name(),
                          blocks[1].cyclesPerFma / best.cyclesPerFma)
                .str()
          : "none";
  return {plan, DecisionAttr::get(getContext(), what, chosen, reason, second,
                                  figures)};
}

/// None: a kernel has blocks of every number of rows, and takes those that a
/// tile needs. So the plan that is best for many rows is as good for one.
SmallVector<int64_t> cpu::TargetAttr::getTokenBuckets(Operation *) const {
  return {};
}

Rates cpu::TargetAttr::getRates(Type rows, Type weights) const {
  const ReductionRow &reduction = bestReduction(getCpu(), rows, weights);
  // A multiply and an add are two instructions without fused ones.
  double cyclesPerFma =
      (getCpu().hasFma() ? 1 : 2) / (fmasPerCycle * reduction.interleave);
  if (reduction.id == Reduction::AmxBf16)
    cyclesPerFma = cyclesPerTileProduct / (16 * 16 * reduction.interleave);
  const double cycles = clockRate * getCores();
  return {2 * getLanes() / cyclesPerFma * cycles,
          std::min(memoryBytesPerCycle * cycles, memoryBytesPerSecond)};
}

KernelShape cpu::TargetAttr::getKernelShape(Operation *kernel) const {
  return shapeOf(cast<exec::KernelOp>(kernel), *this);
}

std::string cpu::TargetAttr::getUnsupported(Operation *op) const {
  return whyUnsupported(op);
}

std::string cpu::TargetAttr::getIsaName() const {
  CpuTarget cpu = getCpu();
  if (cpu.arch == abi::CpuArch::Aarch64)
    return "neon";
  if (cpu.has(abi::CpuFeature::AmxBf16))
    return "amx";
  if (cpu.has(abi::CpuFeature::Avx512f))
    return "avx512";
  return cpu.has(abi::CpuFeature::Avx2) ? "avx2" : "sse4";
}
