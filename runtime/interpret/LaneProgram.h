//===- LaneProgram.h - A region of scalar ops, flat and ready ---*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body of linalg.generic, an epilogue, a comparator: code that runs once an
// element. It is translated once into a list of instructions over registers,
// and each instruction works on a strip of elements, so that no IR is walked
// and no value looked up per element.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_LANEPROGRAM_H
#define MOE_RUNTIME_INTERPRET_LANEPROGRAM_H

#include "moe/runtime/interpret/Lanes.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

#include <memory>

namespace moe::interpret {

class LaneProgram {
public:
  /// Elements of a strip.
  static constexpr size_t kStrip = 256;

  /// Translates a block whose arguments are scalars and whose last op names its
  /// results. Error: InterpreterUnsupported for an op that is not scalar.
  static core::Result<std::unique_ptr<LaneProgram>> compile(mlir::Block &block,
                                                            bool exact);

  /// Values from outside that the block reads, scalars and tensors.
  llvm::ArrayRef<mlir::Value> captures() const { return captured; }
  /// Their values, in that order, before a run; tensors must be dense and stay
  /// where they are until the last run.
  void bind(llvm::ArrayRef<const Value *> values);

  /// Cells of block argument `index`, to be filled before a run.
  Cell *argument(unsigned index) { return reg(arguments[index]); }
  /// Result `index` of the last run.
  const Cell *result(unsigned index) const { return reg(results[index]); }
  unsigned numResults() const { return results.size(); }
  /// False for a block argument that no op reads.
  bool readsArgument(unsigned index) const { return argumentRead[index]; }

  /// Runs the first `count` lanes. `position` is the loop position of lane 0;
  /// `stripDim` the loop along which the lanes go on, or -1.
  core::Status run(size_t count, llvm::ArrayRef<int64_t> position = {},
                   int stripDim = -1);

private:
  struct Instruction {
    enum Kind { Op, Index, Extract, Dim, Affine, Assert } kind = Op;
    mlir::Operation *op = nullptr;
    LaneOp lane;
    llvm::SmallVector<unsigned, 3> in;
    unsigned out = 0;
    /// Index: the loop. Extract, Dim: the captured tensor.
    unsigned which = 0;
    /// Affine: the map, and which of its results counts.
    mlir::AffineMap map;
    enum Pick { First, Least, Greatest } pick = First;
  };

  Cell *reg(unsigned index) const { return registers.get() + index * kStrip; }
  unsigned newRegister() { return numRegisters++; }
  core::Result<unsigned> registerOf(mlir::Value value, mlir::Block &block);
  core::Status translate(mlir::Operation &op, mlir::Block &block, bool exact);
  core::Status extract(const Instruction &instruction, size_t count);
  core::Status outside(const Instruction &instruction, size_t count);

  std::vector<Instruction> instructions;
  llvm::SmallVector<unsigned> arguments, results;
  llvm::SmallVector<bool> argumentRead;
  llvm::SmallVector<mlir::Value> captured;
  /// Scalars are spread over their register, tensors stay beside it.
  llvm::SmallVector<unsigned> capturedRegister;
  std::vector<const Array *> capturedArrays;
  /// Registers that hold one constant.
  llvm::SmallVector<std::pair<unsigned, Cell>> constants;
  llvm::DenseMap<mlir::Value, unsigned> registerMap;
  unsigned numRegisters = 0;
  std::unique_ptr<Cell[]> registers;
};

/// The value of an affine expression. Error text, or null: a division by zero
/// or a negative modulus has no value.
const char *evaluateAffine(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> dims,
                           llvm::ArrayRef<int64_t> symbols, int64_t &value);

/// The value of an arith.constant's scalar attribute.
std::optional<Cell> cellOfAttribute(mlir::Attribute attribute);

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_LANEPROGRAM_H
