# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""libmoe_cudasim.so from Python: texts, launches, reports."""
import array
import ctypes
import os

DEVICE = ["sizes", "types", "intrinsics", "elements", "matmul", "matmul_fma",
          "matmul_sm80", "matmul_sm90", "route", "index"]


class Options(ctypes.Structure):
    _fields_ = [("seed", ctypes.c_uint), ("shared_base", ctypes.c_uint),
                ("eager", ctypes.c_ubyte), ("norace", ctypes.c_ubyte)]


class LaunchConfig(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3),
                ("shared", ctypes.c_uint), ("stream", ctypes.c_void_p),
                ("attributes", ctypes.c_void_p), ("count", ctypes.c_uint)]


def device_text(source):
    """The device code of the product, as a text has it."""
    parts = []
    for name in DEVICE:
        path = os.path.join(source, "codegen", "cuda", "device", name + ".cuh")
        with open(path, encoding="utf-8") as file:
            parts.append(file.read())
    return "\n".join(parts)


class Failed(Exception):
    """A launch that the simulator has something against: its report."""


class Simulator:
    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.lib.moe_sim_report.restype = ctypes.c_char_p
        self.call("cuInit", 0)
        self.kept = []

    def call(self, name, *arguments):
        result = getattr(self.lib, name)(*arguments)
        if result != 0:
            raise RuntimeError(f"{name} gave {result}")

    def configure(self, seed=0, shared_base=0x410, eager=0, norace=0):
        self.lib.moe_sim_configure(
            ctypes.byref(Options(seed, shared_base, eager, norace)))

    def load(self, text, arch):
        module, log = ctypes.c_void_p(), ctypes.c_char_p()
        data = text.encode()
        result = self.lib.moe_sim_load_text(
            data, ctypes.c_size_t(len(data)), arch.encode(),
            ctypes.byref(module), ctypes.byref(log))
        if result != 0:
            raise RuntimeError(f"the text does not compile: {log.value.decode()}")
        return module

    def unload(self, module):
        self.call("cuModuleUnload", module)

    def memory(self, values, code):
        """Device memory that holds the values of an array code."""
        data = array.array(code, values).tobytes()
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer),
                  ctypes.c_size_t(max(len(data), 1)))
        self.call("cuMemcpyHtoDAsync_v2", pointer, data,
                  ctypes.c_size_t(len(data)), None)
        return pointer

    def read(self, pointer, code, count):
        values = array.array(code, bytes(array.array(code).itemsize * count))
        buffer = (ctypes.c_char * (values.itemsize * count)).from_buffer(values)
        self.call("cuMemcpyDtoHAsync_v2", buffer, pointer,
                  ctypes.c_size_t(len(buffer)), None)
        return list(values)

    def free(self, pointer):
        self.call("cuMemFree_v2", pointer)

    def tensor_map(self, pointer, columns, rows, box_rows):
        """Rows of bf16, copied in boxes of 64 elements, swizzled."""
        raw = ctypes.create_string_buffer(256)
        self.kept.append(raw)
        at = (ctypes.addressof(raw) + 127) // 128 * 128
        u64, u32 = ctypes.c_uint64, ctypes.c_uint32
        self.call("cuTensorMapEncodeTiled", ctypes.c_void_p(at), 9, 2,
                  ctypes.c_void_p(pointer.value), (u64 * 2)(columns, rows),
                  (u64 * 1)(2 * columns), (u32 * 2)(64, box_rows),
                  (u32 * 2)(1, 1), 0, 3, 2, 0)
        return ctypes.c_void_p(at)

    def launch(self, module, name, grid, block, shared, parameters):
        """Raises Failed where the simulator finds a mistake. Parameters are
        ctypes values, and addresses of tensor maps as c_void_p."""
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), module,
                  name.encode())
        self.call("cuFuncSetAttribute", function, 8, shared)
        places = (ctypes.c_void_p * len(parameters))()
        for i, value in enumerate(parameters):
            places[i] = (value.value if isinstance(value, ctypes.c_void_p)
                         else ctypes.addressof(value))
        config = LaunchConfig((grid, 1, 1), (block, 1, 1), shared, None, None, 0)
        result = self.lib.cuLaunchKernelEx(ctypes.byref(config), function,
                                           places, None)
        if result != 0:
            raise Failed(self.lib.moe_sim_report().decode() or str(result))
