#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""edit.py config FILE KEY VALUE: sets (or with "-" removes) a key of a JSON file.
edit.py header FILE OLD NEW: replaces text in a safetensors header, keeping its length right.
edit.py flip FILE OFFSET: inverts a byte; a negative offset counts from the end, "middle" is half way.
edit.py cut FILE BYTES: keeps so many bytes."""
import json
import struct
import sys

kind, path, *rest = sys.argv[1:]
if kind == "config":
    config = json.load(open(path))
    if rest[1] == "-":
        del config[rest[0]]
    else:
        config[rest[0]] = json.loads(rest[1])
    json.dump(config, open(path, "w"))
else:
    data = bytearray(open(path, "rb").read())
    if kind == "header":
        size = struct.unpack("<Q", data[:8])[0]
        head = data[8:8 + size].decode()
        assert rest[0] in head, f"{rest[0]} is not in the header"
        head = head.replace(rest[0], rest[1]).encode()
        data = bytearray(struct.pack("<Q", len(head)) + head + data[8 + size:])
    elif kind == "flip":
        at = len(data) // 2 if rest[0] == "middle" else int(rest[0])
        data[at] ^= 255
    elif kind == "cut":
        data = data[:int(rest[0])]
    open(path, "wb").write(data)
