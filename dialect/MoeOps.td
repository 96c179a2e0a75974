//===- MoeOps.td - All ops of the moe dialect --------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEOPS_TD
#define MOE_DIALECT_MOEOPS_TD

include "moe/dialect/WeightOps.td"
include "moe/dialect/RouteOps.td"
include "moe/dialect/GroupOps.td"
include "moe/dialect/ExpertOps.td"
include "moe/dialect/GroupedOps.td"
include "moe/dialect/MixOps.td"

#endif // MOE_DIALECT_MOEOPS_TD
