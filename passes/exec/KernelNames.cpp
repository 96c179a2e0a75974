//===- KernelNames.cpp - What kernels are called --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/KernelNames.h"

#include "moe/dialect/MoeOps.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace moe;

static void nameMatmul(llvm::raw_ostream &os, GroupedMatmulOp op) {
  os << (op.getGroups() ? "grouped_matmul" : "matmul")
     << (op.getNumRhs() == 2 ? "2" : "") << "_" << op.getNumColumns() << "x"
     << op.getDepth() << "_" << op.getRhsType(0).getElementType();
}

std::string moe::kernelName(const KernelGroup &group,
                            TargetAttrInterface target) {
  std::string name;
  llvm::raw_string_ostream os(name);
  Operation *op = group.ops.front();
  switch (group.kind) {
  case KernelGroup::Kind::Route: {
    auto logits = cast<RankedTensorType>(op->getOperand(0).getType());
    os << "route_" << logits.getDimSize(1);
    break;
  }
  case KernelGroup::Kind::RouteExperts: {
    auto scores = cast<RankedTensorType>(op->getOperand(0).getType());
    os << (isa<SelectOp>(op) ? "pick_tokens_" : "weigh_tokens_")
       << scores.getDimSize(1);
    break;
  }
  case KernelGroup::Kind::Index:
    os << "group";
    break;
  case KernelGroup::Kind::Matmul:
    nameMatmul(os, cast<GroupedMatmulOp>(group.ops.back()));
    break;
  case KernelGroup::Kind::Combine: {
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    os << "combine_" << result.getDimSize(1);
    break;
  }
  case KernelGroup::Kind::Ordinary:
  case KernelGroup::Kind::ByTokens:
  case KernelGroup::Kind::Require: {
    // "linalg.generic" -> "generic".
    StringRef full = group.ops.back()->getName().stripDialect();
    os << full;
    break;
  }
  }
  os << "_" << target.getIsaName();
  return name;
}
