//===- LeafBuilder.cpp - Loops over pointers ------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/LeafBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace moe::leaf;

int64_t moe::leaf::byteWidth(Type element) {
  if (isa<IndexType>(element))
    return 8;
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

Type moe::leaf::productType(OpBuilder &builder, Type a, Type b, Type result) {
  const unsigned widest =
      std::max(a.getIntOrFloatBitWidth(), b.getIntOrFloatBitWidth());
  const unsigned to = result.getIntOrFloatBitWidth();
  // A product of two 16-bit floats is exact in f32, one of two f32 in f64.
  if (widest == 64 || to == 64 || (widest == 32 && to == 16))
    return builder.getF64Type();
  return builder.getF32Type();
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Value LeafBuilder::i64(int64_t value) {
  Value &constant = integers[value];
  if (!constant) {
    Operation *op = b.getInsertionBlock()->getParentOp();
    auto function = isa<FunctionOpInterface>(op)
                        ? cast<FunctionOpInterface>(op)
                        : op->getParentOfType<FunctionOpInterface>();
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.getFunctionBody().front());
    constant = arith::ConstantIntOp::create(b, loc, value, 64);
  }
  return constant;
}
Value LeafBuilder::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}
Value LeafBuilder::sub(Value x, Value y) {
  return b.createOrFold<arith::SubIOp>(loc, x, y);
}
Value LeafBuilder::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}
Value LeafBuilder::div(Value x, Value y) {
  return b.createOrFold<arith::DivUIOp>(loc, x, y);
}
Value LeafBuilder::rem(Value x, Value y) {
  return b.createOrFold<arith::RemUIOp>(loc, x, y);
}
Value LeafBuilder::min(Value x, Value y) {
  return b.createOrFold<arith::MinSIOp>(loc, x, y);
}
Value LeafBuilder::max(Value x, Value y) {
  return b.createOrFold<arith::MaxSIOp>(loc, x, y);
}
Value LeafBuilder::less(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, x, y);
}
Value LeafBuilder::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, x, y);
}

static Value toInteger(LeafBuilder &l, Value x, unsigned bits) {
  Type type = l.b.getIntegerType(bits);
  if (x.getType() == type)
    return x;
  if (x.getType().isIndex())
    return l.b.createOrFold<arith::IndexCastOp>(l.loc, type, x);
  if (x.getType().getIntOrFloatBitWidth() < bits)
    return l.b.createOrFold<arith::ExtSIOp>(l.loc, type, x);
  return l.b.createOrFold<arith::TruncIOp>(l.loc, type, x);
}
Value LeafBuilder::toI64(Value x) { return toInteger(*this, x, 64); }
Value LeafBuilder::toI32(Value x) { return toInteger(*this, x, 32); }

//===----------------------------------------------------------------------===//
// Values of any width
//===----------------------------------------------------------------------===//

Type LeafBuilder::widened(Type element, int64_t width) const {
  return width == 1 ? element : VectorType::get({width}, element);
}

Value LeafBuilder::constant(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr =
      isa<FloatType>(element)
          ? TypedAttr(b.getFloatAttr(element, value))
          : TypedAttr(b.getIntegerAttr(element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value LeafBuilder::splat(Value scalar, int64_t width) {
  if (width == 1)
    return scalar;
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({width}, scalar.getType()), scalar);
}

Value LeafBuilder::select(Value condition, Value yes, Value no) {
  return b.createOrFold<arith::SelectOp>(loc, condition, yes, no);
}

Value LeafBuilder::toFloat(Value value, Type element) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == element)
    return value;
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  const unsigned in = from.getIntOrFloatBitWidth();
  const unsigned out = element.getIntOrFloatBitWidth();
  if (in == out)
    return toFloat(toFloat(value, b.getF32Type()), element);
  if (in == 64 && out == 16)
    return toFloat(oddFloat(value), element);
  if (in < out)
    return arith::ExtFOp::create(b, loc, type, value);
  return arith::TruncFOp::create(b, loc, type, value);
}

/// f64 as the f32 whose last bit is set where bits were lost. Rounding that to
/// 16 bits is rounding the f64 once; rounding through the nearest f32 is not.
Value LeafBuilder::oddFloat(Value value) {
  Value nearest = toFloat(value, b.getF32Type());
  Value back = toFloat(nearest, b.getF64Type());
  auto compare = [&](arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  };
  Type bitsType = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    bitsType = vector.clone(bitsType);
  auto integer = [&](int64_t x) { return constant(bitsType, x); };
  Value magnitude = math::AbsFOp::create(b, loc, value);
  Value above = compare(arith::CmpFPredicate::OGT,
                        math::AbsFOp::create(b, loc, back), magnitude);
  Value exact = compare(arith::CmpFPredicate::UEQ, back, value);
  Value bits = arith::BitcastOp::create(b, loc, bitsType, nearest);
  // Towards zero, where rounding went away from it; the infinity that an
  // overflow gave becomes the largest number, which rounds to it again.
  Value cut = arith::SubIOp::create(b, loc, bits,
                                    select(above, integer(1), integer(0)));
  Value odd = arith::OrIOp::create(b, loc, cut, integer(1));
  return arith::BitcastOp::create(b, loc, nearest.getType(),
                                  select(exact, bits, odd));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value LeafBuilder::offset(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  if (!llvm::isInt<30>(bytes)) // of a constant that the op itself can hold
    return offset(pointer, i64(bytes));
  return LLVM::GEPOp::create(
      b, loc, pointer.getType(), b.getI8Type(), pointer,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

Value LeafBuilder::offset(Value pointer, Value bytes) {
  return element(pointer, b.getI8Type(), bytes);
}

Value LeafBuilder::element(Value pointer, Type element, Value index) {
  Type unit = b.getIntegerType(8 * byteWidth(element));
  return LLVM::GEPOp::create(b, loc, pointer.getType(), unit, pointer,
                             ArrayRef<LLVM::GEPArg>{index});
}

/// What an element is stored as, if LLVM has no such type in memory: bytes for
/// i1, bits for floats below 16 of them.
static Type storedElement(Type element, OpBuilder &b) {
  if (element.isInteger(1))
    return b.getI8Type();
  if (element.isIndex())
    return b.getI64Type();
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 16)
    return b.getIntegerType(element.getIntOrFloatBitWidth());
  return element;
}

Value LeafBuilder::load(Type type, Value pointer) {
  Type element = getElementTypeOrSelf(type);
  Type stored = storedElement(element, b);
  if (auto vector = dyn_cast<VectorType>(type))
    stored = vector.clone(stored);
  Value value = LLVM::LoadOp::create(b, loc, stored, pointer, /*alignment=*/1);
  if (!element.isInteger(1))
    return value;
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value,
                               constant(stored, 0));
}

void LeafBuilder::store(Value value, Value pointer) {
  Type element = getElementTypeOrSelf(value.getType());
  if (element.isInteger(1)) {
    Type stored = b.getI8Type();
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      stored = vector.clone(stored);
    value = arith::ExtUIOp::create(b, loc, stored, value);
  }
  LLVM::StoreOp::create(b, loc, value, pointer, /*alignment=*/1);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

LeafBuilder::Values
LeafBuilder::loop(Value begin, Value end, int64_t step, ValueRange init,
                  function_ref<Values(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(b, loc, begin, end, i64(step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.getBody());
  Values results = body(op.getInductionVar(), op.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(b, loc, results);
  return Values(op.getResults());
}

void LeafBuilder::loop(Value begin, Value end, int64_t step,
                       function_ref<void(Value)> body) {
  loop(begin, end, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

void LeafBuilder::lanes(Value count, int64_t width, bool whole,
                        function_ref<void(int64_t, Value)> body) {
  Value main = count;
  if (!whole && width > 1)
    main = sub(count, rem(count, width));
  loop(i64(0), main, width, [&](Value i) { body(width, i); });
  if (!whole && width > 1)
    loop(main, count, 1, [&](Value i) { body(1, i); });
}

void LeafBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

LeafBuilder::Values LeafBuilder::choose(Value condition, TypeRange types,
                                        function_ref<Values()> yes,
                                        function_ref<Values()> no) {
  auto op = scf::IfOp::create(b, loc, types, condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (auto [block, branch] :
       {std::pair(op.thenBlock(), yes), std::pair(op.elseBlock(), no)}) {
    b.setInsertionPointToStart(block);
    Values results = branch();
    if (!results.empty())
      scf::YieldOp::create(b, loc, results);
  }
  return Values(op.getResults());
}
