//===- moe-test-opt.cpp - moe-opt with the test target --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program of its own, so that no product knows of the target. It links what
// libmoe_compiler.so is made of, since that library exports only tools.
//
//===----------------------------------------------------------------------===//

#include "MoeTestDialect.h"

#include "moe/codegen/RegisterAll.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  moe::registerAllDialects(registry);
  registry.insert<moe::test::MoeTestDialect>();
  moe::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "moe-test-opt: passes of moec for a test target\n",
      registry));
}
