//===- SharedMemory.cpp - Accesses to the arena ---------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every access is checked for bounds, alignment and order before it is done.
//
//===----------------------------------------------------------------------===//

#include "moe/tools/cudasim/Block.h"

#include <cstdio>
#include <cstring>

using namespace moe::cudasim;

static std::string hex(uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%x", value);
  return text;
}

bool Block::inArena(uint32_t address, uint32_t bytes, uint32_t alignment,
                    int line, const char *what) {
  if (address % alignment) {
    error(line, "alignment",
          std::string(what) + " at " + hex(address) + ", not a multiple of " +
              std::to_string(alignment));
    return false;
  }
  const uint32_t base = sharedBase();
  if (address < base || uint64_t(address) + bytes > base + launch.sharedBytes) {
    error(line, "out of shared memory",
          std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
              hex(address) + ", outside of shared memory [" + hex(base) + ", " +
              hex(base + launch.sharedBytes) + ")");
    return false;
  }
  return true;
}

void Block::note(Conflict conflict, uint32_t address, int line,
                 const char *what) {
  if (conflict)
    error(line, conflict.kind,
          std::string(what) + " at shared memory + " +
              hex(address - sharedBase()) + ": " + conflict.kind + " (" +
              describe(conflict.agent) + ")");
}

void Block::loadShared(uint32_t address, void *value, uint32_t bytes,
                       int line) {
  std::memset(value, 0, bytes);
  if (!inArena(address, bytes, bytes, line, "lds"))
    return;
  note(shadow.read(address - sharedBase(), bytes, accessOfThread()), address,
       line, "lds");
  std::memcpy(value, shared(address), bytes);
}

void Block::storeShared(uint32_t address, const void *value, uint32_t bytes,
                        int line) {
  if (!inArena(address, bytes, bytes, line, "sts"))
    return;
  note(shadow.write(address - sharedBase(), bytes, accessOfThread()), address,
       line, "sts");
  std::memcpy(shared(address), value, bytes);
}

uint32_t Block::addShared(uint32_t address, uint32_t value, int line) {
  if (!inArena(address, 4, 4, line, "addAtomicShared"))
    return 0;
  note(shadow.atomic(address - sharedBase(), accessOfThread()), address, line,
       "addAtomicShared");
  uint32_t before;
  std::memcpy(&before, shared(address), 4);
  const uint32_t after = before + value;
  std::memcpy(shared(address), &after, 4);
  return before;
}
