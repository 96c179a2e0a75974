//===- Program.h - Running a few lines of IR in a test ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tests of the interpreter are programs with known results: text in, host
// tensors in, values or an error out.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_RUNTIME_INTERPRET_PROGRAM_H
#define MOE_TEST_UNIT_RUNTIME_INTERPRET_PROGRAM_H

#include "moe/dialect/MoeDialect.h"
#include "moe/runtime/interpret/Interpret.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <map>

namespace moe::interpret::test {

inline core::Tensor tensorOf(core::DType dtype, std::vector<int64_t> shape,
                             const std::vector<double> &values) {
  core::Tensor tensor(dtype, std::move(shape));
  EXPECT_EQ(tensor.numElements(), static_cast<int64_t>(values.size()));
  for (size_t index = 0; index < values.size(); ++index)
    tensor.set(index, values[index]);
  return tensor;
}
inline core::Tensor f32(std::vector<int64_t> shape,
                        const std::vector<double> &values) {
  return tensorOf(core::DType::F32, std::move(shape), values);
}
inline core::Tensor i32(std::vector<int64_t> shape,
                        const std::vector<double> &values) {
  return tensorOf(core::DType::I32, std::move(shape), values);
}
inline core::Tensor i64(std::vector<int64_t> shape,
                        const std::vector<double> &values) {
  return tensorOf(core::DType::I64, std::move(shape), values);
}
inline std::vector<double> valuesOf(const core::Tensor &tensor) {
  std::vector<double> values;
  for (int64_t index = 0; index < tensor.numElements(); ++index)
    values.push_back(tensor.at(index));
  return values;
}

/// A module in text and what it is run on.
struct Program {
  std::string text;
  /// Arguments in order; they get the function's own names.
  std::vector<core::Tensor> arguments = {};
  std::map<std::string, core::Tensor, std::less<>> weights = {};
  Options options = {};
  std::string function = "main";

  /// Parses, verifies and interprets.
  core::Result<std::vector<core::NamedTensor>> run() const {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    context.allowUnregisteredDialects();
    context.loadDialect<mlir::affine::AffineDialect, mlir::arith::ArithDialect,
                        mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                        mlir::linalg::LinalgDialect, mlir::math::MathDialect,
                        mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
                        MoeDialect>();
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::parseSourceString<mlir::ModuleOp>(text, &context, "test.mlir");
    if (!module)
      return core::Error(core::ErrorId::IrInvalid, "does not parse");
    auto func = module->lookupSymbol<mlir::func::FuncOp>(function);
    std::vector<core::NamedTensor> inputs;
    for (size_t index = 0; index < arguments.size(); ++index)
      inputs.push_back({argumentName(func, index), arguments[index]});
    auto lookup =
        [&](std::string_view name,
            const core::TensorView &) -> core::Result<core::TensorView> {
      auto weight = weights.find(name);
      if (weight == weights.end())
        return core::Error(core::ErrorId::TensorNotFound,
                           "no tensor '" + std::string(name) + "'");
      return weight->second.view();
    };
    return interpret(func, inputs, lookup, options);
  }

  /// The values of the only result, which must be there.
  std::vector<double> values() const {
    auto results = run();
    if (!results) {
      ADD_FAILURE() << results.error().str();
      return {};
    }
    EXPECT_EQ(results->size(), 1u);
    return valuesOf(results->front().tensor);
  }
  /// The error, which must be there, as the tools print it.
  std::string error() const {
    auto results = run();
    return results ? "no error" : results.error().str();
  }
};

} // namespace moe::interpret::test

#endif // MOE_TEST_UNIT_RUNTIME_INTERPRET_PROGRAM_H
