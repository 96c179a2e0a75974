//===- Json.cpp - JSON that nobody vouches for ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The document is built from nlohmann-json's event interface: its own builder
// has no limit of depth and keeps the last of two equal keys in silence.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Json.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Spelling.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <new>

using namespace moe::core;
using nlohmann::json;

struct JsonValue::Document {
  std::string file;
  JsonRules rules;
  json root;
};

namespace {

class Builder final : public nlohmann::json_sax<json> {
public:
  Builder(json &root, std::string_view text, unsigned maxDepth)
      : root(root), text(text), maxDepth(maxDepth) {}

  /// What is wrong, once an event has returned false.
  std::string problem;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return put(value);
  }
  bool string(string_t &value) override { return put(std::move(value)); }
  bool binary(binary_t &) override { return false; } // not in JSON text

  bool start_object(size_t) override { return open(json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    auto &members = containers.back()->get_ref<json::object_t &>();
    auto [position, isNew] = members.emplace(name, nullptr);
    slot = &position->second;
    if (!isNew)
      problem = "has the key " + quote(name) + " twice in one object";
    return isNew;
  }

  bool parse_error(size_t position, const std::string &,
                   const json::exception &) override {
    // `position` counts the bytes read, the offending one included.
    size_t at = std::min(position ? position - 1 : 0, text.size());
    std::string_view before = text.substr(0, at);
    auto line = 1 + std::count(before.begin(), before.end(), '\n');
    size_t lineStart = before.rfind('\n') + 1; // 0 if there is none
    problem = "is not valid JSON at line " + std::to_string(line) +
              ", column " + std::to_string(at - lineStart + 1);
    constexpr size_t shown = 20;
    size_t from = std::max(lineStart, at > shown ? at - shown : 0);
    if (at == text.size())
      problem += ": it ends too early";
    else
      problem += ", at the end of " + quote(text.substr(from, at + 1 - from));
    return false;
  }

private:
  json *place(json &&value) {
    if (containers.empty())
      return &(root = std::move(value));
    if (containers.back()->is_array())
      return &containers.back()->emplace_back(std::move(value));
    return &(*slot = std::move(value));
  }
  bool put(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (containers.size() == maxDepth) {
      problem =
          "is nested more than " + std::to_string(maxDepth) + " levels deep";
      return false;
    }
    containers.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    containers.pop_back();
    return true;
  }

  json &root;
  std::string_view text;
  unsigned maxDepth;
  /// Open objects and arrays. Only the innermost grows, so none moves.
  std::vector<json *> containers;
  json *slot = nullptr;
};

/// The text with Python's words for numbers that JSON lacks replaced by null.
/// Outside of strings no valid JSON contains their letters.
std::string withoutPythonNumbers(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool inString = false;
  for (size_t i = 0; i < text.size();) {
    if (inString && text[i] == '\\') {
      result += text.substr(i, 2);
      i += 2;
      continue;
    }
    if (text[i] == '"')
      inString = !inString;
    if (!inString) {
      std::string_view found;
      for (std::string_view word : {"NaN", "Infinity", "-Infinity"})
        if (text.substr(i).starts_with(word))
          found = word;
      if (!found.empty()) {
        result += "null";
        i += found.size();
        continue;
      }
    }
    result += text[i++];
  }
  return result;
}

} // namespace

Result<JsonValue> moe::core::parseJson(std::string_view text, std::string file,
                                       const JsonRules &rules) {
  auto invalid = [&](const std::string &problem) {
    return Error(rules.invalid, quote(file) + " " + problem);
  };
  if (text.size() > rules.maxBytes)
    return invalid("has " + std::to_string(text.size()) +
                   " bytes of JSON, more than the " +
                   std::to_string(rules.maxBytes) + " that moec reads");
  try {
    std::string replaced;
    if (text.find("NaN") != std::string_view::npos ||
        text.find("Infinity") != std::string_view::npos)
      text = replaced = withoutPythonNumbers(text);
    auto document = std::make_shared<JsonValue::Document>();
    Builder builder(document->root, text, rules.maxDepth);
    if (!json::sax_parse(text.begin(), text.end(), &builder))
      return invalid(builder.problem);
    document->file = std::move(file);
    document->rules = rules;
    const json *root = &document->root;
    return JsonValue(std::move(document), root, "");
  } catch (const std::bad_alloc &) {
    return invalid("does not fit into memory");
  }
}

Result<JsonValue> moe::core::readJson(const std::string &path,
                                      const JsonRules &rules) {
  Result<std::string> text = os::readFile(path, rules.maxBytes);
  if (!text)
    return text.takeError();
  return parseJson(*text, path, rules);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

JsonValue::JsonValue(std::shared_ptr<const Document> document,
                     const json *value, std::string path)
    : document(std::move(document)), value(value), path(std::move(path)) {}

const std::string &JsonValue::file() const { return document->file; }

std::string JsonValue::where() const {
  std::string text = quote(file()) + ":";
  return path.empty() ? text : text + " key " + quote(path);
}

std::string JsonValue::describe() const {
  switch (value->type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::object:
    return "an object";
  case json::value_t::array:
    return "an array of " + std::to_string(value->size());
  case json::value_t::string:
    return "the string " + quote(value->get_ref<const std::string &>());
  case json::value_t::boolean:
    return value->get<bool>() ? "true" : "false";
  default:
    return "the number " + value->dump();
  }
}

Error JsonValue::wrongType(std::string_view expected) const {
  return {document->rules.type, where() + " must be " + std::string(expected) +
                                    ", found " + describe()};
}

bool JsonValue::isObject() const { return value->is_object(); }
bool JsonValue::isArray() const { return value->is_array(); }
bool JsonValue::isString() const { return value->is_string(); }
bool JsonValue::isNull() const { return value->is_null(); }

Result<int64_t> JsonValue::asInt() const {
  if (!value->is_number_integer())
    return wrongType("an integer");
  if (value->is_number_unsigned() &&
      value->get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
    return wrongType("an integer below 2^63");
  return value->get<int64_t>();
}

Result<double> JsonValue::asDouble() const {
  if (!value->is_number())
    return wrongType("a number");
  return value->get<double>();
}

Result<bool> JsonValue::asBool() const {
  if (!value->is_boolean())
    return wrongType("true or false");
  return value->get<bool>();
}

Result<std::string> JsonValue::asString() const {
  if (!value->is_string())
    return wrongType("a string");
  return value->get<std::string>();
}

template <typename T>
static Result<std::vector<T>> listOf(const JsonValue &array,
                                     Result<T> (JsonValue::*as)() const) {
  std::vector<T> list;
  for (size_t i = 0; i < array.size(); ++i) {
    Result<T> element = (array.at(i).*as)();
    if (!element)
      return element.takeError();
    list.push_back(*std::move(element));
  }
  return list;
}

Result<std::vector<int64_t>> JsonValue::asIntList() const {
  if (!isArray())
    return wrongType("an array of integers");
  return listOf(*this, &JsonValue::asInt);
}

Result<std::vector<std::string>> JsonValue::asStringList() const {
  if (!isArray())
    return wrongType("an array of strings");
  return listOf(*this, &JsonValue::asString);
}

JsonValue JsonValue::member(std::string_view key, const json &member) const {
  std::string memberPath = path.empty() ? "" : path + ".";
  return JsonValue(document, &member, memberPath.append(key));
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  if (!isObject())
    return std::nullopt;
  auto found = value->find(key);
  if (found == value->end() || found->is_null())
    return std::nullopt;
  return member(key, *found);
}

Result<JsonValue> JsonValue::get(std::string_view key) const {
  if (!isObject())
    return wrongType("an object");
  if (std::optional<JsonValue> found = find(key))
    return *std::move(found);
  JsonValue absent = member(key, *value);
  bool isNull = value->contains(key);
  return Error(document->rules.missing,
               absent.where() +
                   (isNull ? " is null, a value is needed"
                           : " is missing" + didYouMean(key, keys())));
}

std::vector<std::string> JsonValue::keys() const {
  std::vector<std::string> names;
  if (isObject())
    for (const auto &[name, member] : value->get_ref<const json::object_t &>())
      names.push_back(name);
  return names;
}

size_t JsonValue::size() const { return isArray() ? value->size() : 0; }

JsonValue JsonValue::at(size_t index) const {
  assert(index < size());
  return JsonValue(document, &(*value)[index],
                   path + "[" + std::to_string(index) + "]");
}

template <typename T>
static Result<T> required(const JsonValue &object, std::string_view key,
                          Result<T> (JsonValue::*as)() const) {
  Result<JsonValue> member = object.get(key);
  if (!member)
    return member.takeError();
  return ((*member).*as)();
}

template <typename T>
static Result<T> optional(const JsonValue &object, std::string_view key,
                          T absent, Result<T> (JsonValue::*as)() const) {
  std::optional<JsonValue> member = object.find(key);
  return member ? ((*member).*as)() : Result<T>(std::move(absent));
}

Result<int64_t> JsonValue::getInt(std::string_view key) const {
  return required(*this, key, &JsonValue::asInt);
}
Result<double> JsonValue::getDouble(std::string_view key) const {
  return required(*this, key, &JsonValue::asDouble);
}
Result<bool> JsonValue::getBool(std::string_view key) const {
  return required(*this, key, &JsonValue::asBool);
}
Result<std::string> JsonValue::getString(std::string_view key) const {
  return required(*this, key, &JsonValue::asString);
}
Result<int64_t> JsonValue::getInt(std::string_view key, int64_t absent) const {
  return optional(*this, key, absent, &JsonValue::asInt);
}
Result<double> JsonValue::getDouble(std::string_view key, double absent) const {
  return optional(*this, key, absent, &JsonValue::asDouble);
}
Result<bool> JsonValue::getBool(std::string_view key, bool absent) const {
  return optional(*this, key, absent, &JsonValue::asBool);
}
Result<std::string> JsonValue::getString(std::string_view key,
                                         std::string_view absent) const {
  return optional(*this, key, std::string(absent), &JsonValue::asString);
}
