//===- Steps.h - The steps of a program, in order ---------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MOE_RUNTIME_CORE_STEPS_H
#define MOE_RUNTIME_CORE_STEPS_H

#include "moe/codegen/abi/program_generated.h"
#include "moe/runtime/core/Error.h"

#include <cstdint>
#include <vector>

namespace moe::core {

/// Gives each step to `run` (launch, copy, check), the case of a switch for the
/// dimension's value, until one fails.
template <typename Run>
Status runSteps(const abi::StepList &list, const std::vector<int64_t> &dims,
                Run &run) {
  for (const abi::Step *step : *list.steps()) {
    Status status;
    switch (step->body_type()) {
    case abi::StepBody::Launch:
      status = run.launch(*step->body_as_Launch());
      break;
    case abi::StepBody::Copy:
      status = run.copy(*step->body_as_Copy());
      break;
    case abi::StepBody::Check:
      status = run.check(*step->body_as_Check());
      break;
    default: {
      const abi::Switch &choice = *step->body_as_Switch();
      const int64_t value = dims[choice.dim()];
      flatbuffers::uoffset_t i = 0;
      while (i < choice.buckets()->size() && value >= choice.buckets()->Get(i))
        ++i;
      status = runSteps(*choice.cases()->Get(i), dims, run);
    }
    }
    if (!status)
      return status;
  }
  return {};
}

/// What a check step of `program` says of a status other than -1.
Error failedCheck(std::string_view program, const abi::Check &check,
                  int64_t status);

} // namespace moe::core

#endif // MOE_RUNTIME_CORE_STEPS_H
