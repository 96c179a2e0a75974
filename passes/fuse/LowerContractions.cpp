//===- LowerContractions.cpp - Sums of products as matmuls ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Front ends spell one contraction in many ways: matmul and batch_matmul on
// transposed, collapsed or cast operands, and generics with any maps. All of
// them are rows times columns, once a batch: a moe.grouped_matmul whose groups
// are the batches, so that they get the kernels that expert layers get.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildMatmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERCONTRACTIONSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

/// Fewer rows or columns than this do not pay for packing the other side.
constexpr int64_t fewestRows = 2, fewestColumns = 8;

/// One side of the product: the input, what its elements go through before
/// they are multiplied (casts), and its loops in the order wanted.
struct Side {
  OpOperand *input = nullptr;
  SmallVector<Operation *> casts;
  SmallVector<unsigned> loops;
};

/// A contraction taken apart. Loops are those of the op.
struct Contraction {
  linalg::LinalgOp op;
  Side rows, columns;
  SmallVector<unsigned> batch, m, n, k;
};

} // namespace

//===----------------------------------------------------------------------===//
// Taking apart
//===----------------------------------------------------------------------===//

/// The block argument behind a chain of casts, which are put in front.
static BlockArgument throughCasts(Value value,
                                  SmallVector<Operation *> &casts) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp,
             arith::ExtSIOp, arith::ExtUIOp>(op))
      return {};
    casts.insert(casts.begin(), op);
    value = op->getOperand(0);
  }
  return cast<BlockArgument>(value);
}

/// out + f(a) * g(b), with casts f and g.
static bool matchBody(linalg::LinalgOp op, Side (&sides)[2]) {
  Block &block = *op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      block.getNumArguments() != 3)
    return false;
  auto sum =
      block.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Value product = sum.getLhs() == block.getArgument(2)   ? sum.getRhs()
                  : sum.getRhs() == block.getArgument(2) ? sum.getLhs()
                                                         : Value();
  auto mul = product ? product.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!mul)
    return false;
  SmallVector<Operation *> casts[2];
  for (unsigned i : {0, 1}) {
    BlockArgument argument = throughCasts(mul->getOperand(i), casts[i]);
    if (!argument || argument.getArgNumber() > 1)
      return false;
    Side &side = sides[argument.getArgNumber()];
    if (side.input)
      return false; // a square
    side.input = op.getDpsInputOperand(argument.getArgNumber());
    side.casts = casts[i];
  }
  return isa<RankedTensorType>(sides[0].input->get().getType()) &&
         isa<RankedTensorType>(sides[1].input->get().getType());
}

static int64_t productOf(linalg::LinalgOp op, ArrayRef<unsigned> loops) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  int64_t product = 1;
  for (unsigned loop : loops)
    product =
        ShapedType::isDynamic(ranges[loop]) || ShapedType::isDynamic(product)
            ? ShapedType::kDynamic
            : product * ranges[loop];
  return product;
}

/// Loops of a set in the order in which a map names them.
static SmallVector<unsigned> inOrder(AffineMap map, ArrayRef<unsigned> set) {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition();
        llvm::is_contained(set, loop))
      loops.push_back(loop);
  return loops;
}

static bool isFloat32Or16(Type type) {
  return type.isF32() || type.isF16() || type.isBF16();
}

static std::optional<Contraction> takeApart(linalg::LinalgOp op) {
  Side sides[2];
  if (!op.hasPureTensorSemantics() || !matchBody(op, sides))
    return std::nullopt;
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  if (!isFloat32Or16(result.getElementType()))
    return std::nullopt;
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isProjectedPermutation())
      return std::nullopt;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || dims->m.empty() || dims->n.empty())
    return std::nullopt;
  if (dims->batch.size() + dims->m.size() + dims->n.size() + dims->k.size() !=
      op.getNumLoops())
    return std::nullopt;
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  Contraction made{op,
                   sides[0],
                   sides[1],
                   inOrder(out, dims->batch),
                   inOrder(out, dims->m),
                   inOrder(out, dims->n),
                   {}};
  // Columns are weights, whose sizes are known; rows may be dynamic. Of two
  // known ones the rows are those that come first in the result.
  auto firstPosition = [&](ArrayRef<unsigned> loops) {
    return llvm::find(out.getResults(),
                      getAffineDimExpr(loops[0], op.getContext())) -
           out.getResults().begin();
  };
  int64_t m = productOf(op, made.m), n = productOf(op, made.n);
  bool swap = ShapedType::isDynamic(n) ||
              (!ShapedType::isDynamic(m) &&
               firstPosition(made.n) < firstPosition(made.m));
  if (swap) {
    std::swap(made.rows, made.columns);
    std::swap(made.m, made.n);
    std::swap(m, n);
  }
  made.k = inOrder(op.getMatchingIndexingMap(made.rows.input), dims->k);
  const int64_t k = productOf(op, made.k), batch = productOf(op, made.batch);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (ShapedType::isDynamic(n) || ShapedType::isDynamic(k) ||
      ShapedType::isDynamic(batch) || n < fewestColumns || k < 1 || batch < 1 ||
      (!ShapedType::isDynamic(m) && m < fewestRows) ||
      llvm::count_if(
          made.m,
          [&](unsigned loop) { return ShapedType::isDynamic(ranges[loop]); }) >
          1)
    return std::nullopt;
  for (Side *side : {&made.rows, &made.columns}) {
    Type element = side->casts.empty()
                       ? getElementTypeOrSelf(side->input->get().getType())
                       : side->casts.back()->getResult(0).getType();
    if (!isFloat32Or16(element))
      return std::nullopt;
    side->loops = made.batch;
    llvm::append_range(side->loops, side == &made.rows ? made.m : made.n);
    llvm::append_range(side->loops, made.k);
  }
  return made;
}

//===----------------------------------------------------------------------===//
// Putting together
//===----------------------------------------------------------------------===//

static SmallVector<OpFoldResult> sizesOf(ImplicitLocOpBuilder &b,
                                         Value tensor) {
  return tensor::getMixedSizes(b, b.getLoc(), tensor);
}

/// The tensor with its dimensions in the order `from`, its elements cast.
static Value arranged(ImplicitLocOpBuilder &b, Value tensor,
                      ArrayRef<int64_t> from, ArrayRef<Operation *> casts) {
  if (llvm::equal(from, llvm::seq<int64_t>(0, from.size())) && casts.empty())
    return tensor;
  SmallVector<OpFoldResult> sizes = sizesOf(b, tensor), to;
  for (int64_t dim : from)
    to.push_back(sizes[dim]);
  Type element = casts.empty() ? getElementTypeOrSelf(tensor.getType())
                               : casts.back()->getResult(0).getType();
  Value empty = tensor::EmptyOp::create(b, to, element);
  const unsigned rank = from.size();
  SmallVector<unsigned> order(rank);
  for (auto [loop, dim] : llvm::enumerate(from))
    order[dim] = loop;
  SmallVector<AffineMap> maps{
      AffineMap::getPermutationMap(order, b.getContext()),
      b.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, empty.getType(), tensor, empty, maps, kinds,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               Value value = arguments[0];
               for (Operation *cast : casts) {
                 Operation *made = inner.clone(*cast);
                 made->setOperand(0, value);
                 value = made->getResult(0);
               }
               linalg::YieldOp::create(inner, loc, value);
             })
      .getResult(0);
}

/// Dimensions of a side as [rows, depth] or, for columns of several batches,
/// [batches, columns, depth]. `lengths` says how many of them make each.
static Value collapsed(ImplicitLocOpBuilder &b, Value tensor,
                       ArrayRef<size_t> lengths) {
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (size_t length : lengths) {
    ReassociationIndices &group = groups.emplace_back();
    for (size_t i = 0; i < length; ++i)
      group.push_back(next++);
  }
  if (static_cast<size_t>(next) == lengths.size())
    return tensor;
  return tensor::CollapseShapeOp::create(b, tensor, groups);
}

static Value makeSide(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                      const Side &side) {
  AffineMap map = op.getMatchingIndexingMap(side.input);
  SmallVector<int64_t> from;
  for (unsigned loop : side.loops)
    from.push_back(
        llvm::find(map.getResults(), getAffineDimExpr(loop, op.getContext())) -
        map.getResults().begin());
  return arranged(b, side.input->get(), from, side.casts);
}

/// Groups of `rows` rows each, one a batch.
static Value equalGroups(ImplicitLocOpBuilder &b, int64_t batches, Value rows) {
  Type i32 = b.getI32Type();
  Value empty = tensor::EmptyOp::create(b, ArrayRef<int64_t>{batches + 1}, i32);
  auto offsets = linalg::GenericOp::create(
      b, empty.getType(), ValueRange(), empty,
      SmallVector<AffineMap>{b.getMultiDimIdentityMap(1)},
      SmallVector<utils::IteratorType>{utils::IteratorType::parallel},
      [&](OpBuilder &inner, Location loc, ValueRange) {
        Value batch = linalg::IndexOp::create(inner, loc, 0);
        Value first = arith::MulIOp::create(inner, loc, batch, rows);
        first = arith::IndexCastOp::create(inner, loc, i32, first);
        linalg::YieldOp::create(inner, loc, first);
      });
  auto type = GroupsType::get(b.getContext(), batches);
  return GroupsFromOffsetsOp::create(b, type, offsets.getResult(0));
}

static bool isZero(Value init) {
  Attribute value;
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    matchPattern(fill.getInputs()[0], m_Constant(&value));
  else if (DenseElementsAttr data;
           matchPattern(init, m_Constant(&data)) && data.isSplat())
    value = data.getSplatValue<Attribute>();
  auto number = dyn_cast_if_present<FloatAttr>(value);
  return number && number.getValue().isZero();
}

static void lower(Contraction &c) {
  linalg::LinalgOp op = c.op;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  const int64_t batches = productOf(op, c.batch), columns = productOf(op, c.n);
  Value rows = makeSide(b, op, c.rows), weight = makeSide(b, op, c.columns);
  // The result with the rows' loops first, as sizes.
  SmallVector<OpFoldResult> wide = sizesOf(b, rows);
  wide.truncate(c.batch.size() + c.m.size());
  llvm::append_range(
      wide, ArrayRef(sizesOf(b, weight)).slice(c.batch.size(), c.n.size()));

  Value groups;
  if (batches > 1) {
    OpFoldResult perBatch = b.getIndexAttr(1);
    for (OpFoldResult size : ArrayRef(wide).slice(c.batch.size(), c.m.size())) {
      auto fixed = getConstantIntValue(size),
           so = getConstantIntValue(perBatch);
      if (fixed && so)
        perBatch = b.getIndexAttr(*fixed * *so);
      else
        perBatch = arith::MulIOp::create(
                       b, getValueOrCreateConstantIndexOp(b, b.getLoc(), size),
                       getValueOrCreateConstantIndexOp(b, b.getLoc(), perBatch))
                       .getResult();
    }
    groups = equalGroups(
        b, batches, getValueOrCreateConstantIndexOp(b, b.getLoc(), perBatch));
  }
  rows = collapsed(b, rows, {c.batch.size() + c.m.size(), c.k.size()});
  SmallVector<size_t> parts{c.n.size(), c.k.size()};
  if (batches > 1)
    parts.insert(parts.begin(), c.batch.size());
  else
    parts[0] += c.batch.size();
  weight = collapsed(b, weight, parts);

  auto outType = cast<RankedTensorType>(op->getResult(0).getType());
  Type f32 = b.getF32Type();
  auto flat = RankedTensorType::get(
      {cast<RankedTensorType>(rows.getType()).getDimSize(0), columns},
      outType.getElementType());
  Value init = op.getDpsInitOperand(0)->get();
  auto matmul =
      buildMatmul(b, b.getLoc(), flat, rows, weight, groups, Value(), f32);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> order = c.batch;
  llvm::append_range(order, c.m);
  llvm::append_range(order, c.n);
  SmallVector<int64_t> intoWide, fromWide;
  for (AffineExpr expr : out.getResults())
    fromWide.push_back(
        llvm::find(order, cast<AffineDimExpr>(expr).getPosition()) -
        order.begin());
  for (unsigned loop : order)
    intoWide.push_back(
        llvm::find(out.getResults(), getAffineDimExpr(loop, op.getContext())) -
        out.getResults().begin());
  const size_t rowDims = c.batch.size() + c.m.size();
  if (!isZero(init)) {
    Value added =
        collapsed(b, arranged(b, init, intoWide, {}), {rowDims, c.n.size()});
    matmul.getEpilogueOperandsMutable().assign(added);
    matmul.setEpilogueIndex(
        ArrayRef<int32_t>{static_cast<int32_t>(EpilogueIndex::Elements)});
    Block &block = matmul.getEpilogue().front();
    Value operand = block.addArgument(outType.getElementType(), b.getLoc());
    OpBuilder inner = OpBuilder::atBlockBegin(&block);
    Value sum =
        arith::AddFOp::create(inner, b.getLoc(), block.getArgument(0),
                              convertFloat(inner, b.getLoc(), operand, f32));
    block.getArgument(0).replaceAllUsesExcept(sum, sum.getDefiningOp());
  }
  Value result = matmul.getResult();
  if (wide.size() > 2) {
    SmallVector<ReassociationIndices> split(2);
    for (size_t dim = 0; dim < wide.size(); ++dim)
      split[dim < rowDims ? 0 : 1].push_back(dim);
    SmallVector<int64_t> shape;
    for (OpFoldResult size : wide)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    result = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, outType.getElementType()), result,
        split, wide);
  }
  result = arranged(b, result, fromWide, {});
  if (result.getType() != outType)
    result = tensor::CastOp::create(b, outType, result);
  op->getResult(0).replaceAllUsesWith(result);
  op->erase();
}

namespace {
struct LowerContractionsPass
    : moe::impl::LowerContractionsPassBase<LowerContractionsPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      // A body of rows is lowered with its expert; loops run in one kernel.
      if (op->getParentOp() == getOperation())
        ops.push_back(op);
    });
    for (linalg::LinalgOp op : ops)
      if (std::optional<Contraction> contraction = takeApart(op))
        lower(*contraction);
  }
};
} // namespace
