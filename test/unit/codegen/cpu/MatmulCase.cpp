//===- MatmulCase.cpp - A matmul as text and as numbers -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"

#include "moe/dialect/plan/Groups.h"
#include "moe/dialect/plan/TileWalk.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace moe;
using namespace moe::test;
using core::DType;

std::string MatmulCase::text() const {
  const std::string lhsType = "tensor<?x" + std::to_string(depth) + "x" +
                              std::string(core::name(lhs)) + ">";
  const std::string resultType = "tensor<?x" + std::to_string(columns) + "x" +
                                 std::string(core::name(result)) + ">";
  const std::string groupsType =
      "!moe.groups<experts = " + std::to_string(experts) + ", ragged>";
  const std::string tilesType =
      "!moe.tiles<rows = " + std::to_string(tileRows) + ">";
  const std::string rows =
      "affine_map<(d0) -> (d0 * " + std::to_string(topK) + ")>";
  std::string arguments = ", %w: " + packed(), ops, names = "%w",
              types = packed(), maps = ", affine_map<(d0) -> ()>";
  if (packDepth) {
    const std::string type = "tensor<" + weightShape() + ">";
    MatmulCase same = *this;
    same.weight = storedType();
    const std::string rows = "tensor<" + same.weightShape() + ">";
    arguments = names = types = maps = "";
    for (int side = 0; side < sides; ++side) {
      const std::string s = std::to_string(side);
      std::string used = "%w" + s;
      arguments += ", " + used + ": " + stored();
      if (transposed) {
        ops += "  %e" + s + " = tensor.empty() : " + rows + "\n  %t" + s +
               " = linalg.transpose ins(" + used + " : " + stored() +
               ") outs(%e" + s + " : " + rows +
               ") permutation = " + (experts ? "[0, 2, 1]" : "[1, 0]") + "\n";
        used = "%t" + s;
      }
      if (rounds) {
        ops += "  %r" + s + " = arith.truncf " + used + " : " + rows + " to " +
               type + "\n";
        used = "%r" + s;
      }
      names += (side ? ", " : "") + used;
      types += (side ? ", " : "") + type;
      maps += ", affine_map<(d0) -> ()>";
    }
  }
  std::string t = "moe_exec.kernel @matmul(%x: " + lhsType + arguments;
  if (experts)
    t += ", %g: " + groupsType + ", %t: " + tilesType;
  t += ") -> " + resultType + " attributes {num_dims = 1 : i64, sizes = [";
  t += (gather ? "affine_map<(d0) -> (d0)>" : rows) + maps + ", ";
  if (experts)
    t += rows + ", affine_map<(d0) -> (0)>, ";
  t += rows + "]} {\n" + ops + "  %y = moe.grouped_matmul lhs(%x" +
       (gather ? " gather" : "") + ") rhs(" + names + ")";
  if (experts)
    t += " by %g tiles(%t)";
  t += " acc f32 {\n";
  std::string value = "%a";
  t += sides == 2 ? "  ^bb0(%a: f32, %b: f32):\n" : "  ^bb0(%a: f32):\n";
  if (sides == 2) {
    t += "    %p = arith.mulf %a, %b : f32\n";
    value = "%p";
  }
  if (result != DType::F32) {
    t += "    %r = arith.truncf " + value + " : f32 to " +
         std::string(core::name(result)) + "\n";
    value = "%r";
  }
  t += "    moe.yield " + value + " : " + std::string(core::name(result)) +
       "\n  } {moe.plan = #moe_cpu.matmul<" + plan +
       (packDepth ? ", pack_depth = " + std::to_string(packDepth) : "") +
       ">} : (" + lhsType + ", " + types;
  if (experts)
    t += ", " + groupsType + ", " + tilesType;
  return t + ") -> " + resultType + "\n  moe_exec.return %y : " + resultType +
         "\n}\n";
}

Buffer moe::test::pack(const MatmulCase &c,
                       const std::vector<std::vector<double>> &sides) {
  const int64_t panels = (c.columns + c.panelColumns - 1) / c.panelColumns;
  const int64_t width = c.panelColumns * c.sides;
  const size_t size = core::byteSize(c.weight);
  const int64_t expertBytes =
      (panels * c.paddedDepth() * width * static_cast<int64_t>(size) + 63) /
      64 * 64;
  Buffer buffer(c.weight, expertBytes / size * c.groups());
  for (size_t i = 0; i < buffer.size(); ++i)
    buffer.set(i, 0);
  for (int64_t e = 0; e < c.groups(); ++e)
    for (int64_t n = 0; n < c.columns; ++n)
      for (int64_t k = 0; k < c.depth; ++k)
        for (int s = 0; s < c.sides; ++s) {
          int64_t step =
              (n / c.panelColumns * c.paddedDepth() + k) / c.interleave;
          int64_t at =
              e * (expertBytes / static_cast<int64_t>(size)) +
              (step * width + s * c.panelColumns + n % c.panelColumns) *
                  c.interleave +
              k % c.interleave;
          buffer.set(at, sides[s][(e * c.columns + n) * c.depth + k]);
        }
  return buffer;
}

std::vector<Buffer>
moe::test::weightBuffers(const MatmulCase &c,
                         const std::vector<std::vector<double>> &sides) {
  std::vector<Buffer> buffers;
  if (c.packDepth == 0)
    buffers.push_back(pack(c, sides));
  else
    for (const std::vector<double> &side : sides) {
      Buffer &buffer = buffers.emplace_back(c.storedType(), side.size());
      for (int64_t e = 0; e < c.groups(); ++e)
        for (int64_t n = 0; n < c.columns; ++n)
          for (int64_t k = 0; k < c.depth; ++k)
            buffer.set(c.transposed ? (e * c.depth + k) * c.columns + n
                                    : (e * c.columns + n) * c.depth + k,
                       side[(e * c.columns + n) * c.depth + k]);
    }
  return buffers;
}

std::vector<uint8_t> moe::test::check(const MatmulCase &c,
                                      const LoweredKernels &kernels,
                                      int64_t tokens, unsigned seed) {
  std::mt19937 random(seed);
  const int64_t rows = tokens * c.topK;
  const int64_t lhsRows = c.gather ? tokens : rows;
  Buffer x(c.lhs, randomValues(c.lhs, lhsRows * c.depth, random));
  std::vector<std::vector<double>> weights;
  std::mt19937 fixed(7); // the same weights for every call
  for (int s = 0; s < c.sides; ++s)
    weights.push_back(
        randomValues(c.weight, c.groups() * c.columns * c.depth, fixed));
  std::vector<Buffer> stored = weightBuffers(c, weights);
  Buffer y(c.result, rows * c.columns);
  std::vector<Buffer *> buffers{&x};
  for (Buffer &buffer : stored)
    buffers.push_back(&buffer);

  plan::Groups groups;
  std::vector<int32_t> ids, list;
  std::optional<int64_t> count;
  for (int64_t slot = 0; slot < rows; ++slot)
    // Few experts get most of the rows, some get none, some slots have none.
    ids.push_back(c.experts
                      ? static_cast<int32_t>(
                            std::min<int64_t>(random() % (c.experts + 1),
                                              random() % (c.experts + 1)) -
                            1)
                      : 0);
  EXPECT_FALSE(plan::makeGroups(ids, c.groups(), groups));
  Buffer offsets(groups.offsets), slotOfRow(groups.slotOfRow),
      rowOfSlot(groups.rowOfSlot);
  plan::TileWalk walk(groups.offsets, c.columns,
                      {c.tileRows, c.panelColumns, 1});
  for (const plan::RowTile &tile : walk.rowTiles())
    list.insert(list.end(), {tile.expert, tile.rowBegin, tile.rowEnd});
  list.resize(std::max<size_t>(list.size(), 3), -1);
  Buffer tiles(list), numTiles(DType::I64, size_t(1));
  core::storeFromInt(DType::I64, numTiles.data(), 0, walk.rowTiles().size());
  if (c.experts) {
    count = static_cast<int64_t>(walk.rowTiles().size());
    for (Buffer *b : {&offsets, &slotOfRow, &rowOfSlot, &numTiles, &tiles})
      buffers.push_back(b);
  }
  buffers.push_back(&y);
  kernels.run("matmul", buffers, {tokens}, random, count);

  const double tolerance = c.result == DType::F32   ? 2e-6 * std::sqrt(c.depth)
                           : c.result == DType::F16 ? 1e-3
                                                    : 8e-3;
  for (int64_t e = 0; e < c.groups(); ++e)
    for (int64_t row = groups.offsets[e]; row < groups.offsets[e + 1]; ++row)
      for (int64_t n = 0; n < c.columns; ++n) {
        int64_t source = c.gather ? groups.slotOfRow[row] / c.topK : row;
        double value = 1, scale = 0;
        for (int s = 0; s < c.sides; ++s) {
          double sum = 0, absolute = 0;
          for (int64_t k = 0; k < c.depth; ++k) {
            double product = x[source * c.depth + k] *
                             weights[s][(e * c.columns + n) * c.depth + k];
            sum += product;
            absolute += std::abs(product);
          }
          value *= sum;
          scale = std::max(scale, absolute);
        }
        double got = y[row * c.columns + n];
        if (!(std::abs(got - value) <=
              tolerance * (1 + scale * (c.sides == 2 ? scale : 1)))) {
          ADD_FAILURE() << "expert " << e << " row " << row << " column " << n
                        << ": " << got << " instead of " << value;
          return {};
        }
      }
  return y.raw();
}

void moe::test::planFor(MatmulCase &c, const std::string &target) {
  const int64_t lanes = target == "x86-64-v4"   ? 16
                        : target == "x86-64-v3" ? 8
                                                : 4;
  const int64_t rows = target == "x86-64-v4" || target == "aarch64" ? 12 : 6;
  c.panelColumns = 2 * lanes / c.sides;
  c.tileRows = 3 * rows;
  c.plan = "rows = " + std::to_string(rows) +
           ", columns = " + std::to_string(c.panelColumns) +
           ", tile_rows = " + std::to_string(c.tileRows) +
           ", panels_per_task = 5, streams = 4, prefetch = 512";
}
