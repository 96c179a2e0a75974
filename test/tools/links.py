#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds documents and sources to the pages that they name; exits 1 on a breach.

Relative links of every .md lead to a file, their anchors to a heading in it, and
a page that a source names (docs/errors.md) exists.
"""
import os
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED = re.compile(r"\bdocs/[\w./-]+\.md\b")
SOURCES = (".h", ".hpp", ".cpp", ".td", ".fbs", ".py", ".sh", ".txt", ".cmake")


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def why_broken(page, link):
    """Why a link of a page leads nowhere; empty if it leads somewhere."""
    name, _, fragment = link.partition("#")
    to = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
    if not os.path.exists(to):
        return "leads nowhere"
    headings = re.findall(r"^#+ (.*)$", read(to), re.M) if fragment else []
    return "has no such heading" if fragment and fragment not in map(anchor, headings) else ""


def main(root):
    breaches, count = [], 0
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "build")) and f != "data"]
        for name in sorted(names):
            path = os.path.join(folder, name)
            found = {}
            if name.endswith(".md"):
                found = {link: why_broken(path, link) for link in LINK.findall(read(path))
                         if not re.match(r"[a-z]+:", link)}
            elif name.endswith(SOURCES):
                found = {page: "" if os.path.exists(os.path.join(root, page)) else "does not exist"
                         for page in NAMED.findall(read(path))}
            count += len(found)
            breaches += [f"{os.path.relpath(path, root)}: {link} {why}"
                         for link, why in found.items() if why]
    for breach in breaches:
        print("error:", breach)
    print(f"{count} links, {len(breaches)} breaches")
    sys.exit(bool(breaches) or not count)


main(sys.argv[1])
