#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""wrong_ids.py FILE: arguments of @by_slot (cuda-index.mlir) with two ids out of range, the first at [3, 2]."""
import random
import struct
import sys

from executors import save

TOKENS, WIDTH, SLOTS = 9, 40, 4
random.seed(1)
ids = [random.sample(range(8), SLOTS) for _ in range(TOKENS)]
ids[3][2], ids[5][0] = 1000000, -7


def floats(count):
    return struct.pack(f"<{count}f", *(random.random() for _ in range(count)))


save(sys.argv[1], {
    "arg0": ("F32", [TOKENS, WIDTH], floats(TOKENS * WIDTH)),
    "arg1": ("I32", [TOKENS, SLOTS], struct.pack(f"<{TOKENS * SLOTS}i", *(i for row in ids for i in row))),
    "arg2": ("F32", [TOKENS, SLOTS], floats(TOKENS * SLOTS)),
    "arg3": ("F32", [TOKENS, WIDTH], floats(TOKENS * WIDTH)),
})
