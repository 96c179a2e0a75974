//===- PrintScalar.cpp - Scalar ops as CUDA C++ ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types, literals and the table of ops. Functions are those of
// device/intrinsics.cuh and device/elements.cuh.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/PrintScalar.h"

#include "moe/codegen/cuda/PrintLeaf.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include <charconv>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

//===----------------------------------------------------------------------===//
// Types and literals
//===----------------------------------------------------------------------===//

std::string moe::cuda::typeName(Type type) {
  if (type.isIndex())
    return "i64";
  if (type.isInteger(1))
    return "bool";
  if (auto integer = dyn_cast<IntegerType>(type))
    return ("i" + Twine(integer.getWidth())).str();
  return llvm::TypeSwitch<Type, std::string>(type)
      .Case<Float64Type>([](auto) { return "f64"; })
      .Case<Float32Type>([](auto) { return "f32"; })
      .Case<BFloat16Type>([](auto) { return "bf16"; })
      .Case<Float16Type>([](auto) { return "f16"; })
      .Case<Float8E4M3FNType>([](auto) { return "f8e4m3"; })
      .Case<Float8E5M2Type>([](auto) { return "f8e5m2"; })
      .Case<Float8E8M0FNUType>([](auto) { return "f8e8m0"; })
      .Default([](Type) { return ""; });
}

/// The shortest decimal that reads back as the same number.
template <typename T> static std::string decimal(T value) {
  char digits[40];
  std::to_chars_result end = std::to_chars(digits, std::end(digits), value);
  std::string text(digits, end.ptr);
  // A C++ literal has a point or an exponent.
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text;
}

std::string moe::cuda::literal(Type type, Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value)) {
    APFloat real = number.getValue();
    uint64_t bits = real.bitcastToAPInt().getZExtValue();
    if (isa<Float32Type, Float64Type>(type) && real.isFinite()) {
      return type.isF32() ? decimal(real.convertToFloat()) + "f"
                          : decimal(real.convertToDouble());
    }
    if (isa<Float32Type, Float64Type>(type))
      return llvm::formatv("bitCast<{0}>({1:x})", typeName(type), bits).str();
    return llvm::formatv("{0}{{{1:x}}", typeName(type), bits).str();
  }
  APInt bits = cast<IntegerAttr>(value).getValue();
  if (type.isInteger(1))
    return bits.isZero() ? "false" : "true";
  int64_t number = bits.getSExtValue();
  if (number == std::numeric_limits<int64_t>::min())
    return "i64(0x8000000000000000)";
  std::string text = std::to_string(number);
  if (number > std::numeric_limits<int32_t>::max() ||
      number < -std::numeric_limits<int32_t>::max())
    text = "i64(" + text + "ll)";
  return text;
}

std::string moe::cuda::affineText(AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return "d" + std::to_string(dim.getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::string x = affineText(binary.getLHS()), y = affineText(binary.getRHS());
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return "(" + x + " + " + y + ")";
  case AffineExprKind::Mul:
    return x + " * " + y;
  case AffineExprKind::Mod:
    return "(" + x + " % " + y + ")";
  case AffineExprKind::FloorDiv:
    return "(" + x + " / " + y + ")";
  default:
    return "ceilDiv<i64>(" + x + ", " + y + ")";
  }
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// How an op is spelled.
namespace {
struct Spelling {
  enum Kind {
    None,
    Infix,  ///< a + b
    Prefix, ///< -a
    Call,   ///< f(a, b), of floats
    Typed,  ///< f<T>(a), T of the result
  } kind = None;
  StringRef text;
  ScalarText::Precedence precedence = ScalarText::Simple;
};
} // namespace

static Spelling spellingOf(Operation *op) {
  using S = Spelling;
  return llvm::TypeSwitch<Operation *, Spelling>(op)
      .Case<arith::AddFOp>(
          [](auto) { return S{S::Infix, "+", ScalarText::Sum}; })
      .Case<arith::SubFOp>(
          [](auto) { return S{S::Infix, "-", ScalarText::Sum}; })
      .Case<arith::MulFOp>(
          [](auto) { return S{S::Infix, "*", ScalarText::Product}; })
      .Case<arith::DivFOp>(
          [](auto) { return S{S::Infix, "/", ScalarText::Product}; })
      .Case<arith::NegFOp>([](auto) { return S{S::Prefix, "-"}; })
      .Case<arith::MaximumFOp>([](auto) { return S{S::Call, "maximum"}; })
      .Case<arith::MinimumFOp>([](auto) { return S{S::Call, "minimum"}; })
      .Case<arith::MaxNumFOp>([](auto) { return S{S::Call, "maxNum"}; })
      .Case<arith::MinNumFOp>([](auto) { return S{S::Call, "minNum"}; })
      .Case<arith::AddIOp>(
          [](auto) { return S{S::Infix, "+", ScalarText::Sum}; })
      .Case<arith::SubIOp>(
          [](auto) { return S{S::Infix, "-", ScalarText::Sum}; })
      .Case<arith::MulIOp>(
          [](auto) { return S{S::Infix, "*", ScalarText::Product}; })
      .Case<arith::AndIOp>(
          [](auto) { return S{S::Infix, "&", ScalarText::BitAnd}; })
      .Case<arith::OrIOp>(
          [](auto) { return S{S::Infix, "|", ScalarText::BitOr}; })
      .Case<arith::XOrIOp>(
          [](auto) { return S{S::Infix, "^", ScalarText::BitXor}; })
      .Case<arith::ShLIOp>(
          [](auto) { return S{S::Infix, "<<", ScalarText::Shift}; })
      .Case<arith::ShRSIOp>(
          [](auto) { return S{S::Infix, ">>", ScalarText::Shift}; })
      .Case<arith::DivSIOp>(
          [](auto) { return S{S::Infix, "/", ScalarText::Product}; })
      .Case<arith::RemSIOp>(
          [](auto) { return S{S::Infix, "%", ScalarText::Product}; })
      .Case<arith::ShRUIOp>([](auto) { return S{S::Call, "shiftRight"}; })
      .Case<arith::DivUIOp>([](auto) { return S{S::Call, "divUnsigned"}; })
      .Case<arith::RemUIOp>([](auto) { return S{S::Call, "remUnsigned"}; })
      .Case<arith::CeilDivUIOp>([](auto) { return S{S::Call, "ceilDiv"}; })
      .Case<arith::CeilDivSIOp>(
          [](auto) { return S{S::Call, "ceilDivSigned"}; })
      .Case<arith::FloorDivSIOp>(
          [](auto) { return S{S::Call, "floorDivSigned"}; })
      .Case<arith::MinSIOp>([](auto) { return S{S::Typed, "min"}; })
      .Case<arith::MaxSIOp>([](auto) { return S{S::Typed, "max"}; })
      .Case<arith::MinUIOp>([](auto) { return S{S::Call, "minUnsigned"}; })
      .Case<arith::MaxUIOp>([](auto) { return S{S::Call, "maxUnsigned"}; })
      .Case<math::AbsFOp>([](auto) { return S{S::Call, "abs"}; })
      .Case<math::AtanOp>([](auto) { return S{S::Call, "atan"}; })
      .Case<math::CeilOp>([](auto) { return S{S::Call, "ceil"}; })
      .Case<math::CopySignOp>([](auto) { return S{S::Call, "copySign"}; })
      .Case<math::CosOp>([](auto) { return S{S::Call, "cos"}; })
      .Case<math::ErfOp>([](auto) { return S{S::Call, "erf"}; })
      .Case<math::ExpOp>([](auto) { return S{S::Call, "exp"}; })
      .Case<math::Exp2Op>([](auto) { return S{S::Call, "exp2"}; })
      .Case<math::ExpM1Op>([](auto) { return S{S::Call, "expm1"}; })
      .Case<math::FloorOp>([](auto) { return S{S::Call, "floor"}; })
      .Case<math::FmaOp>([](auto) { return S{S::Call, "fma"}; })
      .Case<math::LogOp>([](auto) { return S{S::Call, "log"}; })
      .Case<math::Log1pOp>([](auto) { return S{S::Call, "log1p"}; })
      .Case<math::Log2Op>([](auto) { return S{S::Call, "log2"}; })
      .Case<math::RoundOp>([](auto) { return S{S::Call, "round"}; })
      .Case<math::RoundEvenOp>([](auto) { return S{S::Call, "roundEven"}; })
      .Case<math::RsqrtOp>([](auto) { return S{S::Call, "rsqrt"}; })
      .Case<math::SinOp>([](auto) { return S{S::Call, "sin"}; })
      .Case<math::SqrtOp>([](auto) { return S{S::Call, "sqrt"}; })
      .Case<math::TanhOp>([](auto) { return S{S::Call, "tanh"}; })
      .Case<math::TruncOp>([](auto) { return S{S::Call, "trunc"}; })
      .Default([](Operation *) { return S{}; });
}

using P = ScalarText::Precedence;

static ScalarText call(const std::string &function, const std::string &inner) {
  return {function + "(" + inner + ")", P::Simple};
}

/// A float as something that C++ computes with.
static ScalarOperand computable(const ScalarOperand &x) {
  if (!isa<FloatType>(x.type) || x.type.isF32() || x.type.isF64())
    return x;
  return {Float32Type::get(x.type.getContext()), call("widen", x.value.text)};
}

/// A result that was computed in f32, as a float of fewer bits.
static ScalarText narrowed(Type type, ScalarText value) {
  if (!isa<FloatType>(type) || type.isF32() || type.isF64())
    return value;
  return call("narrow<" + typeName(type) + ">", value.text);
}

static std::string asUnsigned(const ScalarOperand &x) {
  return "asUnsigned<" + typeName(x.type) + ">(" + x.value.text + ")";
}

static ScalarText compareFloats(arith::CmpFOp op, const ScalarOperand &x,
                                const ScalarOperand &y) {
  using C = arith::CmpFPredicate;
  const std::string a = x.value.within(P::Shift), b = y.value.within(P::Shift);
  // A number is equal to itself, and nothing else is.
  const std::string unordered =
      a == b ? a + " != " + a : a + " != " + a + " || " + b + " != " + b;
  auto negated = [](const std::string &text) {
    return ScalarText{"!(" + text + ")", P::Prefix};
  };
  switch (op.getPredicate()) {
  case C::AlwaysFalse:
    return {"false"};
  case C::AlwaysTrue:
    return {"true"};
  case C::UNO:
    return {unordered, P::Or};
  case C::ORD:
    return negated(unordered);
  case C::ONE:
    return {a + " < " + b + " || " + a + " > " + b, P::Or};
  case C::UEQ:
    return negated(a + " < " + b + " || " + a + " > " + b);
  case C::UGT:
    return negated(a + " <= " + b);
  case C::UGE:
    return negated(a + " < " + b);
  case C::ULT:
    return negated(a + " >= " + b);
  case C::ULE:
    return negated(a + " > " + b);
  case C::OEQ:
    return {a + " == " + b, P::Equality};
  case C::UNE:
    return {a + " != " + b, P::Equality};
  case C::OGT:
    return {a + " > " + b, P::Order};
  case C::OGE:
    return {a + " >= " + b, P::Order};
  case C::OLT:
    return {a + " < " + b, P::Order};
  case C::OLE:
    return {a + " <= " + b, P::Order};
  }
  llvm_unreachable("every predicate is handled");
}

static ScalarText compareIntegers(arith::CmpIOp op, const ScalarOperand &x,
                                  const ScalarOperand &y) {
  using C = arith::CmpIPredicate;
  const bool isUnsigned = op.getPredicate() >= C::ult;
  const std::string a = isUnsigned ? asUnsigned(x) : x.value.within(P::Shift);
  const std::string b = isUnsigned ? asUnsigned(y) : y.value.within(P::Shift);
  switch (op.getPredicate()) {
  case C::eq:
    return {a + " == " + b, P::Equality};
  case C::ne:
    return {a + " != " + b, P::Equality};
  case C::slt:
  case C::ult:
    return {a + " < " + b, P::Order};
  case C::sle:
  case C::ule:
    return {a + " <= " + b, P::Order};
  case C::sgt:
  case C::ugt:
    return {a + " > " + b, P::Order};
  case C::sge:
  case C::uge:
    return {a + " >= " + b, P::Order};
  }
  llvm_unreachable("every predicate is handled");
}

static ScalarText convert(Operation *op, const ScalarOperand &x) {
  Type to = op->getResult(0).getType();
  const std::string name = typeName(to), &text = x.value.text;
  if (isa<arith::ExtFOp>(op)) {
    ScalarText wide = computable(x).value;
    return to.isF64() ? call("f64", wide.text) : narrowed(to, wide);
  }
  if (isa<arith::TruncFOp>(op))
    return to.isF32() ? call("f32", text) : narrowed(to, computable(x).value);
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op)) {
    std::string from = text;
    if (isa<arith::UIToFPOp>(op) && !x.type.isInteger(1))
      from = asUnsigned(x);
    if (isa<arith::SIToFPOp>(op) && x.type.isInteger(1))
      from = "-i32(" + text + ")";
    return to.isF64() ? call("f64", from) : narrowed(to, call("f32", from));
  }
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op)) {
    std::string from = computable(x).value.text;
    return isa<arith::FPToUIOp>(op)
               ? call(name, "Unsigned<" + name + ">(" + from + ")")
               : call(name, from);
  }
  if (isa<arith::BitcastOp>(op))
    return call("bitCast<" + name + ">", text);
  if (isa<arith::ExtUIOp, arith::IndexCastUIOp>(op) && !x.type.isInteger(1))
    return call(name, asUnsigned(x));
  if (isa<arith::ExtSIOp, arith::IndexCastOp>(op) && x.type.isInteger(1))
    return call(name, "-i32(" + text + ")");
  if (to.isInteger(1)) // the lowest bit
    return {"(" + x.value.within(P::BitAnd) + " & 1) != 0", P::Equality};
  return typeName(x.type) == name ? x.value : call(name, text);
}

static bool isConversion(Operation *op) {
  return isa<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp,
             arith::FPToSIOp, arith::FPToUIOp, arith::BitcastOp, arith::ExtUIOp,
             arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp,
             arith::IndexCastUIOp>(op);
}

/// A sum, difference or product of integers wraps around; C++ would not say so
/// of signed ones narrower than the indices.
static bool mayWrap(Operation *op) {
  auto type = dyn_cast<IntegerType>(op->getResult(0).getType());
  return type && type.getWidth() != 64 && type.getWidth() != 1 &&
         isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::ShLIOp>(op);
}

ScalarText moe::cuda::scalarText(Operation *op,
                                 ArrayRef<ScalarOperand> operands) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    std::string text = literal(constant.getType(), constant.getValue());
    return {text, text[0] == '-' ? P::Prefix : P::Simple};
  }
  if (isConversion(op))
    return convert(op, operands[0]);
  if (isa<arith::SelectOp>(op))
    return {operands[0].value.within(P::Or) + " ? " +
                operands[1].value.within(P::Or) + " : " +
                operands[2].value.within(P::Choice),
            P::Choice};
  Type type = op->getResult(0).getType();
  SmallVector<ScalarOperand> inputs;
  for (const ScalarOperand &x : operands)
    inputs.push_back(computable(x));
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return compareFloats(compare, inputs[0], inputs[1]);
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return compareIntegers(compare, inputs[0], inputs[1]);
  if (isa<math::AbsIOp>(op)) {
    const std::string x = inputs[0].value.within(P::Prefix);
    return {x + " < 0 ? -" + x + " : " + x, P::Choice};
  }
  // Sums of bits, where C++ would make integers of them.
  if (type.isInteger(1) && isa<arith::AddIOp, arith::SubIOp>(op))
    return {inputs[0].value.within(P::Order) +
                " != " + inputs[1].value.within(P::Order),
            P::Equality};
  Spelling spelling = spellingOf(op);
  const std::string name = typeName(type);
  switch (spelling.kind) {
  case Spelling::Infix: {
    auto side = [&](const ScalarOperand &x, P least) {
      return mayWrap(op) ? asUnsigned(x) : x.value.within(least);
    };
    std::string text = side(inputs[0], spelling.precedence) + " " +
                       spelling.text.str() + " " +
                       side(inputs[1], P(spelling.precedence + 1));
    // Narrow integers are promoted, and wrap when they are cut again.
    if (auto integer = dyn_cast<IntegerType>(type);
        integer && integer.getWidth() < 64)
      return call(name, text);
    return narrowed(type, {text, spelling.precedence});
  }
  case Spelling::Prefix:
    return narrowed(
        type,
        {spelling.text.str() + inputs[0].value.within(P::Simple), P::Prefix});
  default: {
    std::string arguments;
    for (const ScalarOperand &x : inputs)
      arguments += (arguments.empty() ? "" : ", ") + x.value.text;
    std::string function = spelling.text.str();
    if (isa<IntegerType, IndexType>(type))
      function += "<" + name + ">";
    return narrowed(type, call(function, arguments));
  }
  }
}

std::string moe::cuda::whyUnprintable(Operation *op) {
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return {};
  const bool known = isConversion(op) ||
                     spellingOf(op).kind != Spelling::None ||
                     isa<arith::ConstantOp, arith::SelectOp, arith::CmpFOp,
                         arith::CmpIOp, math::AbsIOp>(op);
  if (!known)
    return (op->getName().getStringRef() + " has no CUDA lowering").str();
  // There are no calls with f64; operators are in C++.
  if (spellingOf(op).kind == Spelling::Call)
    for (Type type : op->getResultTypes())
      if (getElementTypeOrSelf(type).isF64() && !isa<math::AbsFOp>(op))
        return (op->getName().getStringRef() +
                " on f64 has no CUDA lowering; compute in f32")
            .str();
  return {};
}
