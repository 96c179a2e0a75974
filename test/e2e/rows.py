#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rows.py [--most=T] [MOE-RUN-FLAG...] DIR...: a token's bits depend neither on how many tokens run beside it, nor on their order, nor on the thread count."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile


def load(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    head.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]])
            for name, t in head.items()}


def save(path, tensors):
    head, body = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def take(tensor, rows):
    dtype, shape, raw = tensor
    stride = len(raw) // shape[0]
    return dtype, [len(rows)] + shape[1:], b"".join(raw[r * stride:(r + 1) * stride] for r in rows)


def run(folder, inputs, threads, tmp):
    x, y = os.path.join(tmp, "x.safetensors"), os.path.join(tmp, "y.safetensors")
    save(x, inputs)
    subprocess.run(["moe-run", folder, f"--input={x}", f"--output={y}", f"--threads={threads}"] + FLAGS, check=True, stdout=subprocess.DEVNULL)
    return load(y)


MOST = min([512] + [int(argument[7:]) for argument in sys.argv[1:] if argument.startswith("--most=")])
FLAGS = [argument for argument in sys.argv[1:] if argument.startswith("-") and not argument.startswith("--most=")]
for folder in sys.argv[1:]:
    if folder.startswith("-"):
        continue
    inputs = load(os.path.join(folder, "input-T64.safetensors"))
    total = inputs["hidden_states"][1][0]
    shuffled = list(range(total))
    random.Random(3).shuffle(shuffled)
    counts = [[i % total for i in range(count)] for count in (1, 2, 3, 8, 33, MOST)]
    with tempfile.TemporaryDirectory() as tmp:
        whole = run(folder, inputs, 1, tmp)
        for threads in (1, 2):
            for rows in counts + [shuffled]:
                got = run(folder, {k: take(v, rows) for k, v in inputs.items()}, threads, tmp)
                for name, tensor in got.items():
                    if tensor[2] != take(whole[name], rows)[2]:
                        sys.exit(f"{folder}: {name} differs for {len(rows)} rows on {threads} threads")
    print(os.path.basename(folder), "has the same bits in 14 runs")
