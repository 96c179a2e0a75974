//===- FrontEnds.cpp - Dialects that front ends bring ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/FrontEnds.h"

using namespace mlir;
using namespace moe;

namespace {

struct TmTensorDialect : Dialect {
  explicit TmTensorDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context,
                TypeID::get<TmTensorDialect>()) {
    allowUnknownOperations();
  }
  static constexpr StringLiteral getDialectNamespace() { return "tm_tensor"; }
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TmTensorDialect)
};

struct IreeLinalgExtDialect : Dialect {
  explicit IreeLinalgExtDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context,
                TypeID::get<IreeLinalgExtDialect>()) {
    allowUnknownOperations();
  }
  static constexpr StringLiteral getDialectNamespace() {
    return "iree_linalg_ext";
  }
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(IreeLinalgExtDialect)
};

struct Legalizer {
  StringLiteral dialect, who;
};

} // namespace

static constexpr StringLiteral stablehloLegalizer =
    "IREE's iree-opt --iree-stablehlo-input-transformation-pipeline";
static constexpr StringLiteral torchLegalizer =
    "torch-mlir's torch-mlir-opt "
    "--torch-backend-to-linalg-on-tensors-backend-pipeline";

static constexpr Legalizer legalizers[] = {
    {"torch", torchLegalizer},
    {"torch_c", torchLegalizer},
    {"tm_tensor",
     "none, but torch-mlir's sort, topk, scan and scatter are read "
     "as they are; export the model without the op"},
    {"stablehlo", stablehloLegalizer},
    {"chlo", stablehloLegalizer},
    {"mhlo", stablehloLegalizer},
    {"iree_linalg_ext", "IREE's iree-opt --iree-linalg-ext-decompose-* passes; "
                        "sort, topk, scan and scatter are read as they are"},
};

void moe::registerFrontEndDialects(DialectRegistry &registry) {
  registry.insert<TmTensorDialect, IreeLinalgExtDialect>();
}

StringRef moe::legalizerOf(StringRef dialect) {
  for (const Legalizer &row : legalizers)
    if (row.dialect == dialect)
      return row.who;
  return {};
}

StringRef moe::legalizerInText(StringRef text) {
  size_t first = StringRef::npos;
  StringRef who;
  for (const Legalizer &row : legalizers)
    for (size_t at = text.find((row.dialect + ".").str());
         at != StringRef::npos;
         at = text.find((row.dialect + ".").str(), at + 1))
      if ((at == 0 || !(llvm::isAlnum(text[at - 1]) || text[at - 1] == '_' ||
                        text[at - 1] == '/' || text[at - 1] == '-')) &&
          at < first) {
        first = at;
        who = row.who;
      }
  return who;
}
