//===- KernelText.cpp - A kernel as CUDA C++ ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/KernelText.h"

#include "moe/codegen/cuda/EmitLeaf.h"
#include "moe/codegen/leaf/LeafFrame.h"
#include "moe/passes/exec/KernelPartition.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

KernelText::KernelText(exec::KernelOp kernel, TextContext &context,
                       llvm::raw_ostream &os)
    : kernel(kernel), context(context), os(os), name(kernel.getName().str()) {
  nameValues();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Names the parameters: a buffer each, in launch order.
void KernelText::nameValues() {
  Block &body = kernel.getBody().front();
  unsigned inputs = 0, weights = 0, sorted = 0, outputs = 0;
  auto add = [&](Value value, bool isResult, unsigned index) {
    places.try_emplace(value, index);
    std::string constant = isResult ? "" : "const ";
    if (auto tensor = dyn_cast<RankedTensorType>(value.getType())) {
      Type element = tensor.getElementType();
      std::string type =
          element.isInteger(1) ? std::string("i8") : typeName(element);
      std::string called = isResult ? "y" + std::to_string(outputs++)
                                    : "x" + std::to_string(inputs++);
      parameters.emplace_back(constant + type + " *", called);
      tensors.try_emplace(value, called);
    } else if (isa<GroupsType>(value.getType())) {
      std::string suffix = sorted == 0 ? "" : std::to_string(sorted);
      ++sorted;
      GroupsNames names{"offsets" + suffix, "slotOfRow" + suffix,
                        "rowOfSlot" + suffix, sizeOf(index, 0)};
      for (const std::string &part :
           {names.offsets, names.slotOfRow, names.rowOfSlot})
        parameters.emplace_back(constant + "i32 *", part);
      groups.try_emplace(value, names);
    } else {
      Type element = cast<PackedType>(value.getType())
                         .getTensors()
                         .front()
                         .getElementType();
      std::string called =
          isResult ? "packed" : "w" + std::to_string(weights++);
      parameters.emplace_back(constant + typeName(element) + " *", called);
      tensors.try_emplace(value, called);
    }
  };
  unsigned index = 0;
  for (Value argument : body.getArguments())
    add(argument, false, index++);
  for (Value result : body.getTerminator()->getOperands())
    add(result, true, index++);
  for (int64_t i = 0; i < static_cast<int64_t>(kernel.getNumDims()); ++i)
    parameters.emplace_back("i64 ", "d" + std::to_string(i));
  parameters.emplace_back("i64 ", "tasks");
}

std::string KernelText::sizeOf(unsigned valueIndex, unsigned dynamicIndex) {
  AffineMap map = cast<AffineMapAttr>(kernel.getSizes()[valueIndex]).getValue();
  return affineText(map.getResult(dynamicIndex));
}

std::string KernelText::sizeOf(Value tensor, unsigned dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return std::to_string(type.getDimSize(dim));
  return sizeOf(places.lookup(tensor), type.getDynamicDimIndex(dim));
}

func::FuncOp KernelText::leaf(StringRef name) const {
  return context.leaves.lookupSymbol<func::FuncOp>(name);
}

//===----------------------------------------------------------------------===//
// Elements and constants
//===----------------------------------------------------------------------===//

void KernelText::printData(StringRef called, DenseElementsAttr data) {
  Type type = data.getElementType();
  os << "__device__ const " << typeName(type) << " " << called << "["
     << data.getNumElements() << "] = {";
  for (auto [index, value] : llvm::enumerate(data.getValues<Attribute>()))
    os << (index == 0       ? ""
           : index % 8 == 0 ? ",\n    "
                            : ", ")
       << literal(type, value);
  os << "};\n\n";
}

std::string KernelText::printConstant(DenseElementsAttr data) {
  auto [it, isNew] = context.data.try_emplace(
      data, "table" + std::to_string(context.data.size()));
  if (isNew)
    printData(it->second, data);
  return it->second;
}

void KernelText::printConstant(Value value) {
  DenseElementsAttr data = leaf::constantOf(value);
  if (data && !leaf::splatOf(value))
    printConstant(data);
}

std::string KernelText::element(Value tensor, const std::string &index) {
  if (TypedAttr splat = leaf::splatOf(tensor))
    return literal(getElementTypeOrSelf(tensor.getType()), splat);
  if (DenseElementsAttr data = leaf::constantOf(tensor))
    return context.data.lookup(data) + "[" + index + "]";
  return "load(" + tensors.lookup(tensor) + " + " + index + ")";
}

std::string KernelText::widened(Value tensor, const std::string &index) {
  return "widen(" + element(tensor, index) + ")";
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Prints a text as lines of a comment. A backslash at the end of one would
/// take the next line in.
void KernelText::wrap(StringRef text) {
  unsigned column = 0;
  SmallVector<StringRef> words;
  llvm::SplitString(text, words);
  for (StringRef word : words) {
    const bool breaks = column + word.size() > 76;
    if (column == 0 || breaks) {
      os << (column == 0 ? "// " : "\n//     ");
      column = column == 0 ? 3 : 7;
    } else {
      os << " ";
      ++column;
    }
    for (char c : word)
      os << (c == '\\' ? '/' : c);
    column += word.size();
  }
  os << "\n";
}

/// What the kernel computes, by which plan, and why by that.
void KernelText::comment() {
  OpPrintingFlags flags;
  flags.skipRegions().elideLargeElementsAttrs();
  os << "//===- " << name << " "
     << std::string(name.size() < 68 ? 68 - name.size() : 0, '-') << "===//\n";
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (isRepeatable(&op) || isa<exec::SizeOp>(op))
      continue; // no work
    std::string text;
    llvm::raw_string_ostream printed(text);
    op.print(printed, flags);
    wrap(text);
    auto matmul = dyn_cast<GroupedMatmulOp>(op);
    if (!matmul || !context.decisions)
      continue;
    for (auto decision : context.decisions.getAsRange<DecisionAttr>())
      if (decision.getWhat() == planSubject(matmul)) {
        os << "// Why: " << decision.getChosen() << "; " << decision.getReason()
           << ".\n";
        break;
      }
  }
}

void KernelText::open() {
  LaunchAttr launch =
      cast<LaunchAttr>(kernel->getAttr(MoeCudaDialect::kLaunchAttr));
  // One block a multiprocessor is enough for a main loop: so it gets the
  // registers that it wants.
  os << "extern \"C\" __global__ void __launch_bounds__(" << launch.getBlock()
     << (classOf(kernel) == KernelClass::Matmul ? ", 1" : "") << ")\n"
     << name << "(";
  for (auto [index, parameter] : llvm::enumerate(parameters))
    os << (index == 0       ? ""
           : index % 4 == 0 ? ",\n    "
                            : ", ")
       << parameter.first << parameter.second;
  os << ") {\n";
}

void KernelText::close() { os << "}\n\n"; }

void KernelText::printFunction(func::FuncOp function) {
  os << "MOE_DEVICE " << typeName(function.getResultTypes()[0]) << " "
     << function.getName() << "(";
  LeafPrinter printer(os);
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    std::string called = "x" + std::to_string(index);
    os << (index == 0 ? "" : ", ") << typeName(argument.getType()) << " "
       << called;
    printer.name(argument, called);
  }
  os << ") {\n";
  Block &body = function.getBody().front();
  printer.body(body, 2);
  os << "  return " << printer.text(body.getTerminator()->getOperand(0))
     << ";\n}\n\n";
}

void KernelText::printLeaf() {
  func::FuncOp function = leaf(name);
  LeafPrinter printer(os);
  // The tables that it reads.
  function.walk([&](LLVM::AddressOfOp address) {
    auto global =
        context.leaves.lookupSymbol<LLVM::GlobalOp>(address.getGlobalName());
    printer.name(address,
                 printConstant(cast<DenseElementsAttr>(global.getValueAttr())));
  });
  open();
  for (auto [argument, parameter] :
       llvm::zip(function.getArguments(), parameters))
    printer.name(argument, parameter.second);
  printer.body(function.getBody().front(), 2);
  close();
}

void KernelText::print() {
  comment();
  switch (classOf(kernel)) {
  case KernelClass::Elements:
  case KernelClass::Pack:
  case KernelClass::Combine:
    return printLeaf();
  case KernelClass::Matmul:
    return printMatmul(onlyOp<GroupedMatmulOp>(kernel));
  case KernelClass::Route:
    return printRoute();
  case KernelClass::Index:
    return printIndex();
  case KernelClass::Loops:
    llvm_unreachable("refused before");
  }
}
