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

/// Where the rows of an expert lie.
struct Layout {
  enum class Kind : uint32_t {
    Ragged,  ///< behind those of the expert before
    Aligned, ///< the same, from a multiple of `size` on
    Padded,  ///< from e * size on, at most `size` of them
    Dense,   ///< from e * T on, where token t has row e*T + t
  };
  Kind kind = Kind::Ragged;
  int64_t size = 0; ///< of aligned and padded, at least 1; else 0

  bool operator==(const Layout &) const = default;
};

/// The most rows that slots [T, K] of E experts take, which is how many rows a
/// tensor of them has; nothing beyond 2^63.
std::optional<int64_t> rowBound(Layout layout, int64_t tokens, int64_t topK,
                                int64_t experts);

/// Rows sorted by expert, then by flat slot t*K + j (stable).
struct Groups {
  int64_t numExperts = 0;
  /// E + 1 row offsets: rows of expert e are offsets[e] .. offsets[e+1], pad
  /// rows included.
  std::vector<int32_t> offsets;
  /// Row -> flat slot t*K + j; -1 for a row that no slot has. As long as the
  /// layout's bound, T*K for ragged rows.
  std::vector<int32_t> slotOfRow;
  /// Flat slot -> row; -1 where the id is -1. Length T*K.
  std::vector<int32_t> rowOfSlot;
};

/// Whether every id is in [-1, numExperts): the first that is not, by its
/// position ("expects ids in [-1, 8), got 9 at slot 3"), or nothing.
std::optional<std::string> verifyIds(std::span<const int32_t> ids,
                                     int64_t numExperts);

/// Groups of ids [T, K], or what verifyIds says of them, or why their rows do
/// not fit the layout.
std::optional<std::string> makeGroups(std::span<const int32_t> ids,
                                      int64_t topK, int64_t numExperts,
                                      Layout layout, Groups &out);
/// Ragged groups of ids [T*K].
inline std::optional<std::string> makeGroups(std::span<const int32_t> ids,
                                             int64_t numExperts, Groups &out) {
  return makeGroups(ids, 1, numExperts, Layout(), out);
}

/// Whether `offsets` divide a buffer of `numRows` rows: they start at 0, never
/// descend and end within the buffer. The first rule that they break, naming
/// the position, or nothing. For groups that are given by their offsets, which
/// are data of a user.
std::optional<std::string> verifyOffsets(std::span<const int32_t> offsets,
                                         int64_t numRows);

} // namespace moe::plan

#endif // MOE_DIALECT_PLAN_GROUPS_H
