//===- Os.h - What core asks of the operating system ------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one door to the operating system: a port rewrites Os.cpp, and a reader
// who wonders what moec does to a disk reads one file. Failures name the path
// and say what the system said.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_OS_H
#define MOE_RUNTIME_CORE_OS_H

#include "moe/runtime/core/Error.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moe::core::os {

/// A file mapped read-only. Pages are read when first touched, so opening costs
/// nothing and a file larger than memory is fine. Whoever shortens the file
/// while it is mapped makes later reads fail with SIGBUS; writers that rename,
/// as ours do, leave the mapped file whole.
class MappedFile {
public:
  /// FileNotFound, or FileUnreadable where `path` is no regular file, may not
  /// be read or does not fit the address space. An empty file is fine.
  static Result<MappedFile> open(const std::string &path);
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data, size}; }
  bool contains(const void *address, size_t length) const;

  /// Hints; each covers the pages that [address, address + length) touches,
  /// which must lie in the file.
  /// The range will be read soon, or once from front to back.
  void willNeed(const void *address, size_t length) const;
  void sequential(const void *address, size_t length) const;
  /// The pages leave this process; a later read brings them back unchanged.
  void release(const void *address, size_t length) const;

private:
  MappedFile(std::byte *data, size_t size) : data(data), size(size) {}
  std::byte *data = nullptr;
  size_t size = 0;
};

/// The bytes of a regular file of at most `limit` bytes.
/// Errors: FileNotFound, FileUnreadable.
Result<std::string> readFile(const std::string &path, size_t limit);

/// A file that appears under its name whole or not at all: written beside it,
/// flushed to disk and renamed by commit(). Without a commit nothing is left.
/// A path that is a device or a pipe is written directly. A link is followed.
/// Every error is FileUnwritable.
class AtomicFile {
public:
  static Result<AtomicFile> create(const std::string &path);
  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  Status write(const void *data, size_t size);
  Status commit();

private:
  AtomicFile() = default;
  Error failed(int error) const;
  std::string path;      ///< as the caller knows it
  std::string target;    ///< with links resolved
  std::string temporary; ///< empty: writing `path` itself
  int file = -1;
};

Status writeFile(const std::string &path, std::string_view bytes);

struct FileInfo {
  uint64_t size = 0;
  /// Last modification, nanoseconds since 1970.
  int64_t modified = 0;
  bool isDirectory = false;
  bool isRegular = false;
};

/// None if there is no such file, or it may not be seen.
std::optional<FileInfo> fileInfo(const std::string &path);
/// Names without the folder, sorted, without "." and "..".
Result<std::vector<std::string>> listDirectory(const std::string &path);
/// mkdir -p. FileUnwritable.
Status makeDirectories(const std::string &path);
/// No error where there is none. FileUnwritable.
Status removeFile(const std::string &path);

std::optional<std::string> environmentVariable(const char *name);
/// One write to stderr, so that lines of several threads stay whole.
void writeToStderr(std::string_view text);

size_t pageSize();
/// The most memory that this process had resident at a time, and what it has
/// now, in bytes; mapped files count with the pages that are present.
size_t peakResidentBytes();
size_t residentBytes();
/// Memory that can be taken without swapping anything out; the largest number
/// where the system does not say.
size_t availableBytes();

/// Physical cores that this process may use: those of its affinity mask, at
/// most its cgroup's CPU quota (rounded down), at least 1.
unsigned physicalCores();
/// The same for the CPUs `allowed`, with /proc and /sys looked up under `root`.
unsigned physicalCores(std::span<const unsigned> allowed,
                       const std::string &root);

/// A read-execute copy of `code`, at a page boundary; it was never writable and
/// executable at once. CodeNotExecutable where the system refuses it.
Result<const std::byte *> mapCode(std::span<const uint8_t> code);
void unmapCode(const std::byte *code, size_t size);
/// Appends to a file that `perf` looks for, in a folder that is everyone's:
/// only to an own regular file. FileUnwritable.
Status appendPerfMap(std::string_view lines);
/// Asks for the register state of AMX tiles, which Linux grants a process once
/// and for all of its threads. False where there is no such state.
bool requestTileState();

/// Keeps signals for the threads of the program that uses us.
void blockSignalsInThisThread();

} // namespace moe::core::os

#endif // MOE_RUNTIME_CORE_OS_H
