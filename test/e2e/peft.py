#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""peft.py LAYER FOLDER [ARGUMENT...]: LoRA adapters of experts in both layouts that
PEFT stores, read in place by sources, against the formula. ARGUMENTs go to moe-run.

A linear of its own an expert: lora_A [r, in] and lora_B [out, r]. Of all experts in
one parameter (target_parameters): lora_A [E r, in], of which row e r + j is row j of
expert e, and lora_B [out, r E], of which column j E + e is column j of expert e.
"""
import os
import random
import subprocess
import sys

from families import E, H, I, T, matrix, save, softmax, times

R, K = 4, 2
AT = "base_model.model.model.layers.1.mlp.experts"
SOURCES = {
    "linears": (f'"{AT}.{{e}}.up_proj.lora_A.weight" : {R}x{H}xf32',
                f'"{AT}.{{e}}.up_proj.lora_B.weight" : {I}x{R}xf32'),
    "parameters": (f'"{AT}.lora_A.weight" : {E * R}x{H}xf32 reshape [{E}, {R}, {H}]',
                   f'"{AT}.lora_B.weight" : {I}x{R * E}xf32 reshape [{I}, {R}, {E}] '
                   "transpose [2, 0, 1]"),
}


def stored(layout, a, b):
    if layout == "linears":
        return {f"{AT}.{e}.up_proj.lora_{name}.weight": m[e]
                for name, m in (("A", a), ("B", b)) for e in range(E)}
    return {f"{AT}.lora_A.weight": [row for m in a for row in m],
            f"{AT}.lora_B.weight": [[b[e][i][j] for j in range(R) for e in range(E)]
                                    for i in range(I)]}


def main(layer, folder, arguments):
    with open(layer, encoding="utf-8") as file:
        text = file.read()
    os.makedirs(folder, exist_ok=True)
    for number, (layout, (a_from, b_from)) in enumerate(SOURCES.items()):
        random.seed(number)
        router, tokens = matrix(E, H), matrix(T, H, 1.0)
        up, down = ([matrix(*shape) for _ in range(E)] for shape in ((I, H), (H, I)))
        a, b = ([matrix(*shape) for _ in range(E)] for shape in ((R, H), (I, R)))
        out = []
        for x in tokens:
            scores = softmax(times(router, x))
            ids = sorted(range(E), key=lambda e: -scores[e])[:K]
            total, y = sum(scores[e] for e in ids), [0.0] * H
            for e in ids:
                inner = [max(base + delta, 0.0) for base, delta in
                         zip(times(up[e], x), times(b[e], times(a[e], x)))]
                y = [s + scores[e] / total * v for s, v in zip(y, times(down[e], inner))]
            out.append(y)
        path = f"{folder}/{layout}"
        os.makedirs(path, exist_ok=True)
        weights = {"layers.1.mlp.gate.weight": router, **stored(layout, a, b)}
        for name, m in (("up", up), ("down", down)):
            weights.update({f"layers.1.mlp.experts.{e}.{name}_proj.weight": m[e]
                            for e in range(E)})
        save(f"{path}/model.safetensors", weights)
        save(f"{path}/input.safetensors", {"hidden_states": tokens})
        save(f"{path}/expect.safetensors", {"hidden_states": out})
        with open(f"{path}/layer.mlir", "w", encoding="utf-8") as file:
            file.write(text.replace("\nADAPTERS\n", f"""
moe.param @a : tensor<{E}x{R}x{H}xf32> from #moe.source<{a_from}>
moe.param @b : tensor<{E}x{I}x{R}xf32> from #moe.source<{b_from}>
"""))
        run = subprocess.run(["moe-run", f"{path}/layer.mlir", f"--weights={path}",
                              f"--input={path}/input.safetensors",
                              f"--expect={path}/expect.safetensors", "--rtol=1e-5"] + arguments,
                             capture_output=True, text=True, check=False)
        good = run.returncode == 0 and "  ok (tolerance" in run.stdout
        print(f"{layout}: " + ("ok" if good else run.stdout + run.stderr), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
