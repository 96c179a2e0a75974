#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""deploy.py TREE PACKAGE...: what a machine needs that runs packages; exits 1 where
it is 10 MB or more, or where a program of it needs more than the C and C++
run-time libraries and libmoe."""
import os
import re
import subprocess
import sys

MOST_BYTES = 10_000_000
ALLOWED = re.compile(r"(libmoe|libstdc\+\+|libm|libgcc_s|libc|libdl|libpthread|ld-linux[\w-]*)\.so[.\d]*")


def needed(path):
    """The libraries that a program or library names; none for other files."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return []
    said = subprocess.run(["llvm-readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"NEEDED.*\[(.*)\]", said)


def main(tree, *packages):
    files = [os.path.join(folder, name) for folder, _, names in os.walk(tree) for name in names]
    files = [path for path in files if not os.path.islink(path)]
    total = sum(os.path.getsize(path) for path in [*files, *packages])
    wrong = [f"{os.path.relpath(path, tree)} needs {name}" for path in files for name in needed(path)
             if not ALLOWED.fullmatch(name)]
    if not any(map(needed, files)):
        wrong.append("no programs")
    if total >= MOST_BYTES:
        wrong.append(f"{total} bytes, of which {MOST_BYTES} are too many")
    for line in wrong:
        print("error:", line)
    print(f"{total} bytes in {len(files) + len(packages)} files")
    sys.exit(bool(wrong))


main(*sys.argv[1:])
