#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds every #include "moe/..." to the graph of rooms; exits 1 on a breach.

A room is a folder; it may include itself and the rooms named here. The leaf
rooms hold no MLIR and no LLVM: they are what a program that only runs packages
is made of, and what needs no compiler to be tested.
"""
import collections
import os
import re
import sys

DIALECTS = ["dialect", "dialect/exec", "dialect/plan", "dialect/semantics"]
COMPILER = DIALECTS + ["passes", "codegen", "codegen/abi"]
ALLOWED = {
    "dialect/semantics": [],
    "dialect/plan": [],
    "dialect": ["dialect/plan", "dialect/semantics"],
    "dialect/exec": ["dialect", "dialect/plan", "dialect/semantics"],
    "passes": DIALECTS,
    "codegen/abi": [],
    "codegen/cuda/device": [],
    "codegen": DIALECTS + ["passes", "codegen/abi", "codegen/cuda/device"],
    "runtime/core": ["codegen/abi"],
    "runtime/cuda": ["runtime/core", "codegen/abi"],
    "runtime/api": ["runtime/cuda", "runtime/core", "codegen/abi"],
    "runtime/reference": ["dialect/semantics", "dialect/plan", "runtime/core"],
    "runtime/interpret": COMPILER + ["runtime/core", "runtime/reference"],
    "runtime/import": COMPILER + ["runtime/core"],
    "runtime/jit": COMPILER + ["runtime/core", "runtime/cuda",
                               "runtime/reference", "runtime/interpret",
                               "runtime/import"],
    "tools/cudasim": ["codegen/cuda/device", "runtime/core", "runtime/cuda"],
    "tools": ["runtime/api", "runtime/core", "runtime/cuda", "runtime/jit",
              "codegen/abi"],
    "test": None,  # may include anything
}
LEAVES = ["dialect/semantics", "dialect/plan", "codegen/abi",
          "codegen/cuda/device", "runtime/core", "runtime/cuda", "runtime/api",
          "runtime/reference", "tools/cudasim"]
# Read by programs that know nothing of the include root.
ALONE = ["runtime/api/moe.hpp"]
SUFFIXES = (".h", ".hpp", ".cpp", ".c", ".td", ".cu", ".cuh", ".def")
INCLUDE = re.compile(r'^\s*#?\s*include\s+(["<])([^">]+)[">]', re.M)


def room_of(path):
    rooms = [room for room in ALLOWED if path.startswith(room + "/")]
    return max(rooms, key=len) if rooms else None


def main(root):
    breaches, files = [], 0
    edges = collections.Counter()
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders
                      if not f.startswith(".") and not f.startswith("build")]
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), root)
            room = room_of(path)
            if not name.endswith(SUFFIXES) or room is None:
                continue
            files += 1
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
            for delimiter, include in INCLUDE.findall(text):
                if include.startswith("moe/"):
                    target = room_of(include[len("moe/"):])
                    edges[room, target] += 1
                    allowed = ALLOWED[room]
                    if target is None and room != "test":
                        breaches.append(f"{path}: {include} is in no room")
                    elif allowed is not None and target != room and target not in allowed:
                        breaches.append(f"{path}: {room} may not include {include}")
                elif room in LEAVES and include.startswith(("mlir", "llvm")):
                    breaches.append(f"{path}: {room} may not include {include}")
                elif (delimiter == '"' and "/" not in include and room != "test"
                      and path not in ALONE):
                    breaches.append(f'{path}: "{include}" is not "moe/..."')
    for breach in breaches:
        print("error:", breach)
    print(f"{files} files, {sum(edges.values())} includes, {len(breaches)} breaches")
    sys.exit(bool(breaches))


if __name__ == "__main__":
    main(sys.argv[1])
