//===- Prepare.cpp - What is computed when weights are bound --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where every op of a preparation works on each expert alone, its unit is one
// expert: binding then holds one expert a thread in flight, however large the
// layer is.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/Prepare.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

/// The ops behind a value, operands first, and the parameters they start from.
static void collect(Value value, llvm::SetVector<Operation *> &ops,
                    SmallVectorImpl<LoadParamOp> &leaves) {
  Operation *op = value.getDefiningOp();
  if (ops.contains(op))
    return;
  if (auto load = dyn_cast<LoadParamOp>(op)) {
    if (!llvm::is_contained(leaves, load))
      leaves.push_back(load);
    return;
  }
  for (Value operand : op->getOperands())
    collect(operand, ops, leaves);
  ops.insert(op);
}

/// A parameter's source; without one it is stored under its own name, as it is.
static SourceAttr sourceOf(ParamOp param) {
  if (SourceAttr source = param.getSourceAttr())
    return source;
  return SourceAttr::get(param.getContext(), param.getSymNameAttr(),
                         cast<RankedTensorType>(param.getType()), {});
}

/// Experts in the leading dimension of a value; 0 if it has none.
static int64_t leadingExperts(Value value) {
  if (auto packed = dyn_cast<PackedType>(value.getType())) {
    RankedTensorType tensor = packed.getTensors().front();
    return tensor.getRank() == 3 ? tensor.getDimSize(0) : 0;
  }
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  return tensor && tensor.getRank() > 0 ? tensor.getDimSize(0) : 0;
}

/// The type of one expert's part.
static Type unitType(Type type) {
  auto drop = [](RankedTensorType tensor) {
    return RankedTensorType::get(tensor.getShape().drop_front(),
                                 tensor.getElementType());
  };
  if (auto packed = dyn_cast<PackedType>(type)) {
    SmallVector<RankedTensorType> tensors;
    for (RankedTensorType tensor : packed.getTensors())
      tensors.push_back(drop(tensor));
    return PackedType::get(type.getContext(), packed.getLayout(), tensors);
  }
  return drop(cast<RankedTensorType>(type));
}

/// A splat over all experts is a splat over one.
static DenseElementsAttr splatOf(Operation *op) {
  DenseElementsAttr constant;
  if (matchPattern(op, m_Constant(&constant)) && constant.isSplat())
    return constant;
  return {};
}

/// Experts that all ops can work on one at a time; 0 if they cannot, or need
/// not: an unpacked tensor that is stored whole is small or read as it lies.
static int64_t unitsOf(Value value, ArrayRef<Operation *> ops,
                       ArrayRef<LoadParamOp> leaves,
                       ArrayRef<SourceAttr> sources) {
  int64_t units = leadingExperts(value);
  bool perExpert = llvm::any_of(
      sources, [](SourceAttr source) { return source.isPerExpert(); });
  if (units == 0 || !(isa<PackedType>(value.getType()) || perExpert))
    return 0;
  for (Operation *op : ops) {
    bool separable = isa<PackOp, DequantizeOp>(op) || splatOf(op) ||
                     OpTrait::hasElementwiseMappableTraits(op);
    bool alike = llvm::all_of(op->getResults(), [&](Value result) {
      return leadingExperts(result) == units;
    });
    if (!separable || !alike)
      return 0;
  }
  return llvm::all_of(leaves,
                      [&](LoadParamOp leaf) {
                        return leadingExperts(leaf.getValue()) == units;
                      })
             ? units
             : 0;
}

/// Element strides of a unit of a source; null where it is row-major.
static DenseI64ArrayAttr stridesOf(SourceAttr source, bool perUnit) {
  SourceView view = *source.getView();
  ArrayRef<int64_t> strides(view.strides), shape(view.shape);
  if (perUnit && !view.perExpert) {
    strides = strides.drop_front();
    shape = shape.drop_front();
  }
  int64_t dense = 1;
  bool rowMajor = true;
  for (size_t d = shape.size(); d-- > 0; dense *= shape[d])
    rowMajor &= shape[d] == 1 || strides[d] == dense;
  if (rowMajor)
    return {};
  return DenseI64ArrayAttr::get(source.getContext(), strides);
}

FailureOr<KernelOp> PrepareBuilder::buildKernel(
    Value value, ArrayRef<Operation *> ops, ArrayRef<LoadParamOp> leaves,
    ArrayRef<SourceAttr> sources, bool perExpert, StringRef name) {
  auto typeOf = [&](Type type) { return perExpert ? unitType(type) : type; };
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = value.getLoc();
  SmallVector<Type> arguments;
  for (LoadParamOp leaf : leaves)
    arguments.push_back(typeOf(leaf.getValue().getType()));
  Type result = typeOf(value.getType());
  AffineMap none = AffineMap::get(0, 0, builder.getContext());
  SmallVector<Attribute> sizes(arguments.size() + 1, AffineMapAttr::get(none));
  SmallVector<Attribute> argAttrs;
  for (SourceAttr source : sources) {
    NamedAttrList attributes;
    if (DenseI64ArrayAttr strides = stridesOf(source, perExpert))
      attributes.set("moe_exec.strides", strides);
    argAttrs.push_back(attributes.getDictionary(builder.getContext()));
  }
  auto kernel = KernelOp::create(
      builder, loc, name, builder.getFunctionType(arguments, {result}),
      /*sym_visibility=*/StringAttr(), builder.getArrayAttr(argAttrs),
      /*res_attrs=*/ArrayAttr(), /*num_dims=*/0, builder.getArrayAttr(sizes),
      /*scratch=*/IntegerAttr());
  Block *block = builder.createBlock(&kernel.getBody());
  IRMapping mapping;
  for (auto [leaf, type] : llvm::zip(leaves, arguments)) {
    LoadParamOp load = leaf;
    mapping.map(load.getValue(), block->addArgument(type, load.getLoc()));
  }
  for (Operation *op : ops) {
    if (DenseElementsAttr splat = splatOf(op); splat && perExpert) {
      auto shaped =
          cast<RankedTensorType>(unitType(op->getResult(0).getType()));
      Operation *constant = builder.clone(*op);
      constant->setAttr("value", splat.resizeSplat(shaped));
      constant->getResult(0).setType(shaped);
      mapping.map(op->getResult(0), constant->getResult(0));
      continue;
    }
    Operation *cloned = builder.clone(*op, mapping);
    for (Value made : cloned->getResults())
      made.setType(typeOf(made.getType()));
  }
  ReturnOp::create(builder, loc, mapping.lookup(value));
  symbols.insert(kernel);
  KernelShape shape = target.getKernelShape(kernel);
  if (shape.scratchBytes)
    kernel.setScratch(shape.scratchBytes);
  return kernel;
}

/// What a stored tensor may not hold, going by what reads it.
static int64_t valueRuleOf(LoadParamOp leaf) {
  for (Operation *user : leaf->getUsers()) {
    auto op = dyn_cast<DequantizeOp>(user);
    if (!op)
      continue;
    if (op.getScales() == leaf.getResult() &&
        semantics::lookup(op.getFormat().getValue()).scale ==
            semantics::ScaleKind::E8M0)
      return kNoE8M0NaN;
    if (op.getColumnGroups() == leaf.getResult())
      return cast<RankedTensorType>(op.getScales().getType()).getShape().back();
  }
  return 0;
}

FailureOr<PrepareOp> PrepareBuilder::build(Value value) {
  llvm::SetVector<Operation *> ops;
  SmallVector<LoadParamOp> leaves;
  collect(value, ops, leaves);
  SmallVector<SourceAttr> sources;
  std::string name;
  for (LoadParamOp leaf : leaves) {
    sources.push_back(sourceOf(symbols.lookup<ParamOp>(leaf.getParam())));
    name += (name.empty() ? "" : "_") + leaf.getParam().str();
  }
  MemRefType type = getBackingTypes(value.getType()).front();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Attribute> sourceAttrs(sources.begin(), sources.end());
  int64_t units = unitsOf(value, ops.getArrayRef(), leaves, sources);
  FlatSymbolRefAttr kernelRef;
  int64_t tasks = 1;
  if (ops.empty()) {
    units = sources.front().isPerExpert() ? type.getDimSize(0) : 1;
  } else {
    // A per-expert source is many tensors: a kernel over all of them at once
    // has no one buffer to read.
    if (!units && llvm::any_of(sources, [](SourceAttr source) {
          return source.isPerExpert();
        }))
      return emitError(value.getLoc())
             << "computes across the experts of a parameter that is stored one "
                "tensor an expert, which cannot be prepared at bind time";
    FailureOr<KernelOp> kernel =
        buildKernel(value, ops.getArrayRef(), leaves, sources, units != 0,
                    "prepare_" + name);
    if (failed(kernel))
      return failure();
    kernelRef = FlatSymbolRefAttr::get(kernel->getSymNameAttr());
    // A preparation has no dimensions, so its task count is a constant.
    AffineMap map = target.getKernelShape(*kernel).tasks;
    tasks = cast<AffineConstantExpr>(map.getResult(0)).getValue();
    builder.setInsertionPointToEnd(module.getBody());
  }
  auto prepare = PrepareOp::create(
      builder, value.getLoc(), name + (ops.empty() ? "" : "_prepared"),
      kernelRef, std::max<int64_t>(units, 1), tasks,
      builder.getArrayAttr(sourceAttrs), type);
  SmallVector<int64_t> rules;
  for (LoadParamOp leaf : leaves)
    rules.push_back(valueRuleOf(leaf));
  if (llvm::any_of(rules, [](int64_t rule) { return rule != 0; }))
    prepare->setAttr(kValueRulesAttr, builder.getDenseI64ArrayAttr(rules));
  symbols.insert(prepare);
  return prepare;
}

FailureOr<PrepareOp> PrepareBuilder::get(Value value) {
  auto it = made.find(value);
  if (it != made.end())
    return it->second;
  FailureOr<PrepareOp> prepare = build(value);
  if (succeeded(prepare))
    made[value] = *prepare;
  return prepare;
}
