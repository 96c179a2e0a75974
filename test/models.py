#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""models.py FOLDER: every model type that moec imports, run on every executor, as
a table in Markdown.

What a type is run on: a fixture made by the original (test/data/fixtures), a
checkpoint with a formula (test/e2e/families.py, gguf.py), or, for types that share
a row with one of these, that one.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(f"{HERE}/e2e")
import families  # noqa: E402
import gguf  # noqa: E402

EXECUTORS = (["--executor=reference"], ["--executor=cpu"],
             ["--executor=cuda-sim", "--target=sm_90a"])


def known_rows():
    """The model types that an unknown one is told, by the family they belong to."""
    text = subprocess.run(["moe-import", "--families"], capture_output=True, text=True,
                          check=True).stdout
    return [(line.split("\t")[0], line.split("\t")[1].split(" "))
            for line in text.splitlines()]


def holds(path, arguments, expect):
    run = subprocess.run(["moe-run", path, f"--expect={expect}", "--rtol=1e-5"] + arguments,
                         capture_output=True, text=True, check=False)
    return run.returncode == 0 and "  ok (tolerance" in run.stdout


def checkpoints(root):
    """model type -> (what it is, path, expectation, more arguments)."""
    made = {}
    fixtures = f"{HERE}/data/fixtures"
    for name in sorted(os.listdir(fixtures)):
        path = f"{fixtures}/{name}"
        if not os.path.exists(f"{path}/config.json") or name.endswith("bf16"):
            continue
        with open(f"{path}/config.json", encoding="utf-8") as file:
            config = json.load(file)
        if "quantization_config" not in config:
            made.setdefault(config["model_type"], (f"fixture {name}", path, path, []))
    for number, (name, case) in enumerate(families.CASES.items()):
        families.random.seed(number)
        path = f"{root}/{name.replace(' ', '-')}"
        families.write(name.split()[0], case, path)
        made.setdefault(name.split()[0], ("formula", path, path, []))
    gguf.make(root)
    for name in gguf.CASES:
        at = f"{root}/{name.replace(' ', '-')}"
        made.setdefault(f"gguf:{name.split()[0]}",
                        ("formula", f"{at}.gguf", f"{at}-expect.safetensors",
                         [f"--input={at}-input.safetensors"]))
    return made


def agreeing():
    """The models that coverage.py held to transformers itself."""
    with open(f"{HERE}/../docs/coverage.md", encoding="utf-8") as file:
        rows = [line.split(" | ") for line in file if line.startswith("| ")]
    return {row[0][2:] for row in rows if row[-1].startswith("agrees")}


def main(root):
    os.makedirs(root, exist_ok=True)
    made = checkpoints(root)
    rows, held, total = [], 0, 0
    elsewhere = agreeing()
    for family, types in known_rows():
        own = [name for name in types if name in made]
        for name in types:
            what, path, expect, more = made[name if name in made else own[0]] if own else (
                "the original, in [coverage.md](coverage.md)" if name in elsewhere else "not run",
                None, None, [])
            if name not in made and own:
                rows.append((family, name, f"as {own[0]}", []))
                continue
            results = [holds(path, executor + more, expect) for executor in EXECUTORS] if path else []
            held += sum(results)
            total += len(results)
            rows.append((family, name, what, results))
    print("# Which models run where\n")
    print(f"{len({family for family, *_ in rows})} families with {len(rows)} model types. "
          f"{held} of {total} runs gave what is expected to 1e-5. This page is what "
          "`test/models.py` printed.\n")
    print("| family | model type | held to | reference | cpu | cuda-sim |\n|---|---|---|---|---|---|")
    for family, name, what, results in rows:
        marks = ["yes" if good else "**no**" for good in results] or [""] * 3
        print(f"| {family} | {name} | {what} | {' | '.join(marks)} |")


if __name__ == "__main__":
    main(sys.argv[1])
