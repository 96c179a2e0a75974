//===- CopyPackage.cpp - Writes a package that any host runs ----*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// copy-package FILE: one program whose output is its input and whose steps are
// copies, with one parameter. It holds no machine code, so that what is tested
// with it is everything else.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/core/CpuInfo.h"
#include "moe/runtime/core/Os.h"
#include "moe/runtime/core/Variant.h"
#include "moe/test/unit/runtime/core/SamplePackage.h"

#include <cstdio>

namespace moe::test {

static abi::PackageT copyPackage() {
  abi::PackageT package = samplePackage();
  abi::VariantT &variant = *package.variants[0];
  variant.code[0]->bytes.clear();
  variant.kernels.clear();
  variant.params.pop_back();
  abi::ProgramT &program = *variant.programs[0];
  program.inputs.pop_back();
  program.outputs.pop_back();
  program.outputs.push_back(arg("w", core::DType::F32, {4}, {-1}));
  program.steps->steps.clear();
  for (auto [source, target, factor, offset] :
       {std::tuple(input(0), output(0), 16, 0),
        std::tuple(param(0), output(1), 0, 16)}) {
    abi::CopyT copy;
    copy.source = std::make_unique<abi::BufferRef>(source);
    copy.target = std::make_unique<abi::BufferRef>(target);
    copy.bytes = linear(factor, offset);
    program.steps->steps.push_back(step(std::move(copy)));
  }
  return package;
}

} // namespace moe::test

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  moe::core::Status status = moe::core::os::writeFile(
      argv[1], moe::core::writePackage(moe::test::copyPackage()));
  if (status)
    return 0;
  std::fprintf(stderr, "error: %s\n", status.error().str().c_str());
  return 1;
}
