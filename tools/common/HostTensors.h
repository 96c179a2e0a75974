//===- HostTensors.h - Tensors that a tool gives and takes ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_COMMON_HOSTTENSORS_H
#define MOE_TOOLS_COMMON_HOSTTENSORS_H

#include "moe/runtime/api/moe_c.h"
#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Tensor.h"

#include <map>
#include <string>
#include <vector>

namespace moe::tools {

/// Tensors by name, with what the C interface wants to see of them.
class HostTensors {
public:
  HostTensors() = default;
  explicit HostTensors(std::vector<core::NamedTensor> tensors);
  void add(std::string name, core::Tensor tensor);

  const std::vector<core::NamedTensor> &all() const { return tensors; }
  core::Tensor *find(std::string_view name);
  const core::Tensor *find(std::string_view name) const;
  /// Valid until the next add().
  const std::vector<moe_named_tensor> &named();

private:
  std::vector<core::NamedTensor> tensors;
  std::vector<moe_named_tensor> views;
};

/// All tensors of a safetensors file, copied.
core::Result<HostTensors> readTensors(const std::string &path);
core::Status writeTensors(const std::string &path, const HostTensors &tensors);

/// A tensor of the interface as one of ours, copied.
core::Tensor copyTensor(const moe_tensor &tensor);

/// An input or output of a function. A size of -1 is the dimension `dims[i]`.
struct Signature {
  struct Value {
    std::string name;
    core::DType dtype;
    std::vector<int64_t> sizes;
    std::vector<std::string> dims;
  };
  std::vector<Value> inputs, outputs;
  std::map<std::string, int64_t> bounds;
};
/// From the JSON of moe_program_info or moe_signature.
core::Result<Signature> parseSignature(std::string_view json);

/// The value's shape; InputMissing for a dimension that `dims` does not have.
core::Result<std::vector<int64_t>>
shapeOf(const Signature::Value &value,
        const std::map<std::string, int64_t> &dims);
/// The dimensions that inputs of these shapes have.
std::map<std::string, int64_t> dimsOf(const Signature &signature,
                                      const HostTensors &inputs);

/// Standard normal values of a seed (integers: 0), the same everywhere.
core::Tensor randomTensor(core::DType dtype, std::vector<int64_t> shape,
                          uint64_t seed, std::string_view name);

} // namespace moe::tools

#endif // MOE_TOOLS_COMMON_HOSTTENSORS_H
