//===- ControlOps.cpp - scf, func.call, cf.assert -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values carried by a loop are moved from iteration to iteration, never copied:
// a tensor that only the loop holds is updated in place.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace moe;
using namespace moe::interpret;

static void setResults(Call &call, llvm::MutableArrayRef<Value> values) {
  for (auto [index, value] : llvm::enumerate(values))
    call.setResult(index, std::move(value));
}

static llvm::SmallVector<Value> takeFrom(Call &call, unsigned first) {
  llvm::SmallVector<Value> values;
  for (unsigned index = first; index < call.step.operands.size(); ++index)
    values.push_back(call.take(index));
  return values;
}

static core::Status forLoop(Call &call) {
  auto op = call.as<mlir::scf::ForOp>();
  Element element = *Element::of(op.getInductionVar().getType());
  bool isUnsigned = op.getUnsignedCmp();
  int64_t lower = call.integer(0), upper = call.integer(1),
          step = call.integer(2);
  if (step == 0 || (step < 0 && !isUnsigned))
    return call.fault("expects a positive step, got " + llvm::Twine(step));
  auto below = [&](int64_t a, int64_t b) {
    return isUnsigned
               ? asUnsigned(a, element.width) < asUnsigned(b, element.width)
               : a < b;
  };
  llvm::SmallVector<Value> carried = takeFrom(call, 3), arguments;
  for (int64_t index = lower; below(index, upper);) {
    arguments.clear();
    arguments.push_back(cellOf(index));
    for (Value &value : carried)
      arguments.push_back(std::move(value));
    if (core::Status status = call.run(*op.getBody(), arguments, carried);
        !status)
      return status;
    // The last step may leave the type's range: then the loop is over.
    int64_t next = wrapInt(static_cast<int64_t>(static_cast<uint64_t>(index) +
                                                static_cast<uint64_t>(step)),
                           element.width);
    if (!below(index, next))
      break;
    index = next;
  }
  setResults(call, carried);
  return core::Status::ok();
}

static core::Status ifElse(Call &call) {
  auto op = call.as<mlir::scf::IfOp>();
  mlir::Region &region =
      call.integer(0) ? op.getThenRegion() : op.getElseRegion();
  llvm::SmallVector<Value> results;
  if (!region.empty())
    if (core::Status status = call.run(region.front(), {}, results); !status)
      return status;
  setResults(call, results);
  return core::Status::ok();
}

static core::Status whileLoop(Call &call) {
  auto op = call.as<mlir::scf::WhileOp>();
  llvm::SmallVector<Value> carried = takeFrom(call, 0), condition;
  while (true) {
    if (core::Status status = call.run(*op.getBeforeBody(), carried, condition);
        !status)
      return status;
    bool goesOn = condition.front().scalar().i != 0;
    llvm::MutableArrayRef<Value> values =
        llvm::MutableArrayRef<Value>(condition).drop_front();
    if (!goesOn) {
      setResults(call, values);
      return core::Status::ok();
    }
    if (core::Status status = call.run(*op.getAfterBody(), values, carried);
        !status)
      return status;
  }
}

static core::Status indexSwitch(Call &call) {
  auto op = call.as<mlir::scf::IndexSwitchOp>();
  mlir::Block *block = &op.getDefaultBlock();
  for (auto [index, value] : llvm::enumerate(op.getCases()))
    if (value == call.integer(0))
      block = &op.getCaseBlock(index);
  llvm::SmallVector<Value> results;
  if (core::Status status = call.run(*block, {}, results); !status)
    return status;
  setResults(call, results);
  return core::Status::ok();
}

static core::Status callFunction(Call &call) {
  auto op = call.as<mlir::func::CallOp>();
  auto callee =
      call.evaluator.symbols().lookupNearestSymbolFrom<mlir::func::FuncOp>(
          op, op.getCalleeAttr());
  if (!callee)
    return call.fault("calls '" + op.getCallee() + "', which is no function");
  llvm::SmallVector<Value> arguments = takeFrom(call, 0), results;
  if (core::Status status = call.evaluator.call(callee, arguments, results);
      !status)
    return status;
  setResults(call, results);
  return core::Status::ok();
}

static core::Status assertion(Call &call) {
  if (call.integer(0))
    return core::Status::ok();
  return call.fault("fails: " + call.as<mlir::cf::AssertOp>().getMsg());
}

void interpret::addControlOps(HandlerTable &table) {
  table["scf.for"] = forLoop;
  table["scf.if"] = ifElse;
  table["scf.while"] = whileLoop;
  table["scf.index_switch"] = indexSwitch;
  table["func.call"] = callFunction;
  table["cf.assert"] = assertion;
}
