//===- Evaluator.cpp - The loop over ops ----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseSet.h"

using namespace moe;
using namespace moe::interpret;

/// Regions and calls in each other: more than any layer has, fewer than the
/// stack holds.
static constexpr unsigned kMaxDepth = 500;

//===----------------------------------------------------------------------===//
// Numbering
//===----------------------------------------------------------------------===//

/// Uses of each value below `op`, and the values themselves in order.
static void collectUses(mlir::Operation *op,
                        llvm::SmallVectorImpl<mlir::Value> &values,
                        llvm::DenseMap<mlir::Value, unsigned> &uses) {
  op->walk([&](mlir::Operation *inner) {
    for (mlir::Value operand : inner->getOperands())
      if (uses[operand]++ == 0)
        values.push_back(operand);
  });
}

/// Handlers rely on what verifiers have checked, so an op that only bears the
/// name of a known one has none.
Handler Evaluator::handlerOf(mlir::Operation &op) const {
  const HandlerTable &table = op.isRegistered() ? handlers : frontEndHandlers;
  auto handler = table.find(op.getName().getStringRef());
  if (handler != table.end())
    return handler->second;
  return mlir::isa<mlir::linalg::LinalgOp>(op) ? evaluateLinalg : nullptr;
}

void Evaluator::numberBlock(FunctionCode &code, mlir::Block &block) const {
  auto slotOf = [&](mlir::Value value) {
    return code.slots.try_emplace(value, code.slots.size()).first->second;
  };
  BlockCode result;
  for (mlir::BlockArgument argument : block.getArguments())
    result.arguments.push_back(slotOf(argument));

  for (mlir::Operation &op : block) {
    Step step;
    step.op = &op;
    step.handler = handlerOf(op);
    for (mlir::Value operand : op.getOperands())
      step.operands.push_back(slotOf(operand));
    for (mlir::Value value : op.getResults())
      step.results.push_back(slotOf(value));
    result.steps.push_back(std::move(step));
    for (mlir::Region &region : op.getRegions())
      for (mlir::Block &inner : region)
        numberBlock(code, inner);
  }

  // Backwards: the first op met that uses a value of this block is its last.
  llvm::DenseSet<mlir::Value> ended;
  for (Step &step : llvm::reverse(result.steps)) {
    llvm::SmallVector<mlir::Value> values;
    llvm::DenseMap<mlir::Value, unsigned> uses;
    collectUses(step.op, values, uses);
    llvm::DenseSet<mlir::Value> endsHere;
    for (mlir::Value value : values)
      if (value.getParentBlock() == &block && ended.insert(value).second) {
        endsHere.insert(value);
        step.dead.push_back(slotOf(value));
      }
    for (mlir::Value operand : step.op->getOperands())
      step.takeable.push_back(endsHere.contains(operand) && uses[operand] == 1);
    // A result that nobody reads.
    for (mlir::Value value : step.op->getResults())
      if (value.use_empty())
        step.dead.push_back(slotOf(value));
  }
  code.blocks[&block] = std::move(result);
}

const FunctionCode &Evaluator::codeOf(mlir::func::FuncOp function) {
  std::unique_ptr<FunctionCode> &code = functions[function];
  if (!code) {
    code = std::make_unique<FunctionCode>();
    for (mlir::Block &block : function.getBody())
      numberBlock(*code, block);
    code->numSlots = code->slots.size();
  }
  return *code;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Evaluator::Evaluator(const WeightLookup &weights, const Options &options)
    : lookup(weights), options(options),
      budget(std::make_shared<MemoryBudget>(MemoryBudget{options.maxBytes})) {
  addScalarOps(handlers);
  addTensorOps(handlers);
  addSliceOps(handlers);
  addControlOps(handlers);
  addFrontEndOps(frontEndHandlers);
  addWeightOps(handlers);
  addRouteOps(handlers);
  addExpertOps(handlers);
  addGroupedOps(handlers);
  addMixOps(handlers);
}

core::Status Evaluator::call(mlir::func::FuncOp function,
                             llvm::MutableArrayRef<Value> arguments,
                             llvm::SmallVectorImpl<Value> &results) {
  if (function.isExternal())
    return faultAt(function, core::ErrorId::InterpreterUnsupported,
                   "has no body");
  if (!function.getBody().hasOneBlock())
    return faultAt(function, core::ErrorId::InterpreterUnsupported,
                   "has branches; the interpreter runs structured control "
                   "flow (scf)");
  Frame frame;
  frame.code = &codeOf(function);
  frame.slots.resize(frame.code->numSlots);
  return run(frame, function.getBody().front(), arguments, results);
}

/// Tensors are what their types say. Handlers of ops with a verifier can count
/// on it for ranks and elements, but sizes are known only now.
static core::Status checkResults(const Call &call) {
  for (auto [slot, result] :
       llvm::zip_equal(call.step.results, call.op()->getResults())) {
    const Array *array = std::get_if<Array>(&call.frame.slots[slot]);
    if (!array)
      continue;
    auto type = mlir::dyn_cast<mlir::RankedTensorType>(result.getType());
    bool fits = type && type.getRank() == array->rank() &&
                Element::ofElements(type) == array->element();
    for (int64_t dim = 0; fits && dim < array->rank(); ++dim)
      fits =
          type.isDynamicDim(dim) || type.getDimSize(dim) == array->shape()[dim];
    if (!fits) {
      std::string text;
      llvm::raw_string_ostream(text) << result.getType();
      return call.fault("makes a tensor of shape " + shapeText(array->shape()) +
                        " for the type " + text);
    }
  }
  return core::Status::ok();
}

core::Status Evaluator::run(Frame &frame, mlir::Block &block,
                            llvm::MutableArrayRef<Value> arguments,
                            llvm::SmallVectorImpl<Value> &yielded) {
  if (depth == kMaxDepth)
    return faultAt(block.getParentOp(), "is more than " +
                                            llvm::Twine(kMaxDepth) +
                                            " regions and calls deep");
  ++depth;
  core::Status status = runSteps(frame, block, arguments, yielded);
  --depth;
  return status;
}

core::Status Evaluator::runSteps(Frame &frame, mlir::Block &block,
                                 llvm::MutableArrayRef<Value> arguments,
                                 llvm::SmallVectorImpl<Value> &yielded) {
  const BlockCode &code = frame.code->blocks.find(&block)->second;
  for (auto [slot, value] : llvm::zip_equal(code.arguments, arguments))
    frame.slots[slot] = std::move(value);
  yielded.clear();
  for (const Step &step : code.steps) {
    running = step.op;
    Call call(*this, frame, step);
    if (core::Status status = charge(step.op, 1); !status)
      return status;
    if (step.op->hasTrait<mlir::OpTrait::IsTerminator>()) {
      if (step.op->getNumSuccessors() != 0)
        return unsupported(step.op);
      for (unsigned index = 0; index < step.operands.size(); ++index)
        yielded.push_back(call.take(index));
    } else if (!step.handler) {
      return unsupported(step.op);
    } else if (core::Status status = step.handler(call); !status) {
      return status;
    } else if (core::Status status = checkResults(call); !status) {
      return status;
    }
    for (unsigned slot : step.dead)
      frame.slots[slot] = std::monostate();
  }
  return core::Status::ok();
}

core::Status Evaluator::charge(mlir::Operation *op, int64_t units) {
  if (units > options.maxSteps - spent)
    return faultAt(op, "was reached after " + llvm::Twine(spent) +
                           " steps; the interpreter stops a program after " +
                           llvm::Twine(options.maxSteps));
  spent += units;
  return core::Status::ok();
}

core::Result<LaneProgram *> Evaluator::lanes(Frame &frame, mlir::Block &block) {
  std::unique_ptr<LaneProgram> &program = programs[&block];
  if (!program) {
    core::Result<std::unique_ptr<LaneProgram>> compiled =
        LaneProgram::compile(block, options.exact);
    if (!compiled)
      return compiled.takeError();
    program = std::move(*compiled);
  }
  llvm::SmallVector<const Value *> values;
  for (mlir::Value captured : program->captures()) {
    unsigned slot = frame.code->slots.find(captured)->second;
    if (mlir::isa<mlir::RankedTensorType>(captured.getType()))
      if (core::Result<Array> array = dense(frame, slot); !array)
        return array.takeError();
    values.push_back(&frame.slots[slot]);
  }
  program->bind(values);
  return program.get();
}

core::Result<Array> Evaluator::dense(Frame &frame, unsigned slot) {
  Value &value = frame.slots[slot];
  if (auto *lazy = std::get_if<std::shared_ptr<const LazyArray>>(&value)) {
    core::Result<Array> array = (*lazy)->read(-1);
    if (!array)
      return array.takeError();
    value = std::move(*array);
  }
  return std::get<Array>(value);
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

Value Call::take(unsigned index) {
  Value &value = frame.slots[step.operands[index]];
  if (step.takeable[index])
    return std::move(value);
  return value;
}

core::Result<Array> Call::array(unsigned index) {
  return evaluator.dense(frame, step.operands[index]);
}

core::Result<Array> Call::takeArray(unsigned index) {
  core::Result<Array> array = this->array(index);
  if (array && step.takeable[index])
    frame.slots[step.operands[index]] = std::monostate();
  return array;
}

llvm::SmallVector<int64_t> Call::integers(unsigned first,
                                          unsigned count) const {
  llvm::SmallVector<int64_t> values;
  for (unsigned index = first; index < first + count; ++index)
    values.push_back(integer(index));
  return values;
}

int64_t Call::integer(mlir::OpFoldResult value) const {
  if (auto attribute = llvm::dyn_cast<mlir::Attribute>(value))
    return mlir::cast<mlir::IntegerAttr>(attribute).getInt();
  unsigned slot =
      frame.code->slots.find(llvm::cast<mlir::Value>(value))->second;
  return frame.slots[slot].scalar().i;
}

llvm::SmallVector<int64_t>
Call::integers(llvm::ArrayRef<mlir::OpFoldResult> values) const {
  return llvm::map_to_vector(
      values, [&](mlir::OpFoldResult value) { return integer(value); });
}

Array Call::newArray(Element element, llvm::ArrayRef<int64_t> shape) const {
  return Array(evaluator.memory(), element, shape);
}

core::Result<LaneProgram *> Call::lanes(mlir::Block &block) {
  return evaluator.lanes(frame, block);
}

core::Status Call::run(mlir::Block &block,
                       llvm::MutableArrayRef<Value> arguments,
                       llvm::SmallVectorImpl<Value> &yielded) {
  return evaluator.run(frame, block, arguments, yielded);
}
