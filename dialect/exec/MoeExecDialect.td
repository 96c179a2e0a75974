//===- MoeExecDialect.td - The moe_exec dialect ------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EXEC_MOEEXECDIALECT_TD
#define MOE_DIALECT_EXEC_MOEEXECDIALECT_TD

include "mlir/IR/OpBase.td"

def MoeExec_Dialect : Dialect {
  let name = "moe_exec";
  let cppNamespace = "::moe::exec";
  let summary = "How a planned program is run";
  let description = [{
    The `moe_exec` dialect says **how** a program is run: which kernels, over
    which buffers, in which order. It is the same for every target, and it is
    what a package stores, one to one (codegen/abi/program.fbs).

    A **program** is a list of steps over buffers: inputs, outputs, prepared
    parameters and slices of one workspace. Every size and offset is an affine
    expression of the program's named dimensions, so that the runtime knows the
    memory of any token count without compiling.

    A **kernel** is a leaf function in value form: its body holds planned ops on
    tensors, and its signature says which buffers back them. Each target lowers
    kernels its own way; the program around them does not change.

    Values of these types are backed by buffers, in this order:

    | type | buffers |
    |---|---|
    | `tensor` | one, row-major |
    | `!moe.groups<experts = E>` | offsets `[E+1]` i32, slot of row `[T*K]` i32, row of slot `[T*K]` i32 |
    | `!moe.tiles` | count `[1]` i64, then `[bound, 3]` i32: expert, first row, end row |
    | `!moe.packed` | one, of bytes |
  }];
  let dependentDialects = ["::moe::MoeDialect", "::mlir::memref::MemRefDialect"];
}

class MoeExec_Op<string mnemonic, list<Trait> traits = []>
    : Op<MoeExec_Dialect, mnemonic, traits>;

#endif // MOE_DIALECT_EXEC_MOEEXECDIALECT_TD
