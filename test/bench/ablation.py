#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ablation.py [EXPERTS]: what a layer moves and costs on the CPU with one optional pass
left out at a time, as tables in Markdown: bytes of a call as `moe-opt --moe-explain`
counts them, milliseconds (medians), the workspace, and the time of a compilation.
Layers have the sizes of their models, but EXPERTS experts (16). The last table is of
eight equal layers, since what some passes are for is more than one of them."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time as clock

SIZES = {
    "olmoe": ("olmoe", dict(hidden_size=2048, intermediate_size=1024, num_experts_per_tok=8)),
    "qwen3-30b-a3b": ("qwen3_moe", dict(hidden_size=2048, moe_intermediate_size=768,
                                        num_experts_per_tok=8, norm_topk_prob=True)),
    "deepseek-v2-lite": ("deepseek_v2", dict(hidden_size=2048, moe_intermediate_size=1408,
                                             num_experts_per_tok=6, n_shared_experts=2,
                                             topk_method="greedy", norm_topk_prob=False,
                                             routed_scaling_factor=1.0)),
}
GATHER, EPILOGUE = "moe-fuse-gather", "moe-fuse-epilogue"
FUSIONS = [[], [GATHER], [EPILOGUE], [GATHER, EPILOGUE]]
OTHERS = [[], ["moe-simplify-layers"], ["moe-dedupe-kernels"], ["moe-plan-memory"]]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def layer(model, keys, experts, folder):
    """The layer's IR, from a configuration alone."""
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(dict(keys, model_type=model, num_hidden_layers=1, num_experts=experts,
                       n_routed_experts=experts, first_k_dense_replace=0), file)
    return run("moe-import", folder)


def without(text, off, path):
    listed = ", ".join(f'"{each}"' for each in off)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("module {", f"module attributes {{moe.disable = [{listed}]}} {{", 1))
    return path


def moved(path):
    """Bytes of a call, by its token count."""
    return {int(each["figures"]["tokens"]): each["figures"]["bytes"]
            for each in json.loads(run("moe-opt", path, "--moe-explain=json"))
            if each["what"] == "cost after"}


def time(path, tokens):
    repeat = max(5, 2000 // (tokens + 20))
    text = run("moe-run", path, "--random-weights=1", f"--tokens={tokens}", "--timing",
               f"--repeat={repeat}")
    return float(re.search(r"run ([\d.]+) ms", text)[1])


def fusions(name, text, path):
    bytes_of = [moved(without(text, off, path)) for off in FUSIONS]
    for tokens in (1, 16, 256):
        times = [time(without(text, off, path), tokens) for off in FUSIONS]
        whole = bytes_of[0][tokens]
        print(f"| {name} | {tokens} | {whole / 1e6:.1f} MB, {times[0]:.2f} ms |" +
              "".join(f" +{(each[tokens] - whole) / 1e6:.2f} MB, {ms / times[0]:.2f}x |"
                      for each, ms in zip(bytes_of[1:], times[1:])), flush=True)


def others(layers, folder):
    """What passes are worth that are not about one layer's time."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "equal_layers.py")
    text = f"module {{\n{run(sys.executable, source, str(layers))}}}\n"
    package = f"{folder}/layers.moe"
    print(f"\n| {layers} equal layers | compilation, ms | package, KB | workspace, KB | run, ms |")
    print("|---|---|---|---|---|")
    for off in OTHERS:
        path = without(text, off, f"{folder}/layers.mlir")
        start = clock.perf_counter()
        run("moe-compile", path, "-o", package)
        took = 1e3 * (clock.perf_counter() - start)
        program = run("moe-compile", path, "--emit=exec")
        size = re.search(r"workspace size (.*)", program)[1]
        size = re.search(rf"^{re.escape(size)} = (.*)", program, re.M)[1] if size[0] == "#" else size
        workspace = int(re.search(r"\(\) -> \((\d+)\)", size)[1])
        shown = run("moe-run", package, "--random-args=1", "--timing", "--repeat=200")
        print(f"| {'without ' + off[0] if off else 'whole'} | {took:.0f} | "
              f"{os.path.getsize(package) / 1e3:.0f} | {workspace / 1e3:.0f} | "
              f"{re.search(r'run ([0-9.]+) ms', shown)[1]} |", flush=True)


def main(experts):
    print("| layer | T | whole |" +
          "".join(f" without {' and '.join(off)} |" for off in FUSIONS[1:]))
    print("|---" * (3 + len(FUSIONS[1:])) + "|")
    for name, (model, keys) in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            fusions(name, layer(model, keys, experts, folder), f"{folder}/layer.mlir")
    with tempfile.TemporaryDirectory() as folder:
        others(8, folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
