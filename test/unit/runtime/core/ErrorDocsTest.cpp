//===- ErrorDocsTest.cpp - ErrorId.h and docs/errors.md ---------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A user searches docs/errors.md for the id that a message begins with: each id
// has one section there, in the header's order, and there is no other section.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Error.h"
#include "moe/runtime/core/Os.h"

#include "gtest/gtest.h"

#include <regex>
#include <sstream>

using namespace moe::core;

namespace {

std::string sourceFile(const std::string &path) {
  Result<std::string> text = os::readFile(MOEC_SOURCE_DIR "/" + path, 1 << 20);
  if (!text)
    ADD_FAILURE() << text.error().str();
  return text ? *text : "";
}

/// "E0101 FileNotFound" for each enumerator.
std::vector<std::string> idsOfHeader() {
  std::string text = sourceFile("runtime/core/ErrorId.h");
  std::vector<std::string> ids;
  std::regex enumerator("\n  (\\w+) = (\\d+),");
  for (std::sregex_iterator match(text.begin(), text.end(), enumerator), end;
       match != end; ++match) {
    auto id = static_cast<ErrorId>(std::stoi((*match)[2]));
    std::string prefix = Error(id, "").str();
    ids.push_back(prefix.substr(0, prefix.find(':')) + " " + (*match)[1].str());
  }
  return ids;
}

struct Section {
  std::string title;
  std::string text;
};

std::vector<Section> sectionsOfPage() {
  std::istringstream page(sourceFile("docs/errors.md"));
  std::vector<Section> sections;
  bool inSection = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("### "))
      sections.push_back({line.substr(4), ""});
    if (line.starts_with("#"))
      inSection = line.starts_with("### ");
    if (inSection)
      sections.back().text += line + "\n";
  }
  return sections;
}

TEST(ErrorDocsTest, EachIdHasItsSection) {
  std::vector<std::string> titles;
  for (const Section &section : sectionsOfPage())
    titles.push_back(section.title);
  std::vector<std::string> ids = idsOfHeader();
  ASSERT_GT(ids.size(), 50u);
  EXPECT_EQ(titles, ids);
}

TEST(ErrorDocsTest, SectionsAreComplete) {
  std::vector<Section> sections = sectionsOfPage();
  ASSERT_GT(sections.size(), 50u);
  for (const Section &section : sections) {
    std::string id = section.title.substr(0, section.title.find(' '));
    EXPECT_NE(section.text.find("\n```\nerror: " + id + ": "),
              std::string::npos)
        << section.title << " has no example";
    EXPECT_NE(section.text.find("\n**What to do.** "), std::string::npos)
        << section.title << " does not say what to do";
    // A sentence on what it means between the title and the example.
    size_t meaning = section.text.find("\n\n") + 2;
    EXPECT_NE(section.text.substr(meaning, 3), "```") << section.title;
  }
}

TEST(ErrorDocsTest, IdsAreUniqueAndAscending) {
  std::vector<std::string> ids = idsOfHeader();
  for (size_t i = 1; i < ids.size(); ++i)
    EXPECT_LT(ids[i - 1].substr(0, 5), ids[i].substr(0, 5));
}

} // namespace
