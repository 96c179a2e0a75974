#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""expert-forms.py FILE.mlir FOLDER [--few] [MOE-RUN-FLAG...]: each function against its formula.

The formulas are written here once more, in double and without any of moec's
code, and run for 0, 1, 7 and 19 tokens (0 and 7 for --few); some experts get no
row, and in one run all rows go to one expert. Arguments are multiples of 1/4.
"""
import json
import math
import os
import random
import re
import struct
import subprocess
import sys

E, C, H, D = 8, 4, 12, 10


def save(path, tensors):
    head, body = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}{'i' if dtype == 'I32' else 'f'}", *values)
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    made = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            raw = data[8 + size + begin:8 + size + end]
            made[name] = (entry["shape"], struct.unpack(f"<{len(raw) // 4}f", raw))
    return made


def nested(shape, values):
    if not shape:
        return values[0]
    step = math.prod(shape[1:])
    return [nested(shape[1:], values[i * step:(i + 1) * step]) for i in range(shape[0])]


def flat(tensor):
    return [value for part in tensor for value in flat(part)] if isinstance(tensor, list) else [tensor]


def times(matrix, vector):
    """matrix [n, k] times vector [k]."""
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def plus(a, b, factor=1.0):
    return [x + factor * y for x, y in zip(a, b)]


def relu2(vector):
    return [max(value, 0.0) ** 2 for value in vector]


def combined(ids, weights, size, rows, start=None):
    """For each token the sum over its slots of weight * rows(token, slot, expert)."""
    result = []
    for t, experts in enumerate(ids):
        total = list(start[t]) if start else [0.0] * size
        for j, e in enumerate(experts):
            if e >= 0:
                total = plus(total, rows(t, j, e), weights[t][j] if weights else 1.0)
        result.append(total)
    return result


def slots(x, ids, w, a, wq, wo):
    q = [[[w[t][j] * v for v in times(wq[e], x[t])] if e >= 0 else [0.0] * D for j, e in enumerate(ids[t])]
         for t in range(len(x))]
    s = [[[u * v for u, v in zip(q[t][j], a[t][j])] for j in range(3)] for t in range(len(x))]
    return {"q": q, "y": combined(ids, w, H, lambda t, j, e: times(wo[e], s[t][j]))}


def virtual(x, ids, w, init, up, c):
    def expert(t, j, e):
        row = [w[t][j] * value for value in x[t]]
        if e == 0 or e == 7:
            return [0.0] * H  # elsewhere; zero
        if e in (2, 3):
            return row
        if e in (4, 5):
            return c[e - 4]
        return relu2(times(up[0 if e == 1 else 1], row))
    return {"y": combined(ids, w, H, expert, init), "plain": combined(ids, None, H, expert)}


def picks(x, chosen, w, init, up):
    y, scaled = [list(row) for row in init], [[0.0] * H for _ in x]
    for e in range(E):
        for c in range(C):
            t = chosen[e][c]
            if t >= 0:
                y[t] = plus(y[t], relu2(times(up[e], x[t])), w[e][c])
                scaled[t] = plus(scaled[t], x[t], w[e][c])
    return {"y": y, "scaled": scaled}


def layouts(x, ids, w, up):
    count, kept = [0] * E, []
    for row in ids:
        kept.append([])
        for e in row:
            kept[-1].append(e if e >= 0 and count[e] < 5 else -1)
            if e >= 0:
                count[e] += 1
    whole = combined(ids, w, H, lambda t, j, e: times(up[e], x[t]))
    return {"aligned": whole, "dense": whole, "padded": combined(kept, w, H, lambda t, j, e: times(up[e], x[t]))}


def soft(x, d, c, up):
    rows = [[[sum(d[t][e][p] * x[t][h] for t in range(len(x))) for h in range(H)] for p in range(2)] for e in range(4)]
    out = [[relu2(times(up[e], rows[e][p])) for p in range(2)] for e in range(4)]
    return {"y": [[sum(c[t][e][p] * out[e][p][h] for e in range(4) for p in range(2)) for h in range(H)]
                  for t in range(len(x))]}


def merge(x, gates, offsets, up):
    merged = [[[sum(gates[m][e] * up[e][n][k] for e in range(E)) for k in range(H)] for n in range(H)]
              for m in range(4)]
    segment = lambda t: next(m for m in range(4) if offsets[m] <= t < offsets[m + 1])
    return {"y": [times(merged[segment(t)], x[t]) for t in range(len(x))]}


def gates(x, ids, w0, w1, up):
    rows = lambda t, j, e: times(up[e], x[t])
    return {"y0": combined(ids, w0, H, rows), "y1": combined(ids, w1, H, rows)}


def norm(x, ids, w, up, scale):
    def expert(t, j, e):
        a = times(up[e], x[t])
        root = math.sqrt(sum(v * v for v in a) / H + 1e-6)
        return [v / root * s for v, s in zip(a, scale[e])]
    y = combined(ids, w, H, expert)
    return {"y": y, "twice": [[2 * v for v in row] for row in y]}


def lora(x, ids, w, up, a, b, down, bias):
    def expert(t, j, e):
        h = relu2(plus(times(up[e], x[t]), times(b[e], times(a[e], x[t])), 2.0))
        return plus(times(down[e], h), bias[e])
    return {"y": combined(ids, w, H, expert)}


def molora(x, ids, p, base, a, b):
    return {"y": combined(ids, p, D, lambda t, j, e: times(b[e], times(a[e], x[t])),
                          [times(base, row) for row in x])}


def mov(a, p, v):
    return {"y": [[a[t][h] * sum(p[t][e] * v[e][h] for e in range(E)) for h in range(H)] for t in range(len(a))]}


def mixlora(x, ids, w, up, a, b, down):
    def expert(t, j, e):
        return times(down, relu2(plus(times(up, x[t]), times(b[e], times(a[e], x[t])))))
    return {"y": combined(ids, w, H, expert)}


def hidden(x, ids, w, up, down):
    return {"y": combined(ids, None, H,
                          lambda t, j, e: times(down[e], [w[t][j][0] * v for v in relu2(times(up[e], x[t]))]))}


def exotic(x, router, bias, gate, up, down, a, b, sup, sdown):
    clamp = lambda value, low: max(low, min(value, 7.0))
    y = []
    for row in x:
        scores = [math.sqrt(math.log1p(math.exp(-abs(l))) + max(l, 0.0)) for l in times(router, row)]
        chosen = [s + c for s, c in zip(scores, bias)]
        kept = max((0, 4), key=lambda first: sum(sorted(chosen[first:first + 4])[-2:]))
        ids = sorted(range(kept, kept + 4), key=lambda e: (-chosen[e], e))[:3]
        total = sum(scores[e] for e in ids) + 1e-20
        out = times(sdown, relu2(times(sup, row)))
        for e in ids:
            made = row
            if e not in (3, 4):
                own = e if e < 3 else e - 2
                g = plus(times(gate[own], row), times(b[own], times(a[own], row)), 0.5)
                u = times(up[own], row)
                g, u = [min(v, 7.0) for v in g], [clamp(v, -7.0) for v in u]
                made = times(down[own], [p * (q + 1.0) / (1.0 + math.exp(-1.702 * p)) for p, q in zip(g, u)])
            out = plus(out, made, 1.5 * scores[e] / total)
        y.append(out)
    return {"y": y}


def argument(name, shape, tokens, one):
    if name == "ids":
        rows = []
        for _ in range(tokens):
            row = random.sample(range(E), shape[1])
            if shape[1] < E:
                row = [-1 if random.random() < 0.2 else e for e in row if e != 6] + [-1] * row.count(6)
            rows += [5] + [-1] * (shape[1] - 1) if one and shape[1] < E else row
        return "I32", rows
    if name == "picks":
        rows = []
        for _ in range(E):
            row = random.sample(range(tokens), min(C, tokens))
            rows += [-1 if random.random() < 0.1 else t for t in row] + [-1] * (C - len(row))
        return "I32", rows
    if name == "offsets":
        inner = sorted(random.randrange(tokens + 1) for _ in range(3))
        return "I32", [0] + inner + [tokens]
    return "F32", [random.randrange(-6, 7) / 4 for _ in range(math.prod(shape))]


def main(source, folder, flags):
    random.seed(7)
    runs = [(19, False), (7, False), (1, False), (0, False), (19, True)]
    if "--few" in flags:
        flags.remove("--few")
        runs = [(7, False), (0, False)]
    with open(source, encoding="utf-8") as file:
        functions = re.findall(r"func\.func @(\w+)\((.*?)\)\s*->", file.read(), re.S)
    for name, arguments in functions:
        worst = 0.0
        for tokens, one in runs:
            tensors, values = {}, []
            for number, (called, sizes, _) in enumerate(
                    re.findall(r"%(\w+): tensor<((?:[?\d]+x)+)(\w+)>", arguments)):
                named = re.search(f'%{called}: tensor<[^{{%]*{{moe.name = "(\\w+)"', arguments)
                shape = [tokens if size == "?" else int(size) for size in sizes.split("x")[:-1]]
                dtype, numbers = argument(called, shape, tokens, one)
                tensors[named[1] if named else f"arg{number}"] = (dtype, shape, numbers)
                values.append(nested(shape, numbers))
            given, got = f"{folder}/{name}.safetensors", f"{folder}/{name}-result.safetensors"
            save(given, tensors)
            done = subprocess.run(["moe-run", source, f"--function={name}", f"--args={given}", f"--output={got}"] + flags,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                sys.exit(f"{name}: {done.stdout}")
            results, expected = load(got), globals()[name](*values)
            assert sorted(results) == sorted(expected), (name, sorted(results))
            for result, want in expected.items():
                have, want = results[result][1], flat(want)
                assert len(have) == len(want), (name, result, len(have), len(want))
                if not all(map(math.isfinite, have)):
                    sys.exit(f"{name}: {result} is not finite for {tokens} tokens")
                size = math.sqrt(sum(v * v for v in want))
                error = math.sqrt(sum((a - b) ** 2 for a, b in zip(have, want)))
                worst = max(worst, error / size if size else error)
        print(f"{name}: {'ok' if worst < 2e-6 else 'wrong'}" + (f" {worst:.1e}" if worst >= 2e-6 else ""))


if __name__ == "__main__":
    os.makedirs(sys.argv[2], exist_ok=True)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
