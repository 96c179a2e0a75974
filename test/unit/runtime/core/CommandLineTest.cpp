//===- CommandLineTest.cpp - Flags, values and usage errors
//-----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CommandLine.h"

#include <gtest/gtest.h>

using namespace moe::core;

namespace {

constexpr Flag kFlags[] = {
    {"tokens", "T", "how many tokens"},
    {"check", "", "compare with the reference"},
    {"explain", "[json]", "what was decided"},
    {"rtol", "R", "tolerance"},
    {"o", "FILE", "output"},
};
constexpr Tool kTool{"moe-run", "FILE [flags]", "Runs a layer.", kFlags};

Result<CommandLine> parse(std::vector<const char *> arguments) {
  arguments.insert(arguments.begin(), "moe-run");
  return CommandLine::parse(kTool, arguments.size(), arguments.data());
}

std::string errorOf(std::vector<const char *> arguments) {
  Result<CommandLine> line = parse(std::move(arguments));
  return line ? "parsed" : line.error().str();
}

TEST(CommandLine, ReadsFlagsAndArguments) {
  Result<CommandLine> line = parse({"a.moe", "--tokens=4", "--check", "-o",
                                    "y.safetensors", "--explain", "-"});
  ASSERT_TRUE(line) << line.error().str();
  EXPECT_EQ(line->positional(), (std::vector<std::string>{"a.moe", "-"}));
  EXPECT_EQ(line->get("tokens"), "4");
  EXPECT_TRUE(line->has("check"));
  EXPECT_FALSE(line->has("rtol"));
  EXPECT_EQ(line->get("explain"), "");
  EXPECT_EQ(line->get("o"), "y.safetensors");
  EXPECT_EQ(line->get("rtol", "1e-5"), "1e-5");
  EXPECT_EQ(*line->getInt("tokens", 1, 0, 8), 4);
}

TEST(CommandLine, ExplainsWrongUsage) {
  EXPECT_EQ(errorOf({"--tokns=4"}),
            "E0901: moe-run: unknown flag '--tokns=4' (did you mean "
            "'tokens'?); see moe-run --help");
  EXPECT_EQ(errorOf({"--tokens"}), "E0901: moe-run: expected --tokens=T");
  EXPECT_EQ(errorOf({"--check=1"}),
            "E0901: moe-run: --check takes no value, got '1'");
  EXPECT_EQ(errorOf({"-o"}), "E0901: moe-run: expected a value after -o");
  EXPECT_EQ(errorOf({"-tokens=4"}),
            "E0901: moe-run: unknown flag '-tokens=4' (did you mean "
            "'tokens'?); see moe-run --help");
}

TEST(CommandLine, ChecksNumbers) {
  Result<CommandLine> line = parse({"--tokens=9x", "--rtol=-1"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->getInt("tokens", 1, 0, 8).error().str(),
            "E0901: --tokens expects a whole number from 0 to 8, got '9x'");
  EXPECT_EQ(line->getDouble("rtol", 0).error().str(),
            "E0901: --rtol expects a number that is not negative, got '-1'");
}

TEST(CommandLine, HelpListsEveryFlag) {
  std::string help = helpText(kTool);
  for (const char *text :
       {"usage: moe-run FILE [flags]", "--tokens=T", "--check",
        "--explain[=json]", "-o FILE", "--help", "--version"})
    EXPECT_NE(help.find(text), std::string::npos) << text;
}

} // namespace
