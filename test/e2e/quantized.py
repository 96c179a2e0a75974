#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""quantized.py DIR FORMAT EXECUTOR...: the layer of DIR with random codes and
scales of a format for its experts gives, on each executor, what it gives in f32
on the weights that the format's formula makes of them. An executor is the text
of its flags: "cuda-sim --target=sm_80"."""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

FP4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
FP4 += [-x for x in FP4]
R = random.Random(7)


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


def pack(letter, values):
    return struct.pack(f"<{len(values)}{letter}", *values)


def e4m3(code):
    exponent, mantissa = code >> 3 & 15, code & 7
    value = (8 + mantissa) * 2.0 ** (exponent - 10) if exponent else mantissa * 2.0 ** -9
    return -value if code & 128 else value


def floats(count, scale):
    """Numbers that f32 and f16 hold."""
    return [scale * R.randint(64, 127) / 64 for _ in range(count)]


def nibbles(rows, columns, at):
    """i32 words of 8 codes along columns, low first."""
    words = []
    for r in range(rows):
        for c in range(0, columns, 8):
            words.append(sum(at(r, c + j) << 4 * j for j in range(8) if c + j < columns))
    return pack("I", words)


# What a format stores for a matrix [n, k]: (suffix -> tensor, decoded).

def channel(n, k, code, dtype, letter, decode):
    codes = [code() for _ in range(n * k)]
    scales = floats(n, 2.0 ** -9)
    return ({"weight": (dtype, [n, k], pack(letter, codes)), "weight_scale": ("F32", [n, 1], pack("f", scales))},
            [decode(codes[r * k + c]) * scales[r] for r in range(n) for c in range(k)])


def fp8_code():
    return R.choice([code for code in range(256) if code & 127 < 96])


def fp8_channel(n, k):
    return channel(n, k, fp8_code, "F8_E4M3", "B", e4m3)


def fp8_tensor(n, k):
    codes, scale = [fp8_code() for _ in range(n * k)], floats(1, 2.0 ** -5)[0]
    return ({"weight": ("F8_E4M3", [n, k], pack("B", codes)), "weight_scale": ("F32", [], pack("f", [scale])),
             "input_scale": ("F32", [], pack("f", [3.0]))}, [e4m3(code) * scale for code in codes])


def int8(n, k):
    return channel(n, k, lambda: R.randint(-128, 127), "I8", "b", float)


def int4(n, k, zeros=False, ordered=False):
    group = 16
    groups = -(-k // group)
    code = [[R.randint(0, 15) for _ in range(k)] for _ in range(n)]
    zero = [[R.randint(0, 15) if zeros else 8 for _ in range(groups)] for _ in range(n)]
    scale = floats(n * groups, 2.0 ** -6)
    of = [R.randrange(groups) if ordered else c // group for c in range(k)]
    tensors = {"weight_packed": ("I32", [n, -(-k // 8)], nibbles(n, k, lambda r, c: code[r][c])),
               "weight_scale": ("F16", [n, groups], pack("e", scale)), "weight_shape": ("I64", [2], pack("q", [n, k]))}
    if zeros:  # along rows: [n / 8, groups]
        words = [sum(zero[r + j][g] << 4 * j for j in range(8) if r + j < n) for r in range(0, n, 8) for g in range(groups)]
        tensors["weight_zero_point"] = ("I32", [-(-n // 8), groups], pack("I", words))
    if ordered:
        tensors["weight_g_idx"] = ("I32", [k], pack("i", of))
    return tensors, [(code[r][c] - zero[r][of[c]]) * scale[r * groups + of[c]] for r in range(n) for c in range(k)]


def nvfp4(n, k, divisor):
    codes = [R.randint(0, 15) for _ in range(n * k)]
    scales = [R.randint(64, 110) for _ in range(n * k // 16)]
    second = R.uniform(0.001, 0.002)
    second = struct.unpack("f", struct.pack("f", 1 / second if divisor else second))[0]
    raw = pack("B", [codes[i] | codes[i + 1] << 4 for i in range(0, n * k, 2)])
    name = ("weight_packed", "weight_global_scale") if divisor else ("weight", "weight_scale_2")
    values = [FP4[code] * e4m3(scales[i // 16]) for i, code in enumerate(codes)]
    return ({name[0]: ("U8", [n, k // 2], raw), "weight_scale": ("F8_E4M3", [n, k // 16], pack("B", scales)),
             name[1]: ("F32", [1] if divisor else [], pack("f", [second]))},
            [v / second if divisor else v * second for v in values])


def fp8_block(n, k, scale_type="F32", block=128):
    """Scales of powers of two, in the name and type that they are stored."""
    codes, across = [fp8_code() for _ in range(n * k)], -(-k // block)
    exponents = [R.randint(118, 122) for _ in range(-(-n // block) * across)]
    raw = pack("f", [2.0 ** (e - 127) for e in exponents]) if scale_type == "F32" else pack("B", exponents)
    name = "weight_scale_inv" if scale_type == "F32" else "scale"
    return ({"weight": ("F8_E4M3", [n, k], pack("B", codes)), name: (scale_type, [-(-n // block), across], raw)},
            [e4m3(codes[r * k + c]) * 2.0 ** (exponents[r // block * across + c // block] - 127)
             for r in range(n) for c in range(k)])


def fp4_rows(n, k):
    codes = [R.randint(0, 15) for _ in range(n * k)]
    exponents = [R.randint(120, 124) for _ in range(n * k // 32)]
    return ({"weight": ("I8", [n, k // 2], pack("B", [codes[i] | codes[i + 1] << 4 for i in range(0, n * k, 2)])),
             "scale": ("F8_E8M0", [n, k // 32], pack("B", exponents))},
            [FP4[code] * 2.0 ** (exponents[i // 32] - 127) for i, code in enumerate(codes)])


def compressed(layout, **weights):
    return {"quant_method": "compressed-tensors", "format": layout, "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}


def packed(symmetric):
    return compressed("pack-quantized", num_bits=4, type="int", strategy="group", group_size=16, symmetric=symmetric)


def fp8(block):
    return {"quant_method": "fp8", "weight_block_size": [block, block]}


FORMATS = {
    "fp8-channel": (fp8_channel, compressed("float-quantized", num_bits=8, type="float", strategy="channel", symmetric=True)),
    "fp8-tensor": (fp8_tensor, {"quant_method": "modelopt", "quant_algo": "FP8"}),
    "int8": (int8, compressed("int-quantized", num_bits=8, type="int", strategy="channel", symmetric=True)),
    "int4": (int4, packed(True)),
    "int4-zeros": (lambda n, k: int4(n, k, zeros=True), packed(False)),
    "int4-ordered": (lambda n, k: int4(n, k, zeros=True, ordered=True), packed(False)),
    "nvfp4": (lambda n, k: nvfp4(n, k, False), {"quant_method": "modelopt", "quant_algo": "NVFP4"}),
    "fp8-block": (lambda n, k: fp8_block(n, k, block=16), fp8(16)),
    "fp8-e8m0": (lambda n, k: fp8_block(n, k, "U8", 16), fp8(16)),
    "fp8-ue8m0": (lambda n, k: fp8_block(n, k, "F8_E8M0"), fp8(128)),
    "fp4-rows": (fp4_rows, fp8(128)),
    "nvfp4-divisor": (lambda n, k: nvfp4(n, k, True),
                      compressed("nvfp4-pack-quantized", num_bits=4, type="float", strategy="tensor_group", group_size=16)),
}


def main(source, name, executors):
    encode, config = FORMATS[name]
    coded, plain = {}, {}
    for tensor, value in load(os.path.join(source, "model.safetensors")).items():
        if ".experts." not in tensor:
            coded[tensor] = plain[tensor] = value
            continue
        if not tensor.endswith(".weight"):  # a scale of the codes that are replaced
            continue
        tensors, decoded = encode(*value[1])
        plain[tensor] = ("F32", value[1], pack("f", decoded))
        for suffix, stored in tensors.items():
            coded[tensor.removesuffix("weight") + suffix] = stored
    with tempfile.TemporaryDirectory() as tmp:
        settings = json.load(open(os.path.join(source, "config.json")))
        for folder, weights, extra in (("plain", plain, {}), ("coded", coded, {"quantization_config": config})):
            os.mkdir(os.path.join(tmp, folder))
            save(os.path.join(tmp, folder, "model.safetensors"), weights)
            json.dump({**settings, **extra}, open(os.path.join(tmp, folder, "config.json"), "w"))
        expect, inputs = os.path.join(tmp, "expect.safetensors"), os.path.join(source, "input-T7.safetensors")
        subprocess.run(["moe-run", os.path.join(tmp, "plain"), f"--input={inputs}", f"--output={expect}", "--executor=reference"],
                       check=True, stdout=subprocess.DEVNULL)
        for executor in executors:
            run = subprocess.run(["moe-run", os.path.join(tmp, "coded"), f"--input={inputs}", f"--expect={expect}", "--rtol=1e-5"]
                                 + f"--executor={executor}".split(), capture_output=True, text=True)
            if run.returncode or "ok (tolerance 1e-05)" not in run.stdout:
                sys.exit(f"{name} on {executor}: {run.stdout}{run.stderr}")
            print(f"{name} on {executor}: ok")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
