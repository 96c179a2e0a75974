//===- OsLibrary.cpp - Shared libraries that are loaded when needed -*- C++
//-*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linux and its relatives: dlopen, dladdr, /proc.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/OsLibrary.h"
#include "moe/runtime/core/Os.h"

#include <climits>

#include <dlfcn.h>
#include <unistd.h>

using namespace moe::core;
using namespace moe::core::os;

static std::string folderOf(std::string path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

Result<Library> Library::open(const std::string &path) {
  // Without a slash the loader would search the system's folders.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  if (!fileInfo(file))
    return Error(ErrorId::FileNotFound, quote(path) + " does not exist");
  // Lazily: of the functions that libMLIR calls, few are called in a process.
  void *handle = ::dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char *reason = ::dlerror();
    return Error(ErrorId::FileUnreadable, quote(path) + " cannot be loaded: " +
                                              (reason ? reason : "no reason"));
  }
  return Library(handle);
}

Result<Library> Library::find(const std::string &name) {
  if (void *handle =
          ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
    return Library(handle);
  const char *reason = ::dlerror();
  return Error(ErrorId::FileNotFound, quote(name) + " cannot be loaded: " +
                                          (reason ? reason : "no reason"));
}

void *Library::symbol(const char *name) const { return ::dlsym(handle, name); }

std::string moe::core::os::folderOfThisLibrary() {
  Dl_info info;
  if (::dladdr(reinterpret_cast<void *>(&folderOfThisLibrary), &info) == 0 ||
      !info.dli_fname)
    return "";
  return folderOf(info.dli_fname);
}

std::string moe::core::os::folderOfProgram() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0 || length == sizeof(path))
    return "";
  return folderOf(std::string(path, static_cast<size_t>(length)));
}
