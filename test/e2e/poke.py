#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""poke.py FILE TENSOR OFFSET BYTE...: overwrites bytes of a tensor's data."""
import json
import struct
import sys

path, name, offset, *values = sys.argv[1:]
with open(path, "r+b") as file:
    size = struct.unpack("<Q", file.read(8))[0]
    begin = json.loads(file.read(size))[name]["data_offsets"][0]
    file.seek(8 + size + begin + int(offset))
    file.write(bytes(int(value) for value in values))
