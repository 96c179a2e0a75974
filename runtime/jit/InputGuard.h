//===- InputGuard.h - What may reach MLIR's parser --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR's text parser recurses with the input's nesting and its bytecode reader
// trusts its input: both can be crashed by a file. Text is bounded before it is
// parsed; bytecode is read only where the user vouches for it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_JIT_INPUTGUARD_H
#define MOE_RUNTIME_JIT_INPUTGUARD_H

#include "moe/runtime/core/Error.h"

#include <string_view>

namespace moe::jit {

/// 256 MiB of text, 256 open brackets, parentheses, braces and angle brackets
/// at a time. Real layers nest less than 20 deep.
constexpr size_t kMaxTextBytes = size_t(256) << 20;
constexpr unsigned kMaxNesting = 256;

/// Refuses text that the parser could not take; `name` is what the diagnostic
/// calls it. Bytecode (its magic number) is refused unless allowed.
core::Status checkInput(std::string_view text, std::string_view name,
                        bool allowBytecode = false);

} // namespace moe::jit

#endif // MOE_RUNTIME_JIT_INPUTGUARD_H
