//===- PlanMemory.cpp - Buffers share memory where they can ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes are expressions, so "the smaller buffer" depends on the dimensions.
// Buffers are placed into shelves: a shelf is as large as the largest buffer
// that ever lies on it, taken coefficient by coefficient, and so holds all of
// them for every value of the dimensions.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/IR/AffineExprVisitor.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

namespace moe {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

/// An upper bound of an expression: one factor a dimension, and a constant
/// (last). Dimensions are not negative.
using Linear = SmallVector<int64_t>;

/// Bounds sums, products with a constant, and divisions by one. A mod is at
/// most its divisor.
struct LinearBound : AffineExprVisitor<LinearBound, Linear> {
  explicit LinearBound(unsigned dims) : dims(dims) {}

  Linear constant(int64_t value) const {
    Linear linear(dims + 1, 0);
    linear.back() = value;
    return linear;
  }
  Linear visitConstantExpr(AffineConstantExpr expr) {
    return constant(expr.getValue());
  }
  Linear visitDimExpr(AffineDimExpr expr) {
    Linear linear(dims + 1, 0);
    linear[expr.getPosition()] = 1;
    return linear;
  }
  Linear visitSymbolExpr(AffineSymbolExpr) { return constant(0); }
  Linear visitAddExpr(AffineBinaryOpExpr expr) {
    Linear a = visit(expr.getLHS()), b = visit(expr.getRHS());
    for (auto [x, y] : llvm::zip(a, b))
      x += y;
    return a;
  }
  Linear visitMulExpr(AffineBinaryOpExpr expr) {
    Linear a = visit(expr.getLHS());
    int64_t factor = visit(expr.getRHS()).back();
    for (int64_t &x : a)
      x *= factor;
    return a;
  }
  Linear divide(AffineBinaryOpExpr expr, bool up) {
    Linear a = visit(expr.getLHS());
    int64_t divisor = visit(expr.getRHS()).back();
    for (int64_t &x : a)
      x = llvm::divideCeilSigned(x, divisor);
    a.back() += up;
    return a;
  }
  Linear visitFloorDivExpr(AffineBinaryOpExpr expr) {
    return divide(expr, false);
  }
  Linear visitCeilDivExpr(AffineBinaryOpExpr expr) {
    return divide(expr, true);
  }
  Linear visitModExpr(AffineBinaryOpExpr expr) {
    return constant(visit(expr.getRHS()).back());
  }

  unsigned dims;
};

/// Steps from `first` to `last`, both included, in program order.
struct Lifetime {
  unsigned first = UINT_MAX, last = 0;
  bool meets(const Lifetime &other) const {
    return first <= other.last && other.first <= last;
  }
};

struct Buffer {
  SliceOp slice;
  Lifetime life;
  Linear size;
};

struct Shelf {
  SmallVector<Buffer *> buffers;
  Linear size;
};

} // namespace

static std::vector<Buffer> findBuffers(ProgramOp program) {
  // Cases of a switch have steps of their own, and only one of them runs.
  llvm::DenseMap<Operation *, unsigned> stepOf;
  program.walk<WalkOrder::PreOrder>(
      [&](Operation *op) { stepOf[op] = stepOf.size(); });
  std::vector<Buffer> buffers;
  LinearBound bound(program.getDims().size());
  for (auto slice : program.getOps<SliceOp>()) {
    Buffer buffer{slice, {}, bound.visit(slice.getBytes().getResult(0))};
    // What a view is used for, its buffer is used for.
    auto live = [&](auto &&self, Operation *op) -> void {
      for (Operation *user : op->getUsers()) {
        if (isa<ViewOp>(user))
          self(self, user);
        buffer.life.first = std::min(buffer.life.first, stepOf[user]);
        buffer.life.last = std::max(buffer.life.last, stepOf[user]);
      }
    };
    live(live, slice);
    buffers.push_back(buffer);
  }
  return buffers;
}

static int64_t sizeAtBound(const Linear &size, ProgramOp program) {
  // Only compared, so that a product past i64 may saturate.
  int64_t bytes = size.back();
  for (unsigned d = 0; d + 1 < size.size(); ++d)
    bytes = llvm::SaturatingAdd<uint64_t>(
        bytes,
        llvm::SaturatingMultiply<uint64_t>(size[d], program.getDimBound(d)));
  return bytes;
}

static AffineExpr toExpr(const Linear &size, MLIRContext *context) {
  AffineExpr expr = getAffineConstantExpr(size.back(), context);
  for (unsigned d = 0; d + 1 < size.size(); ++d)
    expr = expr + getAffineDimExpr(d, context) * size[d];
  return expr;
}

static void planProgram(ProgramOp program) {
  std::vector<Buffer> buffers = findBuffers(program);
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers)
    order.push_back(&buffer);
  // Large ones first, so that small ones fill their gaps.
  llvm::sort(order, [&](Buffer *a, Buffer *b) {
    int64_t left = sizeAtBound(a->size, program);
    int64_t right = sizeAtBound(b->size, program);
    return left != right ? left > right : a < b;
  });
  std::vector<Shelf> shelves;
  for (Buffer *buffer : order) {
    auto free = llvm::find_if(shelves, [&](Shelf &shelf) {
      return llvm::none_of(shelf.buffers, [&](Buffer *other) {
        return other->life.meets(buffer->life);
      });
    });
    if (free == shelves.end()) {
      shelves.push_back({{buffer}, buffer->size});
      continue;
    }
    free->buffers.push_back(buffer);
    for (auto [mine, theirs] : llvm::zip(free->size, buffer->size))
      mine = std::max(mine, theirs);
  }
  MLIRContext *context = program.getContext();
  unsigned dims = program.getDims().size();
  AffineExpr offset = getAffineConstantExpr(0, context);
  for (Shelf &shelf : shelves) {
    for (Buffer *buffer : shelf.buffers)
      buffer->slice.setOffset(AffineMap::get(dims, 0, offset));
    offset = offset + toExpr(shelf.size, context).ceilDiv(64) * 64;
  }
  for (auto workspace : program.getOps<WorkspaceOp>())
    workspace.setSize(AffineMap::get(dims, 0, offset));
}

namespace {
struct PlanMemoryPass : moe::impl::PlanMemoryPassBase<PlanMemoryPass> {
  void runOnOperation() override {
    if (isDisabled(getOperation(), getArgument()))
      return;
    for (auto program : getOperation().getOps<ProgramOp>())
      planProgram(program);
  }
};
} // namespace
