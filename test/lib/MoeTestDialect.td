//===- MoeTestDialect.td - A target that is no machine -----*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every answer that the passes get from a target is a parameter here, so that a
// test says in its own text what the target knows and wants.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_LIB_MOETESTDIALECT_TD
#define MOE_TEST_LIB_MOETESTDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "moe/dialect/MoeInterfaces.td"

def MoeTest_Dialect : Dialect {
  let name = "moe_test";
  let cppNamespace = "::moe::test";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::moe::MoeDialect"];
}

def MoeTest_LayoutAttr : AttrDef<MoeTest_Dialect, "Layout", [
    DeclareAttrInterfaceMethods<Moe_PackedLayoutAttrInterface>]> {
  let mnemonic = "layout";
  let summary = "panels of so many columns; K must be a multiple of 4";
  let parameters = (ins "int64_t":$columns);
  let assemblyFormat = "`<` struct(params) `>`";
}

def MoeTest_PlanAttr : AttrDef<MoeTest_Dialect, "Plan", [
    DeclareAttrInterfaceMethods<Moe_PlanAttrInterface, ["packsInKernel"]>]> {
  let mnemonic = "plan";
  let summary = "a plan of a matmul: its class, listed tiles, packed panels, "
                "and whether its kernel packs them";
  let parameters = (ins StringRefParameter<"the reduction class">:$sums,
      DefaultValuedParameter<"int64_t", "0">:$tile,
      DefaultValuedParameter<"int64_t", "0">:$columns,
      DefaultValuedParameter<"bool", "false">:$packs);
  let assemblyFormat = "`<` struct(params) `>`";
}

def MoeTest_TargetAttr : AttrDef<MoeTest_Dialect, "Target", [
    DeclareAttrInterfaceMethods<Moe_TargetAttrInterface>]> {
  let mnemonic = "target";
  let summary = "what the target answers";
  let description = [{
    `buckets` are its token counts. It plans every matmul with `tile`
    (where it has groups) and `columns`, in the class "sums", or, with
    `classes`, in "sums_0", "sums_1" ... by the bucket; with `packs`, kernels
    pack weights that are run-time values. It cannot lower the op
    named `unsupported`.
  }];
  let parameters = (ins
      OptionalArrayRefParameter<"int64_t">:$buckets,
      DefaultValuedParameter<"int64_t", "0">:$tile,
      DefaultValuedParameter<"int64_t", "0">:$columns,
      DefaultValuedParameter<"bool", "false">:$classes,
      DefaultValuedParameter<"bool", "false">:$packs,
      DefaultValuedParameter<"::mlir::StringAttr",
          "::mlir::StringAttr::get($_ctxt, \"\")">:$unsupported);
  let assemblyFormat = "(`<` struct(custom<Buckets>($buckets), $tile, $columns, $classes, $packs, $unsupported)^ `>`)?";
}

#endif // MOE_TEST_LIB_MOETESTDIALECT_TD
