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

#include "moe/codegen/cuda/EmitLeaf.h"
#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/leaf/LeafFrame.h"
#include "moe/codegen/leaf/RouteRows.h"
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
  std::string placesOf(CapacityOp op, const std::string &tokens);
  std::string limitCall(CapacityOp op, const std::string &first,
                        const std::string &tokens, const std::string &cap,
                        const std::string &keep);
  void emitRenorm(CapacityOp op, const semantics::NormStep &step,
                  const std::string &kept, const std::string &weights,
                  const std::string &put);
  void emit(CheckIdsOp op);
  void emit(GroupOp op);
  void emit(GroupsFromOffsetsOp op);
  void emit(OffsetsOp op);
  void emit(PlacesOp op);
  void emit(RowExpertsOp op);
  std::string idOf(Value ids);
  std::string slotsOf(Value ids);
  std::string bufferOf(Value ids);
  std::string offsetsOf(Value groups);

  KernelText &text;
  llvm::raw_ostream &os;
  int64_t warps;
  unsigned formulas = 0;
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

/// The places of an expert among so many tokens, as i64.
std::string IndexText::placesOf(CapacityOp op, const std::string &tokens) {
  const semantics::CapacityLimit limit = op.getCap().getSpec();
  if (limit.isNumber())
    return std::to_string(limit.minimum);
  const semantics::RatioDivision ratio = semantics::divisionOf(limit);
  return formatv("capacityOf({0}, {1}, {2}, {3}, {4}, {5})", tokens,
                 ratio.factor, ratio.addend, ratio.divisor, limit.minimum,
                 limit.multipleOf);
}

/// The call that says which slots of `tokens` from `first` on stay.
std::string IndexText::limitCall(CapacityOp op, const std::string &first,
                                 const std::string &tokens,
                                 const std::string &cap,
                                 const std::string &keep) {
  const int64_t experts = leaf::expertsOf(op);
  std::string slots = text.sizeOf(op.getIds(), 1);
  std::string ids = text.tensors.lookup(op.getIds());
  std::string same =
      formatv("{0}, {1}, {2}, {3}, {4}", first, tokens, slots, cap, ids);
  std::string value;
  switch (op.getOrder()) {
  case CapacityOrder::TokenMajor:
  case CapacityOrder::RankMajor:
    return formatv("limitSlots<{0}, {1}, {2}>({3},\n      {4})", experts, warps,
                   op.getOrder() == CapacityOrder::RankMajor ? "true" : "false",
                   same, keep);
  case CapacityOrder::Priority:
    value = text.widened(op.getPriority(), "slot / " + slots);
    break;
  case CapacityOrder::Weight:
    value = text.widened(op.getWeights(), "slot");
    break;
  }
  return formatv("limitByValue<{0}, {1}, {2}>({3},\n      [&](i32 slot) {{ "
                 "return {4}; }, {5})",
                 experts, warps,
                 op.getOrder() == CapacityOrder::Priority ? "true" : "false",
                 same, value, keep);
}

void IndexText::emit(CapacityOp op) {
  const int64_t experts = leaf::expertsOf(op);
  std::string kept = bufferOf(op.getKeptIds());
  std::string tokens = text.sizeOf(op.getIds(), 0);
  std::string slots = text.sizeOf(op.getIds(), 1);
  std::string keep = "[&](i32 slot, i32 id) { store(" + kept + " + slot, id);";
  auto weights = text.tensors.find(op.getKeptWeights());
  const bool weighs = weights != text.tensors.end();
  Type element = getElementTypeOrSelf(op.getWeights().getType());
  std::string put;
  if (weighs) {
    std::string zero =
        literal(element, Builder(op.getContext()).getZeroAttr(element));
    keep += formatv(" store({0} + slot, id < 0 ? {1} : {2});", weights->second,
                    zero, text.element(op.getWeights(), "slot"));
    put = formatv("store({0} + slot, narrow<{1}>(x));", weights->second,
                  typeName(element));
  }
  keep += " }";
  std::string cap = placesOf(op, tokens);
  if (std::optional<int64_t> scope = op.getScope()) {
    cap = placesOf(op, std::to_string(*scope));
    std::string count =
        formatv("min(i32({0}), i32({1}) - first)", *scope, tokens);
    os << formatv(
        "  for (i32 first = 0; first < {0}; first += {1})\n    {2};\n", tokens,
        *scope, limitCall(op, "first", count, cap, keep));
  } else {
    os << "  " << limitCall(op, "0", tokens, cap, keep) << ";\n";
  }
  if (op.getOverflow() == Overflow::Recycle) {
    std::string score = text.widened(
        op.getScores(),
        formatv("slot / {0} * {1} + e", slots, lastDim(op.getScores())).str());
    os << formatv(
        "  recycleSlots<{0}, {1}>({2} * {3}, {9}, {4}, {5}, {6},\n"
        "      [&](i32 i) {{ return {7}; }, [&](i32 slot, i32 e) {{\n"
        "        store({5} + slot, e); {8} });\n",
        std::min(experts, lastDim(op.getScores())), warps, tokens, slots,
        text.tensors.lookup(op.getIds()), kept, text.sizeOf(op.getPlaces(), 0),
        text.element(op.getPlaces(), "i"),
        weighs ? "const f32 x = " + score + "; " + put : std::string(), cap);
  }
  if (op.getRenormAttr() && weighs)
    emitRenorm(op, op.getRenormAttr().getSpec(), kept, weights->second, put);
}

/// Divides the weights of a token that stay by their norm.
void IndexText::emitRenorm(CapacityOp op, const semantics::NormStep &step,
                           const std::string &kept, const std::string &weights,
                           const std::string &put) {
  const bool plain = formulasOf(step).empty();
  Type f32 = Float32Type::get(op.getContext());
  std::string eps = literal(f32, FloatAttr::get(f32, step.eps));
  std::string term = "x", root = "sum";
  if (!plain) {
    term = formulaName(text.kernel, formulas++) + "(x)";
    root = formulaName(text.kernel, formulas++) + "(sum)";
  }
  std::string norm = "norm";
  if (step.epsMode == semantics::EpsMode::Add)
    norm = "norm + " + eps;
  if (step.epsMode == semantics::EpsMode::Max)
    norm = formatv("norm < {0} ? {0} : norm", eps);
  os << formatv("  renormSlots<{0}>({1}, {2}, {3},\n"
                "      [&](i32 slot) {{ return widen(load({4} + slot)); },\n"
                "      [&](f32 x) {{ return {5}; },\n"
                "      [&](f32 sum) {{ const f32 norm = {6}; return {7}; },\n"
                "      [&](i32 slot, f32 x) {{ {8} });\n",
                warps, text.sizeOf(op.getIds(), 0), text.sizeOf(op.getIds(), 1),
                kept, weights, term, root, norm, put);
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

void IndexText::emit(PlacesOp op) {
  auto type = cast<RankedTensorType>(op.getIds().getType());
  os << formatv("  invertPicks<{0}, {1}, {2}>({3}, {4}, {5});\n",
                type.getDimSize(0), type.getDimSize(1), warps,
                text.sizeOf(op.getPlaces(), 0), idOf(op.getIds()),
                text.tensors.lookup(op.getPlaces()));
}

void IndexText::emit(RowExpertsOp op) {
  auto type = cast<GroupsType>(op.getGroups().getType());
  os << formatv("  expertOfRows<{0}, {1}, {2}, {3}>({4}, {5}, {6});\n",
                type.getNumExperts(), type.getLocalFirst(),
                type.getLocalCount(), warps, text.sizeOf(op.getExperts(), 0),
                offsetsOf(op.getGroups()),
                text.tensors.lookup(op.getExperts()));
}

void IndexText::print() {
  Block &body = text.kernel.getBody().front();
  for (Operation &op : body)
    if (classOf(&op) == KernelClass::Index)
      for (Value operand : op.getOperands())
        text.printConstant(operand);
  for (unsigned i = 0;; ++i) {
    func::FuncOp function = text.leaf(formulaName(text.kernel, i));
    if (!function)
      break;
    text.printFunction(function);
  }
  text.open();
  for (Operation &op : body)
    llvm::TypeSwitch<Operation *>(&op)
        .Case<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp,
              PlacesOp, RowExpertsOp>([&](auto index) { emit(index); });
  text.close();
}

void KernelText::printIndex() { IndexText(*this).print(); }
