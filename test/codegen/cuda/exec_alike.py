#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""exec_alike.py FIXTURE...: one program for the CPU and for CUDA.

At the exec phase the two differ in plans, layouts of weights, task counts, the
list of row tiles and the workspace that follows from them. What they have in
common is compared: dimensions, inputs and outputs, the launches and their
order, what a kernel computes, and which checkpoint tensors a parameter is made
of.
"""
import re
import subprocess
import sys


def exec_phase(fixture, target):
    return subprocess.run(["moe-compile", fixture, f"--target={target}", "--emit=exec"],
                          check=True, capture_output=True, text=True).stdout


def digest(text):
    program = re.search(r"moe_exec\.program @\w+ (dims.*?)(?: attributes|\{$)", text, re.M)
    lines = ["program " + program.group(1)]
    lines += ["launch " + re.sub(r"_(avx2|sm_80)(_\d+)?$", "", name)
              for name in re.findall(r"moe_exec\.launch @(\w+)", text)]
    # Tiles are the CPU's; constants are spelled alike.
    lines += sorted("op " + op for op in re.findall(r"= (moe\.\w+) ", text)
                    if op != "moe.tiles")
    lines += sorted("sources " + sources for sources in
                    re.findall(r"units \d+ .*?from (\[.*?\]) :", text))
    return lines


def main(fixtures):
    for fixture in fixtures:
        cpu, cuda = (digest(exec_phase(fixture, target))
                     for target in ("x86-64-v3", "sm_80"))
        name = fixture.rstrip("/").rsplit("/", 1)[-1]
        if cpu != cuda:
            print(f"{name}: differ: {sorted(set(cpu) ^ set(cuda))[:4]}")
        else:
            print(f"{name}: alike, {len(cpu)} lines")


if __name__ == "__main__":
    main(sys.argv[1:])
