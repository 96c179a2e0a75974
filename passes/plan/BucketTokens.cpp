//===- BucketTokens.cpp - One form of a function a token bucket -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_BUCKETTOKENSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// The one dynamic dimension of a function: argument and position of its first
/// appearance. With none, or several of different names, there is no token
/// count to choose by.
static std::optional<std::pair<unsigned, unsigned>>
findTokenDim(func::FuncOp function) {
  std::optional<std::pair<unsigned, unsigned>> found;
  StringAttr name;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
    if (!type)
      continue;
    auto names = function.getArgAttrOfType<ArrayAttr>(i, MoeDialect::kDimsAttr);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      auto thisName = names ? cast<StringAttr>(names[d]) : StringAttr();
      if (found && (!name || thisName != name))
        return std::nullopt;
      if (!found)
        found = {i, d};
      name = thisName;
    }
  }
  return found;
}

static void wrap(func::FuncOp function, std::pair<unsigned, unsigned> tokenDim,
                 ArrayRef<int64_t> buckets) {
  Block &body = function.getBody().front();
  Operation *terminator = body.getTerminator();
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator())
    ops.push_back(&op);

  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  Location loc = function.getLoc();
  Value index = arith::ConstantIndexOp::create(builder, loc, tokenDim.second);
  Value tokens = tensor::DimOp::create(
      builder, loc, function.getArgument(tokenDim.first), index);
  auto byTokens =
      ByTokensOp::create(builder, loc, terminator->getOperandTypes(), tokens,
                         buckets, buckets.size() + 1);
  for (Region &region : byTokens.getForms()) {
    Block *block = builder.createBlock(&region);
    IRMapping mapping;
    for (Operation *op : ops)
      builder.clone(*op, mapping);
    SmallVector<Value> yielded;
    for (Value value : terminator->getOperands())
      yielded.push_back(mapping.lookupOrDefault(value));
    builder.setInsertionPointToEnd(block);
    YieldOp::create(builder, loc, yielded);
  }
  terminator->setOperands(byTokens.getResults());
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

namespace {
struct BucketTokensPass : moe::impl::BucketTokensPassBase<BucketTokensPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    FailureOr<TargetAttrInterface> target = getTarget(function);
    if (failed(target))
      return signalPassFailure();
    // A form that is already chosen by tokens is the user's.
    if (!function.getOps<ByTokensOp>().empty())
      return;
    SmallVector<int64_t> buckets = target->getTokenBuckets(function);
    auto tokenDim = findTokenDim(function);
    if (!buckets.empty() && tokenDim)
      wrap(function, *tokenDim, buckets);
  }
};
} // namespace
