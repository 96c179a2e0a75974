//===- SerializeProgram.cpp - moe_exec as package tables ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/program/SerializeProgram.h"
#include "moe/dialect/semantics/TensorPattern.h"

#include "moe/dialect/exec/MoeExecOps.h"
#include "moe/passes/exec/Prepare.h"

#include "mlir/IR/AffineExprVisitor.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

std::optional<abi::DType> moe::dtypeOf(Type element) {
  if (element.isF64())
    return abi::DType::F64;
  if (element.isF32())
    return abi::DType::F32;
  if (element.isBF16())
    return abi::DType::BF16;
  if (element.isF16())
    return abi::DType::F16;
  if (isa<Float8E4M3FNType>(element))
    return abi::DType::F8E4M3;
  if (isa<Float8E5M2Type>(element))
    return abi::DType::F8E5M2;
  if (isa<Float8E8M0FNUType>(element))
    return abi::DType::F8E8M0;
  if (element.isInteger(64))
    return abi::DType::I64;
  if (element.isInteger(32))
    return abi::DType::I32;
  if (element.isInteger(16))
    return abi::DType::I16;
  if (element.isSignedInteger(8))
    return abi::DType::I8;
  if (element.isInteger(8))
    return abi::DType::U8;
  if (element.isInteger(1))
    return abi::DType::Bool;
  return std::nullopt;
}

namespace {

/// An affine expression in postfix.
struct Postfix : AffineExprVisitor<Postfix> {
  std::vector<int64_t> code;

  void put(abi::ExprOp op, int64_t operand = 0) {
    code.push_back(static_cast<int64_t>(op));
    code.push_back(operand);
  }
  void visitConstantExpr(AffineConstantExpr expr) {
    put(abi::ExprOp::Constant, expr.getValue());
  }
  void visitDimExpr(AffineDimExpr expr) {
    put(abi::ExprOp::Dim, expr.getPosition());
  }
  void visitSymbolExpr(AffineSymbolExpr) {
    llvm_unreachable("verifiers allow no symbols in sizes");
  }
  void binary(AffineBinaryOpExpr expr, abi::ExprOp op) {
    visit(expr.getLHS());
    visit(expr.getRHS());
    put(op);
  }
  void visitAddExpr(AffineBinaryOpExpr expr) { binary(expr, abi::ExprOp::Add); }
  void visitMulExpr(AffineBinaryOpExpr expr) { binary(expr, abi::ExprOp::Mul); }
  void visitModExpr(AffineBinaryOpExpr expr) { binary(expr, abi::ExprOp::Mod); }
  void visitFloorDivExpr(AffineBinaryOpExpr expr) {
    binary(expr, abi::ExprOp::FloorDiv);
  }
  void visitCeilDivExpr(AffineBinaryOpExpr expr) {
    binary(expr, abi::ExprOp::CeilDiv);
  }
};

class ProgramWriter {
public:
  ProgramWriter(ProgramOp op, const llvm::StringMap<unsigned> &kernels,
                const llvm::StringMap<unsigned> &params)
      : op(op), kernels(kernels), params(params) {}

  FailureOr<std::unique_ptr<abi::ProgramT>> write();

private:
  LogicalResult writeArg(BlockArgument argument,
                         std::vector<std::unique_ptr<abi::ArgT>> &into);
  FailureOr<std::unique_ptr<abi::StepListT>> writeSteps(Block &block);
  std::unique_ptr<abi::ExprT> expr(AffineMap map) { return serializeExpr(map); }
  /// Bytes of a buffer of the program.
  std::unique_ptr<abi::ExprT> bytesOf(Value buffer);

  ProgramOp op;
  const llvm::StringMap<unsigned> &kernels, &params;
  llvm::DenseMap<Value, abi::BufferRef> refs;
};

} // namespace

std::unique_ptr<abi::ExprT> moe::serializeExpr(AffineMap map) {
  Postfix postfix;
  postfix.visit(map.getResult(0));
  auto made = std::make_unique<abi::ExprT>();
  made->code = std::move(postfix.code);
  return made;
}

std::unique_ptr<abi::ExprT> ProgramWriter::bytesOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewOp>())
    buffer = view.getSource();
  if (auto slice = buffer.getDefiningOp<SliceOp>())
    return expr(slice.getBytes());
  auto type = cast<MemRefType>(buffer.getType());
  MLIRContext *context = type.getContext();
  AffineExpr bytes = getAffineConstantExpr(
      llvm::divideCeil(type.getElementTypeBitWidth(), 8), context);
  auto argument = dyn_cast<BlockArgument>(buffer);
  SmallVector<std::optional<unsigned>> dims;
  if (argument)
    dims = op.getArgDims(argument);
  for (auto [index, size] : llvm::enumerate(type.getShape()))
    bytes = bytes * (ShapedType::isDynamic(size)
                         ? getAffineDimExpr(*dims[index], context)
                         : getAffineConstantExpr(size, context));
  return expr(AffineMap::get(op.getNumDims(), 0, bytes));
}

LogicalResult
ProgramWriter::writeArg(BlockArgument argument,
                        std::vector<std::unique_ptr<abi::ArgT>> &into) {
  auto type = cast<MemRefType>(argument.getType());
  std::optional<abi::DType> dtype = dtypeOf(type.getElementType());
  if (!dtype)
    return op.emitOpError() << "has a buffer '" << op.getArgName(argument)
                            << "' of an element type that packages do not "
                               "have: "
                            << type.getElementType();
  auto arg = std::make_unique<abi::ArgT>();
  arg->name = op.getArgName(argument).str();
  arg->dtype = static_cast<uint8_t>(*dtype);
  for (auto [size, dim] : llvm::zip(type.getShape(), op.getArgDims(argument))) {
    arg->sizes.push_back(ShapedType::isDynamic(size) ? -1 : size);
    arg->dims.push_back(dim ? static_cast<int32_t>(*dim) : -1);
  }
  into.push_back(std::move(arg));
  return success();
}

FailureOr<std::unique_ptr<abi::StepListT>>
ProgramWriter::writeSteps(Block &block) {
  auto list = std::make_unique<abi::StepListT>();
  auto add = [&](auto &&body) {
    auto step = std::make_unique<abi::StepT>();
    step->body.Set(std::forward<decltype(body)>(body));
    list->steps.push_back(std::move(step));
  };
  for (Operation &inner : block) {
    if (auto launch = dyn_cast<LaunchOp>(inner)) {
      abi::LaunchT step;
      step.kernel = kernels.lookup(launch.getKernel());
      for (Value arg : launch.getArgs())
        step.args.push_back(refs.at(arg));
      if (launch.getTasks())
        step.tasks = expr(*launch.getTasks());
      if (launch.getCount())
        step.count =
            std::make_unique<abi::BufferRef>(refs.at(launch.getCount()));
      step.multiplier = launch.getTimes();
      add(std::move(step));
    } else if (auto copy = dyn_cast<CopyOp>(inner)) {
      abi::CopyT step;
      step.source = std::make_unique<abi::BufferRef>(refs.at(copy.getSource()));
      step.target = std::make_unique<abi::BufferRef>(refs.at(copy.getTarget()));
      step.bytes = bytesOf(copy.getSource());
      add(std::move(step));
    } else if (auto check = dyn_cast<CheckOp>(inner)) {
      abi::CheckT step;
      step.status =
          std::make_unique<abi::BufferRef>(refs.at(check.getStatus()));
      step.id = check.getId();
      step.message = check.getMessage().value_or("").str();
      add(std::move(step));
    } else if (auto choice = dyn_cast<SwitchOp>(inner)) {
      abi::SwitchT step;
      step.dim = cast<BlockArgument>(choice.getValue()).getArgNumber();
      llvm::append_range(step.buckets, choice.getBuckets());
      for (Region &region : choice.getCases()) {
        auto steps = writeSteps(region.front());
        if (failed(steps))
          return failure();
        step.cases.push_back(std::move(*steps));
      }
      add(std::move(step));
    } else if (auto view = dyn_cast<ViewOp>(inner)) {
      refs.insert({view.getBuffer(), refs.at(view.getSource())});
    } else if (!isa<WorkspaceOp, SliceOp, UseParamOp, EndOp>(inner)) {
      return inner.emitOpError("is not a step of a program");
    }
  }
  return list;
}

FailureOr<std::unique_ptr<abi::ProgramT>> ProgramWriter::write() {
  auto program = std::make_unique<abi::ProgramT>();
  program->name = op.getSymName().str();
  for (BlockArgument dim : op.getDims()) {
    auto made = std::make_unique<abi::DimT>();
    made->name = op.getArgName(dim).str();
    made->bound = op.getDimBound(dim.getArgNumber());
    program->dims.push_back(std::move(made));
  }
  auto addRef = [&](Value buffer, abi::BufferKind kind, size_t index) {
    refs.insert({buffer, abi::BufferRef(kind, index)});
  };
  for (auto [index, input] : llvm::enumerate(op.getInputs())) {
    addRef(input, abi::BufferKind::Input, index);
    if (failed(writeArg(input, program->inputs)))
      return failure();
  }
  for (auto [index, output] : llvm::enumerate(op.getOutputs())) {
    addRef(output, abi::BufferKind::Output, index);
    if (failed(writeArg(output, program->outputs)))
      return failure();
  }
  program->workspace = expr(AffineMap::getConstantMap(0, op.getContext()));
  for (Operation &inner : op.getBody().front()) {
    if (auto workspace = dyn_cast<WorkspaceOp>(inner)) {
      program->workspace = expr(workspace.getSize());
    } else if (auto slice = dyn_cast<SliceOp>(inner)) {
      addRef(slice.getBuffer(), abi::BufferKind::Slice, program->slices.size());
      auto made = std::make_unique<abi::SliceT>();
      made->offset = expr(slice.getOffset());
      made->bytes = expr(slice.getBytes());
      program->slices.push_back(std::move(made));
    } else if (auto param = dyn_cast<UseParamOp>(inner)) {
      addRef(param.getBuffer(), abi::BufferKind::Param,
             params.lookup(param.getPrepare()));
    }
  }
  auto steps = writeSteps(op.getBody().front());
  if (failed(steps))
    return failure();
  program->steps = std::move(*steps);
  return program;
}

/// How many tasks a preparation of one unit has: the kernel's own map, which
/// has no dimensions.
static FailureOr<std::unique_ptr<abi::ParamT>>
writeParam(PrepareOp op, const llvm::StringMap<unsigned> &kernels) {
  auto param = std::make_unique<abi::ParamT>();
  auto type = cast<MemRefType>(op.getType());
  std::optional<abi::DType> dtype = dtypeOf(type.getElementType());
  if (!dtype)
    return op.emitOpError() << "has an element type that packages do not have: "
                            << type.getElementType();
  param->name = op.getSymName().str();
  param->dtype = static_cast<uint8_t>(*dtype);
  llvm::append_range(param->shape, type.getShape());
  param->bytes = type.getNumElements() *
                 llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  param->units = op.getUnits();
  if (op.getKernel())
    param->kernel = kernels.lookup(*op.getKernel());
  param->tasks = op.getTasks();
  auto rules = op->getAttrOfType<DenseI64ArrayAttr>(kValueRulesAttr);
  for (auto [index, attribute] :
       llvm::enumerate(op.getSources().getAsRange<SourceAttr>())) {
    SourceView view = *attribute.getView();
    auto source = std::make_unique<abi::SourceT>();
    if (int64_t rule = rules ? rules[index] : 0) {
      source->values = rule == kNoE8M0NaN ? abi::ValueRule::NoE8M0NaN
                                          : abi::ValueRule::Below;
      source->limit = std::max<int64_t>(rule, 0);
    }
    std::optional<abi::DType> stored =
        dtypeOf(attribute.getStored().getElementType());
    if (!stored)
      return op.emitOpError()
             << "has a source of an element type that packages do not have: "
             << attribute.getStored().getElementType();
    source->pattern = attribute.getPattern().str();
    if (auto number = semantics::expertNumberIn(source->pattern)) {
      source->pattern.replace(number->at, number->length, "{e}");
      source->first_expert = number->first;
    }
    source->dtype = static_cast<uint8_t>(*stored);
    llvm::append_range(source->stored_shape, attribute.getStored().getShape());
    source->per_expert = view.perExpert;
    source->offset = view.offset;
    llvm::append_range(source->shape, view.shape);
    llvm::append_range(source->strides, view.strides);
    param->sources.push_back(std::move(source));
  }
  return param;
}

FailureOr<std::unique_ptr<abi::VariantT>>
moe::serializeVariant(ModuleOp module) {
  auto variant = std::make_unique<abi::VariantT>();
  llvm::StringMap<unsigned> kernels, params;
  for (auto op : module.getOps<KernelOp>()) {
    kernels[op.getSymName()] = variant->kernels.size();
    auto kernel = std::make_unique<abi::KernelT>();
    kernel->name = op.getSymName().str();
    kernel->scratch = op.getScratch().value_or(0);
    variant->kernels.push_back(std::move(kernel));
  }
  for (auto op : module.getOps<PrepareOp>()) {
    params[op.getSymName()] = variant->params.size();
    auto param = writeParam(op, kernels);
    if (failed(param))
      return failure();
    variant->params.push_back(std::move(*param));
  }
  for (auto op : module.getOps<ProgramOp>()) {
    auto program = ProgramWriter(op, kernels, params).write();
    if (failed(program))
      return failure();
    variant->programs.push_back(std::move(*program));
  }
  return variant;
}
