#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""raise.py FOLDER [REPEAT]: each exported graph of FOLDER on the CPU, raised and
through the same kernels with raising left out, on the same random arguments.

Prints a row a graph in Markdown: GFLOP of contractions as moe-opt --moe-explain counts
them in the file and in what is planned, milliseconds (medians) of both, their ratio,
and the largest relative difference of their results.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

OFF = 'module attributes {moe.disable = ["moe-raise-layers", "moe-raise-routes"]} {'


def run(path, repeat, *more):
    made = subprocess.run(["moe-run", path, "--function=main", "--random-args=1", "--timing",
                           f"--repeat={repeat}", *more], capture_output=True, text=True, check=False)
    if made.returncode:
        return None, (made.stderr.strip().splitlines() or made.stdout.strip().splitlines())[-1][:160]
    error = re.search(r"(\d\.\de[-+]\d+)  ok", made.stdout)
    return float(re.search(r"run ([\d.]+) ms", made.stdout)[1]), error[1] if error else ""


def counted(path):
    """"25.8 -> 1.6": GFLOP of the graph's contractions, before and after."""
    made = subprocess.run(["moe-opt", path, "--allow-unregistered-dialect", "--moe-explain=json"],
                          capture_output=True, text=True, check=True)
    flops = {each["what"]: each["figures"]["flops"] for each in json.loads(made.stdout)
             if each["what"].startswith("cost ") and each["function"] == "main"}
    return f"{flops['cost before'] / 1e9:.1f} → {flops['cost after'] / 1e9:.1f}"


def main(folder, repeat):
    print("| graph | GFLOP | not raised, ms | raised, ms | times | difference |\n"
          "|---|---|---|---|---|---|")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".mlir"):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with tempfile.TemporaryDirectory() as tmp:
            plain, results = os.path.join(tmp, "plain.mlir"), os.path.join(tmp, "results")
            with open(plain, "w", encoding="utf-8") as file:
                file.write(re.sub(r"^module (@\w+ )?(attributes \{\} )?\{", OFF, text, count=1, flags=re.M))
            raised, why = run(path, repeat, f"--output={results}")
            slow, error = run(plain, max(repeat // 4, 3), f"--expect={results}", "--rtol=1e-4")
            start = f"| {name.split('.')[0].removesuffix('-static')} | {counted(path)} |"
            if raised is None or slow is None:
                print(f"{start} {slow or error} | {raised or why} | | |", flush=True)
                continue
            print(f"{start} {slow:.1f} | {raised:.1f} | {slow / raised:.1f} | {error} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
