//===- Tensor.h - Host tensors ----------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values in host memory: what a checkpoint lends (TensorView) and what we own
// (Tensor).
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_TENSOR_H
#define MOE_RUNTIME_CORE_TENSOR_H

#include "moe/runtime/core/DType.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moe::core {

/// Number of elements; 1 for rank 0. For shapes that checkedBytes accepts.
int64_t numElements(const std::vector<int64_t> &shape);
/// Bytes of a tensor whose shape is not trusted; none if a dimension is
/// negative or the product of the others than 0 exceeds 2^63 - 1.
std::optional<size_t> checkedBytes(DType dtype,
                                   const std::vector<int64_t> &shape);
/// "[7, 64]".
std::string shapeStr(const std::vector<int64_t> &shape);

/// Borrowed, contiguous, row-major. Any alignment.
struct TensorView {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  const void *data = nullptr;

  int64_t numElements() const { return core::numElements(shape); }
  size_t bytes() const {
    return static_cast<size_t>(numElements()) * byteSize(dtype);
  }
  double at(int64_t flat) const {
    return loadAsDouble(dtype, data, static_cast<size_t>(flat));
  }
};

/// Owned, contiguous, row-major. Copies share the storage.
class Tensor {
public:
  Tensor() = default;
  /// Zero-filled, aligned to 64 bytes. Throws std::bad_alloc where memory ends
  /// or checkedBytes refuses the shape.
  Tensor(DType dtype, std::vector<int64_t> shape);

  static Tensor copyOf(const TensorView &view);

  DType dtype() const { return type; }
  const std::vector<int64_t> &shape() const { return dims; }
  int64_t numElements() const { return core::numElements(dims); }
  size_t bytes() const {
    return static_cast<size_t>(numElements()) * byteSize(type);
  }
  void *data() { return storage.get(); }
  const void *data() const { return storage.get(); }
  double at(int64_t flat) const {
    return loadAsDouble(type, data(), static_cast<size_t>(flat));
  }
  void set(int64_t flat, double value) {
    storeFromDouble(type, data(), static_cast<size_t>(flat), value);
  }
  TensorView view() const { return {type, dims, data()}; }

private:
  DType type = DType::F32;
  std::vector<int64_t> dims;
  std::shared_ptr<std::byte[]> storage;
};

/// A tensor under its name, as in a safetensors file or a function's signature.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_TENSOR_H
