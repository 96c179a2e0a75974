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

/// Element (i, j, ...) of the tensor is element offset + i * strides[0] + j *
/// strides[1] + ... of `buffer`, an argument of the kernel.
struct StridedView {
  mlir::Value buffer;
  int64_t offset = 0;
  llvm::SmallVector<int64_t> strides;
};

/// The view that a tensor of a kernel's body is; nothing where an op on the way
/// computes, or a size or an offset is data.
std::optional<StridedView> stridedView(mlir::Value tensor);

} // namespace moe::leaf

#endif // MOE_CODEGEN_LEAF_STRIDEDVIEW_H
