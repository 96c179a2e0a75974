//===- MoeTestDialect.h - A target that is no machine -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_LIB_MOETESTDIALECT_H
#define MOE_TEST_LIB_MOETESTDIALECT_H

#include "moe/dialect/MoeDialect.h"

#include "mlir/IR/Dialect.h"

#include "MoeTestDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "MoeTestAttrs.h.inc"

#endif // MOE_TEST_LIB_MOETESTDIALECT_H
