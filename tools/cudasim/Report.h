//===- Report.h - What a launch did wrong -----------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mistake is reported once a line of the text, with that line: the first
// thread that makes it stands for the others.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_REPORT_H
#define MOE_TOOLS_CUDASIM_REPORT_H

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace moe::cudasim {

class Report {
public:
  /// Begins a launch of a kernel of this text.
  void begin(std::string_view kernel, std::string_view text);
  /// `where` names a block and thread, `what` the mistake; `kind` is the part
  /// of it that is the same for all threads.
  void add(int line, std::string_view kind, const std::string &where,
           const std::string &what);
  bool empty() const { return seen.empty(); }
  const std::string &str() const { return lines; }

private:
  std::string kernel, lines;
  std::string_view text;
  std::set<std::string> seen;
};

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_REPORT_H
