//===- Unsupported.cpp - Why a kernel cannot be emitted -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/Unsupported.h"

#include "moe/codegen/leaf/LeafFrame.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

template <typename... Args> static std::string text(Args &&...args) {
  std::string result;
  llvm::raw_string_ostream os(result);
  (os << ... << args);
  return result;
}

static std::string elementName(Value value) {
  return text(getElementTypeOrSelf(value.getType()));
}

static bool isFloat32Or16(Type type) {
  return type.isF32() || type.isF16() || type.isBF16();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// Whether a target computes with elements of this type.
static bool isElement(Type type) {
  if (type.isIndex() || isFloat32Or16(type) || type.isF64())
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && (integer.getWidth() == 1 || integer.getWidth() == 8 ||
                     integer.getWidth() == 16 || integer.getWidth() == 32 ||
                     integer.getWidth() == 64);
}

Unsupported::Unsupported(StringRef machine)
    : none((" has no " + machine + " lowering").str()), machine(machine) {}

std::string Unsupported::whyScalar(Operation *op) const {
  StringRef name = op->getName().getStringRef();
  if (isa<affine::AffineApplyOp>(op))
    return {};
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return text(name, " is not known here, only arith and math ops are");
  if (isa<arith::RemFOp, arith::ScalingExtFOp, arith::ScalingTruncFOp,
          math::PowFOp, math::FPowIOp, math::IPowIOp>(op) ||
      op->getNumResults() != 1)
    return text(name, none);
  bool inHardware = isa<math::AbsFOp, math::SqrtOp, math::FmaOp, math::FloorOp,
                        math::CeilOp, math::RoundOp, math::RoundEvenOp,
                        math::TruncOp, math::CopySignOp, math::RsqrtOp>(op);
  for (Type type :
       llvm::concat<const Type>(llvm::to_vector(op->getOperandTypes()),
                                llvm::to_vector(op->getResultTypes()))) {
    Type element = getElementTypeOrSelf(type);
    if (!isElement(element))
      return text(name, " on ", element, none);
    if (element.isF64() && isa<math::MathDialect>(op->getDialect()) &&
        !inHardware)
      return text(name, " on f64", none, "; compute in f32");
  }
  if (isa<arith::TruncFOp>(op) &&
      getElementTypeOrSelf(op->getOperand(0).getType()).isF64() &&
      getElementTypeOrSelf(op->getResult(0).getType())
              .getIntOrFloatBitWidth() == 16)
    return text(name, " from f64 to 16 bits", none, "; round to f32 first");
  return {};
}

std::string Unsupported::whyLinalg(linalg::LinalgOp op) const {
  StringRef name = op->getName().getStringRef();
  if (!op.hasPureTensorSemantics())
    return text(name, " on memrefs", none);
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  llvm::SmallBitVector known(op.getNumLoops());
  for (OpOperand &init : op.getDpsInitsMutable())
    if (op.getMatchingIndexingMap(&init) != output)
      return text(name, " has outputs that are indexed differently");
  for (AffineExpr expr : output.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim && !isa<AffineConstantExpr>(expr))
      return text(name, " writes its output at an expression of its loops");
    if (dim && known.test(dim.getPosition()))
      return text(name, " writes the diagonal of its output");
    if (dim)
      known.set(dim.getPosition());
  }
  for (auto [number, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    AffineExpr dim = getAffineDimExpr(number, op.getContext());
    bool sized = llvm::any_of(op.getIndexingMapsArray(), [&](AffineMap map) {
      return llvm::is_contained(map.getResults(), dim);
    });
    if (!sized)
      return text(name, " has a loop that walks along no operand");
    if (kind == utils::IteratorType::parallel && !known.test(number))
      return text(name, " has a parallel loop that its output does not have");
  }
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (isa<linalg::IndexOp, tensor::ExtractOp>(inner))
      continue;
    if (auto dim = dyn_cast<tensor::DimOp>(inner);
        dim && dim.getConstantIndex())
      continue;
    if (std::string why = whyScalar(&inner); !why.empty())
      return text("in ", name, ", ", why);
  }
  return {};
}

/// An ordinary op: one whose elements can be read, or a scalar that such an op
/// needs.
std::string Unsupported::whyOrdinary(Operation *op) const {
  for (Value value :
       llvm::concat<const Value>(llvm::to_vector(op->getOperands()),
                                 llvm::to_vector(op->getResults()))) {
    Type element = getElementTypeOrSelf(value.getType());
    if (isa<RankedTensorType>(value.getType()) && !isElement(element) &&
        !isa<DequantizeOp>(op))
      return text(op->getName(), " on ", element, none);
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return whyLinalg(linalgOp);
  if (isa<arith::ConstantOp>(op))
    return isa<RankedTensorType>(op->getResult(0).getType()) &&
                   !constantOf(op->getResult(0))
               ? text("a constant without its data", none)
               : "";
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return dim.getConstantIndex()
               ? ""
               : text("tensor.dim of a dimension that is data", none);
  if (isa<exec::SizeOp, affine::AffineApplyOp, tensor::ExtractOp,
          tensor::EmptyOp, tensor::SplatOp, tensor::CastOp,
          tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ConcatOp,
          tensor::FromElementsOp, tensor::ExpandShapeOp,
          tensor::CollapseShapeOp, tensor::ReshapeOp, tensor::GatherOp,
          DispatchOp>(op))
    return {};
  if (isa<tensor::PadOp, tensor::GenerateOp>(op)) {
    for (Operation &inner : op->getRegion(0).front().without_terminator())
      if (!isa<tensor::ExtractOp>(inner))
        if (std::string why = whyScalar(&inner); !why.empty())
          return text("in ", op->getName(), ", ", why);
    return {};
  }
  if (auto activate = dyn_cast<ActivateOp>(op)) {
    for (Value operand : activate.getOperands())
      if (!isFloat32Or16(getElementTypeOrSelf(operand.getType())))
        return text("moe.activate on ", elementName(operand), none,
                    "; expected f32, bf16 or f16");
    if (!isFloat32Or16(getElementTypeOrSelf(activate.getType())))
      return text("moe.activate to ", elementName(activate), none,
                  "; expected f32, bf16 or f16");
    return {};
  }
  if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
    if (!isElement(getElementTypeOrSelf(dequantize.getType())))
      return text("moe.dequantize to ", elementName(dequantize), none);
    return {};
  }
  if (OpTrait::hasElementwiseMappableTraits(op) ||
      isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return whyScalar(op);
  return text(op->getName(), none);
}

//===----------------------------------------------------------------------===//
// Ops with emitters of their own
//===----------------------------------------------------------------------===//

std::string Unsupported::whyMatmul(GroupedMatmulOp op) const {
  if (!op.getAcc().isF32())
    return text("sums in ", op.getAcc(), " have no ", machine,
                " lowering; expected f32");
  for (auto [side, type] :
       {std::pair("lhs", Type(op.getLhs().getType())),
        std::pair("rhs", Type(op.getRhsType(0))),
        std::pair("result", Type(op.getResult().getType()))})
    if (!isFloat32Or16(getElementTypeOrSelf(type)))
      return text("a ", side, " of ", getElementTypeOrSelf(type), none,
                  "; expected f32, bf16 or f16");
  for (Operation &inner : op.getEpilogue().front().without_terminator())
    if (std::string why = whyScalar(&inner); !why.empty())
      return text("in the epilogue, ", why);
  return {};
}

std::string Unsupported::whyCombine(CombineOp op) const {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (type.isDynamicDim(type.getRank() - 1))
    return text("moe.combine of rows whose length is data", none);
  for (Value value : op->getOperands())
    if (isa<RankedTensorType>(value.getType()) &&
        !isElement(getElementTypeOrSelf(value.getType())))
      return text("moe.combine of ", elementName(value), none);
  if (!isElement(op.getAcc()))
    return text("moe.combine in ", op.getAcc(), none);
  return {};
}

std::string Unsupported::whyRoute(Operation *op) const {
  for (Value value :
       llvm::concat<const Value>(llvm::to_vector(op->getOperands()),
                                 llvm::to_vector(op->getResults()))) {
    Type element = getElementTypeOrSelf(value.getType());
    if (isa<FloatType>(element) && !isFloat32Or16(element))
      return text(op->getName(), " on ", element, none,
                  "; expected f32, bf16 or f16");
  }
  return {};
}

std::string Unsupported::whyLoops(Operation *op) const {
  return text(op->getName(), " over tensors", none);
}

std::string Unsupported::whyOp(Operation *op) const {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return {};
  std::string why =
      llvm::TypeSwitch<Operation *, std::string>(op)
          .Case([&](GroupedMatmulOp matmul) { return whyMatmul(matmul); })
          .Case([&](CombineOp combine) { return whyCombine(combine); })
          .Case<ScoreOp, SelectOp, WeighOp>(
              [&](Operation *routing) { return whyRoute(routing); })
          .Case<CapacityOp, CheckIdsOp, GroupOp, GroupsFromOffsetsOp, OffsetsOp,
                PlacesOp, RowExpertsOp, TilesOp>(
              [](auto) { return std::string(); })
          .Case([&](PackOp pack) { return whyPack(pack); })
          .Case<scf::ForOp, scf::IfOp, scf::WhileOp>(
              [&](Operation *loops) { return whyLoops(loops); })
          .Default([&](Operation *ordinary) { return whyOrdinary(ordinary); });
  return why.empty() ? whyHere(op) : why;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

GroupOp moe::leaf::groupOf(Value ids) {
  for (Operation *user : ids.getUsers())
    if (auto group = dyn_cast<GroupOp>(user))
      return group;
  return {};
}

int64_t moe::leaf::expertsOf(CapacityOp op) {
  if (auto experts = op.getExpertsAttr())
    return experts.getInt();
  GroupOp group = groupOf(op.getKeptIds());
  return group ? group.getGroups().getType().getNumExperts() : 0;
}

std::string moe::leaf::whyIndexUnsupported(exec::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  auto returned = [&](Value value) {
    return llvm::is_contained(body.getTerminator()->getOperands(), value);
  };
  for (auto op : body.getOps<CapacityOp>()) {
    if (expertsOf(op) == 0)
      return "moe.capacity without a moe.group of its ids does not say how "
             "many experts there are";
    GroupOp group = groupOf(op.getKeptIds());
    if (!returned(op.getKeptIds()) && (!group || !op.getKeptIds().hasOneUse() ||
                                       !returned(group.getGroups())))
      return "the ids of moe.capacity have several readers and no buffer";
    for (Value operand : op->getOperands())
      if (!isa<BlockArgument>(operand) &&
          (operand == op.getIds() || operand == op.getWeights() ||
           (!constantOf(operand) && !splatOf(operand))))
        return "moe.capacity reads what another op of its kernel makes";
  }
  for (auto op : body.getOps<GroupOp>())
    if (!isa<BlockArgument>(op.getIds()) && !constantOf(op.getIds()) &&
        !op.getIds().getDefiningOp<CapacityOp>())
      return "moe.group reads what another op of its kernel makes";
  for (auto op : body.getOps<CheckIdsOp>())
    if (!isa<BlockArgument>(op.getIds()) && !constantOf(op.getIds()))
      return "moe.check_ids reads what another op of its kernel makes";
  for (auto op : body.getOps<PlacesOp>())
    if (!isa<BlockArgument>(op.getIds()) && !constantOf(op.getIds()))
      return "moe.places reads what another op of its kernel makes";
  return {};
}

/// What a kernel's own ops read must lie in buffers, or be constants; rows must
/// lie in buffers.
static std::string whyOperands(Operation *op, KernelClass kind) {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  for (Value operand : op->getOperands()) {
    if (isa<BlockArgument>(operand))
      continue;
    // Weights that the kernel packs can be made in any way.
    if (matmul && llvm::is_contained(matmul.getRhs(), operand) &&
        isa<RankedTensorType>(operand.getType()))
      continue;
    if (splatOf(operand) || constantOf(operand)) {
      if (isa<GroupedMatmulOp, CombineOp>(op) && operand == op->getOperand(0))
        return text(op->getName(), " reads rows that are a constant");
      continue;
    }
    Operation *before = operand.getDefiningOp();
    if ((kind == KernelClass::Route && isa<ScoreOp, SelectOp>(before)) ||
        kind == KernelClass::Index || kind == KernelClass::Pack ||
        kind == KernelClass::Loops)
      continue;
    return text(op->getName(), " reads what ", before->getName(),
                " makes in the same kernel");
  }
  return {};
}

/// The op that gives the kernel its class.
static StringRef onlyName(exec::KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (classOf(&op) != KernelClass::Elements)
      return op.getName().getStringRef();
  return {};
}

std::string Unsupported::whyKernel(exec::KernelOp kernel) const {
  Block &body = kernel.getBody().front();
  const KernelClass kind = classOf(kernel);
  unsigned own = 0;
  for (Operation &op : body.without_terminator()) {
    if (std::string why = whyOp(&op); !why.empty())
      return why;
    const KernelClass found = classOf(&op);
    if (found == KernelClass::Elements)
      continue;
    if (found != kind)
      return text(op.getName(), " does not go with ", body.front().getName(),
                  " in one kernel");
    ++own;
    if (std::string why = whyOperands(&op, kind); !why.empty())
      return why;
  }
  if (own > 1 && (kind == KernelClass::Matmul || kind == KernelClass::Combine ||
                  kind == KernelClass::Pack || kind == KernelClass::Loops))
    return text(onlyName(kernel), " must be the only one of its kernel");
  if (kind == KernelClass::Elements) {
    for (Type type : kernel.getResultTypes())
      if (!isa<RankedTensorType>(type))
        return text("a kernel of ordinary ops cannot return ", type);
    return {};
  }
  llvm::SmallDenseSet<Value> returned;
  for (Value value : body.getTerminator()->getOperands())
    if (isa<BlockArgument>(value) || !returned.insert(value).second ||
        classOf(value.getDefiningOp()) != kind)
      return text("a kernel with ", onlyName(kernel),
                  " returns each of its results once and nothing else");
  if (kind == KernelClass::Matmul)
    return whyPlanned(onlyOp<GroupedMatmulOp>(kernel));
  if (kind == KernelClass::Index)
    return whyIndex(kernel);
  return {};
}

std::string Unsupported::why(Operation *op) const {
  if (auto kernel = dyn_cast<exec::KernelOp>(op))
    return whyKernel(kernel);
  return whyOp(op);
}
