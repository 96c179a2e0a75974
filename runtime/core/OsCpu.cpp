//===- OsCpu.cpp - How many cores this process may use ----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two threads of one core share its vector units and its path to memory, and a
// thread beyond a container's quota only brings throttling: the right default
// for threads is physical cores, within the affinity mask and the quota.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/Os.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <set>

#include <sched.h>
#include <unistd.h>

using namespace moe::core;
using namespace moe::core::os;

namespace {

/// The text of a small file of /proc or /sys; empty if there is none.
std::string smallFile(const std::string &path) {
  Result<std::string> text = readFile(path, 1 << 20);
  return text ? *std::move(text) : std::string();
}

std::string_view firstLine(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

std::optional<int64_t> integer(std::string_view text) {
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc())
    return std::nullopt;
  return value;
}

/// Cores among `cpus`: CPUs with the same list of siblings are one core. A CPU
/// whose topology is hidden counts as a core of its own.
unsigned distinctCores(std::span<const unsigned> cpus,
                       const std::string &root) {
  std::set<std::string> cores;
  for (unsigned cpu : cpus) {
    std::string name = "cpu" + std::to_string(cpu);
    std::string siblings = smallFile(root + "/sys/devices/system/cpu/" + name +
                                     "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? name : siblings);
  }
  return static_cast<unsigned>(cores.size());
}

/// CPUs worth of time that one cgroup folder allows, if it limits them.
std::optional<double> folderQuota(const std::string &folder) {
  // Version 2: "max 100000" or "150000 100000".
  std::string text = smallFile(folder + "/cpu.max");
  std::string_view limit = firstLine(text);
  size_t space = limit.find(' ');
  std::optional<int64_t> quota, period;
  if (space != std::string_view::npos) {
    quota = integer(limit.substr(0, space));
    period = integer(limit.substr(space + 1));
  } else {
    // Version 1: -1 is no limit.
    quota = integer(smallFile(folder + "/cpu.cfs_quota_us"));
    period = integer(smallFile(folder + "/cpu.cfs_period_us"));
  }
  if (!quota || !period || *quota <= 0 || *period <= 0)
    return std::nullopt;
  return double(*quota) / double(*period);
}

/// The least quota of a cgroup and its ancestors, up to the mount point.
std::optional<double> hierarchyQuota(const std::string &mount,
                                     std::string path) {
  std::optional<double> least;
  for (;;) {
    if (std::optional<double> quota = folderQuota(mount + path))
      least = least ? std::min(*least, *quota) : *quota;
    // Inside a container the path may be the host's and not exist here; the
    // walk then ends at the mount point, which is the container's own group.
    if (path.empty())
      return least;
    path.resize(path.rfind('/'));
  }
}

std::optional<double> cgroupQuota(const std::string &root) {
  // Lines "4:cpu,cpuacct:/path" (version 1) and "0::/path" (version 2).
  std::string groups = smallFile(root + "/proc/self/cgroup");
  std::optional<double> least;
  for (std::string_view rest = groups; !rest.empty();) {
    std::string_view line = firstLine(rest);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    size_t first = line.find(':');
    size_t second = first == std::string_view::npos ? std::string_view::npos
                                                    : line.find(':', first + 1);
    if (second == std::string_view::npos)
      continue;
    std::string controllers(line.substr(first + 1, second - first - 1));
    std::string path(line.substr(second + 1));
    if (path.empty() || path[0] != '/')
      continue;
    if (path == "/")
      path.clear();
    std::vector<std::string> mounts;
    if (controllers.empty())
      mounts = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    else if (("," + controllers + ",").find(",cpu,") != std::string::npos)
      mounts = {"/sys/fs/cgroup/" + controllers, "/sys/fs/cgroup/cpu"};
    for (const std::string &mount : mounts)
      if (std::optional<double> quota = hierarchyQuota(root + mount, path))
        least = least ? std::min(*least, *quota) : *quota;
  }
  return least;
}

/// The affinity mask, of any length.
std::vector<unsigned> allowedCpus() {
  std::vector<unsigned> cpus;
  for (int count = 1024; count <= 1 << 20; count *= 2) {
    cpu_set_t *set = CPU_ALLOC(count);
    if (!set)
      break;
    size_t bytes = CPU_ALLOC_SIZE(count);
    bool ok = ::sched_getaffinity(0, bytes, set) == 0;
    // The kernel refuses a mask that is shorter than its own.
    bool tooShort = !ok && errno == EINVAL;
    if (ok)
      for (int cpu = 0; cpu < count; ++cpu)
        if (CPU_ISSET_S(cpu, bytes, set))
          cpus.push_back(static_cast<unsigned>(cpu));
    CPU_FREE(set);
    if (!tooShort)
      break;
  }
  if (cpus.empty()) {
    long online = ::sysconf(_SC_NPROCESSORS_ONLN);
    for (long cpu = 0; cpu < std::max(1l, online); ++cpu)
      cpus.push_back(static_cast<unsigned>(cpu));
  }
  return cpus;
}

} // namespace

unsigned moe::core::os::physicalCores(std::span<const unsigned> allowed,
                                      const std::string &root) {
  unsigned cores = distinctCores(allowed, root);
  // Rounded down: a thread that is throttled halfway holds all others up.
  if (std::optional<double> quota = cgroupQuota(root))
    cores = static_cast<unsigned>(std::min(double(cores), *quota));
  return std::max(cores, 1u);
}

unsigned moe::core::os::physicalCores() {
  return physicalCores(allowedCpus(), "");
}
