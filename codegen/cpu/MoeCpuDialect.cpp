//===- MoeCpuDialect.cpp - CPU targets, layouts and plans -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the attributes say of themselves. Which plan is chosen, and why, is in
// CpuPlans.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/MoeCpuDialect.h"

#include "moe/codegen/cpu/Reduction.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

#include "moe/codegen/cpu/MoeCpuDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/codegen/cpu/MoeCpuAttrs.cpp.inc"

void MoeCpuDialect::initialize() { registerAttributes(); }

void MoeCpuDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "moe/codegen/cpu/MoeCpuAttrs.cpp.inc"
      >();
}

cpu::TargetAttr moe::cpu::getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target =
            op->getAttrOfType<cpu::TargetAttr>(MoeDialect::kTargetAttr))
      return target;
  return {};
}

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

LogicalResult
cpu::TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        StringRef name, int64_t l1, int64_t l2, int64_t l3,
                        int64_t cores, StringAttr emulatedOn) {
  for (StringRef given : {name, emulatedOn ? emulatedOn.getValue() : name})
    if (!CpuTarget::parse(given))
      return emitError() << "unknown CPU target '" << given << "', expected "
                         << CpuTarget::knownNames();
  for (auto [field, value] : {std::pair("l1", l1), std::pair("l2", l2),
                              std::pair("l3", l3), std::pair("cores", cores)})
    if (value < 1)
      return emitError() << "target expects " << field << " >= 1, got "
                         << value;
  return success();
}

CpuTarget cpu::TargetAttr::getCpu() const {
  return *CpuTarget::parse(getName());
}

CpuTarget cpu::TargetAttr::getEmittedCpu() const {
  return getEmulatedOn() ? *CpuTarget::parse(getEmulatedOn().getValue())
                         : getCpu();
}

std::string cpu::TargetAttr::getTargetName() const { return getName().str(); }

//===----------------------------------------------------------------------===//
// PanelsAttr
//===----------------------------------------------------------------------===//

LogicalResult PanelsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t columns, int64_t interleave,
                                 int64_t depthMultiple) {
  if (columns < 1 || columns > 1024)
    return emitError() << "panels expects 1 <= columns <= 1024, got "
                       << columns;
  if (interleave < 1 || interleave > 2)
    return emitError() << "panels expects 1 <= interleave <= 2, got "
                       << interleave;
  if (depthMultiple < 1 || depthMultiple > 1024 ||
      depthMultiple % interleave != 0)
    return emitError() << "panels expects depth_multiple to be a multiple of "
                          "interleave = "
                       << interleave << " up to 1024, got " << depthMultiple;
  return success();
}

/// Bytes of one expert, or nothing when they exceed 63 bits.
static std::optional<int64_t> expertBytes(PanelsAttr panels,
                                          ArrayRef<RankedTensorType> tensors) {
  RankedTensorType type = tensors.front();
  int64_t n = type.getDimSize(type.getRank() - 2);
  int64_t k = type.getDimSize(type.getRank() - 1);
  int64_t bytes = llvm::divideCeil(n, panels.getColumns());
  if (llvm::AddOverflow(k, panels.getDepthMultiple() - 1, k))
    return std::nullopt;
  k -= k % panels.getDepthMultiple();
  for (int64_t factor :
       {k, static_cast<int64_t>(tensors.size()), panels.getColumns(),
        static_cast<int64_t>(type.getElementTypeBitWidth() / 8)})
    if (llvm::MulOverflow(bytes, factor, bytes))
      return std::nullopt;
  if (llvm::AddOverflow<int64_t>(bytes, 63, bytes))
    return std::nullopt;
  return bytes / 64 * 64;
}

int64_t
PanelsAttr::getBytesPerExpert(ArrayRef<RankedTensorType> tensors) const {
  return expertBytes(*this, tensors).value_or(0);
}

std::string PanelsAttr::getPackError(ArrayRef<RankedTensorType> tensors) const {
  RankedTensorType type = tensors.front();
  Type element = type.getElementType();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    os << "panels hold f32, bf16 or f16, got " << element;
  else if (getInterleave() > 1 && !element.isBF16())
    os << "panels interleave bf16, got " << element;
  else if (std::optional<int64_t> bytes = expertBytes(*this, tensors);
           !bytes || *bytes > (int64_t(1) << 46))
    os << "one expert of " << type << " is larger than 64 TiB";
  return text;
}

//===----------------------------------------------------------------------===//
// MatmulAttr
//===----------------------------------------------------------------------===//

LogicalResult MatmulAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rows, int64_t columns,
                                 int64_t tileRows, int64_t panelsPerTask,
                                 int64_t streams, int64_t depth,
                                 int64_t prefetch, int64_t packDepth,
                                 StringRef reduction) {
  struct Field {
    StringRef name;
    int64_t value, low, high;
  };
  for (Field field :
       {Field{"rows", rows, 1, 32}, Field{"columns", columns, 1, 1024},
        Field{"tile_rows", tileRows, 1, 4096},
        Field{"panels_per_task", panelsPerTask, 1, 1 << 20},
        Field{"streams", streams, 1, 8}, Field{"depth", depth, 0, 1 << 30},
        Field{"prefetch", prefetch, 0, 1 << 20},
        Field{"pack_depth", packDepth, 0, 1 << 20}})
    if (field.value < field.low || field.value > field.high)
      return emitError() << "matmul expects " << field.low
                         << " <= " << field.name << " <= " << field.high
                         << ", got " << field.value;
  const ReductionRow *row = reductionFromName(reduction);
  if (!row)
    return emitError() << "matmul knows the reductions " << reductionNames()
                       << ", got '" << reduction << "'";
  // Words of rows are packed in runs; none is cut by a run of depth. Weights
  // are packed in squares of words.
  const int64_t runDepth = rowRun * row->interleave;
  if ((row->interleave > 1 || packDepth != 0) && depth % runDepth != 0)
    return emitError() << "matmul by " << reduction << " expects depth to be a "
                       << "multiple of " << runDepth << ", got " << depth;
  if (packDepth % runDepth != 0)
    return emitError() << "matmul by " << reduction
                       << " expects pack_depth to be a multiple of " << runDepth
                       << ", got " << packDepth;
  if (row->id == Reduction::AmxBf16 && tileRows % amxRows != 0)
    return emitError() << "matmul by " << reduction
                       << " expects tile_rows to be a multiple of " << amxRows
                       << ", got " << tileRows;
  return success();
}

std::string MatmulAttr::getReductionClass() const {
  return getReduction().str();
}

PackedLayoutAttrInterface MatmulAttr::getWeightLayout() const {
  const ReductionRow &row = *reductionFromName(getReduction());
  return PanelsAttr::get(getContext(), getColumns(), row.interleave,
                         row.depthMultiple);
}

bool MatmulAttr::packsInKernel() const { return getPackDepth() != 0; }

/// Vector registers that a block needs: its sums, one step of a panel, and one
/// element of a row; without fused multiply-adds a product too.
static int64_t registersOf(int64_t rows, int64_t vectors, bool hasFma) {
  return rows * vectors + vectors + (hasFma ? 1 : 2);
}

std::string MatmulAttr::getPlanError(Operation *op) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul) {
    os << "#moe_cpu.matmul is no plan for " << op->getName();
    return text;
  }
  auto packed = dyn_cast<PackedType>(matmul.getRhs()[0].getType());
  if (packed && packsInKernel())
    os << "weights are packed already, the plan packs " << getPackDepth()
       << " k of them at a time";
  else if (packed && packed.getLayout() != getWeightLayout())
    os << "weights are packed as " << Attribute(packed.getLayout())
       << ", the plan wants " << Attribute(getWeightLayout());
  else if (matmul.getTiles() &&
           cast<TilesType>(matmul.getTiles().getType()).getRows() !=
               getTileRows())
    os << "tiles have "
       << cast<TilesType>(matmul.getTiles().getType()).getRows()
       << " rows, the plan has tile_rows = " << getTileRows();
  cpu::TargetAttr target = getTarget(op);
  if (!text.empty() || !target)
    return text;
  const ReductionRow &reduction = *reductionFromName(getReduction());
  Type rows =
      cast<RankedTensorType>(matmul.getLhs().getType()).getElementType();
  Type weights = matmul.getRhsType(0).getElementType();
  const int64_t lanes = target.getLanes();
  const int64_t vectors = getColumns() * matmul.getNumRhs() / lanes;
  if (getColumns() % lanes != 0)
    os << "columns = " << getColumns() << " is no multiple of the " << lanes
       << " lanes of " << target.getTargetName();
  else if (!target.getCpu().features.contains(reduction.features))
    os << "the reduction " << reduction.name << " needs "
       << reduction.features.str() << ", which " << target.getTargetName()
       << " lacks";
  else if (!takes(reduction, rows, weights))
    os << "the reduction " << reduction.name
       << " takes rows and weights of bf16, got " << rows << " and " << weights;
  else if (reduction.id == Reduction::AmxBf16) {
    // Two tiles of rows and one of them each for rows and weights beside.
    if (vectors > amxColumnTiles)
      os << "panels of " << vectors << " tiles need more than the 8 tile "
         << "registers of " << target.getTargetName();
  } else if (registersOf(getRows(), vectors, target.getCpu().hasFma()) >
             target.getRegisters())
    os << "blocks of " << getRows() << " rows x " << vectors
       << " vectors need more than the " << target.getRegisters()
       << " vector registers of " << target.getTargetName();
  return text;
}
