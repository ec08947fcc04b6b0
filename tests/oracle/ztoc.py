#!/usr/bin/env python3
"""Writes the SOCI ztoc of a gzip layer: ztoc.py BLOB ZTOC."""

import gzip
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../testdata/toc/make"))
sys.dont_write_bytecode = True
import derive

SPAN = 4 << 20


def main():
    with open(sys.argv[1], "rb") as file:
        blob = file.read()
    tar = gzip.decompress(blob)
    records = derive.checkpoints(blob, len(tar) + 1, SPAN)
    packed = derive.packed(SPAN, records, False)
    with open(sys.argv[2], "wb") as file:
        file.write(derive.ztoc(blob, tar, packed, len(records)))


main()
