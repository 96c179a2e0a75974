//===- FormKernels.cpp - Planned functions as programs over kernels -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The walk from values to buffers. Every value that crosses from one kernel to
// another gets a place: an output of the program where it is returned, a slice
// of the workspace elsewhere. A kernel writes its results where they belong, so
// nothing is copied that need not be.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/ProgramBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

namespace moe {
#define GEN_PASS_DEF_FORMKERNELSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// core::ErrorId::AssertionFailed; passes know nothing of the runtime's
/// headers.
static constexpr int64_t kAssertionFailed = 713;

//===----------------------------------------------------------------------===//
// The program's frame
//===----------------------------------------------------------------------===//

static std::string givenName(Attribute attribute, StringRef fallback,
                             unsigned index) {
  if (auto name = dyn_cast_if_present<StringAttr>(attribute))
    return name.str();
  return (fallback + Twine(index)).str();
}

void ProgramBuilder::createProgram() {
  MLIRContext *context = function.getContext();
  SmallVector<Attribute> attributes;
  SmallVector<Type> types;
  auto add = [&](Type type, ArrayRef<NamedAttribute> list) {
    types.push_back(type);
    attributes.push_back(builder.getDictionaryAttr(list));
  };
  for (const DimExprs::Dim &dim : dims.dims())
    add(builder.getIndexType(),
        {builder.getNamedAttr("name", builder.getStringAttr(dim.name)),
         builder.getNamedAttr("bound", builder.getI64IntegerAttr(dim.bound))});
  auto addBuffer = [&](Type type, const std::string &name,
                       function_ref<StringRef(unsigned)> dimName) {
    MemRefType buffer = getBackingTypes(type).front();
    SmallVector<Attribute> names;
    for (int64_t d = 0; d < buffer.getRank(); ++d)
      names.push_back(builder.getStringAttr(
          buffer.isDynamicDim(d) ? dimName(d)
                                 : Twine(buffer.getDimSize(d)).str()));
    add(buffer, {builder.getNamedAttr("name", builder.getStringAttr(name)),
                 builder.getNamedAttr("dims", builder.getArrayAttr(names))});
  };
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    addBuffer(
        function.getArgumentTypes()[i],
        givenName(function.getArgAttr(i, MoeDialect::kNameAttr), "arg", i),
        [&](unsigned d) -> StringRef {
          return dims.dims()[dims.argDim(i, d)].name;
        });
  Operation *terminator = function.getBody().front().getTerminator();
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    addBuffer(
        function.getResultTypes()[i],
        givenName(function.getResultAttr(i, MoeDialect::kNameAttr), "result",
                  i),
        [&](unsigned d) -> StringRef {
          auto expr = dyn_cast<AffineDimExpr>(
              dims.sizeOf(terminator->getOperand(i), d).value_or(AffineExpr()));
          return expr ? StringRef(dims.dims()[expr.getPosition()].name) : "?";
        });
  program = ProgramOp::create(
      builder, function.getLoc(), function.getSymNameAttr(), dims.dims().size(),
      function.getNumArguments(), builder.getArrayAttr(attributes));
  Block *block = builder.createBlock(&program.getBody());
  for (Type type : types)
    block->addArgument(type, function.getLoc());
  used = getAffineConstantExpr(0, context);
  workspace =
      WorkspaceOp::create(builder, function.getLoc(), getArenaType(context),
                          AffineMapAttr::get(dims.map(used)));
}

LogicalResult ProgramBuilder::run() {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expects one block in a compiled function");
  if (failed(dims.verify()))
    return failure();
  auto isTensor = [](Type type) {
    return isa<RankedTensorType>(type) && !getBackingTypes(type).empty();
  };
  for (Type type : function.getResultTypes())
    if (!isTensor(type))
      return function.emitOpError()
             << "expects tensors of integers or floats as results, got "
             << type;
  for (Type type : function.getArgumentTypes())
    if (!isTensor(type))
      return function.emitOpError()
             << "expects tensors of integers or floats as arguments, got "
             << type;
  Block &body = function.getBody().front();
  Operation *terminator = body.getTerminator();
  for (auto [index, value] : llvm::enumerate(terminator->getOperands()))
    for (int64_t d = 0; d < cast<RankedTensorType>(value.getType()).getRank();
         ++d) {
      FailureOr<AffineExpr> size = dims.sizeOf(value, d);
      if (failed(size))
        return failure();
      if (!isa<AffineDimExpr, AffineConstantExpr>(*size))
        return function.emitOpError()
               << "expects the sizes of result " << index
               << " to be sizes of arguments, got an expression of them";
    }
  createProgram();
  for (auto [argument, buffer] :
       llvm::zip(body.getArguments(), program.getInputs()))
    buffers[argument] = {buffer};
  // A returned value is written straight into its output, the first time.
  SmallVector<SmallVector<Value>> outputs;
  for (auto [value, output] :
       llvm::zip(terminator->getOperands(), program.getOutputs())) {
    outputs.push_back({output});
    if (value.getDefiningOp() && !buffers.contains(value) &&
        !weights.contains(value) && !isRepeatable(value.getDefiningOp()))
      buffers[value] = {output};
  }
  if (failed(emitBlock(body)) ||
      failed(emitCopies(terminator->getOperands(), outputs)))
    return failure();
  auto arena = workspace.getDefiningOp<WorkspaceOp>();
  arena.setSize(dims.map(used));
  if (arena.getMemory().use_empty())
    arena.erase();
  builder.setInsertionPointToEnd(&program.getBody().front());
  EndOp::create(builder, function.getLoc());
  for (NamedAttribute attribute : function->getDiscardableAttrs())
    if (attribute.getName() == MoeDialect::kDecisionsAttr)
      program->setAttr(attribute.getName(), attribute.getValue());
  return success();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// Slices of the workspace for a value, after one another: moe-plan-memory lets
/// them share.
FailureOr<SmallVector<Value>> ProgramBuilder::allocate(Value value) {
  SmallVector<MemRefType> types = getBackingTypes(value.getType());
  if (types.empty())
    return emitError(value.getLoc())
           << "a value of " << value.getType()
           << " passes from one kernel to another; expects tensors of integers "
              "or floats";
  FailureOr<AffineMap> sizes = dims.sizesOf(value);
  if (failed(sizes))
    return failure();
  SmallVector<Value> made;
  unsigned next = 0;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(workspace);
  bool isTensor = isa<RankedTensorType>(value.getType());
  for (MemRefType type : types) {
    AffineExpr bytes = getAffineConstantExpr(
        llvm::divideCeil(type.getElementTypeBitWidth(), 8),
        builder.getContext());
    for (int64_t size : type.getShape())
      bytes = bytes * (ShapedType::isDynamic(size)
                           ? sizes->getResult(isTensor ? next++ : 0)
                           : getAffineConstantExpr(size, builder.getContext()));
    auto slice = SliceOp::create(builder, value.getLoc(), type, workspace,
                                 AffineMapAttr::get(dims.map(used)),
                                 AffineMapAttr::get(dims.map(bytes)));
    used = used + bytes.ceilDiv(64) * 64;
    made.push_back(slice);
  }
  return made;
}

FailureOr<SmallVector<Value>> ProgramBuilder::buffersOf(Value value) {
  if (auto it = buffers.find(value); it != buffers.end())
    return it->second;
  if (weights.contains(value)) {
    FailureOr<PrepareOp> prepare = prepares.get(value);
    if (failed(prepare))
      return failure();
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfterValue(workspace);
    Value param = UseParamOp::create(
        builder, value.getLoc(), cast<MemRefType>(prepare->getType()),
        FlatSymbolRefAttr::get(prepare->getSymNameAttr()));
    buffers[value] = {param};
    return SmallVector<Value>{param};
  }
  FailureOr<SmallVector<Value>> made = allocate(value);
  if (succeeded(made))
    buffers[value] = *made;
  return made;
}

/// A constant that is read as a buffer still has to be written by someone.
LogicalResult ProgramBuilder::emitConstant(Value value) {
  return emitGroup({KernelGroup::Kind::Ordinary, {value.getDefiningOp()}});
}

/// Copies values whose buffers are not where they should be.
LogicalResult ProgramBuilder::emitCopies(ValueRange values,
                                         ArrayRef<SmallVector<Value>> targets) {
  for (auto [value, to] : llvm::zip(values, targets)) {
    if (value.getDefiningOp() && isRepeatable(value.getDefiningOp())) {
      buffers[value] = to;
      LogicalResult written = emitConstant(value);
      buffers.erase(value);
      if (failed(written))
        return failure();
      continue;
    }
    FailureOr<SmallVector<Value>> from = buffersOf(value);
    if (failed(from))
      return failure();
    for (auto [source, target] : llvm::zip(*from, to))
      if (source != target)
        CopyOp::create(builder, value.getLoc(), source, target);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::emitGroup(const KernelGroup &group) {
  SmallVector<Value> results = findResults(group);
  if (results.empty())
    return success();
  SmallVector<Value> arguments = findArguments(group);
  SmallVector<Value> args;
  for (ArrayRef<Value> list : {ArrayRef(arguments), ArrayRef(results)})
    for (Value value : list) {
      FailureOr<SmallVector<Value>> list = buffersOf(value);
      if (failed(list))
        return failure();
      llvm::append_range(args, *list);
    }
  FailureOr<KernelOp> kernel = buildKernel(group, arguments, results);
  if (failed(kernel))
    return failure();
  for (Operation &op : kernel->getBody().front()) {
    std::string reason = target.getUnsupported(&op);
    if (!reason.empty())
      return op.emitOpError() << "cannot be lowered for target '"
                              << target.getTargetName() << "': " << reason;
  }
  if (Operation *op = group.ops.back(); isa<scf::SCFDialect>(op->getDialect()))
    remark::missed(
        op->getLoc(),
        remark::RemarkOpts::name("slow-path").category("moe-form-kernels"))
        << "slow path: " + op->getName().getStringRef().str() +
               " runs as loops of one task";
  KernelShape shape = target.getKernelShape(*kernel);
  if (shape.scratchBytes)
    kernel->setScratch(shape.scratchBytes);
  Value count;
  if (shape.perTile) {
    // The list of tiles is an argument; its count is its first buffer.
    for (Value value : arguments)
      if (isa<TilesType>(value.getType()))
        count = buffers[value].front();
  }
  LaunchOp::create(
      builder, group.ops.back()->getLoc(),
      FlatSymbolRefAttr::get(kernel->getSymNameAttr()),
      shape.perTile ? AffineMapAttr() : AffineMapAttr::get(shape.tasks), count,
      builder.getI64IntegerAttr(shape.perTile ? shape.times : 1), args);
  return success();
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::emitByTokens(ByTokensOp op) {
  FailureOr<AffineExpr> tokens = dims.exprOf(op.getTokens());
  if (failed(tokens))
    return failure();
  auto dim = dyn_cast<AffineDimExpr>(*tokens);
  if (!dim)
    return op.emitOpError(
        "expects a token count that is a size of an argument");
  SmallVector<SmallVector<Value>> targets;
  for (Value result : op.getResults()) {
    FailureOr<SmallVector<Value>> made = buffersOf(result);
    if (failed(made))
      return failure();
    targets.push_back(*made);
  }
  auto choice = SwitchOp::create(builder, op.getLoc(),
                                 program.getDims()[dim.getPosition()],
                                 op.getBuckets(), op.getForms().size());
  for (auto [form, steps] : llvm::zip(op.getForms(), choice.getCases())) {
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&steps);
    Block &block = form.front();
    for (auto [value, target] :
         llvm::zip(block.getTerminator()->getOperands(), targets))
      if (value.getParentBlock() == &block && !buffers.contains(value) &&
          !weights.contains(value) && !isRepeatable(value.getDefiningOp()))
        buffers[value] = target;
    if (failed(emitBlock(block)) ||
        failed(emitCopies(block.getTerminator()->getOperands(), targets)))
      return failure();
  }
  return success();
}

LogicalResult ProgramBuilder::emitCheck(RequireOp op) {
  Value status = op.getStatus();
  FailureOr<SmallVector<Value>> buffer = buffersOf(status);
  if (failed(buffer))
    return failure();
  if (Operation *definition = status.getDefiningOp())
    if (isRepeatable(definition) && failed(emitConstant(status)))
      return failure();
  CheckOp::create(builder, op.getLoc(), buffer->front(), op.getIdAttr(),
                  StringAttr());
  return success();
}

/// An assertion that no size can break is none. Any other is a step that asks
/// what kernels wrote, and ends the run with the message.
LogicalResult ProgramBuilder::emitAssert(cf::AssertOp op) {
  Value condition = op.getArg();
  asserting = true;
  auto done = llvm::make_scope_exit([&] { asserting = false; });
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  const bool asksFact =
      compare && llvm::any_of(compare.getOperands(), [&](Value value) {
        return static_cast<bool>(dims.unprovenValue(value));
      });
  if ((!asksFact && dims.alwaysHolds(condition)) ||
      !asserted.insert(condition).second)
    return success();
  OpBuilder before(op);
  Location loc = op.getLoc();
  Type i64 = before.getI64Type();
  Value fine = arith::ConstantIntOp::create(before, loc, -1, 64);
  Value broken = arith::ConstantIntOp::create(before, loc, 0, 64);
  Value status = arith::SelectOp::create(before, loc, condition, fine, broken);
  auto elements = tensor::FromElementsOp::create(
      before, loc, RankedTensorType::get({1}, i64), status);
  // It has a reader, so that it is a result.
  RequireOp::create(before, loc, elements, kAssertionFailed);
  if (failed(emitGroup({KernelGroup::Kind::Ordinary, {elements}})))
    return failure();
  CheckOp::create(builder, loc, buffers[elements].front(),
                  before.getI64IntegerAttr(kAssertionFailed), op.getMsgAttr());
  return success();
}

/// A reshape is another type for the same bytes.
LogicalResult ProgramBuilder::emitView(Operation *op) {
  Value source = op->getOperand(0), result = op->getResult(0);
  FailureOr<SmallVector<Value>> from = buffersOf(source);
  if (failed(from))
    return failure();
  buffers[result] = {ViewOp::create(builder, op->getLoc(),
                                    getBackingTypes(result.getType()).front(),
                                    from->front())};
  return success();
}

static bool isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
      op);
}

LogicalResult ProgramBuilder::emitBlock(Block &block) {
  for (const KernelGroup &group : partition(block, weights)) {
    Operation *op = group.ops.back();
    LogicalResult emitted = success();
    if (auto byTokens = dyn_cast<ByTokensOp>(op))
      emitted = emitByTokens(byTokens);
    else if (auto require = dyn_cast<RequireOp>(op))
      emitted = emitCheck(require);
    else if (auto assertion = dyn_cast<cf::AssertOp>(op))
      emitted = emitAssert(assertion);
    else if (isReshape(op) && !buffers.contains(op->getResult(0)) &&
             !(op->getOperand(0).getDefiningOp() &&
               isRepeatable(op->getOperand(0).getDefiningOp())))
      emitted = emitView(op);
    else
      emitted = emitGroup(group);
    if (failed(emitted))
      return failure();
  }
  return success();
}

namespace {
struct FormKernelsPass : moe::impl::FormKernelsPassBase<FormKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<TargetAttrInterface> target = getTarget(module);
    if (failed(target))
      return signalPassFailure();
    SymbolTable symbols(module);
    PrepareBuilder prepares(module, *target, symbols);
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function.isPublic() && !function.isExternal()) {
        // The program takes the function's name.
        symbols.remove(function);
        ProgramBuilder program(function, *target, prepares, symbols);
        if (failed(program.run()))
          return signalPassFailure();
      }
    }
    for (func::FuncOp function : functions)
      function.erase();
    for (ParamOp param : llvm::make_early_inc_range(module.getOps<ParamOp>()))
      param.erase();
  }
};
} // namespace
