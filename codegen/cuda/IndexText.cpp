//===- IndexText.cpp - Index work as CUDA C++ -----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op of index work is a call of device/index.cuh, by one block.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/leaf/LeafFrame.h"
#include "moe/codegen/leaf/Unsupported.h"

#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;
using llvm::formatv;

namespace moe::cuda {

class IndexText {
public:
  explicit IndexText(KernelText &text)
      : text(text), os(text.os),
        warps(IndexShape(text.kernel, text.context.target.getSharedBytes())
                  .warps) {}
  void print();

private:
  void emit(CapacityOp op);
  void emit(CheckIdsOp op);
  void emit(GroupOp op);
  void emit(GroupsFromOffsetsOp op);
  void emit(OffsetsOp op);
  std::string idOf(Value ids);
  std::string slotsOf(Value ids);
  std::string bufferOf(Value ids);
  std::string offsetsOf(Value groups);

  KernelText &text;
  llvm::raw_ostream &os;
  int64_t warps;
};

} // namespace moe::cuda

static int64_t numExperts(Value groups) {
  return cast<GroupsType>(groups.getType()).getNumExperts();
}

/// Where ids lie. Those that only a group of this kernel reads lie where that
/// group will put the rows: it reads a slot's id before it writes the slot's
/// row.
std::string IndexText::bufferOf(Value ids) {
  auto it = text.tensors.find(ids);
  if (it != text.tensors.end())
    return it->second;
  return text.groups.find(leaf::groupOf(ids).getGroups())->second.rowOfSlot;
}

std::string IndexText::idOf(Value ids) {
  std::string value = leaf::constantOf(ids) || leaf::splatOf(ids)
                          ? text.element(ids, "slot")
                          : "load(" + bufferOf(ids) + " + slot)";
  return "[&](i32 slot) { return " + value + "; }";
}

std::string IndexText::slotsOf(Value ids) {
  auto type = cast<RankedTensorType>(ids.getType());
  if (type.hasStaticShape())
    return std::to_string(type.getNumElements());
  // Ids that stay in the kernel are as many as those they are made from.
  if (auto capacity = ids.getDefiningOp<CapacityOp>())
    ids = capacity.getIds();
  return text.sizeOf(ids, 0) + " * " + text.sizeOf(ids, 1);
}

/// Where the offsets of groups are written. Of groups that stay in the kernel
/// only the offsets are of use, to the first op that returns them.
std::string IndexText::offsetsOf(Value groups) {
  auto it = text.groups.find(groups);
  if (it != text.groups.end())
    return it->second.offsets;
  for (Operation *user : groups.getUsers())
    if (auto offsets = dyn_cast<OffsetsOp>(user))
      return text.tensors.lookup(offsets.getResult());
  return {};
}

void IndexText::emit(CapacityOp op) {
  const int64_t experts =
      numExperts(leaf::groupOf(op.getKeptIds()).getGroups());
  std::string keep = "store(" + bufferOf(op.getKeptIds()) + " + slot, id);";
  auto weights = text.tensors.find(op.getKeptWeights());
  if (weights != text.tensors.end()) {
    Type element = getElementTypeOrSelf(op.getWeights().getType());
    std::string zero =
        literal(element, Builder(op.getContext()).getZeroAttr(element));
    keep += formatv(" store({0} + slot, id < 0 ? {1} : {2});", weights->second,
                    zero, text.element(op.getWeights(), "slot"));
  }
  os << formatv("  limitSlots<{0}, {1}, {2}>({3}, {4}, {5}, {6},\n"
                "      [&](i32 slot, i32 id) {{ {7} });\n",
                experts, warps,
                op.getOrder() == CapacityOrder::RankMajor ? "true" : "false",
                text.sizeOf(op.getIds(), 0), text.sizeOf(op.getIds(), 1),
                op.getCap(), text.tensors.lookup(op.getIds()), keep);
}

void IndexText::emit(CheckIdsOp op) {
  os << formatv("  checkIds<{0}, {1}>({2}, {3}, {4});\n", op.getExperts(),
                warps, slotsOf(op.getIds()), idOf(op.getIds()),
                text.tensors.lookup(op.getStatus()));
}

void IndexText::emit(GroupOp op) {
  auto type = cast<GroupsType>(op.getGroups().getType());
  auto it = text.groups.find(op.getGroups());
  std::string rows = it == text.groups.end()
                         ? "nullptr, nullptr"
                         : it->second.slotOfRow + ", " + it->second.rowOfSlot;
  std::string offsets = offsetsOf(op.getGroups());
  if (offsets.empty())
    return; // nobody asks for them
  os << formatv("  groupSlots<{0}, {1}, {2}, {3}>({4}, {5}, {6}, {7});\n",
                type.getNumExperts(), type.getLocalFirst(),
                type.getLocalCount(), warps, slotsOf(op.getIds()),
                idOf(op.getIds()), offsets, rows);
}

void IndexText::emit(GroupsFromOffsetsOp op) {
  auto it = text.groups.find(op.getGroups());
  const bool own = it == text.groups.end();
  std::string offsets = offsetsOf(op.getGroups());
  if (offsets.empty())
    return;
  os << formatv("  groupOffsets<{0}, {1}>({2}, [&](i32 e) {{ return {3}; }, "
                "{4}, {5});\n",
                numExperts(op.getGroups()), warps,
                own ? "0x7fffffff" : it->second.rows,
                text.element(op.getOffsets(), "e"), offsets,
                own ? "nullptr" : it->second.slotOfRow);
}

void IndexText::emit(OffsetsOp op) {
  std::string from = offsetsOf(op.getGroups());
  std::string to = text.tensors.lookup(op.getResult());
  if (from != to)
    os << formatv("  copyOffsets<{0}, {1}>({2}, {3});\n",
                  numExperts(op.getGroups()), warps, from, to);
}

void IndexText::print() {
  Block &body = text.kernel.getBody().front();
  for (Operation &op : body)
    if (classOf(&op) == KernelClass::Index)
      for (Value operand : op.getOperands())
        text.printConstant(operand);
  text.open();
  for (Operation &op : body)
    llvm::TypeSwitch<Operation *>(&op)
        .Case<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp>(
            [&](auto index) { emit(index); });
  text.close();
}

void KernelText::printIndex() { IndexText(*this).print(); }
