//===- LeafFrame.cpp - A leaf function and its buffers ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/LeafFrame.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

LeafFrame::LeafFrame(exec::KernelOp kernel, ModuleOp leaves,
                     TypeRange arguments)
    : kernel(kernel), leaves(leaves),
      l(OpBuilder::atBlockEnd(leaves.getBody()), kernel.getLoc()) {
  function = func::FuncOp::create(l.b, l.loc, kernel.getName(),
                                  l.b.getFunctionType(arguments, TypeRange()));
  function->setAttr(MoeDialect::kKernelAttr, l.b.getUnitAttr());
  l.b.setInsertionPointToStart(function.addEntryBlock());
}

void LeafFrame::bind(function_ref<Value()> nextPointer, ValueRange dimensions) {
  for (Value dimension : dimensions)
    dims.push_back(
        arith::IndexCastOp::create(l.b, l.loc, l.b.getIndexType(), dimension));
  Block &body = kernel.getBody().front();
  SmallVector<Value> values(body.getArguments());
  llvm::append_range(values, body.getTerminator()->getOperands());
  for (auto [index, value] : llvm::enumerate(values)) {
    AffineMap map = cast<AffineMapAttr>(kernel.getSizes()[index]).getValue();
    SmallVector<Value> sizes;
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      sizes.push_back(expression(map.getSubMap({i})));
    Attribute strides;
    if (index < body.getNumArguments())
      strides = kernel.getArgAttr(index, "moe_exec.strides");
    addBuffers(value, value.getType(), sizes, strides, nextPointer);
  }
}

Value LeafFrame::expression(AffineMap map) {
  return l.toI64(affine::expandAffineExpr(l.b, l.loc, map.getResult(0), dims,
                                          ValueRange()));
}

void LeafFrame::addBuffers(Value value, Type type, ArrayRef<Value> sizes,
                           Attribute strides,
                           function_ref<Value()> nextPointer) {
  places.try_emplace(value, all.size());
  Buffers &buffers = all.emplace_back();
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    TensorBuffer &buffer = buffers.tensor;
    buffer.base = nextPointer();
    buffer.element = tensor.getElementType();
    for (int64_t size : tensor.getShape()) {
      if (ShapedType::isDynamic(size)) {
        buffer.sizes.push_back(sizes.front());
        sizes = sizes.drop_front();
      } else {
        buffer.sizes.push_back(l.i64(size));
      }
    }
    if (auto given = dyn_cast_or_null<DenseI64ArrayAttr>(strides)) {
      for (int64_t stride : given.asArrayRef())
        buffer.strides.push_back(l.i64(stride));
      return;
    }
    buffer.strides.resize(tensor.getRank());
    Value stride = l.i64(1);
    for (int64_t dim = tensor.getRank(); dim-- > 0;) {
      buffer.strides[dim] = stride;
      stride = l.mul(stride, buffer.sizes[dim]);
    }
  } else if (auto groups = dyn_cast<GroupsType>(type)) {
    Value offsets = nextPointer(), slotOfRow = nextPointer();
    buffers.groups = {offsets, slotOfRow, nextPointer(), sizes.front(), groups};
  } else if (isa<TilesType>(type)) {
    Value count = nextPointer();
    buffers.tiles = {count, nextPointer()};
  } else {
    buffers.packed = nextPointer();
  }
}

void LeafFrame::finish() { func::ReturnOp::create(l.b, l.loc); }

const TensorBuffer &LeafFrame::tensor(Value value) const {
  return all[places.lookup(value)].tensor;
}
const GroupsBuffer &LeafFrame::groups(Value value) const {
  return all[places.lookup(value)].groups;
}
const TilesBuffer &LeafFrame::tiles(Value value) const {
  return all[places.lookup(value)].tiles;
}
Value LeafFrame::packed(Value value) const {
  return all[places.lookup(value)].packed;
}
const TensorBuffer &LeafFrame::result(unsigned index) {
  return all[kernel.getBody().getNumArguments() + index].tensor;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

DenseElementsAttr moe::leaf::constantOf(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    bool isSplat = false;
    if (!blob || !DenseElementsAttr::isValidRawBuffer(resource.getType(),
                                                      blob->getData(), isSplat))
      return {};
    return DenseElementsAttr::getFromRawBuffer(resource.getType(),
                                               blob->getData());
  }
  return dyn_cast<DenseElementsAttr>(attr);
}

TypedAttr moe::leaf::splatOf(Value value) {
  Attribute scalar;
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    if (matchPattern(fill.getInputs()[0], m_Constant(&scalar)))
      return dyn_cast<TypedAttr>(scalar);
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    if (matchPattern(splat.getInput(), m_Constant(&scalar)))
      return dyn_cast<TypedAttr>(scalar);
  DenseElementsAttr data = constantOf(value);
  if (data && data.isSplat())
    return cast<TypedAttr>(data.getSplatValue<Attribute>());
  return {};
}

/// A pointer to the elements of a constant, which become part of the image.
Value LeafFrame::constantData(DenseElementsAttr data) {
  Operation *&global = constants[data];
  if (!global) {
    Type element = data.getElementType();
    DenseElementsAttr stored = data;
    if (element.isInteger(1)) {
      element = l.b.getI8Type();
      stored =
          data.mapValues(element, [](const APInt &bit) { return bit.zext(8); });
    }
    const int64_t count = stored.getNumElements();
    stored = stored.reshape(RankedTensorType::get({count}, element));
    std::string name =
        ("data_" + kernel.getName() + "_" + Twine(constants.size())).str();
    OpBuilder top = OpBuilder::atBlockBegin(leaves.getBody());
    global = LLVM::GlobalOp::create(
        top, l.loc, LLVM::LLVMArrayType::get(element, count),
        /*isConstant=*/true, LLVM::Linkage::Internal, name, stored,
        /*alignment=*/64);
  }
  return LLVM::AddressOfOp::create(l.b, l.loc, cast<LLVM::GlobalOp>(global));
}

Value LeafFrame::elements(Value value, Value index, int64_t width) {
  Type element = getElementTypeOrSelf(value.getType());
  Type type = l.widened(element, width);
  if (TypedAttr splat = splatOf(value)) {
    if (auto vector = dyn_cast<VectorType>(type))
      splat = DenseElementsAttr::get(vector, Attribute(splat));
    return arith::ConstantOp::create(l.b, l.loc, splat);
  }
  Value base = hasBuffer(value) && isa<BlockArgument>(value)
                   ? tensor(value).base
                   : constantData(constantOf(value));
  return l.load(type, l.element(base, element, index));
}
