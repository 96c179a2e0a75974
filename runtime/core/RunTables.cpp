//===- RunTables.cpp - What one run is about --------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names, element types, shapes, dimensions, aliases: in this order, so that a
// message speaks of the mistake and not of what follows from it. Only a failing
// run makes strings.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/RunTables.h"
#include "moe/runtime/core/Spelling.h"
#include "moe/runtime/core/Tensor.h"

#include <algorithm>

using namespace moe;
using namespace moe::core;

namespace {

using Args = flatbuffers::Vector<flatbuffers::Offset<abi::Arg>>;

const Operand *find(std::span<const Operand> operands, const abi::Arg &arg) {
  for (const Operand &operand : operands)
    if (operand.name == arg.name()->string_view())
      return &operand;
  return nullptr;
}

/// The operand that is none of `args`, or the second of its name.
Error unknownOperand(std::span<const Operand> operands, const Args &args,
                     const char *kind, ErrorId id) {
  std::vector<std::string> names;
  std::string list;
  for (const abi::Arg *arg : args) {
    names.push_back(arg->name()->str());
    list += (list.empty() ? "" : ", ") + names.back();
  }
  for (const Operand &operand : operands)
    if (std::find(names.begin(), names.end(), operand.name) == names.end())
      return {id, std::string("there is no ") + kind + " " +
                      quote(operand.name) + didYouMean(operand.name, names) +
                      "; the program has " + list};
  for (const Operand &operand : operands)
    for (const Operand &other : operands)
      if (&other != &operand && other.name == operand.name)
        return {id, std::string(kind) + " " + quote(operand.name) +
                        " is given twice"};
  return {id, std::string("more than one ") + kind + " of a name is given"};
}

/// "[T, 64]".
std::string shapeText(const abi::Program &program, const abi::Arg &arg) {
  std::string text = "[";
  for (flatbuffers::uoffset_t i = 0; i < arg.sizes()->size(); ++i) {
    const int32_t dim = arg.dims()->Get(i);
    text += i ? ", " : "";
    text += dim < 0 ? std::to_string(arg.sizes()->Get(i))
                    : program.dims()
                          ->Get(static_cast<flatbuffers::uoffset_t>(dim))
                          ->name()
                          ->str();
  }
  return text + "]";
}

std::string shapeText(std::span<const int64_t> shape) {
  return shapeStr(std::vector<int64_t>(shape.begin(), shape.end()));
}

Error wrongDType(const char *kind, const abi::Arg &arg, DType found) {
  const std::string expected(name(static_cast<DType>(arg.dtype())));
  return {ErrorId::InputDType,
          std::string(kind) + " " + quote(arg.name()->string_view()) + " is " +
              std::string(name(found)) + ", the program was compiled for " +
              expected};
}

bool overlap(const void *a, size_t aBytes, const void *b, size_t bBytes) {
  const auto x = reinterpret_cast<uintptr_t>(a);
  const auto y = reinterpret_cast<uintptr_t>(b);
  return aBytes && bBytes && x < y + bBytes && y < x + aBytes;
}

/// The checks of one run.
class Entry {
public:
  Entry(const Program &program, RunTables &tables)
      : program(program), tables(tables) {}
  Status checkTables();
  Status takeInputs(std::span<const Operand> inputs);
  Status takeOutputs(std::span<const Operand> outputs);
  Status checkAliases();

private:
  Status takeInput(const abi::Arg &arg, const Operand &operand);

  const Program &program;
  RunTables &tables;
};

} // namespace

Status Entry::checkTables() {
  const abi::Program &table = program.table();
  if (tables.inputs.size() < table.inputs()->size() ||
      tables.outputs.size() < table.outputs()->size() ||
      tables.slices.size() < table.slices()->size() ||
      tables.launchArgs < program.launchArgs() ||
      tables.dims.size() < table.dims()->size() ||
      tables.used.capacity() < program.variant().kernels()->size())
    return Error(ErrorId::WorkspaceTooSmall,
                 "the workspace was made for another program, which has fewer "
                 "buffers than " +
                     quote(program.name()));
  return {};
}

Status Entry::takeInputs(std::span<const Operand> inputs) {
  const abi::Program &table = program.table();
  std::fill(tables.dims.begin(), tables.dims.end(), -1);
  for (flatbuffers::uoffset_t i = 0; i < table.inputs()->size(); ++i) {
    const abi::Arg &arg = *table.inputs()->Get(i);
    const Operand *operand = find(inputs, arg);
    if (!operand)
      return Error(ErrorId::InputMissing,
                   "input " + quote(arg.name()->string_view()) +
                       " is not given; it is " +
                       std::string(name(static_cast<DType>(arg.dtype()))) +
                       " " + shapeText(table, arg));
    Status status = takeInput(arg, *operand);
    if (!status)
      return status;
    tables.inputs[i].data = operand->data;
    tables.inputs[i].onDevice = operand->onDevice;
  }
  if (inputs.size() > table.inputs()->size())
    return unknownOperand(inputs, *table.inputs(), "input",
                          ErrorId::InputUnknown);
  for (flatbuffers::uoffset_t i = 0; i < table.inputs()->size(); ++i)
    tables.inputs[i].bytes =
        static_cast<size_t>(argBytes(*table.inputs()->Get(i), tables.dims));
  return {};
}

/// Compares shapes and learns the dimensions.
Status Entry::takeInput(const abi::Arg &arg, const Operand &operand) {
  const abi::Program &table = program.table();
  const std::string_view label = arg.name()->string_view();
  if (static_cast<uint8_t>(operand.dtype) != arg.dtype())
    return wrongDType("input", arg, operand.dtype);
  auto wrongShape = [&](const std::string &note) {
    return Error(ErrorId::InputShape,
                 "input " + quote(label) + " is " + shapeText(operand.shape) +
                     ", expected " + shapeText(table, arg) + note);
  };
  if (operand.shape.size() != arg.sizes()->size())
    return wrongShape("");
  bool empty = false;
  for (flatbuffers::uoffset_t i = 0; i < arg.sizes()->size(); ++i) {
    const int64_t size = operand.shape[i];
    empty |= size == 0;
    if (arg.dims()->Get(i) < 0) {
      if (size != arg.sizes()->Get(i))
        return wrongShape("");
      continue;
    }
    const auto dim = static_cast<flatbuffers::uoffset_t>(arg.dims()->Get(i));
    int64_t &known = tables.dims[dim];
    const std::string_view dimName =
        table.dims()->Get(dim)->name()->string_view();
    if (size < 0 || (known >= 0 && size != known))
      return wrongShape(" with " + std::string(dimName) + " = " +
                        std::to_string(known));
    if (size > program.bounds()[dim])
      return Error(ErrorId::BoundExceeded,
                   "input " + quote(label) + " has " + std::string(dimName) +
                       " = " + std::to_string(size) + ", above the bound of " +
                       std::to_string(program.bounds()[dim]) +
                       " that the program was compiled for");
    known = size;
  }
  if (!operand.data && !empty)
    return Error(ErrorId::InputMissing,
                 "input " + quote(label) + " has no data");
  return {};
}

Status Entry::takeOutputs(std::span<const Operand> outputs) {
  const abi::Program &table = program.table();
  size_t matched = 0;
  for (flatbuffers::uoffset_t i = 0; i < table.outputs()->size(); ++i) {
    const abi::Arg &arg = *table.outputs()->Get(i);
    RunTables::Buffer &buffer = tables.outputs[i];
    buffer = {nullptr, static_cast<size_t>(argBytes(arg, tables.dims)), false};
    const Operand *operand = find(outputs, arg);
    if (!operand)
      continue;
    ++matched;
    if (static_cast<uint8_t>(operand->dtype) != arg.dtype())
      return wrongDType("output", arg, operand->dtype);
    bool equal = operand->shape.size() == arg.sizes()->size();
    for (flatbuffers::uoffset_t d = 0; equal && d < arg.sizes()->size(); ++d) {
      const int32_t dim = arg.dims()->Get(d);
      equal = operand->shape[d] ==
              (dim < 0 ? arg.sizes()->Get(d)
                       : tables.dims[static_cast<size_t>(dim)]);
    }
    if (!equal) {
      std::string expected = shapeText(table, arg);
      for (size_t d = 0; d < table.dims()->size(); ++d)
        expected += (d ? ", " : " with ") +
                    table.dims()
                        ->Get(static_cast<flatbuffers::uoffset_t>(d))
                        ->name()
                        ->str() +
                    " = " + std::to_string(tables.dims[d]);
      return Error(ErrorId::InputShape, "output " + quote(operand->name) +
                                            " is " + shapeText(operand->shape) +
                                            ", expected " + expected);
    }
    if (!operand->data && buffer.bytes)
      return Error(ErrorId::InputMissing,
                   "output " + quote(operand->name) + " has no memory");
    buffer.data = operand->data;
    buffer.onDevice = operand->onDevice;
  }
  if (outputs.size() > matched)
    return unknownOperand(outputs, *table.outputs(), "output",
                          ErrorId::OutputUnknown);
  return {};
}

Status Entry::checkAliases() {
  const abi::Program &table = program.table();
  auto clash = [&](flatbuffers::uoffset_t output, const char *kind,
                   const abi::Arg &other) {
    return Error(
        ErrorId::BuffersAlias,
        "output " + quote(table.outputs()->Get(output)->name()->string_view()) +
            " shares memory with " + kind + " " +
            quote(other.name()->string_view()));
  };
  for (flatbuffers::uoffset_t i = 0; i < table.outputs()->size(); ++i) {
    const RunTables::Buffer &output = tables.outputs[i];
    if (!output.data)
      continue;
    for (flatbuffers::uoffset_t j = 0; j < table.inputs()->size(); ++j) {
      const RunTables::Buffer &input = tables.inputs[j];
      if (overlap(output.data, output.bytes, input.data, input.bytes))
        return clash(i, "input", *table.inputs()->Get(j));
    }
    for (flatbuffers::uoffset_t j = 0; j < i; ++j) {
      const RunTables::Buffer &other = tables.outputs[j];
      if (other.data &&
          overlap(output.data, output.bytes, other.data, other.bytes))
        return clash(i, "output", *table.outputs()->Get(j));
    }
  }
  return {};
}

RunTables::RunTables(const WorkspaceSize &size)
    : inputs(size.inputs), outputs(size.outputs), slices(size.slices),
      dims(size.dims), used(size.kernels), launchArgs(size.launchArgs) {}

Status RunTables::take(const Program &program, std::span<const Operand> inputs,
                       std::span<const Operand> outputs) {
  Entry entry(program, *this);
  Status status = entry.checkTables();
  if (status)
    status = entry.takeInputs(inputs);
  if (status)
    status = entry.takeOutputs(outputs);
  if (status)
    status = entry.checkAliases();
  if (status)
    used.assign(program.variant().kernels()->size(), {});
  return status;
}
