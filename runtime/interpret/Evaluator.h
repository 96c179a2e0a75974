//===- Evaluator.h - The loop over ops --------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function is numbered once: every value has a slot, every op its handler and
// the slots it reads, writes and ends. Handlers of a family of ops live in a
// file of their own and see the evaluator through a Call. A value that an op is
// the last to read can be taken instead of copied: that is what lets a loop
// update a tensor in place.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_EVALUATOR_H
#define MOE_RUNTIME_INTERPRET_EVALUATOR_H

#include "moe/runtime/interpret/Fault.h"
#include "moe/runtime/interpret/Interpret.h"
#include "moe/runtime/interpret/LaneProgram.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

namespace moe::interpret {

class Evaluator;
class Call;
using Handler = core::Status (*)(Call &call);
/// From op name to handler.
using HandlerTable = llvm::StringMap<Handler>;

/// An op as it is run.
struct Step {
  mlir::Operation *op = nullptr;
  Handler handler = nullptr;
  llvm::SmallVector<unsigned, 4> operands, results;
  /// Slots that nobody reads after this op.
  llvm::SmallVector<unsigned, 4> dead;
  /// Operands that this op alone is the last to read: they may be taken.
  llvm::SmallVector<bool, 4> takeable;
};

struct BlockCode {
  llvm::SmallVector<unsigned, 4> arguments;
  std::vector<Step> steps;
};

/// A function, numbered.
struct FunctionCode {
  unsigned numSlots = 0;
  llvm::DenseMap<mlir::Value, unsigned> slots;
  llvm::DenseMap<mlir::Block *, BlockCode> blocks;
};

/// The values of one activation of a function.
struct Frame {
  const FunctionCode *code = nullptr;
  std::vector<Value> slots;
};

/// An op in the middle of being run.
class Call {
public:
  Call(Evaluator &evaluator, Frame &frame, const Step &step)
      : evaluator(evaluator), frame(frame), step(step) {}

  Evaluator &evaluator;
  Frame &frame;
  const Step &step;

  mlir::Operation *op() const { return step.op; }
  template <typename OpT> OpT as() const { return mlir::cast<OpT>(step.op); }

  const Value &operand(unsigned index) const {
    return frame.slots[step.operands[index]];
  }
  /// The value of any operand of the op, by position.
  const Value &valueOf(mlir::OpOperand &operand) const {
    return this->operand(operand.getOperandNumber());
  }
  /// The operand itself where this op is its last reader, else a copy.
  Value take(unsigned index);
  int64_t integer(unsigned index) const { return operand(index).scalar().i; }
  /// A size, offset or stride: an attribute or an operand.
  int64_t integer(mlir::OpFoldResult value) const;
  llvm::SmallVector<int64_t>
  integers(llvm::ArrayRef<mlir::OpFoldResult> values) const;
  /// An operand as a dense tensor; decodes a lazy one.
  core::Result<Array> array(unsigned index);
  core::Result<Array> takeArray(unsigned index);
  /// A variadic list of index operands.
  llvm::SmallVector<int64_t> integers(unsigned first, unsigned count) const;

  void setResult(unsigned index, Value value) {
    frame.slots[step.results[index]] = std::move(value);
  }
  Element resultElement(unsigned index = 0) const {
    return *Element::ofElements(step.op->getResult(index).getType());
  }
  /// An array to be filled.
  Array newArray(Element element, llvm::ArrayRef<int64_t> shape) const;

  core::Error fault(const llvm::Twine &message) const {
    return faultAt(step.op, message);
  }
  /// The program of a region of scalars, captures bound.
  core::Result<LaneProgram *> lanes(mlir::Block &block);
  /// Runs a block on these arguments, which move into it; `yielded` is what its
  /// terminator names.
  core::Status run(mlir::Block &block, llvm::MutableArrayRef<Value> arguments,
                   llvm::SmallVectorImpl<Value> &yielded);
};

class Evaluator {
public:
  Evaluator(const WeightLookup &weights, const Options &options);

  /// Runs a function; `results` are what it returns.
  core::Status call(mlir::func::FuncOp function,
                    llvm::MutableArrayRef<Value> arguments,
                    llvm::SmallVectorImpl<Value> &results);

  core::Status run(Frame &frame, mlir::Block &block,
                   llvm::MutableArrayRef<Value> arguments,
                   llvm::SmallVectorImpl<Value> &yielded);
  core::Result<LaneProgram *> lanes(Frame &frame, mlir::Block &block);
  /// Decodes a lazy tensor in its slot.
  core::Result<Array> dense(Frame &frame, unsigned slot);

  /// Counts `units` of work, an op or as much; an error at the limit.
  core::Status charge(mlir::Operation *op, int64_t units);

  bool exact() const { return options.exact; }
  const WeightLookup &weights() const { return lookup; }
  const std::shared_ptr<MemoryBudget> &memory() const { return budget; }
  mlir::SymbolTableCollection &symbols() { return symbolTables; }
  /// The op that is running: an allocation that fails is its error.
  mlir::Operation *current() const { return running; }

private:
  const FunctionCode &codeOf(mlir::func::FuncOp function);
  core::Status runSteps(Frame &frame, mlir::Block &block,
                        llvm::MutableArrayRef<Value> arguments,
                        llvm::SmallVectorImpl<Value> &yielded);
  Handler handlerOf(mlir::Operation &op) const;
  void numberBlock(FunctionCode &code, mlir::Block &block) const;

  const WeightLookup &lookup;
  Options options;
  std::shared_ptr<MemoryBudget> budget;
  /// Of ops that a verifier has seen, and of those in generic form.
  HandlerTable handlers, frontEndHandlers;
  mlir::SymbolTableCollection symbolTables;
  llvm::DenseMap<mlir::Operation *, std::unique_ptr<FunctionCode>> functions;
  llvm::DenseMap<mlir::Block *, std::unique_ptr<LaneProgram>> programs;
  mlir::Operation *running = nullptr;
  int64_t spent = 0;
  unsigned depth = 0;
};

// The families of ops, a file each.
void addScalarOps(HandlerTable &table);
void addTensorOps(HandlerTable &table);
void addSliceOps(HandlerTable &table);
void addControlOps(HandlerTable &table);
void addFrontEndOps(HandlerTable &table);
void addWeightOps(HandlerTable &table);
void addRouteOps(HandlerTable &table);
void addExpertOps(HandlerTable &table);
void addGroupedOps(HandlerTable &table);
void addMixOps(HandlerTable &table);
/// linalg is known by its interface.
core::Status evaluateLinalg(Call &call);

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_EVALUATOR_H
