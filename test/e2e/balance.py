#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""balance.py FOLDER [ARGUMENT...]: losses and bias updates that moe-opt adds to
routers, against their formulas in Python's floats. ARGUMENTs go to moe-run."""
import math
import os
import random
import subprocess
import sys

from executors import load
from families import matrix, save, sigmoid, softmax

E, K, T, N = 6, 2, 12, 4
ROUTERS = {
    "softmax": "score softmax select top_k(2) normalize l1",
    "sigmoid": "score sigmoid bias %b select top_k(2)",
    "sqrtsoftplus": "score sqrtsoftplus select top_k(2)",
    "logits": "select top_k(2) normalize softmax",
}


def function(router):
    bias = ", %b: tensor<6xf32>" if "%b" in router else ""
    types = "tensor<?x6xf32>" + (", tensor<6xf32>" if bias else "")
    return f"""func.func @layer(%l: tensor<?x6xf32>{bias}) -> tensor<?x2xi32> {{
  %ids, %w = moe.route %l {router} : {types} -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids : tensor<?x2xi32>
}}
"""


def shares(name, row):
    if name in ("softmax", "logits"):
        return softmax(row)
    scores = [sigmoid(l) if name == "sigmoid" else math.sqrt(math.log1p(math.exp(l))) for l in row]
    return [s / sum(scores) for s in scores]


def chosen(name, row, bias):
    scores = [sigmoid(l) + b if name == "sigmoid" else l for l, b in zip(row, bias)]
    return sorted(range(E), key=lambda e: -scores[e])[:K]


def counted(ids):
    return [sum(row.count(e) for row in ids) for e in range(E)]


def switch(counts, p):
    mean = [sum(row[e] for row in p) / len(p) for e in range(E)]
    return E * sum(c / sum(counts) * m for c, m in zip(counts, mean))


def variation(values):
    mean = sum(values) / E
    return sum((v - mean) ** 2 for v in values) / E / mean ** 2


def expected(kind, name, logits, ids, bias, others):
    p = [shares(name, row) for row in logits]
    counts = counted(ids)
    if kind == "switch":
        return [switch(counts, p)]
    if kind == "global":
        return [switch(others, p)]
    if kind == "sequence":
        parts = [switch(counted(ids[i:i + N]), p[i:i + N]) for i in range(0, T, N)]
        return [sum(parts) / len(parts)]
    if kind == "z":
        return [sum(math.log(sum(map(math.exp, row))) ** 2 for row in logits) / T]
    if kind == "importance":
        return [variation([sum(row[e] for row in p) for e in range(E)])]
    if kind == "load":
        def win(row, kept, e):
            return 0.5 * (1 + math.erf((row[e] - min(row[i] for i in kept)) * E / math.sqrt(2)))
        return [variation([sum(win(row, kept, e) for row, kept in zip(logits, ids))
                           for e in range(E)])]
    mean = sum(counts) / E
    return [b * (name == "sigmoid") + math.copysign(1, mean - c) * (mean != c)
            for b, c in zip(bias, counts)]


def main(folder, arguments):
    os.makedirs(folder, exist_ok=True)
    for number, (name, router) in enumerate(ROUTERS.items()):
        random.seed(number)
        logits, bias = matrix(T, E, 0.5), matrix(1, E, 0.2)[0]
        others = [float(random.randrange(1, 40)) for _ in range(E)]
        ids = [chosen(name, row, bias) for row in logits]
        for kind in ("switch", "sequence", "global", "z", "importance", "load", "bias-update"):
            coefficient = 0.01 if kind != "bias-update" else 0.001
            path = f"{folder}/{name}-{kind}"
            static = function(router).replace("?x", f"{T}x") if kind == "sequence" else None
            with open(f"{folder}/{name}.mlir", "w", encoding="utf-8") as file:
                file.write(static or function(router))
            options = f"kind={kind} coefficient={coefficient}"
            if kind == "sequence":
                options += f" sequence-length={N}"
            subprocess.run(["moe-opt", f"{folder}/{name}.mlir",
                            f"--moe-add-balance-loss={options}", "-o", path + ".mlir"], check=True)
            inputs = {"arg0": logits}
            if "%b" in router:
                inputs["arg1"] = bias
            if kind == "global":
                inputs["global_counts"] = others
            save(path + ".safetensors", inputs)
            subprocess.run(["moe-run", path + ".mlir", "--function=layer",
                            f"--args={path}.safetensors", f"--output={path}-out.safetensors"]
                           + arguments, check=True, stdout=subprocess.DEVNULL)
            results = load(path + "-out.safetensors")
            given = results["selection_bias" if kind == "bias-update" else "balance_loss"]
            wanted = expected(kind, name, logits, ids, bias, others)
            if kind == "bias-update":
                base = [b * (name == "sigmoid") for b in bias]
                wanted = [b + coefficient * (w - b) for b, w in zip(base, wanted)]
            else:
                wanted = [coefficient * w for w in wanted]
            # Of sums that differ by 3 % the differences have 30 times their error.
            rtol = 1e-5 if kind == "importance" else 2e-6
            good = len(given) == len(wanted) and all(
                abs(a - b) <= rtol * abs(b) for a, b in zip(given, wanted))
            print(f"{name} {kind}: " + ("ok" if good else f"{given} instead of {wanted}"),
                  flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
