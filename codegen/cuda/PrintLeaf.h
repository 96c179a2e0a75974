//===- PrintLeaf.h - Leaf functions as CUDA C++ -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar code of a kernel is arith, math and scf over pointers, whatever
// made it: an epilogue's region, a formula of a table, a loop nest of ordinary
// ops. It is printed once, here, as a person would write it: a value that is
// used once stands where it is used, the others have names.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_PRINTLEAF_H
#define MOE_CODEGEN_CUDA_PRINTLEAF_H

#include "moe/codegen/cuda/PrintScalar.h"

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace moe::cuda {

/// The device code's name of an element type: "f32", "bf16"; empty if it has
/// none. An index is an i64.
std::string typeName(mlir::Type type);

/// A literal of that type.
std::string literal(mlir::Type type, mlir::Attribute value);

/// An affine expression over dimensions d0, d1, ....
std::string affineText(mlir::AffineExpr expr);

class LeafPrinter {
public:
  explicit LeafPrinter(llvm::raw_ostream &os) : os(os) {}

  /// Names a value that the printed code takes as given.
  void name(mlir::Value value, std::string text);
  /// A name of its own for what is about to be printed.
  std::string fresh(llvm::StringRef stem);

  /// The ops of a block up to its terminator, at an indentation.
  void body(mlir::Block &block, unsigned indent);
  /// A value, as an expression.
  std::string text(mlir::Value value) { return expression(value).text; }

private:
  const ScalarText &expression(mlir::Value value);
  ScalarText compute(mlir::Operation *op);
  std::string pointer(mlir::Value value);
  void statement(mlir::Operation *op, unsigned indent);
  void loop(mlir::Operation *op, unsigned indent);
  void branch(mlir::Operation *op, unsigned indent);
  void assign(mlir::Operation *yield, llvm::ArrayRef<std::string> to,
              unsigned indent);
  std::string access(mlir::Value address, mlir::Type type, std::string &index);
  bool standsAlone(mlir::Operation *op);

  llvm::raw_ostream &os;
  llvm::DenseMap<mlir::Value, ScalarText> values;
  llvm::StringMap<unsigned> counters;
};

} // namespace moe::cuda

#endif // MOE_CODEGEN_CUDA_PRINTLEAF_H
