//===- OsTest.cpp - What core asks of the operating system ------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files whole or not at all, memory that goes back, and the cores of machines
// that we do not have: their /proc and /sys in a folder.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"
#include "moe/test/unit/TemporaryFolder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <csignal>

#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace moe::core;
using moe::test::TemporaryFolder;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

std::string content(const std::string &path) {
  Result<std::string> text = os::readFile(path, 1 << 20);
  return text ? *text : text.error().str();
}

std::string_view text(const os::MappedFile &file) {
  return {reinterpret_cast<const char *>(file.bytes().data()),
          file.bytes().size()};
}

TEST(OsTest, MapsFiles) {
  TemporaryFolder folder;
  Result<os::MappedFile> file = os::MappedFile::open(folder.write("f", "abc"));
  ASSERT_TRUE(file) << file.error().str();
  EXPECT_EQ(text(*file), "abc");
  EXPECT_TRUE(file->contains(file->bytes().data(), 3));
  EXPECT_TRUE(file->contains(file->bytes().data() + 3, 0));
  EXPECT_FALSE(file->contains(file->bytes().data() + 1, 3));
  EXPECT_FALSE(file->contains(file->bytes().data() + 1, SIZE_MAX));
  EXPECT_FALSE(file->contains(&file, 1));
  os::MappedFile moved = *std::move(file);
  EXPECT_EQ(text(moved), "abc");
}

TEST(OsTest, MapsEmptyFiles) {
  TemporaryFolder folder;
  Result<os::MappedFile> file = os::MappedFile::open(folder.write("f", ""));
  ASSERT_TRUE(file) << file.error().str();
  EXPECT_EQ(file->bytes().size(), 0u);
  file->release(file->bytes().data(), 0);
}

TEST(OsTest, ReleasedPagesLeaveAndComeBack) {
  TemporaryFolder folder;
  constexpr size_t size = 32 << 20;
  std::string path = folder.write("f", std::string(size, 'x'));
  Result<os::MappedFile> file = os::MappedFile::open(path);
  ASSERT_TRUE(file);
  const std::byte *data = file->bytes().data();
  auto sum = [&] {
    size_t result = 0;
    for (size_t i = 0; i < size; i += 512)
      result += static_cast<size_t>(data[i]);
    return result;
  };
  file->sequential(data, size);
  file->willNeed(data, size);
  size_t before = os::residentBytes();
  EXPECT_EQ(sum(), size / 512 * 'x');
  size_t touched = os::residentBytes();
  EXPECT_GT(touched, before + size / 2);
  file->release(data + 100, size - 200);
  EXPECT_LT(os::residentBytes(), touched - size / 2);
  // The kernel counts in batches.
  EXPECT_GT(os::peakResidentBytes(), before + size / 2);
  EXPECT_EQ(sum(), size / 512 * 'x');
}

TEST(OsTest, ErrorsOfReading) {
  TemporaryFolder folder;
  std::string absent = folder / "absent";
  EXPECT_EQ(os::MappedFile::open(absent).error().str(),
            "E0101: '" + absent + "' does not exist");
  EXPECT_EQ(content(absent), "E0101: '" + absent + "' does not exist");
  std::string below = folder.write("f", "12345") + "/g";
  EXPECT_EQ(content(below), "E0101: '" + below + "' does not exist");
  EXPECT_EQ(content(folder.path()),
            "E0102: '" + folder.path() + "' cannot be read: Is a directory");
  std::string pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(content(pipe),
            "E0102: '" + pipe + "' cannot be read: it is no regular file");
  EXPECT_EQ(os::MappedFile::open(pipe).error().str(),
            "E0102: '" + pipe + "' cannot be read: it is no regular file");
  Result<std::string> large = os::readFile(folder / "f", 4);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().str(), "E0102: '" + (folder / "f") +
                                     "' cannot be read: it has more than 4 "
                                     "bytes");
  EXPECT_TRUE(os::readFile(folder / "f", 5));
}

TEST(OsTest, ReadsFilesWithoutASize) {
  EXPECT_THAT(content("/proc/self/status"), testing::HasSubstr("VmRSS"));
  Result<std::string> large = os::readFile("/proc/self/status", 10);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().id, ErrorId::FileUnreadable);
}

TEST(OsTest, WritesFilesWhole) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "old");
  Result<os::AtomicFile> file = os::AtomicFile::create(path);
  ASSERT_TRUE(file) << file.error().str();
  ASSERT_TRUE(file->write("ne", 2));
  ASSERT_TRUE(file->write("w", 1));
  EXPECT_EQ(content(path), "old");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(path), "new");
  EXPECT_THAT(*os::listDirectory(folder.path()), ElementsAre("f"));
}

TEST(OsTest, LeavesNothingWithoutACommit) {
  TemporaryFolder folder;
  {
    Result<os::AtomicFile> file = os::AtomicFile::create(folder / "f");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("abc", 3));
  }
  EXPECT_THAT(*os::listDirectory(folder.path()), IsEmpty());
}

TEST(OsTest, WritesThroughLinksAndDevices) {
  TemporaryFolder folder;
  std::string target = folder.write("target", "old");
  std::string link = folder / "link";
  std::filesystem::create_symlink("target", link);
  ASSERT_TRUE(os::writeFile(link, "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(content(target), "new");
  // A rename would replace the device, where that is allowed.
  ASSERT_TRUE(os::writeFile("/dev/null", "gone"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(OsTest, ErrorsOfWriting) {
  TemporaryFolder folder;
  std::string below = folder / "no/such/file";
  EXPECT_EQ(os::writeFile(below, "x").error().str(),
            "E0103: '" + below +
                "' cannot be written: No such file or directory");
  EXPECT_EQ(os::writeFile(folder.path(), "x").error().str(),
            "E0103: '" + folder.path() + "' cannot be written: Is a directory");
  EXPECT_EQ(os::writeFile("/dev/full", "x").error().str(),
            "E0103: '/dev/full' cannot be written: No space left on device");
}

TEST(OsTest, AFailedWriteLeavesTheOldFile) {
  TemporaryFolder folder;
  std::string path = folder.write("f", "old");
  // A disk that is full after 10 bytes.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = {10, before.rlim_max};
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status = os::writeFile(path, std::string(100, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().str(),
            "E0103: '" + path + "' cannot be written: File too large");
  EXPECT_EQ(content(path), "old");
  EXPECT_THAT(*os::listDirectory(folder.path()), ElementsAre("f"));
}

TEST(OsTest, Folders) {
  TemporaryFolder folder;
  std::string deep = folder / "a/b/c";
  ASSERT_TRUE(os::makeDirectories(deep));
  ASSERT_TRUE(os::makeDirectories(deep + "/"));
  ASSERT_TRUE(os::fileInfo(deep));
  EXPECT_TRUE(os::fileInfo(deep)->isDirectory);
  folder.write("f", "1234");
  folder.write("B", "");
  EXPECT_THAT(*os::listDirectory(folder.path()), ElementsAre("B", "a", "f"));
  std::optional<os::FileInfo> info = os::fileInfo(folder / "f");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 4u);
  EXPECT_TRUE(info->isRegular);
  EXPECT_GT(info->modified, int64_t(1'500'000'000) * 1'000'000'000);
  EXPECT_FALSE(os::fileInfo(folder / "absent"));

  std::string inFile = folder / "f/g";
  EXPECT_EQ(os::makeDirectories(inFile).error().str(),
            "E0103: '" + inFile + "' cannot be written: Not a directory");
  EXPECT_EQ(os::makeDirectories(folder / "f").error().id,
            ErrorId::FileUnwritable);
  EXPECT_EQ(os::listDirectory(folder / "absent").error().id,
            ErrorId::FileNotFound);
  EXPECT_EQ(os::listDirectory(folder / "f").error().str(),
            "E0102: '" + (folder / "f") + "' cannot be read: it is no folder");

  EXPECT_TRUE(os::removeFile(folder / "f"));
  EXPECT_FALSE(os::fileInfo(folder / "f"));
  EXPECT_TRUE(os::removeFile(folder / "f"));
  EXPECT_FALSE(os::removeFile(deep));
}

TEST(OsTest, Process) {
  EXPECT_FALSE(os::environmentVariable("MOE_NO_SUCH_VARIABLE"));
  EXPECT_GE(os::pageSize(), 4096u);
  EXPECT_GT(os::residentBytes(), 100u << 10);
  EXPECT_GE(os::peakResidentBytes(), os::residentBytes() / 2);
  EXPECT_GE(os::physicalCores(), 1u);
}

//===----------------------------------------------------------------------===//
// Cores
//===----------------------------------------------------------------------===//

/// /proc and /sys of a machine with `cpus` CPUs, two of them a core:
/// CPU i and i + cpus / 2.
class Machine {
public:
  explicit Machine(unsigned cpus) {
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
      all.push_back(cpu);
      unsigned first = cpu % (cpus / 2);
      folder.write("sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list",
                   std::to_string(first) + "," +
                       std::to_string(first + cpus / 2) + "\n");
    }
  }
  void write(std::string_view path, std::string_view text) {
    folder.write(path, text);
  }
  unsigned cores() const { return os::physicalCores(all, folder.path()); }
  unsigned cores(std::vector<unsigned> allowed) const {
    return os::physicalCores(allowed, folder.path());
  }

private:
  TemporaryFolder folder;
  std::vector<unsigned> all;
};

TEST(OsCpuTest, CountsCoresNotThreads) {
  Machine machine(16);
  EXPECT_EQ(machine.cores(), 8u);
  EXPECT_EQ(machine.cores({0, 8}), 1u);
  EXPECT_EQ(machine.cores({0, 1, 2}), 3u);
  // A CPU whose topology is hidden counts.
  EXPECT_EQ(machine.cores({0, 77}), 2u);
}

TEST(OsCpuTest, TheAffinityMaskCounts) {
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
    if (CPU_ISSET(cpu, &all))
      CPU_SET(cpu, &one);
  const unsigned before = os::physicalCores();
  EXPECT_LE(before, static_cast<unsigned>(CPU_COUNT(&all)));
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(os::physicalCores(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(os::physicalCores(), before);
}

TEST(OsCpuTest, QuotaOfVersion2) {
  Machine machine(16);
  machine.write("proc/self/cgroup", "0::/\n");
  machine.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(machine.cores(), 8u);
  machine.write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(machine.cores(), 2u);
  machine.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(machine.cores(), 1u);
  machine.write("sys/fs/cgroup/cpu.max", "nonsense\n");
  EXPECT_EQ(machine.cores(), 8u);
}

TEST(OsCpuTest, QuotaOfAnAncestor) {
  Machine machine(16);
  machine.write("proc/self/cgroup", "0::/a/b/c\n");
  machine.write("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  machine.write("sys/fs/cgroup/a/b/cpu.max", "600000 100000\n");
  EXPECT_EQ(machine.cores(), 6u);
  machine.write("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(machine.cores(), 3u);
}

TEST(OsCpuTest, QuotaOfVersion1) {
  Machine machine(16);
  // The path is the host's: in the container the group is the mount point.
  machine.write("proc/self/cgroup", "5:memory:/docker/x\n"
                                    "4:cpu,cpuacct:/docker/x\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(machine.cores(), 8u);
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(machine.cores(), 4u);
}

} // namespace
