//===- index.cuh - Capacity and groups --------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The index work of a layer: a stable counting sort of the slots by expert, by
// one block. Each warp has a run of slots and a counter an expert. A count, a
// scan over the warps, and a second walk give every slot its rank among those
// of its expert; nothing is left to the order in which threads come by.
//
// Ids come from callers too: one that names no expert here counts as none, and
// nothing is written outside of the buffers.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_INDEX
#define MOE_CODEGEN_CUDA_DEVICE_INDEX

namespace moe {

/// Words of shared memory: counters [Warps][Keys], totals [Keys].
template <int Keys, int Warps> struct RankTable {
  u32 base = sharedBase();
  MOE_DEVICE u32 counter(i32 warp, i32 key) const {
    return base + 4 * (warp * Keys + key);
  }
  MOE_DEVICE u32 total(i32 key) const {
    return base + 4 * (Warps * Keys + key);
  }
};

/// The lanes of the warp with the same key, which is in [-1, Keys).
template <int Keys> MOE_DEVICE u32 lanesWith(i32 key) {
  u32 lanes = 0xffffffff;
  for (i32 bit = 1; bit <= Keys; bit *= 2) {
    const bool mine = ((key + 1) & bit) != 0;
    const u32 theirs = ballot(mine);
    lanes &= mine ? theirs : ~theirs;
  }
  return lanes;
}

/// Calls body(v, key, rank) for every v in [0, count), where rank is how many
/// before v have its key; `between` runs when the totals of all keys are in the
/// table. keyOf(v) is in [-1, Keys); -1 has no rank.
template <int Keys, int Warps, class KeyOf, class Between, class Body>
MOE_DEVICE void rankByKey(i32 count, KeyOf keyOf, Between between, Body body) {
  const RankTable<Keys, Warps> table;
  const i32 thread = threadIdx.x, warp = thread / 32, lane = thread % 32;
  syncBlock(); // others are done with shared memory
  for (i32 i = thread; i < Keys * Warps; i += 32 * Warps)
    sts<u32>(table.base + 4 * i, 0);
  syncBlock();
  const i32 run = ceilDiv(ceilDiv(count, Warps), 32) * 32;
  const i32 first = min(warp * run, count), last = min(first + run, count);
  for (i32 v = first + lane; v < last; v += 32)
    if (const i32 key = keyOf(v); key >= 0)
      addAtomicShared(table.counter(warp, key), 1);
  syncBlock();
  for (i32 key = thread; key < Keys; key += 32 * Warps) {
    u32 sum = 0;
    for (i32 w = 0; w < Warps; ++w) {
      const u32 mine = lds<u32>(table.counter(w, key));
      sts(table.counter(w, key), sum);
      sum += mine;
    }
    sts(table.total(key), sum);
  }
  syncBlock();
  between(table);
  syncBlock();
  for (i32 start = first; start < last; start += 32) {
    const i32 v = start + lane;
    const i32 key = v < last ? keyOf(v) : -1;
    const u32 peers = lanesWith<Keys>(key);
    const i32 before = popCount(peers & ((1u << lane) - 1));
    i32 rank = 0;
    if (key >= 0)
      rank = lds<u32>(table.counter(warp, key));
    syncWarp();
    if (key >= 0 && before == 0)
      sts<u32>(table.counter(warp, key), rank + popCount(peers));
    syncWarp();
    if (v < last)
      body(v, key, rank + before);
  }
  syncBlock();
}

/// Sorts slots by expert: [First, First + Local) of Experts are here. Writes
/// offsets [Experts + 1] and, unless they are null, the slot of each row and
/// the row of each slot, -1 for none. idOf(slot) may read rowOfSlot.
template <int Experts, int First, int Local, int Warps, class IdOf>
MOE_DEVICE void groupSlots(i32 slots, IdOf idOf, i32 *offsets, i32 *slotOfRow,
                           i32 *rowOfSlot) {
  const i32 thread = threadIdx.x;
  auto keyOf = [&](i32 slot) {
    const i32 id = idOf(slot);
    return u32(id - First) < u32(Local) ? id : -1;
  };
  // Totals become offsets: a scan, by the first warp.
  auto scan = [&](const RankTable<Experts, Warps> &table) {
    if (thread >= 32)
      return;
    i32 rows = 0;
    for (i32 base = 0; base < Experts; base += 32) {
      const i32 expert = base + thread;
      const i32 mine = expert < Experts ? lds<i32>(table.total(expert)) : 0;
      const i32 through = rows + inclusiveScan(mine);
      if (expert < Experts) {
        sts(table.total(expert), through - mine);
        store(offsets + expert, through - mine);
      }
      rows = shflIndex(through, 31);
    }
    if (thread == 0)
      store(offsets + Experts, rows);
  };
  const RankTable<Experts, Warps> table;
  auto place = [&](i32 slot, i32 expert, i32 rank) {
    if (!rowOfSlot)
      return;
    const i32 row = expert < 0 ? -1 : lds<i32>(table.total(expert)) + rank;
    store(rowOfSlot + slot, row);
    if (row >= 0)
      store(slotOfRow + row, slot);
  };
  rankByKey<Experts, Warps>(slots, keyOf, scan, place);
  if (!slotOfRow)
    return;
  for (i32 row = load(offsets + Experts) + thread; row < slots;
       row += 32 * Warps)
    store(slotOfRow + row, -1);
  syncBlock();
}

/// max((tokens * factor + addend) / divisor, minimum), up to a multiple.
MOE_DEVICE i64 capacityOf(i64 tokens, i64 factor, i64 addend, i64 divisor,
                          i64 minimum, i64 multipleOf) {
  const i64 places = max((tokens * factor + addend) / divisor, minimum);
  return (places + multipleOf - 1) / multipleOf * multipleOf;
}

/// Limits every expert to `cap` of the slots of `tokens` from `first` on, by
/// slots or by ranks (every token's first slot before any second). keep(slot,
/// id) gets the id, or -1.
template <int Experts, int Warps, bool RankMajor, class Keep>
MOE_DEVICE void limitSlots(i32 first, i32 tokens, i32 slotsPerToken, i64 cap,
                           const i32 *ids, Keep keep) {
  auto slotOf = [&](i32 v) {
    return first * slotsPerToken +
           (RankMajor ? v % tokens * slotsPerToken + v / tokens : v);
  };
  auto keyOf = [&](i32 v) {
    const i32 id = load(ids + slotOf(v));
    return u32(id) < u32(Experts) ? id : -1;
  };
  rankByKey<Experts, Warps>(
      tokens * slotsPerToken, keyOf, [](const RankTable<Experts, Warps> &) {},
      [&](i32 v, i32 expert, i32 rank) {
        keep(slotOf(v), expert >= 0 && rank < cap ? expert : -1);
      });
}

/// The same in descending order of a value, NaN last, ties by slots; ByRank:
/// within a rank. Each slot counts those that come before it.
template <int Experts, int Warps, bool ByRank, class Value, class Keep>
MOE_DEVICE void limitByValue(i32 first, i32 tokens, i32 slotsPerToken, i64 cap,
                             const i32 *ids, Value value, Keep keep) {
  const i32 begin = first * slotsPerToken;
  const i32 end = begin + tokens * slotsPerToken;
  auto isHigher = [](f32 x, f32 y) { return x > y || (x == x && y != y); };
  for (i32 slot = begin + i32(threadIdx.x); slot < end; slot += 32 * Warps) {
    const i32 id = load(ids + slot), rank = slot % slotsPerToken;
    const f32 mine = value(slot);
    i64 before = 0;
    for (i32 other = begin; other < end; ++other) {
      const f32 theirs = value(other);
      const bool tie = !isHigher(mine, theirs) && other < slot;
      bool earlier = isHigher(theirs, mine) || tie;
      const i32 otherRank = other % slotsPerToken;
      if (ByRank)
        earlier = otherRank < rank || (otherRank == rank && earlier);
      before += load(ids + other) == id && earlier;
    }
    keep(slot, u32(id) < u32(Experts) && before < cap ? id : -1);
  }
  syncBlock();
}

/// Free places of a list, in its order, go to the slots that were dropped, in
/// theirs: give(slot, expert). By one thread: each place depends on the last.
template <int Experts, int Warps, class PlaceAt, class Give>
MOE_DEVICE void recycleSlots(i32 slots, i64 cap, const i32 *ids,
                             const i32 *kept, i32 length, PlaceAt placeAt,
                             Give give) {
  if (threadIdx.x == 0) {
    i32 slot = 0;
    for (i32 i = 0; i < length; ++i) {
      const i64 place = placeAt(i);
      if (place < 0 || place >= Experts * cap)
        continue;
      const i32 expert = i32(place / cap);
      i64 wanted = 0;
      for (i32 other = 0; other < slots && wanted < cap; ++other)
        wanted += load(ids + other) == expert;
      if (place % cap < wanted)
        continue;
      while (slot < slots &&
             (u32(load(ids + slot)) >= u32(Experts) || load(kept + slot) >= 0))
        ++slot;
      if (slot == slots)
        break;
      give(slot++, expert);
    }
  }
  syncBlock();
}

/// The weights of each token's slots that are kept divided by their norm.
template <int Warps, class Weight, class Term, class Norm, class Put>
MOE_DEVICE void renormSlots(i32 tokens, i32 slotsPerToken, const i32 *kept,
                            Weight weight, Term term, Norm norm, Put put) {
  for (i32 t = threadIdx.x; t < tokens; t += 32 * Warps) {
    const i32 begin = t * slotsPerToken, end = begin + slotsPerToken;
    f32 sum = 0;
    for (i32 slot = begin; slot < end; ++slot)
      if (load(kept + slot) >= 0)
        sum += term(weight(slot));
    const f32 by = norm(sum);
    for (i32 slot = begin; slot < end; ++slot)
      if (load(kept + slot) >= 0)
        put(slot, weight(slot) / by);
  }
  syncBlock();
}

/// The first slot whose id is not in [-1, Experts); -1 if there is none.
template <int Experts, int Warps, class IdOf>
MOE_DEVICE void checkIds(i32 slots, IdOf idOf, i64 *status) {
  const i32 thread = threadIdx.x;
  i32 first = slots;
  for (i32 slot = thread; slot < slots && first == slots; slot += 32 * Warps)
    if (u32(idOf(slot) + 1) > u32(Experts))
      first = slot;
  for (i32 mask = 16; mask > 0; mask /= 2)
    first = min(first, shflXor(first, mask));
  syncBlock(); // others are done with shared memory
  if (thread % 32 == 0)
    sts(sharedBase() + thread / 8, first);
  syncBlock();
  if (thread == 0) {
    for (i32 warp = 1; warp < Warps; ++warp)
      first = min(first, lds<i32>(sharedBase() + 4 * warp));
    store(status, first < slots ? i64(first) : i64(-1));
  }
  syncBlock();
}

/// Offsets that came from outside: made to ascend and stay within the rows.
/// slotOfRow, unless it is null, is -1 throughout.
template <int Experts, int Warps, class OffsetOf>
MOE_DEVICE void groupOffsets(i32 rows, OffsetOf offsetOf, i32 *offsets,
                             i32 *slotOfRow) {
  const i32 thread = threadIdx.x;
  if (thread < 32) {
    i32 most = 0;
    for (i32 base = 0; base <= Experts; base += 32) {
      const i32 e = base + thread;
      i32 offset = max(most, e <= Experts ? offsetOf(e) : 0);
      for (i32 delta = 1; delta < 32; delta *= 2) {
        const i32 below = shflUp(offset, delta);
        offset = thread >= delta ? max(offset, below) : offset;
      }
      if (e <= Experts)
        store(offsets + e, min(offset, rows));
      most = shflIndex(offset, 31);
    }
  }
  if (slotOfRow)
    for (i32 row = thread; row < rows; row += 32 * Warps)
      store(slotOfRow + row, -1);
  syncBlock();
}

/// Copies offsets [Experts + 1].
template <int Experts, int Warps>
MOE_DEVICE void copyOffsets(const i32 *from, i32 *to) {
  for (i32 e = threadIdx.x; e <= Experts; e += 32 * Warps)
    store(to + e, load(from + e));
  syncBlock();
}

/// The inverse of the tokens that experts picked, ids [Experts, Picks]: places
/// [tokens, Experts], -1 for a token that an expert did not pick.
template <int Experts, int Picks, int Warps, class IdOf>
MOE_DEVICE void invertPicks(i32 tokens, IdOf idOf, i32 *places) {
  const i64 size = i64(tokens) * Experts;
  for (i64 i = threadIdx.x; i < size; i += 32 * Warps)
    store(places + i, i32(-1));
  syncBlock();
  for (i32 slot = threadIdx.x; slot < Experts * Picks; slot += 32 * Warps)
    if (const i32 token = idOf(slot); u32(token) < u32(tokens))
      store(places + i64(token) * Experts + slot / Picks, slot % Picks);
  syncBlock();
}

/// The expert of every row among the Local from First on, -1 behind the last.
template <int Experts, int First, int Local, int Warps>
MOE_DEVICE void expertOfRows(i32 rows, const i32 *offsets, i32 *experts) {
  const i32 end = load(offsets + Experts);
  for (i32 row = threadIdx.x; row < rows; row += 32 * Warps) {
    // The last expert that begins at or before the row.
    i32 low = First, high = First + Local - 1;
    while (low < high) {
      const i32 middle = low + (high - low + 1) / 2;
      if (load(offsets + middle) <= row)
        low = middle;
      else
        high = middle - 1;
    }
    store(experts + row, row < end ? low - First : -1);
  }
  syncBlock();
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_INDEX
