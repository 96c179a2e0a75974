//===- Value.h - What the interpreter computes with -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every float is a double and every integer an int64, whatever its type in the
// IR: arithmetic has one form, and rounding is a step of its own that the exact
// mode leaves out. Tensors share their storage and are written in place only by
// a sole owner, so that a loop which carries a tensor and inserts into it costs
// what it would cost a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_INTERPRET_VALUE_H
#define MOE_RUNTIME_INTERPRET_VALUE_H

#include "moe/dialect/plan/Groups.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <functional>
#include <memory>
#include <optional>
#include <variant>

namespace moe::interpret {

/// One scalar, or one element of a tensor.
union Cell {
  double f;
  int64_t i;
};
inline Cell cellOf(double value) {
  Cell cell;
  cell.f = value;
  return cell;
}
inline Cell cellOf(int64_t value) {
  Cell cell;
  cell.i = value;
  return cell;
}

/// The element type of a value: how its cells are read and rounded. Integers of
/// `width` bits are held sign-extended; i1 is held as 0 or 1.
struct Element {
  bool isFloat = true;
  /// The type that floats are rounded to; F64 for integers.
  core::DType dtype = core::DType::F64;
  unsigned width = 64;

  /// None for what the interpreter cannot hold: integers over 64 bits, complex
  /// numbers, vectors, floats without a DType.
  static std::optional<Element> of(mlir::Type type);
  /// The same of a tensor's or a scalar's type.
  static std::optional<Element> ofElements(mlir::Type type);
  bool operator==(const Element &) const = default;
};

/// The element type that a host tensor of an IR type has; none where there is
/// none. Signless i8 are bytes without a meaning of their own: u8.
std::optional<core::DType> hostType(mlir::Type type);
/// True where a host tensor's elements are those of an IR type.
bool isHeldBy(mlir::Type type, core::DType dtype);

/// `value` as an integer of `width` bits is held; the upper bits are dropped.
int64_t wrapInt(int64_t value, unsigned width);
/// What a held integer means as signed and as unsigned: i1 true is -1 and 1.
inline int64_t asSigned(int64_t value, unsigned width) {
  return width == 1 ? -value : value;
}
inline uint64_t asUnsigned(int64_t value, unsigned width) {
  return width >= 64
             ? static_cast<uint64_t>(value)
             : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}
/// Rounds floats to `dtype` in place; F64 leaves them.
void roundCells(core::DType dtype, Cell *cells, size_t count);

/// How much memory one interpretation may hold at a time.
struct MemoryBudget {
  int64_t limit;
  int64_t live = 0;
  /// The allocation that was refused last, for its error.
  int64_t refused = 0;
};

/// A dense, row-major tensor. Copies share the storage.
class Array {
public:
  using Shape = llvm::SmallVector<int64_t, 4>;

  Array() = default;
  /// Not initialized. Throws std::bad_alloc beyond the budget, as memory itself
  /// does.
  Array(std::shared_ptr<MemoryBudget> budget, Element element,
        llvm::ArrayRef<int64_t> shape);

  Element element() const { return type; }
  llvm::ArrayRef<int64_t> shape() const { return dims; }
  int64_t rank() const { return dims.size(); }
  int64_t size() const { return count; }
  const Cell *data() const { return storage.get(); }
  const double *floats() const {
    return reinterpret_cast<const double *>(storage.get());
  }

  /// Cells that may be written: copied first where others share them.
  Cell *write();
  /// The same elements under another shape of as many.
  Array reshaped(llvm::ArrayRef<int64_t> shape) const;
  /// Elements `index` of the leading dimension, as a tensor of one rank less
  /// that shares this storage.
  Array slice(int64_t index) const;

private:
  Element type;
  Shape dims;
  int64_t count = 0;
  std::shared_ptr<Cell[]> storage;
  std::shared_ptr<MemoryBudget> budget;
};

/// A weight tensor whose values are decoded when they are asked for, one slice
/// of the leading dimension at a time: a layer's experts in doubles would need
/// four times the memory of its checkpoint.
struct LazyArray {
  Array::Shape shape;
  Element element;
  /// Slice `index` of the leading dimension; with index -1 the whole tensor.
  std::function<core::Result<Array>(int64_t index)> read;
};

/// The value of !moe.groups. Experts outside [firstExpert, firstExpert +
/// numLocal) have no rows here.
struct GroupsValue {
  plan::Groups groups;
  int64_t firstExpert = 0;
  int64_t numLocal = 0;
  /// Slots of a token; 0 for groups that were given by their offsets.
  int64_t topK = 0;
  /// Groups of axis expert have slots [E, C], topK of an expert, with the token
  /// that each picked; how many tokens there are is no property of their ids.
  std::vector<int32_t> tokenOfSlot;
  std::optional<int64_t> pickedTokens;

  bool fromSlots() const { return topK != 0; }
  int64_t numSlots() const {
    return static_cast<int64_t>(groups.rowOfSlot.size());
  }
  int64_t numTokens() const {
    return pickedTokens ? *pickedTokens : numSlots() / topK;
  }
  /// Rows of local expert `index`, or the first of the next.
  int64_t firstRow(int64_t index) const {
    return groups.offsets[firstExpert + index];
  }
  int64_t numRows() const { return groups.offsets.back(); }
};

struct Value;
/// The value of !moe.packed: the tensors it was made of.
struct PackedValue {
  std::vector<Value> tensors;
};

/// Any value of the IR.
struct Value : std::variant<std::monostate, Cell, Array,
                            std::shared_ptr<const LazyArray>,
                            std::shared_ptr<const GroupsValue>,
                            std::shared_ptr<const PackedValue>> {
  using variant::variant;

  Cell scalar() const { return std::get<Cell>(*this); }
  const GroupsValue &groups() const {
    return *std::get<std::shared_ptr<const GroupsValue>>(*this);
  }
  /// The shape of a tensor, dense or lazy.
  llvm::ArrayRef<int64_t> shape() const;
};

} // namespace moe::interpret

#endif // MOE_RUNTIME_INTERPRET_VALUE_H
