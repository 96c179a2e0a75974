#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the examples of the generated reference pages; exits 1 if one is wrong.

  doc_examples.py ops TOOL PAGE...      every ```mlir block parses and verifies
  doc_examples.py passes TOOL PAGE...   what stands under "Before:" becomes, by
                                        the pass, what stands under "After:";
                                        "Before, with `x=1`:" has options

An example of an op is a module. Values that it uses and does not define are
given to it, with the types that it uses them with. Lines that begin with # or !
are attributes and types.
"""
import re
import subprocess
import sys

BLOCK = re.compile(r"```mlir\n(.*?)```", re.S)
UNDECLARED = re.compile(r"<stdin>:(\d+):(\d+): error: use of undeclared SSA value")
OF_OTHER_TYPE = re.compile(
    r"definition of SSA value '(%[\w-]+)#0' has type 'none'.*?"
    r"previously used here with type '(.*?)'\n", re.S)


def run(tool, text, *flags):
    return subprocess.run([tool, "-", "-allow-unregistered-dialect", *flags],
                          input=text, capture_output=True, text=True, check=False)


def sections(pages):
    """(heading, text) of every ### section."""
    for page in pages:
        with open(page, encoding="utf-8") as file:
            parts = re.split(r"^### +(.*)$", file.read(), flags=re.M)
        yield from zip(parts[1::2], parts[2::2])


def with_given_values(tool, text):
    """The text, followed by definitions of the values that it lacks."""
    given = {}
    while True:
        module = text + "\n" + "\n".join(
            f'{name} = "example.given"() : () -> {kind}'
            for name, kind in given.items())
        result = run(tool, module)
        if found := OF_OTHER_TYPE.search(result.stderr):
            given[found[1]] = found[2]
        elif found := UNDECLARED.search(result.stderr):
            line = module.splitlines()[int(found[1]) - 1]
            given[re.match(r"%[\w-]+", line[int(found[2]) - 1:])[0]] = "none"
        else:
            return result


def check_block(tool, block):
    if block.lstrip()[0] not in "#!":
        return with_given_values(tool, block)
    entries = re.findall(r"^[#!].*(?:\n[ \t]+.*)*", block, re.M)
    used = "\n".join(
        f'"example.use"() {{a = {entry}}} : () -> ()' for entry in entries)
    return run(tool, used)


def check_ops(tool, pages):
    count, broken = 0, 0
    for heading, text in sections(pages):
        for block in BLOCK.findall(text):
            count += 1
            result = check_block(tool, block)
            if result.returncode != 0:
                broken += 1
                print(f"error: example of {heading}:\n{result.stderr}")
    print(f"{count} examples, {broken} broken")
    return broken or not count


def check_passes(tool, pages):
    count, broken = 0, 0
    for heading, text in sections(pages):
        flag = heading.strip("`")
        found = re.search(r"Before(?:, with `([^`]*)`)?:\s*" + BLOCK.pattern + r"\s*After:\s*" + BLOCK.pattern,
                          text, re.S)
        count += 1
        if not found:
            broken += 1
            print(f"error: {flag} has no Before and After")
            continue
        options, before, after = found.groups()
        made = run(tool, before, flag + (f"={options}" if options else ""),
                   "-mlir-print-local-scope")
        wanted = run(tool, after, "-mlir-print-local-scope")
        if made.returncode or wanted.returncode or made.stdout != wanted.stdout:
            broken += 1
            print(f"error: example of {flag}:\n{made.stderr}{made.stdout}"
                  f"is not\n{wanted.stderr}{wanted.stdout}")
    print(f"{count} passes, {broken} broken")
    return broken or not count


def main():
    mode, tool, *pages = sys.argv[1:]
    sys.exit(bool({"ops": check_ops, "passes": check_passes}[mode](tool, pages)))


main()
