#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds a CUDA text to its rules; exits 1 on a breach.

  * It includes nothing and names no path.
  * The generated part touches hardware through device code alone: no assembly,
    no shared variables, no loop that waits.
"""
import re
import sys

WHOLE = {r"#\s*include": "includes a file", r"\"/|\s/\w+/\w+": "names a path"}
GENERATED = {r"\basm\b": "holds assembly", r"__shared__": "has a shared variable",
             r"\bwhile\b": "has a loop that could wait",
             r"__syncthreads|_sync\(|atomic[A-Z]": "uses a builtin of CUDA"}


def main(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("// Kernels for "))
    breaches = []
    for number, line in enumerate(lines, 1):
        rules = dict(WHOLE)
        if number > start:
            rules.update(GENERATED)
        code = re.sub(r"//.*", "", line)
        breaches += [f"{path}:{number}: {what}: {line.strip()}"
                     for rule, what in rules.items() if re.search(rule, code)]
    print("\n".join(breaches))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
