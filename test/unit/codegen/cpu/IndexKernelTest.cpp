//===- IndexKernelTest.cpp - Groups, tiles and capacity -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the definitions that the runtime and the reference share.
//
//===----------------------------------------------------------------------===//

#include "LoweredKernels.h"

#include "moe/dialect/plan/Groups.h"
#include "moe/dialect/plan/TileWalk.h"
#include "moe/runtime/reference/Routing.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;
using core::DType;

namespace {

constexpr const char *host = "x86-64-v2";

/// Ids for `slots` slots: some experts often, some never, some slots empty.
std::vector<int32_t> randomIds(int64_t slots, int64_t experts,
                               std::mt19937 &random) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < slots; ++i)
    ids.push_back(static_cast<int32_t>(
        std::min(random() % (experts + 1), random() % (experts + 1)) - 1));
  return ids;
}

void expectGroups(const plan::Groups &want, const Buffer &offsets,
                  const Buffer &slotOfRow, const Buffer &rowOfSlot) {
  EXPECT_EQ(offsets.ints(), want.offsets);
  EXPECT_EQ(slotOfRow.ints(), want.slotOfRow);
  EXPECT_EQ(rowOfSlot.ints(), want.rowOfSlot);
}

TEST(IndexKernelTest, GroupAndTiles) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @index(%ids: tensor<?x3xi32>)
        -> (!moe.groups<experts = 7, ragged>, !moe.tiles<rows = 4>,
            tensor<8xi32>) attributes {num_dims = 1 : i64,
        sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 3)>,
                 affine_map<(d0) -> (d0 * 3)>, affine_map<(d0) -> ()>]} {
      %g = moe.group %ids : tensor<?x3xi32> -> !moe.groups<experts = 7, ragged>
      %t = moe.tiles %g : !moe.groups<experts = 7, ragged> -> !moe.tiles<rows = 4>
      %o = moe.offsets %g : !moe.groups<experts = 7, ragged> -> tensor<8xi32>
      moe_exec.return %g, %t, %o : !moe.groups<experts = 7, ragged>,
          !moe.tiles<rows = 4>, tensor<8xi32>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(1);
  for (int64_t tokens : {0, 1, 2, 5, 23, 70}) {
    std::vector<int32_t> ids = randomIds(3 * tokens, 7, random);
    plan::Groups want;
    ASSERT_FALSE(plan::makeGroups(ids, 7, want));
    Buffer in(ids), offsets(DType::I32, size_t(8)),
        slotOfRow(DType::I32, ids.size()), rowOfSlot(DType::I32, ids.size()),
        count(DType::I64, size_t(1)),
        tiles(DType::I32,
              size_t(3 * plan::TileWalk::maxRowTiles(3 * tokens, 7, 4))),
        copy(DType::I32, size_t(8));
    kernels.run("index",
                {&in, &offsets, &slotOfRow, &rowOfSlot, &count, &tiles, &copy},
                {tokens}, random);
    expectGroups(want, offsets, slotOfRow, rowOfSlot);
    EXPECT_EQ(copy.ints(), want.offsets);
    plan::TileWalk walk(want.offsets, 1, {4, 1, 1});
    ASSERT_EQ(count[0], walk.rowTiles().size());
    for (size_t i = 0; i < walk.rowTiles().size(); ++i) {
      plan::RowTile tile{tiles.ints()[3 * i], tiles.ints()[3 * i + 1],
                         tiles.ints()[3 * i + 2]};
      EXPECT_EQ(tile, walk.rowTiles()[i]) << i;
    }
  }
}

TEST(IndexKernelTest, LocalExpertsAndBadIds) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @index(%ids: tensor<?x2xi32>)
        -> (!moe.groups<experts = 6, local = [2, 3], ragged>, tensor<1xi64>)
        attributes {num_dims = 1 : i64,
        sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 2)>,
                 affine_map<(d0) -> ()>]} {
      %s = moe.check_ids %ids experts 6 : tensor<?x2xi32> -> tensor<1xi64>
      %g = moe.group %ids : tensor<?x2xi32>
          -> !moe.groups<experts = 6, local = [2, 3], ragged>
      moe_exec.return %g, %s : !moe.groups<experts = 6, local = [2, 3], ragged>,
          tensor<1xi64>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(2);
  auto run = [&](const std::vector<int32_t> &ids,
                 const std::vector<int32_t> &seen, int64_t status) {
    plan::Groups want;
    ASSERT_FALSE(plan::makeGroups(seen, 6, want));
    Buffer in(ids), offsets(DType::I32, size_t(7)),
        slotOfRow(DType::I32, ids.size()), rowOfSlot(DType::I32, ids.size()),
        found(DType::I64, size_t(1));
    kernels.run("index", {&in, &offsets, &slotOfRow, &rowOfSlot, &found},
                {static_cast<int64_t>(ids.size()) / 2}, random);
    expectGroups(want, offsets, slotOfRow, rowOfSlot);
    EXPECT_EQ(found[0], status);
  };
  // Elsewhere is no row here; what is no expert at all is none either.
  run({0, 1, 2, 3, 4, 5, 2, -1}, {-1, -1, 2, 3, 4, -1, 2, -1}, -1);
  run({2, 6, -2, 4}, {2, -1, -1, 4}, 1);
  run({2, 2, 2147483647, -2147483648}, {2, 2, -1, -1}, 2);
  run({}, {}, -1);
}

TEST(IndexKernelTest, ConstantIds) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @index()
        -> (!moe.groups<experts = 3, ragged>, tensor<1xi64>)
        attributes {num_dims = 0 : i64,
                    sizes = [affine_map<() -> (4)>, affine_map<() -> ()>]} {
      %ids = arith.constant dense<[[2, 0], [-1, 2]]> : tensor<2x2xi32>
      %s = moe.check_ids %ids experts 2 : tensor<2x2xi32> -> tensor<1xi64>
      %g = moe.group %ids : tensor<2x2xi32> -> !moe.groups<experts = 3, ragged>
      moe_exec.return %g, %s : !moe.groups<experts = 3, ragged>, tensor<1xi64>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(5);
  plan::Groups want;
  ASSERT_FALSE(plan::makeGroups(std::vector<int32_t>{2, 0, -1, 2}, 3, want));
  Buffer offsets(DType::I32, size_t(4)), slotOfRow(DType::I32, size_t(4)),
      rowOfSlot(DType::I32, size_t(4)), found(DType::I64, size_t(1));
  kernels.run("index", {&offsets, &slotOfRow, &rowOfSlot, &found}, {}, random);
  expectGroups(want, offsets, slotOfRow, rowOfSlot);
  EXPECT_EQ(found[0], 0);
}

TEST(IndexKernelTest, OffsetsOfACallerAreMadeSane) {
  LoweredKernels kernels(R"(
    moe_exec.kernel @index(%o: tensor<4xi32>)
        -> (!moe.groups<experts = 3, ragged>, !moe.tiles<rows = 2>)
        attributes {num_dims = 1 : i64,
        sizes = [affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>,
                 affine_map<(d0) -> (d0)>]} {
      %g = moe.groups_from_offsets %o : tensor<4xi32>
          -> !moe.groups<experts = 3, ragged>
      %t = moe.tiles %g : !moe.groups<experts = 3, ragged> -> !moe.tiles<rows = 2>
      moe_exec.return %g, %t : !moe.groups<experts = 3, ragged>,
          !moe.tiles<rows = 2>
    })",
                         host);
  ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
  std::mt19937 random(3);
  auto run = [&](std::vector<int32_t> given, std::vector<int32_t> want) {
    Buffer in(given), offsets(DType::I32, size_t(4)),
        slotOfRow(DType::I32, size_t(5)), rowOfSlot(DType::I32, size_t(5)),
        count(DType::I64, size_t(1)),
        tiles(DType::I32, size_t(3 * plan::TileWalk::maxRowTiles(5, 3, 2)));
    kernels.run("index",
                {&in, &offsets, &slotOfRow, &rowOfSlot, &count, &tiles}, {5},
                random);
    EXPECT_EQ(offsets.ints(), want);
    EXPECT_EQ(count[0], plan::TileWalk(want, 1, {2, 1, 1}).rowTiles().size());
  };
  run({0, 2, 2, 5}, {0, 2, 2, 5});
  run({0, 3, 1, 4}, {0, 3, 3, 4});
  run({-7, 2, 900, 1}, {0, 2, 5, 5});
}

TEST(IndexKernelTest, CapacityInBothOrders) {
  for (const char *order : {"token_major", "rank_major"}) {
    // The kept ids go to the group alone, then to the caller as well.
    for (bool returned : {false, true}) {
      const std::string ids = "tensor<?x2xi32>", w = "tensor<?x2xf32>";
      const std::string g = "!moe.groups<experts = 5, ragged>";
      LoweredKernels kernels(
          "moe_exec.kernel @index(%ids: " + ids + ", %w: " + w + ") -> (" + g +
              ", " + w + (returned ? ", " + ids : "") +
              ") attributes {num_dims = 1 : i64, sizes = ["
              "affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, "
              "affine_map<(d0) -> (d0 * 2)>, affine_map<(d0) -> (d0)>" +
              (returned ? ", affine_map<(d0) -> (d0)>" : "") +
              "]} {\n  %k, %v = moe.capacity %ids, %w cap 3 order " + order +
              " overflow drop : " + ids + ", " + w +
              "\n  %g = moe.group %k : " + ids + " -> " + g +
              "\n  moe_exec.return %g, %v" + (returned ? ", %k" : "") + " : " +
              g + ", " + w + (returned ? ", " + ids : "") + "\n}\n",
          host);
      ASSERT_TRUE(kernels.errors.empty()) << kernels.errors.front();
      std::mt19937 random(4);
      for (int64_t tokens : {0, 1, 9, 40}) {
        std::vector<int32_t> ids = randomIds(2 * tokens, 5, random);
        std::vector<double> weights =
            randomValues(DType::F32, 2 * tokens, random);
        auto want = reference::capacity(
            {.limit = {.minimum = 3},
             .order = std::string(order) == "rank_major"
                          ? reference::CapacityOrder::RankMajor
                          : reference::CapacityOrder::TokenMajor},
            ids, weights, tokens, 2);
        ASSERT_TRUE(want);
        plan::Groups groups;
        ASSERT_FALSE(plan::makeGroups(want->ids, 5, groups));
        Buffer in(ids), w(DType::F32, weights), offsets(DType::I32, size_t(6)),
            slotOfRow(DType::I32, ids.size()),
            rowOfSlot(DType::I32, ids.size()), kept(DType::I32, ids.size()),
            keptWeights(DType::F32, ids.size());
        std::vector<Buffer *> buffers{&in,        &w,         &offsets,
                                      &slotOfRow, &rowOfSlot, &keptWeights};
        if (returned)
          buffers.push_back(&kept);
        kernels.run("index", buffers, {tokens}, random);
        expectGroups(groups, offsets, slotOfRow, rowOfSlot);
        EXPECT_EQ(keptWeights.values(), want->weights);
        if (returned) {
          EXPECT_EQ(kept.ints(), want->ids);
        }
      }
    }
  }
}

} // namespace
