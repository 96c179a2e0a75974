#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""expect-error.py CODE COMMAND...: the command must end with CODE, say one line
beginning "error: E" on standard error and nothing else there. Prints that line,
without the folders of paths, for FileCheck."""
import os
import re
import subprocess
import sys

code, command = int(sys.argv[1]), sys.argv[2:]
ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
lines = ran.stderr.splitlines()
if ran.returncode != code or len(lines) != 1 or not lines[0].startswith("error: E"):
    sys.exit(f"expected exit code {code} and one line 'error: E...', got {ran.returncode} and:\n{ran.stderr}")
# Folders differ from machine to machine; names of files are what matters.
print(re.sub(r"(?:/[\w.+-]+)+/(?=[\w.+-])", "", lines[0]))
