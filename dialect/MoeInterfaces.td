//===- MoeInterfaces.td - What passes ask ------------------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The target-neutral passes know a target only through these interfaces: its
// facts and choices come as attributes, so that a plan is readable, can be
// overridden in the IR, and is tested without the machine it is for.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEINTERFACES_TD
#define MOE_DIALECT_MOEINTERFACES_TD

include "mlir/IR/OpBase.td"

def Moe_PackedLayoutAttrInterface : AttrInterface<"PackedLayoutAttrInterface"> {
  let cppNamespace = "::moe";
  let description = [{
    How a target lays packed weights out in memory.
  }];
  let methods = [
    InterfaceMethod<"Bytes of one expert of these [E, N, K] or [N, K] tensors",
      "int64_t", "getBytesPerExpert",
      (ins "::llvm::ArrayRef<::mlir::RankedTensorType>":$tensors)>,
    InterfaceMethod<"Why these tensors cannot be packed so; empty if they can",
      "std::string", "getPackError",
      (ins "::llvm::ArrayRef<::mlir::RankedTensorType>":$tensors)>
  ];
}

def Moe_PlanAttrInterface : AttrInterface<"PlanAttrInterface"> {
  let cppNamespace = "::moe";
  let description = [{
    The schedule of one op: tiles, threads, reduction class. A plan in the input
    is validated and kept; a missing one is chosen by the target.
  }];
  let methods = [
    InterfaceMethod<[{
        How sums are formed: instruction class, k step, splits and order. Two
        plans with equal classes give equal bits.
      }], "std::string", "getReductionClass">,
    InterfaceMethod<[{
        Why the op cannot run by this plan; empty if it can. The op itself is
        verified, its regions are not yet.
      }], "std::string", "getPlanError", (ins "::mlir::Operation *":$op)>,
    InterfaceMethod<"The layout its weights must have; null for none",
      "::moe::PackedLayoutAttrInterface", "getWeightLayout">,
    InterfaceMethod<[{
        Whether the op's own kernel brings weights into that layout, a part at a
        time just before it is multiplied, so that it takes them as they are.
      }], "bool", "packsInKernel", (ins), "", "return false;">,
    InterfaceMethod<[{
        Rows of one task of a grouped matmul whose tiles are listed by
        moe.tiles; 0 when its kernel needs no list.
      }], "int64_t", "getTileRows">
  ];
}

def Moe_TargetAttrInterface : AttrInterface<"TargetAttrInterface"> {
  let cppNamespace = "::moe";
  let description = [{
    A target as a value: what it can hold and how fast it is. Implemented by
    attributes of codegen/<target>; passes ask it through this interface.
  }];
  let methods = [
    InterfaceMethod<"The target's name as the command line spells it",
      "std::string", "getTargetName">,
    InterfaceMethod<"The instruction set, as kernel names carry it: avx512, sm_90a",
      "std::string", "getIsaName">,
    InterfaceMethod<[{
        Token counts at which the best plan changes, ascending: the cuts of
        moe.by_tokens. Empty when one plan serves every count.
      }], "::llvm::SmallVector<int64_t>", "getTokenBuckets",
      (ins "::mlir::Operation *":$function)>,
    InterfaceMethod<[{
        The plan for an op whose token count lies in [minTokens, maxTokens],
        with the decision that explains it; null when the op needs none.
        Weights at run time are others in every call: packing them is work of
        the call.
      }], "::moe::PlanChoice", "choosePlan",
      (ins "::mlir::Operation *":$op, "int64_t":$minTokens,
           "int64_t":$maxTokens, "bool":$weightsAtRunTime)>,
    InterfaceMethod<[{
        How fast the target multiplies elements of these types and reads memory
        at best: a model for explanations, no measurement.
      }], "::moe::Rates", "getRates",
      (ins "::mlir::Type":$rows, "::mlir::Type":$weights)>,
    InterfaceMethod<[{
        How many tasks a moe_exec.kernel runs, from the plans of its ops, and
        the scratch bytes that each worker needs.
      }], "::moe::KernelShape", "getKernelShape",
      (ins "::mlir::Operation *":$kernel)>,
    InterfaceMethod<"Why this op cannot be lowered for the target; empty if it can",
      "std::string", "getUnsupported", (ins "::mlir::Operation *":$op)>
  ];
}

def Moe_TokenScopeOpInterface : OpInterface<"TokenScopeOpInterface"> {
  let cppNamespace = "::moe";
  let description = [{
    Whether what an op says of a token depends on that token alone. Whatever
    would split the tokens of a call, add some, or leave some out, asks: a
    batch-dependent op (capacity, experts that pick tokens) must see all tokens
    of the call and no others.
  }];
  let methods = [
    InterfaceMethod<[{
        Every row of the results is a function of the same rows of the operands
        that have a row a token.
      }], "bool", "isTokenLocal">
  ];
}

#endif // MOE_DIALECT_MOEINTERFACES_TD
