//===- EmitIndex.cpp - Capacity, groups and tiles -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The index work of a layer is a few passes over T*K integers whose steps
// depend on each other; one thread does it before another would have started.
// Ids come from a caller too: one that names no expert counts as none, and
// nothing is written outside of the buffers.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/leaf/Unsupported.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;
using leaf::groupOf;

namespace {

class IndexEmitter {
public:
  explicit IndexEmitter(KernelFrame &frame);

  void emit(CapacityOp op);
  void emit(CheckIdsOp op);
  void emit(GroupOp op);
  void emit(GroupsFromOffsetsOp op);
  void emit(OffsetsOp op);
  void emit(PlacesOp op);
  void emit(RowExpertsOp op);
  void emit(TilesOp op);

private:
  Value read(Value base, Value index) {
    return l.toI64(l.loadElement(i32, base, index));
  }
  void write(Value value, Value base, Value index) {
    l.store(l.toI32(value), l.element(base, i32, index));
  }
  /// Whether first <= x < first + count.
  Value inRange(Value x, int64_t first, int64_t count) {
    return arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult,
                                 l.sub(x, l.i64(first)), l.i64(count));
  }
  Value one() { return l.i64(1); }
  Value numSlots(Value ids) {
    auto type = cast<RankedTensorType>(ids.getType());
    if (type.hasStaticShape())
      return l.i64(type.getNumElements());
    const TensorBuffer &buffer = frame.tensor(ids);
    return l.mul(buffer.sizes[0], buffer.sizes[1]);
  }
  void clearCounters(int64_t count) {
    l.loop(l.i64(count), [&](Value i) { write(l.i64(0), counters, i); });
  }
  Value idsBase(Value ids);
  GroupsBuffer groupsOf(Value groups);

  KernelFrame &frame;
  LeafBuilder &l;
  Type i32;
  Value counters; ///< an i32 an expert, and one for what is none
  llvm::DenseMap<Value, GroupsBuffer> ownGroups;
};

} // namespace

//===----------------------------------------------------------------------===//
// Where values are
//===----------------------------------------------------------------------===//

static int64_t countersOf(int64_t experts) { return (experts + 16) / 16 * 16; }

static int64_t numExperts(Value groups) {
  return cast<GroupsType>(groups.getType()).getNumExperts();
}

/// Calls `each` for every groups value that the kernel makes for itself alone,
/// with its place in scratch; returns the bytes of scratch.
static int64_t layOutScratch(exec::KernelOp kernel,
                             function_ref<void(Value, int64_t)> each) {
  Block &body = kernel.getBody().front();
  int64_t experts = 0;
  for (Operation &op : body) {
    if (isa<GroupOp, GroupsFromOffsetsOp>(op))
      experts = std::max(experts, numExperts(op.getResult(0)));
    if (auto capacity = dyn_cast<CapacityOp>(op))
      experts = std::max(experts, leaf::expertsOf(capacity));
  }
  int64_t bytes = 4 * countersOf(experts);
  for (Operation &op : body)
    if (isa<GroupOp, GroupsFromOffsetsOp>(op) &&
        !llvm::is_contained(body.getTerminator()->getOperands(),
                            op.getResult(0))) {
      each(op.getResult(0), bytes);
      bytes += 4 * countersOf(numExperts(op.getResult(0)));
    }
  return bytes;
}

int64_t moe::cpu::indexScratch(exec::KernelOp kernel) {
  return layOutScratch(kernel, [](Value, int64_t) {});
}

IndexEmitter::IndexEmitter(KernelFrame &frame)
    : frame(frame), l(frame.l), i32(l.b.getI32Type()),
      counters(frame.scratch(0)) {
  // Of groups that stay in the kernel only the offsets are of use.
  layOutScratch(frame.kernel, [&](Value groups, int64_t offset) {
    ownGroups[groups] = {
        frame.scratch(offset), {}, {}, {}, cast<GroupsType>(groups.getType())};
  });
}

GroupsBuffer IndexEmitter::groupsOf(Value groups) {
  auto own = ownGroups.find(groups);
  return own == ownGroups.end() ? frame.groups(groups) : own->second;
}

/// Ids that only a group of this kernel reads lie where that group will put the
/// rows: it reads a slot's id before it writes the slot's row.
Value IndexEmitter::idsBase(Value ids) {
  if (DenseElementsAttr constant = constantOf(ids))
    return frame.constantData(constant);
  if (frame.hasBuffer(ids))
    return frame.tensor(ids).base;
  return groupsOf(groupOf(ids).getGroups()).rowOfSlot;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

void IndexEmitter::emit(CapacityOp op) {
  emitCapacity(frame, op, idsBase(op.getKeptIds()), counters);
}

void IndexEmitter::emit(CheckIdsOp op) {
  Value ids = idsBase(op.getIds());
  const auto experts = static_cast<int64_t>(op.getExperts());
  Value none = l.i64(-1);
  // From the last to the first, so that the first bad one stays.
  Value slots = numSlots(op.getIds()), last = l.sub(slots, one());
  Value found = l.loop(
      l.i64(0), slots, 1, ValueRange(none), [&](Value i, ValueRange carried) {
        Value slot = l.sub(last, i);
        Value good = inRange(read(ids, slot), -1, experts + 1);
        return LeafBuilder::Values{l.select(good, carried[0], slot)};
      })[0];
  l.store(found, frame.tensor(op.getStatus()).base);
}

/// A stable counting sort of the slots by expert.
void IndexEmitter::emit(GroupOp op) {
  GroupsBuffer groups = groupsOf(op.getGroups());
  const int64_t experts = groups.type.getNumExperts();
  Value ids = idsBase(op.getIds());
  Value slots = groups.rows ? groups.rows : numSlots(op.getIds());
  auto local = [&](Value id) {
    return inRange(id, groups.type.getLocalFirst(),
                   groups.type.getLocalCount());
  };
  clearCounters(experts + 1);
  l.loop(slots, [&](Value slot) {
    Value id = read(ids, slot);
    Value counter = l.select(local(id), id, l.i64(experts));
    write(l.add(read(counters, counter), 1), counters, counter);
  });
  Value rows = l.loop(l.i64(0), l.i64(experts), 1, ValueRange(l.i64(0)),
                      [&](Value e, ValueRange begin) {
                        Value count = read(counters, e);
                        write(begin[0], groups.offsets, e);
                        write(begin[0], counters, e);
                        return LeafBuilder::Values{l.add(begin[0], count)};
                      })[0];
  write(rows, groups.offsets, l.i64(experts));
  if (!groups.rowOfSlot)
    return;
  l.loop(slots, [&](Value slot) {
    Value id = read(ids, slot);
    Value here = local(id);
    l.choose(
        here, TypeRange(),
        [&] {
          Value row = read(counters, id);
          write(l.add(row, 1), counters, id);
          write(slot, groups.slotOfRow, row);
          write(row, groups.rowOfSlot, slot);
          return LeafBuilder::Values();
        },
        [&] {
          write(l.i64(-1), groups.rowOfSlot, slot);
          return LeafBuilder::Values();
        });
  });
  l.loop(rows, slots, 1,
         [&](Value row) { write(l.i64(-1), groups.slotOfRow, row); });
}

/// Offsets come from outside: they are made to ascend and stay within the rows.
void IndexEmitter::emit(GroupsFromOffsetsOp op) {
  GroupsBuffer groups = groupsOf(op.getGroups());
  l.loop(l.i64(0), l.i64(groups.type.getNumExperts() + 1), 1,
         ValueRange(l.i64(0)), [&](Value e, ValueRange previous) {
           Value given = l.toI64(frame.elements(op.getOffsets(), e, 1));
           Value offset = l.max(given, previous[0]);
           if (groups.rows)
             offset = l.min(offset, groups.rows);
           write(offset, groups.offsets, e);
           return LeafBuilder::Values{offset};
         });
  if (groups.slotOfRow)
    l.loop(groups.rows,
           [&](Value row) { write(l.i64(-1), groups.slotOfRow, row); });
}

void IndexEmitter::emit(OffsetsOp op) {
  GroupsBuffer groups = groupsOf(op.getGroups());
  const TensorBuffer &result = frame.tensor(op.getResult());
  l.loop(l.i64(groups.type.getNumExperts() + 1),
         [&](Value e) { write(read(groups.offsets, e), result.base, e); });
}

void IndexEmitter::emit(PlacesOp op) {
  const TensorBuffer &places = frame.tensor(op.getPlaces());
  auto type = cast<RankedTensorType>(op.getIds().getType());
  const int64_t experts = type.getDimSize(0), picks = type.getDimSize(1);
  Value ids = idsBase(op.getIds()), tokens = places.sizes[0];
  l.loop(l.mul(tokens, experts),
         [&](Value i) { write(l.i64(-1), places.base, i); });
  l.loop(l.i64(experts), [&](Value e) {
    l.loop(l.i64(picks), [&](Value c) {
      Value token = read(ids, l.add(l.mul(e, picks), c));
      Value named = arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult,
                                          token, tokens);
      l.when(named,
             [&] { write(c, places.base, l.add(l.mul(token, experts), e)); });
    });
  });
}

void IndexEmitter::emit(RowExpertsOp op) {
  GroupsBuffer groups = groupsOf(op.getGroups());
  const TensorBuffer &result = frame.tensor(op.getExperts());
  const int64_t first = groups.type.getLocalFirst(),
                count = groups.type.getLocalCount();
  l.loop(l.i64(count), [&](Value e) {
    Value at = l.add(e, first);
    l.loop(read(groups.offsets, at), read(groups.offsets, l.add(at, 1)), 1,
           [&](Value row) { write(e, result.base, row); });
  });
  l.loop(read(groups.offsets, l.i64(groups.type.getNumExperts())),
         result.sizes[0], 1,
         [&](Value row) { write(l.i64(-1), result.base, row); });
}

/// Cuts as dialect/plan/TileWalk.h defines.
void IndexEmitter::emit(TilesOp op) {
  GroupsBuffer groups = groupsOf(op.getGroups());
  const TilesBuffer &tiles = frame.tiles(op.getTiles());
  const int64_t tileRows = cast<TilesType>(op.getTiles().getType()).getRows();
  Value total = l.loop(
      l.i64(0), l.i64(groups.type.getNumExperts()), 1, ValueRange(l.i64(0)),
      [&](Value e, ValueRange made) {
        Value begin = read(groups.offsets, e);
        Value rows = l.sub(read(groups.offsets, l.add(e, 1)), begin);
        Value count = l.ceilDiv(rows, tileRows);
        Value divisor = l.max(count, one());
        Value small = l.div(rows, divisor), larger = l.rem(rows, divisor);
        l.loop(l.i64(0), count, 1, ValueRange(begin),
               [&](Value i, ValueRange first) {
                 Value size =
                     l.add(small, l.select(l.less(i, larger), one(), l.i64(0)));
                 Value end = l.add(first[0], size);
                 Value entry = l.mul(l.add(made[0], i), 3);
                 write(e, tiles.list, entry);
                 write(first[0], tiles.list, l.add(entry, 1));
                 write(end, tiles.list, l.add(entry, 2));
                 return LeafBuilder::Values{end};
               });
        return LeafBuilder::Values{l.add(made[0], count)};
      })[0];
  l.store(total, tiles.count);
}

void moe::cpu::emitIndex(KernelFrame &frame) {
  LeafBuilder &l = frame.l;
  IndexEmitter emitter(frame);
  // One task; a range without it has nothing to do.
  l.when(l.less(frame.begin, frame.end), [&] {
    for (Operation &op : frame.kernel.getBody().front())
      llvm::TypeSwitch<Operation *>(&op)
          .Case<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp,
                PlacesOp, RowExpertsOp, TilesOp>(
              [&](auto index) { emitter.emit(index); });
  });
}
