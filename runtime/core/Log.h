//===- Log.h - Messages on stderr -------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a library has to say that is no result: MOE_LOG chooses how much. Errors
// that a caller gets as a value are not logged as well.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_LOG_H
#define MOE_RUNTIME_CORE_LOG_H

#include <string_view>

namespace moe::core {

/// In the order of MOE_LOG's values.
enum class LogLevel { Off, Error, Warning, Info, Debug };

/// Whether messages of `level` are printed: to save the work of making one.
bool logs(LogLevel level);

/// "moec: warning: message" as one line on stderr.
void log(LogLevel level, std::string_view message);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_LOG_H
