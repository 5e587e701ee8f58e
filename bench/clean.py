"""What does making the HTML of a mail safe cost, when it is first looked at? Ordinary mails, and the worst ones."""

from __future__ import annotations

import argparse
import time

from bench.corpus import corpus
from mailchannel.parsing.mime import parse
from tests.pages.test_safe_html import COSTLY
from tickets.frame_height import likely_height
from tickets.safe_html import clean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=1000)
    mails = [html for sample in corpus(parser.parse_args().mails) if (html := parse(sample.raw).html)]
    print(f"{len(mails)} mails with HTML: {1000 * sum(map(_seconds, mails)) / len(mails):.1f} ms CPU per mail")
    for name, html in COSTLY.items():
        print(f"{name:32} {_seconds(html):.2f} s")


def _seconds(html: str) -> float:
    started = time.process_time()
    likely_height(clean(html))
    return time.process_time() - started


if __name__ == "__main__":
    main()
