//===- FrontEndOps.cpp - Sort, top-k, scan, scatter of exported graphs ----===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch-mlir writes tm_tensor ops and IREE's StableHLO pipeline
// iree_linalg_ext ops where upstream has none. Both come in generic form, from
// dialects that nobody here registers, so nothing about them has been verified:
// each handler checks all it relies on.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include <algorithm>
#include <numeric>

using namespace moe;
using namespace moe::interpret;

namespace {

/// An op of a front end: tensors in, the last `numOuts` of them updated.
class FrontEndOp {
public:
  FrontEndOp(Call &call, unsigned numOuts) : call(call), numOuts(numOuts) {}

  /// Operands and results are dense tensors, results of the outputs' types.
  core::Status load(unsigned minOperands);
  /// The region as a program over scalars with these argument types that
  /// yields one value.
  core::Result<LaneProgram *> region(llvm::ArrayRef<Element> arguments,
                                     Element yielded);
  /// The attribute `dimension`, within the rank of `array`.
  core::Result<int64_t> dimension(const Array &array);

  Array &in(unsigned index) { return arrays[index]; }
  Array &out(unsigned index) { return arrays[numIns() + index]; }
  unsigned numIns() const { return arrays.size() - numOuts; }
  void setResults() {
    for (unsigned index = 0; index < numOuts; ++index)
      call.setResult(index, std::move(out(index)));
  }

private:
  Call &call;
  unsigned numOuts;
  llvm::SmallVector<Array> arrays;
};

/// Lines of a tensor along one dimension: line l, element i is cell
/// start(l) + i * step.
struct Lines {
  int64_t count = 1, length = 1, step = 1;

  Lines(llvm::ArrayRef<int64_t> shape, int64_t dimension) {
    for (auto [dim, size] : llvm::enumerate(shape)) {
      int64_t d = static_cast<int64_t>(dim);
      (d == dimension ? length : count) *= size;
      if (d > dimension)
        step *= size;
    }
    // Lines without elements need no visit, however many there are.
    if (length == 0)
      count = 0;
  }
  int64_t start(int64_t line) const {
    return line / step * step * length + line % step;
  }
};

} // namespace

core::Status FrontEndOp::load(unsigned minOperands) {
  if (call.step.operands.size() < minOperands ||
      call.step.operands.size() < numOuts ||
      call.step.results.size() != numOuts)
    return call.fault("expects at least " + llvm::Twine(minOperands) +
                      " operands and " + llvm::Twine(numOuts) +
                      " results, got " +
                      llvm::Twine(call.step.operands.size()) + " and " +
                      llvm::Twine(call.step.results.size()));
  unsigned first = call.step.operands.size() - numOuts;
  for (unsigned index = 0; index < call.step.operands.size(); ++index) {
    mlir::Type type = call.op()->getOperand(index).getType();
    if (!mlir::isa<mlir::RankedTensorType>(type) || !Element::ofElements(type))
      return unsupported(call.op());
    if (index >= first && call.op()->getResult(index - first).getType() != type)
      return call.fault("expects its results to have the types of its "
                        "outputs");
    core::Result<Array> array =
        index < first ? call.array(index) : call.takeArray(index);
    if (!array)
      return array.takeError();
    arrays.push_back(std::move(*array));
  }
  return core::Status::ok();
}

core::Result<LaneProgram *>
FrontEndOp::region(llvm::ArrayRef<Element> arguments, Element yielded) {
  mlir::Operation *op = call.op();
  if (op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock() ||
      op->getRegion(0).front().empty())
    return call.fault("expects one region of one block");
  mlir::Block &block = op->getRegion(0).front();
  mlir::Operation &yield = block.back();
  bool fits = yield.getName().getStringRef().ends_with(".yield") &&
              yield.getNumOperands() == 1 &&
              Element::of(yield.getOperand(0).getType()) == yielded &&
              block.getNumArguments() == arguments.size();
  for (unsigned index = 0; fits && index < arguments.size(); ++index)
    fits = Element::of(block.getArgument(index).getType()) == arguments[index];
  if (!fits)
    return call.fault("expects a region over " + llvm::Twine(arguments.size()) +
                      " scalars of its tensors' element types that yields one "
                      "value");
  return call.lanes(block);
}

core::Result<int64_t> FrontEndOp::dimension(const Array &array) {
  auto attribute = call.op()->getAttrOfType<mlir::IntegerAttr>("dimension");
  if (!attribute || attribute.getInt() < 0 ||
      attribute.getInt() >= array.rank())
    return call.fault("expects 'dimension' below the rank " +
                      llvm::Twine(array.rank()));
  return attribute.getInt();
}

static constexpr Element kBool{false, core::DType::F64, 1};

//===----------------------------------------------------------------------===//
// sort
//===----------------------------------------------------------------------===//

/// A merge sort that no comparator can lead astray: equal elements, by a strict
/// comparator or not, keep their order.
template <typename Before>
static core::Status mergeSort(std::vector<int64_t> &order,
                              std::vector<int64_t> &scratch, Before before) {
  int64_t count = order.size();
  scratch.resize(count);
  for (int64_t width = 1; width < count; width *= 2) {
    for (int64_t low = 0; low < count; low += 2 * width) {
      int64_t middle = std::min(low + width, count);
      int64_t high = std::min(low + 2 * width, count);
      int64_t left = low, right = middle;
      for (int64_t to = low; to < high; ++to) {
        bool takeRight = left == middle;
        if (!takeRight && right < high) {
          core::Result<bool> swap = before(order[right], order[left]);
          if (!swap)
            return swap.takeError();
          takeRight = *swap;
        }
        scratch[to] = takeRight ? order[right++] : order[left++];
      }
    }
    order.swap(scratch);
  }
  return core::Status::ok();
}

static core::Status sort(Call &call) {
  unsigned count = call.step.operands.size();
  FrontEndOp op(call, count);
  if (core::Status status = op.load(1); !status)
    return status;
  llvm::SmallVector<Element> elements;
  for (unsigned index = 0; index < count; ++index) {
    elements.append(2, op.out(index).element());
    if (op.out(index).shape() != op.out(0).shape())
      return call.fault("expects tensors of one shape, got " +
                        shapeText(op.out(0).shape()) + " and " +
                        shapeText(op.out(index).shape()));
  }
  core::Result<int64_t> dimension = op.dimension(op.out(0));
  if (!dimension)
    return dimension.takeError();
  core::Result<LaneProgram *> lanes = op.region(elements, kBool);
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;

  llvm::SmallVector<Cell *> cells;
  for (unsigned index = 0; index < count; ++index)
    cells.push_back(op.out(index).write());
  Lines lines(op.out(0).shape(), *dimension);
  std::vector<int64_t> order(lines.length), scratch;
  std::vector<Cell> sorted(lines.length);
  for (int64_t line = 0; line < lines.count; ++line) {
    int64_t start = lines.start(line);
    // Lane 0 asks whether a goes before b, lane 1 the opposite: only a
    // difference moves elements.
    auto before = [&](int64_t a, int64_t b) -> core::Result<bool> {
      for (unsigned index = 0; index < count; ++index) {
        Cell atA = cells[index][start + a * lines.step];
        Cell atB = cells[index][start + b * lines.step];
        program.argument(2 * index)[0] = program.argument(2 * index + 1)[1] =
            atA;
        program.argument(2 * index + 1)[0] = program.argument(2 * index)[1] =
            atB;
      }
      if (core::Status status = program.run(2); !status)
        return status.takeError();
      return program.result(0)[0].i && !program.result(0)[1].i;
    };
    std::iota(order.begin(), order.end(), 0);
    if (core::Status status = mergeSort(order, scratch, before); !status)
      return status;
    for (Cell *data : cells) {
      for (int64_t i = 0; i < lines.length; ++i)
        sorted[i] = data[start + order[i] * lines.step];
      for (int64_t i = 0; i < lines.length; ++i)
        data[start + i * lines.step] = sorted[i];
    }
  }
  op.setResults();
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// topk
//===----------------------------------------------------------------------===//

/// Every candidate goes down the list of those kept so far and changes places
/// with each that the comparator ranks below it.
static core::Status topk(Call &call) {
  FrontEndOp op(call, 2);
  if (core::Status status = op.load(3); !status)
    return status;
  Array &values = op.in(0);
  Element element = values.element();
  core::Result<int64_t> dimension = op.dimension(values);
  if (!dimension)
    return dimension.takeError();
  core::Result<LaneProgram *> lanes = op.region({element, element}, kBool);
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;

  Array::Shape expected(values.shape());
  bool fits = op.out(0).rank() == values.rank() && op.numIns() <= 2 &&
              op.out(0).shape() == op.out(1).shape() &&
              op.out(0).element() == element && !op.out(1).element().isFloat;
  if (fits)
    expected[*dimension] = op.out(0).shape()[*dimension];
  fits &= op.out(0).shape() == llvm::ArrayRef<int64_t>(expected);
  if (op.numIns() == 2)
    fits &= op.in(1).shape() == values.shape() &&
            op.in(1).element() == op.out(1).element();
  if (!fits)
    return call.fault("expects values, perhaps their indices, and outputs of "
                      "the same types that differ in dimension " +
                      llvm::Twine(*dimension));

  Lines from(values.shape(), *dimension), to(op.out(0).shape(), *dimension);
  Cell *kept = op.out(0).write(), *keptIds = op.out(1).write();
  for (int64_t line = 0; line < from.count; ++line) {
    for (int64_t i = 0; i < from.length; ++i) {
      int64_t at = from.start(line) + i * from.step;
      Cell value = values.data()[at];
      Cell id = op.numIns() == 2 ? op.in(1).data()[at] : cellOf(i);
      for (int64_t j = 0; j < to.length; ++j) {
        int64_t place = to.start(line) + j * to.step;
        program.argument(0)[0] = value;
        program.argument(1)[0] = kept[place];
        if (core::Status status = program.run(1); !status)
          return status;
        if (program.result(0)[0].i) {
          std::swap(value, kept[place]);
          std::swap(id, keptIds[place]);
        }
      }
    }
  }
  op.setResults();
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// scan
//===----------------------------------------------------------------------===//

static core::Status scan(Call &call) {
  FrontEndOp op(call, 2);
  if (core::Status status = op.load(3); !status)
    return status;
  Array &input = op.in(0);
  Element element = input.element();
  core::Result<int64_t> dimension = op.dimension(input);
  if (!dimension)
    return dimension.takeError();
  auto inclusive = call.op()->getAttrOfType<mlir::BoolAttr>("inclusive");
  if (!inclusive)
    return call.fault("expects 'inclusive'");
  core::Result<LaneProgram *> lanes = op.region({element, element}, element);
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;
  Array::Shape carried(input.shape());
  carried.erase(carried.begin() + *dimension);
  if (op.out(0).shape() != input.shape() ||
      op.out(1).shape() != llvm::ArrayRef<int64_t>(carried) ||
      op.out(0).element() != element || op.out(1).element() != element)
    return call.fault("expects an output of the input's shape " +
                      shapeText(input.shape()) + " and a carry of shape " +
                      shapeText(carried));

  Lines lines(input.shape(), *dimension);
  Cell *out = op.out(0).write(), *carry = op.out(1).write();
  for (int64_t line = 0; line < lines.count; ++line)
    for (int64_t i = 0; i < lines.length; ++i) {
      int64_t at = lines.start(line) + i * lines.step;
      program.argument(0)[0] = carry[line];
      program.argument(1)[0] = input.data()[at];
      if (core::Status status = program.run(1); !status)
        return status;
      Cell next = program.result(0)[0];
      out[at] = inclusive.getValue() ? next : carry[line];
      carry[line] = next;
    }
  op.setResults();
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// scatter
//===----------------------------------------------------------------------===//

/// Update [b..., w...] goes to element [w...] of the output, moved along the
/// dimensions of 'dimension_map' by the index vector [b...].
static core::Status scatter(Call &call) {
  FrontEndOp op(call, 1);
  if (core::Status status = op.load(3); !status)
    return status;
  Array &updates = op.in(0), &indices = op.in(1), &out = op.out(0);
  Element element = updates.element();
  auto map = call.op()->getAttrOfType<mlir::DenseI64ArrayAttr>("dimension_map");
  int64_t batch = indices.rank() - 1, window = updates.rank() - batch;
  bool fits =
      map && op.numIns() == 2 && !indices.element().isFloat &&
      out.element() == element && batch >= 0 && window >= 0 &&
      window <= out.rank() &&
      indices.shape().back() == static_cast<int64_t>(map.size()) &&
      updates.shape().take_front(batch) == indices.shape().take_front(batch) &&
      llvm::all_of(map.asArrayRef(),
                   [&](int64_t dim) { return dim >= 0 && dim < out.rank(); });
  if (!fits)
    return call.fault("expects updates [b..., w...], integer indices "
                      "[b..., n], an output and a 'dimension_map' of n of its "
                      "dimensions");
  core::Result<LaneProgram *> lanes = op.region({element, element}, element);
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;

  Cell *cells = out.write();
  int64_t depth = map.size();
  llvm::SmallVector<int64_t> position(out.rank());
  llvm::ArrayRef<int64_t> windowShape = updates.shape().take_back(window);
  int64_t perIndex = 1;
  for (int64_t size : windowShape)
    perIndex *= size;
  for (int64_t flat = 0; flat < updates.size(); ++flat) {
    std::fill(position.begin(), position.end(), 0);
    int64_t rest = flat % perIndex;
    for (int64_t d = window; d-- > 0; rest /= windowShape[d])
      position[out.rank() - window + d] = rest % windowShape[d];
    bool inside = true;
    for (auto [n, dim] : llvm::enumerate(map.asArrayRef())) {
      int64_t index = indices.data()[flat / perIndex * depth + n].i;
      inside &= index >= 0 && index < out.shape()[dim];
      position[dim] += inside ? index : 0;
    }
    int64_t cell = 0;
    for (auto [index, size] : llvm::zip_equal(position, out.shape())) {
      inside &= index < size;
      cell = cell * size + index;
    }
    if (!inside)
      return call.fault("writes update " + llvm::Twine(flat) +
                        " outside the output of shape " +
                        shapeText(out.shape()));
    program.argument(0)[0] = updates.data()[flat];
    program.argument(1)[0] = cells[cell];
    if (core::Status status = program.run(1); !status)
      return status;
    cells[cell] = program.result(0)[0];
  }
  op.setResults();
  return core::Status::ok();
}

void interpret::addFrontEndOps(HandlerTable &table) {
  for (llvm::StringRef dialect : {"tm_tensor", "iree_linalg_ext"}) {
    table[(dialect + ".sort").str()] = sort;
    table[(dialect + ".scan").str()] = scan;
    table[(dialect + ".scatter").str()] = scatter;
  }
  table["iree_linalg_ext.topk"] = topk;
  table["tm_tensor.topk"] = topk;
}
