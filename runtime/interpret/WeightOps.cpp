//===- WeightOps.cpp - param, load_param, assume --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parameter is read from the stored tensors that its source names, one
// expert at a time.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/semantics/TensorPattern.h"
#include "moe/runtime/interpret/Evaluator.h"

#include <bit>
#include <cstring>

using namespace moe;
using namespace moe::interpret;

namespace {

/// What a parameter is made of. Without a source: one stored tensor of the
/// parameter's own type.
struct Source {
  std::string pattern;
  mlir::RankedTensorType stored;
  SourceView view;
};

/// Reads the tensor of one parameter.
class Reader {
public:
  Reader(Evaluator &evaluator, ParamOp param, Source source)
      : lookup(evaluator.weights()), budget(evaluator.memory()), param(param),
        source(std::move(source)),
        type(mlir::cast<mlir::RankedTensorType>(param.getType())) {}

  /// Slice `index` of the leading dimension, or the whole with -1.
  core::Result<Array> read(int64_t index) const;

private:
  core::Result<core::TensorView> stored(int64_t expert) const;
  core::Status gather(int64_t expert, llvm::ArrayRef<int64_t> shape,
                      llvm::ArrayRef<int64_t> strides, int64_t offset,
                      Cell *out) const;

  const WeightLookup &lookup;
  std::shared_ptr<MemoryBudget> budget;
  mutable ParamOp param;
  Source source;
  mlir::RankedTensorType type;
};

} // namespace

core::Result<core::TensorView> Reader::stored(int64_t expert) const {
  const std::string name = semantics::nameOfExpert(source.pattern, expert);
  if (!lookup)
    return core::Error(core::ErrorId::WeightsNeeded,
                       "the function reads tensor '" + name +
                           "', and no weights were given");
  mlir::Type element = source.stored.getElementType();
  core::TensorView expected;
  expected.dtype = *hostType(element);
  expected.shape.assign(source.stored.getShape().begin(),
                        source.stored.getShape().end());
  core::Result<core::TensorView> view = lookup(name, expected);
  if (!view)
    return view;
  if (view->shape != expected.shape || !isHeldBy(element, view->dtype)) {
    std::string want;
    llvm::raw_string_ostream(want) << element;
    return core::Error(core::ErrorId::WeightMismatch,
                       "tensor '" + name + "' is " +
                           std::string(core::name(view->dtype)) + " " +
                           core::shapeStr(view->shape) + ", parameter @" +
                           param.getSymName().str() + " is made of " + want +
                           " " + core::shapeStr(expected.shape));
  }
  // What is read as bytes are the bytes, not what they stand for.
  if (view->dtype == core::DType::F8E8M0)
    view->dtype = expected.dtype;
  return view;
}

/// Every `step`-th element from `first` on. Checkpoints are large: their usual
/// types get a loop of their own.
static void decode(const core::TensorView &view, Element element, int64_t first,
                   int64_t step, int64_t count, Cell *out) {
  const auto *bytes = static_cast<const std::byte *>(view.data);
  if (view.dtype == core::DType::BF16) {
    for (int64_t i = 0; i < count; ++i) {
      uint16_t half;
      std::memcpy(&half, bytes + 2 * (first + i * step), sizeof half);
      out[i].f = std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
    }
    return;
  }
  if (view.dtype == core::DType::F32) {
    for (int64_t i = 0; i < count; ++i) {
      float value;
      std::memcpy(&value, bytes + 4 * (first + i * step), sizeof value);
      out[i].f = value;
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    size_t at = static_cast<size_t>(first + i * step);
    if (element.isFloat)
      out[i].f = core::loadAsDouble(view.dtype, view.data, at);
    else
      out[i].i =
          wrapInt(core::loadAsInt(view.dtype, view.data, at), element.width);
  }
}

core::Status Reader::gather(int64_t expert, llvm::ArrayRef<int64_t> shape,
                            llvm::ArrayRef<int64_t> strides, int64_t offset,
                            Cell *out) const {
  core::Result<core::TensorView> view = stored(expert);
  if (!view)
    return view.takeError();
  Element element = *Element::ofElements(type);
  for (int64_t size : shape)
    if (size == 0)
      return core::Status::ok();
  llvm::SmallVector<int64_t> position(shape.size(), 0);
  int64_t inner = shape.empty() ? 1 : shape.back();
  int64_t step = shape.empty() ? 0 : strides.back();
  while (true) {
    decode(*view, element, offset, step, inner, out);
    out += inner;
    int64_t d = static_cast<int64_t>(shape.size()) - 2;
    for (; d >= 0; --d) {
      offset += strides[d];
      if (++position[d] < shape[d])
        break;
      offset -= strides[d] * position[d];
      position[d] = 0;
    }
    if (d < 0)
      return core::Status::ok();
  }
}

core::Result<Array> Reader::read(int64_t index) const {
  llvm::ArrayRef<int64_t> shape = type.getShape();
  llvm::ArrayRef<int64_t> viewShape(source.view.shape);
  llvm::ArrayRef<int64_t> strides(source.view.strides);
  int64_t offset = source.view.offset;
  if (index >= 0) {
    shape = shape.drop_front();
    if (!source.view.perExpert) {
      offset += index * strides.front();
      viewShape = viewShape.drop_front();
      strides = strides.drop_front();
    }
  }
  Array array(budget, *Element::ofElements(type), shape);
  Cell *cells = array.write();
  // Without an expert's index, a per-expert source is read expert by expert.
  bool all = source.view.perExpert && index < 0;
  int64_t first = all ? 0 : std::max<int64_t>(index, 0);
  int64_t last = all ? shape.front() : first + 1;
  int64_t each = all && last > 0 ? array.size() / last : array.size();
  for (int64_t expert = first; expert < last; ++expert)
    if (core::Status status = gather(expert, viewShape, strides, offset,
                                     cells + (expert - first) * each);
        !status)
      return status.takeError();
  return array;
}

static core::Status loadParam(Call &call) {
  auto op = call.as<LoadParamOp>();
  auto param = call.evaluator.symbols().lookupNearestSymbolFrom<ParamOp>(
      op, op.getParamAttr());
  if (!param)
    return call.fault("expects a moe.param named @" + op.getParam());
  auto type = mlir::cast<mlir::RankedTensorType>(param.getType());
  if (!hostType(type))
    return unsupported(op);
  Source source;
  if (SourceAttr attribute = param.getSourceAttr()) {
    source.pattern = attribute.getPattern().str();
    source.stored = attribute.getStored();
    source.view = *attribute.getView();
  } else {
    source.pattern = param.getSymName().str();
    source.stored = type;
    source.view.shape.assign(type.getShape().begin(), type.getShape().end());
    source.view.strides.assign(type.getRank(), 1);
    for (int64_t d = type.getRank() - 1; d-- > 0;)
      source.view.strides[d] =
          source.view.strides[d + 1] * type.getDimSize(d + 1);
  }
  auto reader =
      std::make_shared<Reader>(call.evaluator, param, std::move(source));
  if (type.getRank() < 3) {
    core::Result<Array> array = reader->read(-1);
    if (!array)
      return array.takeError();
    call.setResult(0, std::move(*array));
    return core::Status::ok();
  }
  auto lazy = std::make_shared<LazyArray>();
  lazy->shape.assign(type.getShape().begin(), type.getShape().end());
  lazy->element = *Element::ofElements(type);
  lazy->read = [reader](int64_t index) { return reader->read(index); };
  call.setResult(0, std::shared_ptr<const LazyArray>(std::move(lazy)));
  return core::Status::ok();
}

static core::Status assume(Call &call) {
  auto op = call.as<AssumeOp>();
  int64_t value = call.integer(0);
  int64_t lo = op.getLoAttr().getInt(), hi = op.getHiAttr().getInt();
  if (value < lo || value > hi)
    return faultAt(op, core::ErrorId::BoundExceeded,
                   "assumes a value in [" + llvm::Twine(lo) + ", " +
                       llvm::Twine(hi) + "], got " + llvm::Twine(value));
  call.setResult(0, cellOf(value));
  return core::Status::ok();
}

void interpret::addWeightOps(HandlerTable &table) {
  table["moe.load_param"] = loadParam;
  table["moe.assume"] = assume;
}
