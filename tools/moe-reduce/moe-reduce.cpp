//===- moe-reduce.cpp - See runtime/jit/ToolMain.h ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/jit/ToolMain.h"

int main(int argc, char **argv) { return moe::jit::reduceMain(argc, argv); }
