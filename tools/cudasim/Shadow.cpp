//===- Shadow.cpp - Who touched shared memory, and when -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Cells are words until somebody writes bytes of one; knowledge is compared
// only where accesses meet.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Shadow.h"

#include <algorithm>

using namespace moe::cudasim;

static void joinTimes(std::vector<uint32_t> &into,
                      const std::vector<uint32_t> &from) {
  uint32_t *a = into.data();
  const uint32_t *b = from.data();
  for (size_t i = 0, n = from.size(); i < n; ++i)
    a[i] = std::max(a[i], b[i]);
}

void Clock::join(const Clock &other) {
  joinTimes(seen, other.seen);
  joinTimes(proxied, other.proxied);
}

void Clock::clear() {
  std::fill(seen.begin(), seen.end(), 0);
  std::fill(proxied.begin(), proxied.end(), 0);
}

void Shadow::reset(uint32_t bytes, uint32_t generic, bool findRaces) {
  numGeneric = generic;
  races = findRaces;
  const size_t count = (bytes + 3) / 4;
  if (cells.size() != count)
    cells.resize(count);
  for (Cell &cell : cells) {
    cell.valid = cell.atomic = false;
    cell.writer = cell.written = 0;
    cell.forgetReaders();
  }
  split.clear();
  isSplit.assign(count, false);
  atomics.clear();
}

void Shadow::Cell::forgetReaders() {
  numReaders = 0;
  moreReaders.clear();
}

/// A reader that this one knows of is not needed any more: who knows of this
/// one knows of that.
void Shadow::Cell::addReader(uint32_t agent, uint32_t time,
                             const std::vector<uint32_t> &seen) {
  for (uint32_t i = 0; i < numReaders; ++i)
    if (readers[i].agent == agent ||
        readers[i].time <= seen[readers[i].agent]) {
      readers[i] = {agent, time};
      return;
    }
  for (Reader &reader : moreReaders)
    if (reader.agent == agent || reader.time <= seen[reader.agent]) {
      reader = {agent, time};
      return;
    }
  if (numReaders < readers.size())
    readers[numReaders++] = {agent, time};
  else
    moreReaders.push_back({agent, time});
}

/// Visits what is known of the bytes, as finely as need be; the first conflict
/// is returned.
template <class F>
Conflict Shadow::forCells(uint32_t offset, uint32_t bytes, F visit) {
  Conflict result;
  auto note = [&](Conflict conflict) {
    if (conflict && !result)
      result = conflict;
  };
  for (uint32_t at = offset, end = offset + bytes; at < end;) {
    const uint32_t index = at / 4, next = std::min(end, (index + 1) * 4);
    const bool whole = next - at == 4;
    if (!whole && !isSplit[index]) {
      auto parts = std::make_unique<Bytes>();
      parts->fill(cells[index]);
      split[index] = std::move(parts);
      isSplit[index] = true;
    }
    if (!isSplit[index]) {
      note(visit(cells[index]));
    } else {
      Bytes &parts = *split[index];
      for (uint32_t b = at % 4; b < at % 4 + (next - at); ++b)
        note(visit(parts[b]));
    }
    at = next;
  }
  return result;
}

/// Whether every atomic access of the cell is known.
static bool knowsAll(const std::vector<uint32_t> &seen,
                     const std::vector<uint32_t> &times) {
  for (size_t i = 0; i < times.size(); ++i)
    if (times[i] > seen[i])
      return false;
  return true;
}

Conflict Shadow::writeCell(Cell &cell, const Access &access) {
  Conflict result;
  const auto &seen = access.clock.seen;
  if (races) {
    if (cell.atomic && !knowsAll(seen, atomics[&cell]))
      result = {"races with an atomic", access.agent};
    if (cell.written > seen[cell.writer])
      result = {"write after write, not ordered", cell.writer};
    auto check = [&](const Reader &reader) {
      if (reader.time > seen[reader.agent])
        result = {"write after read, not ordered", reader.agent};
    };
    for (uint32_t i = 0; i < cell.numReaders; ++i)
      check(cell.readers[i]);
    for (const Reader &reader : cell.moreReaders)
      check(reader);
  }
  if (cell.atomic) {
    atomics.erase(&cell);
    cell.atomic = false;
  }
  cell.writer = access.agent;
  cell.written = access.time;
  cell.valid = true;
  cell.forgetReaders();
  return result;
}

Conflict Shadow::readCell(Cell &cell, const Access &access) {
  if (!cell.valid)
    return {"reads what nobody wrote", access.agent};
  if (!races)
    return {};
  Conflict result;
  const auto &seen = access.clock.seen;
  if (cell.atomic && !knowsAll(seen, atomics[&cell]))
    result = {"races with an atomic", access.agent};
  if (cell.written > seen[cell.writer])
    result = {"read after write, not ordered", cell.writer};
  else if (access.asynchronous && cell.writer < numGeneric &&
           cell.written > access.clock.proxied[cell.writer])
    result = {"read after write, without a proxy fence", cell.writer};
  cell.addReader(access.agent, access.time, seen);
  return result;
}

Conflict Shadow::write(uint32_t offset, uint32_t bytes, const Access &access) {
  return forCells(offset, bytes,
                  [&](Cell &cell) { return writeCell(cell, access); });
}

Conflict Shadow::read(uint32_t offset, uint32_t bytes, const Access &access) {
  return forCells(offset, bytes,
                  [&](Cell &cell) { return readCell(cell, access); });
}

Conflict Shadow::atomic(uint32_t offset, const Access &access) {
  return forCells(offset, 4, [&](Cell &cell) -> Conflict {
    if (!cell.valid)
      return {"reads what nobody wrote", access.agent};
    if (!races)
      return {};
    Conflict result;
    const auto &seen = access.clock.seen;
    if (cell.written > seen[cell.writer])
      result = {"atomic after write, not ordered", cell.writer};
    auto check = [&](const Reader &reader) {
      if (reader.time > seen[reader.agent])
        result = {"atomic after read, not ordered", reader.agent};
    };
    for (uint32_t i = 0; i < cell.numReaders; ++i)
      check(cell.readers[i]);
    for (const Reader &reader : cell.moreReaders)
      check(reader);
    std::vector<uint32_t> &times = atomics[&cell];
    times.resize(seen.size());
    times[access.agent] = access.time;
    cell.atomic = true;
    return result;
  });
}
