//===- MoeExecOps.cpp - Programs, steps and kernels -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/exec/MoeExecOps.h"

#include "moe/dialect/Clauses.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

#include "moe/dialect/exec/MoeExecDialect.cpp.inc"

void MoeExecDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "moe/dialect/exec/MoeExecOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// What backs a value
//===----------------------------------------------------------------------===//

MemRefType moe::exec::getArenaType(MLIRContext *context) {
  return MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 8));
}

SmallVector<MemRefType> moe::exec::getBackingTypes(Type type) {
  Builder builder(type.getContext());
  Type i8 = builder.getI8Type(), i32 = builder.getI32Type();
  constexpr int64_t any = ShapedType::kDynamic;
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    if (!tensor.getElementType().isIntOrFloat())
      return {};
    return {MemRefType::get(tensor.getShape(), tensor.getElementType())};
  }
  if (auto groups = dyn_cast<GroupsType>(type))
    return {MemRefType::get({groups.getNumExperts() + 1}, i32),
            MemRefType::get({any}, i32), MemRefType::get({any}, i32)};
  if (isa<TilesType>(type))
    return {MemRefType::get({1}, builder.getI64Type()),
            MemRefType::get({any, 3}, i32)};
  if (auto packed = dyn_cast<PackedType>(type)) {
    int64_t units = packed.getTensors().front().getRank() == 3
                        ? packed.getTensors().front().getDimSize(0)
                        : 1;
    int64_t bytes = packed.getLayout().getBytesPerExpert(packed.getTensors());
    return {MemRefType::get({units * bytes}, i8)};
  }
  return {};
}

unsigned moe::exec::getNumDynamicSizes(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getNumDynamicDims();
  return isa<GroupsType, TilesType>(type) ? 1 : 0;
}

/// A runtime evaluates these: it must never be asked to divide by zero.
static LogicalResult verifyDivisors(Operation *op, StringRef name,
                                    AffineMap map) {
  bool positive = true;
  map.walkExprs([&](AffineExpr expr) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary || expr.getKind() == AffineExprKind::Add ||
        expr.getKind() == AffineExprKind::Mul)
      return;
    auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    positive &= divisor && divisor.getValue() > 0;
  });
  if (!positive)
    return op->emitOpError()
           << "expects '" << name << "' to divide by positive numbers, got "
           << AffineMapAttr::get(map);
  return success();
}

static LogicalResult verifyMap(Operation *op, StringRef name, AffineMap map) {
  auto program = op->getParentOfType<ProgramOp>();
  unsigned dims = program ? program.getDims().size() : map.getNumDims();
  if (map.getNumDims() != dims || map.getNumSymbols() != 0 ||
      map.getNumResults() != 1)
    return op->emitOpError() << "expects '" << name << "' to map the " << dims
                             << " dimensions of the program to one value, got "
                             << AffineMapAttr::get(map);
  return verifyDivisors(op, name, map);
}

static LogicalResult verifyBuckets(Operation *op, ArrayRef<int64_t> buckets,
                                   size_t regions) {
  if (regions != buckets.size() + 1)
    return op->emitOpError()
           << "expects one region more than buckets, got " << regions
           << " regions and " << buckets.size() << " buckets";
  int64_t previous = 0;
  for (int64_t bucket : buckets) {
    if (bucket <= previous)
      return op->emitOpError() << "expects positive, ascending buckets, got "
                               << bucket << " after " << previous;
    previous = bucket;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

LogicalResult WorkspaceOp::verify() {
  return verifyMap(*this, "size", getSize()); // workspace_c1
}

LogicalResult SliceOp::verify() {
  // slice_c1
  if (failed(verifyMap(*this, "offset", getOffset())) ||
      failed(verifyMap(*this, "bytes", getBytes())))
    return failure();
  // slice_c2
  if (!getOffset().getResult(0).isMultipleOf(64))
    return emitOpError() << "expects 'offset' to be a multiple of 64, got "
                         << getOffsetAttr();
  return success();
}

LogicalResult UseParamOp::verifySymbolUses(SymbolTableCollection &table) {
  // param_c1
  auto prepare =
      table.lookupNearestSymbolFrom<PrepareOp>(*this, getPrepareAttr());
  if (!prepare)
    return emitOpError() << "expects a moe_exec.prepare named "
                         << getPrepareAttr();
  if (prepare.getType() != getBuffer().getType())
    return emitOpError() << "expects the type of " << getPrepareAttr() << ", "
                         << prepare.getType() << ", got "
                         << getBuffer().getType();
  return success();
}

static bool isOneI64(Type type) {
  auto buffer = cast<MemRefType>(type);
  return buffer.getElementType().isSignlessInteger(64) &&
         buffer.getShape() == ArrayRef<int64_t>{1};
}

LogicalResult LaunchOp::verify() {
  // launch_c2
  if (getTasks().has_value() == static_cast<bool>(getCount()))
    return emitOpError("expects tasks from a map or from a buffer");
  if (getTasks())
    return verifyMap(*this, "tasks", *getTasks());
  if (int64_t times = getTimesAttr().getInt(); times < 1)
    return emitOpError() << "expects times >= 1, got " << times;
  if (!isOneI64(getCount().getType()))
    return emitOpError() << "expects tasks from a buffer of one i64, got "
                         << getCount().getType();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &table) {
  // launch_c1
  auto kernel = table.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "expects a moe_exec.kernel named "
                         << getKernelAttr();
  SmallVector<MemRefType> want = kernel.getBufferTypes();
  if (want.size() != getArgs().size())
    return emitOpError() << "expects " << want.size() << " buffers for "
                         << getKernelAttr() << ", got " << getArgs().size();
  for (auto [index, pair] : llvm::enumerate(llvm::zip(want, getArgs()))) {
    auto [type, buffer] = pair;
    if (buffer.getType() != type)
      return emitOpError() << "expects buffer " << index << " of "
                           << getKernelAttr() << " to be " << type << ", got "
                           << buffer.getType();
  }
  return success();
}

LogicalResult CopyOp::verify() {
  // copy_c1
  if (getSource().getType() != getTarget().getType())
    return emitOpError() << "expects buffers of one type, got "
                         << getSource().getType() << " and "
                         << getTarget().getType();
  return success();
}

LogicalResult ViewOp::verify() {
  // view_c1
  auto from = cast<MemRefType>(getSource().getType());
  auto to = cast<MemRefType>(getBuffer().getType());
  if (!from.getLayout().isIdentity() || !to.getLayout().isIdentity() ||
      from.getElementType() != to.getElementType() ||
      (from.hasStaticShape() && to.hasStaticShape() &&
       from.getNumElements() != to.getNumElements()))
    return emitOpError() << "expects contiguous buffers of one element type "
                            "and as many elements, got "
                         << from << " and " << to;
  return success();
}

LogicalResult CheckOp::verify() {
  // check_c1
  if (!isOneI64(getStatus().getType()))
    return emitOpError() << "expects a status of one i64, got "
                         << getStatus().getType();
  // check_c2
  if (int64_t id = getIdAttr().getInt(); id < 1 || id > 9999)
    return emitOpError() << "expects an error id of 1 to 9999, got " << id;
  return success();
}

LogicalResult SwitchOp::verify() {
  // switch_c1
  if (failed(verifyBuckets(*this, getBuckets(), getCases().size())))
    return failure();
  // switch_c2
  auto dim = dyn_cast<BlockArgument>(getValue());
  if (!dim || !isa<ProgramOp>(dim.getOwner()->getParentOp()))
    return emitOpError("expects a dimension of the program");
  // switch_c3
  for (auto [index, steps] : llvm::enumerate(getCases()))
    if (steps.getNumArguments() != 0)
      return emitOpError() << "expects no arguments of region " << index
                           << ", got " << steps.getNumArguments();
  return success();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> inputs,
                      ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(inputs, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false,
      getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

SmallVector<MemRefType> KernelOp::getBufferTypes() {
  SmallVector<MemRefType> buffers;
  for (Type type : getArgumentTypes())
    llvm::append_range(buffers, getBackingTypes(type));
  for (Type type : getResultTypes())
    llvm::append_range(buffers, getBackingTypes(type));
  return buffers;
}

LogicalResult KernelOp::verify() {
  SmallVector<Type> values(getArgumentTypes());
  llvm::append_range(values, getResultTypes());
  // kernel_c1
  for (Type type : values)
    if (getBackingTypes(type).empty())
      return emitOpError() << "expects tensors of integers or floats, groups, "
                              "tiles or packed values in its signature, got "
                           << type;
  // kernel_c2
  if (getSizes().size() != values.size())
    return emitOpError() << "expects " << values.size()
                         << " size maps, one an argument and result, got "
                         << getSizes().size();
  for (auto [type, attribute] : llvm::zip(values, getSizes())) {
    AffineMap map = cast<AffineMapAttr>(attribute).getValue();
    if (map.getNumDims() != getNumDims() || map.getNumSymbols() != 0 ||
        map.getNumResults() != getNumDynamicSizes(type))
      return emitOpError() << "expects a size map of " << getNumDims()
                           << " dimensions and " << getNumDynamicSizes(type)
                           << " results for " << type << ", got "
                           << AffineMapAttr::get(map);
    if (failed(verifyDivisors(*this, "sizes", map)))
      return failure();
  }
  // kernel_c4
  if (auto scratch = getScratchAttr(); scratch && scratch.getInt() < 0)
    return emitOpError() << "expects scratch >= 0, got " << scratch.getInt();
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  // kernel_c3
  auto end = dyn_cast<ReturnOp>(getBody().front().getTerminator());
  if (!end || end.getOperandTypes() != getResultTypes())
    return emitOpError("expects its body to return the results");
  return success();
}

LogicalResult SizeOp::verify() {
  // size_c1
  auto kernel = cast<KernelOp>((*this)->getParentOp());
  if (getMap().getNumDims() != kernel.getNumDims() ||
      getMap().getNumSymbols() != 0 || getMap().getNumResults() != 1)
    return emitOpError() << "expects a map of the kernel's "
                         << kernel.getNumDims()
                         << " dimensions to one value, got " << getMapAttr();
  return verifyDivisors(*this, "map", getMap());
}

//===----------------------------------------------------------------------===//
// PrepareOp
//===----------------------------------------------------------------------===//

/// Bytes of a static buffer; nothing where they cannot be told.
static std::optional<int64_t> bytesOf(MemRefType type) {
  if (!type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

/// The shape of one unit's slice of a source.
static ArrayRef<int64_t> unitShape(const SourceView &view, int64_t units) {
  ArrayRef<int64_t> shape(view.shape);
  return view.perExpert || units == 1 ? shape : shape.drop_front();
}

/// Whether a kernel's argument is a unit's slice of a source. Where there is
/// one unit, a source that is led by it may be taken without it.
static bool isUnitOf(Type type, const SourceView &view, Type element,
                     int64_t units) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getElementType() != element)
    return false;
  ArrayRef<int64_t> shape = unitShape(view, units);
  bool led = !view.perExpert && units == 1 && !shape.empty() && shape[0] == 1;
  return tensor.getShape() == shape ||
         (led && tensor.getShape() == shape.drop_front());
}

LogicalResult PrepareOp::verify() {
  // prepare_c2
  auto type = cast<MemRefType>(getType());
  int64_t units = getUnitsAttr().getInt();
  std::optional<int64_t> bytes = bytesOf(type);
  if (!bytes || units < 1 || *bytes % units != 0)
    return emitOpError() << "expects units to divide a static type of integers "
                            "or floats, got "
                         << units << " units of " << type;
  // prepare_c5
  if (int64_t tasks = getTasksAttr().getInt(); tasks < 1)
    return emitOpError() << "expects tasks >= 1, got " << tasks;
  // prepare_c3
  if (getSources().empty() ||
      !llvm::all_of(getSources(), llvm::IsaPred<SourceAttr>))
    return emitOpError("expects a list of #moe.source");
  for (auto source : getSources().getAsRange<SourceAttr>()) {
    FailureOr<SourceView> view = source.getView();
    if (failed(view))
      return emitOpError() << "has a source that does not apply: "
                           << source.getViewError();
    if (!view->perExpert && units > 1 &&
        (view->shape.empty() || view->shape[0] != units))
      return emitOpError() << "expects a source of " << units << " units, got "
                           << source;
  }
  // prepare_c4
  if (getKernel())
    return success();
  if (getSources().size() != 1)
    return emitOpError() << "expects one source without a kernel, got "
                         << getSources().size();
  auto source = cast<SourceAttr>(getSources()[0]);
  SourceView view = *source.getView();
  int64_t elements = units;
  bool fits = source.getStored().getElementType() == type.getElementType();
  for (int64_t size : unitShape(view, units))
    fits &= !llvm::MulOverflow(elements, size, elements);
  if (!fits || elements != type.getNumElements())
    return emitOpError() << "expects the source to fill " << type << ", got "
                         << source;
  return success();
}

LogicalResult PrepareOp::verifySymbolUses(SymbolTableCollection &table) {
  // prepare_c1
  if (!getKernel())
    return success();
  auto kernel = table.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError() << "expects a moe_exec.kernel named "
                         << getKernelAttr();
  if (kernel.getArgumentTypes().size() != getSources().size() ||
      kernel.getResultTypes().size() != 1)
    return emitOpError() << "expects " << getKernelAttr()
                         << " to take one argument a source and give one "
                            "result";
  int64_t units = getUnitsAttr().getInt();
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    auto source = cast<SourceAttr>(getSources()[index]);
    SourceView view = *source.getView();
    Type element = source.getStored().getElementType();
    if (!isUnitOf(type, view, element, units))
      return emitOpError() << "expects argument " << index << " of "
                           << getKernelAttr() << " to be "
                           << RankedTensorType::get(unitShape(view, units),
                                                    element)
                           << ", a unit of its source, got " << type;
  }
  SmallVector<MemRefType> made = getBackingTypes(kernel.getResultTypes()[0]);
  std::optional<int64_t> bytes;
  if (made.size() == 1)
    bytes = bytesOf(made.front());
  int64_t unitBytes = *bytesOf(cast<MemRefType>(getType())) / units;
  if (!bytes || *bytes != unitBytes)
    return emitOpError() << "expects " << getKernelAttr()
                         << " to make one unit of " << unitBytes
                         << " bytes, got " << kernel.getResultTypes()[0];
  return success();
}

#define GET_OP_CLASSES
#include "moe/dialect/exec/MoeExecOps.cpp.inc"
