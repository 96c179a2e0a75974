#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds the memory plan of every moe_exec.program on stdin to its promise.

Knows nothing of how moe-plan-memory works: for several values of each dimension
it walks the steps that such a run takes, notes from which step to which each
slice of the workspace is used, and demands that slices whose uses meet share no
byte, that every slice lies in the workspace, and that it starts at a multiple
of 64. Prints for each program what it found; exits 1 if a promise is broken.
"""
import itertools
import re
import sys


class Number:
    """An integer with the operators of affine expressions (@ is ceildiv)."""

    def __init__(self, value):
        self.value = int(getattr(value, "value", value))

    def _with(self, other, apply):
        return Number(apply(self.value, Number(other).value))

    def __add__(self, other): return self._with(other, lambda a, b: a + b)
    def __sub__(self, other): return self._with(other, lambda a, b: a - b)
    def __mul__(self, other): return self._with(other, lambda a, b: a * b)
    def __mod__(self, other): return self._with(other, lambda a, b: a % b)
    def __floordiv__(self, other): return self._with(other, lambda a, b: a // b)
    def __matmul__(self, other): return self._with(other, lambda a, b: -(-a // b))
    def __radd__(self, other): return Number(other) + self
    def __rsub__(self, other): return Number(other) - self
    def __rmul__(self, other): return Number(other) * self
    def __neg__(self): return Number(-self.value)


def evaluate(affine_map, dims):
    """The one result of "(d0, d1) -> (expr)" at these values."""
    _, expr = affine_map.split(" -> ", 1)
    for word, sign in (("floordiv", "//"), ("ceildiv", "@"), ("mod", "%")):
        expr = expr.replace(word, sign)
    names = {f"d{i}": Number(v) for i, v in enumerate(dims)}
    return Number(eval(expr, {"__builtins__": {}}, names)).value


MAP = r"affine_map<(\([^)]*\) -> \(.*?\))>"
SLICE = re.compile(r"(%\w+) = moe_exec\.slice %\w+ offset " + MAP + " bytes " + MAP + " :")
WORKSPACE = re.compile(r"%\w+ = moe_exec\.workspace size " + MAP)
SWITCH = re.compile(r"moe_exec\.switch (%\w+) \[([^\]]*)\] \{")


def parse_steps(lines):
    """Steps up to the brace that closes the list, and that line."""
    steps = []
    for line in lines:
        if line.startswith("}"):
            return steps, line
        if found := SWITCH.match(line):
            buckets = [int(b) for b in found[2].split(",") if b.strip()]
            cases, end = [], "}, {"
            while end == "}, {":
                case, end = parse_steps(lines)
                cases.append(case)
            steps.append(("switch", found[1], buckets, cases))
        elif line.startswith("moe_exec."):
            steps.append(("step", set(re.findall(r"%\w+", line))))
    sys.exit("error: a list of steps does not end")


def taken(steps, values):
    """The buffers of each step that a run takes, in order."""
    for step in steps:
        if step[0] == "step":
            yield step[1]
            continue
        _, dim, buckets, cases = step
        case = sum(1 for cut in buckets if values[dim] >= cut)
        yield from taken(cases[case], values)


def check(name, dims, slices, workspace, steps):
    cuts = sorted({c for s in steps if s[0] == "switch" for c in s[2]})
    sizes = sorted({0, 1, 2, 3, 7, 16, 63, 64, 65, 1000, 4096}
                   | {c + d for c in cuts for d in (-1, 0, 1)})
    shared = 0
    for values in itertools.product(sizes, repeat=len(dims)):
        run = list(taken(steps, dict(zip(dims, values))))
        size = evaluate(workspace, values) if workspace else 0
        placed = []
        for slice_name, offset, length in slices:
            # A slice that this run does not use is used at no step.
            uses = [i for i, buffers in enumerate(run) if slice_name in buffers] or [-1, -2]
            begin, count = evaluate(offset, values), evaluate(length, values)
            if begin % 64 or begin < 0 or count < 0 or begin + count > size:
                sys.exit(f"error: @{name} at {values}: {slice_name} at {begin}, "
                         f"{count} bytes, in a workspace of {size}")
            placed.append((slice_name, begin, begin + count, uses[0], uses[-1]))
        for a, b in itertools.combinations(placed, 2):
            overlap = a[1] < b[2] and b[1] < a[2]
            meet = a[3] <= b[4] and b[3] <= a[4]
            if overlap and meet:
                sys.exit(f"error: @{name} at {values}: {a[0]} and {b[0]} are "
                         f"used at the same time and share bytes")
            shared += overlap
    print(f"@{name}: {len(slices)} slices, {'some share' if shared else 'none share'}")


def main():
    lines = iter([line.strip() for line in sys.stdin])
    programs = 0
    for line in lines:
        if not line.startswith("moe_exec.program"):
            continue
        name = re.search(r"@(\w+)", line)[1]
        dims = re.findall(r"(%\w+): index", line)
        slices, workspace, body = [], None, []
        depth = 1
        for inner in lines:
            depth += inner.count("{") - inner.count("}")
            if found := SLICE.match(inner):
                slices.append(found.groups())
            elif found := WORKSPACE.match(inner):
                workspace = found[1]
            else:
                body.append(inner)
            if depth == 0:
                break
        steps, _ = parse_steps(iter(body))
        check(name, dims, slices, workspace, steps)
        programs += 1
    if not programs:
        sys.exit("error: no program")


main()
