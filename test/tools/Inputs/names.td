//===- Passes.td - Definitions that break the rules --------*- tablegen -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def FuseThisPass : Pass<"moe-fuse-that"> {
  let summary = "breaks the rule of one name";
}

def Toy_ThingOp : Toy_Op<"thing"> {
  let description = [{
    Has no example.
  }];
}
