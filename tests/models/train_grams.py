#!/usr/bin/env python3
"""Counts src/scan/grams.bin: how common each three bytes are in source text.

usage: train_grams.py OUT FOLDER...

The committed file was counted over the source of Python 3.11's standard library and the C headers
below /usr/include. Bytes are folded as src/scan/grams.rs folds them (bit 0x20 set); a gram's slot is
its hash, as in src/scan/grams.rs. One byte a slot: 8 times the binary logarithm of the count in
a hundred million, at most 255.
"""

import collections
import math
import pathlib
import sys

ENDINGS = {".py", ".txt", ".h", ".c", ".rst", ".md"}
FOLD = bytes(byte | 0x20 for byte in range(256))
BITS = 15


def slot(gram):
    return (int.from_bytes(gram, "little") * 0x9E3779B1 & 0xFFFFFFFF) >> (32 - BITS)


def main():
    counts = collections.Counter()
    for folder in sys.argv[2:]:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix in ENDINGS and path.is_file() and "site-packages" not in path.parts:
                text = path.read_bytes().translate(FOLD)
                counts.update(text[at : at + 3] for at in range(len(text) - 2))
    table = [0.0] * (1 << BITS)
    total = sum(counts.values())
    for gram, count in counts.items():
        table[slot(gram)] += count / total * 1e8
    pathlib.Path(sys.argv[1]).write_bytes(bytes(min(255, round(8 * math.log2(1 + share))) for share in table))


main()
