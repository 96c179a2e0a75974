//===- OsLibrary.h - Shared libraries that are loaded when needed -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libmoe links neither the compiler nor CUDA: it looks for them when they are
// asked for, and says where it looked when they are not there.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_OSLIBRARY_H
#define MOE_RUNTIME_CORE_OSLIBRARY_H

#include "moe/runtime/core/Error.h"

#include <string>
#include <string_view>

namespace moe::core::os {

/// A library in this process. It stays until the process ends: what an LLVM
/// leaves behind in threads and exit handlers must not lose its code.
class Library {
public:
  /// Its symbols are for us alone. FileNotFound or FileUnreadable with what the
  /// loader said.
  static Result<Library> open(const std::string &path);
  /// The same for a name that the system looks up in its folders.
  static Result<Library> find(const std::string &name);
  /// Null if there is none.
  void *symbol(const char *name) const;

private:
  explicit Library(void *handle) : handle(handle) {}
  void *handle;
};

/// The folder of the library or program that this code is in; empty if the
/// system does not say.
std::string folderOfThisLibrary();
/// The folder of the program that runs.
std::string folderOfProgram();

} // namespace moe::core::os

#endif // MOE_RUNTIME_CORE_OSLIBRARY_H
