#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rewrites.py FOLDER PAGE ROWS [MOE-RUN-FLAGS...]: what a rewrite keeps.

Each function of Inputs/rewrites.mlir is named for the rewrite that moe-opt has to
make of it, and no other. It runs with 0, 1 and 23 tokens before and after, by the
interpreter: a bitwise rewrite gives the same bytes, the others the same ids and
values to 1e-6 of the largest. With flags it runs as it is, compiled, and is compared with the
interpreter. The table in ROWS (Rewrites.cpp) and that of PAGE name the same
rewrites with the same marks, and each has a function.
"""
import os
import random
import re
import struct
import subprocess
import sys

from executors import load, save

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "rewrites.mlir")
CODES = {"f32": ("F32", "f"), "i32": ("I32", "i")}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(path):
    marks = {"Bits": "bitwise", "Reals": "real", "Most": "approx"}
    return {name: marks[kept] for name, kept in
            re.findall(r'\{RewriteId::\w+,\s*"([a-z-]+)",\s*Kept::(\w+),', read(path))}


def page(path):
    return dict(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", read(path), re.M))


def functions():
    """Sizes and element types of every function's arguments."""
    return {name: [(sizes.split("x")[:-1], element) for sizes, element in
                   re.findall(r"tensor<((?:[?\d]+x)+)(\w+)>", arguments)]
            for name, arguments in re.findall(r"func\.func @(\w+)\((.*?)\) ->", read(SOURCE))}


def rewrite_of(function, names):
    """The longest name that the function's begins with."""
    fits = [name for name in names
            if re.match(name.replace("-", "_") + r"(_|$)", function)]
    return max(fits, key=len, default=None)


def moe_run(path, function, arguments, flags):
    run = subprocess.run(["moe-run", path, f"--function={function}", f"--args={arguments}",
                          f"--output={arguments}.out"] + flags,
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{path}: {function}: {run.stdout}{run.stderr}")
    with open(f"{arguments}.out", "rb") as file:
        raw = file.read()
    values = load(f"{arguments}.out")
    return raw, [values[key] for key in sorted(values)]


def differs(before, after, tolerance):
    """Integers are equal, floats to `tolerance` of a tensor's largest."""
    for one, other in zip(before, after):
        largest = max(map(abs, one), default=0)
        for x, y in zip(one, other):
            if x != y and not (isinstance(x, float) and abs(x - y) <= tolerance * largest):
                return f"{x} became {y}"
    return None


def check(function, signature, mark, folder, rewritten, flags):
    for tokens in (0, 1, 23):
        tensors = {}
        for number, (sizes, element) in enumerate(signature):
            shape = [tokens if size == "?" else int(size) for size in sizes]
            count = 1
            for size in shape:
                count *= size
            dtype, code = CODES[element]
            values = [random.gauss(0, 1) for _ in range(count)]
            tensors[f"arg{number}"] = (dtype, shape, struct.pack(f"<{count}{code}", *values))
        path = f"{folder}/{function}-{tokens}"
        save(path, tensors)
        raw, before = moe_run(SOURCE, function, path, ["--executor=reference"])
        if flags:
            _, after = moe_run(SOURCE, function, path, flags)
            problem = differs(before, after, 1e-5)
        else:
            changed, after = moe_run(rewritten, function, path, ["--executor=reference"])
            problem = "the bytes differ" if mark == "bitwise" and raw != changed else \
                differs(before, after, 1e-6)
        if problem:
            return f"T={tokens}: {problem}"
    return None


def rewrite(fast, path):
    """The functions rewritten, and what fired in each."""
    opt = subprocess.run(["moe-opt", SOURCE, f"-moe-simplify-layers=fast={fast}", "-o", path],
                         capture_output=True, text=True, check=False)
    if opt.returncode != 0:
        sys.exit(opt.stderr)
    return path, {name: re.findall(r'what = "rewrite ([a-z-]+)"', body) for name, body in
                  re.findall(r"func\.func @(\w+)(.*?)(?=func\.func @|\Z)", read(path), re.S)}


def main(folder, page_path, rows_path, flags):
    random.seed(1)
    marks = rows(rows_path)
    problems = 0
    for name in sorted(set(marks.items()) ^ set(page(page_path).items())):
        problems += 1
        print(f"{name[0]} ({name[1]}) is not in both tables")
    rewritten = {fast: rewrite(fast, f"{folder}/{fast}.mlir") for fast in ("none", "approx")}
    seen = set()
    for function, signature in functions().items():
        name = rewrite_of(function, marks)
        seen.add(name)
        fast = "approx" if marks[name] == "approx" else "none"
        path, fired = rewritten[fast]
        # Behind a rewrite that is not exact others may follow.
        if fired[function] != [name] and (fast == "none" or name not in fired[function]):
            problem = f"fired {fired[function]}"
        else:
            more = [f"--moe-fast={fast}"] if flags else []
            problem = check(function, signature, marks[name], folder, path, flags + more)
        problems += problem is not None
        print(f"{function} ({marks[name]}): {problem or 'ok'}")
    for name in sorted(set(marks) - seen):
        problems += 1
        print(f"{name}: no function")
    print(f"{len(marks)} rewrites, {problems} problems")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
