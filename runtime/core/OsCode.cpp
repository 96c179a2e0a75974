//===- OsCode.cpp - Executable memory ---------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory is written or executed, never both. Hardened systems also refuse to
// make memory executable that was once written ("memory deny write execute");
// there the code is mapped from an anonymous file.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace moe::core;
using namespace moe::core::os;

static size_t mappedSize(size_t size) {
  return (size + pageSize() - 1) / pageSize() * pageSize();
}

static bool writeAll(int file, const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    const ssize_t written = write(file, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    next += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

/// MAP_FAILED with errno set.
static void *mapThroughFile(std::span<const uint8_t> code) {
  const int file = memfd_create("moe-code", MFD_CLOEXEC);
  if (file < 0)
    return MAP_FAILED;
  void *base = MAP_FAILED;
  if (writeAll(file, code.data(), code.size()))
    base = mmap(nullptr, mappedSize(code.size()), PROT_READ | PROT_EXEC,
                MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  errno = error;
  return base;
}

Result<const std::byte *>
moe::core::os::mapCode(std::span<const uint8_t> code) {
  const size_t size = mappedSize(code.size());
  void *base = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base != MAP_FAILED) {
    std::memcpy(base, code.data(), code.size());
    if (mprotect(base, size, PROT_READ | PROT_EXEC) != 0) {
      munmap(base, size);
      base = mapThroughFile(code);
    }
  }
  if (base == MAP_FAILED)
    return Error(ErrorId::CodeNotExecutable,
                 std::string("the system gives no executable memory (") +
                     std::strerror(errno) +
                     "); compiled kernels need it, the reference executor "
                     "does not");
  char *begin = static_cast<char *>(base);
  __builtin___clear_cache(begin, begin + code.size()); // nothing on x86
  return static_cast<const std::byte *>(base);
}

void moe::core::os::unmapCode(const std::byte *code, size_t size) {
  munmap(const_cast<std::byte *>(code), mappedSize(size));
}

Status moe::core::os::appendPerfMap(std::string_view lines) {
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  const int file =
      open(path.c_str(),
           O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
           0600);
  struct stat info = {};
  bool done = file >= 0 && fstat(file, &info) == 0;
  if (done && (!S_ISREG(info.st_mode) || info.st_uid != geteuid())) {
    errno = EPERM;
    done = false;
  }
  done = done && writeAll(file, lines.data(), lines.size());
  const int error = errno;
  if (file >= 0)
    close(file);
  if (!done)
    return Error(ErrorId::FileUnwritable,
                 "'" + path + "': " + std::strerror(error));
  return {};
}

bool moe::core::os::requestTileState() {
#ifdef __x86_64__
  constexpr int requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr int tileData = 18;              // XFEATURE_XTILE_DATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}
