//===- StridedView.h - Where a tensor's elements lie ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor that ordinary ops only rename (a transpose, a slice, a reshape) lies
// in its source's buffer, at strides. Who knows that reads vectors where the
// element reader reads one element after another.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_LEAF_STRIDEDVIEW_H
#define MOE_CODEGEN_LEAF_STRIDEDVIEW_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace moe::leaf {

/// One of the numbers that an index of a tensor is made of, as hours and
/// minutes make a time: how many values it has, and how far each is from the
/// next.
struct StridedDigit {
  int64_t size, stride;
};

/// Element (i, j, ...) of the tensor is element offset + place(dims[0], i) +
/// place(dims[1], j) + ... of `buffer`, an argument of the kernel. A dimension
/// is a row of digits, the innermost first: one, unless dimensions that do not
/// follow each other in memory were made one.
struct StridedView {
  mlir::Value buffer;
  int64_t offset = 0;
  llvm::SmallVector<llvm::SmallVector<StridedDigit, 1>> dims;
};

/// The view that a tensor of a kernel's body is; nothing where an op on the way
/// computes, or a size or an offset is data.
std::optional<StridedView> stridedView(mlir::Value tensor);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_STRIDEDVIEW_H
