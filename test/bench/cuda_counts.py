#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cuda_counts.py [--target=sm_90a] [--dtype=bf16] [MODEL...]: how the plans of
moe-bench's layers fill a GPU, counted without one.

Compiles each layer, and prints in Markdown: the least that must be read and
computed; waves and tile waste of each matmul by tokens; the plan of each with what
ptxas made of it, where there is an NVRTC. Everything is from the decisions in the
package (`moe-run FILE.moe --explain=json`) and from its cubin. Exits 1 where a
kernel has a stack, other threads than planned, or shared memory of its own.
"""
import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

EM_CUDA = 190
REGISTERS, FRAME_BYTES, MAX_THREADS = 0x2F, 0x11, 0x05
RESERVED = 1024  # bytes of shared memory that CUDA takes of every block
ELF = b"\x7fELF"


def tool(*args):
    done = subprocess.run(args, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr or done.stdout)
    return done.stdout


def notes(section):
    """The (attribute, payload) pairs of a .nv.info section."""
    at = 0
    while at + 4 <= len(section):
        form, attribute, size = struct.unpack_from("<BBH", section, at)
        at += 4
        if form == 4:  # else `size` is the value itself
            yield attribute, section[at:at + size]
            at += size


def kernels_of(elf):
    """What a cubin says of each of its kernels."""
    def header(at):
        return struct.unpack_from("<IIQQQQIIQQ", elf, at)

    start, = struct.unpack_from("<Q", elf, 40)
    count, names_at = struct.unpack_from("<HH", elf, 60)
    headers = [header(start + 64 * i) for i in range(count)]

    def text(table, at):
        begin = table[4] + at
        return elf[begin:elf.index(b"\0", begin)].decode()

    sections = {text(headers[names_at], h[0]): h for h in headers}

    def body(name):
        return elf[sections[name][4]:sections[name][4] + sections[name][5]]

    symbols = [text(sections[".strtab"], entry[0])
               for entry in struct.iter_unpack("<IBBHQQ", body(".symtab"))]
    found = {name[len(".text."):]: {"shared": 0} for name in sections if name.startswith(".text.")}
    for attribute, payload in notes(body(".nv.info")):
        if attribute in (REGISTERS, FRAME_BYTES):
            symbol, value = struct.unpack("<II", payload)
            if symbols[symbol] in found:
                found[symbols[symbol]]["registers" if attribute == REGISTERS else "stack"] = value
    for name, kernel in found.items():
        for attribute, payload in notes(body(".nv.info." + name)):
            if attribute == MAX_THREADS:
                kernel["threads"] = struct.unpack_from("<I", payload)[0]
        if ".nv.shared." + name in sections:
            kernel["shared"] = sections[".nv.shared." + name][5]
    return found


def cubin_of(package):
    """Kernels of the package's cubin; none where it was made without an NVRTC."""
    at = -1
    while (at := package.find(ELF, at + 1)) >= 0:
        if struct.unpack_from("<H", package, at + 18)[0] == EM_CUDA:
            return kernels_of(package[at:])
    return {}


class Matmul:
    """One matmul of a layer, in one form: a decision."""

    def __init__(self, decision):
        self.figures = decision["figures"]
        experts, columns, depth, sides = map(int, re.search(
            r"(\d+)x(\d+)x(\d+), (\d+) side", decision["what"]).groups())
        self.shape = f"{experts}x{columns}x{depth}" + (f", {sides} sides" if sides > 1 else "")
        self.kernel = f"matmul{sides if sides > 1 else ''}_{columns}x{depth}_"
        self.grouped = experts > 1
        self.plan = decision["chosen"]
        self.resources = None

    def at(self, tokens):
        """(tiles, waves, waste, bytes of weights, FLOPs) at a token count; none if it does not run then."""
        f = self.figures
        if tokens not in f["tokens"]:
            return None
        i = f["tokens"].index(tokens)
        return (f["tiles"][i], f["waves"][i], f["tile_waste"][i], f["experts"][i] * f["expert_bytes"],
                tokens * f["slots"] * f["flops_per_row"])


def layer(bins, model, target, dtype, folder):
    """The matmuls of a model's layer by their shapes, each in the forms it has."""
    package = os.path.join(folder, model + ".moe")
    tool(os.path.join(bins, "moe-bench"), f"--model={model}", f"--dtype={dtype}", "--executor=cuda-sim",
         f"--target={target}", f"--write-package={package}")
    decisions = json.loads(tool(os.path.join(bins, "moe-run"), package, "--executor=cuda-sim",
                                f"--target={target}", "--explain=json"))
    with open(package, "rb") as file:
        kernels = cubin_of(file.read())
    forms = {}
    for decision in decisions:
        if "tokens" in decision["figures"]:
            matmul = Matmul(decision)
            forms.setdefault(matmul.shape, []).append(matmul)
    for matmuls in forms.values():
        # Forms with one plan share a kernel; others are numbered in their order.
        names = [name for name in kernels if name.removeprefix("grouped_").startswith(matmuls[0].kernel)]
        if {name.startswith("grouped_") for name in names} == {False, True}:
            names = [name for name in names if name.startswith("grouped_") == matmuls[0].grouped]
        names.sort(key=lambda name: int(re.search(r"_sm_[0-9]+a?_?([0-9]*)$", name)[1] or 0))
        plans = list(dict.fromkeys(m.plan for m in matmuls))
        if kernels and len(names) != len(plans):
            sys.exit(f"{model}: {len(plans)} plans of {matmuls[0].shape}, kernels {names}")
        for matmul in matmuls if kernels else ():
            matmul.resources = made = kernels[names[plans.index(matmul.plan)]]
            if made["threads"] != matmul.figures["threads"] or made.get("stack") or made["shared"] > RESERVED:
                sys.exit(f"{model}: {matmul.plan} of {matmul.shape} became {made}")
    return forms


def amount(value, unit):
    for prefix in ("", "k", "M", "G", "T"):
        if value < 999.5 or prefix == "T":
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def heads(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--target", default="sm_90a")
    parser.add_argument("--dtype", default="bf16")
    parser.add_argument("--bin", default="build/bin", help="where the tools are")
    args = parser.parse_args()
    known = re.search(r"--model=NAME +(.*)", tool(os.path.join(args.bin, "moe-bench"), "--help"))[1].split(", ")
    with tempfile.TemporaryDirectory() as folder:
        layers = {model: layer(args.bin, model, args.target, args.dtype, folder) for model in args.models or known}
    counted = sorted({t for forms in layers.values() for ms in forms.values() for m in ms for t in m.figures["tokens"]})

    def cells(matmuls, tokens):
        return [cell for matmul in matmuls if (cell := matmul.at(tokens))]

    print("Weights that are read, and FLOPs:\n")
    heads("layer", *(f"T={t}" for t in counted))
    for model, forms in layers.items():
        sums = [[sum(cell[i] for ms in forms.values() for cell in cells(ms, t)) for i in (3, 4)] for t in counted]
        row(model, *(f"{amount(b, 'B')}, {amount(f, 'F')}" for b, f in sums))
    print("\nTiles, (waves), and elements computed by elements asked for:\n")
    heads("layer", "matmul", *(f"T={t}" for t in counted))
    for model, forms in layers.items():
        for shape, matmuls in forms.items():
            # A shape that a layer has twice has equal counts.
            found = [cells(matmuls, t)[0] for t in counted]
            row(model, shape, *(f"{tiles} ({waves:.2f}) {waste:.3g}" for tiles, waves, waste, *_ in found))
    print("\nPlans:\n")
    heads("plan", "sides", "threads", "registers", "shared bytes", "blocks of an SM", "T", "layers")
    plans = {}
    for model, forms in layers.items():
        for shape, matmuls in forms.items():
            for m in matmuls:
                plans.setdefault((m.plan, "2" if "sides" in shape else "1"), []).append((model, m))
    for (plan, sides), used in plans.items():
        f = used[0][1].figures
        registers = sorted({m.resources["registers"] for _, m in used if m.resources})
        # What registers allow; they are dealt to threads by eight.
        blocks = min([f["blocks_of_sm"]] + [65536 // (f["threads"] * -(-r // 8) * 8) for r in registers])
        tokens = sorted({t for _, m in used for t in m.figures["tokens"]})
        row(plan, sides, f["threads"], "–".join(map(str, dict.fromkeys(registers[:1] + registers[-1:]))), f["shared_bytes"],
            blocks, f"{tokens[0]}–{tokens[-1]}", ", ".join(dict.fromkeys(model for model, _ in used)))


main()
