//===- CompileCuda.cpp - NVRTC, as code generation sees it ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/CompileCuda.h"

#include "moe/runtime/core/Log.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/cuda/Nvrtc.h"
#include "moe/runtime/jit/Phases.h"

using namespace moe;
using namespace moe::jit;
using core::Error;
using core::Result;
using core::Status;

CodegenServices CudaCompiler::services() {
  CodegenServices made;
  made.compileCuda = [this](llvm::StringRef text, llvm::StringRef arch) {
    return compile(text, arch);
  };
  return made;
}

CudaBinary CudaCompiler::compile(llvm::StringRef text, llvm::StringRef arch) {
  CudaBinary binary;
  Result<cuda::Nvrtc> nvrtc = cuda::Nvrtc::load();
  if (!nvrtc) {
    failure = nvrtc.takeError();
    binary.error = failure->message;
    return binary;
  }
  binary.available = true;
  Result<cuda::CompiledText> compiled =
      nvrtc->compile(text, arch.str(), "kernels.cu");
  if (!compiled) {
    failure = compiled.takeError();
    // Who reads the log wants the lines that it is about.
    if (std::string path = reproducerPath("cu");
        core::os::writeFile(path, text))
      failure->message += "; the text is in " + core::quote(path);
    binary.error = failure->message;
    return binary;
  }
  failure.reset();
  for (const std::string &defect : compiled->report.defects)
    core::log(core::LogLevel::Warning, arch.str() + ": " + defect);
  binary.cubin = std::move(compiled->cubin);
  binary.ptx = std::move(compiled->ptx);
  binary.log = std::move(compiled->log);
  return binary;
}

Status jit::stripText(abi::VariantT &variant, const CudaCompiler &compiler) {
  const size_t before = variant.code.size();
  std::erase_if(variant.code, [](const std::unique_ptr<abi::CodeT> &code) {
    return code->kind == abi::CodeKind::CudaText;
  });
  if (before == 0 || !variant.code.empty())
    return Status::ok();
  return compiler.failure.value_or(
      Error(core::ErrorId::CompileFailed,
            "a package for " + variant.target +
                " without its text needs a compiler of CUDA"));
}
