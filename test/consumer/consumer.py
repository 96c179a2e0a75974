#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""consumer.py LIBMOE PACKAGE: the C interface from Python's ctypes, without
anything of moec's in Python: runs a package with random weights on [2, 4]
hidden states and prints what comes out."""
import ctypes as c
import sys


class Source(c.Structure):
    _fields_ = [("size", c.c_size_t), ("kind", c.c_uint32), ("data", c.c_char_p)]


class Weights(c.Structure):
    _fields_ = [("size", c.c_size_t), ("kind", c.c_uint32)]


class Tensor(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("data", c.c_void_p),
        ("device_type", c.c_int32),
        ("device_id", c.c_int32),
        ("ndim", c.c_int32),
        ("code", c.c_uint8),
        ("bits", c.c_uint8),
        ("lanes", c.c_uint16),
        ("shape", c.POINTER(c.c_int64)),
        ("strides", c.c_void_p),
        ("byte_offset", c.c_uint64),
    ]


moe = c.CDLL(sys.argv[1])
moe.moe_error_message.restype = c.c_char_p


def check(error):
    if error:
        sys.exit(
            "error: E%04d: %s"
            % (moe.moe_error_id(error), moe.moe_error_message(error).decode())
        )


# Structs may end where an older header's did: `size` says where.
for name in ("moe_compile", "moe_bind", "moe_workspace_create", "moe_run"):
    getattr(moe, name).restype = c.c_void_p
moe.moe_error_id.argtypes = moe.moe_error_message.argtypes = [c.c_void_p]
program, bound, workspace = c.c_void_p(), c.c_void_p(), c.c_void_p()
source = Source(c.sizeof(Source), 0, sys.argv[2].encode())
check(moe.moe_compile(c.byref(source), None, c.byref(program)))
weights = Weights(c.sizeof(Weights), 1)
check(moe.moe_bind(program, c.byref(weights), None, c.byref(bound)))
check(moe.moe_workspace_create(bound, None, c.byref(workspace)))

x, y = (c.c_float * 8)(*range(1, 9)), (c.c_float * 8)()
shape = (c.c_int64 * 2)(2, 4)
fields = (1, 0, 2, 2, 32, 1, shape, None, 0)
input = Tensor(b"hidden_states", c.addressof(x), *fields)
output = Tensor(b"hidden_states", c.addressof(y), *fields)
one = c.c_size_t(1)
check(moe.moe_run(bound, c.byref(input), one, c.byref(output), one, workspace, None))
print(*("%g" % value for value in y))
moe.moe_workspace_release(workspace)
moe.moe_bound_release(bound)
moe.moe_program_release(program)
