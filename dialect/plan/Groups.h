//===- Groups.h - Ragged groups of rows -------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The index work behind moe.group: which row of which expert every chosen
// (token, slot) gets. Host code and generated kernels compute the same thing;
// this is what they are compared with.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_PLAN_GROUPS_H
#define MOE_DIALECT_PLAN_GROUPS_H

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace moe::plan {

/// Rows sorted by expert, then by flat slot t*K + j (stable).
struct Groups {
  int64_t numExperts = 0;
  /// E + 1 row offsets: rows of expert e are offsets[e] .. offsets[e+1].
  std::vector<int32_t> offsets;
  /// Row -> flat slot t*K + j; -1 for a row past offsets[E]. Length T*K.
  std::vector<int32_t> slotOfRow;
  /// Flat slot -> row; -1 where the id is -1. Length T*K.
  std::vector<int32_t> rowOfSlot;
};

/// Whether every id is in [-1, numExperts): the first that is not, by its
/// position ("expects ids in [-1, 8), got 9 at slot 3"), or nothing.
std::optional<std::string> verifyIds(std::span<const int32_t> ids,
                                     int64_t numExperts);

/// Groups of ids [T*K], or what verifyIds says of them.
std::optional<std::string> makeGroups(std::span<const int32_t> ids,
                                      int64_t numExperts, Groups &out);

/// Whether `offsets` divide a buffer of `numRows` rows: they start at 0, never
/// descend and end within the buffer. The first rule that they break, naming
/// the position, or nothing. For groups that are given by their offsets, which
/// are data of a user.
std::optional<std::string> verifyOffsets(std::span<const int32_t> offsets,
                                         int64_t numRows);

} // namespace moe::plan

#endif // MOE_DIALECT_PLAN_GROUPS_H
