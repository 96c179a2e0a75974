//===- StridedView.h - Walking a part of a stored tensor --------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parameter's source is a view of a stored tensor: a shape and strides. Where
// no kernel packs it, it is copied in runs of elements that lie together.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_STRIDEDVIEW_H
#define MOE_RUNTIME_CORE_STRIDEDVIEW_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace moe::core {

/// Shape and strides in elements, with dimensions merged that lie one after the
/// other. Strides are not negative.
class StridedView {
public:
  static constexpr size_t maxRank = 8;

  /// Dimensions are added from the outermost to the innermost.
  void addDim(int64_t size, int64_t stride) {
    empty |= size == 0;
    if (size != 1)
      dims[rank++] = {size, stride};
  }

  /// From the first element to past the last.
  int64_t reach() const {
    int64_t last = 0;
    for (size_t i = 0; i < rank; ++i)
      last += (dims[i].size - 1) * dims[i].stride;
    return empty ? 0 : last + 1;
  }

  /// Calls `body(offset, count)` for runs of elements, in row-major order.
  template <typename Body> void forEachRun(Body body) const {
    if (empty)
      return;
    // Inner dimensions that are one run.
    int64_t run = 1;
    size_t outer = rank;
    while (outer > 0 && dims[outer - 1].stride == run)
      run *= dims[--outer].size;
    std::array<int64_t, maxRank> index{};
    int64_t offset = 0;
    while (true) {
      body(offset, run);
      size_t i = outer;
      while (i > 0 && ++index[i - 1] == dims[i - 1].size) {
        offset -= (dims[i - 1].size - 1) * dims[i - 1].stride;
        index[--i] = 0;
      }
      if (i == 0)
        return;
      offset += dims[i - 1].stride;
    }
  }

private:
  struct Dim {
    int64_t size, stride;
  };
  std::array<Dim, maxRank> dims{};
  size_t rank = 0;
  bool empty = false;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_STRIDEDVIEW_H
