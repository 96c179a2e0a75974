//===- PrintLeaf.cpp - Leaf functions as CUDA C++ -------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Statements, loops and memory. What a scalar op is in C++ is in
// PrintScalar.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/PrintLeaf.h"

#include "moe/codegen/cuda/PrintScalar.h"
#include "moe/codegen/leaf/LeafBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

void LeafPrinter::name(Value value, std::string text) {
  values[value] = {std::move(text)};
}

std::string LeafPrinter::fresh(StringRef stem) {
  unsigned number = counters[stem]++;
  return (stem + Twine(number)).str();
}

/// What a value is called by what makes it.
static StringRef stemOf(Operation *op) {
  if (auto call = dyn_cast<func::CallOp>(op)) // once a function
    return call.getCallee() == "blockIndex" ? "task" : "thread";
  if (isa<LLVM::LoadOp>(op))
    return "a";
  if (isa<IntegerType, IndexType>(op->getResult(0).getType()))
    return "n";
  return "v";
}

const ScalarText &LeafPrinter::expression(Value value) {
  auto it = values.find(value);
  if (it != values.end())
    return it->second;
  ScalarText made = compute(value.getDefiningOp());
  return values[value] = std::move(made);
}

/// Whether an op becomes a statement of its own, rather than a part of the
/// statement that uses it.
bool LeafPrinter::standsAlone(Operation *op) {
  if (isa<arith::ConstantOp, LLVM::GEPOp, LLVM::AddressOfOp>(op))
    return false;
  if (!isMemoryEffectFree(op) || op->getNumRegions() > 0)
    return true;
  if (op->use_empty())
    return false; // nothing needs it
  // Printed where it is used: once, and not in a loop that it is outside of.
  return !op->hasOneUse() ||
         (*op->user_begin())->getBlock() != op->getBlock() ||
         text(op->getResult(0)).size() > 60;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// A pointer expression to bytes, or what it points into.
std::string LeafPrinter::pointer(Value value) {
  if (auto gep = value.getDefiningOp<LLVM::GEPOp>()) {
    const int64_t unit =
        llvm::divideCeil(gep.getElemType().getIntOrFloatBitWidth(), 8);
    std::string index;
    if (gep.getDynamicIndices().empty())
      index = std::to_string(unit * gep.getRawConstantIndices()[0]);
    else
      index =
          expression(gep.getDynamicIndices()[0]).within(ScalarText::Product) +
          (unit == 1 ? "" : " * " + std::to_string(unit));
    return "offset(" + pointer(gep.getBase()) + ", " + index + ")";
  }
  return text(value);
}

/// The base of an access of a type, and the index of its element.
std::string LeafPrinter::access(Value address, Type type, std::string &index) {
  index = "0";
  auto gep = address.getDefiningOp<LLVM::GEPOp>();
  if (!gep || llvm::divideCeil(gep.getElemType().getIntOrFloatBitWidth(), 8) !=
                  static_cast<uint64_t>(leaf::byteWidth(type)))
    return pointer(address);
  index = gep.getDynamicIndices().empty()
              ? std::to_string(gep.getRawConstantIndices()[0])
              : text(gep.getDynamicIndices()[0]);
  return pointer(gep.getBase());
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

ScalarText LeafPrinter::compute(Operation *op) {
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    std::string index;
    std::string base = access(load.getAddr(), load.getType(), index);
    Value root = load.getAddr();
    while (auto gep = root.getDefiningOp<LLVM::GEPOp>())
      root = gep.getBase();
    if (root.getDefiningOp<LLVM::AddressOfOp>())
      return {base + "[" + index + "]"};
    return {"loadAt<" + typeName(load.getType()) + ">(" + base + ", " + index +
            ")"};
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    std::string arguments;
    for (Value argument : call.getOperands())
      arguments += (arguments.empty() ? "" : ", ") + text(argument);
    return {(call.getCallee() + "(" + arguments + ")").str()};
  }
  SmallVector<ScalarOperand> operands;
  for (Value value : op->getOperands())
    operands.push_back({value.getType(), expression(value)});
  return scalarText(op, operands);
}

/// Whether an expression mentions a name.
static bool mentions(StringRef text, StringRef name) {
  auto partOfName = [&](size_t at) {
    return at < text.size() && llvm::isAlnum(text[at]);
  };
  for (size_t at = text.find(name); at != StringRef::npos;
       at = text.find(name, at + 1))
    if (!partOfName(at + name.size()) && (at == 0 || !partOfName(at - 1)))
      return true;
  return false;
}

/// Assigns values that are all of the moment before: one that mentions what is
/// assigned ahead of it is kept first.
void LeafPrinter::assign(Operation *yield, ArrayRef<std::string> to,
                         unsigned indent) {
  SmallVector<std::string> from;
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    from.push_back(text(value));
    if (llvm::none_of(to.take_front(index), [&](const std::string &name) {
          return mentions(from.back(), name);
        }))
      continue;
    std::string name = fresh("next");
    os.indent(indent) << "const " << typeName(value.getType()) << " " << name
                      << " = " << from.back() << ";\n";
    from.back() = name;
  }
  for (auto [target, source] : llvm::zip(to, from))
    if (target != source)
      os.indent(indent) << target << " = " << source << ";\n";
}

void LeafPrinter::loop(Operation *op, unsigned indent) {
  auto loop = cast<scf::ForOp>(op);
  SmallVector<std::string> carried;
  for (auto [init, argument, result] : llvm::zip(
           loop.getInitArgs(), loop.getRegionIterArgs(), loop.getResults())) {
    carried.push_back(fresh("sum"));
    os.indent(indent) << typeName(init.getType()) << " " << carried.back()
                      << " = " << text(init) << ";\n";
    name(argument, carried.back());
    name(result, carried.back());
  }
  std::string index = fresh("i");
  name(loop.getInductionVar(), index);
  std::string step = text(loop.getStep());
  os.indent(indent)
      << "for (i64 " << index << " = " << text(loop.getLowerBound()) << "; "
      << index << " < "
      << expression(loop.getUpperBound()).within(ScalarText::Shift) << "; "
      << (step == "1" ? "++" + index : index + " += " + step) << ") {\n";
  body(*loop.getBody(), indent + 2);
  assign(loop.getBody()->getTerminator(), carried, indent + 2);
  os.indent(indent) << "}\n";
}

void LeafPrinter::branch(Operation *op, unsigned indent) {
  auto branch = cast<scf::IfOp>(op);
  SmallVector<std::string> results;
  for (Value result : branch.getResults()) {
    results.push_back(fresh("v"));
    os.indent(indent) << typeName(result.getType()) << " " << results.back()
                      << ";\n";
    name(result, results.back());
  }
  os.indent(indent) << "if (" << text(branch.getCondition()) << ") {\n";
  body(*branch.thenBlock(), indent + 2);
  assign(branch.thenBlock()->getTerminator(), results, indent + 2);
  if (branch.elseBlock()) {
    os.indent(indent) << "} else {\n";
    body(*branch.elseBlock(), indent + 2);
    assign(branch.elseBlock()->getTerminator(), results, indent + 2);
  }
  os.indent(indent) << "}\n";
}

void LeafPrinter::statement(Operation *op, unsigned indent) {
  if (isa<scf::ForOp>(op))
    return loop(op, indent);
  if (isa<scf::IfOp>(op))
    return branch(op, indent);
  if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    std::string index;
    Type type = store.getValue().getType();
    std::string base = access(store.getAddr(), type, index);
    os.indent(indent) << "storeAt<" << typeName(type) << ">(" << base << ", "
                      << index << ", " << text(store.getValue()) << ");\n";
    return;
  }
  if (op->getNumResults() == 0) {
    os.indent(indent) << compute(op).text << ";\n";
    return;
  }
  Value result = op->getResult(0);
  std::string expression = text(result);
  std::string called =
      isa<func::CallOp>(op) ? stemOf(op).str() : fresh(stemOf(op));
  os.indent(indent) << "const " << typeName(result.getType()) << " " << called
                    << " = " << expression << ";\n";
  name(result, called);
}

void LeafPrinter::body(Block &block, unsigned indent) {
  for (Operation &op : block.without_terminator())
    if (standsAlone(&op))
      statement(&op, indent);
}
