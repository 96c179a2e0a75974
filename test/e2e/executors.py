#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""executors.py FILE.mlir FOLDER [reference]: each function on the CPU and on CUDA
kernels; with `reference` also by the interpreter, up to more roundings.

Functions take 19 tokens. Logits (%l) are multiples of 1/8, so that there are
ties, and some rows hold what is hard: nothing but NaN, some NaN, infinities,
zeros of both signs, equal logits. Integers are -1 to 7. Other floats are random.
"""
import json
import math
import random
import re
import struct
import subprocess
import sys

INTEGERS = {"I32": "i", "I64": "q", "BOOL": "?"}
NAN, INFINITY = float("nan"), float("inf")


def save(path, tensors):
    head, body = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape,
                      "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def load(path):
    """Values of all tensors."""
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = data[8 + size + begin:8 + size + end]
        if entry["dtype"] == "BF16":
            raw = b"".join(b"\0\0" + raw[i:i + 2] for i in range(0, len(raw), 2))
        code = "i" if entry["dtype"] == "I32" else "f"
        tensors[name] = struct.unpack(f"<{len(raw) // 4}{code}", raw)
    return tensors


def packed(dtype, values):
    singles = [struct.pack("<f", value) for value in values]
    return b"".join(single[2:] if dtype == "BF16" else single for single in singles)


def logits(width):
    rows = [[round(random.gauss(0, 2) * 8) / 8 for _ in range(width)]
            for _ in range(19)]
    rows[1] = [NAN] * width
    rows[2][::3] = [NAN] * len(rows[2][::3])
    rows[3] = [-INFINITY] * width
    rows[4][:2] = [-0.0, 0.0]
    rows[5] = [1.0] * width
    rows[6][width // 2] = -INFINITY
    rows[7] = [NAN] * (width - 2) + [1.0, 2.0]
    rows[8][0] = INFINITY
    return [value for row in rows for value in row]


def same(x, y, tolerance):
    if isinstance(x, int):
        return x == y
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y or abs(x - y) <= tolerance * abs(x)


def argument(name, shape, dtype):
    count = math.prod(shape)
    if name == "l":
        return packed(dtype, logits(shape[1]))
    if dtype in INTEGERS:
        values = [random.randrange(2) if dtype == "BOOL" else random.randrange(-1, 8)
                  for _ in range(count)]
        return struct.pack(f"<{count}{INTEGERS[dtype]}", *values)
    return packed(dtype, [round(random.gauss(0, 1) * 4) / 4 for _ in range(count)])


def main(source, folder, reference=None):
    kernels = [["--executor=cpu"], ["--executor=cuda-sim", "--target=sm_80"]]
    executors = ([["--executor=reference"]] if reference else []) + kernels
    random.seed(4)
    with open(source, encoding="utf-8") as file:
        functions = re.findall(r"func\.func @(\w+)\((.*?)\) ->", file.read())
    for name, arguments in functions:
        tensors = {}
        for number, (argument_name, sizes, element) in enumerate(
                re.findall(r"%(\w+): tensor<((?:[?\d]+x)+)(\w+)>", arguments)):
            shape = [19 if size == "?" else int(size) for size in sizes.split("x")[:-1]]
            dtype = {"i1": "BOOL"}.get(element, element.upper())
            tensors[f"arg{number}"] = (dtype, shape, argument(argument_name, shape, dtype))
        save(f"{folder}/{name}.safetensors", tensors)
        results = []
        for executor in executors:
            output = f"{folder}/{name}-{len(results)}.safetensors"
            subprocess.run(["moe-run", source, f"--function={name}", "--random-weights=1",
                            f"--args={folder}/{name}.safetensors",
                            f"--output={output}"] + executor,
                           check=True, stdout=subprocess.DEVNULL)
            results.append(load(output))
        wrong = [(tensor, i, x, y) for tensor, values in results[0].items()
                 for other in results[1:]
                 for i, (x, y) in enumerate(zip(values, other[tensor]))
                 if not same(x, y, 1e-5 if reference else 2e-6)]
        print(f"{name}: " + (f"differs: {wrong[:3]}" if wrong else "same"))


if __name__ == "__main__":
    main(*sys.argv[1:])
