#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes seed corpora for the fuzzers into DIR/<target>/.

Seeds are made, not stored: each is a few lines here, and a fuzzer finds its way
from them faster than from a real checkpoint's bulk.
"""
import json
import os
import struct
import sys


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS = {
    "empty": safetensors({}),
    "one": safetensors({"a": tensor("F32", [1, 2], 0, 8)}, bytes(8)),
    "two": safetensors(
        {
            "__metadata__": {"format": "pt"},
            "b": tensor("BF16", [2], 0, 4),
            "a": tensor("U8", [], 4, 5),
        },
        bytes(range(5)),
    ),
    "types": safetensors(
        {
            "f64": tensor("F64", [1], 0, 8),
            "i64": tensor("I64", [1], 8, 16),
            "i32": tensor("I32", [1], 16, 20),
            "f16": tensor("F16", [1], 20, 22),
            "i16": tensor("I16", [1], 22, 24),
            "e4m3": tensor("F8_E4M3", [1], 24, 25),
            "e5m2": tensor("F8_E5M2", [1], 25, 26),
            "e8m0": tensor("F8_E8M0", [1], 26, 27),
            "i8": tensor("I8", [1], 27, 28),
            "bool": tensor("BOOL", [1], 28, 29),
            "c64": tensor("C64", [0], 29, 29),
        },
        bytes(range(29)),
    ),
    "padded": safetensors(b'{"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}}   '),
    "overlap": safetensors({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6)),
    "large": safetensors({"a": tensor("U8", [1 << 32, 1 << 32], 0, 0)}),
    "length": struct.pack("<Q", 1 << 63) + b"{}",
    "lfs": b"version https://git-lfs.github.com/spec/v1\n",
}



def gguf(keys, tensors, data):
    def text(value):
        return struct.pack("<Q", len(value)) + value
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, kind, value in keys:
        head += text(key) + struct.pack("<I", kind) + value
    for name, dims, kind, offset in tensors:
        head += text(name) + struct.pack("<I", len(dims))
        head += b"".join(struct.pack("<Q", dim) for dim in dims) + struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % 32) + data


GGUF = {
    "empty": gguf([], [], b""),
    "keys": gguf(
        [
            (b"general.architecture", 8, struct.pack("<Q", 5) + b"llama"),
            (b"general.alignment", 4, struct.pack("<I", 64)),
            (b"f", 6, struct.pack("<f", 1.5)),
            (b"b", 7, b"\1"),
            (b"a", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 0, 2) + b"xy"),
        ],
        [],
        b"",
    ),
    "blocks": gguf(
        [],
        [(b"q8", [32, 2], 8, 0), (b"q4k", [256], 12, 96), (b"q6k", [256], 14, 256)],
        bytes(range(256)) * 2,
    ),
    "behind": gguf([], [(b"f", [1 << 40], 0, 0)], bytes(8)),
}

CONFIG = {
    "flat": json.dumps(
        {
            "model_type": "qwen3_moe",
            "num_experts": 128,
            "num_experts_per_tok": 8,
            "rms_norm_eps": 1e-6,
            "norm_topk_prob": True,
            "mlp_only_layers": [],
            "rope_scaling": None,
        }
    ).encode(),
    "nested": json.dumps(
        {
            "text_config": {"num_local_experts": 16},
            "quantization_config": {"weight_block_size": [128, 128]},
            "architectures": ["A"],
        }
    ).encode(),
    "python": b'{"limit": [0.0, Infinity], "low": -Infinity, "n": NaN, "s": "\\u00e4\\n"}',
    "big": b'[18446744073709551615, -9223372036854775808, 1e400, 0.1e-5]',
    "deep": b"[" * 70,
    "twice": b'{"a": 1, "a": 2}',
}

INDEX = {
    "two": json.dumps(
        {
            "metadata": {"total_size": 8},
            "weight_map": {
                "model.layers.0.mlp.gate.weight": "model-00001-of-00002.safetensors",
                "b": "model-00002-of-00002.safetensors",
            },
        }
    ).encode(),
    "outside": b'{"weight_map": {"a": "../x.safetensors"}}',
    "zero": b'{"weight_map": {"a": "x\\u0000.safetensors"}}',
    "type": b'{"weight_map": [1]}',
}


# Changes to the package that FuzzPackage makes itself.
PACKAGE = {"sample": b"\x01", "changed": b"\x01\x00\x10\x05\x02\x00\xff", "raw": bytes(64)}


def main():
    for target, seeds in (
        ("Safetensors", SAFETENSORS),
        ("Config", CONFIG),
        ("Gguf", GGUF),
        ("Index", INDEX),
        ("Package", PACKAGE),
    ):
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for name, content in seeds.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)


if __name__ == "__main__":
    main()
