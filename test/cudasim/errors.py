#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the simulator refuses, a line each.

  errors.py LIBRARY SOURCE-ROOT
"""
import ctypes
import os
import sys

from simulator import Failed, Simulator, device_text

KERNELS = """
namespace moe {
extern "C" __global__ void __launch_bounds__(64)
mixed(u32 *y) {
  sts<u32>(sharedBase() + threadIdx.x * 4, 0);
  syncBlock();
  if (threadIdx.x % 2) {
    store(y + threadIdx.x, ballot(true));
  } else {
    u32 r[4];
    ldmatrixX4(r, sharedBase());
    store(y + threadIdx.x, r[3]);
  }
}
extern "C" __global__ void __launch_bounds__(64)
sum(u32 *y) {
  const u32 other = shflXor(threadIdx.x, 1);
  store(y + threadIdx.x, threadIdx.x + other);
}
extern "C" __global__ void
past(u32 *y) {
  store(y + 64 + threadIdx.x, 1u);
}
extern "C" __global__ void
odd(u32 *y) {
  store((u64 *)(y + 1), u64(1));
}
} // namespace moe
"""


def main(library, source):
    sim = Simulator(library)
    device = device_text(source)
    lib = sim.lib

    def load(text, arch):
        module, log = ctypes.c_void_p(), ctypes.c_char_p()
        data = text.encode()
        result = lib.moe_sim_load_text(data, ctypes.c_size_t(len(data)),
                                       arch.encode(), ctypes.byref(module),
                                       ctypes.byref(log))
        return result, log.value.decode()

    result, log = load(device, "sm_70")
    print(f"architecture: {result} {log}")
    result, log = load(device + "\nint x = missing;\n", "sm_80")
    line = (device + "\n").count("\n") + 1
    print(f"text: {result} {'missing' in log and f':{line}:' in log}")
    path = os.environ["PATH"]
    os.environ["PATH"] = "/nowhere"
    result, log = load(device + "\nint fresh;\n", "sm_80")
    os.environ["PATH"] = path
    print(f"compiler: {result} {log}")

    memory = sim.memory([0] * 64, "I")
    sim.configure()
    module = sim.load(device + KERNELS, "sm_80")
    for name, threads in [("mixed", 64), ("sum", 48), ("past", 32), ("odd", 1),
                          ("sum", 64)]:
        try:
            sim.launch(module, name, 1, threads, 256, [memory])
            print(f"{name}: {sim.read(memory, 'I', 4)}")
        except Failed as report:
            print(f"{name}: {str(report).splitlines()[0]}")
    for what, shared, threads in [("threads", 64, 2048), ("shared", 164 << 10, 32)]:
        try:
            sim.launch(module, "sum", 1, threads, shared, [memory])
        except (Failed, RuntimeError) as refused:
            print(f"{what}: {refused}")

    # Images are for a GPU; maps are what a GPU takes.
    image, handle = ctypes.create_string_buffer(64), ctypes.c_void_p()
    print("image:", lib.cuModuleLoadDataEx(ctypes.byref(handle), image, 0, None, None))
    for what, columns, rows in [("row of 12 bytes", 6, 8), ("box of 257 rows", 64, 257)]:
        try:
            sim.tensor_map(memory, columns, 8, rows)
        except RuntimeError as refused:
            print(f"{what}: {refused}")
    pointer = ctypes.c_uint64()
    print("memory:", lib.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(1 << 40)))
    print("free:", lib.cuMemFree_v2(ctypes.c_uint64(memory.value + 4)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
