#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""graphs.py FOLDER: graphs that front ends exported, compiled as they are, against what float64 gives; with five tokens too where their
count is dynamic."""
import json
import os
import struct
import subprocess
import sys
import tempfile

GOLDENS = {"hf-deepseek-v3": "hf-deepseek-v3", "jax": "jax-gated", "torch-gshard": "torch-gshard",
           "torch-masked": "torch-plain", "torch-route": "torch-route", "torch-sort": "torch-plain"}


def load(path):
    """The tensors of a file, as (dtype, shape, bytes), and its metadata."""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    metadata = head.pop("__metadata__")
    return {name: (t["dtype"], t["shape"], data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]])
            for name, t in head.items()}, metadata


def save(path, tensors):
    head, body = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def main():
    folder, held = sys.argv[1], 0
    with tempfile.TemporaryDirectory() as tmp:
        args, expected = os.path.join(tmp, "args"), os.path.join(tmp, "expected")
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".mlir"):
                continue
            golden = os.path.join(folder, next(g for p, g in GOLDENS.items() if name.startswith(p)) + ".safetensors")
            tensors, metadata = load(golden)
            names = metadata["args"].split(",")
            for suffix in ["", "_t5"] if "-dynamic" in name else [""]:
                save(args, {f"arg{i}": tensors[n + suffix if i == 0 else n] for i, n in enumerate(names)})
                save(expected, {f"result{i}": tensors[y + suffix] for i, y in enumerate(["y64", "y64_1"]) if y + suffix in tensors})
                subprocess.run(["moe-run", os.path.join(folder, name), "--function=main", f"--args={args}", f"--expect={expected}", "--rtol=1e-5"],
                               check=True, stdout=subprocess.DEVNULL)
                held += 1
    print(f"{held} runs agree")


main()
