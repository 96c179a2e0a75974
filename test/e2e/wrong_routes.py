#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""wrong_routes.py FOLDER: arguments for @deepseek_v4_hash and @extern of
Inputs/routers.mlir, each with one id out of range: a token id (token.safetensors), an
entry of the table (table.safetensors), a given id (given.safetensors)."""
import struct
import sys

from executors import save

TOKENS, EXPERTS = 5, 24


def arguments(table, ids):
    return {
        "arg0": ("F32", [TOKENS, EXPERTS], struct.pack(f"<{TOKENS * EXPERTS}f", *([0.5] * TOKENS * EXPERTS))),
        "arg1": ("I64", [32, 6], struct.pack("<192q", *table)),
        "arg2": ("I64", [TOKENS], struct.pack(f"<{TOKENS}q", *ids)),
    }


folder = sys.argv[1]
good = [i % EXPERTS for i in range(192)]
save(f"{folder}/token.safetensors", arguments(good, [0, -1, 31, 32, 2]))
# Its low half is an expert.
save(f"{folder}/table.safetensors", arguments(good[:13] + [1 << 32 | 3] + good[14:], [0, 2, 1, 3, 4]))
save(f"{folder}/given.safetensors", {
    "arg0": ("F32", [2, 8], struct.pack("<16f", *range(16))),
    "arg1": ("I32", [2, 3], struct.pack("<6i", 0, 1, -1, 7, 8, 2)),
})
