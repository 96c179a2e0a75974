//===- Value.cpp - What the interpreter computes with ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Value.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <new>

using namespace moe;
using namespace moe::interpret;

std::optional<Element> Element::of(mlir::Type type) {
  if (mlir::isa<mlir::IndexType>(type))
    return Element{false, core::DType::F64, 64};
  if (auto integer = mlir::dyn_cast<mlir::IntegerType>(type)) {
    if (integer.getWidth() < 1 || integer.getWidth() > 64)
      return std::nullopt;
    return Element{false, core::DType::F64, integer.getWidth()};
  }
  using core::DType;
  std::optional<DType> dtype;
  if (type.isF64())
    dtype = DType::F64;
  else if (type.isF32())
    dtype = DType::F32;
  else if (type.isBF16())
    dtype = DType::BF16;
  else if (type.isF16())
    dtype = DType::F16;
  else if (mlir::isa<mlir::Float8E4M3FNType>(type))
    dtype = DType::F8E4M3;
  else if (mlir::isa<mlir::Float8E5M2Type>(type))
    dtype = DType::F8E5M2;
  else if (mlir::isa<mlir::Float8E8M0FNUType>(type))
    dtype = DType::F8E8M0;
  if (!dtype)
    return std::nullopt;
  return Element{true, *dtype, type.getIntOrFloatBitWidth()};
}

std::optional<Element> Element::ofElements(mlir::Type type) {
  return of(mlir::getElementTypeOrSelf(type));
}

std::optional<core::DType> interpret::hostType(mlir::Type type) {
  std::optional<Element> element = Element::ofElements(type);
  if (!element)
    return std::nullopt;
  if (element->isFloat)
    return element->dtype;
  switch (element->width) {
  case 1:
    return core::DType::Bool;
  case 8:
    return core::DType::U8;
  case 16:
    return core::DType::I16;
  case 32:
    return core::DType::I32;
  case 64:
    return core::DType::I64;
  default:
    return std::nullopt;
  }
}

bool interpret::isHeldBy(mlir::Type type, core::DType dtype) {
  std::optional<core::DType> own = hostType(type);
  return own && (*own == dtype ||
                 (*own == core::DType::U8 &&
                  (dtype == core::DType::I8 || dtype == core::DType::F8E8M0)));
}

int64_t interpret::wrapInt(int64_t value, unsigned width) {
  if (width >= 64)
    return value;
  if (width == 1)
    return value & 1;
  return llvm::SignExtend64(static_cast<uint64_t>(value), width);
}

void interpret::roundCells(core::DType dtype, Cell *cells, size_t count) {
  if (dtype == core::DType::F64)
    return;
  if (dtype == core::DType::F32) {
    for (size_t i = 0; i < count; ++i)
      cells[i].f = static_cast<float>(cells[i].f);
    return;
  }
  for (size_t i = 0; i < count; ++i)
    cells[i].f = core::roundTo(dtype, cells[i].f);
}

/// Storage that counts against a budget for as long as anybody holds it.
static std::shared_ptr<Cell[]>
allocate(const std::shared_ptr<MemoryBudget> &budget, int64_t count) {
  int64_t bytes = 0;
  if (llvm::MulOverflow(count, int64_t(sizeof(Cell)), bytes))
    bytes = std::numeric_limits<int64_t>::max();
  if (bytes > budget->limit - budget->live) {
    budget->refused = bytes;
    throw std::bad_alloc();
  }
  budget->refused = bytes; // stands if the next line throws
  auto *cells = new Cell[std::max<int64_t>(count, 1)];
  budget->live += bytes;
  return std::shared_ptr<Cell[]>(cells, [budget, bytes](Cell *cells) {
    delete[] cells;
    budget->live -= bytes;
  });
}

/// The product, or the largest integer where it has no value.
static int64_t elementsOf(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  bool overflow = false;
  for (int64_t size : shape) {
    if (size == 0)
      return 0;
    overflow |= llvm::MulOverflow(count, size, count);
  }
  return overflow ? std::numeric_limits<int64_t>::max() : count;
}

Array::Array(std::shared_ptr<MemoryBudget> budget, Element element,
             llvm::ArrayRef<int64_t> shape)
    : type(element), dims(shape), count(elementsOf(shape)),
      storage(allocate(budget, count)), budget(std::move(budget)) {}

Cell *Array::write() {
  if (storage.use_count() != 1) {
    std::shared_ptr<Cell[]> copy = allocate(budget, count);
    std::copy_n(storage.get(), count, copy.get());
    storage = std::move(copy);
  }
  return storage.get();
}

Array Array::reshaped(llvm::ArrayRef<int64_t> shape) const {
  Array result = *this;
  result.dims.assign(shape.begin(), shape.end());
  return result;
}

Array Array::slice(int64_t index) const {
  Array result = *this;
  result.dims.erase(result.dims.begin());
  result.count = count / dims.front();
  result.storage =
      std::shared_ptr<Cell[]>(storage, storage.get() + index * result.count);
  return result;
}

llvm::ArrayRef<int64_t> Value::shape() const {
  if (auto *array = std::get_if<Array>(this))
    return array->shape();
  return std::get<std::shared_ptr<const LazyArray>>(*this)->shape;
}
