#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds the names and the form of the sources to the rules; exits 1 on a breach.

  * A pass has one name in four places: moe-fuse-gather is FuseGatherPass, in
    FuseGather.cpp below the folder of its definition, tested by fuse-gather.mlir
    in the tests of the folder whose Passes.td has it.
  * Passes, ops, attributes and types have a summary, a description and an
    example in it.
  * Nothing is called Utils or Helpers; no .cpp is longer than 600 lines; every
    source names its licence, and C++ and TableGen begin with the banner.
  * The top level holds what it holds.
"""
import os
import re
import sys

TOP = {"CMakeLists.txt", "LICENSE", "README.md", "codegen", "dialect", "docs",
       "passes", "runtime", "test", "tools"}
MAX_LINES = 600
BANNERED = (".h", ".hpp", ".cpp", ".td", ".cuh")
LICENSED = BANNERED + (".c", ".cu", ".py", ".sh", ".cmake", ".fbs", ".txt", ".in")
VAGUE = re.compile(r"(util|utils|utility|helper|helpers|misc|common)$", re.I)
SPDX = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
DEFINITION = re.compile(r"^def (\w+)\s*:\s*(\w+)<(.*?)^}", re.M | re.S)
# What a definition of these classes has to document.
DOCUMENTED = re.compile(r"(Op|Attr|Type|Pass)$")
UNDOCUMENTED = re.compile(r"(I32EnumAttr|I64EnumAttr|AttrInterface|TypeInterface|"
                          r"EnumAttr|ConfinedAttr|Dialect)$")

breaches = []


def breach(text):
    breaches.append(text)


def sources(root):
    """Paths of all files, relative to the root."""
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders
                      if not f.startswith((".", "build", "__pycache__"))]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def kebab(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def check_pass(root, path, name, flag, files):
    if not name.endswith("Pass"):
        return breach(f"{path}: {name} is not called ...Pass")
    stem = name[:-len("Pass")]
    if flag != "moe-" + kebab(stem):
        breach(f"{path}: {name} has the flag {flag}, not moe-{kebab(stem)}")
    folder = os.path.dirname(path)
    if not any(os.path.basename(f) == stem + ".cpp" and f.startswith(folder + "/")
               for f in files):
        breach(f"{path}: {name} has no {stem}.cpp below {folder}/")
    while folder and f"{folder}/Passes.td" not in files:
        folder = os.path.dirname(folder)
    test = f"test/{folder}/{kebab(stem)}.mlir"
    if test not in files:
        breach(f"{path}: {name} has no {test}")


def check_definitions(root, path, files):
    text = read(root, path)
    for name, base, body in DEFINITION.findall(text):
        if UNDOCUMENTED.search(base) or not DOCUMENTED.search(base):
            continue
        if base == "Pass":
            check_pass(root, path, name, re.match(r'"([^"]*)"', body)[1], files)
        if "let summary =" not in body:
            breach(f"{path}: {name} has no summary")
        description = re.search(r"let description = \[\{(.*?)\}\];", body, re.S)
        if not description:
            breach(f"{path}: {name} has no description")
        elif "```mlir\n" not in description[1]:
            breach(f"{path}: {name} has no example")


def check_source(root, path):
    name = os.path.basename(path)
    stem, suffix = os.path.splitext(name)
    if suffix not in LICENSED:
        return
    if VAGUE.search(stem):
        breach(f"{path}: says nothing about what it holds; name the concept")
    lines = read(root, path).splitlines()
    if suffix == ".cpp" and len(lines) > MAX_LINES:
        breach(f"{path}: {len(lines)} lines, at most {MAX_LINES}")
    if not any(SPDX in line for line in lines[:8]):
        breach(f"{path}: does not name its licence in the first lines")
    if suffix in BANNERED and not (lines and re.match(
            r"(//|/\*)===-+ " + re.escape(name) + r" - \S", lines[0])):
        breach(f'{path}: does not begin with "//===- {name} - what it is ---"')


def main(root):
    files = set(sources(root))
    for entry in os.listdir(root):
        if not entry.startswith((".", "build")) and entry not in TOP:
            breach(f"{entry}: is not part of the top level")
    for path in sorted(files):
        if path.startswith(("test/data/", "test/tools/Inputs/", "docs/")):
            continue
        check_source(root, path)
        if path.endswith(".td") and not path.startswith("test/"):
            check_definitions(root, path, files)
    for text in breaches:
        print("error:", text)
    print(f"{len(files)} files, {len(breaches)} breaches")
    sys.exit(bool(breaches))


if __name__ == "__main__":
    main(sys.argv[1])
