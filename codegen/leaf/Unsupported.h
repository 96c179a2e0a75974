//===- Unsupported.h - Why a kernel cannot be emitted -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emitters trust what they are given. Whatever they cannot do is found here, in
// terms of the op, its types and the target, before anything is emitted. What
// is true of every target is written once; a target adds its plans and layouts.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_UNSUPPORTED_H
#define MOE_CODEGEN_LEAF_UNSUPPORTED_H

#include "moe/codegen/leaf/KernelClass.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <string>

namespace moe::leaf {

/// The reasons of one target; every one is empty where there is none.
class Unsupported {
public:
  /// `machine` stands in the texts: "has no CPU lowering".
  explicit Unsupported(llvm::StringRef machine);
  virtual ~Unsupported() = default;

  /// Why an op, or a kernel with all its ops, cannot be emitted.
  std::string why(mlir::Operation *op) const;
  /// The same for a scalar arith or math op, in a region or on the elements of
  /// tensors.
  std::string whyScalar(mlir::Operation *op) const;

protected:
  virtual std::string whyPack(PackOp op) const = 0;
  /// Of a grouped_matmul in a kernel: its plan, weights and tiles.
  virtual std::string whyPlanned(GroupedMatmulOp op) const = 0;
  /// Of a kernel of index work.
  virtual std::string whyIndex(exec::KernelOp kernel) const = 0;
  /// Of a loop or branch over tensors; a target has none unless it says so.
  virtual std::string whyLoops(mlir::Operation *op) const;
  /// Of an op that the rules for all targets have nothing against.
  virtual std::string whyHere(mlir::Operation *) const { return {}; }

  const std::string none; ///< " has no CPU lowering"

private:
  const std::string machine;

  std::string whyLinalg(mlir::linalg::LinalgOp op) const;
  std::string whyOrdinary(mlir::Operation *op) const;
  std::string whyMatmul(GroupedMatmulOp op) const;
  std::string whyCombine(CombineOp op) const;
  std::string whyRoute(mlir::Operation *op) const;
  std::string whyOp(mlir::Operation *op) const;
  std::string whyKernel(exec::KernelOp kernel) const;
};

/// What an index kernel of any target cannot do.
std::string whyIndexUnsupported(exec::KernelOp kernel);

/// The group of its kernel that reads these ids; null if none does.
GroupOp groupOf(mlir::Value ids);

/// How many experts a capacity counts the rows of, as it says or the group of
/// its ids; 0 if neither does.
int64_t expertsOf(CapacityOp op);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_UNSUPPORTED_H
