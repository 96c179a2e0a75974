//===- DeviceText.h - The device code, as text ------------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel text stands alone, so the compiler carries the files of this folder
// and puts those that a kernel needs in front of it.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_CODEGEN_CUDA_DEVICE_DEVICETEXT_H
#define MOE_CODEGEN_CUDA_DEVICE_DEVICETEXT_H

#include <string_view>

namespace moe {

/// A file of this folder by name ("intrinsics.cuh"); empty if there is none.
std::string_view getDeviceText(std::string_view name);

} // namespace moe

#endif // MOE_CODEGEN_CUDA_DEVICE_DEVICETEXT_H
