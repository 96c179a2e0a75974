//===- Cases.h - The runs that were asked for -------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_CASES_H
#define MOE_TOOLS_MOE_RUN_CASES_H

#include "moe/tools/common/HostTensors.h"
#include "moe/tools/moe-run/Options.h"

namespace moe::tools {

/// One run: inputs from a file or random ones, and what to expect if anything.
struct Case {
  std::string inputs; ///< a file; empty: random
  std::string expect; ///< a file; empty: nothing
};

/// The cases of --expect=DIR (every input-T*.safetensors that has its
/// expect-T*), or the one that other flags describe. Never empty.
core::Result<std::vector<Case>> findCases(const RunOptions &options);

/// The element type of a case's hidden_states ("bf16"); empty where the file
/// does not say or the inputs are random.
std::string inputDType(const Case &each);

/// The inputs that a function wants: from the file, or random ones.
core::Result<HostTensors> readInputs(const RunOptions &options,
                                     const Case &each,
                                     const Signature &signature);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_RUN_CASES_H
