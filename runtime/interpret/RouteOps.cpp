//===- RouteOps.cpp - Routing and the way of rows to experts and back -----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What these ops compute is runtime/reference's; here operands become spans and
// results are rounded to their types.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/interpret/MoeValues.h"
#include "moe/runtime/reference/Routing.h"
#include "moe/runtime/reference/Rows.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;

static core::DType scoreType(Call &call, mlir::Type type) {
  return call.evaluator.exact() ? core::DType::F64 : Element::of(type)->dtype;
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

namespace {
/// Operands of a selection as the reference takes them; what is absent stays
/// empty.
struct SelectArrays {
  Array bias, noise;
  std::vector<int64_t> table, given, valid;

  reference::SelectOperands operands() const {
    return {floatsOf(bias), floatsOf(noise), table, given, valid};
  }
};
} // namespace

/// Reads one operand, if it is there.
static core::Status read(Call &call, mlir::Value operand, Array &to) {
  if (!operand)
    return core::Status::ok();
  for (mlir::OpOperand &each : call.op()->getOpOperands())
    if (each.get() == operand) {
      core::Result<Array> array = call.array(each.getOperandNumber());
      if (!array)
        return array.takeError();
      to = std::move(*array);
      break;
    }
  return core::Status::ok();
}

static core::Status read(Call &call, mlir::Value operand,
                         std::vector<int64_t> &to) {
  Array array;
  core::Status status = read(call, operand, array);
  if (status && operand)
    for (int64_t i = 0; i < array.size(); ++i)
      to.push_back(array.data()[i].i);
  return status;
}

/// The operands of a route or select; they have as many tokens as the scores.
template <typename OpT>
static core::Status readOperands(Call &call, OpT op, int64_t tokens,
                                 SelectArrays &to) {
  for (core::Status status :
       {read(call, op.getBias(), to.bias), read(call, op.getNoise(), to.noise),
        read(call, op.getTable(), to.table),
        read(call, op.getGiven(), to.given),
        read(call, op.getValid(), to.valid)})
    if (!status)
      return status;
  auto rowsAgree = [&](mlir::Value operand, size_t elements) {
    auto type = operand ? mlir::cast<mlir::RankedTensorType>(operand.getType())
                        : mlir::RankedTensorType();
    const int64_t width =
        !type || type.getRank() == 1 ? 1 : type.getShape().back();
    return !operand ? core::Status::ok()
                    : sameSize(call, "tokens", tokens,
                               static_cast<int64_t>(elements) / width);
  };
  for (core::Status status :
       {rowsAgree(op.getNoise(), floatsOf(to.noise).size()),
        rowsAgree(op.getGiven(), to.given.size()),
        rowsAgree(op.getValid(), to.valid.size())})
    if (!status)
      return status;
  return core::Status::ok();
}

/// Tokens that each expert picks.
static int64_t placesOf(SelectAttr select, int64_t tokens) {
  return semantics::capacityOf(select.getLimit().getSpec(), tokens);
}

static core::Status route(Call &call) {
  auto op = call.as<RouteOp>();
  core::Result<Array> logits = call.array(0);
  if (!logits)
    return logits.takeError();
  const int64_t tokens = logits->shape()[0], experts = logits->shape()[1];
  SelectArrays operands;
  Array expertScale;
  if (core::Status status = readOperands(call, op, tokens, operands); !status)
    return status;
  if (core::Status status = read(call, op.getExpertScale(), expertScale);
      !status)
    return status;
  core::DType rounding =
      call.evaluator.exact() ? core::DType::F64 : core::DType::F32;
  if (std::optional<mlir::Type> type = op.getScoreType())
    rounding = scoreType(call, *type);
  semantics::RouterSpec spec = op.getSpec();
  const bool byExpert = op.getSelect().isPerExpert();
  if (byExpert)
    spec.topK = placesOf(op.getSelect(), tokens);
  core::Result<reference::Routed> routed =
      reference::route(spec, floatsOf(*logits), operands.operands(), experts,
                       rounding, floatsOf(expertScale));
  if (!routed)
    return faultAt(op, routed.error().id, routed.error().message);
  const int64_t rows = byExpert ? experts : tokens;
  setInts(call, 0, {rows, spec.slots()}, routed->ids);
  setFloats(call, 1, {rows, spec.slots()}, routed->weights);
  if (op.getScores())
    setFloats(call, 2, {tokens, experts}, routed->scores);
  return core::Status::ok();
}

static core::Status score(Call &call) {
  core::Result<Array> logits = call.array(0);
  if (!logits)
    return logits.takeError();
  setFloats(call, 0, logits->shape(),
            reference::score(call.as<ScoreOp>().getFn().getValue(),
                             floatsOf(*logits), logits->shape()[1]));
  return core::Status::ok();
}

static core::Status select(Call &call) {
  auto op = call.as<SelectOp>();
  core::Result<Array> scores = call.array(0);
  if (!scores)
    return scores.takeError();
  const int64_t tokens = scores->shape()[0], experts = scores->shape()[1];
  if (op.getSelect().isPerExpert()) {
    const int64_t places = placesOf(op.getSelect(), tokens);
    setInts(call, 0, {experts, places},
            reference::selectTokens(floatsOf(*scores), experts, places));
    return core::Status::ok();
  }
  SelectArrays operands;
  if (core::Status status = readOperands(call, op, tokens, operands); !status)
    return status;
  semantics::RouterSpec spec = op.getSpec();
  core::Result<std::vector<int32_t>> ids =
      reference::select(spec, floatsOf(*scores), operands.operands(), experts);
  if (!ids)
    return faultAt(op, ids.error().id, ids.error().message);
  setInts(call, 0, {tokens, spec.slots()}, *ids);
  return core::Status::ok();
}

static core::Status weigh(Call &call) {
  auto op = call.as<WeighOp>();
  core::Result<Array> scores = call.array(0), ids = call.array(1);
  if (!scores)
    return scores.takeError();
  if (!ids)
    return ids.takeError();
  Array expertScale;
  if (core::Status status = read(call, op.getExpertScale(), expertScale);
      !status)
    return status;
  const bool byExpert = op.getByExpert();
  if (core::Status status =
          sameSize(call, byExpert ? "experts" : "tokens",
                   scores->shape()[byExpert ? 1 : 0], ids->shape()[0]);
      !status)
    return status;
  core::Result<std::vector<double>> weights =
      (byExpert ? reference::weighTokens : reference::weigh)(
          op.getSpec(), floatsOf(*scores), intsOf(*ids), scores->shape()[1],
          floatsOf(expertScale));
  if (!weights)
    return faultAt(op, weights.error().id, weights.error().message);
  setFloats(call, 0, ids->shape(), *weights);
  return core::Status::ok();
}

static core::Status capacity(Call &call) {
  auto op = call.as<CapacityOp>();
  core::Result<Array> ids = call.array(0), weights = call.array(1);
  if (!ids)
    return ids.takeError();
  if (!weights)
    return weights.takeError();
  Array priority, places, scores;
  for (core::Status status :
       {read(call, op.getPriority(), priority),
        read(call, op.getPlaces(), places), read(call, op.getScores(), scores),
        sameSize(call, "tokens", ids->shape()[0], weights->shape()[0])})
    if (!status)
      return status;
  reference::CapacitySpec spec;
  spec.limit = op.getCap().getSpec();
  spec.order = static_cast<reference::CapacityOrder>(op.getOrder());
  spec.scope = op.getScope().value_or(0);
  spec.recycle = op.getOverflow() == Overflow::Recycle;
  if (NormAttr renorm = op.getRenormAttr())
    spec.renorm = renorm.getSpec();
  reference::CapacityOperands operands;
  std::vector<int32_t> placeList;
  if (op.getPriority()) {
    operands.priority = floatsOf(priority);
    if (core::Status status =
            sameSize(call, "tokens", ids->shape()[0], priority.shape()[0]);
        !status)
      return status;
  }
  if (spec.recycle) {
    placeList = intsOf(places);
    operands.places = placeList;
    operands.scores = floatsOf(scores);
    operands.numExperts = scores.shape()[1];
    if (core::Status status =
            sameSize(call, "tokens", ids->shape()[0], scores.shape()[0]);
        !status)
      return status;
  }
  core::Result<reference::Capped> kept =
      reference::capacity(spec, intsOf(*ids), floatsOf(*weights),
                          ids->shape()[0], ids->shape()[1], operands);
  if (!kept)
    return faultAt(op, kept.error().id, kept.error().message);
  setInts(call, 0, ids->shape(), kept->ids);
  setFloats(call, 1, ids->shape(), kept->weights);
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

static void setGroups(Call &call, GroupsType type, plan::Groups groups,
                      int64_t topK) {
  auto value = std::make_shared<GroupsValue>();
  value->groups = std::move(groups);
  value->firstExpert = type.getLocalFirst();
  value->numLocal = type.getLocalCount();
  value->topK = topK;
  call.setResult(0, std::shared_ptr<const GroupsValue>(std::move(value)));
}

/// Groups of the tokens that experts picked.
static core::Status groupPicks(Call &call, GroupOp op, const Array &array) {
  int64_t experts = op.getGroups().getType().getNumExperts();
  auto value = std::make_shared<GroupsValue>();
  value->tokenOfSlot = intsOf(array);
  value->pickedTokens = call.integer(1);
  core::Result<plan::Groups> groups =
      reference::groupPicks(value->tokenOfSlot, experts, *value->pickedTokens);
  if (!groups)
    return faultAt(op, groups.error().id, groups.error().message);
  value->groups = std::move(*groups);
  value->numLocal = experts;
  value->topK = array.shape()[1];
  call.setResult(0, std::shared_ptr<const GroupsValue>(std::move(value)));
  return core::Status::ok();
}

static core::Status group(Call &call) {
  auto op = call.as<GroupOp>();
  GroupsType type = op.getGroups().getType();
  core::Result<Array> array = call.array(0);
  if (!array)
    return array.takeError();
  if (op.isByExpert())
    return groupPicks(call, op, *array);
  std::vector<int32_t> ids = intsOf(*array);
  if (auto broken = plan::verifyIds(ids, type.getNumExperts()))
    return faultAt(op, core::ErrorId::IdOutOfRange, *broken);
  // An expert that is elsewhere has an empty segment here.
  for (int32_t &id : ids)
    if (id < type.getLocalFirst() ||
        id >= type.getLocalFirst() + type.getLocalCount())
      id = -1;
  const int64_t topK = array->shape()[1];
  core::Result<plan::Groups> groups =
      reference::group(ids, topK, type.getNumExperts(), type.getLayout());
  if (!groups)
    return faultAt(op, groups.error().id, groups.error().message);
  setGroups(call, type, std::move(*groups), topK);
  return core::Status::ok();
}

static core::Status checkIds(Call &call) {
  int64_t experts = call.as<CheckIdsOp>().getExpertsAttr().getInt();
  core::Result<Array> ids = call.array(0);
  if (!ids)
    return ids.takeError();
  Array status = call.newArray(call.resultElement(), {1});
  Cell &first = status.write()[0];
  first.i = -1;
  for (int64_t slot = ids->size(); slot-- > 0;)
    if (ids->data()[slot].i < -1 || ids->data()[slot].i >= experts)
      first.i = slot;
  call.setResult(0, std::move(status));
  return core::Status::ok();
}

static core::Status require(Call &call) {
  core::Result<Array> status = call.array(0);
  if (!status)
    return status.takeError();
  int64_t value = status->data()[0].i;
  if (value == -1)
    return core::Status::ok();
  auto id =
      static_cast<core::ErrorId>(call.as<RequireOp>().getIdAttr().getInt());
  return faultAt(call.op(), id, "fails with status " + llvm::Twine(value));
}

static core::Status count(Call &call) {
  core::Result<Array> ids = call.array(0);
  if (!ids)
    return ids.takeError();
  auto type =
      cast<mlir::RankedTensorType>(call.as<CountOp>().getCounts().getType());
  const int64_t experts = type.getShape().back();
  llvm::SmallVector<int64_t> shape(ids->shape().drop_back(2));
  const int64_t slots = ids->shape().take_back(2)[0] * ids->shape().back();
  const int64_t runs = slots == 0 ? 0 : ids->size() / slots;
  shape.push_back(experts);
  int64_t size = 1;
  for (int64_t extent : shape)
    size *= extent;
  std::vector<int32_t> counts(size, 0);
  for (int64_t run = 0; run < runs; ++run)
    for (int64_t slot = 0; slot < slots; ++slot)
      if (int64_t id = ids->data()[run * slots + slot].i;
          id >= 0 && id < experts)
        ++counts[run * experts + id];
  if (type.getElementType().isF32())
    setFloats(call, 0, shape,
              std::vector<double>(counts.begin(), counts.end()));
  else
    setInts(call, 0, shape, counts);
  return core::Status::ok();
}

static core::Status groupsFromOffsets(Call &call) {
  auto op = call.as<GroupsFromOffsetsOp>();
  core::Result<Array> array = call.array(0);
  if (!array)
    return array.takeError();
  plan::Groups groups;
  groups.numExperts = op.getGroups().getType().getNumExperts();
  groups.offsets = intsOf(*array);
  if (core::Status status =
          sameSize(call, "offsets", array->size(), groups.numExperts + 1);
      !status)
    return status;
  // How many rows there are to be covered shows where the groups are used.
  if (auto broken = plan::verifyOffsets(groups.offsets, groups.offsets.back()))
    return call.fault(*broken);
  setGroups(call, op.getGroups().getType(), std::move(groups), /*topK=*/0);
  return core::Status::ok();
}

static core::Status offsets(Call &call) {
  const plan::Groups &groups = call.operand(0).groups().groups;
  setInts(call, 0, {groups.numExperts + 1}, groups.offsets);
  return core::Status::ok();
}

static core::Status dispatch(Call &call) {
  auto op = call.as<DispatchOp>();
  core::Result<Array> input = call.array(0);
  if (!input)
    return input.takeError();
  const GroupsValue &groups = call.operand(1).groups();
  if (core::Status status = checkSlots(call, groups, input->shape()[0]);
      !status)
    return status;
  Array scale;
  if (op.getScale()) {
    core::Result<Array> array = call.array(2);
    if (!array)
      return array.takeError();
    scale = std::move(*array);
    if (core::Status status =
            sameSize(call, "slots", scale.size(), groups.numSlots());
        !status)
      return status;
  }
  // Input [T, K, H] has a row a slot.
  const bool ofSlots = input->rank() == 3;
  int64_t width = input->shape().back();
  int64_t rows = groups.groups.slotOfRow.size();
  setFloats(
      call, 0, {rows, width},
      groups.pickedTokens
          ? reference::dispatchPicks(groups.groups, groups.tokenOfSlot,
                                     floatsOf(*input), width, floatsOf(scale))
          : reference::dispatch(groups.groups, ofSlots ? 1 : groups.topK,
                                floatsOf(*input), width, floatsOf(scale)));
  return core::Status::ok();
}

static core::Status combine(Call &call) {
  auto op = call.as<CombineOp>();
  core::Result<Array> rows = call.array(0);
  if (!rows)
    return rows.takeError();
  const GroupsValue &groups = call.operand(1).groups();
  int64_t slots = groups.numSlots();
  if (!groups.fromSlots())
    return checkSlots(call, groups, 0);
  if (core::Status status = sameSize(call, "rows", rows->shape()[0],
                                     groups.groups.slotOfRow.size());
      !status)
    return status;
  // A slot that is kept apart is a token of one slot.
  const bool keepsSlots = op.getKeepSlots();
  reference::CombineSpec spec;
  spec.topK = keepsSlots ? 1 : groups.topK;
  spec.numTokens = keepsSlots ? slots : groups.numTokens();
  spec.width = rows->shape()[1];
  spec.acc = scoreType(call, op.getAcc());
  spec.order = static_cast<reference::CombineOrder>(op.getOrder());
  unsigned next = 2;
  Array weights, init;
  if (op.getWeights()) {
    core::Result<Array> array = call.array(next++);
    if (!array)
      return array.takeError();
    weights = std::move(*array);
    if (core::Status status = sameSize(call, "slots", weights.size(), slots);
        !status)
      return status;
  }
  if (op.getInit()) {
    core::Result<Array> array = call.array(next++);
    if (!array)
      return array.takeError();
    init = std::move(*array);
    if (core::Status status =
            sameSize(call, "tokens", init.shape()[0], spec.numTokens);
        !status)
      return status;
  }
  llvm::SmallVector<int64_t> shape{spec.numTokens, spec.width};
  if (keepsSlots)
    shape = {groups.numTokens(), groups.topK, spec.width};
  setFloats(call, 0, shape,
            groups.pickedTokens
                ? reference::combinePicks(spec, groups.groups,
                                          groups.tokenOfSlot, floatsOf(*rows),
                                          floatsOf(weights), floatsOf(init))
                : reference::combine(spec, groups.groups, floatsOf(*rows),
                                     floatsOf(weights), floatsOf(init)));
  return core::Status::ok();
}

void interpret::addRouteOps(HandlerTable &table) {
  table["moe.route"] = route;
  table["moe.score"] = score;
  table["moe.select"] = select;
  table["moe.weigh"] = weigh;
  table["moe.capacity"] = capacity;
  table["moe.group"] = group;
  table["moe.check_ids"] = checkIds;
  table["moe.require"] = require;
  table["moe.count"] = count;
  table["moe.groups_from_offsets"] = groupsFromOffsets;
  table["moe.offsets"] = offsets;
  table["moe.dispatch"] = dispatch;
  table["moe.combine"] = combine;
}
