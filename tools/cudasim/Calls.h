//===- Calls.h - Between a kernel and the simulator -------------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel text compiled for the host knows nothing of the simulator but this
// table; it is handed over when the text is loaded, so that neither side is
// linked to the other. Read by both, and without any header by the text.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TOOLS_CUDASIM_CALLS_H
#define MOE_TOOLS_CUDASIM_CALLS_H

struct MoeSimDim {
  unsigned x, y, z;
};

/// Which thread runs.
struct MoeSimThread {
  MoeSimDim thread, block, blockDim, gridDim;
};

enum MoeSimAccess { MoeSimLoad, MoeSimStore, MoeSimAtomic };
enum MoeSimShuffle { MoeSimXor, MoeSimUp, MoeSimIndex };

/// What intrinsics come down to. `line` is the line of the text.
struct MoeSimCalls {
  MoeSimThread *current;
  /// Whether an access to global memory may be done; reports it otherwise.
  bool (*global)(const void *p, unsigned bytes, MoeSimAccess access, int line);

  unsigned (*sharedBase)();
  void (*loadShared)(unsigned address, void *value, unsigned bytes, int line);
  void (*storeShared)(unsigned address, const void *value, unsigned bytes,
                      int line);
  unsigned (*addShared)(unsigned address, unsigned value, int line);

  void (*barrier)(unsigned id, unsigned threads, bool wait, int line);
  void (*syncWarp)(int line);
  void (*shuffle)(MoeSimShuffle kind, void *value, unsigned bytes, int operand,
                  int line);
  unsigned (*ballot)(bool predicate, int line);

  void (*copy)(unsigned address, const void *source, unsigned bytes, bool valid,
               int line);
  void (*copyCommit)();
  void (*copyWait)(unsigned pending);
  void (*ldmatrix)(unsigned *r, unsigned address, int line);
  void (*mma)(float *c, const unsigned *a, unsigned b0, unsigned b1, int line);

  void (*mbarInit)(unsigned barrier, unsigned arrivals, int line);
  void (*mbarArrive)(unsigned barrier, unsigned bytes, int line);
  void (*mbarWait)(unsigned barrier, unsigned parity, int line);
  void (*tensorCopy)(unsigned address, const void *map, unsigned barrier, int x,
                     int y, int line);
  void (*fenceProxy)(int line);
  void (*setRegisters)(unsigned registers, int line);
  void (*wgmma)(float *d, unsigned n, unsigned long long a,
                unsigned long long b, bool accumulate, int line);
  void (*wgmmaCommit)(int line);
  void (*wgmmaWait)(unsigned pending, int line);
};

#endif // MOE_TOOLS_CUDASIM_CALLS_H
