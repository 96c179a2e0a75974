//===- Tensor.cpp - Host tensors --------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes of tensors, with and without trust in the shape, and their storage.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Tensor.h"

#include "moe/runtime/core/OsMemory.h"

#include <cassert>
#include <cstring>
#include <new>

using namespace moe::core;

int64_t moe::core::numElements(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t dim : shape)
    count *= dim;
  return count;
}

std::optional<size_t>
moe::core::checkedBytes(DType dtype, const std::vector<int64_t> &shape) {
  int64_t bytes = static_cast<int64_t>(byteSize(dtype));
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return std::nullopt;
    if (dim == 0)
      empty = true;
    // The other dimensions of an empty tensor must be sane too: numElements
    // multiplies in order and would overflow before it meets the zero.
    else if (__builtin_mul_overflow(bytes, dim, &bytes))
      return std::nullopt;
  }
  return empty ? 0 : static_cast<size_t>(bytes);
}

std::string moe::core::shapeStr(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i)
      text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Tensor::Tensor(DType dtype, std::vector<int64_t> shape)
    : type(dtype), dims(std::move(shape)) {
  std::optional<size_t> size = checkedBytes(type, dims);
  if (!size)
    throw std::bad_array_new_length();
  // Large ones lie in huge pages, as those of numpy do: weights that are read
  // in columns meet another page with every row.
  constexpr size_t large = size_t(4) << 20;
  if (*size >= large) {
    Result<os::Memory> memory = os::Memory::allocate(*size, "a tensor");
    if (!memory)
      throw std::bad_alloc();
    auto owner = std::make_shared<os::Memory>(std::move(*memory));
    storage = std::shared_ptr<std::byte[]>(owner, owner->data());
    return;
  }
  constexpr std::align_val_t alignment{64};
  void *memory = ::operator new(*size, alignment);
  if (*size)
    std::memset(memory, 0, *size);
  storage = std::shared_ptr<std::byte[]>(
      static_cast<std::byte *>(memory),
      [](std::byte *data) { ::operator delete(data, alignment); });
}

Tensor Tensor::copyOf(const TensorView &view) {
  Tensor copy(view.dtype, view.shape);
  if (size_t bytes = copy.bytes())
    std::memcpy(copy.data(), view.data, bytes);
  return copy;
}
