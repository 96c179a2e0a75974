//===- LeafFrame.h - A leaf function and its buffers ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where tensors end: the frame of a moe_exec.kernel knows which pointer stands
// for which value, how large it is and how it is strided. Emitters ask it and
// write loops. How pointers and dimensions reach the function is the target's
// affair: it makes the function, and hands them over with bind().
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_LEAFFRAME_H
#define MOE_CODEGEN_LEAF_LEAFFRAME_H

#include "moe/codegen/leaf/LeafBuilder.h"
#include "moe/dialect/MoeDialect.h"
#include "moe/dialect/exec/MoeExecOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/DenseMap.h"

namespace moe::leaf {

/// A tensor in memory. Sizes and strides are in elements.
struct TensorBuffer {
  mlir::Value base;
  mlir::Type element;
  llvm::SmallVector<mlir::Value> sizes;
  llvm::SmallVector<mlir::Value> strides;
};

/// The buffers of a groups value, and how many rows they hold.
struct GroupsBuffer {
  mlir::Value offsets, slotOfRow, rowOfSlot;
  mlir::Value rows;
  GroupsType type;
};

/// The buffers of a tiles value: how many, and (expert, first, end) of each.
struct TilesBuffer {
  mlir::Value count, list;
};

class LeafFrame {
public:
  /// Makes an empty function of the kernel's name in `leaves` and leaves the
  /// builder in it.
  LeafFrame(exec::KernelOp kernel, mlir::ModuleOp leaves,
            mlir::TypeRange arguments);
  /// Ends the function.
  void finish();

  exec::KernelOp kernel;
  mlir::ModuleOp leaves;
  mlir::func::FuncOp function;
  LeafBuilder l;

  /// Whether a value lies in a buffer of the launch: arguments of the kernel
  /// and what it returns. The others ask for one that does.
  bool hasBuffer(mlir::Value value) const { return places.contains(value); }
  const TensorBuffer &tensor(mlir::Value value) const;
  const GroupsBuffer &groups(mlir::Value value) const;
  const TilesBuffer &tiles(mlir::Value value) const;
  mlir::Value packed(mlir::Value value) const;
  /// `width` elements of a row-major tensor from the flat index on: of a buffer
  /// or of a constant.
  mlir::Value elements(mlir::Value value, mlir::Value index, int64_t width);
  /// A pointer to data that becomes part of the code.
  mlir::Value constantData(mlir::DenseElementsAttr data);
  /// An expression of the launch's dimensions, as i64.
  mlir::Value expression(mlir::AffineMap map);
  /// The buffer of result `index`, for values that are returned twice.
  const TensorBuffer &result(unsigned index);

protected:
  /// Says where arguments and results are: `nextPointer` is called once a
  /// buffer, in launch order; dimensions are given as i64.
  void bind(llvm::function_ref<mlir::Value()> nextPointer,
            mlir::ValueRange dimensions);

private:
  void addBuffers(mlir::Value value, mlir::Type type,
                  mlir::ArrayRef<mlir::Value> sizes, mlir::Attribute strides,
                  llvm::function_ref<mlir::Value()> nextPointer);

  /// One of each an argument and result, in launch order.
  struct Buffers {
    TensorBuffer tensor;
    GroupsBuffer groups;
    TilesBuffer tiles;
    mlir::Value packed;
  };
  llvm::SmallVector<Buffers> all;
  llvm::DenseMap<mlir::Value, unsigned> places;
  llvm::SmallVector<mlir::Value> dims; ///< as index
  llvm::DenseMap<mlir::Attribute, mlir::Operation *> constants;
};

/// The value of all elements of a constant tensor, if they have one.
mlir::TypedAttr splatOf(mlir::Value value);
/// The elements of a constant tensor; null for any other value.
mlir::DenseElementsAttr constantOf(mlir::Value value);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_LEAFFRAME_H
