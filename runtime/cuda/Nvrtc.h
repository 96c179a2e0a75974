//===- Nvrtc.h - From CUDA text to machine code -----------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVRTC is a library that compiles without a GPU and, as our texts include
// nothing, without the toolkit around it. It is looked for where people have
// it: MOE_NVRTC, the system, the toolkit, NVIDIA's Python package.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CUDA_NVRTC_H
#define MOE_RUNTIME_CUDA_NVRTC_H

#include "moe/runtime/core/OsLibrary.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace moe::cuda {

/// What ptxas reports of one kernel.
struct KernelReport {
  std::string name;
  int registers = 0;
  int barriers = 0;
  int stackBytes = 0; ///< local memory of a thread
  int spillStores = 0, spillLoads = 0;
};

/// The log of a compilation, read.
struct CompileReport {
  std::vector<KernelReport> kernels;
  /// Lines that tell of code slower than its author thinks: warnings C75xx
  /// (setmaxnreg ignored, wgmma serialized), local memory, spills. Tests fail
  /// on them.
  std::vector<std::string> defects;
};
CompileReport readCompileLog(std::string_view log);

struct CompiledText {
  std::string cubin, ptx, log;
  CompileReport report;
};

/// Immutable: any number of threads may compile.
class Nvrtc {
public:
  /// NvrtcAbsent says where it was looked for.
  static core::Result<Nvrtc> load();

  /// 13000 for NVRTC 13.0.
  int version() const { return found; }
  /// Where it was found.
  const std::string &path() const { return file; }

  /// For a real architecture ("sm_90a"); `name` is what the log calls the text.
  /// CompileFailed, with the log as details; TargetUnsupported for an
  /// architecture that this NVRTC does not know.
  core::Result<CompiledText> compile(std::string_view text,
                                     const std::string &arch,
                                     const std::string &name) const;

private:
  using Program = struct NvrtcProgramOpaque *;
  class OwnedProgram;
  Nvrtc() = default;
  core::Status resolve(const core::os::Library &library);
  core::Error compileError(std::string_view log, const std::string &arch,
                           const std::string &name, int result) const;

  int (*nvrtcVersion)(int *major, int *minor) = nullptr;
  const char *(*nvrtcGetErrorString)(int) = nullptr;
  int (*nvrtcGetNumSupportedArchs)(int *) = nullptr;
  int (*nvrtcGetSupportedArchs)(int *) = nullptr;
  int (*nvrtcCreateProgram)(Program *, const char *text, const char *name,
                            int numHeaders, const char *const *headers,
                            const char *const *includeNames) = nullptr;
  int (*nvrtcDestroyProgram)(Program *) = nullptr;
  int (*nvrtcCompileProgram)(Program, int numOptions,
                             const char *const *options) = nullptr;
  int (*nvrtcGetPTXSize)(Program, size_t *) = nullptr;
  int (*nvrtcGetPTX)(Program, char *) = nullptr;
  int (*nvrtcGetCUBINSize)(Program, size_t *) = nullptr;
  int (*nvrtcGetCUBIN)(Program, char *) = nullptr;
  int (*nvrtcGetProgramLogSize)(Program, size_t *) = nullptr;
  int (*nvrtcGetProgramLog)(Program, char *) = nullptr;

  int found = 0;
  std::string file;
};

} // namespace moe::cuda

#endif // MOE_RUNTIME_CUDA_NVRTC_H
