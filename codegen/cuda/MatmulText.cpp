//===- MatmulText.cpp - Matmuls as CUDA C++ -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A main loop of device/ is told its op and plan by a struct of constants, and
// what to do with its sums by a functor that is printed from the op's region.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/EmitLeaf.h"
#include "moe/codegen/cuda/KernelText.h"
#include "moe/codegen/leaf/LeafFrame.h"

#include "mlir/IR/TypeUtilities.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

static std::string elementName(Value tensor) {
  return typeName(getElementTypeOrSelf(tensor.getType()));
}

std::string moe::cuda::planSubject(GroupedMatmulOp op) {
  return llvm::formatv("plan of grouped_matmul {0}x{1}x{2}, {3} side{4}",
                       op.getNumGroups(), op.getNumColumns(), op.getDepth(),
                       op.getNumRhs(), op.getNumRhs() == 1 ? "" : "s");
}

void KernelText::printMatmulConfig(GroupedMatmulOp op,
                                   const std::string &config) {
  MatmulShape shape(op);
  auto number = [&](StringRef member, int64_t value) {
    os << "  static constexpr int " << member << " = " << value << ";\n";
  };
  auto flag = [&](StringRef member, bool value) {
    os << "  static constexpr bool " << member << " = "
       << (value ? "true" : "false") << ";\n";
  };
  os << "struct " << config << " {\n";
  os << "  using Lhs = " << elementName(op.getLhs()) << ";\n";
  os << "  using Rhs = " << typeName(op.getRhsType(0).getElementType())
     << ";\n";
  os << "  using Out = " << elementName(op.getResult()) << ";\n";
  number("columns", shape.columns);
  number("depth", shape.depth);
  number("tensors", shape.sides);
  number("groups", shape.groups);
  flag("grouped", static_cast<bool>(op.getGroups()));
  flag("gather", op.getGather());
  number("tileM", shape.plan.getTileM());
  number("tileN", shape.plan.getTileN());
  number("tileK", shape.plan.getTileK());
  number("stages", shape.plan.getStages());
  number("threads", shape.threads);
  if (shape.plan.getMainloop() == MainLoop::Fma) {
    number("threadM", shape.threadM);
    number("threadN", shape.threadN);
  } else if (shape.plan.getMainloop() == MainLoop::Sm80Mma) {
    number("warpsM", shape.warpsM);
    number("warpsN", shape.warpsN);
  }
  os << "};\n\n";
}

/// Prints the functor unless an identical one stands in the text already;
/// returns how it is made.
std::string KernelText::printEpilogue(GroupedMatmulOp op) {
  std::string text, made;
  llvm::raw_string_ostream body(text);
  func::FuncOp function = leaf(epilogueName(kernel));
  const int64_t columns = op.getNumColumns();
  LeafPrinter printer(body);
  SmallVector<std::string> members;
  auto member = [&](const std::string &type, const std::string &argument) {
    // A buffer that serves twice is one member.
    std::string called = argument;
    std::string declared = "  const " + type + " *" + called + ";\n";
    if (!llvm::is_contained(members, declared)) {
      members.push_back(declared);
      made += (made.empty() ? "" : ", ") + argument;
    }
    return called;
  };
  for (unsigned side = 0; side < op.getNumRhs(); ++side)
    printer.name(function.getArgument(side), "sum" + std::to_string(side));
  for (auto [index, tensor] : llvm::enumerate(op.getEpilogueOperands())) {
    std::string at;
    switch (op.getIndexOf(index)) {
    case EpilogueIndex::Columns:
      at = llvm::formatv("i64(expert) * {0} + column", columns);
      break;
    case EpilogueIndex::Elements:
      at = llvm::formatv("i64(row) * {0} + column", columns);
      break;
    case EpilogueIndex::Slots:
      at = "max(load(" +
           member("i32", groups.lookup(op.getGroups()).slotOfRow) +
           " + row), 0)";
      break;
    case EpilogueIndex::Experts:
      at = "expert";
      break;
    }
    if (isa<BlockArgument>(tensor))
      member(elementName(tensor), tensors.lookup(tensor));
    printer.name(function.getArgument(op.getNumRhs() + index),
                 element(tensor, at));
  }
  Block &block = function.getBody().front();
  printer.body(block, 4);
  body << "    return " << printer.text(block.getTerminator()->getOperand(0))
       << ";\n";

  std::string functor;
  for (const std::string &declared : members)
    functor += declared;
  if (!members.empty())
    functor += "\n";
  functor += "  MOE_DEVICE " + elementName(op.getResult()) +
             " operator()(i32 expert, i32 row, i32 column";
  for (unsigned side = 0; side < op.getNumRhs(); ++side)
    functor += ", f32 sum" + std::to_string(side);
  functor += ") const {\n" + text + "  }\n";
  auto [it, isNew] = context.epilogues.try_emplace(
      functor, "Epilogue" + std::to_string(context.epilogues.size()));
  if (isNew)
    os << "struct " << it->second << " {\n" << functor << "};\n\n";
  return it->second + "{" + made + "}";
}

void KernelText::printMatmul(GroupedMatmulOp op) {
  MatmulShape shape(op);
  for (Value operand : op.getEpilogueOperands())
    printConstant(operand);
  std::string config = name + "_config";
  printMatmulConfig(op, config);
  std::string epilogue = printEpilogue(op);
  const bool wgmma = shape.plan.getMainloop() == MainLoop::Sm90Wgmma;
  if (wgmma) {
    parameters.emplace_back("const __grid_constant__ TensorMap ", "rhsMap");
    if (!op.getGather())
      parameters.emplace_back("const __grid_constant__ TensorMap ", "lhsMap");
  }
  open();
  os << "  MatmulArgs<" << config << "> args;\n";
  auto set = [&](StringRef field, const std::string &value) {
    os << "  args." << field << " = " << value << ";\n";
  };
  set("lhs", tensors.lookup(op.getLhs()));
  set("rhs", tensors.lookup(op.getRhs()[0]));
  set("out", tensors.lookup(op.getResult()));
  if (op.getGroups()) {
    const GroupsNames &names = groups.find(op.getGroups())->second;
    const int64_t first =
        cast<GroupsType>(op.getGroups().getType()).getLocalFirst();
    set("offsets",
        names.offsets + (first == 0 ? "" : " + " + std::to_string(first)));
    if (op.getGather()) {
      set("slots", names.slotOfRow);
      set("slotsPerToken", llvm::formatv("max<i64>({0} / max<i64>({1}, 1), 1)",
                                         names.rows, sizeOf(op.getLhs(), 0)));
    }
  } else {
    set("rows", sizeOf(op.getResult(), 0));
  }
  if (wgmma) {
    set("rhsMap", "&rhsMap");
    if (!op.getGather())
      set("lhsMap", "&lhsMap");
  }
  StringRef loop = wgmma                                       ? "matmulSm90"
                   : shape.plan.getMainloop() == MainLoop::Fma ? "matmulFma"
                                                               : "matmulSm80";
  os << "  " << loop << "<" << config << ">(args, " << epilogue << ");\n";
  close();
}
