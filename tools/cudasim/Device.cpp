//===- Device.cpp - The device that is played -----------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the table of technical specifications in the CUDA programming guide.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Device.h"

using namespace moe::cudasim;

static constexpr Device devices[] = {
    {"sm_80", 80, 163 << 10, 164 << 10},  {"sm_86", 86, 99 << 10, 100 << 10},
    {"sm_89", 89, 99 << 10, 100 << 10},   {"sm_90a", 90, 227 << 10, 228 << 10},
    {"sm_120", 120, 99 << 10, 100 << 10},
};

const Device *moe::cudasim::findDevice(std::string_view arch) {
  for (const Device &device : devices)
    if (device.arch == arch)
      return &device;
  return nullptr;
}
