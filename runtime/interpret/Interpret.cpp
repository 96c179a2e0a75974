//===- Interpret.cpp - What a function of the IR computes -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The border between host tensors and the interpreter's values: names, shapes,
// element types and bounds are checked here, once.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Interpret.h"

#include "moe/dialect/MoeOps.h"
#include "moe/runtime/interpret/Evaluator.h"

#include "llvm/Support/ErrorHandling.h"

#include <new>

using namespace moe;
using namespace moe::interpret;

std::string interpret::argumentName(mlir::func::FuncOp function,
                                    unsigned index) {
  if (auto name = function.getArgAttrOfType<mlir::StringAttr>(
          index, MoeDialect::kNameAttr))
    return name.str();
  return "arg" + std::to_string(index);
}

std::string interpret::resultName(mlir::func::FuncOp function, unsigned index) {
  if (auto name = function.getResultAttrOfType<mlir::StringAttr>(
          index, MoeDialect::kNameAttr))
    return name.str();
  return "result" + std::to_string(index);
}

/// The element type that a result has: exact floats stay doubles.
static std::optional<core::DType> resultType(mlir::Type type, bool exact) {
  std::optional<core::DType> dtype = hostType(type);
  return dtype && exact && core::isFloat(*dtype) ? core::DType::F64 : dtype;
}

static std::string typeText(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

//===----------------------------------------------------------------------===//
// In
//===----------------------------------------------------------------------===//

static core::Result<const core::NamedTensor *>
findInput(const std::string &name, std::span<const core::NamedTensor> inputs) {
  std::string given;
  for (const core::NamedTensor &input : inputs) {
    if (input.name == name)
      return &input;
    given += (given.empty() ? "'" : ", '") + input.name + "'";
  }
  return core::Error(core::ErrorId::InputMissing,
                     "input '" + name + "' is missing; given " +
                         (given.empty() ? "nothing" : given));
}

static core::Status checkInput(const std::string &name, mlir::Type type,
                               const core::Tensor &tensor) {
  if (!isHeldBy(type, tensor.dtype()))
    return core::Error(core::ErrorId::InputDType,
                       "input '" + name + "' is " +
                           std::string(core::name(tensor.dtype())) +
                           ", the function takes " + typeText(type));
  llvm::ArrayRef<int64_t> shape;
  if (auto ranked = mlir::dyn_cast<mlir::RankedTensorType>(type))
    shape = ranked.getShape();
  bool same = shape.size() == tensor.shape().size();
  for (size_t dim = 0; same && dim < shape.size(); ++dim)
    same = mlir::ShapedType::isDynamic(shape[dim]) ||
           shape[dim] == tensor.shape()[dim];
  if (!same)
    return core::Error(core::ErrorId::InputShape,
                       "input '" + name + "' has shape " +
                           core::shapeStr(tensor.shape()) +
                           ", the function takes " + typeText(type));
  return core::Status::ok();
}

static Value valueOf(const core::Tensor &tensor, mlir::Type type,
                     Evaluator &evaluator) {
  Element element = *Element::ofElements(type);
  llvm::SmallVector<int64_t> shape(tensor.shape().begin(),
                                   tensor.shape().end());
  Array array(evaluator.memory(), element, shape);
  Cell *cells = array.write();
  for (int64_t index = 0; index < array.size(); ++index) {
    size_t at = static_cast<size_t>(index);
    if (element.isFloat)
      cells[index].f = core::loadAsDouble(tensor.dtype(), tensor.data(), at);
    else
      cells[index].i = wrapInt(
          core::loadAsInt(tensor.dtype(), tensor.data(), at), element.width);
  }
  if (mlir::isa<mlir::RankedTensorType>(type))
    return array;
  return cells[0];
}

/// Sizes of named dimensions, as the first tensor that has one gives it.
class NamedDims {
public:
  explicit NamedDims(mlir::func::FuncOp function)
      : bounds(function->getAttrOfType<mlir::DictionaryAttr>(
            MoeDialect::kBoundsAttr)) {}

  core::Status check(const std::string &input, mlir::ArrayAttr names,
                     const std::vector<int64_t> &shape) {
    for (auto [attribute, size] : llvm::zip(names, shape)) {
      auto name = mlir::cast<mlir::StringAttr>(attribute);
      int64_t limit = MoeDialect::kDefaultBound;
      if (bounds)
        if (auto bound = bounds.getAs<mlir::IntegerAttr>(name.getValue()))
          limit = bound.getInt();
      if (size > limit)
        return core::Error(core::ErrorId::BoundExceeded,
                           "input '" + input + "' has " + name.str() + " = " +
                               std::to_string(size) +
                               ", the function's bound is " + name.str() +
                               " <= " + std::to_string(limit));
      auto [known, isNew] = sizes.try_emplace(name.getValue(), size);
      if (!isNew && known->second != size)
        return core::Error(core::ErrorId::InputShape,
                           "input '" + input + "' has " + name.str() + " = " +
                               std::to_string(size) +
                               ", an input before it has " + name.str() +
                               " = " + std::to_string(known->second));
    }
    return core::Status::ok();
  }

private:
  mlir::DictionaryAttr bounds;
  llvm::StringMap<int64_t> sizes;
};

//===----------------------------------------------------------------------===//
// Out
//===----------------------------------------------------------------------===//

static core::Result<core::Tensor> tensorOf(Value &value, mlir::Type type,
                                           core::DType dtype) {
  std::vector<int64_t> shape;
  Cell scalar;
  const Cell *cells = &scalar;
  int64_t count = 1;
  if (auto *lazy = std::get_if<std::shared_ptr<const LazyArray>>(&value)) {
    core::Result<Array> read = (*lazy)->read(-1);
    if (!read)
      return read.takeError();
    value = std::move(*read);
  }
  if (auto *array = std::get_if<Array>(&value)) {
    shape.assign(array->shape().begin(), array->shape().end());
    cells = array->data();
    count = array->size();
  } else {
    scalar = value.scalar();
  }
  core::Tensor tensor(dtype, shape);
  bool isFloat = Element::ofElements(type)->isFloat;
  for (int64_t index = 0; index < count; ++index) {
    size_t at = static_cast<size_t>(index);
    if (isFloat)
      core::storeFromDouble(dtype, tensor.data(), at, cells[index].f);
    else
      core::storeFromInt(dtype, tensor.data(), at, cells[index].i);
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// interpret
//===----------------------------------------------------------------------===//

static core::Result<std::vector<core::NamedTensor>>
runFunction(mlir::func::FuncOp function,
            std::span<const core::NamedTensor> inputs, Evaluator &evaluator,
            bool exact) {
  llvm::SmallVector<Value> arguments, results;
  NamedDims dims(function);
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    std::string name = argumentName(function, index);
    core::Result<const core::NamedTensor *> input = findInput(name, inputs);
    if (!input)
      return input.takeError();
    const core::Tensor &tensor = (*input)->tensor;
    if (core::Status status = checkInput(name, type, tensor); !status)
      return status.takeError();
    if (auto names = function.getArgAttrOfType<mlir::ArrayAttr>(
            index, MoeDialect::kDimsAttr))
      if (core::Status status = dims.check(name, names, tensor.shape());
          !status)
        return status.takeError();
    arguments.push_back(valueOf(tensor, type, evaluator));
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
    if (!resultType(type, exact))
      return faultAt(function, core::ErrorId::InterpreterUnsupported,
                     "returns " + typeText(type) +
                         ", which is no tensor or scalar of the host");

  if (core::Status status = evaluator.call(function, arguments, results);
      !status)
    return status.takeError();

  std::vector<core::NamedTensor> outputs;
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    core::Result<core::Tensor> tensor =
        tensorOf(results[index], type, *resultType(type, exact));
    if (!tensor)
      return tensor.takeError();
    outputs.push_back({resultName(function, index), std::move(*tensor)});
  }
  return outputs;
}

core::Result<std::vector<core::NamedTensor>>
interpret::interpret(mlir::func::FuncOp function,
                     std::span<const core::NamedTensor> inputs,
                     const WeightLookup &weights, const Options &options) {
  Evaluator evaluator(weights, options);
  try {
    return runFunction(function, inputs, evaluator, options.exact);
  } catch (const std::bad_alloc &) {
    mlir::Operation *op =
        evaluator.current() ? evaluator.current() : function.getOperation();
    return faultAt(op, core::ErrorId::OutOfMemory,
                   "needs " + llvm::Twine(evaluator.memory()->refused) +
                       " bytes more than the " +
                       llvm::Twine(evaluator.memory()->live) +
                       " in use; the interpreter may hold " +
                       llvm::Twine(options.maxBytes));
  }
}
