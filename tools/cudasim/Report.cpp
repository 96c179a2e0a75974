//===- Report.cpp - What a launch did wrong -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text is searched for a line only when there is something to report.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Report.h"

using namespace moe::cudasim;

/// Enough to see what goes on; the first mistake is often the cause.
static constexpr size_t mostReports = 12;

static std::string_view lineOf(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    size_t end = text.find('\n');
    if (end == text.npos)
      return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  size_t first = text.find_first_not_of(' ');
  return first == text.npos ? std::string_view() : text.substr(first);
}

void Report::begin(std::string_view kernelName, std::string_view ofText) {
  kernel = kernelName;
  text = ofText;
  lines.clear();
  seen.clear();
}

void Report::add(int line, std::string_view kind, const std::string &where,
                 const std::string &what) {
  if (!seen.insert(std::string(kind) + '@' + std::to_string(line)).second ||
      seen.size() > mostReports)
    return;
  lines += kernel + ", line " + std::to_string(line) + ": " + what + " (" +
           where + ")\n";
  if (std::string_view source = lineOf(text, line); !source.empty())
    lines.append("    ").append(source).append("\n");
}
