//===- KernelText.h - A kernel as CUDA C++ ----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The generated part of a text: for each kernel a comment (what it computes, by
// which plan, why), its constants and functors, and a `__global__` shell that
// hands its parameters to device code. Classes of kernels are files of their
// own.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_KERNELTEXT_H
#define MOE_CODEGEN_CUDA_KERNELTEXT_H

#include "moe/codegen/cuda/CudaKernels.h"
#include "moe/codegen/cuda/PrintLeaf.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/StringMap.h"

namespace moe::cuda {

/// What the kernels of one text share: it is printed once.
struct TextContext {
  mlir::ModuleOp leaves; ///< what moe-cuda-lower-kernels made
  TargetAttr target;
  mlir::ArrayAttr decisions;                         ///< null if there are none
  llvm::StringMap<std::string> epilogues;            ///< names by text
  llvm::DenseMap<mlir::Attribute, std::string> data; ///< names of constants
};

class KernelText {
public:
  KernelText(exec::KernelOp kernel, TextContext &context,
             llvm::raw_ostream &os);

  /// Prints everything that the kernel is.
  void print();

private:
  /// Parameters of a groups value; how many rows they hold is an expression.
  struct GroupsNames {
    std::string offsets, slotOfRow, rowOfSlot, rows;
  };
  void nameValues();
  std::string sizeOf(unsigned valueIndex, unsigned dynamicIndex);
  std::string sizeOf(mlir::Value tensor, unsigned dim);
  mlir::func::FuncOp leaf(llvm::StringRef name) const;

  void comment();
  void wrap(llvm::StringRef text);
  /// The signature up to the opening brace.
  void open();
  void close();
  /// Prints functions of scalars that emitFormulas() made for the kernel.
  void printFunction(mlir::func::FuncOp function);
  void printData(llvm::StringRef name, mlir::DenseElementsAttr data);
  /// An element of a buffer or constant; its float types as they are.
  std::string element(mlir::Value tensor, const std::string &index);
  /// The same as f32.
  std::string widened(mlir::Value tensor, const std::string &index);
  /// Prints the constants among values that element() will be asked for.
  void printConstant(mlir::Value value);
  /// Prints a table unless it stands in the text already; returns its name.
  std::string printConstant(mlir::DenseElementsAttr data);

  void printLeaf();
  void printMatmul(GroupedMatmulOp op);
  std::string printEpilogue(GroupedMatmulOp op);
  void printMatmulConfig(GroupedMatmulOp op, const std::string &name);
  void printRoute();
  void printIndex();

  exec::KernelOp kernel;
  TextContext &context;
  llvm::raw_ostream &os;
  const std::string name;
  llvm::SmallVector<std::pair<std::string, std::string>> parameters;
  llvm::DenseMap<mlir::Value, std::string> tensors; ///< and packed ones
  llvm::DenseMap<mlir::Value, GroupsNames> groups;
  llvm::DenseMap<mlir::Value, unsigned> places; ///< index in `sizes`

  friend class RouteText;
  friend class IndexText;
};

/// The name of a decision about an op's plan.
std::string planSubject(GroupedMatmulOp op);

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_KERNELTEXT_H
