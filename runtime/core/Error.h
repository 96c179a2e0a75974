//===- Error.h - Errors as values -------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything a user can get wrong is reported as a value. An Error carries the
// stable id under which docs/errors.md explains it, and one message that names
// the file or op, the field, what was given, what is expected and what works.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_ERROR_H
#define MOE_RUNTIME_CORE_ERROR_H

#include "moe/runtime/core/ErrorId.h"

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace moe::core {

struct [[nodiscard]] Error {
  ErrorId id = ErrorId::Internal;
  std::string message;
  /// More lines for who asks: every diagnostic of a failed compilation.
  std::string details = {};

  Error(ErrorId id, std::string message)
      : id(id), message(std::move(message)) {}
  /// "E0101: message", as the tools print it after "error: ".
  std::string str() const;
};

/// 'text', for messages: control characters become \xNN and what is longer than
/// 200 characters is cut. Names out of files go through this, so that no file
/// can forge a line of output.
std::string quote(std::string_view text);

/// A value or an Error. Reading the value of an error is a programming error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state.index() == 0; }
  T &operator*() & { return std::get<0>(state); }
  const T &operator*() const & { return std::get<0>(state); }
  T &&operator*() && { return std::get<0>(std::move(state)); }
  T *operator->() { return &std::get<0>(state); }
  const T *operator->() const { return &std::get<0>(state); }
  const Error &error() const { return std::get<1>(state); }
  Error takeError() { return std::move(std::get<1>(state)); }

private:
  std::variant<T, Error> state;
};

/// Success or an Error.
class [[nodiscard]] Status {
public:
  Status() : state(std::in_place_index<0>) {}
  Status(Error error) : state(std::in_place_index<1>, std::move(error)) {}
  static Status ok() { return {}; }

  explicit operator bool() const { return state.index() == 0; }
  const Error &error() const { return std::get<1>(state); }
  Error takeError() { return std::move(std::get<1>(state)); }

private:
  std::variant<std::monostate, Error> state;
};

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_ERROR_H
