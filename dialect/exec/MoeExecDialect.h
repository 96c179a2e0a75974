//===- MoeExecDialect.h - The moe_exec dialect ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EXEC_MOEEXECDIALECT_H
#define MOE_DIALECT_EXEC_MOEEXECDIALECT_H

#include "moe/dialect/MoeDialect.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Dialect.h"

#include "moe/dialect/exec/MoeExecDialect.h.inc"

#endif // MOE_DIALECT_EXEC_MOEEXECDIALECT_H
