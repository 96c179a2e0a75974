//===- Device.h - The device that is played ---------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers of a card of each architecture, few multiprocessors aside: with fewer
// blocks at once, persistent kernels take several tasks each.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_DEVICE_H
#define MOE_TOOLS_CUDASIM_DEVICE_H

#include <string_view>

namespace moe::cudasim {

struct Device {
  std::string_view arch;
  int computeCapability; ///< 80, 90
  int sharedBytes;       ///< a block's most, with opting in
  int sharedBytesOfSm;

  static constexpr int multiprocessors = 2;
  static constexpr int maxThreads = 1024;
  static constexpr int defaultSharedBytes = 48 << 10;
};

/// Null for an architecture that is not played.
const Device *findDevice(std::string_view arch);

} // namespace moe::cudasim

#endif // MOE_TOOLS_CUDASIM_DEVICE_H
