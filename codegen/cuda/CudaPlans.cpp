//===- CudaPlans.cpp - Which plan an op gets ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The main loop follows from the types, the alignment and the architecture;
// the tile from how many rows an expert can get. Every choice can be read and
// replaced in the IR.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/cuda/MatmulCounts.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

/// The main loop of an op, and why.
static std::pair<MainLoop, StringRef> chooseLoop(GroupedMatmulOp op,
                                                 const CudaArch &arch) {
  if (!bothBf16(op))
    return {MainLoop::Fma, "full precision, which tensor cores do not have"};
  if (!arch.hasWgmma)
    return {MainLoop::Sm80Mma, "rows and weights are bf16"};
  if (!isAligned(op))
    return {
        MainLoop::Sm80Mma,
        "rows of the left side are no whole 16 bytes, as tensor copies want"};
  return {MainLoop::Sm90Wgmma, "rows and weights are bf16, on 16 bytes"};
}

namespace {
/// Its rows and columns (of each side), and the stages wanted.
struct Tile {
  int64_t rows, columns, stages;
};
} // namespace

/// With the largest number of stages that a block can hold, of those that are
/// of use.
static MatmulAttr fit(GroupedMatmulOp op, MainLoop loop, Tile tile,
                      int64_t sharedBytes) {
  const int64_t fewest = loop == MainLoop::Sm90Wgmma ? 3 : 2;
  const int64_t depth = loop == MainLoop::Fma ? 16 : 64;
  for (;; --tile.stages) {
    auto plan = MatmulAttr::get(op.getContext(), loop, tile.rows, tile.columns,
                                depth, tile.stages);
    if (tile.stages == fewest || MatmulShape(op, plan).smem <= sharedBytes)
      return plan;
  }
}

/// Rows an expert has on average up to which weights are read so much more
/// often than they are used that small tiles, of which there are many, are
/// best.
static constexpr int64_t fewRows = 16;

/// Token counts up to which experts have few rows.
static int64_t tokensOfFewRows(GroupedMatmulOp op) {
  std::optional<MatmulRouting> routing = routingOf(op);
  return fewRows * op.getNumGroups() / (routing ? routing->slots : 1);
}

/// Stages of a tile that is bound by what it reads.
static constexpr int64_t manyStages = 6;

/// The tile of a main loop that makes most of what it reads, or the one for few
/// rows.
static Tile tileOf(GroupedMatmulOp op, MainLoop loop, bool few) {
  const int64_t sides = op.getNumRhs();
  switch (loop) {
  case MainLoop::Fma:
    return {32, 64, 3};
  case MainLoop::Sm80Mma:
    return few ? Tile{16, 128 / sides, manyStages} : Tile{128, 128 / sides, 4};
  case MainLoop::Sm90Wgmma:
    // Two warpgroups of 64 rows by all the columns that their registers hold.
    return few ? Tile{64, 128 / sides, manyStages} : Tile{128, 256 / sides, 4};
  }
  llvm_unreachable("every main loop is handled");
}

/// Fewest columns of a tile, and what they are a multiple of: a wgmma, four
/// warps side by side, or whole warps.
static int64_t columnStep(GroupedMatmulOp op, MainLoop loop) {
  switch (loop) {
  case MainLoop::Fma:
    return 32;
  case MainLoop::Sm80Mma:
    return 64 / op.getNumRhs();
  case MainLoop::Sm90Wgmma:
    return 32 / op.getNumRhs();
  }
  llvm_unreachable("every main loop is handled");
}

/// The tile as wide as it has to be for the number of tiles that cover the
/// columns: they have equal shares.
static Tile withEqualShares(GroupedMatmulOp op, MainLoop loop, Tile tile) {
  const int64_t columns = std::max<int64_t>(op.getNumColumns(), 1);
  const int64_t tiles = llvm::divideCeil(columns, tile.columns);
  tile.columns = std::min<int64_t>(tile.columns, llvm::alignTo(columns, 32));
  tile.columns = std::min<int64_t>(
      tile.columns,
      llvm::alignTo(llvm::divideCeil(columns, tiles), columnStep(op, loop)));
  return tile;
}

/// Smaller tiles as long as each has a multiprocessor of its own at
/// `maxTokens`: all are done in the time of one, and a smaller one takes less.
/// With a router or a shared expert, at few tokens, the larger ones would leave
/// most of the device idle.
static MatmulAttr spread(GroupedMatmulOp op, MainLoop loop, Tile tile,
                         cuda::TargetAttr target, int64_t maxTokens) {
  MatmulAttr plan = fit(op, loop, tile, target.getSharedBytes());
  std::optional<MatmulRouting> routing = routingOf(op);
  if (loop == MainLoop::Fma || !routing || maxTokens < 1)
    return plan;
  const int64_t fewestRows = loop == MainLoop::Sm90Wgmma ? 64 : 16;
  const int64_t step = columnStep(op, loop);
  tile.stages = manyStages;
  for (;;) {
    if (tile.columns > step)
      tile.columns = llvm::alignTo(llvm::divideCeil(tile.columns, 2), step);
    else if (tile.rows > fewestRows)
      tile.rows /= 2;
    else
      return plan;
    MatmulAttr smaller = fit(op, loop, tile, target.getSharedBytes());
    if (countMatmul(MatmulShape(op, smaller), *routing, target, maxTokens)
            .tiles > static_cast<double>(target.getNumSms()))
      return plan;
    plan = smaller;
  }
}

/// Token counts that a plan's figures are given for.
static constexpr int64_t countedTokens[] = {1,    8,    32,    128,
                                            1024, 4096, 16384, 32768};

/// What the plan comes to at the token counts for which it runs, for readers.
static void addCounts(NamedAttrList &figures, const MatmulShape &shape,
                      MatmulRouting routing, cuda::TargetAttr target,
                      int64_t minTokens, int64_t maxTokens) {
  auto round = [](double value, double unit) {
    return std::round(value / unit) * unit;
  };
  SmallVector<int64_t> counted, tiles;
  SmallVector<double> experts, waves, waste;
  for (int64_t tokens : countedTokens) {
    if (tokens < minTokens || tokens > maxTokens)
      continue;
    const MatmulCounts counts = countMatmul(shape, routing, target, tokens);
    counted.push_back(tokens);
    tiles.push_back(std::llround(counts.tiles));
    experts.push_back(round(counts.experts, 1.0 / 64));
    waves.push_back(round(counts.waves, 1.0 / 128));
    waste.push_back(round(counts.waste, 1.0 / 128));
  }
  Builder b(target.getContext());
  figures.set("blocks_of_sm",
              b.getI64IntegerAttr(residentBlocks(shape, target)));
  figures.set("experts", b.getDenseF64ArrayAttr(experts));
  figures.set("slots", b.getI64IntegerAttr(routing.slots));
  figures.set("tile_waste", b.getDenseF64ArrayAttr(waste));
  figures.set("tiles", b.getDenseI64ArrayAttr(tiles));
  figures.set("tokens", b.getDenseI64ArrayAttr(counted));
  figures.set("waves", b.getDenseF64ArrayAttr(waves));
}

PlanChoice cuda::TargetAttr::choosePlan(Operation *op, int64_t minTokens,
                                        int64_t maxTokens, bool) const {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return {};
  auto [loop, why] = chooseLoop(matmul, getArch());
  const bool few = maxTokens <= tokensOfFewRows(matmul);
  const int64_t sides = matmul.getNumRhs();
  const Tile tile = withEqualShares(matmul, loop, tileOf(matmul, loop, few));
  MatmulAttr plan = spread(matmul, loop, tile, *this, maxTokens);
  const bool isSpread =
      plan.getTileM() != tile.rows || plan.getTileN() != tile.columns;
  MatmulShape shape(matmul, plan);

  // Figures for readers.
  const double flops = 2.0 * shape.depth * shape.columns * sides;
  SmallVector<RankedTensorType> tensors(sides, matmul.getRhsType(0));
  Builder b(getContext());
  NamedAttrList figures;
  auto add = [&](StringRef name, int64_t value) {
    figures.set(name, b.getI64IntegerAttr(value));
  };
  add("expert_bytes", plan.getWeightLayout().getBytesPerExpert(tensors));
  add("flops_per_row", static_cast<int64_t>(flops));
  add("shared_bytes", shape.smem);
  add("threads", shape.threads);
  add("tokens_of_few_rows", tokensOfFewRows(matmul));
  if (std::optional<MatmulRouting> routing = routingOf(matmul))
    addCounts(figures, shape, *routing, *this, minTokens, maxTokens);
  std::string chosen = llvm::formatv(
      "{0}, tiles of {1}x{2}, {3} stages of {4}", stringifyMainLoop(loop),
      plan.getTileM(), plan.getTileN(), plan.getStages(), plan.getTileK());
  std::string reason = why.str();
  std::string second = "none";
  if (isSpread) {
    reason += llvm::formatv("; up to {0} tokens there are so few tiles that "
                            "each has a multiprocessor",
                            maxTokens);
    second = llvm::formatv("tiles of {0}x{1}, which are fewer", tile.rows,
                           tile.columns);
  } else if (loop != MainLoop::Fma) {
    reason += few ? "; experts have few rows, many small tiles read weights "
                    "side by side"
                  : "; large tiles use what they read often";
    const Tile other = tileOf(matmul, loop, !few);
    second = llvm::formatv("tiles of {0}x{1}, for {2} rows an expert",
                           other.rows, other.columns, few ? "more" : "few");
  }
  return {plan,
          DecisionAttr::get(getContext(), planSubject(matmul), chosen, reason,
                            second, figures.getDictionary(getContext()))};
}

/// Where experts stop having few rows, if that makes a difference to a plan.
SmallVector<int64_t>
cuda::TargetAttr::getTokenBuckets(Operation *function) const {
  llvm::SmallSetVector<int64_t, 2> cuts;
  function->walk([&](GroupedMatmulOp op) {
    const int64_t few = tokensOfFewRows(op);
    if (op.getGroups() && few >= 1 && !op->hasAttr(MoeDialect::kPlanAttr) &&
        chooseLoop(op, getArch()).first != MainLoop::Fma)
      cuts.insert(few + 1);
  });
  SmallVector<int64_t> buckets = cuts.takeVector();
  llvm::sort(buckets);
  return buckets;
}

Rates cuda::TargetAttr::getRates(Type rows, Type weights) const {
  const CudaArch &arch = getArch();
  const int64_t fmas =
      rows.isBF16() && weights.isBF16() ? arch.tensorFmas : arch.fmas;
  return {2.0 * fmas * getNumSms() * arch.clock, arch.memory};
}

KernelShape cuda::TargetAttr::getKernelShape(Operation *kernel) const {
  return shapeOf(cast<exec::KernelOp>(kernel));
}

std::string cuda::TargetAttr::getUnsupported(Operation *op) const {
  return whyUnsupported(op, *this);
}
