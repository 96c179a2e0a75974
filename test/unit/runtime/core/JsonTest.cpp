//===- JsonTest.cpp - JSON that nobody vouches for --------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a configuration may hold, and the exact text for what it may not.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Json.h"
#include "moe/runtime/core/Spelling.h"
#include "moe/test/unit/TemporaryFolder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace moe::core;
using testing::ElementsAre;

namespace {

JsonValue parsed(std::string_view text) {
  Result<JsonValue> root = parseJson(text, "config.json");
  if (!root)
    ADD_FAILURE() << root.error().str();
  return root ? *root : *parseJson("null", "config.json");
}

std::string parseError(std::string_view text, const JsonRules &rules = {}) {
  Result<JsonValue> root = parseJson(text, "config.json", rules);
  return root ? "no error" : root.error().str();
}

template <typename T> std::string errorOf(const Result<T> &result) {
  return result ? "no error" : result.error().str();
}

TEST(JsonTest, ReadsAConfiguration) {
  JsonValue config = parsed(R"({
    "model_type": "dbrx", "top_k": 8, "eps": 1e-6, "one": 1, "norm": true,
    "ffn_config": {"experts": 16, "act": {"name": "silu"}},
    "layers": [1, 2, 3], "archs": ["A", "B"], "none": null, "empty": []})");
  EXPECT_EQ(*config.getString("model_type"), "dbrx");
  EXPECT_EQ(*config.getInt("top_k"), 8);
  EXPECT_EQ(*config.getDouble("eps"), 1e-6);
  EXPECT_EQ(*config.getDouble("one"), 1);
  EXPECT_EQ(*config.getBool("norm"), true);
  Result<JsonValue> nested = config.get("ffn_config");
  ASSERT_TRUE(nested);
  EXPECT_EQ(*nested->getInt("experts"), 16);
  EXPECT_EQ(*nested->get("act")->getString("name"), "silu");
  EXPECT_THAT(*config.get("layers")->asIntList(), ElementsAre(1, 2, 3));
  EXPECT_THAT(*config.get("archs")->asStringList(), ElementsAre("A", "B"));
  EXPECT_EQ(config.get("empty")->size(), 0u);
  EXPECT_THAT(nested->keys(), ElementsAre("act", "experts"));
}

TEST(JsonTest, NullCountsAsAbsent) {
  JsonValue config = parsed(R"({"n_group": null, "k": 2})");
  EXPECT_FALSE(config.has("n_group"));
  EXPECT_FALSE(config.has("other"));
  EXPECT_TRUE(config.has("k"));
  EXPECT_EQ(*config.getInt("n_group", 1), 1);
  EXPECT_EQ(*config.getInt("k", 1), 2);
  EXPECT_EQ(*config.getString("act", "silu"), "silu");
  EXPECT_EQ(*config.getDouble("scale", 2.5), 2.5);
  EXPECT_EQ(*config.getBool("norm", false), false);
  EXPECT_FALSE(parsed("[1]").has("k"));
}

TEST(JsonTest, ValuesOutliveTheRoot) {
  std::optional<JsonValue> inner;
  {
    JsonValue root = parsed(R"({"a": {"b": [10, 20]}})");
    inner = root.get("a")->get("b")->at(1);
  }
  EXPECT_EQ(*inner->asInt(), 20);
  EXPECT_EQ(inner->where(), "'config.json': key 'a.b[1]'");
}

TEST(JsonTest, ErrorsOfMembers) {
  JsonValue config = parsed(R"({"num_experts": "8", "ffn": {"top_k": 1.5},
    "n": null, "l": [1, true], "big": 9223372036854775808, "o": {"a": 1}})");
  EXPECT_EQ(errorOf(config.getInt("num_expert")),
            "E0202: 'config.json': key 'num_expert' is missing (did you mean "
            "'num_experts'?)");
  EXPECT_EQ(errorOf(config.getInt("hidden_size")),
            "E0202: 'config.json': key 'hidden_size' is missing");
  EXPECT_EQ(errorOf(config.getInt("n")),
            "E0202: 'config.json': key 'n' is null, a value is needed");
  EXPECT_EQ(errorOf(config.getInt("num_experts")),
            "E0203: 'config.json': key 'num_experts' must be an integer, found "
            "the string '8'");
  EXPECT_EQ(errorOf(config.getInt("num_experts", 4)),
            "E0203: 'config.json': key 'num_experts' must be an integer, found "
            "the string '8'");
  EXPECT_EQ(errorOf(config.get("ffn")->getInt("top_k")),
            "E0203: 'config.json': key 'ffn.top_k' must be an integer, found "
            "the number 1.5");
  EXPECT_EQ(errorOf(config.getInt("big")),
            "E0203: 'config.json': key 'big' must be an integer below 2^63, "
            "found the number 9223372036854775808");
  EXPECT_EQ(errorOf(config.get("l")->asIntList()),
            "E0203: 'config.json': key 'l[1]' must be an integer, found true");
  EXPECT_EQ(errorOf(config.get("o")->asIntList()),
            "E0203: 'config.json': key 'o' must be an array of integers, found "
            "an object");
  EXPECT_EQ(errorOf(config.getBool("ffn")),
            "E0203: 'config.json': key 'ffn' must be true or false, found an "
            "object");
  EXPECT_EQ(errorOf(config.getString("l")),
            "E0203: 'config.json': key 'l' must be a string, found an array of "
            "2");
  EXPECT_EQ(errorOf(config.getDouble("num_experts")),
            "E0203: 'config.json': key 'num_experts' must be a number, found "
            "the string '8'");
  EXPECT_EQ(errorOf(parsed("[]").getInt("k")),
            "E0203: 'config.json': must be an object, found an array of 0");
}

TEST(JsonTest, ErrorsOfText) {
  EXPECT_EQ(parseError(""), "E0110: 'config.json' is not valid JSON at line 1, "
                            "column 1: it ends too early");
  EXPECT_EQ(parseError("{\n  \"a\": 1,\n"),
            "E0110: 'config.json' is not valid JSON at line 3, column 1: it "
            "ends too early");
  EXPECT_EQ(parseError("{\n  \"a\": tru,\n}"),
            "E0110: 'config.json' is not valid JSON at line 2, column 11, at "
            "the end of '  \"a\": tru,'");
  EXPECT_EQ(parseError("{\"a\": 1} x"),
            "E0110: 'config.json' is not valid JSON at line 1, column 10, at "
            "the end of '{\"a\": 1} x'");
  EXPECT_EQ(parseError("{\"a\": 1e999}"),
            "E0110: 'config.json' is not valid JSON at line 1, column 11, at "
            "the end of '{\"a\": 1e999'");
  EXPECT_EQ(parseError(std::string(100, ' ') + "\x01"),
            "E0110: 'config.json' is not valid JSON at line 1, column 101, at "
            "the end of '                    \\x01'");
  EXPECT_EQ(parseError(R"({"a": {"b": 1, "b": 2}})"),
            "E0110: 'config.json' has the key 'b' twice in one object");
  EXPECT_NE(parseError("{\"\xff\": 1}"), "no error");
  EXPECT_NE(parseError(std::string_view("{\0}", 3)), "no error");
}

TEST(JsonTest, IsBounded) {
  JsonRules rules;
  rules.maxDepth = 3;
  EXPECT_EQ(parseError("[[[1]]]", rules), "no error");
  EXPECT_EQ(parseError("[[[[1]]]]", rules),
            "E0110: 'config.json' is nested more than 3 levels deep");
  EXPECT_EQ(parseError(R"({"a":{"a":{"a":{}}}})", rules),
            "E0110: 'config.json' is nested more than 3 levels deep");
  rules.maxBytes = 4;
  EXPECT_EQ(parseError("[1,2]", rules),
            "E0110: 'config.json' has 5 bytes of JSON, more than the 4 that "
            "moec reads");
  // Deeper than any stack.
  EXPECT_EQ(parseError(std::string(10'000'000, '[')),
            "E0110: 'config.json' is nested more than 64 levels deep");
}

TEST(JsonTest, ReadsPythonNumbersAsNull) {
  JsonValue config = parsed(R"({"limit": [0.0, Infinity], "low": -Infinity,
    "nan": NaN, "Infinity": "NaN \" -Infinity"})");
  EXPECT_TRUE(config.get("limit")->at(1).isNull());
  EXPECT_FALSE(config.has("low"));
  EXPECT_FALSE(config.has("nan"));
  EXPECT_EQ(*config.getString("Infinity"), "NaN \" -Infinity");
  EXPECT_NE(parseError(R"({"a": "NaN)"), "no error");
  EXPECT_NE(parseError("{\"a\": \"NaN\\"), "no error");
}

TEST(JsonTest, ReadsFiles) {
  moe::test::TemporaryFolder folder;
  std::string path = folder.write("config.json", R"({"k": 3})");
  Result<JsonValue> root = readJson(path);
  ASSERT_TRUE(root) << root.error().str();
  EXPECT_EQ(*root->getInt("k"), 3);
  EXPECT_EQ(readJson(folder / "absent.json").error().id, ErrorId::FileNotFound);
  JsonRules rules;
  rules.maxBytes = 4;
  EXPECT_EQ(readJson(path, rules).error().id, ErrorId::FileUnreadable);
}

TEST(JsonTest, MessagesCannotBeForged) {
  JsonValue config = parsed("{\"k\": \"a\\nerror: b\"}");
  EXPECT_EQ(errorOf(config.getInt("k")),
            "E0203: 'config.json': key 'k' must be an integer, found the "
            "string 'a\\x0aerror: b'");
  JsonValue longText = parsed("\"" + std::string(5000, 'x') + "\"");
  EXPECT_LT(longText.describe().size(), 250u);
}

TEST(SpellingTest, FindsTheNearest) {
  std::vector<std::string> names = {"mixtral", "qwen2_moe", "qwen3_moe",
                                    "dbrx"};
  EXPECT_EQ(nearestName("mixtrl", names), "mixtral");
  EXPECT_EQ(nearestName("qwen4_moe", names), "qwen2_moe");
  EXPECT_EQ(nearestName("dbrx", names), "dbrx");
  EXPECT_EQ(nearestName("llama", names), "");
  EXPECT_EQ(nearestName("", names), "");
  EXPECT_EQ(nearestName("x", {}), "");
  EXPECT_EQ(nearestName(std::string(1000, 'q'), names), "");
  EXPECT_EQ(didYouMean("mixtrla", names), " (did you mean 'mixtral'?)");
  EXPECT_EQ(didYouMean("zzz", names), "");
}

} // namespace
