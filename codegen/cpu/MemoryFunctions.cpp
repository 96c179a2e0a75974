//===- MemoryFunctions.cpp - memcpy and its kin inside an image -----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/MemoryFunctions.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;

/// 32 bytes at a time, then single ones: upwards, or downwards where the
/// destination overlaps the end of the source.
static constexpr char bodies[] = R"(
define hidden void @moe.copy.up(ptr %d, ptr %s, i64 %n) #0 {
entry:
  %wide = and i64 %n, -32
  %none = icmp eq i64 %wide, 0
  br i1 %none, label %rest, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
  %p = getelementptr i8, ptr %s, i64 %i
  %v = load <32 x i8>, ptr %p, align 1
  %q = getelementptr i8, ptr %d, i64 %i
  store <32 x i8> %v, ptr %q, align 1
  %i1 = add i64 %i, 32
  %more = icmp ult i64 %i1, %wide
  br i1 %more, label %loop, label %rest
rest:
  %end = icmp eq i64 %wide, %n
  br i1 %end, label %done, label %bytes
bytes:
  %j = phi i64 [ %wide, %rest ], [ %j1, %bytes ]
  %bp = getelementptr i8, ptr %s, i64 %j
  %b = load i8, ptr %bp
  %bq = getelementptr i8, ptr %d, i64 %j
  store i8 %b, ptr %bq
  %j1 = add i64 %j, 1
  %again = icmp ult i64 %j1, %n
  br i1 %again, label %bytes, label %done
done:
  ret void
}
define hidden void @moe.copy.down(ptr %d, ptr %s, i64 %n) #0 {
entry:
  %few = icmp ult i64 %n, 32
  br i1 %few, label %rest, label %loop
loop:
  %i = phi i64 [ %n, %entry ], [ %i1, %loop ]
  %i1 = sub i64 %i, 32
  %p = getelementptr i8, ptr %s, i64 %i1
  %v = load <32 x i8>, ptr %p, align 1
  %q = getelementptr i8, ptr %d, i64 %i1
  store <32 x i8> %v, ptr %q, align 1
  %more = icmp uge i64 %i1, 32
  br i1 %more, label %loop, label %rest
rest:
  %left = phi i64 [ %n, %entry ], [ %i1, %loop ]
  %end = icmp eq i64 %left, 0
  br i1 %end, label %done, label %bytes
bytes:
  %j = phi i64 [ %left, %rest ], [ %j1, %bytes ]
  %j1 = sub i64 %j, 1
  %bp = getelementptr i8, ptr %s, i64 %j1
  %b = load i8, ptr %bp
  %bq = getelementptr i8, ptr %d, i64 %j1
  store i8 %b, ptr %bq
  %again = icmp ne i64 %j1, 0
  br i1 %again, label %bytes, label %done
done:
  ret void
}
define hidden ptr @memcpy(ptr %d, ptr %s, i64 %n) #0 {
  call void @moe.copy.up(ptr %d, ptr %s, i64 %n)
  ret ptr %d
}
define hidden ptr @memmove(ptr %d, ptr %s, i64 %n) #0 {
  %di = ptrtoint ptr %d to i64
  %si = ptrtoint ptr %s to i64
  %ahead = sub i64 %di, %si
  %apart = icmp uge i64 %ahead, %n
  br i1 %apart, label %up, label %down
up:
  call void @moe.copy.up(ptr %d, ptr %s, i64 %n)
  ret ptr %d
down:
  call void @moe.copy.down(ptr %d, ptr %s, i64 %n)
  ret ptr %d
}
define hidden ptr @memset(ptr %d, i32 %x, i64 %n) #0 {
entry:
  %b = trunc i32 %x to i8
  %v0 = insertelement <32 x i8> poison, i8 %b, i64 0
  %v = shufflevector <32 x i8> %v0, <32 x i8> poison, <32 x i32> zeroinitializer
  %wide = and i64 %n, -32
  %none = icmp eq i64 %wide, 0
  br i1 %none, label %rest, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
  %q = getelementptr i8, ptr %d, i64 %i
  store <32 x i8> %v, ptr %q, align 1
  %i1 = add i64 %i, 32
  %more = icmp ult i64 %i1, %wide
  br i1 %more, label %loop, label %rest
rest:
  %end = icmp eq i64 %wide, %n
  br i1 %end, label %done, label %bytes
bytes:
  %j = phi i64 [ %wide, %rest ], [ %j1, %bytes ]
  %bq = getelementptr i8, ptr %d, i64 %j
  store i8 %b, ptr %bq
  %j1 = add i64 %j, 1
  %again = icmp ult i64 %j1, %n
  br i1 %again, label %bytes, label %done
done:
  ret ptr %d
}
attributes #0 = { "no-builtins" noinline nounwind }
)";

Error moe::cpu::addMemoryFunctions(Module &module) {
  bool needed = false;
  for (Function &function : module)
    for (BasicBlock &block : function)
      for (Instruction &instruction : block)
        needed |= isa<MemIntrinsic>(instruction);
  if (!needed)
    return Error::success();
  for (StringRef name :
       {"memcpy", "memmove", "memset", "moe.copy.up", "moe.copy.down"})
    if (module.getNamedValue(name))
      return createStringError("the module defines '" + name +
                               "', a name that compiled code reserves");
  SMDiagnostic diagnostic;
  if (parseAssemblyInto(MemoryBufferRef(bodies, "memory functions"), &module,
                        /*Index=*/nullptr, diagnostic))
    return createStringError(diagnostic.getMessage());
  return Error::success();
}
