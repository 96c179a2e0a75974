//===- ExpertOps.cpp - expert, linear, activate, dequantize ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/interpret/MoeValues.h"
#include "moe/runtime/reference/Experts.h"
#include "moe/runtime/reference/Matmul.h"

#include <algorithm>
#include <limits>

using namespace moe;
using namespace moe::interpret;

/// What an expert without weights makes of its rows [first, last).
static core::Status runVirtual(Call &call, ExpertOp op, int64_t id,
                               const Array &rows, int64_t first, int64_t last,
                               Array &result) {
  const int64_t columns = result.shape()[1];
  Cell *out = result.write() + first * columns;
  const int64_t count = (last - first) * columns;
  switch (op.virtualOf(id).getKind()) {
  case VirtualKind::Identity:
    std::copy_n(rows.data() + first * columns, count, out);
    break;
  case VirtualKind::Zero:
    std::fill_n(out, count, cellOf(0.0));
    break;
  case VirtualKind::Constant: {
    int64_t number = 0;
    for (auto range : op.getVirtualExpertsAttr().getAsRange<VirtualAttr>())
      if (range.getKind() == VirtualKind::Constant)
        number +=
            std::clamp<int64_t>(id - range.getFirst(), 0, range.getCount());
    core::Result<Array> constants = call.array(2 + op.getWeights().size());
    if (!constants)
      return constants.takeError();
    for (int64_t row = first; row < last; ++row, out += columns)
      std::copy_n(constants->data() + number * columns, columns, out);
    out -= count;
    break;
  }
  }
  if (!call.evaluator.exact())
    roundCells(result.element().dtype, out, static_cast<size_t>(count));
  return core::Status::ok();
}

/// The body runs on one expert's rows at a time, as the op's definition reads.
static core::Status expert(Call &call) {
  auto op = call.as<ExpertOp>();
  core::Result<Array> rows = call.array(0);
  if (!rows)
    return rows.takeError();
  const GroupsValue &groups = call.operand(1).groups();
  if (groups.numRows() > rows->shape()[0])
    return call.fault("has groups of " + llvm::Twine(groups.numRows()) +
                      " rows over a tensor of " +
                      llvm::Twine(rows->shape()[0]));
  int64_t columns = mlir::cast<mlir::RankedTensorType>(op.getResult().getType())
                        .getDimSize(1);
  mlir::Block &body = op.getBody().front();
  if (mlir::ShapedType::isDynamic(columns))
    return call.fault("expects a result of a static width");

  Array result =
      call.newArray(call.resultElement(), {rows->shape()[0], columns});
  Cell *cells = result.write();
  std::fill_n(cells, result.size(),
              cellOf(std::numeric_limits<double>::quiet_NaN()));
  llvm::SmallVector<Value> arguments, yielded;
  int64_t withWeights = -1;
  for (int64_t e = 0; e < groups.numLocal; ++e) {
    int64_t first = groups.firstRow(e), last = groups.firstRow(e + 1);
    const int64_t id = groups.firstExpert + e;
    const bool isVirtual = static_cast<bool>(op.virtualOf(id));
    withWeights += isVirtual ? 0 : 1;
    if (first == last)
      continue;
    if (isVirtual) {
      if (core::Status status =
              runVirtual(call, op, id, *rows, first, last, result);
          !status)
        return status;
      cells = result.write();
      continue;
    }
    arguments.clear();
    arguments.push_back(rowsOf(call, *rows, first, last));
    for (unsigned index = 0; index < op.getWeights().size(); ++index) {
      core::Result<Array> slice = sliceOf(call.operand(2 + index), withWeights);
      if (!slice)
        return slice.takeError();
      arguments.push_back(std::move(*slice));
    }
    if (core::Status status = call.run(body, arguments, yielded); !status)
      return status;
    const Array *made = std::get_if<Array>(&yielded.front());
    if (!made ||
        made->shape() != llvm::ArrayRef<int64_t>{last - first, columns})
      return call.fault("has a body that does not yield " +
                        shapeText({last - first, columns}));
    std::copy_n(made->data(), made->size(), cells + first * columns);
  }
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

static core::Status linear(Call &call) {
  auto op = call.as<LinearOp>();
  core::Result<Array> rows = call.array(0), weight = call.array(1);
  if (!rows)
    return rows.takeError();
  if (!weight)
    return weight.takeError();
  int64_t m = rows->shape()[0], k = rows->shape()[1], n = weight->shape()[0];
  if (core::Status status = sameSize(call, "columns", k, weight->shape()[1]);
      !status)
    return status;
  Array result = call.newArray(call.resultElement(), {m, n});
  Cell *cells = result.write();
  reference::multiplyTransposed(rows->floats(), weight->floats(),
                                reinterpret_cast<double *>(cells), m, n, k);
  if (op.getBias()) {
    core::Result<Array> bias = call.array(2);
    if (!bias)
      return bias.takeError();
    if (core::Status status = sameSize(call, "columns", bias->size(), n);
        !status)
      return status;
    for (int64_t index = 0; index < result.size(); ++index)
      cells[index].f += bias->floats()[index % n];
  }
  if (!call.evaluator.exact())
    roundCells(result.element().dtype, cells,
               static_cast<size_t>(result.size()));
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

static core::Status activate(Call &call) {
  auto op = call.as<ActivateOp>();
  core::Result<Array> gate = call.array(0);
  if (!gate)
    return gate.takeError();
  Array up;
  if (call.step.operands.size() == 2) {
    core::Result<Array> array = call.array(1);
    if (!array)
      return array.takeError();
    up = std::move(*array);
    if (up.shape() != gate->shape())
      return call.fault("has operands of shapes " + shapeText(gate->shape()) +
                        " and " + shapeText(up.shape()));
  }
  llvm::SmallVector<double> params = op.getParams();
  setFloats(call, 0, gate->shape(),
            reference::activate(semantics::lookup(op.getKind().getValue()),
                                {params.data(), params.size()}, floatsOf(*gate),
                                floatsOf(up)));
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// dequantize
//===----------------------------------------------------------------------===//

namespace {

/// Decodes one matrix, or all of them.
struct Decoder {
  mlir::Operation *op;
  const semantics::QuantRow *format;
  semantics::QuantShape shape;
  Element element;
  core::DType round;
  std::shared_ptr<MemoryBudget> budget;

  /// Of the op's operands, in order.
  core::Result<Array> decode(llvm::ArrayRef<Array> operands,
                             llvm::ArrayRef<int64_t> result) const {
    int64_t matrices = 1;
    for (int64_t size : result.drop_back(2))
      matrices *= size;
    llvm::SmallVector<std::vector<double>> all;
    for (const Array &operand : operands)
      all.push_back(numbers(operand));
    auto op = mlir::cast<DequantizeOp>(this->op);
    auto of = [&](mlir::Value operand) -> std::span<const double> {
      for (auto [index, value] : llvm::enumerate(op->getOperands()))
        if (index >= 2 && operand == value)
          return all[index];
      return {};
    };
    core::Result<std::vector<double>> values =
        reference::dequantize(*format, shape, matrices, all[0], all[1],
                              {of(op.getZeros()), of(op.getMatrixScales()),
                               of(op.getColumnGroups())});
    if (!values)
      return faultAt(op, values.error().id, values.error().message);
    Array array(budget, element, result);
    Cell *cells = array.write();
    for (size_t index = 0; index < values->size(); ++index)
      cells[index].f = (*values)[index];
    roundCells(round, cells, values->size());
    return array;
  }

private:
  static std::vector<double> numbers(const Array &array) {
    std::vector<double> values(array.size());
    for (int64_t index = 0; index < array.size(); ++index)
      values[index] = array.element().isFloat
                          ? array.data()[index].f
                          : static_cast<double>(array.data()[index].i);
    return values;
  }
};

} // namespace

static core::Result<Array> denseOf(const Value &value) {
  if (auto *lazy = std::get_if<std::shared_ptr<const LazyArray>>(&value))
    return (*lazy)->read(-1);
  return std::get<Array>(value);
}

/// Codes that are read expert by expert are decoded expert by expert.
static core::Status dequantize(Call &call) {
  auto op = call.as<DequantizeOp>();
  auto type = mlir::cast<mlir::RankedTensorType>(op.getResult().getType());
  llvm::ArrayRef<int64_t> shape = type.getShape();
  auto [blockRows, blockCols] = op.getBlockShape();
  Decoder decoder;
  decoder.op = op;
  decoder.format = &semantics::lookup(op.getFormat().getValue());
  decoder.shape.rows = shape[shape.size() - 2];
  decoder.shape.cols = shape[shape.size() - 1];
  decoder.shape.blockRows = blockRows;
  decoder.shape.blockCols = blockCols;
  decoder.element = call.resultElement();
  decoder.round =
      call.evaluator.exact() ? core::DType::F64 : decoder.element.dtype;
  decoder.budget = call.evaluator.memory();

  if (std::holds_alternative<std::shared_ptr<const LazyArray>>(
          call.operand(0)) &&
      shape.size() == 3) {
    auto lazy = std::make_shared<LazyArray>();
    lazy->shape.assign(shape.begin(), shape.end());
    lazy->element = decoder.element;
    llvm::SmallVector<Value> operands;
    for (unsigned i = 0; i < op->getNumOperands(); ++i)
      operands.push_back(call.operand(i));
    lazy->read = [decoder, operands,
                  shape](int64_t index) -> core::Result<Array> {
      llvm::SmallVector<Array> arrays;
      for (const Value &operand : operands) {
        core::Result<Array> array =
            index < 0 ? denseOf(operand) : sliceOf(operand, index);
        if (!array)
          return array;
        arrays.push_back(*std::move(array));
      }
      return decoder.decode(arrays, index < 0 ? shape : shape.drop_front());
    };
    call.setResult(0, std::shared_ptr<const LazyArray>(std::move(lazy)));
    return core::Status::ok();
  }
  llvm::SmallVector<Array> operands;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    core::Result<Array> operand = call.array(i);
    if (!operand)
      return operand.takeError();
    operands.push_back(*std::move(operand));
  }
  core::Result<Array> decoded = decoder.decode(operands, shape);
  if (!decoded)
    return decoded.takeError();
  call.setResult(0, std::move(*decoded));
  return core::Status::ok();
}

void interpret::addExpertOps(HandlerTable &table) {
  table["moe.expert"] = expert;
  table["moe.linear"] = linear;
  table["moe.activate"] = activate;
  table["moe.dequantize"] = dequantize;
}
