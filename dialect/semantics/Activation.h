//===- Activation.h - The table of expert activations -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An activation is a row: a name, how many operands it takes (1: plain, 2: a
// gated linear unit over gate and up), its parameters with their defaults, and
// its formula. moe.activate, the interpreter and every code generator read this
// table; adding a row adds the activation everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_DIALECT_SEMANTICS_ACTIVATION_H
#define MOE_DIALECT_SEMANTICS_ACTIVATION_H

#include "moe/dialect/semantics/Expr.h"

#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace moe::semantics {

enum class Activation : uint32_t {
  Identity = 0,
  Silu = 1,
  Gelu = 2,
  GeluTanh = 3,
  Relu = 4,
  Relu2 = 5,
  SwiGLU = 6,
  GeGLU = 7,
  GeGLUTanh = 8,
  ReGLU = 9,
  ClampGLU = 10,
  QuickGelu = 11,
  SwiGLUClamp = 12,
  SiTU = 13,
};

/// A parameter of an activation and the value it has when left out.
/// `required` ones have no default: implementations differ in them.
struct ActivationParam {
  std::string_view name;
  double defaultValue = std::numeric_limits<double>::quiet_NaN();
  bool required = false;
};

struct ActivationRow {
  Activation id;
  std::string_view name; ///< as in the IR: "swiglu"
  unsigned arity;        ///< 1, or 2 for (gate, up)
  std::span<const ActivationParam> params;
  /// Over x0 = gate (or the operand) and x1 = up; p<i> is parameter i.
  Expr formula;
  std::string_view source; ///< paper or implementation
};

/// Every activation, in the order of the enum.
std::span<const ActivationRow> activations();
const ActivationRow &lookup(Activation id);
std::optional<Activation> activationFromName(std::string_view name);

} // namespace moe::semantics

#endif // MOE_DIALECT_SEMANTICS_ACTIVATION_H
