//===- route.cuh - Scores, picks and weights --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp routes one token. Its rows (logits, scores, keys: one element an
// expert; ids, weights: one a pick) lie in shared memory, each element in the
// hands of lane index % 32; functions leave a row readable for the whole warp.
//
// Selection compares integers that order as the scores do: the lowest integer
// stands for what is never picked (NaN, a group that was left out, an expert
// that was picked before), so that no score, not even an infinity, can be
// mistaken for it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_ROUTE
#define MOE_CODEGEN_CUDA_DEVICE_ROUTE

namespace moe {

constexpr i32 neverPicked = i32(0x80000000);

MOE_DEVICE i32 laneOf() { return threadIdx.x % 32; }
MOE_DEVICE f32 infinity() { return floatOf(0x7f800000); }

/// row[i] = value(i) for i < Count, a 32-bit value.
template <int Count, class Value> MOE_DEVICE void setRow(u32 row, Value value) {
  syncWarp();
  for (i32 i = laneOf(); i < Count; i += 32)
    sts(row + 4 * i, value(i));
  syncWarp();
}
/// put(i, row[i]) for i < Count.
template <class T, int Count, class Put>
MOE_DEVICE void readRow(u32 row, Put put) {
  for (i32 i = laneOf(); i < Count; i += 32)
    put(i, lds<T>(row + 4 * i));
}
/// row[i] = change(row[i]).
template <int Count, class Change>
MOE_DEVICE void changeRow(u32 row, Change change) {
  setRow<Count>(row, [&](i32 i) { return change(lds<f32>(row + 4 * i)); });
}

/// Sum and maximum of a row, NaN being no maximum. A sum is one of lanes first,
/// then a tree: one order for every token.
template <int Count> MOE_DEVICE f32 sumOfRow(u32 row) {
  f32 sum = 0;
  readRow<f32, Count>(row, [&](i32, f32 x) { sum += x; });
  for (i32 mask = 16; mask > 0; mask /= 2)
    sum += shflXor(sum, mask);
  return sum;
}
template <int Count> MOE_DEVICE f32 maxOfRow(u32 row) {
  f32 most = -infinity();
  readRow<f32, Count>(row, [&](i32, f32 x) { most = maxNum(most, x); });
  for (i32 mask = 16; mask > 0; mask /= 2)
    most = maxNum(most, shflXor(most, mask));
  return most;
}

/// scores = formula(logits); if RowWise, of the logits less their maximum, and
/// divided by their sum. Later clauses read scores as they are rounded to T.
template <class T, int Experts, bool RowWise, class Formula>
MOE_DEVICE void scoreRow(u32 logits, u32 scores, Formula formula) {
  f32 shift = 0;
  if constexpr (RowWise)
    shift = maxOfRow<Experts>(logits);
  setRow<Experts>(scores, [&](i32 i) {
    const f32 x = lds<f32>(logits + 4 * i);
    return formula(RowWise ? x - shift : x);
  });
  f32 sum = 1;
  if constexpr (RowWise)
    sum = sumOfRow<Experts>(scores);
  changeRow<Experts>(
      scores, [&](f32 x) { return widen(narrow<T>(RowWise ? x / sum : x)); });
}

/// Integers that order as floats do, with -0 equal to +0.
MOE_DEVICE i32 keyOf(f32 x) {
  const i32 bits = i32(bitsOf(x + 0.0f));
  return x != x ? neverPicked : bits ^ ((bits >> 31) & 0x7fffffff);
}

/// The index of the highest key, the first of equal ones, which is replaced by
/// neverPicked; -1 if no key is left.
template <int Count> MOE_DEVICE i32 takeHighest(u32 keys) {
  i32 best = neverPicked, bestIndex = 0;
  readRow<i32, Count>(keys, [&](i32 i, i32 key) {
    if (key > best) {
      best = key;
      bestIndex = i;
    }
  });
  // Keys above, indices below: the highest key, then the lowest index.
  u64 packed = u64(u32(best) ^ 0x80000000) << 32 | u32(~bestIndex);
  for (i32 mask = 16; mask > 0; mask /= 2)
    packed = max(packed, shflXor(packed, mask));
  if (packed >> 32 == 0)
    return -1;
  const i32 index = i32(~u32(packed));
  syncWarp();
  if (index % 32 == laneOf())
    sts(keys + 4 * index, neverPicked);
  syncWarp();
  return index;
}

/// The sum of the TopSum highest of Size selection scores, NaN counting as
/// -infinity.
template <int Size, int TopSum, class Score>
MOE_DEVICE f32 groupScore(i32 first, Score score) {
  f32 top[TopSum];
  for (f32 &place : top)
    place = -infinity();
  for (i32 e = first; e < first + Size; ++e) {
    f32 x = score(e);
    x = x != x ? -infinity() : x;
    for (f32 &place : top) {
      const f32 above = x > place ? x : place;
      x = x > place ? place : x;
      place = above;
    }
  }
  f32 sum = top[0];
  for (int i = 1; i < TopSum; ++i)
    sum += top[i];
  return sum != sum ? -infinity() : sum; // infinity and its opposite
}

/// Replaces the keys of experts outside of the Keep groups with the highest
/// scores by `fill`; NaN stays what is never picked.
template <int Experts, int Groups, int Keep, int TopSum, class Score>
MOE_DEVICE void limitGroups(u32 keys, u32 groupKeys, i32 fill, Score score) {
  constexpr int size = Experts / Groups;
  setRow<Groups>(groupKeys, [&](i32 g) {
    return keyOf(groupScore<size, TopSum>(g * size, score));
  });
  // A kept group is marked by its key: takeHighest() leaves neverPicked there.
  for (int i = 0; i < Keep; ++i)
    takeHighest<Groups>(groupKeys);
  setRow<Experts>(keys, [&](i32 e) {
    const i32 key = lds<i32>(keys + 4 * e);
    const bool kept = lds<i32>(groupKeys + 4 * (e / size)) == neverPicked;
    return kept || key == neverPicked ? key : fill;
  });
}

/// ids[j] = keep(j, id) for the ids of the Picks highest keys in their order,
/// -1 where none is left.
template <int Experts, int Picks, class Keep>
MOE_DEVICE void selectWhile(u32 keys, u32 ids, i32 first, Keep keep) {
  for (i32 j = first; j < Picks; ++j) {
    const i32 id = keep(j, takeHighest<Experts>(keys));
    if (j % 32 == laneOf())
      sts(ids + 4 * j, id);
  }
  syncWarp();
}

/// All of them.
template <int Experts, int Picks> MOE_DEVICE void selectTop(u32 keys, u32 ids) {
  selectWhile<Experts, Picks>(keys, ids, 0, [](i32, i32 id) { return id; });
}

/// The fewest whose scores sum up to p, at least one.
template <int Experts, int Picks, class Score>
MOE_DEVICE void selectPrefix(u32 keys, u32 ids, f32 p, Score score) {
  f32 sum = 0;
  selectWhile<Experts, Picks>(keys, ids, 0, [&](i32 j, i32 id) {
    if (j > 0 && !(sum < p))
      return -1;
    sum += score(id < 0 ? 0 : id);
    return id;
  });
}

/// The ones above a threshold.
template <int Experts, int Picks, class Score>
MOE_DEVICE void selectAbove(u32 keys, u32 ids, f32 threshold, Score score) {
  selectWhile<Experts, Picks>(keys, ids, 0, [&](i32, i32 id) {
    return score(id < 0 ? 0 : id) > threshold ? id : -1;
  });
}

/// The first by its key, the others by their noisy scores.
template <int Experts, int Picks, class Score>
MOE_DEVICE void selectNoisy(u32 keys, u32 ids, Score noisy) {
  const i32 first = takeHighest<Experts>(keys);
  if (laneOf() == 0)
    sts(ids, first);
  setRow<Experts>(
      keys, [&](i32 e) { return e == first ? neverPicked : keyOf(noisy(e)); });
  selectWhile<Experts, Picks>(keys, ids, 1, [](i32, i32 id) { return id; });
}

/// The second pick stays iff twice its score is above `limit`.
MOE_DEVICE void keepSecond(u32 scores, u32 ids, f32 limit) {
  const i32 id = lds<i32>(ids + 4);
  const bool keep = id >= 0 && 2 * lds<f32>(scores + 4 * id) > limit;
  syncWarp();
  if (laneOf() == 0)
    sts(ids + 4, keep ? id : -1);
  syncWarp();
}

/// ids[j] = idAt(row, j) of row `token` of Tokens, -2 where an id is out of
/// range; -1 means none of both.
template <int Experts, int Count, class IdAt>
MOE_DEVICE void copyGiven(u32 ids, i64 tokens, i64 token, IdAt idAt) {
  const bool known = token >= 0 && token < tokens;
  setRow<Count>(ids, [&](i32 j) {
    const i64 id = idAt(known ? token : 0, j);
    const i32 good = id >= -1 && id < Experts ? i32(id) : -2;
    return known ? good : token == -1 ? -1 : -2;
  });
}

/// Slots from Picks on hold the last experts, but for a NaN.
template <int Experts, int Slots, int Picks>
MOE_DEVICE void addAlways(u32 scores, u32 ids) {
  setRow<Slots - Picks>(ids + 4 * Picks, [&](i32 i) {
    const i32 e = Experts - (Slots - Picks) + i;
    const f32 x = lds<f32>(scores + 4 * e);
    return x != x ? -1 : e;
  });
}

/// No ids unless the token is valid.
template <int Slots> MOE_DEVICE void keepIf(u32 ids, bool valid) {
  setRow<Slots>(ids, [&](i32 j) { return valid ? lds<i32>(ids + 4 * j) : -1; });
}

/// An expert's picks among `tokens`, by a warp: put(c, id) for c < places. Pick
/// after pick it searches for the highest score among those that come after the
/// last pick; there is no room for a column of scores.
template <class Score, class Put>
MOE_DEVICE void selectTokens(i64 tokens, i64 places, Score score, Put put) {
  i32 lastKey = 0x7fffffff; // no score has this key
  i64 lastToken = -1;
  for (i32 c = 0; c < places; ++c) {
    i32 best = neverPicked, bestToken = 0;
    for (i64 t = laneOf(); t < tokens; t += 32) {
      const i32 key = keyOf(score(t));
      const bool open = key < lastKey || (key == lastKey && t > lastToken);
      if (open && key > best) {
        best = key;
        bestToken = i32(t);
      }
    }
    u64 packed = u64(u32(best) ^ 0x80000000) << 32 | u32(~bestToken);
    for (i32 mask = 16; mask > 0; mask /= 2)
      packed = max(packed, shflXor(packed, mask));
    lastKey = i32(u32(packed >> 32) ^ 0x80000000);
    lastToken = lastKey == neverPicked ? -1 : i64(i32(~u32(packed)));
    if (laneOf() == 0)
      put(c, i32(lastToken));
  }
}

//===----------------------------------------------------------------------===//
// Weights of the picks
//===----------------------------------------------------------------------===//

template <int Experts> MOE_DEVICE bool isPick(u32 ids, i32 j) {
  return u32(lds<i32>(ids + 4 * j)) < u32(Experts);
}

/// weights = scores of the picks.
template <int Experts, int Picks>
MOE_DEVICE void gatherPicks(u32 scores, u32 ids, u32 weights) {
  setRow<Picks>(weights, [&](i32 j) {
    const i32 id = isPick<Experts>(ids, j) ? lds<i32>(ids + 4 * j) : 0;
    return lds<f32>(scores + 4 * id);
  });
}

/// Over the picks in their order; slots without an expert take no part.
template <int Experts, int Picks, class Term>
MOE_DEVICE f32 sumOfPicks(u32 ids, u32 weights, Term term) {
  f32 sum = 0;
  for (i32 j = 0; j < Picks; ++j)
    if (isPick<Experts>(ids, j))
      sum += term(lds<f32>(weights + 4 * j));
  return sum;
}
template <int Experts, int Picks>
MOE_DEVICE f32 maxOfPicks(u32 ids, u32 weights) {
  f32 most = -infinity();
  for (i32 j = 0; j < Picks; ++j)
    if (isPick<Experts>(ids, j))
      most = maxNum(most, lds<f32>(weights + 4 * j));
  return most;
}

/// weights[j] = softmax of pick j over the experts that no slot before it holds
/// and whose logit is near its own, which is in the weights.
template <int Experts, int Picks, class Formula>
MOE_DEVICE void maskedSoftmax(u32 scores, u32 ids, u32 weights, f32 distance,
                              Formula formula) {
  for (i32 j = 0; j < Picks; ++j) {
    const f32 most = lds<f32>(weights + 4 * j);
    f32 sum = 0;
    readRow<f32, Experts>(scores, [&](i32 e, f32 x) {
      bool counts = true;
      for (i32 before = 0; before < j; ++before)
        counts = counts && lds<i32>(ids + 4 * before) != e;
      const f32 size = maximum(maximum(x, -x), most);
      if (counts && !((most - x) / size > distance))
        sum += formula(x - most);
    });
    for (i32 mask = 16; mask > 0; mask /= 2)
      sum += shflXor(sum, mask);
    syncWarp();
    if (j % 32 == laneOf())
      sts(weights + 4 * j, 1.0f / sum);
  }
  syncWarp();
}

/// The weights of the first Scaled slots times their expert's scale, and 0
/// where there is no expert.
template <int Experts, int Slots, int Scaled, class Scale>
MOE_DEVICE void scalePicks(u32 ids, u32 weights, Scale scale) {
  setRow<Slots>(weights, [&](i32 j) {
    if (!isPick<Experts>(ids, j))
      return 0.0f;
    const f32 weight = lds<f32>(weights + 4 * j);
    return j < Scaled ? weight * scale(lds<i32>(ids + 4 * j)) : weight;
  });
}

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_ROUTE
