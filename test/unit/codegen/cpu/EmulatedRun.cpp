//===- EmulatedRun.cpp - Launches on another architecture -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatedRun.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace moe::test;

/// Reads a request and writes the buffers back. Every buffer is a block of its
/// own, so that what qemu does not map is a crash here too.
static const char program[] = R"(
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
typedef struct { void *const *buffers; const int64_t *dims; } args_t;
typedef void (*kernel_t)(const args_t *, uint64_t, uint64_t, uint32_t, void *);
static FILE *in;
static uint64_t number(void) {
  uint64_t x;
  if (fread(&x, 8, 1, in) != 1) exit(3);
  return x;
}
static void block(void *to, uint64_t size) {
  if (size && fread(to, size, 1, in) != 1) exit(3);
}
int main(int argc, char **argv) {
  in = fopen(argv[1], "rb");
  uint64_t code_size = number(), entry = number(), scratch_size = number(),
           offset = number();
  uint64_t pages = (code_size + 65535) / 65536 * 65536;
  char *code = mmap(0, pages, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  block(code, code_size);
  __builtin___clear_cache(code, code + code_size);
  if (mprotect(code, pages, PROT_READ | PROT_EXEC)) return 4;
  uint64_t num_dims = number();
  int64_t *dims = malloc(8 * num_dims + 8);
  block(dims, 8 * num_dims);
  uint64_t num_ranges = number();
  uint64_t *ranges = malloc(16 * num_ranges + 16);
  block(ranges, 16 * num_ranges);
  uint64_t num_buffers = number();
  uint64_t *sizes = malloc(8 * num_buffers + 8);
  char **bytes = malloc(8 * num_buffers + 8);
  void **data = malloc(8 * num_buffers + 8);
  for (uint64_t i = 0; i < num_buffers; ++i) {
    sizes[i] = number();
    bytes[i] = malloc(sizes[i]);
    block(bytes[i], sizes[i]);
    data[i] = bytes[i] + offset;
  }
  args_t args = {data, dims};
  char *scratch = aligned_alloc(64, (scratch_size + 191) / 64 * 64);
  for (uint64_t i = 0; i < num_ranges; ++i) {
    memset(scratch, 0xff, scratch_size + 64);
    ((kernel_t)(code + entry))(&args, ranges[2 * i], ranges[2 * i + 1], i,
                               scratch);
    for (int at = 0; at < 64; ++at)
      if (scratch[scratch_size + at] != (char)0xff) return 5;
  }
  FILE *out = fopen(argv[2], "wb");
  for (uint64_t i = 0; i < num_buffers; ++i)
    fwrite(bytes[i], 1, sizes[i], out);
  return fclose(out) ? 6 : 0;
}
)";

bool moe::test::canEmulateAarch64() {
  static const bool can =
      std::system("command -v aarch64-linux-gnu-gcc qemu-aarch64 "
                  ">/dev/null 2>&1") == 0;
  return can;
}

namespace {
/// The compiled program, for as long as the process lives.
struct Folder {
  std::filesystem::path path;
  Folder() {
    char name[] = "/tmp/moe-emulated-XXXXXX";
    if (!mkdtemp(name))
      return;
    path = name;
    std::ofstream(path / "program.c") << program;
    const std::string command =
        "cd " + path.string() +
        " && aarch64-linux-gnu-gcc -static -O1 program.c -o program";
    if (std::system(command.c_str()) != 0)
      path.clear();
  }
  ~Folder() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
};
} // namespace

std::string moe::test::runAarch64(const EmulatedLaunch &launch) {
  static const Folder folder;
  if (folder.path.empty())
    return "the emulated program does not compile";
  {
    std::ofstream request(folder.path / "request", std::ios::binary);
    auto number = [&](uint64_t x) {
      request.write(reinterpret_cast<const char *>(&x), 8);
    };
    auto block = [&](const void *data, size_t size) {
      request.write(static_cast<const char *>(data),
                    static_cast<std::streamsize>(size));
    };
    number(launch.image.size());
    number(launch.entry);
    number(launch.scratchBytes);
    number(launch.dataOffset);
    block(launch.image.data(), launch.image.size());
    number(launch.dims.size());
    block(launch.dims.data(), 8 * launch.dims.size());
    number(launch.ranges.size());
    for (auto [begin, end] : launch.ranges) {
      number(begin);
      number(end);
    }
    number(launch.buffers.size());
    for (std::span<uint8_t> buffer : launch.buffers) {
      number(buffer.size());
      block(buffer.data(), buffer.size());
    }
  }
  const std::string command =
      "cd " + folder.path.string() + " && qemu-aarch64 ./program request out";
  if (int status = std::system(command.c_str()); status != 0)
    return "the emulated program ends with status " + std::to_string(status);
  std::ifstream out(folder.path / "out", std::ios::binary);
  for (std::span<uint8_t> buffer : launch.buffers)
    out.read(reinterpret_cast<char *>(buffer.data()),
             static_cast<std::streamsize>(buffer.size()));
  return out ? "" : "the emulated program wrote too little";
}
