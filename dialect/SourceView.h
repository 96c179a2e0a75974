//===- SourceView.h - A parameter as strides over stored tensors --*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SOURCEVIEW_H
#define MOE_DIALECT_SOURCEVIEW_H

#include "llvm/ADT/SmallVector.h"

#include <cstdint>

namespace moe {

/// Element (i0, i1, ...) of the view is stored element
/// offset + sum of strides[d] * i_d. Counted in elements.
struct SourceView {
  bool perExpert = false;
  int64_t offset = 0;
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<int64_t> strides;
};

} // namespace moe

#endif // MOE_DIALECT_SOURCEVIEW_H
