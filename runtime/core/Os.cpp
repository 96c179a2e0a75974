//===- Os.cpp - What core asks of the operating system ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linux. Files first, then the process. CPU counting is in OsCpu.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace moe::core;
using namespace moe::core::os;

namespace {

/// Closes on every way out.
class FileDescriptor {
public:
  explicit FileDescriptor(int value) : value(value) {}
  FileDescriptor(FileDescriptor &&other) noexcept
      : value(std::exchange(other.value, -1)) {}
  ~FileDescriptor() {
    if (value >= 0)
      ::close(value);
  }
  int get() const { return value; }

private:
  int value;
};

std::string describe(int error) {
  return std::generic_category().message(error);
}

Error cannotRead(const std::string &path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return {ErrorId::FileNotFound, quote(path) + " does not exist"};
  return {ErrorId::FileUnreadable,
          quote(path) + " cannot be read: " + describe(error)};
}

Error cannotWrite(const std::string &path, int error) {
  return {ErrorId::FileUnwritable,
          quote(path) + " cannot be written: " + describe(error)};
}

struct OpenFile {
  FileDescriptor file;
  uint64_t size;
};

Result<OpenFile> openRegularFile(const std::string &path) {
  // Without O_NONBLOCK a pipe nobody writes to would hold us for ever.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    return cannotRead(path, errno);
  if (S_ISDIR(status.st_mode))
    return cannotRead(path, EISDIR);
  if (!S_ISREG(status.st_mode))
    return Error(ErrorId::FileUnreadable,
                 quote(path) + " cannot be read: it is no regular file");
  return OpenFile{std::move(file), static_cast<uint64_t>(status.st_size)};
}

/// The whole pages that a range touches.
void advise(const void *address, size_t length, int advice) {
  if (length == 0)
    return;
  uintptr_t page = pageSize();
  uintptr_t begin = reinterpret_cast<uintptr_t>(address) / page * page;
  uintptr_t end = reinterpret_cast<uintptr_t>(address) + length;
  // A hint: whether it is taken is the system's affair.
  (void)::madvise(reinterpret_cast<void *>(begin), end - begin, advice);
}

} // namespace

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Result<MappedFile> MappedFile::open(const std::string &path) {
  Result<OpenFile> opened = openRegularFile(path);
  if (!opened)
    return opened.takeError();
  if (opened->size == 0)
    return MappedFile(nullptr, 0);
  if (opened->size > SIZE_MAX)
    return cannotRead(path, EFBIG);
  size_t size = static_cast<size_t>(opened->size);
  void *data =
      ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, opened->file.get(), 0);
  if (data == MAP_FAILED)
    return cannotRead(path, errno);
  return MappedFile(static_cast<std::byte *>(data), size);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(data, size);
}

bool MappedFile::contains(const void *address, size_t length) const {
  auto begin = reinterpret_cast<uintptr_t>(data);
  auto at = reinterpret_cast<uintptr_t>(address);
  return at >= begin && at - begin <= size && length <= size - (at - begin);
}

void MappedFile::willNeed(const void *address, size_t length) const {
  assert(contains(address, length));
  advise(address, length, MADV_WILLNEED);
}

void MappedFile::sequential(const void *address, size_t length) const {
  assert(contains(address, length));
  advise(address, length, MADV_SEQUENTIAL);
}

void MappedFile::release(const void *address, size_t length) const {
  // On other memory the advice would destroy data.
  assert(contains(address, length));
  advise(address, length, MADV_DONTNEED);
}

Result<std::string> moe::core::os::readFile(const std::string &path,
                                            size_t limit) {
  Result<OpenFile> opened = openRegularFile(path);
  if (!opened)
    return opened.takeError();
  auto tooLarge = [&] {
    return Error(ErrorId::FileUnreadable,
                 quote(path) + " cannot be read: it has more than " +
                     std::to_string(limit) + " bytes");
  };
  if (opened->size > limit)
    return tooLarge();
  // The size is a hint: files of /proc have none, and a file can grow.
  std::string text;
  size_t filled = 0;
  for (;;) {
    if (filled == text.size())
      text.resize(
          std::max<size_t>(opened->size + 1, filled + filled / 2 + 4096));
    ssize_t count =
        ::read(opened->file.get(), text.data() + filled, text.size() - filled);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return cannotRead(path, errno);
    if (count == 0)
      break;
    filled += static_cast<size_t>(count);
    if (filled > limit)
      return tooLarge();
  }
  text.resize(filled);
  return text;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  AtomicFile result;
  result.path = result.target = path;
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return cannotWrite(path, EISDIR);
    if (!S_ISREG(status.st_mode)) {
      // Renaming over /dev/null would break the machine.
      result.file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (result.file < 0)
        return cannotWrite(path, errno);
      return result;
    }
    if (char *resolved = ::realpath(path.c_str(), nullptr)) {
      result.target = resolved;
      std::free(resolved);
    }
  }
  // Unique among processes by the id and within one by the count; a leftover
  // of an earlier process with our id is stepped over.
  static std::atomic<unsigned> count{0};
  do {
    result.temporary = result.target + "." + std::to_string(::getpid()) + "." +
                       std::to_string(count++) + ".tmp";
    result.file = ::open(result.temporary.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (result.file < 0 && errno == EEXIST);
  if (result.file < 0) {
    int error = errno;
    result.temporary.clear();
    return cannotWrite(path, error);
  }
  return result;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path(std::move(other.path)), target(std::move(other.target)),
      temporary(std::exchange(other.temporary, {})),
      file(std::exchange(other.file, -1)) {}

AtomicFile::~AtomicFile() {
  if (file >= 0)
    ::close(file);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Error AtomicFile::failed(int error) const { return cannotWrite(path, error); }

Status AtomicFile::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size) {
    ssize_t count = ::write(file, next, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failed(errno);
    next += count;
    size -= static_cast<size_t>(count);
  }
  return Status::ok();
}

Status AtomicFile::commit() {
  if (temporary.empty()) {
    int result = ::close(std::exchange(file, -1));
    return result == 0 ? Status::ok() : Status(failed(errno));
  }
  if (::fsync(file) != 0)
    return failed(errno);
  if (::close(std::exchange(file, -1)) != 0)
    return failed(errno);
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return failed(errno);
  temporary.clear();
  // The name is on disk once its folder is. Some file systems refuse; the file
  // is whole either way.
  size_t slash = target.rfind('/');
  std::string folder =
      slash == std::string::npos ? "." : target.substr(0, slash + 1);
  FileDescriptor directory(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0)
    (void)::fsync(directory.get());
  return Status::ok();
}

Status moe::core::os::writeFile(const std::string &path,
                                std::string_view bytes) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  if (Status written = file->write(bytes.data(), bytes.size()); !written)
    return written;
  return file->commit();
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

std::optional<FileInfo> moe::core::os::fileInfo(const std::string &path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0)
    return std::nullopt;
  FileInfo info;
  info.size = static_cast<uint64_t>(status.st_size);
  info.modified =
      int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
  info.isDirectory = S_ISDIR(status.st_mode);
  info.isRegular = S_ISREG(status.st_mode);
  return info;
}

Result<std::vector<std::string>>
moe::core::os::listDirectory(const std::string &path) {
  DIR *directory = ::opendir(path.c_str());
  if (!directory)
    return errno == ENOTDIR
               ? Error(ErrorId::FileUnreadable,
                       quote(path) + " cannot be read: it is no folder")
               : cannotRead(path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent *entry = ::readdir(directory)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..")
      names.emplace_back(name);
  }
  int error = errno;
  ::closedir(directory);
  if (error)
    return cannotRead(path, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status moe::core::os::makeDirectories(const std::string &path) {
  for (size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    std::string prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), 0777) != 0 && errno != EEXIST) {
      // A parent that exists may refuse with another error (read-only).
      int error = errno;
      std::optional<FileInfo> info = fileInfo(prefix);
      if (!info || !info->isDirectory)
        return cannotWrite(path, error);
    }
  }
  std::optional<FileInfo> info = fileInfo(path);
  if (!info || !info->isDirectory)
    return cannotWrite(path, ENOTDIR);
  return Status::ok();
}

Status moe::core::os::removeFile(const std::string &path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return Error(ErrorId::FileUnwritable,
                 quote(path) + " cannot be removed: " + describe(errno));
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// The process
//===----------------------------------------------------------------------===//

std::optional<std::string>
moe::core::os::environmentVariable(const char *name) {
  if (const char *value = std::getenv(name))
    return value;
  return std::nullopt;
}

void moe::core::os::writeToStderr(std::string_view text) {
  while (!text.empty()) {
    ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR)
      continue;
    // There is nowhere left to complain.
    if (count < 0)
      return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

size_t moe::core::os::pageSize() {
  static const size_t size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

/// A line "VmHWM:    1234 kB" of /proc/self/status. (getrusage's peak is older
/// than the process: it survives exec.)
static size_t statusKilobytes(std::string_view key,
                              const char *file = "/proc/self/status") {
  Result<std::string> status = readFile(file, 1 << 20);
  if (!status)
    return 0;
  size_t at = status->find("\n" + std::string(key) + ":");
  if (at == std::string::npos)
    return 0;
  return std::strtoull(status->c_str() + at + key.size() + 2, nullptr, 10);
}

size_t moe::core::os::peakResidentBytes() {
  return statusKilobytes("VmHWM") * 1024;
}

size_t moe::core::os::residentBytes() {
  return statusKilobytes("VmRSS") * 1024;
}

size_t moe::core::os::availableBytes() {
  size_t kilobytes = statusKilobytes("MemAvailable", "/proc/meminfo");
  return kilobytes ? kilobytes * 1024 : SIZE_MAX;
}

void moe::core::os::blockSignalsInThisThread() {
  sigset_t all;
  ::sigfillset(&all);
  // Faults of our own code must still be seen where they happen.
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    ::sigdelset(&all, fault);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}
