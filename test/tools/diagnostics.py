#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds the tests to the diagnostics of dialects and passes; exits 1 on a gap.

  * Every literal piece of every message that a verifier, parser or pass can
    give (emitOpError, emitError, and the texts that become one) is in an
    expected-error, a CHECK or a unit test.
  * Every rule of a verifier (route_c1 ...) that a definition documents stands
    in the code and names a test case.
"""
import os
import re
import sys

SOURCES = ["dialect", "passes"]
TESTS = ["test/dialect", "test/passes", "test/unit/dialect"]
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
EMIT = re.compile(r"\bemit(?:Op)?Error\s*\(")
# What only a programmer reads: asserts, descriptions, and the tables' citations.
UNREAD = re.compile(r"\b(assert|static_assert|llvm_unreachable|"
                    r"PassPipelineRegistration<>)\s*\([^;]*;", re.S)
TABLES = ("Activation.cpp", "QuantFormat.cpp")
RULE = re.compile(r"\b([a-z_]+_c\d+)\b")


def files(root, folders, suffixes):
    for folder in folders:
        for parent, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith(suffixes):
                    path = os.path.join(parent, name)
                    with open(path, encoding="utf-8") as file:
                        yield os.path.relpath(path, root), file.read()


def without_comments(text):
    return re.sub(r"^\s*//.*$|(?<=[;{}\s])//[^\"\n]*$", "", text, flags=re.M)


def joined(text):
    """Adjacent string literals as one."""
    return re.sub(r'"\s*\n\s*"', "", text)


def statements(text):
    """(offset, text) of the statements that emit an error."""
    for found in EMIT.finditer(text):
        depth, at, quoted = 0, found.start(), False
        while at < len(text) and not (text[at] == ";" and depth == 0 and not quoted):
            if text[at] == '"' and text[at - 1] != "\\":
                quoted = not quoted
            elif not quoted:
                depth += (text[at] in "({[") - (text[at] in ")}]")
            at += 1
            if depth < 0:
                break
        yield found.start(), text[found.start():at]


def fragments(path, text):
    """What of a source a user can read as a message: the literals of statements
    that emit one, and those of several words elsewhere, which become one."""
    text = UNREAD.sub(";", joined(without_comments(text)))
    emitted = list(statements(text))
    for _, statement in emitted:
        for literal in LITERAL.findall(statement):
            if len(literal.strip(" ,'[]()\\")) > 1:
                yield literal
    for literal in LITERAL.findall(text) if not path.endswith(TABLES) else []:
        if literal.count(" ") >= 2 and not literal.startswith(("moe/", "mlir/")):
            yield literal


def main(root):
    expected = "\n".join(joined(text) for _, text in
                         files(root, TESTS, (".mlir", ".test", ".cpp")))
    expected = expected.replace('\\"', '"')
    gaps, sites, pieces = [], 0, set()
    for path, text in files(root, SOURCES, (".cpp", ".h")):
        sites += len(list(statements(joined(without_comments(text)))))
        for piece in fragments(path, text):
            piece = piece.replace('\\"', '"').strip(" ")
            pieces.add(piece)
            if piece not in expected:
                gaps.append(f'{path}: no test expects "{piece}"')

    code = "\n".join(text for _, text in files(root, SOURCES, (".cpp", ".h")))
    tests = "\n".join(text for _, text in files(root, ["test/dialect"], (".mlir",)))
    rules = set()
    for path, text in files(root, ["dialect"], (".td",)):
        for description in re.findall(r"\[\{(.*?)\}\]", text, re.S):
            rules |= {(path, rule) for rule in RULE.findall(description)}
    for path, rule in sorted(rules):
        if not re.search(rule + r"(?!\d)", code):
            gaps.append(f"{path}: rule {rule} does not stand in the code")
        if not re.search("@" + rule + r"(?!\d)", tests):
            gaps.append(f"{path}: rule {rule} names no test case")
    for gap in sorted(set(gaps)):
        print("error:", gap)
    print(f"{sites} places that emit an error, {len(pieces)} pieces of text, "
          f"{len(rules)} rules, {expected.count('expected-error')} expected errors, "
          f"{len(set(gaps))} gaps")
    sys.exit(bool(gaps) or expected.count("expected-error") < sites)


if __name__ == "__main__":
    main(sys.argv[1])
