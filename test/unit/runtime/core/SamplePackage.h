//===- SamplePackage.h - A small package made by hand -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every kind of step, buffer and parameter in one program, with kernels that
// are functions of the test: the executor is tested without a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_CORE_SAMPLEPACKAGE_H
#define MOE_TEST_UNIT_RUNTIME_CORE_SAMPLEPACKAGE_H

#include "moe/runtime/core/Program.h"

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace moe::test {

/// Postfix expressions: expr({dim(0), constant(16), mul()}).
struct ExprWord {
  abi::ExprOp op;
  int64_t operand = 0;
};
inline ExprWord constant(int64_t value) {
  return {abi::ExprOp::Constant, value};
}
inline ExprWord dim(int64_t index) { return {abi::ExprOp::Dim, index}; }
inline ExprWord op(abi::ExprOp kind) { return {kind, 0}; }
std::unique_ptr<abi::ExprT> expr(std::initializer_list<ExprWord> words);
/// dim 0 * factor + offset.
std::unique_ptr<abi::ExprT> linear(int64_t factor, int64_t offset = 0);

std::unique_ptr<abi::ArgT> arg(std::string name, core::DType dtype,
                               std::vector<int64_t> sizes,
                               std::vector<int32_t> dims);
std::unique_ptr<abi::StepT> step(abi::LaunchT launch);
std::unique_ptr<abi::StepT> step(abi::CopyT copy);
std::unique_ptr<abi::StepT> step(abi::CheckT check);
std::unique_ptr<abi::StepT> step(abi::SwitchT choice);
abi::BufferRef input(uint32_t index);
abi::BufferRef output(uint32_t index);
abi::BufferRef slice(uint32_t index);
abi::BufferRef param(uint32_t index);
/// A launch with `factor` * dim 0 + `offset` tasks.
abi::LaunchT launch(uint32_t kernel, std::vector<abi::BufferRef> args,
                    int64_t factor, int64_t offset = 0);

/// One variant "scalar" for any host of this architecture and one program
/// "layer", with a dimension T <= 1000:
///
///   inputs  hidden_states f32 [T, 4], ids i32 [T]
///   outputs hidden_states f32 [T, 4] = x * w + bias of the token's id
///           sums f32 [T], the sum of each row
///   params  @w f32 [4] from "layer.w", copied
///           @bias: u8 [3 * 16], the rows of "layer.e.{e}.bias" f32 [4]
///           doubled by a kernel
///
/// An id outside of 0..2 ends the run with IdOutOfRange. From 8 tokens on the
/// result is copied by a step, below by a kernel. The code jumps to functions
/// of this process, so the package works in no other.
abi::PackageT samplePackage();

/// The sample's kernels, in the order of its table.
std::shared_ptr<const core::KernelCode> sampleKernels();

/// Opens what writePackage() writes; aborts the test where that fails.
std::shared_ptr<const core::Package> open(const abi::PackageT &package);
/// The sample's program.
std::shared_ptr<const core::Program> sampleProgram();

} // namespace moe::test

#endif // MOE_TEST_UNIT_RUNTIME_CORE_SAMPLEPACKAGE_H
