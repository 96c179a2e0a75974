//===- CompileText.cpp - A kernel text becomes a host library -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The intrinsics are put in front of the text as a header, so that lines keep
// their numbers, and an entry for each kernel behind it.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/CompileText.h"
#include "moe/codegen/cuda/device/DeviceText.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/tools/cudasim/HostText.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cctype>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

using namespace moe;
using namespace moe::cudasim;

//===----------------------------------------------------------------------===//
// Kernels of a text
//===----------------------------------------------------------------------===//

static bool isWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// Past the parenthesis that closes the one at `at`.
static size_t closing(std::string_view text, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0)
      return at + 1;
  }
  return at;
}

std::vector<std::string> moe::cudasim::kernelsOf(std::string_view text) {
  constexpr std::string_view marker = "__global__";
  std::vector<std::string> names;
  for (size_t at = text.find(marker); at != text.npos;
       at = text.find(marker, at)) {
    const size_t line = text.rfind('\n', at) + 1;
    at += marker.size();
    if (text.substr(line, at - line).find("//") != text.npos)
      continue;
    // The first name in front of a parenthesis that is no attribute.
    while (at < text.size()) {
      while (at < text.size() && !isWord(text[at]))
        ++at;
      const size_t begin = at;
      while (at < text.size() && isWord(text[at]))
        ++at;
      const std::string_view word = text.substr(begin, at - begin);
      const size_t next = text.find_first_not_of(" \n\t", at);
      if (next == text.npos)
        break;
      if (text[next] != '(')
        continue;
      if (word.starts_with("__")) {
        at = closing(text, next);
        continue;
      }
      names.emplace_back(word);
      break;
    }
  }
  return names;
}

//===----------------------------------------------------------------------===//
// The compiler
//===----------------------------------------------------------------------===//

static std::string prelude() {
  std::string text;
  for (std::string_view name : {"Calls.h", "Cuda.h"})
    text += getHostText(name);
  text += getDeviceText("types.cuh");
  text += getHostText("Intrinsics.h");
  return text;
}

static std::vector<std::string> flags() {
  std::vector<std::string> result = {"-x",
                                     "c++",
                                     "-std=c++20",
                                     "-O1",
                                     "-w",
                                     "-fPIC",
                                     "-shared",
                                     "-fvisibility=hidden",
                                     "-fno-rtti",
                                     "-nostdinc",
                                     "-fno-exceptions",
                                     "-fno-stack-protector",
                                     "-ffp-contract=on"};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    for (const char *flag : {"-mavx2", "-mfma", "-mf16c"})
      result.push_back(flag);
#endif
  return result;
}

/// Runs a program with its output in a file; -1 if it could not be started.
static int runProgram(const std::vector<std::string> &words,
                      const std::string &output) {
  std::vector<char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr,
                                  arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (failed || waitpid(child, &status, 0) != child)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

namespace {
/// A folder of our own that goes away.
struct Folder {
  std::string path;
  Folder() {
    std::error_code error;
    std::string name = std::filesystem::temp_directory_path(error).string() +
                       "/moe-cudasim.XXXXXX";
    if (!error && mkdtemp(name.data()))
      path = name;
  }
  ~Folder() {
    std::error_code error;
    if (!path.empty())
      std::filesystem::remove_all(path, error);
  }
};
} // namespace

static std::string hashOf(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  char digits[33];
  std::snprintf(digits, sizeof digits, "%016llx%016llx",
                static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

static void load(CompiledText &result, const std::string &path) {
  result.library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (result.library)
    result.status = CompileStatus::Done;
  else if (const char *why = dlerror())
    result.log += why;
}

CompiledText moe::cudasim::compileText(std::string_view text) {
  std::string source(text);
  source += "\nnamespace moe {\n";
  for (const std::string &kernel : kernelsOf(text))
    source += "MOE_SIM_KERNEL(" + kernel + ")\n";
  source += "} // namespace moe\n";
  const std::string header = prelude();
  std::string key = header + source;
  for (const std::string &flag : flags())
    key += flag;

  CompiledText result;
  std::string kept;
  if (auto folder = core::cacheDirectory()) {
    kept = *folder + "/cudasim-" + hashOf(key) + ".so";
    if (core::os::fileInfo(kept)) {
      load(result, kept);
      if (result.status == CompileStatus::Done)
        return result;
      result.log.clear();
    }
  }

  Folder folder;
  const std::string input = folder.path + "/kernels.cu",
                    include = folder.path + "/prelude.h",
                    output = folder.path + "/kernels.so",
                    log = folder.path + "/log";
  if (folder.path.empty() || !core::os::writeFile(input, source) ||
      !core::os::writeFile(include, header)) {
    result.log = "the temporary folder cannot be written";
    return result;
  }
  int status = -1;
  for (const char *compiler : {"clang++-22", "clang++"}) {
    std::vector<std::string> words = {compiler};
    for (const std::string &flag : flags())
      words.push_back(flag);
    for (const char *word : {"-include", include.c_str(), input.c_str(), "-o",
                             output.c_str(), "-lm"})
      words.push_back(word);
    status = runProgram(words, log);
    if (status != -1 && status != 127)
      break;
  }
  if (auto text = core::os::readFile(log, 1 << 20))
    result.log = *text;
  if (status == -1 || status == 127) {
    result.status = CompileStatus::NoCompiler;
    result.log = "neither clang++-22 nor clang++ is on PATH: the simulator "
                 "compiles kernel texts with it";
    return result;
  }
  if (status != 0)
    return result;
  load(result, output);
  if (result.status == CompileStatus::Done && !kept.empty() &&
      core::os::makeDirectories(*core::cacheDirectory()))
    if (auto bytes = core::os::readFile(output, size_t(1) << 30))
      (void)core::os::writeFile(kept, *bytes);
  return result;
}
