//===- MoeExecOps.td - Programs, steps and kernels ---------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_EXEC_MOEEXECOPS_TD
#define MOE_DIALECT_EXEC_MOEEXECOPS_TD

include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "moe/dialect/MoeAttrs.td"
include "moe/dialect/exec/MoeExecDialect.td"

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

def MoeExec_ProgramOp : MoeExec_Op<"program", [Symbol, IsolatedFromAbove,
    SingleBlockImplicitTerminator<"::moe::exec::EndOp">]> {
  let summary = "the steps of a compiled function";
  let description = [{
    Block arguments are the named dimensions, then the input buffers, then the
    output buffers. An input names the dimension behind each of its dynamic
    sizes; the runtime checks shapes and bounds once at entry.

    Rules:
    - program_c1: dimensions are index, with a name and a bound of at least 1.
    - program_c2: inputs and outputs are memrefs of contiguous layout with a
      name; each dynamic size of theirs is a dimension of the program, listed in
      `dims` ("T", or "64" for a static one).
    - program_c3: at most one workspace.
    - program_c4: the steps, and those of a switch, are ops of this dialect.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "hidden_states", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "hidden_states", dims = ["T", "64"]}) {
      moe_exec.copy %x, %y : memref<?x64xf32>, memref<?x64xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$num_dims,
      I64Attr:$num_inputs, ArrayAttr:$arg_attrs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::BlockArgument> getDims();
    ::llvm::ArrayRef<::mlir::BlockArgument> getInputs();
    ::llvm::ArrayRef<::mlir::BlockArgument> getOutputs();
    ::llvm::StringRef getArgName(::mlir::BlockArgument argument);
    int64_t getDimBound(unsigned dim);
    /// For each dimension of an input or output: the program's dimension
    /// behind it, or nothing for a static one.
    ::llvm::SmallVector<std::optional<unsigned>>
    getArgDims(::mlir::BlockArgument argument);
  }];
}

def MoeExec_EndOp : MoeExec_Op<"end", [Terminator, HasParent<"ProgramOp">]> {
  let summary = "ends a list of steps";
  let description = [{
    Never printed.

    ```mlir
    moe_exec.program @empty dims() inputs() outputs() {
      moe_exec.end
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

// The arena: memref<?xi8>, so its type need not be written.
def MoeExec_Arena : Type<MemRefRankOf<[I8], [1]>.predicate, "memref<?xi8>",
                         "::mlir::MemRefType">,
    BuildableType<"::moe::exec::getArenaType($_builder.getContext())">;

def MoeExec_WorkspaceOp : MoeExec_Op<"workspace", [HasParent<"ProgramOp">]> {
  let summary = "the program's one arena";
  let description = [{
    Bytes as an affine expression of the program's dimensions, including
    nothing but slices: scratch of kernels is added by the runtime, which knows
    the threads.

    Rules:
    - workspace_c1: the map has the program's dimensions and one result, and
      divides by positive numbers only.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 512 + 4096)>
    }
    ```
  }];
  let arguments = (ins AffineMapAttr:$size);
  let results = (outs MoeExec_Arena:$memory);
  let assemblyFormat = "`size` $size attr-dict";
  let hasVerifier = 1;
}

def MoeExec_SliceOp : MoeExec_Op<"slice", [Pure, HasParent<"ProgramOp">]> {
  let summary = "a buffer in the workspace";
  let description = [{
    Starts `offset` bytes into the workspace, a multiple of 64. `bytes` is how
    long it is; slices may overlap where their lifetimes do not.

    Rules:
    - slice_c1: maps are as workspace_c1 says.
    - slice_c2: the offset is a multiple of 64.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      %ws = moe_exec.workspace size affine_map<(d0) -> (d0 * 64)>
      %ids = moe_exec.slice %ws offset affine_map<(d0) -> (0)>
          bytes affine_map<(d0) -> (d0 * 32)> : memref<?x8xi32>
    }
    ```
  }];
  let arguments = (ins MoeExec_Arena:$workspace,
      AffineMapAttr:$offset, AffineMapAttr:$bytes);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = [{
    $workspace `offset` $offset `bytes` $bytes attr-dict `:` type($buffer)
  }];
  let hasVerifier = 1;
}

def MoeExec_ViewOp : MoeExec_Op<"view", [Pure,
    ParentOneOf<["ProgramOp", "SwitchOp"]>]> {
  let summary = "a buffer as one of another shape";
  let description = [{
    The same bytes: nothing is copied, and the buffer is in use as long as the
    view is.

    Rules:
    - view_c1: both are contiguous and have one element type; two static shapes
      have as many elements.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      %v = moe_exec.view %x : memref<?x64xf32> to memref<?x8x8xf32>
    }
    ```
  }];
  let arguments = (ins AnyMemRef:$source);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($buffer)";
  let hasVerifier = 1;
}

def MoeExec_UseParamOp : MoeExec_Op<"param", [Pure, HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a prepared parameter";
  let description = [{
    The buffer that `moe_exec.prepare` fills at bind time.

    Rules:
    - param_c1: the symbol is a `moe_exec.prepare` of the result's type.

    ```mlir
    moe_exec.prepare @w units 1 from [#moe.source<"l.norm.weight" : 64xf32>] : memref<64xf32>
    moe_exec.program @layer dims() inputs() outputs(%y: memref<64xf32> {name = "y", dims = ["64"]}) {
      %w = moe_exec.param @w : memref<64xf32>
      moe_exec.copy %w, %y : memref<64xf32>, memref<64xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$prepare);
  let results = (outs AnyMemRef:$buffer);
  let assemblyFormat = "$prepare attr-dict `:` type($buffer)";
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

def MoeExec_LaunchOp : MoeExec_Op<"launch", [AttrSizedOperandSegments,
    ParentOneOf<["ProgramOp", "SwitchOp"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs the tasks of a kernel";
  let description = [{
    Tasks are independent. Their count is an affine expression of the program's
    dimensions, or `times` an i64 that an earlier step wrote to a buffer.

    Rules:
    - launch_c1: the symbol is a `moe_exec.kernel` whose signature is backed by
      these buffers.
    - launch_c2: tasks come from a map or from a buffer of one i64, not both;
      times >= 1.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]},
               %count: memref<1xi64> {name = "count", dims = ["1"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      moe_exec.launch @relu tasks affine_map<(d0) -> (d0)> args(%x, %y)
          : memref<?x64xf32>, memref<?x64xf32>
      moe_exec.launch @relu tasks from %count : memref<1xi64> times 4 args(%x, %y)
          : memref<?x64xf32>, memref<?x64xf32>
    }
    moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
      %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel,
      OptionalAttr<AffineMapAttr>:$tasks, Optional<AnyMemRef>:$count,
      DefaultValuedAttr<I64Attr, "1">:$times, Variadic<AnyMemRef>:$args);
  let assemblyFormat = [{
    $kernel `tasks` ($tasks^)?
    (`from` $count^ `:` type($count) `times` custom<PlainInt>($times))? `args` `(` $args `)` attr-dict `:` type($args)
  }];
  let hasVerifier = 1;
}

def MoeExec_CopyOp : MoeExec_Op<"copy",
    [ParentOneOf<["ProgramOp", "SwitchOp"]>]> {
  let summary = "copies a buffer";
  let description = [{
    Rules:
    - copy_c1: both have one shape and element type.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      moe_exec.copy %x, %y : memref<?x64xf32>, memref<?x64xf32>
    }
    ```
  }];
  let arguments = (ins AnyMemRef:$source, AnyMemRef:$target);
  let assemblyFormat = [{
    $source `,` $target attr-dict `:` type($source) `,` type($target)
  }];
  let hasVerifier = 1;
}

def MoeExec_CheckOp : MoeExec_Op<"check",
    [ParentOneOf<["ProgramOp", "SwitchOp"]>]> {
  let summary = "ends the run with an error if a kernel reported one";
  let description = [{
    `status` is an i64 that kernels leave at -1 when all is well; another value
    is where a value was out of range, and the run ends with the error `id`
    (core::ErrorId). A message, if given, is what the error says in place of the
    position.

    Rules:
    - check_c1: the status is one i64.
    - check_c2: the id is 1 to 9999.

    ```mlir
    moe_exec.program @checked dims() inputs(%status: memref<1xi64> {name = "status", dims = ["1"]}) outputs() {
      moe_exec.check %status error 708 : memref<1xi64>
    }
    ```
  }];
  let arguments = (ins AnyMemRef:$status, I64Attr:$id,
      OptionalAttr<StrAttr>:$message);
  let assemblyFormat = [{
    $status `error` custom<PlainInt>($id) ($message^)? attr-dict `:` type($status)
  }];
  let hasVerifier = 1;
}

def MoeExec_SwitchOp : MoeExec_Op<"switch", [SingleBlock, NoTerminator,
    RecursiveMemoryEffects, ParentOneOf<["ProgramOp", "SwitchOp"]>]> {
  let summary = "steps chosen by a dimension";
  let description = [{
    Runs region i when the dimension is below buckets[i] for the first such i,
    and the last region otherwise.

    Rules:
    - switch_c1: one region more than buckets, which are positive and ascending.
    - switch_c2: the value is a dimension of the program.
    - switch_c3: regions have no arguments.

    ```mlir
    moe_exec.program @layer dims(%T: index {name = "T", bound = 4096})
        inputs(%x: memref<?x64xf32> {name = "x", dims = ["T", "64"]})
        outputs(%y: memref<?x64xf32> {name = "y", dims = ["T", "64"]}) {
      moe_exec.switch %T [8] {
        moe_exec.launch @relu tasks affine_map<(d0) -> (1)> args(%x, %y) : memref<?x64xf32>, memref<?x64xf32>
      }, {
        moe_exec.launch @relu tasks affine_map<(d0) -> (d0)> args(%x, %y) : memref<?x64xf32>, memref<?x64xf32>
      }
    }
    moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
      %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Index:$value, DenseI64ArrayAttr:$buckets);
  let regions = (region VariadicRegion<SizedRegion<1>>:$cases);
  let assemblyFormat = "$value $buckets $cases attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Kernels and preparation
//===----------------------------------------------------------------------===//

def MoeExec_KernelOp : MoeExec_Op<"kernel", [FunctionOpInterface,
    IsolatedFromAbove, SingleBlock]> {
  let summary = "a leaf function in value form";
  let description = [{
    The body computes results from arguments with planned ops. Buffers of the
    arguments come first in a launch, then those of the results, each type being
    backed as the dialect's table says.

    `sizes` holds one map an argument and result: from the program's dimensions
    to the dynamic sizes of that value, in order. `task_rows` etc. are part of
    the ops' plans; `scratch` is the bytes each worker needs, known after
    lowering.

    Rules:
    - kernel_c1: arguments and results are tensors of integers or floats,
      groups, tiles or packed.
    - kernel_c2: one size map an argument and result, with as many results as
      the value has dynamic sizes; it divides by positive numbers only.
    - kernel_c3: the body ends by returning the results.
    - kernel_c4: scratch, if given, is not negative.

    A kernel of a `prepare` reads its sources in place: an argument's
    `moe_exec.strides` holds the element strides of its dimensions where they
    are not row-major. Source data has any alignment.

    ```mlir
    moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
      %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
      TypeAttrOf<FunctionType>:$function_type,
      OptionalAttr<StrAttr>:$sym_visibility,
      OptionalAttr<DictArrayAttr>:$arg_attrs,
      OptionalAttr<DictArrayAttr>:$res_attrs,
      I64Attr:$num_dims, AffineMapArrayAttr:$sizes,
      OptionalAttr<I64Attr>:$scratch);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() {
      return getFunctionType().getResults();
    }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    /// Types of all buffers of a launch, in order.
    ::llvm::SmallVector<::mlir::MemRefType> getBufferTypes();
  }];
}

def MoeExec_ReturnOp : MoeExec_Op<"return", [Pure, Terminator,
    HasParent<"KernelOp">]> {
  let summary = "the results of a kernel";
  let description = [{
    ```mlir
    moe_exec.kernel @relu(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>]} {
      %y = moe.activate relu(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def MoeExec_SizeOp : MoeExec_Op<"size", [Pure, HasParent<"KernelOp">]> {
  let summary = "an expression of the program's dimensions, inside a kernel";
  let description = [{
    Rules:
    - size_c1: the map has the kernel's dimensions and one result, and divides
      by positive numbers only.

    ```mlir
    moe_exec.kernel @rows(%x: tensor<?x64xf32>) -> tensor<?x64xf32>
        attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0 * 8)>]} {
      %rows = moe_exec.size affine_map<(d0) -> (d0 * 8)>
      %y = tensor.empty(%rows) : tensor<?x64xf32>
      moe_exec.return %y : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins AffineMapAttr:$map);
  let results = (outs Index:$value);
  let assemblyFormat = "$map attr-dict";
  let hasVerifier = 1;
}

def MoeExec_PrepareOp : MoeExec_Op<"prepare", [Symbol,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "how a parameter is made at bind time";
  let description = [{
    The buffer of `type` is made of `units` equal parts, one an expert (or one
    in all). For each unit the kernel reads that unit's slice of every source
    and writes that unit's part: preparing a layer holds one unit a thread in
    flight, and packs straight from the mapped checkpoint.

    A unit is `tasks` tasks of the kernel. Without a kernel the only source is
    copied as it lies.

    Rules:
    - prepare_c1: the symbol is a kernel with one argument a source, the
      unit's slice of it, and one result whose buffer is one unit of the type.
    - prepare_c2: units divide a static type of integers or floats.
    - prepare_c3: a source that is not stored one tensor an expert is led by the
      units, where there are several.
    - prepare_c4: without a kernel one source fills the type.
    - prepare_c5: tasks >= 1.

    ```mlir
    moe_exec.prepare @up kernel @widen units 8 tasks 4
        from [#moe.source<"l.experts.{e}.up.weight" : 32x64xbf16>]
        : memref<8x32x64xf32>
    moe_exec.kernel @widen(%w: tensor<32x64xbf16>) -> tensor<32x64xf32>
        attributes {num_dims = 0 : i64, sizes = [affine_map<() -> ()>, affine_map<() -> ()>]} {
      %f = arith.extf %w : tensor<32x64xbf16> to tensor<32x64xf32>
      moe_exec.return %f : tensor<32x64xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
      OptionalAttr<FlatSymbolRefAttr>:$kernel, I64Attr:$units,
      DefaultValuedAttr<I64Attr, "1">:$tasks, ArrayAttr:$sources, TypeAttrOf<AnyMemRef>:$type);
  let assemblyFormat = [{
    $sym_name (`kernel` $kernel^)? `units` custom<PlainInt>($units)
    (`tasks` custom<PlainInt>($tasks)^)? `from` $sources `:` $type attr-dict
  }];
  let hasVerifier = 1;
}

#endif // MOE_DIALECT_EXEC_MOEEXECOPS_TD
