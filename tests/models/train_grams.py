#!/usr/bin/env python3
"""Counts src/scan/grams.bin and src/scan/pairs.bin: how common each three and two bytes are in source text.

usage: train_grams.py GRAMS PAIRS FOLDER...

The committed files were counted over the source of Python 3.11's standard library and the C headers
below /usr/include. Of three, bytes are folded as src/scan/grams.rs folds them (bit 0x20 set), and
their slot is their hash, as there; of two, it is 128 times the first and the second. One byte a slot:
8 times the binary logarithm of the count in a hundred million, at most 255.
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
    counts, pairs = collections.Counter(), collections.Counter()
    for folder in sys.argv[3:]:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix in ENDINGS and path.is_file() and "site-packages" not in path.parts:
                text = path.read_bytes()
                pairs.update(zip(text, text[1:]))
                text = text.translate(FOLD)
                counts.update(text[at : at + 3] for at in range(len(text) - 2))
    write(sys.argv[1], 1 << BITS, ((slot(gram), count) for gram, count in counts.items()))
    write(sys.argv[2], 1 << 14, ((a % 128 * 128 + b % 128, count) for (a, b), count in pairs.items()))


def write(path, slots, counts):
    counts = list(counts)
    total = sum(count for _, count in counts)
    table = [0.0] * slots
    for at, count in counts:
        table[at] += count / total * 1e8
    pathlib.Path(path).write_bytes(bytes(min(255, round(8 * math.log2(1 + share))) for share in table))


main()
