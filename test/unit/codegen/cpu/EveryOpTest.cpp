//===- EveryOpTest.cpp - Each op on each type compiles or is refused ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM aborts on what it cannot select, and calls libraries for what processors
// lack. That nothing which passes the checks gets there is a claim about all
// ops on all types at all levels, so all are compiled, in shapes that are no
// power of two as well.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"

#include "gtest/gtest.h"

using namespace moe;
using namespace moe::test;

namespace {

const char *const integerOps[] = {
    "arith.addi",  "arith.subi",      "arith.muli",      "arith.divsi",
    "arith.divui", "arith.remsi",     "arith.remui",     "arith.andi",
    "arith.ori",   "arith.xori",      "arith.shli",      "arith.shrsi",
    "arith.shrui", "arith.maxsi",     "arith.maxui",     "arith.minsi",
    "arith.minui", "arith.ceildivsi", "arith.ceildivui", "arith.floordivsi"};
const char *const integerUnary[] = {"math.absi", "math.ctlz", "math.cttz",
                                    "math.ctpop"};
const char *const floatOps[] = {
    "arith.addf",     "arith.subf",     "arith.mulf",    "arith.divf",
    "arith.maximumf", "arith.minimumf", "arith.maxnumf", "arith.minnumf",
    "math.copysign",  "math.atan2"};
const char *const floatUnary[] = {
    "arith.negf", "math.absf",      "math.ceil", "math.floor", "math.round",
    "math.trunc", "math.roundeven", "math.sqrt", "math.rsqrt", "math.exp",
    "math.exp2",  "math.expm1",     "math.log",  "math.log1p", "math.log2",
    "math.tanh",  "math.erf",       "math.erfc", "math.sin",   "math.cos",
    "math.asin",  "math.acos",      "math.atan", "math.cbrt"};
const char *const floatPredicates[] = {"oeq", "ogt", "uge",
                                       "ord", "uno", "one"};
const char *const integerReductions[] = {
    "add", "mul", "and", "or", "xor", "minsi", "minui", "maxsi", "maxui"};
const char *const floatReductions[] = {"add",      "mul",     "maximumf",
                                       "minimumf", "maxnumf", "minnumf"};

struct Ops {
  std::string element;
  unsigned lanes; ///< 0: scalars
  std::string text;
  unsigned count = 0;

  std::string type(const std::string &of) const {
    return lanes ? "vector<" + std::to_string(lanes) + "x" + of + ">" : of;
  }
  /// One kernel that computes `result` of type `of` from %x and %y.
  void kernel(const std::string &ops, const std::string &of) {
    std::string body;
    for (unsigned i : {0, 1})
      body += std::string("  %") + (i ? "y" : "x") + " = llvm.load %b" +
              std::to_string(i) + " {alignment = 1 : i64} : !llvm.ptr -> " +
              type(element) + "\n";
    body += "  " + ops +
            "\n  llvm.store %r, %b2 {alignment = 1 : i64} : " + of +
            ", !llvm.ptr\n";
    text += kernelText("k" + std::to_string(count++), 3, body);
  }
  void convert(const std::string &op, const std::string &to) {
    kernel("%r = " + op + " %x : " + type(element) + " to " + type(to),
           type(to));
  }
};

/// A module with a kernel for each op of that type.
std::string everyOp(const std::string &element, unsigned lanes) {
  Ops ops{element, lanes, {}};
  const std::string type = ops.type(element), bits = ops.type("i1");
  const bool isFloat = element[0] != 'i';
  const bool isDouble = element == "f64";
  auto binary = [&](const char *op) {
    ops.kernel("%r = " + std::string(op) + " %x, %y : " + type, type);
  };
  auto unary = [&](const char *op) {
    ops.kernel("%r = " + std::string(op) + " %x : " + type, type);
  };
  auto reduce = [&](const char *kind, const char *flags) {
    if (lanes)
      ops.kernel("%r = vector.reduction <" + std::string(kind) + ">, %x " +
                     flags + " : " + type + " into " + element,
                 element);
  };
  ops.kernel("%c = arith.cmp" + std::string(isFloat ? "f olt" : "i slt") +
                 ", %x, %y : " + type +
                 "\n  %r = arith.select %c, %x, %y : " + bits + ", " + type,
             type);
  if (lanes) {
    ops.kernel("%e = vector.extract %x[0] : " + element + " from " + type +
                   "\n  %b = vector.broadcast %e : " + element + " to " + type +
                   "\n  %i = arith.index_cast %begin : i64 to index\n"
                   "  %d = vector.extract %y[%i] : " +
                   element + " from " + type +
                   "\n  %r = vector.insert %d, %b[%i] : " + element + " into " +
                   type,
               type);
    ops.kernel("%n = arith.index_cast %end : i64 to index\n"
               "  %m = vector.create_mask %n : " +
                   bits +
                   "\n  %l = llvm.intr.masked.load %b0, %m, %y {alignment = 1 "
                   ": i32} : (!llvm.ptr, " +
                   bits + ", " + type + ") -> " + type +
                   "\n  llvm.intr.masked.store %l, %b1, %m {alignment = "
                   "1 : i32} : " +
                   type + ", " + bits +
                   " into !llvm.ptr\n  %r = arith.select %m, %x, %l : " + bits +
                   ", " + type,
               type);
    const std::string pair =
        "vector<" + std::to_string(2 * lanes) + "x" + element + ">";
    ops.kernel("%z = vector.interleave %x, %y : " + type + " -> " + pair +
                   "\n  %r, %s = vector.deinterleave %z : " + pair + " -> " +
                   type,
               type);
  }
  if (!isFloat) {
    for (const char *op : integerOps)
      binary(op);
    for (const char *op : integerUnary)
      unary(op);
    for (const char *kind : integerReductions)
      reduce(kind, "");
    const unsigned width = std::stoi(element.substr(1));
    for (unsigned other : {1, 8, 16, 32, 64})
      if (other > width) {
        ops.convert("arith.extsi", "i" + std::to_string(other));
        ops.convert("arith.extui", "i" + std::to_string(other));
      } else if (other < width) {
        ops.convert("arith.trunci", "i" + std::to_string(other));
      }
    for (const char *real : {"bf16", "f16", "f32", "f64"}) {
      ops.convert("arith.sitofp", real);
      ops.convert("arith.uitofp", real);
    }
    return ops.text;
  }
  for (const char *op : floatOps)
    if (!isDouble || std::string(op) != "math.atan2")
      binary(op);
  for (const char *op : floatUnary)
    if (!isDouble || std::string(op).starts_with("arith") ||
        std::string("math.absf math.ceil math.floor math.round math.trunc "
                    "math.roundeven math.sqrt math.rsqrt")
                .find(op) != std::string::npos)
      unary(op);
  for (const char *predicate : floatPredicates)
    ops.kernel("%c = arith.cmpf " + std::string(predicate) +
                   ", %x, %y : " + type + "\n  %r = arith.extui %c : " + bits +
                   " to " + ops.type("i8"),
               ops.type("i8"));
  ops.kernel("%c = math.isnan %x : " + type +
                 "\n  %r = arith.extui %c : " + bits + " to " + ops.type("i8"),
             ops.type("i8"));
  ops.kernel("%r = math.fma %x, %y, %x : " + type, type);
  for (const char *kind : floatReductions) {
    reduce(kind, "");
    reduce(kind, "fastmath<reassoc>");
  }
  for (const char *integer : {"i8", "i16", "i32", "i64"}) {
    ops.convert("arith.fptosi", integer);
    ops.convert("arith.fptoui", integer);
  }
  if (element == "f64") {
    ops.convert("arith.truncf", "f32");
    return ops.text;
  }
  ops.convert("arith.extf", "f64");
  if (element == "f32")
    for (const char *half : {"bf16", "f16"})
      ops.convert("arith.truncf", half);
  else
    ops.convert("arith.extf", "f32");
  return ops.text;
}

using Case = std::tuple<const char *, const char *>;
class EveryOpTest : public testing::TestWithParam<Case> {};

TEST_P(EveryOpTest, Compiles) {
  const auto &[target, element] = GetParam();
  for (unsigned lanes : {0, 3, 16}) {
    SCOPED_TRACE(lanes);
    CompiledKernel kernels = compileKernels(everyOp(element, lanes), target,
                                            /*emulate=*/false, /*load=*/false);
    EXPECT_EQ(kernels.errors, std::vector<std::string>());
    EXPECT_GT(kernels.image.entries.size(), 20u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, EveryOpTest,
    testing::Combine(testing::Values("x86-64-v2", "x86-64-v3", "sapphirerapids",
                                     "aarch64"),
                     testing::Values("i1", "i8", "i16", "i32", "i64", "bf16",
                                     "f16", "f32", "f64")),
    [](const auto &info) {
      std::string name =
          std::string(std::get<0>(info.param)) + "_" + std::get<1>(info.param);
      for (char &c : name)
        if (!isalnum(c))
          c = '_';
      return name;
    });

} // namespace
