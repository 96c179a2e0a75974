//===- LinalgOps.cpp - Any linalg op through its maps and region ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A structured op says all about itself: loops, maps from loops to elements,
// and a region. Named ops need no code of their own. One parallel loop is run
// in strips, the others one by one; sums of products take the fast way.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"
#include "moe/runtime/reference/Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;
using mlir::linalg::LinalgOp;

namespace {

/// How an operand is reached from the loops.
struct Access {
  mlir::AffineMap map;
  Array array;
  /// A scalar operand, which has no elements.
  std::optional<Cell> scalar;
  /// Cell number = offset + sum of strides[d] * position[d], where the map is
  /// linear in the loops.
  bool linear = true;
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides;

  int64_t at(llvm::ArrayRef<int64_t> position) const {
    int64_t cell = offset;
    for (auto [stride, index] : llvm::zip_equal(strides, position))
      cell += stride * index;
    return cell;
  }
};

class Loops {
public:
  explicit Loops(Call &call) : call(call), op(call.as<LinalgOp>()) {}

  core::Status evaluate();

private:
  core::Status findRanges();
  core::Status bindOperand(mlir::OpOperand &operand);
  core::Status checkInside(const Access &access);
  core::Result<int64_t> cellOfAccess(const Access &access,
                                     llvm::ArrayRef<int64_t> position);
  bool isSumOfProducts();
  core::Status multiply();
  int chooseStrip();
  core::Status runStrips(LaneProgram &program);

  Call &call;
  LinalgOp op;
  llvm::SmallVector<int64_t> ranges;
  llvm::SmallVector<Access> accesses;
};

} // namespace

//===----------------------------------------------------------------------===//
// Loops and operands
//===----------------------------------------------------------------------===//

core::Status Loops::findRanges() {
  llvm::SmallVector<int64_t> sizes;
  for (mlir::OpOperand &operand : op->getOpOperands())
    if (mlir::isa<mlir::RankedTensorType>(operand.get().getType()))
      llvm::append_range(sizes, call.valueOf(operand).shape());
  mlir::AffineMap map = op.getShapesToLoopsMap();
  if (!map)
    return call.fault("has loops whose ranges no operand gives");
  for (mlir::AffineExpr expr : map.getResults())
    if (const char *error =
            evaluateAffine(expr, sizes, {}, ranges.emplace_back()))
      return call.fault(error);
  return core::Status::ok();
}

/// Adds factor * expr to the coefficients; false where it is not linear, or
/// where the coefficients leave the integers.
static bool addLinear(mlir::AffineExpr expr, int64_t factor, Access &access) {
  using Kind = mlir::AffineExprKind;
  switch (expr.getKind()) {
  case Kind::Constant: {
    int64_t term = mlir::cast<mlir::AffineConstantExpr>(expr).getValue();
    return !llvm::MulOverflow(term, factor, term) &&
           !llvm::AddOverflow(access.offset, term, access.offset);
  }
  case Kind::DimId: {
    int64_t &stride =
        access.strides[mlir::cast<mlir::AffineDimExpr>(expr).getPosition()];
    return !llvm::AddOverflow(stride, factor, stride);
  }
  case Kind::Add: {
    auto sum = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
    return addLinear(sum.getLHS(), factor, access) &&
           addLinear(sum.getRHS(), factor, access);
  }
  case Kind::Mul: {
    auto product = mlir::cast<mlir::AffineBinaryOpExpr>(expr);
    auto constant = mlir::dyn_cast<mlir::AffineConstantExpr>(product.getRHS());
    return constant &&
           !llvm::MulOverflow(factor, constant.getValue(), factor) &&
           addLinear(product.getLHS(), factor, access);
  }
  default:
    return false;
  }
}

core::Status Loops::bindOperand(mlir::OpOperand &operand) {
  unsigned index = operand.getOperandNumber();
  Access access;
  access.map = op.getMatchingIndexingMap(&operand);
  access.strides.assign(ranges.size(), 0);
  if (!mlir::isa<mlir::RankedTensorType>(operand.get().getType())) {
    access.scalar = call.operand(index).scalar();
    accesses.push_back(std::move(access));
    return core::Status::ok();
  }
  core::Result<Array> array =
      op.isDpsInit(&operand) ? call.takeArray(index) : call.array(index);
  if (!array)
    return array.takeError();
  access.array = std::move(*array);
  int64_t step = 1;
  llvm::ArrayRef<int64_t> shape = access.array.shape();
  for (size_t d = shape.size(); d-- > 0; step *= shape[d])
    access.linear &= addLinear(access.map.getResult(d), step, access);
  if (core::Status status = checkInside(access); !status)
    return status;
  accesses.push_back(std::move(access));
  return core::Status::ok();
}

/// Every loop position reaches an element. A linear expression is smallest and
/// largest at corners of the loops' box; others are checked as they are met.
core::Status Loops::checkInside(const Access &access) {
  if (!access.linear)
    return core::Status::ok();
  for (auto [dim, expr] : llvm::enumerate(access.map.getResults())) {
    Access index;
    index.strides.assign(ranges.size(), 0);
    addLinear(expr, 1, index);
    int64_t least = index.offset, greatest = index.offset;
    bool overflow = false;
    for (auto [stride, range] : llvm::zip_equal(index.strides, ranges)) {
      int64_t reach = 0;
      int64_t &corner = stride < 0 ? least : greatest;
      overflow |= llvm::MulOverflow(stride, range - 1, reach) ||
                  llvm::AddOverflow(corner, reach, corner);
    }
    int64_t size = access.array.shape()[dim];
    if (overflow || least < 0 || greatest >= size)
      return call.fault("has loops " + shapeText(ranges) +
                        " that leave dimension " + llvm::Twine(dim) +
                        " of an operand of shape " +
                        shapeText(access.array.shape()));
  }
  return core::Status::ok();
}

core::Result<int64_t> Loops::cellOfAccess(const Access &access,
                                          llvm::ArrayRef<int64_t> position) {
  if (access.linear)
    return access.at(position);
  int64_t cell = 0;
  for (auto [expr, size] :
       llvm::zip_equal(access.map.getResults(), access.array.shape())) {
    int64_t index = 0;
    if (const char *error = evaluateAffine(expr, position, {}, index))
      return call.fault(error);
    if (index < 0 || index >= size)
      return call.fault("leaves an operand of shape " +
                        shapeText(access.array.shape()));
    cell = cell * size + index;
  }
  return cell;
}

//===----------------------------------------------------------------------===//
// Sums of products
//===----------------------------------------------------------------------===//

/// A contraction of floats whose body is a product and a sum; widenings between
/// them change no value.
bool Loops::isSumOfProducts() {
  if (!mlir::linalg::isaContractionOpInterface(op))
    return false;
  for (mlir::Operation &inner : op.getBlock()->without_terminator())
    if (!mlir::isa<mlir::arith::MulFOp, mlir::arith::AddFOp,
                   mlir::arith::ExtFOp>(inner))
      return false;
  return llvm::all_of(accesses, [](const Access &access) {
    return !access.scalar && access.array.element().isFloat;
  });
}

/// Visits the cells of an access over the loops `dims`, the last the fastest.
template <typename Visit>
static void forEachCell(const Access &access, llvm::ArrayRef<unsigned> dims,
                        llvm::ArrayRef<int64_t> ranges, Visit visit) {
  llvm::SmallVector<int64_t> position(dims.size(), 0);
  int64_t cell = access.offset;
  while (true) {
    visit(cell);
    size_t d = dims.size();
    for (; d > 0; --d) {
      int64_t stride = access.strides[dims[d - 1]];
      cell += stride;
      if (++position[d - 1] < ranges[dims[d - 1]])
        break;
      cell -= stride * position[d - 1];
      position[d - 1] = 0;
    }
    if (d == 0)
      return;
  }
}

core::Status Loops::multiply() {
  mlir::FailureOr<mlir::linalg::ContractionDimensions> dims =
      mlir::linalg::inferContractionDims(op);
  auto product = [&](llvm::ArrayRef<unsigned> list) {
    int64_t count = 1;
    for (unsigned dim : list)
      count *= ranges[dim];
    return count;
  };
  int64_t batch = product(dims->batch), m = product(dims->m),
          n = product(dims->n), k = product(dims->k);
  auto joined = [](llvm::ArrayRef<unsigned> a, llvm::ArrayRef<unsigned> b,
                   llvm::ArrayRef<unsigned> c) {
    llvm::SmallVector<unsigned> all(a);
    all.append(b.begin(), b.end());
    all.append(c.begin(), c.end());
    return all;
  };
  Element real;
  Array lhs = call.newArray(real, {batch, m, k});
  Array rhs = call.newArray(real, {batch, n, k});
  Array sums = call.newArray(real, {batch, m, n});
  auto gather = [&](const Access &from, llvm::ArrayRef<unsigned> order,
                    Array &to) {
    Cell *out = to.write();
    const Cell *in = from.array.data();
    forEachCell(from, order, ranges, [&](int64_t cell) { *out++ = in[cell]; });
  };
  gather(accesses[0], joined(dims->batch, dims->m, dims->k), lhs);
  gather(accesses[1], joined(dims->batch, dims->n, dims->k), rhs);
  double *out = reinterpret_cast<double *>(sums.write());
  for (int64_t b = 0; b < batch; ++b)
    reference::multiplyTransposed(lhs.floats() + b * m * k,
                                  rhs.floats() + b * n * k, out + b * m * n, m,
                                  n, k);

  Access &result = accesses[2];
  Cell *cells = result.array.write();
  const double *sum = sums.floats();
  core::DType round =
      call.evaluator.exact() ? core::DType::F64 : result.array.element().dtype;
  forEachCell(result, joined(dims->batch, dims->m, dims->n), ranges,
              [&](int64_t cell) { cells[cell].f += *sum++; });
  roundCells(round, cells, static_cast<size_t>(result.array.size()));
  call.setResult(0, std::move(result.array));
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// Everything else
//===----------------------------------------------------------------------===//

/// The parallel loop that is run in strips: the last one that is long, else the
/// longest; -1 where there is none. It must move every output, or lanes would
/// write one element, and every access must be linear.
int Loops::chooseStrip() {
  for (const Access &access : accesses)
    if (!access.linear)
      return -1;
  int best = -1;
  llvm::SmallVector<mlir::utils::IteratorType> kinds =
      op.getIteratorTypesArray();
  for (int d = ranges.size() - 1; d >= 0; --d) {
    bool moves = kinds[d] == mlir::utils::IteratorType::parallel;
    for (unsigned out = op.getNumDpsInputs(); out < accesses.size(); ++out)
      moves &= accesses[out].strides[d] != 0;
    if (!moves)
      continue;
    if (ranges[d] >= 16)
      return d;
    if (best < 0 || ranges[d] > ranges[best])
      best = d;
  }
  return best;
}

core::Status Loops::runStrips(LaneProgram &program) {
  int strip = chooseStrip();
  int64_t length = strip < 0 ? 1 : ranges[strip];
  unsigned numInputs = op.getNumDpsInputs();
  llvm::SmallVector<Cell *> outputs;
  for (unsigned index = numInputs; index < accesses.size(); ++index)
    outputs.push_back(accesses[index].array.write());

  llvm::SmallVector<int64_t> position(ranges.size(), 0);
  llvm::SmallVector<int64_t> first(accesses.size(), 0);
  while (true) {
    for (int64_t from = 0; from < length; from += LaneProgram::kStrip) {
      size_t count = std::min<int64_t>(LaneProgram::kStrip, length - from);
      if (strip >= 0)
        position[strip] = from;
      for (auto [index, access] : llvm::enumerate(accesses)) {
        if (access.scalar) {
          std::fill_n(program.argument(index), count, *access.scalar);
          continue;
        }
        core::Result<int64_t> cell = cellOfAccess(access, position);
        if (!cell)
          return cell.takeError();
        first[index] = *cell;
        if (!program.readsArgument(index))
          continue;
        int64_t step = strip < 0 ? 0 : access.strides[strip];
        const Cell *in = access.array.data() + *cell;
        Cell *lanes = program.argument(index);
        for (size_t lane = 0; lane < count; ++lane)
          lanes[lane] = in[static_cast<int64_t>(lane) * step];
      }
      if (core::Status status = program.run(count, position, strip); !status)
        return status;
      for (auto [index, out] : llvm::enumerate(outputs)) {
        const Access &access = accesses[numInputs + index];
        int64_t step = strip < 0 ? 0 : access.strides[strip];
        const Cell *lanes = program.result(index);
        for (size_t lane = 0; lane < count; ++lane)
          out[first[numInputs + index] + static_cast<int64_t>(lane) * step] =
              lanes[lane];
      }
    }
    if (strip >= 0)
      position[strip] = 0;
    int d = ranges.size() - 1;
    for (; d >= 0; --d) {
      if (d == strip)
        continue;
      if (++position[d] < ranges[d])
        break;
      position[d] = 0;
    }
    if (d < 0)
      return core::Status::ok();
  }
}

core::Status Loops::evaluate() {
  if (!op.hasPureTensorSemantics())
    return unsupported(op);
  if (core::Status status = findRanges(); !status)
    return status;
  int64_t points = 1;
  bool isEmpty = false;
  for (int64_t range : ranges) {
    isEmpty |= range <= 0;
    if (llvm::MulOverflow(points, range, points))
      points = std::numeric_limits<int64_t>::max();
  }
  if (isEmpty) {
    for (unsigned index = 0; index < op.getNumDpsInits(); ++index)
      call.setResult(index, call.take(op.getNumDpsInputs() + index));
    return core::Status::ok();
  }
  // What a step of the interpreter costs, in points of a loop: about 32.
  if (core::Status status = call.evaluator.charge(op, points / 32); !status)
    return status;

  core::Result<LaneProgram *> program = call.lanes(*op.getBlock());
  if (!program)
    return program.takeError();
  for (mlir::OpOperand &operand : op->getOpOperands())
    if (core::Status status = bindOperand(operand); !status)
      return status;
  if (isSumOfProducts())
    return multiply();
  if (core::Status status = runStrips(**program); !status)
    return status;
  for (unsigned index = 0; index < op.getNumDpsInits(); ++index)
    call.setResult(index,
                   std::move(accesses[op.getNumDpsInputs() + index].array));
  return core::Status::ok();
}

core::Status interpret::evaluateLinalg(Call &call) {
  return Loops(call).evaluate();
}
