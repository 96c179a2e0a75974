//===- CompileLog.cpp - What ptxas says about kernels -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lines that ptxas -v writes, and the warnings that it writes unasked:
//
//   ptxas info    : Compiling entry function 'k' for 'sm_90a'
//   ptxas info    : Function properties for k
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 168 registers, used 1 barriers
//   ptxas info    : (C7508) Potential Performance Loss: ...
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Nvrtc.h"

#include <charconv>

using namespace moe::cuda;

/// The number right before `words`; 0 if they are not in the line.
static int numberBefore(std::string_view line, std::string_view words) {
  const size_t end = line.find(words);
  if (end == std::string_view::npos)
    return 0;
  size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9')
    --begin;
  int number = 0;
  std::from_chars(line.data() + begin, line.data() + end, number);
  return number;
}

CompileReport moe::cuda::readCompileLog(std::string_view log) {
  CompileReport report;
  constexpr std::string_view entry = "Compiling entry function '";
  for (size_t begin = 0; begin < log.size();) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    const std::string_view line = log.substr(begin, end - begin);
    begin = end + 1;
    if (const size_t at = line.find(entry); at != std::string_view::npos) {
      const std::string_view rest = line.substr(at + entry.size());
      report.kernels.emplace_back().name = rest.substr(0, rest.find('\''));
      continue;
    }
    if (line.find("(C75") != std::string_view::npos) {
      report.defects.emplace_back(line);
      continue;
    }
    if (report.kernels.empty())
      continue;
    KernelReport &kernel = report.kernels.back();
    if (line.find(" bytes stack frame") != std::string_view::npos) {
      kernel.stackBytes = numberBefore(line, " bytes stack frame");
      kernel.spillStores = numberBefore(line, " bytes spill stores");
      kernel.spillLoads = numberBefore(line, " bytes spill loads");
      if (kernel.stackBytes || kernel.spillStores || kernel.spillLoads)
        report.defects.push_back(kernel.name + ":" + std::string(line));
    } else if (line.find(" registers") != std::string_view::npos) {
      kernel.registers = numberBefore(line, " registers");
      kernel.barriers = numberBefore(line, " barriers");
    }
  }
  return report;
}
