//===- ProgramOp.cpp - moe_exec.program -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A program's signature is what a user of a package sees: names, shapes and
// bounds. It has an assembly of its own, so that it reads as one.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/exec/MoeExecOps.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace moe;
using namespace moe::exec;

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  Properties &props = result.getOrAddProperties<Properties>();
  Builder &builder = parser.getBuilder();
  StringAttr name;
  if (parser.parseSymbolName(name))
    return failure();
  props.sym_name = name;
  SmallVector<OpAsmParser::Argument> arguments;
  int64_t counts[2] = {0, 0};
  unsigned section = 0;
  for (StringRef keyword : {"dims", "inputs", "outputs"}) {
    SmallVector<OpAsmParser::Argument> list;
    if (parser.parseKeyword(keyword) ||
        parser.parseArgumentList(list, OpAsmParser::Delimiter::Paren,
                                 /*allowType=*/true, /*allowAttrs=*/true))
      return failure();
    if (section < 2)
      counts[section++] = list.size();
    llvm::append_range(arguments, list);
  }
  props.num_dims = builder.getI64IntegerAttr(counts[0]);
  props.num_inputs = builder.getI64IntegerAttr(counts[1]);
  SmallVector<Attribute> attributes;
  for (OpAsmParser::Argument &argument : arguments)
    attributes.push_back(argument.attrs ? argument.attrs
                                        : builder.getDictionaryAttr({}));
  props.arg_attrs = builder.getArrayAttr(attributes);
  Region *body = result.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, builder, result.location);
  return success();
}

void ProgramOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  auto section = [&](StringRef keyword, ArrayRef<BlockArgument> list) {
    printer << " " << keyword << "(";
    llvm::interleaveComma(list, printer, [&](BlockArgument argument) {
      printer.printRegionArgument(
          argument, cast<DictionaryAttr>(getArgAttrs()[argument.getArgNumber()])
                        .getValue());
    });
    printer << ")";
  };
  section("dims", getDims());
  section("inputs", getInputs());
  section("outputs", getOutputs());
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"sym_name", "num_dims", "num_inputs", "arg_attrs"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

ArrayRef<BlockArgument> ProgramOp::getDims() {
  return getBody().getArguments().take_front(getNumDims());
}
ArrayRef<BlockArgument> ProgramOp::getInputs() {
  return getBody().getArguments().slice(getNumDims(), getNumInputs());
}
ArrayRef<BlockArgument> ProgramOp::getOutputs() {
  return getBody().getArguments().drop_front(getNumDims() + getNumInputs());
}

static DictionaryAttr attrsOf(ProgramOp op, BlockArgument argument) {
  return cast<DictionaryAttr>(op.getArgAttrs()[argument.getArgNumber()]);
}

StringRef ProgramOp::getArgName(BlockArgument argument) {
  return attrsOf(*this, argument).getAs<StringAttr>("name").getValue();
}
int64_t ProgramOp::getDimBound(unsigned dim) {
  return attrsOf(*this, getDims()[dim]).getAs<IntegerAttr>("bound").getInt();
}
SmallVector<std::optional<unsigned>>
ProgramOp::getArgDims(BlockArgument argument) {
  auto type = cast<MemRefType>(argument.getType());
  auto names = attrsOf(*this, argument).getAs<ArrayAttr>("dims");
  SmallVector<std::optional<unsigned>> dims;
  for (auto [index, name] :
       llvm::enumerate(names.getAsValueRange<StringAttr>())) {
    std::optional<unsigned> dim;
    if (type.isDynamicDim(index))
      for (BlockArgument candidate : getDims())
        if (getArgName(candidate) == name)
          dim = candidate.getArgNumber();
    dims.push_back(dim);
  }
  return dims;
}

LogicalResult ProgramOp::verify() {
  for (Attribute attribute : getArgAttrs()) {
    auto dict = dyn_cast<DictionaryAttr>(attribute);
    if (!dict || !dict.getAs<StringAttr>("name"))
      return emitOpError("expects a 'name' on every dimension, input and "
                         "output");
  }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  Block &body = getBody().front();
  int64_t arguments = body.getNumArguments();
  int64_t dims = getNumDimsAttr().getInt(),
          inputs = getNumInputsAttr().getInt();
  if (dims < 0 || inputs < 0 || dims > arguments || inputs > arguments - dims)
    return emitOpError() << "expects " << arguments
                         << " block arguments to begin with the dimensions and "
                            "inputs, got "
                         << dims << " and " << inputs;
  if (body.getNumArguments() != getArgAttrs().size())
    return emitOpError() << "expects one attribute dictionary a block argument,"
                            " got "
                         << getArgAttrs().size() << " for " << arguments;
  llvm::StringMap<unsigned> dimNames;
  for (BlockArgument dim : getDims()) {
    // program_c1
    auto bound = attrsOf(*this, dim).getAs<IntegerAttr>("bound");
    if (!dim.getType().isIndex() || !bound ||
        !bound.getType().isSignlessInteger(64) || bound.getInt() < 1)
      return emitOpError() << "expects dimension " << dim.getArgNumber()
                           << " to be an index with a bound of at least 1";
    if (!dimNames.try_emplace(getArgName(dim), dim.getArgNumber()).second)
      return emitOpError() << "has two dimensions named '" << getArgName(dim)
                           << "'";
  }
  for (BlockArgument argument : body.getArguments().drop_front(getNumDims())) {
    // program_c2
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.getLayout().isIdentity() ||
        !type.getElementType().isIntOrFloat())
      return emitOpError() << "expects buffer '" << getArgName(argument)
                           << "' to be a contiguous memref of integers or "
                              "floats, got "
                           << argument.getType();
    auto dims = attrsOf(*this, argument).getAs<ArrayAttr>("dims");
    if (!dims || static_cast<int64_t>(dims.size()) != type.getRank() ||
        !llvm::all_of(dims, llvm::IsaPred<StringAttr>))
      return emitOpError() << "expects 'dims' with one name a dimension of '"
                           << getArgName(argument) << "'";
    for (auto [index, dim] : llvm::enumerate(getArgDims(argument)))
      if (type.isDynamicDim(index) && !dim)
        return emitOpError()
               << "expects dimension " << index << " of '"
               << getArgName(argument) << "' to be one of the program's, got "
               << dims[index];
  }
  // program_c3
  if (llvm::range_size(body.getOps<WorkspaceOp>()) > 1)
    return emitOpError("expects at most one workspace");
  // program_c4
  WalkResult steps = walk([&](Operation *step) {
    if (isa_and_present<MoeExecDialect>(step->getDialect()))
      return WalkResult::advance();
    step->emitOpError("is not a step; expects ops of moe_exec in a program");
    return WalkResult::interrupt();
  });
  return failure(steps.wasInterrupted());
}
