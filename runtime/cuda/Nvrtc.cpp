//===- Nvrtc.cpp - From CUDA text to machine code ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Always for a real architecture: for a virtual one NVRTC takes any inline PTX,
// because only ptxas reads it.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/cuda/Nvrtc.h"
#include "moe/runtime/core/Environment.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/cuda/Arch.h"

#include <algorithm>

using namespace moe;
using namespace moe::cuda;
using core::Error;
using core::ErrorId;
using core::Result;
using core::Status;
namespace os = moe::core::os;

namespace {

constexpr const char *fileNames[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

/// Where NVRTC may be though the system does not look there: in NVIDIA's Python
/// package, beside this library (tools/test.sh puts it there) or where Python
/// has it, and in the toolkit.
std::vector<std::string> usualFolders() {
  std::vector<std::string> sites;
  if (std::string beside = os::folderOfThisLibrary(); !beside.empty())
    sites.push_back(beside);
  if (std::string program = os::folderOfProgram(); !program.empty())
    sites.push_back(program + "/../lib");
  for (std::string &folder : core::pythonFolders())
    sites.push_back(std::move(folder));
  std::vector<std::string> folders;
  for (const std::string &site : sites)
    for (const char *package : {"cu13", "cuda_nvrtc"})
      folders.push_back(site + "/nvidia/" + package + "/lib");
  folders.emplace_back("/usr/local/cuda/lib64");
  return folders;
}

/// The library, and where it was.
Result<std::pair<os::Library, std::string>> findLibrary() {
  Result<std::optional<std::string>> given =
      core::environment(core::Variable::Nvrtc);
  if (!given)
    return given.takeError();
  const std::string remedy =
      "; install the Python package nvidia-cuda-nvrtc (or nvidia-cuda-nvrtc-"
      "cu12), or set MOE_NVRTC to the path of libnvrtc.so";
  if (*given) {
    Result<os::Library> library = (*given)->find('/') == std::string::npos
                                      ? os::Library::find(**given)
                                      : os::Library::open(**given);
    if (!library)
      return Error(ErrorId::NvrtcAbsent,
                   "no NVRTC: " + library.error().message + remedy);
    return std::pair(*library, **given);
  }
  for (const char *name : fileNames)
    if (Result<os::Library> library = os::Library::find(name))
      return std::pair(*library, std::string(name));
  std::string refused;
  for (const std::string &folder : usualFolders())
    for (const char *name : fileNames) {
      const std::string path = folder + "/" + name;
      if (!os::fileInfo(path))
        continue;
      Result<os::Library> library = os::Library::open(path);
      if (library)
        return std::pair(*library, path);
      refused = library.error().message;
    }
  return Error(ErrorId::NvrtcAbsent,
               "no NVRTC: " +
                   (refused.empty() ? std::string("neither libnvrtc.so.13 nor "
                                                  "libnvrtc.so.12 is installed")
                                    : refused) +
                   remedy);
}

} // namespace

Result<Nvrtc> Nvrtc::load() {
  Result<std::pair<os::Library, std::string>> library = findLibrary();
  if (!library)
    return library.takeError();
  Nvrtc nvrtc;
  nvrtc.file = library->second;
  if (Status status = nvrtc.resolve(library->first); !status)
    return status.takeError();
  return nvrtc;
}

Status Nvrtc::resolve(const os::Library &library) {
  std::string missing;
  auto find = [&](const char *name, auto &function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        library.symbol(name));
    if (!function && missing.empty())
      missing = name;
  };
  find("nvrtcVersion", nvrtcVersion);
  find("nvrtcGetErrorString", nvrtcGetErrorString);
  find("nvrtcGetNumSupportedArchs", nvrtcGetNumSupportedArchs);
  find("nvrtcGetSupportedArchs", nvrtcGetSupportedArchs);
  find("nvrtcCreateProgram", nvrtcCreateProgram);
  find("nvrtcDestroyProgram", nvrtcDestroyProgram);
  find("nvrtcCompileProgram", nvrtcCompileProgram);
  find("nvrtcGetPTXSize", nvrtcGetPTXSize);
  find("nvrtcGetPTX", nvrtcGetPTX);
  find("nvrtcGetCUBINSize", nvrtcGetCUBINSize);
  find("nvrtcGetCUBIN", nvrtcGetCUBIN);
  find("nvrtcGetProgramLogSize", nvrtcGetProgramLogSize);
  find("nvrtcGetProgramLog", nvrtcGetProgramLog);
  int major = 0, minor = 0;
  if (missing.empty() && nvrtcVersion(&major, &minor) == 0)
    found = major * 1000 + minor * 10;
  if (missing.empty() && found >= 12000)
    return {};
  return Error(ErrorId::NvrtcAbsent,
               "no NVRTC: " + core::quote(file) +
                   (missing.empty() ? " is version " + std::to_string(major) +
                                          "." + std::to_string(minor)
                                    : " has no function " + missing) +
                   ", expected NVRTC of CUDA 12.0 or later; set MOE_NVRTC to "
                   "its path");
}

/// A program of NVRTC's.
class Nvrtc::OwnedProgram {
public:
  OwnedProgram(const Nvrtc &nvrtc, const std::string &text,
               const std::string &name)
      : nvrtc(nvrtc) {
    result = nvrtc.nvrtcCreateProgram(&program, text.c_str(), name.c_str(), 0,
                                      nullptr, nullptr);
  }
  ~OwnedProgram() {
    if (program)
      nvrtc.nvrtcDestroyProgram(&program);
  }
  OwnedProgram(const OwnedProgram &) = delete;

  /// What a pair of functions gives: bytes, with the 0 that ends a text.
  std::string get(int (*getSize)(Program, size_t *),
                  int (*getBytes)(Program, char *)) const {
    size_t size = 0;
    if (getSize(program, &size) != 0)
      return "";
    std::string bytes(size, '\0');
    if (size && getBytes(program, bytes.data()) != 0)
      bytes.clear();
    return bytes;
  }

  const Nvrtc &nvrtc;
  Program program = nullptr;
  int result = 0;
};

Result<CompiledText> Nvrtc::compile(std::string_view text,
                                    const std::string &arch,
                                    const std::string &name) const {
  std::optional<Arch> known = parseArch(arch);
  int count = 0;
  nvrtcGetNumSupportedArchs(&count);
  std::vector<int> supported(static_cast<size_t>(std::max(count, 0)));
  nvrtcGetSupportedArchs(supported.data());
  if (!known || std::find(supported.begin(), supported.end(), known->number) ==
                    supported.end()) {
    std::string list;
    for (int number : supported)
      list += (list.empty() ? "sm_" : ", sm_") + std::to_string(number);
    return Error(ErrorId::TargetUnsupported,
                 "NVRTC " + std::to_string(found / 1000) + "." +
                     std::to_string(found % 1000 / 10) + " (" +
                     core::quote(file) + ") does not compile for " +
                     core::quote(arch) + ", but for " + list);
  }
  const std::string architecture = "--gpu-architecture=" + arch;
  // A product and a sum are fused where the text says fma, nowhere else.
  const char *const options[] = {architecture.c_str(), "-std=c++17",
                                 "--fmad=false", "--ptxas-options=-v"};
  OwnedProgram program(*this, std::string(text), name);
  int result = program.result;
  if (result == 0)
    result = nvrtcCompileProgram(program.program, std::size(options), options);
  CompiledText compiled;
  if (program.program)
    compiled.log = program.get(nvrtcGetProgramLogSize, nvrtcGetProgramLog);
  while (!compiled.log.empty() && compiled.log.back() == '\0')
    compiled.log.pop_back();
  if (result != 0)
    return compileError(compiled.log, arch, name, result);
  compiled.cubin = program.get(nvrtcGetCUBINSize, nvrtcGetCUBIN);
  compiled.ptx = program.get(nvrtcGetPTXSize, nvrtcGetPTX);
  while (!compiled.ptx.empty() && compiled.ptx.back() == '\0')
    compiled.ptx.pop_back();
  if (compiled.cubin.empty())
    return compileError(compiled.log, arch, name, result);
  compiled.report = readCompileLog(compiled.log);
  return compiled;
}

Error Nvrtc::compileError(std::string_view log, const std::string &arch,
                          const std::string &name, int result) const {
  // The first line that is an error says most; the details have them all.
  std::string first;
  for (size_t begin = 0; begin < log.size() && first.empty();) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    const std::string_view line = log.substr(begin, end - begin);
    if (line.find("error") != std::string_view::npos)
      first = line;
    begin = end + 1;
  }
  if (first.empty())
    first = nvrtcGetErrorString(result);
  Error error(ErrorId::CompileFailed, "NVRTC does not compile " +
                                          core::quote(name) + " for " + arch +
                                          ": " + first);
  error.details = log;
  return error;
}
