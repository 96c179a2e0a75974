//===- LaneProgram.cpp - A region of scalar ops, flat and ready -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/LaneProgram.h"

#include "moe/runtime/interpret/Fault.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;

const char *interpret::evaluateAffine(mlir::AffineExpr expr,
                                      llvm::ArrayRef<int64_t> dims,
                                      llvm::ArrayRef<int64_t> symbols,
                                      int64_t &value) {
  using Kind = mlir::AffineExprKind;
  switch (expr.getKind()) {
  case Kind::Constant:
    value = mlir::cast<mlir::AffineConstantExpr>(expr).getValue();
    return nullptr;
  case Kind::DimId:
    value = dims[mlir::cast<mlir::AffineDimExpr>(expr).getPosition()];
    return nullptr;
  case Kind::SymbolId:
    value = symbols[mlir::cast<mlir::AffineSymbolExpr>(expr).getPosition()];
    return nullptr;
  default:
    break;
  }
  auto binary = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
  int64_t a = 0, b = 0;
  if (const char *error = evaluateAffine(binary.getLHS(), dims, symbols, a))
    return error;
  if (const char *error = evaluateAffine(binary.getRHS(), dims, symbols, b))
    return error;
  auto wrap = [](auto unsignedValue) {
    return static_cast<int64_t>(unsignedValue);
  };
  switch (expr.getKind()) {
  case Kind::Add:
    value = wrap(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    return nullptr;
  case Kind::Mul:
    value = wrap(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    return nullptr;
  default:
    break;
  }
  if (b < 1)
    return "divides by a number that is not positive";
  int64_t rest = a % b;
  if (expr.getKind() == Kind::Mod)
    value = rest < 0 ? rest + b : rest;
  else if (expr.getKind() == Kind::FloorDiv)
    value = a / b - (rest < 0);
  else
    value = a / b + (rest > 0);
  return nullptr;
}

std::optional<Cell> interpret::cellOfAttribute(mlir::Attribute attribute) {
  if (auto number = mlir::dyn_cast<mlir::FloatAttr>(attribute)) {
    // Every float type that the interpreter holds is exact in double.
    if (!Element::of(number.getType()))
      return std::nullopt;
    llvm::APFloat value = number.getValue();
    bool loses = false;
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &loses);
    return cellOf(value.convertToDouble());
  }
  if (auto number = mlir::dyn_cast<mlir::IntegerAttr>(attribute)) {
    std::optional<Element> element = Element::of(number.getType());
    if (!element)
      return std::nullopt;
    return cellOf(wrapInt(number.getValue().sextOrTrunc(64).getSExtValue(),
                          element->width));
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Translation
//===----------------------------------------------------------------------===//

core::Result<std::unique_ptr<LaneProgram>>
LaneProgram::compile(mlir::Block &block, bool exact) {
  auto program = std::make_unique<LaneProgram>();
  for (mlir::BlockArgument argument : block.getArguments()) {
    if (!Element::of(argument.getType()))
      return unsupported(block.getParentOp());
    unsigned where = program->newRegister();
    program->registerMap[argument] = where;
    program->arguments.push_back(where);
    program->argumentRead.push_back(!argument.use_empty());
  }
  // The last op names the results, be it known as a terminator or not.
  for (mlir::Operation &op : llvm::drop_end(block))
    if (core::Status status = program->translate(op, block, exact); !status)
      return status.takeError();
  for (mlir::Value value : block.back().getOperands()) {
    core::Result<unsigned> where = program->registerOf(value, block);
    if (!where)
      return where.takeError();
    program->results.push_back(*where);
  }
  program->registers =
      std::make_unique<Cell[]>(size_t(program->numRegisters) * kStrip);
  for (auto [where, cell] : program->constants)
    std::fill_n(program->reg(where), kStrip, cell);
  return program;
}

core::Result<unsigned> LaneProgram::registerOf(mlir::Value value,
                                               mlir::Block &block) {
  auto known = registerMap.find(value);
  if (known != registerMap.end())
    return known->second;
  // Defined in the block, but by no instruction.
  if (value.getParentBlock() == &block)
    return unsupported(value.getDefiningOp());
  if (!Element::of(value.getType()))
    return unsupported(block.getParentOp());
  captured.push_back(value);
  capturedRegister.push_back(newRegister());
  registerMap[value] = capturedRegister.back();
  return capturedRegister.back();
}

core::Status LaneProgram::translate(mlir::Operation &op, mlir::Block &block,
                                    bool exact) {
  Instruction instruction;
  instruction.op = &op;
  mlir::ValueRange operands = op.getOperands();

  auto tensorCapture = [&](mlir::Value tensor) -> core::Status {
    if (tensor.getParentBlock() == &block)
      return unsupported(&op);
    auto *known = llvm::find(captured, tensor);
    instruction.which = known - captured.begin();
    if (known == captured.end()) {
      captured.push_back(tensor);
      capturedRegister.push_back(0);
    }
    return core::Status::ok();
  };

  if (auto constant = mlir::dyn_cast<mlir::arith::ConstantOp>(op)) {
    std::optional<Cell> cell = cellOfAttribute(constant.getValue());
    if (!cell)
      return unsupported(&op);
    unsigned where = newRegister();
    registerMap[constant.getResult()] = where;
    constants.push_back({where, *cell});
    return core::Status::ok();
  }
  if (auto index = mlir::dyn_cast<mlir::linalg::IndexOp>(op)) {
    instruction.kind = Instruction::Index;
    instruction.which = index.getDim();
  } else if (auto extract = mlir::dyn_cast<mlir::tensor::ExtractOp>(op)) {
    instruction.kind = Instruction::Extract;
    if (core::Status status = tensorCapture(extract.getTensor()); !status)
      return status;
    operands = extract.getIndices();
  } else if (auto dim = mlir::dyn_cast<mlir::tensor::DimOp>(op)) {
    instruction.kind = Instruction::Dim;
    if (core::Status status = tensorCapture(dim.getSource()); !status)
      return status;
    operands = operands.drop_front();
  } else if (auto apply = mlir::dyn_cast<mlir::affine::AffineApplyOp>(op)) {
    instruction.kind = Instruction::Affine;
    instruction.map = apply.getAffineMap();
  } else if (auto least = mlir::dyn_cast<mlir::affine::AffineMinOp>(op)) {
    instruction.kind = Instruction::Affine;
    instruction.map = least.getAffineMap();
    instruction.pick = Instruction::Least;
  } else if (auto greatest = mlir::dyn_cast<mlir::affine::AffineMaxOp>(op)) {
    instruction.kind = Instruction::Affine;
    instruction.map = greatest.getAffineMap();
    instruction.pick = Instruction::Greatest;
  } else if (mlir::isa<mlir::cf::AssertOp>(op)) {
    instruction.kind = Instruction::Assert;
  } else {
    std::optional<LaneOp> lane = laneOpFor(&op, exact);
    if (!lane || mlir::isa<mlir::ShapedType>(op.getResult(0).getType()))
      return unsupported(&op);
    instruction.lane = *lane;
  }

  for (mlir::Value operand : operands) {
    core::Result<unsigned> where = registerOf(operand, block);
    if (!where)
      return where.takeError();
    instruction.in.push_back(*where);
  }
  if (op.getNumResults() == 1) {
    instruction.out = newRegister();
    registerMap[op.getResult(0)] = instruction.out;
  }
  instructions.push_back(std::move(instruction));
  return core::Status::ok();
}

void LaneProgram::bind(llvm::ArrayRef<const Value *> values) {
  capturedArrays.assign(values.size(), nullptr);
  for (auto [index, value] : llvm::enumerate(values)) {
    if (const Array *array = std::get_if<Array>(value))
      capturedArrays[index] = array;
    else
      std::fill_n(reg(capturedRegister[index]), kStrip, value->scalar());
  }
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

core::Status LaneProgram::extract(const Instruction &instruction,
                                  size_t count) {
  const Array &array = *capturedArrays[instruction.which];
  llvm::ArrayRef<int64_t> shape = array.shape();
  int64_t flat[kStrip] = {};
  bool inside = true;
  for (auto [dim, size] : llvm::enumerate(shape)) {
    const Cell *index = reg(instruction.in[dim]);
    for (size_t lane = 0; lane < count; ++lane) {
      inside &= static_cast<uint64_t>(index[lane].i) < uint64_t(size);
      flat[lane] = static_cast<int64_t>(uint64_t(flat[lane]) * size +
                                        static_cast<uint64_t>(index[lane].i));
    }
  }
  if (!inside)
    return outside(instruction, count);
  const Cell *cells = array.data();
  Cell *out = reg(instruction.out);
  for (size_t lane = 0; lane < count; ++lane)
    out[lane] = cells[flat[lane]];
  return core::Status::ok();
}

/// The error of the first lane whose indices leave the tensor.
core::Status LaneProgram::outside(const Instruction &instruction,
                                  size_t count) {
  llvm::ArrayRef<int64_t> shape = capturedArrays[instruction.which]->shape();
  llvm::SmallVector<int64_t> at;
  for (size_t lane = 0; lane < count; ++lane) {
    at.clear();
    for (unsigned where : instruction.in)
      at.push_back(reg(where)[lane].i);
    if (llvm::any_of(llvm::zip_equal(at, shape), [](auto pair) {
          auto [index, size] = pair;
          return index < 0 || index >= size;
        }))
      break;
  }
  return faultAt(instruction.op, "reads element " + shapeText(at) +
                                     " of a tensor of shape " +
                                     shapeText(shape));
}

core::Status LaneProgram::run(size_t count, llvm::ArrayRef<int64_t> position,
                              int stripDim) {
  for (const Instruction &instruction : instructions) {
    Cell *out = reg(instruction.out);
    switch (instruction.kind) {
    case Instruction::Op: {
      const Cell *in[kMaxLaneOperands] = {};
      for (auto [index, where] : llvm::enumerate(instruction.in))
        in[index] = reg(where);
      if (const char *error = instruction.lane.run(in, out, count))
        return faultAt(instruction.op, error);
      break;
    }
    case Instruction::Index: {
      int64_t base = position[instruction.which];
      bool moves = static_cast<int>(instruction.which) == stripDim;
      for (size_t lane = 0; lane < count; ++lane)
        out[lane].i = base + (moves ? static_cast<int64_t>(lane) : 0);
      break;
    }
    case Instruction::Extract:
      if (core::Status status = extract(instruction, count); !status)
        return status;
      break;
    case Instruction::Assert:
      for (size_t lane = 0; lane < count; ++lane)
        if (!reg(instruction.in[0])[lane].i)
          return faultAt(
              instruction.op,
              "fails: " +
                  mlir::cast<mlir::cf::AssertOp>(instruction.op).getMsg());
      break;
    case Instruction::Dim: {
      llvm::ArrayRef<int64_t> shape =
          capturedArrays[instruction.which]->shape();
      for (size_t lane = 0; lane < count; ++lane) {
        int64_t dim = reg(instruction.in[0])[lane].i;
        if (dim < 0 || dim >= static_cast<int64_t>(shape.size()))
          return faultAt(instruction.op,
                         "asks for dimension " + llvm::Twine(dim) +
                             " of a tensor of shape " + shapeText(shape));
        out[lane].i = shape[dim];
      }
      break;
    }
    case Instruction::Affine: {
      llvm::SmallVector<int64_t> values(instruction.in.size());
      unsigned dims = instruction.map.getNumDims();
      for (size_t lane = 0; lane < count; ++lane) {
        for (auto [index, where] : llvm::enumerate(instruction.in))
          values[index] = reg(where)[lane].i;
        llvm::ArrayRef<int64_t> all(values);
        for (auto [index, expr] :
             llvm::enumerate(instruction.map.getResults())) {
          int64_t value = 0;
          if (const char *error = evaluateAffine(expr, all.take_front(dims),
                                                 all.drop_front(dims), value))
            return faultAt(instruction.op, error);
          if (index == 0)
            out[lane].i = value;
          else if (instruction.pick == Instruction::Least)
            out[lane].i = std::min(out[lane].i, value);
          else
            out[lane].i = std::max(out[lane].i, value);
        }
      }
      break;
    }
    }
  }
  return core::Status::ok();
}
