#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""collapse.py CHECKPOINT COPY: the checkpoint with a correction bias that picks
experts 0 to 3 whatever the token."""
import json
import shutil
import struct
import sys

source, target = sys.argv[1:]
shutil.rmtree(target, ignore_errors=True)
shutil.copytree(source, target)
path = f"{target}/model.safetensors"
with open(path, "rb") as file:
    data = bytearray(file.read())
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
name = next(name for name in header if name.endswith("e_score_correction_bias"))
begin, end = header[name]["data_offsets"]
count = (end - begin) // 4
data[8 + size + begin:8 + size + end] = struct.pack(f"<{count}f", *[100.0 * (e < 4) for e in range(count)])
with open(path, "wb") as file:
    file.write(data)
