#!/usr/bin/env python3
"""Trains src/scan/words.bin: how surprising each letter of a word is after the two before it.

usage: train_words.py OUT FOLDER...

Reads the words of every text file below the folders (the committed file was trained on the source
of Python 3.11's standard library, PSF licence). A word is a run of letters, cut where a capital
follows a small letter. One byte for each of 27^3 trigrams (0 is the edge of a word, 1-26 are
letters): sixteenths of a bit of surprise at the third, given the first two, at most 255.
"""

import collections
import math
import pathlib
import re
import sys

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
ENDINGS = {".py", ".txt", ".rst", ".md", ".c", ".h", ".rs", ".go", ".js", ".java"}
# A name that stands in one file a thousand times is one habit, not a thousand.
MOST_FOR_A_WORD = 30


def words(folders):
    counts = collections.Counter()
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix in ENDINGS and path.is_file() and "site-packages" not in path.parts:
                counts.update(word.lower() for word in WORD.findall(path.read_text(errors="ignore")))
    return {word: min(count, MOST_FOR_A_WORD) for word, count in counts.items() if count > 2 and len(word) > 2}


def main():
    out, folders = sys.argv[1], sys.argv[2:]
    one, two, three = collections.Counter(), collections.Counter(), collections.Counter()
    for word, count in words(folders).items():
        letters = [0, 0] + [ord(letter) - 96 for letter in word]
        for a, b, c in zip(letters, letters[1:], letters[2:]):
            one[c] += count
            two[b, c] += count
            three[a, b, c] += count
    total = sum(one.values())
    of_two, of_three = collections.Counter(), collections.Counter()
    for (b, _), count in two.items():
        of_two[b] += count
    for (a, b, _), count in three.items():
        of_three[a, b] += count
    table = bytearray(27**3)
    for a in range(27):
        for b in range(27):
            for c in range(1, 27):
                single = (one[c] + 1) / (total + 26)
                pair = (two[b, c] + 8 * single) / (of_two[b] + 8)
                share = (three[a, b, c] + 8 * pair) / (of_three[a, b] + 8)
                table[(a * 27 + b) * 27 + c] = min(255, round(-16 * math.log2(share)))
    pathlib.Path(out).write_bytes(table)


main()
