//===- CommandLine.cpp - Flags of the tools -------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CommandLine.h"

#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Spelling.h"

#include <algorithm>
#include <charconv>
#include <cmath>

using namespace moe;
using namespace moe::core;

static constexpr Flag kCommon[] = {
    {"help", "", "print this and exit"},
    {"version", "", "print version, build and host features and exit"},
};

static Error usage(std::string message) {
  return Error(ErrorId::UsageInvalid, std::move(message));
}

static const Flag *findFlag(const Tool &tool, std::string_view name) {
  for (std::span<const Flag> list :
       {tool.flags, std::span<const Flag>(kCommon)})
    for (const Flag &flag : list)
      if (flag.name == name)
        return &flag;
  return nullptr;
}

static Error unknownFlag(const Tool &tool, const std::string &argument,
                         std::string_view name) {
  std::vector<std::string> known;
  for (const Flag &flag : tool.flags)
    known.emplace_back(flag.name);
  return usage(std::string(tool.name) + ": unknown flag " + quote(argument) +
               didYouMean(name, known) + "; see " + std::string(tool.name) +
               " --help");
}

Result<CommandLine> CommandLine::parse(const Tool &tool, int argc,
                                       const char *const *argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "-" || argument.empty() || argument[0] != '-') {
      line.arguments.push_back(argument);
      continue;
    }
    size_t dashes = argument.starts_with("--") ? 2 : 1;
    size_t equals = argument.find('=');
    std::string name = argument.substr(
        dashes, equals == std::string::npos ? equals : equals - dashes);
    if (name == "h")
      name = "help";
    const Flag *flag = findFlag(tool, name);
    bool isShort = name.size() == 1;
    if (!flag || (dashes == 1 && !isShort && name != "help"))
      return unknownFlag(tool, argument, name);
    bool optional = flag->value.starts_with("[");
    bool given = equals != std::string::npos;
    std::string value = given ? argument.substr(equals + 1) : "";
    if (!given && isShort && !flag->value.empty()) {
      if (i + 1 == argc)
        return usage(std::string(tool.name) + ": expected a value after -" +
                     name);
      value = argv[++i];
      given = true;
    }
    if (given && flag->value.empty())
      return usage(std::string(tool.name) + ": --" + name +
                   " takes no value, got " + quote(value));
    if (!given && !flag->value.empty() && !optional)
      return usage(std::string(tool.name) + ": expected --" + name + "=" +
                   std::string(flag->value));
    line.values[name] = value;
  }
  return line;
}

std::optional<std::string> CommandLine::get(std::string_view flag) const {
  auto it = values.find(flag);
  if (it == values.end())
    return std::nullopt;
  return it->second;
}

std::string CommandLine::get(std::string_view flag,
                             std::string_view otherwise) const {
  return get(flag).value_or(std::string(otherwise));
}

Result<int64_t> CommandLine::getInt(std::string_view flag, int64_t otherwise,
                                    int64_t least, int64_t most) const {
  std::optional<std::string> text = get(flag);
  if (!text)
    return otherwise;
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() ||
      value < least || value > most)
    return usage("--" + std::string(flag) + " expects a whole number from " +
                 std::to_string(least) + " to " + std::to_string(most) +
                 ", got " + quote(*text));
  return value;
}

Result<double> CommandLine::getDouble(std::string_view flag,
                                      double otherwise) const {
  std::optional<std::string> text = get(flag);
  if (!text)
    return otherwise;
  double value = 0;
  auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() ||
      !std::isfinite(value) || value < 0)
    return usage("--" + std::string(flag) +
                 " expects a number that is not negative, got " + quote(*text));
  return value;
}

std::string core::helpText(const Tool &tool) {
  std::string text = "usage: " + std::string(tool.name) + " " +
                     std::string(tool.synopsis) + "\n\n" +
                     std::string(tool.about) + "\n\n";
  for (std::span<const Flag> list :
       {tool.flags, std::span<const Flag>(kCommon)})
    for (const Flag &flag : list) {
      std::string head = flag.name.size() == 1 ? "  -" : "  --";
      head += flag.name;
      bool optional = flag.value.starts_with("[");
      if (optional)
        head += "[=" + std::string(flag.value.substr(1));
      else if (!flag.value.empty())
        head += (flag.name.size() == 1 ? " " : "=") + std::string(flag.value);
      text += head;
      text += head.size() < 30 ? std::string(30 - head.size(), ' ')
                               : "\n" + std::string(30, ' ');
      text += std::string(flag.help) + "\n";
    }
  return text;
}

int core::reportError(const Error &error) {
  os::writeToStderr("error: " + error.str() + "\n");
  return error.id == ErrorId::UsageInvalid ? 2 : 1;
}
