//===- Spelling.h - The nearest name that exists ----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An unknown name is most often a misspelt one: errors name the nearest.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_SPELLING_H
#define MOE_RUNTIME_CORE_SPELLING_H

#include <span>
#include <string>
#include <string_view>

namespace moe::core {

/// The candidate with the fewest letters inserted, deleted or replaced, the
/// first of equals; empty where more than a third of the letters would change.
std::string nearestName(std::string_view given,
                        std::span<const std::string> candidates);

/// " (did you mean 'x'?)", or nothing: to end a message with.
std::string didYouMean(std::string_view given,
                       std::span<const std::string> candidates);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_SPELLING_H
