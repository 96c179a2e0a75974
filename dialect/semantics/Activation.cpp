//===- Activation.cpp - The table of expert activations ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas as their sources write them, NaN in, NaN out: which of several
// equal forms a row has decides the last bits of every executor.
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/semantics/Activation.h"
#include "moe/dialect/semantics/Table.h"

#include <vector>

using namespace moe::semantics;

static Expr silu(const Expr &x) { return timesSigmoid(x, x); }

static Expr gelu(const Expr &x) {
  // 1 / sqrt(2)
  return 0.5 * x * (1.0 + erf(x * 0.70710678118654752));
}

static Expr geluTanh(const Expr &x) {
  // sqrt(2 / pi)
  Expr inner = 0.79788456080286536 * (x + 0.044715 * (x * x * x));
  return 0.5 * x * (1.0 + tanh(inner));
}

static Expr relu(const Expr &x) { return max(x, Expr::constant(0.0)); }

static Expr relu2(const Expr &x) {
  Expr positive = relu(x);
  return positive * positive;
}

/// The parametric gated form: gate * sigmoid(alpha * gate) * (up + beta).
static Expr glu(const Expr &gate, const Expr &up, const Expr &alpha,
                const Expr &beta) {
  return timesSigmoid(gate, alpha * gate) * (up + beta);
}

/// The same after both sides are clamped; the gate only from above.
static Expr clampedGlu(const Expr &gate, const Expr &up, const Expr &alpha,
                       const Expr &beta, const Expr &limit) {
  return glu(min(gate, limit), min(max(up, -limit), limit), alpha, beta);
}

/// SwiGLU whose factors are clamped after the gate's nonlinearity, which ends
/// at -0.28 below.
static Expr swigluClamp(const Expr &gate, const Expr &up, const Expr &limit) {
  return min(silu(gate), limit) * min(max(up, -limit), limit);
}

/// alpha * tanh(gate / alpha) * sigmoid(gate) * (beta * tanh(up / beta)): both
/// factors of SwiGLU bent to stay within +-alpha and +-beta.
static Expr situ(const Expr &gate, const Expr &up, const Expr &alpha,
                 const Expr &beta) {
  return timesSigmoid(alpha * tanh(gate / alpha), gate) *
         (beta * tanh(up / beta));
}

std::span<const ActivationRow> moe::semantics::activations() {
  static constexpr ActivationParam gluParams[] = {
      {.name = "alpha", .defaultValue = 1.0},
      {.name = "beta", .defaultValue = 0.0}};
  static constexpr ActivationParam clampParams[] = {
      {.name = "alpha", .required = true},
      {.name = "beta", .required = true},
      {.name = "limit", .required = true}};
  static constexpr ActivationParam limitParams[] = {
      {.name = "limit", .required = true}};
  static const std::vector<ActivationRow> rows = [] {
    Expr x = Expr::input(0), up = Expr::input(1);
    Expr alpha = Expr::param(0), beta = Expr::param(1), limit = Expr::param(2);
    return std::vector<ActivationRow>{
        {Activation::Identity, "identity", 1, {}, x, "linear experts, LoRA"},
        {Activation::Silu, "silu", 1, {}, silu(x), "Elfwing et al. 2017"},
        {Activation::Gelu, "gelu", 1, {}, gelu(x), "Hendrycks and Gimpel 2016"},
        {Activation::GeluTanh,
         "gelu_tanh",
         1,
         {},
         geluTanh(x),
         "Hendrycks and Gimpel 2016, the tanh approximation"},
        {Activation::Relu, "relu", 1, {}, relu(x), "Switch Transformers"},
        {Activation::Relu2,
         "relu2",
         1,
         {},
         relu2(x),
         "So et al. 2021; Nemotron-H"},
        {Activation::SwiGLU, "swiglu", 2, gluParams, glu(x, up, alpha, beta),
         "Shazeer 2020; Mixtral, Qwen, DeepSeek"},
        {Activation::GeGLU, "geglu", 2, {}, gelu(x) * up, "Shazeer 2020"},
        {Activation::GeGLUTanh, "geglu_tanh", 2, {}, geluTanh(x) * up, "Gemma"},
        {Activation::ReGLU, "reglu", 2, {}, relu(x) * up, "Shazeer 2020"},
        {Activation::ClampGLU, "clamp_glu", 2, clampParams,
         clampedGlu(x, up, alpha, beta, limit),
         "gpt-oss (1.702, 1, 7); DeepSeek-V4 (1, 0, limit)"},
        {Activation::QuickGelu,
         "quick_gelu",
         1,
         {},
         timesSigmoid(x, 1.702 * x),
         "Hendrycks and Gimpel 2016, the sigmoid approximation; CLIP"},
        {Activation::SwiGLUClamp, "swiglu_clamp", 2, limitParams,
         swigluClamp(x, up, Expr::param(0)), "Step-3.5"},
        {Activation::SiTU, "situ", 2,
         std::span<const ActivationParam>(clampParams).first(2),
         situ(x, up, alpha, beta), "vLLM layers/activation.py"},
    };
  }();
  return rows;
}

const ActivationRow &moe::semantics::lookup(Activation id) {
  return rowOf(activations(), id);
}

std::optional<Activation>
moe::semantics::activationFromName(std::string_view name) {
  return idOfName(activations(), name);
}
