//===- LoweredKernels.h - Kernels in value form, lowered and run -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the runtime does with a kernel, made harder: buffers lie at odd
// addresses between guards, and once more against pages that cannot be read;
// scratch is full of NaN, tasks are cut into ranges at random and run in random
// order. A kernel that passes depends on none of it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_CODEGEN_CPU_LOWEREDKERNELS_H
#define MOE_TEST_UNIT_CODEGEN_CPU_LOWEREDKERNELS_H

#include "CompiledKernel.h"

#include "moe/dialect/exec/MoeExecOps.h"
#include "moe/runtime/core/DType.h"

#include <random>
#include <span>

namespace moe::test {

/// A tensor of a launch. Filled with bytes that are NaN in every float type;
/// guarded on both sides.
class Buffer {
public:
  Buffer(core::DType dtype, size_t count);
  Buffer(core::DType dtype, const std::vector<double> &values);
  Buffer(const std::vector<int32_t> &values);

  void *data() { return bytes.data() + offset; }
  const void *data() const { return bytes.data() + offset; }
  size_t size() const { return count; }
  double operator[](size_t i) const {
    return core::loadAsDouble(dtype, data(), i);
  }
  void set(size_t i, double value) {
    core::storeFromDouble(dtype, data(), i, value);
  }
  std::vector<double> values() const;
  std::vector<int32_t> ints() const;
  std::vector<uint8_t> raw() const;
  /// Whether nobody wrote beside the elements.
  bool guardsHold() const;
  /// The data with its guards, and where in it the data starts.
  std::span<uint8_t> memory() { return bytes; }
  static constexpr size_t offset = 257; // an odd address for every type

  const core::DType dtype;

private:
  static constexpr size_t guard = offset;
  size_t count;
  std::vector<uint8_t> bytes;
};

/// Random values in [-1, 1] that `dtype` holds.
std::vector<double> randomValues(core::DType dtype, size_t count,
                                 std::mt19937 &random);

class LoweredKernels {
public:
  /// Lowers and compiles the moe_exec.kernel ops of `text` for a target.
  /// `load` is for targets that can run here. With `codeTarget` kernels are
  /// planned for `target` and compiled for that one.
  LoweredKernels(const std::string &text, const std::string &target,
                 bool load = true, const std::string &codeTarget = "");

  std::vector<std::string> errors; ///< empty: it succeeded
  CompiledKernel compiled;
  std::string leaves; ///< the lowered module

  /// Runs kernel `name`; `count` is the number of listed tiles where its tasks
  /// come from such a list.
  void run(const std::string &name, const std::vector<Buffer *> &buffers,
           std::vector<int64_t> dims, std::mt19937 &random,
           std::optional<int64_t> count = {}) const;

  struct Shape {
    std::string name;
    bool perTile;
    int64_t times, scratch;
    mlir::AffineMap tasks;
  };
  std::vector<Shape> shapes;

private:
  void runHere(size_t index, const moe_kernel_args &args,
               const std::vector<std::pair<int64_t, int64_t>> &ranges) const;

  std::string target; ///< of the code
  KernelContext context;
};

/// Whether code for a target runs here, on the host or under an emulator.
bool canRun(const std::string &target);

/// The context that kernels in value form are parsed in.
void loadKernelDialects(mlir::MLIRContext &context);

} // namespace moe::test

#endif // MOE_TEST_UNIT_CODEGEN_CPU_LOWEREDKERNELS_H
