//===- CommandLine.h - Flags of the tools -----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tools' command lines are a promise (docs/getting-started.md): one table
// of flags a tool gives its parser and its --help, so the two cannot differ.
// moe-run links no LLVM, hence not LLVM's.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_COMMANDLINE_H
#define MOE_RUNTIME_CORE_COMMANDLINE_H

#include "moe/runtime/core/Error.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core {

/// "--name" (value empty) or "--name=VALUE". "o" is written "-o VALUE".
/// A value in brackets is optional: "[json]" takes "--name" and "--name=json".
struct Flag {
  std::string_view name;
  std::string_view value;
  std::string_view help;
};

struct Tool {
  std::string_view name;     ///< "moe-run"
  std::string_view synopsis; ///< "FILE.mlir|FILE.moe|DIR [flags]"
  std::string_view about;    ///< one paragraph
  std::span<const Flag> flags;
};

class CommandLine {
public:
  /// Errors are UsageInvalid and name the nearest flag there is. --help and
  /// --version are always known; who calls looks at has("help") first.
  static Result<CommandLine> parse(const Tool &tool, int argc,
                                   const char *const *argv);

  bool has(std::string_view flag) const { return values.contains(flag); }
  /// The flag's value; nothing if it was not given.
  std::optional<std::string> get(std::string_view flag) const;
  std::string get(std::string_view flag, std::string_view otherwise) const;
  /// UsageInvalid unless it is a whole number in [least, most].
  Result<int64_t> getInt(std::string_view flag, int64_t otherwise,
                         int64_t least, int64_t most) const;
  Result<double> getDouble(std::string_view flag, double otherwise) const;
  const std::vector<std::string> &positional() const { return arguments; }

private:
  std::map<std::string, std::string, std::less<>> values;
  std::vector<std::string> arguments;
};

/// What --help prints.
std::string helpText(const Tool &tool);

/// "error: E0101: ..." to stderr; the exit code: 2 for UsageInvalid, else 1.
int reportError(const Error &error);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_COMMANDLINE_H
