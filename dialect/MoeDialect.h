//===- MoeDialect.h - The moe dialect ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEDIALECT_H
#define MOE_DIALECT_MOEDIALECT_H

#include "moe/dialect/MoeInterfaces.h"
#include "moe/dialect/SemanticsParsing.h"
#include "moe/dialect/SourceView.h"
#include "moe/dialect/plan/Groups.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"

#include "moe/dialect/MoeDialect.h.inc"

#include "moe/dialect/MoeEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "moe/dialect/MoeAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "moe/dialect/MoeTypes.h.inc"

#endif // MOE_DIALECT_MOEDIALECT_H
