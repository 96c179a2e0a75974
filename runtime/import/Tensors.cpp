//===- Tensors.cpp - Stored tensors as weights of a layer -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/Tensors.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace moe;
using namespace moe::import;
using core::DType;
using core::Error;
using core::ErrorId;
using core::Result;
using semantics::nameOfExpert;
using semantics::QuantFormat;

const Size &Sizes::of(char letter) const {
  switch (letter) {
  case 'E':
    return experts;
  case 'H':
    return hidden;
  case 'C':
    return columns;
  case 'B':
    return choices;
  case 'A':
    return always;
  case 'V':
    return vocabulary;
  case 'K':
    return topK;
  case 'Q':
  case 'Z':
    return routerWidth;
  case 'X':
    return latent;
  case 'I':
    return width;
  case 'P':
    return two;
  case '1':
    return one;
  default:
    return shared;
  }
}

//===----------------------------------------------------------------------===//
// How a tensor lies
//===----------------------------------------------------------------------===//

static std::string letters(std::string_view dims) {
  std::string result;
  for (char c : dims)
    if ((c >= 'A' && c <= 'Z') || c == '1')
      result += c;
  return result;
}

TensorResolver::Lie TensorResolver::lieOf(const TensorRow &row) const {
  Lie lie;
  lie.part = row.part;
  lie.perExpert = semantics::isPerExpert(fullName(row.name));
  std::string canonical = letters(lookup(row.role).dims);
  // Tensors may call a size by its usual name.
  std::string dims(row.dims);
  for (auto [letter, usual] : {std::pair('X', 'H'), std::pair('Q', 'H'),
                               std::pair('C', 'E'), std::pair('B', 'E')})
    if (canonical.find(letter) != std::string::npos &&
        dims.find(letter) == std::string::npos &&
        canonical.find(usual) == std::string::npos)
      std::ranges::replace(dims, usual, letter);
  std::string stored = letters(dims);
  if (canonical.find('1') == std::string::npos)
    std::erase(stored, '1');

  // The stored dimensions, letter by letter and joined as they are.
  int64_t factor = 1;
  bool inside = false, first = true, apart = false;
  char doubled = 0;
  std::string named;
  for (size_t at = 0; at < dims.size(); ++at) {
    const char c = dims[at];
    if (c == '2') {
      factor = 2;
      // A dimension of its own, whose two halves are joined as any others.
      apart = dims.substr(at + 1).starts_with(" ");
      if (apart)
        lie.flat.push_back(factor);
    } else if (c == '(') {
      inside = first = true;
    } else if (c == ')') {
      inside = false;
    } else if (c != ' ') {
      const Size &size = sizes.of(c);
      doubled = factor == 2 ? c : doubled;
      if (c == '1' && canonical.find(c) == std::string::npos) {
        lie.flat.push_back(1);
        continue;
      }
      lie.shape.push_back(factor * size.value);
      if (inside && !first)
        lie.flat.back() *= lie.shape.back();
      else
        lie.flat.push_back(apart ? size.value : lie.shape.back());
      first = apart = false;
      factor = 1;
      if (!size.key.empty() && named.find(c) == std::string::npos) {
        named += c;
        lie.reason += (lie.reason.empty() ? "" : " and ") + size.key + " = " +
                      std::to_string(size.value);
      }
    }
  }
  for (char c : canonical) {
    lie.canonical.push_back(sizes.of(c).value);
    if (c == 'E' && lie.perExpert)
      continue;
    if (c == doubled)
      lie.joined = static_cast<int64_t>(lie.permutation.size());
    lie.permutation.push_back(static_cast<int64_t>(stored.find(c)));
  }
  return lie;
}

std::string TensorResolver::fullName(std::string_view name) const {
  std::string_view above = block;
  while (name.starts_with("../")) {
    name.remove_prefix(3);
    above = above.substr(0, above.rfind('.'));
  }
  std::string full = std::string(above) + "." + std::string(name);
  // Experts that are numbered behind as many others.
  constexpr std::string_view behind = "{e+E}";
  if (size_t at = full.find(behind); at != std::string::npos)
    full.replace(at, behind.size(),
                 "{e+" + std::to_string(sizes.experts.value) + "}");
  return full;
}

bool TensorResolver::isStored(const TensorRow &row) const {
  return checkpoint.empty() ||
         checkpoint.contains(nameOfExpert(fullName(row.name), 0));
}

//===----------------------------------------------------------------------===//
// Held against the checkpoint
//===----------------------------------------------------------------------===//

/// Every tensor of the pattern is there, in this shape and one element type,
/// which is returned.
Result<DType> TensorResolver::checkStored(const std::string &pattern,
                                          const std::vector<int64_t> &shape,
                                          const std::string &reason) const {
  const bool perExpert = semantics::isPerExpert(pattern);
  std::optional<DType> dtype;
  for (int64_t e = 0; e < (perExpert ? sizes.experts.value : 1); ++e) {
    std::string name = nameOfExpert(pattern, e);
    Result<core::TensorView> view = checkpoint.tensor(name);
    if (!view)
      return view.takeError();
    if (view->shape != shape)
      return Error(ErrorId::TensorShape,
                   "'" + folder + "': tensor '" + name + "' has shape " +
                       core::shapeStr(view->shape) + ", but " + reason +
                       " make it " + core::shapeStr(shape));
    if (!dtype)
      dtype = view->dtype;
    if (view->dtype != *dtype)
      return Error(ErrorId::TensorDType,
                   "'" + folder + "': tensor '" + name + "' is " +
                       std::string(core::name(view->dtype)) +
                       ", that of expert 0 is " +
                       std::string(core::name(*dtype)) +
                       "; experts must be of one type");
  }
  return *dtype;
}

/// Whether what is stored under the layout's names has its shapes.
bool TensorResolver::fits(const Layout &layout) const {
  return llvm::all_of(layout.tensors, [&](const TensorRow &row) {
    Result<core::TensorView> view =
        checkpoint.tensor(nameOfExpert(fullName(row.name), 0));
    return !view || view->shape == lieOf(row).flat;
  });
}

Result<const Layout *>
TensorResolver::chooseLayout(std::span<const Layout> layouts) const {
  if (checkpoint.empty()) {
    bool blocks = quantization.format == QuantFormat::Mxfp4;
    for (const Layout &layout : layouts)
      if (layout.format.has_value() == blocks)
        return &layout;
    return Error(ErrorId::QuantizationUnsupported,
                 "'" + folder +
                     "': mxfp4 is not supported for this model_type");
  }
  std::string looked;
  const Layout *found = nullptr;
  for (const Layout &layout : layouts) {
    std::string name = nameOfExpert(fullName(layout.tensors.front().name), 0) +
                       (layout.format ? "_blocks" : "");
    if (checkpoint.contains(name) || (!layout.format && isQuantized(name))) {
      // Layouts of one name are told apart by their shapes.
      if (layout.format || fits(layout))
        return &layout;
      found = found ? found : &layout;
    }
    looked += (looked.empty() ? "'" : ", '") + name + "'";
  }
  if (found)
    return found;
  return Error(ErrorId::TensorNotFound, "'" + folder +
                                            "' has no experts under '" + block +
                                            "'; looked for " + looked);
}

Param TensorResolver::paramOf(const std::string &pattern, mlir::Type element,
                              const Lie &lie) const {
  mlir::MLIRContext *context = element.getContext();
  llvm::SmallVector<mlir::Attribute> steps;
  if (lie.flat != lie.shape)
    steps.push_back(ReshapeStepAttr::get(context, lie.shape));
  if (!llvm::is_sorted(lie.permutation))
    steps.push_back(TransposeStepAttr::get(context, lie.permutation));
  if (lie.part != Part::Whole) {
    int64_t size = lie.canonical[lie.joined + (lie.perExpert ? 1 : 0)];
    bool second = lie.part == Part::Second || lie.part == Part::Odd;
    bool halves = lie.part == Part::First || lie.part == Part::Second;
    steps.push_back(SliceStepAttr::get(context, lie.joined,
                                       second ? (halves ? size : 1) : 0,
                                       halves ? 1 : 2, size));
  }
  return {mlir::RankedTensorType::get(lie.canonical, element),
          SourceAttr::get(context, mlir::StringAttr::get(context, pattern),
                          mlir::RankedTensorType::get(lie.flat, element),
                          steps)};
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Result<Weight>
TensorResolver::resolve(const TensorRow &row,
                        std::optional<QuantFormat> format) const {
  if (!row.alternative.empty() && !isStored(row)) {
    TensorRow other = row;
    std::swap(other.name, other.alternative);
    if (isStored(other)) {
      other.alternative = {};
      return resolve(other, format);
    }
  }
  Lie lie = lieOf(row);
  std::string name = fullName(row.name);
  const bool quantizable = lookup(row.role).quantizable;
  const bool integer = lookup(row.role).integer;
  if (format && quantizable)
    return resolveBlocks(lie, name);
  if (quantizable && isQuantized(name))
    return resolveProjection(lie, name);

  mlir::Builder builder(activations.getContext());
  mlir::Type element = activations;
  auto wrongType = [&](DType dtype, const std::string &expected) {
    return Error(ErrorId::TensorDType, "'" + folder + "': tensor '" +
                                           nameOfExpert(name, 0) + "' is " +
                                           std::string(core::name(dtype)) +
                                           "; expected " + expected);
  };
  if (checkpoint.empty()) {
    if (row.role == Role::SelectionBias)
      element = builder.getF32Type();
    if (integer)
      return Weight{paramOf(name, builder.getI64Type(), lie), std::nullopt};
    return Weight{paramOf(name, element, lie), std::nullopt};
  }
  Result<DType> dtype = checkStored(name, lie.flat, lie.reason);
  if (!dtype)
    return dtype.takeError();
  if (integer) {
    if (*dtype != DType::I32 && *dtype != DType::I64)
      return wrongType(*dtype, "i32 or i64");
    element = builder.getIntegerType(*dtype == DType::I32 ? 32 : 64);
    return Weight{paramOf(name, element, lie), std::nullopt};
  }
  switch (*dtype) {
  case DType::F32:
    element = builder.getF32Type();
    break;
  case DType::BF16:
    element = builder.getBF16Type();
    break;
  case DType::F16:
    element = builder.getF16Type();
    break;
  default:
    return wrongType(*dtype, std::string("f32, bf16 or f16") +
                                 (*dtype != DType::F8E4M3 || !quantizable ? ""
                                  : quantization.format
                                      ? "; of quantized weights, one tensor a "
                                        "projection is supported"
                                      : ", or a quantization_config of fp8"));
  }
  return Weight{paramOf(name, element, lie), std::nullopt};
}
