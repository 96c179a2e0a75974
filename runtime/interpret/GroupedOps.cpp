//===- GroupedOps.cpp - grouped_matmul, by_tokens, tiles, pack ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops of the group and plan phases. A plan says how fast, never what: tiles
// and layouts are read over.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/interpret/MoeValues.h"
#include "moe/runtime/reference/Matmul.h"

#include <algorithm>
#include <limits>

using namespace moe;
using namespace moe::interpret;

namespace {

class GroupedMatmul {
public:
  explicit GroupedMatmul(Call &call)
      : call(call), op(call.as<GroupedMatmulOp>()) {}

  core::Status evaluate();

private:
  core::Status bind();
  core::Result<Array> rhsOf(unsigned index, int64_t expert);
  core::Status multiply(int64_t expert, int64_t first, int64_t last);
  core::Status finish(int64_t expert, int64_t first, int64_t last);

  Call &call;
  GroupedMatmulOp op;
  const GroupsValue *groups = nullptr;
  Array lhs, result;
  /// Right-hand sides, unpacked.
  llvm::SmallVector<Value, 2> rhs;
  /// Sums of one group, one a right-hand side.
  llvm::SmallVector<Array, 2> sums;
  llvm::SmallVector<Array> operands;
  LaneProgram *epilogue = nullptr;
};

} // namespace

core::Status GroupedMatmul::bind() {
  core::Result<Array> array = call.array(0);
  if (!array)
    return array.takeError();
  lhs = std::move(*array);
  unsigned next = 1;
  for (unsigned index = 0; index < op.getRhs().size(); ++index) {
    const Value &value = call.operand(next++);
    if (auto *packed = std::get_if<std::shared_ptr<const PackedValue>>(&value))
      llvm::append_range(rhs, (*packed)->tensors);
    else
      rhs.push_back(value);
  }
  int64_t rows = lhs.shape()[0];
  if (op.getGroups()) {
    groups = &call.operand(next++).groups();
    if (op.getGather()) {
      if (core::Status status = checkSlots(call, *groups, rows); !status)
        return status;
      rows = groups->groups.slotOfRow.size();
    }
    if (groups->numRows() > rows)
      return call.fault("has groups of " + llvm::Twine(groups->numRows()) +
                        " rows over a tensor of " + llvm::Twine(rows));
  }
  next += op.getTiles() ? 1 : 0;
  if (core::Status status =
          sameSize(call, "columns", lhs.shape()[1], op.getDepth());
      !status)
    return status;

  for (unsigned index = 0; index < op.getEpilogueOperands().size(); ++index) {
    core::Result<Array> operand = call.array(next++);
    if (!operand)
      return operand.takeError();
    EpilogueIndex kind = op.getIndexOf(index);
    if (kind == EpilogueIndex::Slots && !groups->fromSlots())
      return checkSlots(call, *groups, 0);
    int64_t want = kind == EpilogueIndex::Slots
                       ? groups->groups.rowOfSlot.size()
                   : kind == EpilogueIndex::Elements ? rows * op.getNumColumns()
                                                     : operand->size();
    if (core::Status status = sameSize(call, "elements", operand->size(), want);
        !status)
      return status;
    operands.push_back(std::move(*operand));
  }
  result = call.newArray(call.resultElement(), {rows, op.getNumColumns()});
  std::fill_n(result.write(), result.size(),
              cellOf(std::numeric_limits<double>::quiet_NaN()));
  core::Result<LaneProgram *> lanes = call.lanes(op.getEpilogue().front());
  if (!lanes)
    return lanes.takeError();
  epilogue = *lanes;
  return core::Status::ok();
}

core::Result<Array> GroupedMatmul::rhsOf(unsigned index, int64_t expert) {
  if (groups)
    return sliceOf(rhs[index], expert);
  if (auto *lazy = std::get_if<std::shared_ptr<const LazyArray>>(&rhs[index]))
    return (*lazy)->read(-1);
  return std::get<Array>(rhs[index]);
}

core::Status GroupedMatmul::multiply(int64_t expert, int64_t first,
                                     int64_t last) {
  int64_t rows = last - first, depth = op.getDepth(), n = op.getNumColumns();
  Array own = call.newArray(lhs.element(), {rows, depth});
  Cell *cells = own.write();
  for (int64_t row = first; row < last; ++row, cells += depth) {
    int64_t from =
        op.getGather() ? groups->groups.slotOfRow[row] / groups->topK : row;
    std::copy_n(lhs.data() + from * depth, depth, cells);
  }
  core::DType acc = call.evaluator.exact() ? core::DType::F64
                                           : Element::of(op.getAcc())->dtype;
  sums.clear();
  for (unsigned index = 0; index < rhs.size(); ++index) {
    core::Result<Array> weight = rhsOf(index, expert);
    if (!weight)
      return weight.takeError();
    Array sum = call.newArray(Element(), {rows, n});
    Cell *out = sum.write();
    reference::multiplyTransposed(own.floats(), weight->floats(),
                                  reinterpret_cast<double *>(out), rows, n,
                                  depth);
    roundCells(acc, out, static_cast<size_t>(sum.size()));
    sums.push_back(std::move(sum));
  }
  return core::Status::ok();
}

core::Status GroupedMatmul::finish(int64_t expert, int64_t first,
                                   int64_t last) {
  int64_t n = op.getNumColumns();
  Cell *out = result.write();
  for (int64_t row = first; row < last; ++row)
    for (int64_t column = 0; column < n; column += LaneProgram::kStrip) {
      size_t count = std::min<int64_t>(LaneProgram::kStrip, n - column);
      for (auto [index, sum] : llvm::enumerate(sums))
        std::copy_n(sum.data() + (row - first) * n + column, count,
                    epilogue->argument(index));
      for (auto [index, operand] : llvm::enumerate(operands)) {
        Cell *lanes = epilogue->argument(sums.size() + index);
        switch (op.getIndexOf(index)) {
        case EpilogueIndex::Columns:
          std::copy_n(operand.data() + (groups ? expert * n : 0) + column,
                      count, lanes);
          break;
        case EpilogueIndex::Slots:
          std::fill_n(lanes, count,
                      operand.data()[groups->groups.slotOfRow[row]]);
          break;
        case EpilogueIndex::Experts:
          std::fill_n(lanes, count, operand.data()[expert]);
          break;
        case EpilogueIndex::Elements:
          std::copy_n(operand.data() + row * n + column, count, lanes);
          break;
        }
      }
      if (core::Status status = epilogue->run(count); !status)
        return status;
      std::copy_n(epilogue->result(0), count, out + row * n + column);
    }
  return core::Status::ok();
}

core::Status GroupedMatmul::evaluate() {
  if (core::Status status = bind(); !status)
    return status;
  int64_t numGroups = groups ? groups->numLocal : 1;
  for (int64_t expert = 0; expert < numGroups; ++expert) {
    int64_t first = groups ? groups->firstRow(expert) : 0;
    int64_t last = groups ? groups->firstRow(expert + 1) : lhs.shape()[0];
    if (first == last)
      continue;
    if (core::Status status = multiply(expert, first, last); !status)
      return status;
    if (core::Status status = finish(expert, first, last); !status)
      return status;
  }
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

static core::Status groupedMatmul(Call &call) {
  return GroupedMatmul(call).evaluate();
}

static core::Status byTokens(Call &call) {
  auto op = call.as<ByTokensOp>();
  int64_t tokens = call.integer(0);
  unsigned form = 0;
  while (form < op.getBuckets().size() && tokens >= op.getBuckets()[form])
    ++form;
  llvm::SmallVector<Value> results;
  if (core::Status status = call.run(op.getForms()[form].front(), {}, results);
      !status)
    return status;
  for (auto [index, value] : llvm::enumerate(results))
    call.setResult(index, std::move(value));
  return core::Status::ok();
}

static core::Status rowExperts(Call &call) {
  const GroupsValue &groups = call.operand(0).groups();
  int64_t rows = call.integer(1);
  if (groups.numRows() > rows)
    return call.fault("has groups of " + llvm::Twine(groups.numRows()) +
                      " rows over " + llvm::Twine(rows));
  std::vector<int32_t> experts(rows, -1);
  for (int64_t e = 0; e < groups.numLocal; ++e)
    std::fill(experts.begin() + groups.firstRow(e),
              experts.begin() + groups.firstRow(e + 1),
              static_cast<int32_t>(e));
  setInts(call, 0, {rows}, experts);
  return core::Status::ok();
}

static core::Status places(Call &call) {
  core::Result<Array> ids = call.array(0);
  if (!ids)
    return ids.takeError();
  int64_t experts = ids->shape()[0], picks = ids->shape()[1];
  int64_t tokens = call.integer(1);
  std::vector<int32_t> places(tokens * experts, -1);
  for (int64_t slot = 0; slot < ids->size(); ++slot)
    if (int64_t token = ids->data()[slot].i; token >= 0 && token < tokens)
      places[token * experts + slot / picks] =
          static_cast<int32_t>(slot % picks);
  setInts(call, 0, {tokens, experts}, places);
  return core::Status::ok();
}

/// Nobody reads the list: rows are walked group by group.
static core::Status tiles(Call &call) {
  call.setResult(0, std::monostate());
  return core::Status::ok();
}

static core::Status pack(Call &call) {
  auto packed = std::make_shared<PackedValue>();
  for (unsigned index = 0; index < call.step.operands.size(); ++index)
    packed->tensors.push_back(call.operand(index));
  call.setResult(0, std::shared_ptr<const PackedValue>(std::move(packed)));
  return core::Status::ok();
}

void interpret::addGroupedOps(HandlerTable &table) {
  table["moe.grouped_matmul"] = groupedMatmul;
  table["moe.by_tokens"] = byTokens;
  table["moe.places"] = places;
  table["moe.row_experts"] = rowExperts;
  table["moe.tiles"] = tiles;
  table["moe.pack"] = pack;
}
