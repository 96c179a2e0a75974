#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""gguf.py FOLDER [ARGUMENT...]: GGUF files of several architectures and types,
and what their layers give by formula. ARGUMENTs go to moe-run.

Blocks are made of random codes and decoded here, in the words of the format.
"""
import os
import random
import struct
import subprocess
import sys

from families import E, flat, matrix, save, shape, sigmoid, silu, softmax, times

H, I, T, K = 256, 256, 5, 2


def f16(x):
    return struct.pack("<e", x)


def f16_value(x):
    return struct.unpack("<e", struct.pack("<e", x))[0]


def codes(count):
    return bytes(random.randrange(256) for _ in range(count))


def q8_0(_):
    scale, body = f16_value(random.uniform(0.001, 0.003)), codes(32)
    return f16(scale) + body, [scale * (b - 256 * (b > 127)) for b in body]


def q4_0(_):
    scale, body = f16_value(random.uniform(0.02, 0.04)), codes(16)
    return f16(scale) + body, [scale * ((b >> shift & 15) - 8) for shift in (0, 4) for b in body]


def mxfp4(_):
    values = [0, .5, 1, 1.5, 2, 3, 4, 6]
    values += [-v for v in values]
    exponent, body = random.randrange(121, 124), codes(16)
    return bytes([exponent]) + body, [values[b >> shift & 15] * 2.0 ** (exponent - 127)
                                      for shift in (0, 4) for b in body]


def q4_k(_):
    """256 elements in eight parts, of six-bit scales and minima."""
    whole, least = f16_value(random.uniform(1e-4, 3e-4)), f16_value(random.uniform(1e-3, 2e-3))
    scales = [random.randrange(64) for _ in range(8)]
    minima = [random.randrange(64) for _ in range(8)]
    packed = ([scales[j] | scales[j + 4] >> 4 << 6 for j in range(4)]
              + [minima[j] | minima[j + 4] >> 4 << 6 for j in range(4)]
              + [scales[j + 4] & 15 | (minima[j + 4] & 15) << 4 for j in range(4)])
    body = codes(128)
    out = []
    for j in range(8):
        part = body[j // 2 * 32:j // 2 * 32 + 32]
        out += [whole * scales[j] * (b >> (j % 2 * 4) & 15) - least * minima[j] for b in part]
    return f16(whole) + f16(least) + bytes(packed) + body, out


def f32(row):
    return struct.pack("<f", row[0]), [row[0]]


def bf16(row):
    raw = struct.pack("<f", row[0])[2:]
    return raw, [struct.unpack("<f", b"\0\0" + raw)[0]]


TYPES = {"F32": (0, 1, f32), "Q4_0": (2, 32, q4_0), "Q8_0": (8, 32, q8_0),
         "Q4_K": (12, 256, q4_k), "BF16": (30, 1, bf16), "MXFP4": (39, 32, mxfp4)}


def coded(values, kind):
    """Bytes of a tensor and its values; random ones in blocks."""
    _, size, make = TYPES[kind]
    rows = flat(values)
    raw, out = b"", []
    for start in range(0, len(rows), size):
        part, decoded = make(rows[start:start + size])
        raw += part
        out += decoded
    return raw, folded(out, shape(values))


def folded(values, sizes):
    if len(sizes) == 1:
        return values
    step = len(values) // sizes[0]
    return [folded(values[i * step:(i + 1) * step], sizes[1:]) for i in range(sizes[0])]


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def write(path, keys, tensors):
    """tensors: name -> (type, shape, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for key, value in keys.items():
        head += text(key)
        head += (struct.pack("<I", 8) + text(value) if isinstance(value, str) else
                 struct.pack("<IB", 7, value) if isinstance(value, bool) else
                 struct.pack("<If", 6, value) if isinstance(value, float) else
                 struct.pack("<II", 4, value))
    body = b""
    for name, (kind, sizes, raw) in tensors.items():
        body += b"\0" * (-len(body) % 32)
        head += text(name) + struct.pack("<I", len(sizes))
        head += b"".join(struct.pack("<Q", size) for size in reversed(sizes))
        head += struct.pack("<IQ", TYPES[kind][0], len(body))
        body += raw
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32) + body)


def clamped(gate, up):
    gate, up = min(gate, 7.0), max(min(up, 7.0), -7.0)
    return gate * sigmoid(1.702 * gate) * (up + 1)


def mlp(x, parts, biases, act):
    def linear(number, x):
        return [a + b for a, b in zip(times(parts[number], x), biases[number])]
    return linear(2, [act(g, u) for g, u in zip(linear(0, x), linear(1, x))])


def route(case, logits, bias):
    """ids and weights of one token."""
    score = case.get("score", "softmax")
    scores = ([sigmoid(l) for l in logits] if score == "sigmoid" else
              softmax(logits) if score == "softmax" else logits)
    choice = [s + b for s, b in zip(scores, bias)]
    if "groups" in case:  # by their best, and the others count as 0
        count, keep = case["groups"]
        size = E // count
        best = sorted(range(count), key=lambda g: -max(choice[g * size:(g + 1) * size]))[:keep]
        choice = [c if e // size in best else 0.0 for e, c in enumerate(choice)]
    ids = sorted(range(E), key=lambda e: -choice[e])[:K]
    weights = [scores[e] for e in ids]
    if score == "kept softmax":
        weights = softmax(weights)
    elif score == "kept sigmoid":
        weights = [sigmoid(w) for w in weights]
    total = sum(weights) if case.get("norm") else 1.0
    return ids, [w / total * case.get("scale", 1.0) for w in weights]


SIZES = {"block_count": 1, "embedding_length": H, "expert_count": E, "expert_used_count": K,
         "expert_feed_forward_length": I}
CASES = {
    "llama": dict(types=("Q4_K", "Q4_K", "Q8_0"), keys={}, norm=True),
    "qwen2moe": dict(types=("Q8_0", "Q4_0", "Q4_0"), shared=32, sigma=True,
                     keys={"expert_shared_feed_forward_length": 32}),
    "deepseek2": dict(types=("BF16", "MXFP4", "Q4_K"), score="sigmoid", bias=True, norm=True,
                      scale=2.5, shared=I,
                      keys={"expert_gating_func": 2, "expert_weights_norm": True,
                            "expert_weights_scale": 2.5, "expert_shared_count": 1}),
    "deepseek2 v2": dict(types=("Q8_0", "Q8_0", "Q4_K"), scale=16.0, shared=2 * I, groups=(4, 2),
                         keys={"expert_gating_func": 1, "expert_weights_norm": False,
                               "expert_weights_scale": 16.0, "expert_shared_count": 2,
                               "expert_group_count": 4, "expert_group_used_count": 2}),
    "olmoe": dict(types=("Q4_0", "Q8_0", "Q8_0"), keys={}),
    "qwen3next": dict(types=("Q4_K", "Q8_0", "BF16"), norm=True, shared=32, sigma=True,
                      keys={"expert_shared_feed_forward_length": 32}),
    "minimax-m2": dict(types=("Q8_0", "Q8_0", "Q4_K"), score="sigmoid", bias=True, norm=True,
                       keys={"expert_gating_func": 2}),
    "gpt-oss": dict(types=("MXFP4", "MXFP4", "MXFP4"), score="kept softmax", act=clamped,
                    biases=True, keys={}),
    "llama4": dict(types=("Q8_0", "Q4_0", "Q8_0"), score="kept sigmoid", weigh_input=True,
                   shared=I, keys={}),
}


def make(folder):
    """Every case's file, input and expectation."""
    os.makedirs(folder, exist_ok=True)
    for number, (name, case) in enumerate(CASES.items()):
        random.seed(number)
        arch, at = name.split()[0], f"{folder}/{name.replace(' ', '-')}"
        path = f"{at}.gguf"
        tensors, value = {}, {}

        def add(name, values, kind):
            raw, value[name] = coded(values, kind)
            tensors[f"blk.0.{name}"] = (kind, shape(values), raw)

        add("ffn_gate_inp.weight", matrix(E, H, 0.1), "F32")
        for name, kind, (n, k) in zip(("gate", "up", "down"), case["types"],
                                      ((I, H), (I, H), (H, I))):
            add(f"ffn_{name}_exps.weight", [matrix(n, k, 0.05) for _ in range(E)], kind)
        if case.get("bias"):
            add("exp_probs_b.bias", matrix(1, E, 0.2)[0], "F32")
        if case.get("biases"):
            add("ffn_gate_inp.bias", matrix(1, E, 0.2)[0], "F32")
            for name, n in (("gate", I), ("up", I), ("down", H)):
                add(f"ffn_{name}_exps.bias", matrix(E, n, 0.2), "F32")
        if "shared" in case:
            width = case["shared"]
            for name, (n, k) in (("gate", (width, H)), ("up", (width, H)), ("down", (H, width))):
                add(f"ffn_{name}_shexp.weight", matrix(n, k, 0.05), "Q8_0")
        if case.get("sigma"):
            add("ffn_gate_inp_shexp.weight", matrix(1, H, 0.1)[0], "F32")
        keys = {"general.architecture": arch}
        keys.update({f"{arch}.{key}": v for key, v in dict(SIZES, **case["keys"]).items()})
        write(path, keys, tensors)

        out = {"hidden_states": [], "router_logits": [], "topk_ids": [], "topk_weights": []}
        tokens = matrix(T, H, 1.0)
        parts = ("gate", "up", "down")
        none = [[0.0] * n for n in (I, I, H)]
        for x in tokens:
            logits = [l + b for l, b in zip(times(value["ffn_gate_inp.weight"], x),
                                            value.get("ffn_gate_inp.bias", [0.0] * E))]
            ids, weights = route(case, logits, value.get("exp_probs_b.bias", [0.0] * E))
            y = [0.0] * H
            for e, weight in zip(ids, weights):
                inner, outer = (weight, 1.0) if case.get("weigh_input") else (1.0, weight)
                biases = [value.get(f"ffn_{part}_exps.bias", {}) for part in parts]
                one = mlp([inner * v for v in x],
                          [value[f"ffn_{part}_exps.weight"][e] for part in parts],
                          [b[e] if b else n for b, n in zip(biases, none)],
                          case.get("act", silu))
                y = [a + outer * b for a, b in zip(y, one)]
            if "shared" in case:
                factor = (sigmoid(times([value["ffn_gate_inp_shexp.weight"]], x)[0])
                          if case.get("sigma") else 1.0)
                one = mlp(x, [value[f"ffn_{part}_shexp.weight"] for part in parts],
                          [[0.0] * case["shared"]] * 2 + [[0.0] * H], silu)
                y = [a + factor * b for a, b in zip(y, one)]
            for name, item in zip(out, (y, logits, ids, weights)):
                out[name].append(item)
        save(f"{at}-input.safetensors", {"hidden_states": tokens})
        save(f"{at}-expect.safetensors", out)


def main(folder, arguments):
    make(folder)
    for arch in CASES:
        at = f"{folder}/{arch.replace(' ', '-')}"
        run = subprocess.run(["moe-run", f"{at}.gguf", f"--input={at}-input.safetensors",
                              f"--expect={at}-expect.safetensors", "--rtol=1e-5"]
                             + arguments, capture_output=True, text=True, check=False)
        good = run.returncode == 0 and "  ok (tolerance" in run.stdout
        print(f"{arch}: " + ("ok" if good else run.stdout + run.stderr), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
