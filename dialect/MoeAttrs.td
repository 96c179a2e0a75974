//===- MoeAttrs.td - Attributes of the moe dialect ---------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_MOEATTRS_TD
#define MOE_DIALECT_MOEATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "moe/dialect/MoeDialect.td"

class Moe_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Moe_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

// An attribute that names a row of a semantics table. The table is the only
// list of cases: FieldParser (SemanticsParsing.h) reads and prints by it.
class Moe_TableAttr<string name, string attrMnemonic, string enumName>
    : Moe_Attr<name, attrMnemonic> {
  let parameters = (ins "::moe::semantics::" # enumName:$value);
  let assemblyFormat = "`<` $value `>`";
}

def Moe_ScoreFnAttr : Moe_TableAttr<"ScoreFn", "score", "ScoreFn"> {
  let summary = "how logits become scores: a row of the score table";
  let description = [{
    `identity`, `softmax` over a token's experts, `sigmoid`, `sqrtsoftplus`,
    `relu`. In the ops' assembly the row's name stands alone.

    ```mlir
    #moe.score<softmax>
    ```
  }];
}

def Moe_ActivationAttr
    : Moe_TableAttr<"Activation", "activation", "Activation"> {
  let summary = "an activation: a row of the activation table";
  let description = [{
    Plain (`relu`, `gelu_tanh` ...) or gated over two operands (`swiglu`,
    `clamp_glu` ...). In the ops' assembly the row's name stands alone.

    ```mlir
    #moe.activation<swiglu>
    ```
  }];
}

def Moe_QuantFormatAttr
    : Moe_TableAttr<"QuantFormat", "quant_format", "QuantFormat"> {
  let summary = "a quantized weight format: a row of the format table";
  let description = [{
    `fp8_block`, `mxfp4`, `gptq_int4`, ...: how codes are packed and which scale
    belongs to which. In the ops' assembly the row's name stands alone.

    ```mlir
    #moe.quant_format<fp8_block>
    ```
  }];
}

def Moe_GroupLimitAttr : Moe_Attr<"GroupLimit", "group_limit"> {
  let summary = "group-limited selection";
  let description = [{
    The experts are `num_groups` equal runs; the `keep` groups with the highest
    score stay in the selection. A group's score is the sum of its `top_sum`
    highest selection scores (`max` is 1). `fill` says what the other groups'
    experts count as; implementations differ, so it has no default.

    ```mlir
    #moe.group_limit<8 keep 4 by top2_sum fill -inf>
    ```
  }];
  let parameters = (ins "int64_t":$numGroups, "int64_t":$keep,
                    "int64_t":$topSum, "::moe::semantics::GroupFill":$fill);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::moe::semantics::GroupLimit getSpec() const;
    /// The clause between the brackets; shared by the ops that print it in
    /// parentheses.
    void printClause(::mlir::AsmPrinter &printer) const;
    static ::mlir::FailureOr<GroupLimitAttr>
    parseClause(::mlir::AsmParser &parser);
  }];
}

def Moe_CapacityLimitAttr : Moe_Attr<"CapacityLimit", "capacity_limit"> {
  let summary = "how many places an expert has";
  let description = [{
    A number, or a share of the T tokens of the scope: `ceil`, `floor` or
    `nearest` (a half goes up) of T * n / d, at least `minimum`, rounded up to a
    multiple of `multiple_of`. Picks, experts and a capacity factor are folded
    into the ratio: k = 2 of 8 experts with a factor of 1.25 is T * 10 / 32.

    ```mlir
    #moe.capacity_limit<64>
    #moe.capacity_limit<ceil(T * 10 / 32) minimum 4 multiple_of 4>
    ```
  }];
  let parameters = (ins "::moe::semantics::Rounding":$rounding,
                    "int64_t":$numerator, "int64_t":$denominator,
                    "int64_t":$minimum, "int64_t":$multipleOf);
  let builders = [AttrBuilder<(ins "int64_t":$number), [{
    return $_get($_ctxt, ::moe::semantics::Rounding::Floor, 0, 1, number, 1);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::moe::semantics::CapacityLimit getSpec() const;
    /// The places as an expression of the tokens, without the minimum, which is
    /// none.
    ::mlir::AffineExpr getPlaces(::mlir::AffineExpr tokens) const;
    void printClause(::mlir::AsmPrinter &printer) const;
    static ::mlir::FailureOr<CapacityLimitAttr>
    parseClause(::mlir::AsmParser &parser);
  }];
}

def Moe_SelectAttr : Moe_Attr<"Select", "select"> {
  let summary = "which experts a token gets: a row of the selection table";
  let description = [{
    - `top_k(k)`: the k highest selection scores, in descending order, ties to
      the lowest index, NaN never.
    - `top_p(p, kmax)`: of these the fewest whose sum reaches p, at least one.
    - `threshold(tau, kmax)`: of these the ones above tau.
    - `all`: every expert, in the order of their indices.
    - `table`, `extern`: ids from a table by the token's id, or as given.
    - `expert_top_k(C)`: each expert takes the C tokens that score it highest;
      C is a number or a share of the tokens.

    `always(S)` gives every token the last S experts in the slots after its
    picks; `noise` names what a random operand does. In the ops' assembly the
    operands stand where they are used: `table(%t[%x])`, `noise gumbel(%n)`.

    ```mlir
    #moe.select<top_k(8)>
    #moe.select<top_p(9.0e-1, 4)>
    #moe.select<expert_top_k(ceil(T * 10 / 32))>
    ```
  }];
  let parameters = (ins "::moe::semantics::SelectKind":$kind,
                    "int64_t":$picks, "::mlir::FloatAttr":$bound,
                    "::moe::CapacityLimitAttr":$limit, "int64_t":$always,
                    "::moe::semantics::NoiseKind":$noise);
  let builders = [AttrBuilder<(ins "int64_t":$topK), [{
    return SelectAttr::get($_ctxt, ::moe::semantics::SelectKind::TopK, topK);
  }]>, AttrBuilder<(ins "::moe::semantics::SelectKind":$kind, "int64_t":$picks,
                    CArg<"double", "0">:$bound, CArg<"int64_t", "0">:$always,
                    CArg<"::moe::semantics::NoiseKind",
                         "::moe::semantics::NoiseKind::None">:$noise), [{
    return $_get($_ctxt, kind, picks,
                 ::mlir::Builder($_ctxt).getF64FloatAttr(bound),
                 CapacityLimitAttr::get($_ctxt, picks), always, noise);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The static part, without picks.
    ::moe::semantics::Selection getSpec() const;
    bool isPerExpert() const {
      return getKind() == ::moe::semantics::SelectKind::ExpertTopK;
    }
    /// Ids come from operands, and may name no expert.
    bool isGiven() const {
      return getKind() == ::moe::semantics::SelectKind::Table ||
             getKind() == ::moe::semantics::SelectKind::Extern;
    }
  }];
}

def Moe_NormAttr : Moe_Attr<"Norm", "norm"> {
  let summary = "one step of a router's normalize clause";
  let description = [{
    `softmax` over the kept values, `sigmoid` of each, `l1`: divided by their
    sum, `lp(p)`: by their p-norm, or `masked_softmax(eps)`: of each pick over
    the experts that no slot before it holds and whose logit is near its own. An
    epsilon enters a norm as `add` or `max`; implementations differ, so the mode
    has no default.

    ```mlir
    #moe.norm<l1(eps 1.0e-20 add)>
    #moe.norm<lp(2.0, eps 1.0e-12 max)>
    ```
  }];
  let parameters = (ins "::moe::semantics::NormKind":$kind,
                    "::mlir::FloatAttr":$eps,
                    "::moe::semantics::EpsMode":$epsMode,
                    "::mlir::FloatAttr":$param);
  let builders = [AttrBuilder<(ins "::moe::semantics::NormKind":$kind,
                               "::mlir::FloatAttr":$eps,
                               "::moe::semantics::EpsMode":$epsMode), [{
    return $_get($_ctxt, kind, eps, epsMode,
                 ::mlir::Builder($_ctxt).getF64FloatAttr(0));
  }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::moe::semantics::NormStep getSpec() const;
    void printClause(::mlir::AsmPrinter &printer) const;
    static ::mlir::FailureOr<NormAttr> parseClause(::mlir::AsmParser &parser);
  }];
}

def Moe_SourceAttr : Moe_Attr<"Source", "source"> {
  let summary = "which checkpoint tensors a parameter is, and how they lie";
  let description = [{
    A small algebra from stored tensors to the canonical tensor of a
    `moe.param`: a name pattern, the stored type, then steps applied in order.
    With `{e}` in the pattern, or `{e+64}` where experts are numbered from 64,
    there is one stored tensor an expert and the canonical tensor has a leading
    expert dimension; without it the stored tensor holds all experts.

    - `transpose [2, 1, ...]`: dimension i of the result is dimension p[i].
    - `slice D from A step S size N`: N elements of dimension D; a step of 2
      takes one half of an interleaved pair.
    - `reshape [...]`: the elements in row-major order under another shape;
      only directly after the stored type.

    Every source is a strided view of the stored tensors, so weights are read in
    place and never copied into a third layout.

    ```mlir
    #moe.source<"model.layers.1.mlp.experts.{e}.up_proj.weight" : 768x2048xbf16>
    #moe.source<"model.layers.1.mlp.experts.gate_up_proj" : 32x2880x5760xbf16
                transpose [0, 2, 1] slice 1 from 1 step 2 size 2880>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$pattern,
                    "::mlir::RankedTensorType":$stored,
                    ArrayRefParameter<"::mlir::Attribute">:$steps);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// True when the pattern has `{e}`: one stored tensor an expert.
    bool isPerExpert() const;
    /// The canonical tensor as strides over one stored tensor. For a
    /// per-expert source the leading (expert) dimension is not part of it.
    ::mlir::FailureOr<SourceView> getView() const;
    /// Why there is no view, as a diagnostic; empty when there is one.
    std::string getViewError() const;
  }];
}

def Moe_TransposeStepAttr : Moe_Attr<"TransposeStep", "transpose"> {
  let summary = "a step of a source: permute dimensions";
  let description = [{
    Dimension i of the result is dimension `permutation[i]` before the step.

    ```mlir
    #moe.transpose<[0, 2, 1]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$permutation);
  let assemblyFormat = "`<` `[` $permutation `]` `>`";
}

def Moe_SliceStepAttr : Moe_Attr<"SliceStep", "slice"> {
  let summary = "a step of a source: part of one dimension";
  let description = [{
    `size` elements of dimension `dim`, the first at `from`, `step` apart.

    ```mlir
    #moe.slice<1 from 1 step 2 size 2880>
    ```
  }];
  let parameters = (ins "int64_t":$dim, "int64_t":$from, "int64_t":$step,
                    "int64_t":$size);
  let assemblyFormat = "`<` $dim `from` $from `step` $step `size` $size `>`";
}

def Moe_ReshapeStepAttr : Moe_Attr<"ReshapeStep", "reshape"> {
  let summary = "a step of a source: another shape, same order";
  let description = [{
    The elements in row-major order under another shape of as many elements.

    ```mlir
    #moe.reshape<[8, 96, 64]>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape);
  let assemblyFormat = "`<` `[` $shape `]` `>`";
}

def Moe_DecisionAttr : Moe_Attr<"Decision", "decision"> {
  let summary = "a decision of the compiler, for readers";
  let description = [{
    What was decided, what was chosen and why, what came second, and the figures
    behind it. Passes append decisions to the function's `moe.decisions`;
    `--moe-explain` prints them.

    ```mlir
    #moe.decision<what = "rows of a tile", chosen = "48", reason = "fills the registers",
                  runnerUp = "32", figures = {from = 16, to = 4096}>
    ```
  }];
  let parameters = (ins StringRefParameter<"subject">:$what,
                    StringRefParameter<"the choice">:$chosen,
                    StringRefParameter<"why">:$reason,
                    StringRefParameter<"the next best">:$runnerUp,
                    OptionalParameter<"::mlir::DictionaryAttr">:$figures);
  let assemblyFormat = "`<` struct(params) `>`";
}

// How the rows of a token are summed.
def Moe_CombineOrder : I32EnumAttr<"CombineOrder",
    "the order in which a token's rows are summed", [
      I32EnumAttrCase<"Slot", 0, "slot">,
      I32EnumAttrCase<"Expert", 1, "expert">,
      I32EnumAttrCase<"Any", 2, "any">]> {
  let cppNamespace = "::moe";
}

// What an expert without weights makes of a row.
def Moe_VirtualKind : I32EnumAttr<"VirtualKind",
    "what an expert without weights makes of a row", [
      I32EnumAttrCase<"Identity", 0, "identity">,
      I32EnumAttrCase<"Zero", 1, "zero">,
      I32EnumAttrCase<"Constant", 2, "constant">]> {
  let cppNamespace = "::moe";
}

def Moe_VirtualAttr : Moe_Attr<"Virtual", "virtual"> {
  let summary = "experts without weights";
  let description = [{
    Ids `first` to `last` are experts that make of a row the row itself, zeros,
    or a row of their own that does not depend on it.

    ```mlir
    #moe.virtual<identity 512 to 767>
    ```
  }];
  let parameters = (ins EnumParameter<Moe_VirtualKind>:$kind, "int64_t":$first,
                    "int64_t":$last);
  let assemblyFormat = "`<` $kind $first `to` $last `>`";
  let extraClassDeclaration = [{
    int64_t getCount() const { return getLast() - getFirst() + 1; }
    bool contains(int64_t id) const {
      return getFirst() <= id && id <= getLast();
    }
  }];
}
def Moe_VirtualArray
    : TypedArrayAttrBase<Moe_VirtualAttr, "ranges of experts without weights">;

// The order in which capacity is granted.
def Moe_CapacityOrder : I32EnumAttr<"CapacityOrder",
    "the order in which slots claim an expert's capacity", [
      I32EnumAttrCase<"TokenMajor", 0, "token_major">,
      I32EnumAttrCase<"RankMajor", 1, "rank_major">,
      I32EnumAttrCase<"Priority", 2, "priority">,
      I32EnumAttrCase<"Weight", 3, "weight">]> {
  let cppNamespace = "::moe";
}

// What happens to a slot beyond the capacity.
def Moe_Overflow : I32EnumAttr<"Overflow",
    "what happens to a slot beyond the capacity", [
      I32EnumAttrCase<"Drop", 0, "drop">,
      I32EnumAttrCase<"Recycle", 1, "recycle">]> {
  let cppNamespace = "::moe";
}

// How an epilogue operand is indexed.
def Moe_EpilogueIndex : I32EnumAttr<"EpilogueIndex",
    "which element of an epilogue operand belongs to an output element", [
      I32EnumAttrCase<"Columns", 0, "columns">,
      I32EnumAttrCase<"Slots", 1, "slots">,
      I32EnumAttrCase<"Experts", 2, "experts">,
      I32EnumAttrCase<"Elements", 3, "elements">]> {
  let cppNamespace = "::moe";
}

#endif // MOE_DIALECT_MOEATTRS_TD
