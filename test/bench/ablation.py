#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ablation.py [EXPERTS]: what a layer costs on the CPU with one optional pass left out
at a time, as a table in Markdown: milliseconds (medians), and how often the time of
the whole. Layers have the sizes of their models, but EXPERTS experts (16)."""
import json
import os
import re
import subprocess
import sys
import tempfile

SIZES = {
    "olmoe": ("olmoe", dict(hidden_size=2048, intermediate_size=1024, num_experts_per_tok=8)),
    "qwen3-30b-a3b": ("qwen3_moe", dict(hidden_size=2048, moe_intermediate_size=768,
                                        num_experts_per_tok=8, norm_topk_prob=True)),
    "deepseek-v2-lite": ("deepseek_v2", dict(hidden_size=2048, moe_intermediate_size=1408,
                                             num_experts_per_tok=6, n_shared_experts=2,
                                             topk_method="greedy", norm_topk_prob=False,
                                             routed_scaling_factor=1.0)),
}
OFF = [[], ["moe-fuse-gather"], ["moe-fuse-epilogue"], ["moe-simplify-layers"],
       ["moe-fuse-gather", "moe-fuse-epilogue"]]


def layer(model, keys, experts, folder):
    """The layer's IR, from a configuration alone."""
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(dict(keys, model_type=model, num_hidden_layers=1, num_experts=experts,
                       n_routed_experts=experts, first_k_dense_replace=0), file)
    return subprocess.run(["moe-import", folder], capture_output=True, text=True, check=True).stdout


def time(path, tokens):
    repeat = max(5, 2000 // (tokens + 20))
    text = subprocess.run(["moe-run", path, "--random-weights=1", f"--tokens={tokens}", "--timing",
                           f"--repeat={repeat}"], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"run ([\d.]+) ms", text)[1])


def main(experts):
    print("| layer | T | whole, ms |" + "".join(f" without {' and '.join(off)} |" for off in OFF[1:]))
    print("|---" * (3 + len(OFF[1:])) + "|")
    for name, (model, keys) in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            text = layer(model, keys, experts, folder)
            for tokens in (1, 16, 256):
                times = []
                for off in OFF:
                    path = f"{folder}/layer.mlir"
                    listed = ", ".join(f'"{each}"' for each in off)
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text.replace(
                            "module {", f"module attributes {{moe.disable = [{listed}]}} {{", 1))
                    times.append(time(path, tokens))
                print(f"| {name} | {tokens} | {times[0]:.2f} |" +
                      "".join(f" {each:.2f} ({each / times[0]:.2f}x) |" for each in times[1:]),
                      flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
