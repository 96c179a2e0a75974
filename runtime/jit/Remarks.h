//===- Remarks.h - What passes did and did not do, for readers --*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes say by optimization remarks what they did, and what they left alone
// and why. Whoever explains a compilation keeps them; nothing of them is in the
// IR.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_REMARKS_H
#define MOE_RUNTIME_JIT_REMARKS_H

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>
#include <vector>

namespace moe::jit {

struct PassRemark {
  /// What a pass did, what it left alone, or figures of a function.
  enum class Kind { Done, Left, Figures };
  Kind kind = Kind::Done;
  std::string pass, name, text;
  std::string place;    ///< "graph.mlir:114", empty where it is not known
  std::string function; ///< of figures
  std::vector<std::pair<std::string, double>> figures;
};
using PassRemarks = std::vector<PassRemark>;

/// Adds remarks of whatever runs in the context from now on, each once. Those
/// whose pass leaves decisions in the IR (moe-simplify-layers) are not among
/// them.
void collectRemarks(mlir::MLIRContext &context,
                    std::shared_ptr<PassRemarks> remarks);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_REMARKS_H
