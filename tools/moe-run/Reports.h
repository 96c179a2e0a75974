//===- Reports.h - What a run gave ------------------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_MOE_RUN_REPORTS_H
#define MOE_TOOLS_MOE_RUN_REPORTS_H

#include "moe/tools/common/HostTensors.h"
#include "moe/tools/moe-run/Cases.h"
#include "moe/tools/moe-run/Options.h"

namespace moe::tools {

/// Does what flags ask of one run's results: compares them with an expectation
/// and with the reference, checks phases, writes output and statistics. Prints
/// a line a comparison. False if a comparison did not hold.
core::Result<bool> reportCase(const RunOptions &options, const Case &each,
                              const std::string &dtype, HostTensors &inputs,
                              const HostTensors &results);

/// --explain.
core::Status printDecisions(const RunOptions &options, bool json);

} // namespace moe::tools

#endif // MOE_TOOLS_MOE_RUN_REPORTS_H
