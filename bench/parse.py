"""How much CPU does reading a mail cost? The corpus, or any directory of .eml files, through our parser alone."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from bench.corpus import corpus
from mailchannel.parsing.mime import parse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", help="of .eml files; default: the corpus")
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if options.directory:
        mails = [path.read_bytes() for path in sorted(options.directory.rglob("*.eml"))]
    else:
        mails = [sample.raw for sample in corpus(options.mails)]
    cost = statistics.median(_cpu_seconds(mails) for _ in range(options.runs))
    print(f"{len(mails)} mails: {1000 * cost / len(mails):.3f} ms CPU per mail (median of {options.runs})")


def _cpu_seconds(mails: list[bytes]) -> float:
    before = time.process_time()
    for raw in mails:
        parse(raw)
    return time.process_time() - before


if __name__ == "__main__":
    main()
