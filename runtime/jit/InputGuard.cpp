//===- InputGuard.cpp - What may reach MLIR's parser ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/InputGuard.h"

using namespace moe;
using namespace moe::core;

/// The deepest nesting outside strings and comments. Angle brackets count only
/// where they open a type or attribute, not in "->" or comparisons.
static unsigned deepestNesting(std::string_view text) {
  unsigned depth = 0, deepest = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        if (text[i] == '\\')
          ++i;
    } else if (c == '/' && i + 1 < text.size() && text[i + 1] == '/') {
      while (i < text.size() && text[i] != '\n')
        ++i;
    } else if (c == '(' || c == '[' || c == '{' || c == '<') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ')' || c == ']' || c == '}' ||
               (c == '>' && (i == 0 || text[i - 1] != '-'))) {
      depth -= depth > 0;
    }
  }
  return deepest;
}

Status jit::checkInput(std::string_view text, std::string_view name,
                       bool allowBytecode) {
  std::string file(name);
  if (text.substr(0, 4) == "ML\xefR") {
    if (allowBytecode)
      return Status::ok();
    return Error(ErrorId::IrInvalid,
                 file + ": MLIR bytecode is read only with --allow-bytecode, "
                        "since its reader trusts its input: give textual IR");
  }
  if (text.size() > kMaxTextBytes)
    return Error(ErrorId::IrTooLarge,
                 file + ": " + std::to_string(text.size()) +
                     " bytes of IR, at most " + std::to_string(kMaxTextBytes) +
                     " are read: weights do not belong in the IR, name them "
                     "with moe.param");
  if (unsigned depth = deepestNesting(text); depth > kMaxNesting)
    return Error(ErrorId::IrTooDeep,
                 file + ": brackets nest " + std::to_string(depth) +
                     " deep, at most " + std::to_string(kMaxNesting) +
                     " are read");
  return Status::ok();
}
