#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites bytecode on stdin as if a moe dialect of version 200 had written it.

Walks MLIR's bytecode as documented (mlir.llvm.org/docs/BytecodeFormat) up to
the dialect section and replaces the versions that stand there: of the dialects
that moec reads, only moe writes one.
"""
import sys

DIALECT_SECTION, VERSION_SECTION = 1, 7


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        first = self.byte()
        if first == 0:
            self.at += 8
            return int.from_bytes(self.data[self.at - 8:self.at], "little")
        extra = (first & -first).bit_length() - 1
        self.at += extra
        return int.from_bytes(self.data[self.at - 1 - extra:self.at], "little") >> (extra + 1)


def varint(value):
    """The two-byte form, which holds up to 2^14."""
    return ((value << 2) | 2).to_bytes(2, "little")


def main():
    data = sys.stdin.buffer.read()
    reader = Reader(data, 4)
    reader.varint()
    reader.at = data.index(b"\0", reader.at) + 1
    out = bytearray(data[:reader.at])
    replaced = 0
    while reader.at < len(data):
        start = reader.at
        kind = reader.byte()
        length = reader.varint()
        if kind & 0x80:
            alignment = reader.varint()
            while reader.at % alignment:
                reader.at += 1
        head, body = data[start:reader.at], data[reader.at:reader.at + length]
        reader.at += length
        if kind & 0x7f != DIALECT_SECTION:
            out += head + body
            continue
        inner, made = Reader(body), bytearray()
        count = inner.varint()
        made += body[:inner.at]
        for _ in range(count):
            begin = inner.at
            versioned = inner.varint() & 1
            made += body[begin:inner.at]
            if versioned:
                if inner.byte() & 0x7f != VERSION_SECTION:
                    sys.exit("error: expected a version")
                length = inner.varint()
                inner.at += length
                version = varint(200)
                made += bytes([VERSION_SECTION, len(version) << 1 | 1]) + version
                replaced += 1
        made += body[inner.at:]
        out += bytes([kind]) + varint(len(made)) + made
    if replaced != 1:
        sys.exit(f"error: expected one version, found {replaced}")
    sys.stdout.buffer.write(out)


main()
