//===- Table.h - Finding a row of a semantics table -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every table of this library is a span of rows with an `id`, in the order of
// its enum, and a `name`. The two ways to find a row are written once.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_TABLE_H
#define MOE_DIALECT_SEMANTICS_TABLE_H

#include <cassert>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace moe::semantics {

/// The row of an enum's value.
template <typename Row, typename Id>
const Row &rowOf(std::span<const Row> table, Id id) {
  const Row &row = table[static_cast<size_t>(id)];
  assert(row.id == id && "the table follows the enum");
  return row;
}

/// The id of the row with this name; nothing when no row has it.
template <typename Row>
auto idOfName(std::span<const Row> table, std::string_view name)
    -> std::optional<decltype(Row::id)> {
  for (const Row &row : table)
    if (row.name == name)
      return row.id;
  return std::nullopt;
}

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_TABLE_H
