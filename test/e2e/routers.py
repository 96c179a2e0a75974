#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""routers.py FOLDER MOE-RUN-FLAGS...: Inputs/routers.mlir against formulas.

Each function runs with 0, 1 and 23 tokens; what it says is compared with the
router's formula, written out here in float64 from its publication.
"""
import math
import os
import random
import re
import struct
import subprocess
import sys

from executors import load, save

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "routers.mlir")
f32 = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]


def bf16(x):
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    bits += 0x7fff + (bits >> 16 & 1)
    return struct.unpack("<f", struct.pack("<I", bits & 0xffff0000))[0]


# Values of arguments, by name; T tokens.
def normal(*shape, scale=1.0):
    def one(dims):
        return [one(dims[1:]) if len(dims) > 1 else f32(random.gauss(0, scale))
                for _ in range(dims[0])]
    return one(shape)


def flat(value):
    return [x for row in value for x in flat(row)] if isinstance(value, list) else [value]


# Scores.
sigmoid = lambda x: 1 / (1 + math.exp(-x))
sqrtsoftplus = lambda x: math.sqrt(math.log1p(math.exp(x)))


def softmax(row):
    top = max(row)
    powers = [math.exp(x - top) for x in row]
    return [p / sum(powers) for p in powers]


# Picks and weights.
def top(row, k):
    return sorted(range(len(row)), key=lambda e: (-row[e], e))[:k]


def over_sum(weights, eps=0.0):
    return [w / (sum(weights) + eps) for w in weights]


def fill(ids, weights, k):
    return (ids + [-1] * (k - len(ids)), weights + [0.0] * (k - len(weights)))


def by_row(router):
    """A router of one token at a time: the other arguments row by row, too."""
    def all_rows(*arguments):
        rows = [router(*row) for row in zip(*arguments)]
        return [ids for ids, _ in rows], [weights for _, weights in rows]
    return all_rows


def sparse_mixer(row, eps):
    ids, weights = [], []
    left = dict(enumerate(row))
    for _ in range(2):
        best = max(left, key=lambda e: (left[e], -e))
        most = left[best]
        near = [math.exp(x) for x in left.values()
                if not (most - x) / max(abs(x), most) > 2 * eps]
        ids.append(best)
        weights.append(math.exp(most) / sum(near))
        del left[best]
    return ids, weights


def limited(ids, weights, cap, order, scope=None):
    """Slots in `order`, a list of (t, j) sorted by who comes first."""
    counts = {}
    ids, weights = [list(row) for row in ids], [list(row) for row in weights]
    for t, j in order:
        key = (t // scope if scope else 0, ids[t][j])
        if ids[t][j] < 0:
            continue
        counts[key] = counts.get(key, 0) + 1
        if counts[key] > cap:
            ids[t][j], weights[t][j] = -1, 0.0
    return ids, weights


def slots_of(ids, key):
    return sorted(((t, j) for t, row in enumerate(ids) for j in range(len(row))), key=key)


rank_major = lambda slot: (slot[1], slot[0])


def renormed(ids, weights, norm):
    return [[w / norm([v for v, e in zip(row, picks) if e >= 0]) if i >= 0 else 0.0
             for w, i in zip(row, picks)] for row, picks in zip(weights, ids)]


def offsets(ids, experts):
    counts = [sum(row.count(e) for row in ids) for e in range(experts)]
    return [sum(counts[:e]) for e in range(experts + 1)]


def inkling(logits, bias, joint=True):
    def one(row):
        scores = [sigmoid(x) for x in row]
        picks = top([s + b for s, b in zip(scores, bias)], 3)
        if joint:
            ids = picks + [8, 9]
            return ids, [1.25 * w for w in over_sum([scores[e] for e in ids])]
        routed = [1.25 * w for w in over_sum([scores[e] for e in picks])]
        return picks + [8, 9], routed + scores[8:]
    return by_row(one)(logits)


def deepseek_v4(scores, ids):
    return ids, [1.5 * w for w in over_sum([scores[e] for e in ids], 1e-20)]


def hashed(logits, table, tokens):
    def one(row, token):
        if token < 0:
            return [-1] * 6, [0.0] * 6
        return deepseek_v4([sqrtsoftplus(x) for x in row], table[token])
    return by_row(one)(logits, tokens)


def external(row, ids):
    scores = softmax(row)
    total = sum(scores[e] for e in ids if e >= 0)
    return ids, [scores[e] / total if e >= 0 else 0.0 for e in ids]


def nllb(logits, uniform):
    def one(row, u):
        scores = softmax(row)
        ids = top(scores, 2)
        if not 2 * scores[ids[1]] > u:
            ids.pop()
        return fill(ids, [scores[e] for e in ids], 2)
    ids, weights = by_row(one)(logits, uniform)
    ids, weights = limited(ids, weights, max(math.ceil(len(ids) / 5), 2), slots_of(ids, rank_major))
    weights = renormed(ids, weights, lambda kept: max(sum(kept), 1e-7))
    return ids, weights, offsets(ids, 8)


def gshard(logits, noise):
    def one(row, added):
        scores = softmax(row)
        first = top(scores, 1)[0]
        noisy = [-math.inf if e == first else s + n for e, (s, n) in enumerate(zip(scores, added))]
        ids = [first, top(noisy, 1)[0]]
        return ids, over_sum([scores[e] for e in ids])
    ids, weights = by_row(one)(logits, noise)
    places = max(math.floor(len(ids) * 2 / 8 + 0.5), 1)
    ids, weights = limited(ids, weights, places, slots_of(ids, rank_major))
    return ids, weights, offsets(ids, 8)


def gumbel(row, noise):
    ids = top([x + n for x, n in zip(row, noise)], 3)
    return ids, softmax([row[e] for e in ids])


def gemma4(logits, scale):
    def one(row):
        scores = softmax(row)
        ids = top(scores, 4)
        return ids, [w * scale[e] for w, e in zip(over_sum([scores[e] for e in ids]), ids)]
    return by_row(one)(logits)


def lp(score, p, eps):
    def one(row):
        scores = score(row)
        ids = top(scores, 4)
        norm = sum(scores[e] ** p for e in ids) ** (1 / p) + eps
        return ids, [scores[e] / norm for e in ids]
    return by_row(one)


def softmax_top(k):
    def one(row):
        scores = softmax(row)
        ids = top(scores, k)
        return ids, [scores[e] for e in ids]
    return by_row(one)


def v_moe(logits, priority):
    ids, weights = softmax_top(2)(logits)
    places = math.ceil(len(ids) * 2 / 16)
    places += places % 2
    ids, weights = limited(ids, weights, places,
                           slots_of(ids, lambda s: (s[1], -priority[s[0]], s[0])))
    return ids, weights, offsets(ids, 8)


def by_weight(logits):
    ids, weights = softmax_top(2)(logits)
    order = slots_of(ids, lambda s: (s[0] // 7, -weights[s[0]][s[1]], s))
    ids, weights = limited(ids, weights, 2, order, scope=7)
    weights = renormed(ids, weights, lambda kept: math.hypot(*kept) + 1e-3)
    return ids, weights, offsets(ids, 8)


def switch(logits):
    def one(row):
        scores = [bf16(s) for s in softmax(row)]
        ids = top(scores, 1)
        return ids, [scores[e] for e in ids]
    ids, weights = by_row(one)(logits)
    ids, weights = limited(ids, weights, 1, slots_of(ids, None), scope=5)
    return ids, weights, offsets(ids, 8)


def hunyuan_large(logits, places):
    ids, weights = softmax_top(1)(logits)
    cap = max(len(ids) // 4, 1)
    wanted = [row[0] for row in ids]
    ids, weights = limited(ids, weights, cap, slots_of(ids, rank_major))
    free = [p // cap for p in places
            if 0 <= p < 4 * cap and p % cap >= min(wanted.count(p // cap), cap)]
    for t, row in enumerate(ids):
        if row[0] < 0 and free:
            row[0] = free.pop(0)
            weights[t][0] = softmax(logits[t])[row[0]]
    return ids, weights, offsets(ids, 4)


def expert_choice(score, experts, places, scale):
    def route(logits):
        scores = [score(row) for row in logits]
        ids, weights = [], []
        for e in range(experts):
            column = [row[e] for row in scores]
            count = places(len(logits))
            picks = top(column, count)
            one = fill(picks, [scale * column[t] for t in picks], count)
            ids.append(one[0])
            weights.append(one[1])
        return ids, weights
    return route


def summed(router):
    return lambda *arguments: [[sum(row) for row in value] for value in router(*arguments)]


def above(score, tau, k):
    def one(row):
        scores = score(row)
        ids = [e for e in top(scores, k) if scores[e] > tau]
        return fill(ids, [scores[e] for e in ids], k)
    return by_row(one)


def nucleus(row):
    scores, ids = softmax(row), []
    for e in top(scores, 6):
        ids.append(e)
        if sum(scores[i] for i in ids) >= 0.7:
            break
    return fill(ids, over_sum([scores[e] for e in ids]), 6)


def padded(row, valid):
    if not valid:
        return [-1, -1], [0.0, 0.0]
    scores = [sigmoid(x) for x in row]
    ids = top(scores, 2)
    return ids, over_sum([scores[e] for e in ids])


def v4(logits, bias):
    def one(row):
        scores = [sqrtsoftplus(x) for x in row]
        return deepseek_v4(scores, top([s + b for s, b in zip(scores, bias)], 6))
    return by_row(one)(logits)


sigmoids = lambda row: [sigmoid(x) for x in row]
uniform = lambda t: [f32(random.random()) for _ in range(t)]
ints = lambda t, low, high: [random.randrange(low, high) for _ in range(t)]

# name: formula, then what makes each argument of T tokens.
ROUTERS = {
    "phimoe": (by_row(lambda row: sparse_mixer(row, 0.2)), lambda t: normal(t, 8)),
    "inkling": (inkling, lambda t: normal(t, 10), lambda t: normal(8, scale=0.3)),
    "apart": (lambda logits: inkling(logits, [0.0] * 8, joint=False), lambda t: normal(t, 10)),
    "deepseek_v4": (v4, lambda t: normal(t, 24), lambda t: normal(24, scale=0.3)),
    "deepseek_v4_hash": (hashed, lambda t: normal(t, 24),
                         lambda t: [random.sample(range(24), 6) for _ in range(32)],
                         lambda t: ints(t, -1, 32)),
    "extern": (by_row(external), lambda t: normal(t, 8),
               lambda t: [[-1] + random.sample(range(8), 2) if i % 3 else
                          random.sample(range(8), 3) for i in range(t)]),
    "nllb": (nllb, lambda t: normal(t, 8), uniform),
    "gshard": (gshard, lambda t: normal(t, 8), lambda t: normal(t, 8)),
    "gumbel": (by_row(gumbel), lambda t: normal(t, 8), lambda t: normal(t, 8)),
    "gemma4": (gemma4, lambda t: normal(t, 16), lambda t: normal(16)),
    "dbrx": (lp(softmax, 2, 0), lambda t: normal(t, 16)),
    "l3": (lp(sigmoids, 3, 1e-2), lambda t: normal(t, 16)),
    "v_moe": (v_moe, lambda t: normal(t, 8), uniform),
    "by_weight": (by_weight, lambda t: normal(t, 8)),
    "switch": (switch, lambda t: normal(t, 8)),
    "hunyuan_large": (hunyuan_large, lambda t: [[f32(x + 2 * (e == 1)) for e, x in enumerate(row)]
                                                for row in normal(t, 4)],
                      lambda t: random.sample(range(-2, 4 * max(t // 4, 1) + 3),
                                              4 * max(t // 4, 1) + 5)),
    "expert_choice": (summed(expert_choice(softmax, 8, lambda t: -(-2 * t // 8), 2.0)),
                      lambda t: normal(t, 8)),
    "six_tokens": (expert_choice(softmax, 8, lambda t: 6, 2.0), lambda t: normal(t, 8)),
    "mod": (expert_choice(lambda row: row, 1, lambda t: 4, 1.0), lambda t: normal(t, 1)),
    "remoe": (above(lambda row: [max(x, 0.0) for x in row], 0.0, 12), lambda t: normal(t, 12)),
    "ds_moe": (above(softmax, 0.1, 4), lambda t: normal(t, 12)),
    "top_p": (by_row(nucleus), lambda t: normal(t, 12, scale=2.0)),
    "dense": (by_row(lambda row: (list(range(6)), softmax(row))), lambda t: normal(t, 6)),
    "base": (by_row(lambda row: (top(row, 1), [sigmoid(max(row))])), lambda t: normal(t, 8)),
    "sinkhorn": (softmax_top(2), lambda t: normal(t, 8)),
    "padded": (by_row(padded), lambda t: normal(t, 8),
               lambda t: [random.random() < 0.6 for _ in range(t)]),
}


def differs(got, want):
    want = [flat(list(value)) for value in want]
    for number, (value, expected) in enumerate(zip(got, want)):
        if len(value) != len(expected):
            return f"result {number} has {len(value)} values, expected {len(expected)}"
        for i, (x, y) in enumerate(zip(value, expected)):
            good = x == y if isinstance(y, int) else abs(x - y) <= 1e-5 * abs(y)
            if not good:
                return f"result {number}[{i}] is {x}, expected {y}"
    return None


def signatures():
    """Sizes and element type of every function's arguments."""
    with open(SOURCE, encoding="utf-8") as file:
        functions = re.findall(r"func\.func @(\w+)\((.*?)\) ->", file.read())
    return {name: [(sizes.split("x")[:-1], element) for sizes, element in
                   re.findall(r"tensor<((?:[?\d]+x)+)(\w+)>", arguments)]
            for name, arguments in functions}


SIGNATURES = signatures()
CODES = {"f32": ("F32", "f"), "i32": ("I32", "i"), "i64": ("I64", "q"), "i1": ("BOOL", "?")}


def check(name, tokens, folder, flags):
    formula, *makers = ROUTERS[name]
    path = f"{folder}/{name}-{tokens}"
    arguments = [make(tokens) for make in makers]
    tensors = {}
    for number, (value, (sizes, element)) in enumerate(zip(arguments, SIGNATURES[name])):
        dtype, code = CODES[element]
        values = flat(value)
        shape = [len(value) if size == "?" else int(size) for size in sizes]
        tensors[f"arg{number}"] = (dtype, shape, struct.pack(f"<{len(values)}{code}", *values))
    save(f"{path}.safetensors", tensors)
    run = subprocess.run(["moe-run", SOURCE, f"--function={name}",
                          f"--args={path}.safetensors", f"--output={path}.out"] + flags,
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return run.stdout + run.stderr
    results = load(f"{path}.out")
    return differs([results[key] for key in sorted(results)], formula(*arguments))


def main(folder, flags):
    for number, name in enumerate(ROUTERS):
        random.seed(number)
        problems = [(t, problem) for t in (0, 1, 23)
                    if (problem := check(name, t, folder, flags))]
        print(f"{name}: " + ("ok" if not problems else f"T={problems[0][0]}: {problems[0][1]}"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
