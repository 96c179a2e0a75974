//===- Log.cpp - Messages on stderr -----------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The level is read once: the environment may not change under a running
// program's threads.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Log.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"

#include <string>

using namespace moe::core;

static void print(std::string_view level, std::string_view message) {
  std::string line = "moec: ";
  line.append(level).append(": ").append(message).append("\n");
  os::writeToStderr(line);
}

static LogLevel levelOfEnvironment() {
  Result<std::optional<std::string>> value = environment(Variable::Log);
  if (!value)
    print("warning", value.error().str());
  if (!value || !*value)
    return LogLevel::Warning;
  auto choices = variables()[static_cast<size_t>(Variable::Log)].choices;
  for (size_t i = 0; i < choices.size(); ++i)
    if (choices[i] == **value)
      return static_cast<LogLevel>(i);
  return LogLevel::Warning;
}

bool moe::core::logs(LogLevel level) {
  static const LogLevel most = levelOfEnvironment();
  return level != LogLevel::Off && level <= most;
}

void moe::core::log(LogLevel level, std::string_view message) {
  if (!logs(level))
    return;
  auto choices = variables()[static_cast<size_t>(Variable::Log)].choices;
  print(choices[static_cast<size_t>(level)], message);
}
