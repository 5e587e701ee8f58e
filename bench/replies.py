"""What does finding the new words of a mail cost? Ordinary answers, and the worst a hostile mail can do."""

from __future__ import annotations

import argparse
import time

from bench.corpus import corpus
from mailchannel.parsing.mime import parse
from mailchannel.parsing.quotes import new_words

HOSTILE = {
    "a million >": ">" * 1_000_000,
    "lines of >": ">\n" * 500_000,
    "attributions without an end": "On Mon, Mar 3, 2025 at 9:12 AM Ana <a@b.example>\n" * 100_000,
    "attributions": "On Mon, Mar 3, 2025 at 9:12 AM Ana <a@b.example> wrote:\n" * 50_000,
    "headers": "From: a@b.example\n" * 100_000,
    "nested quotes": "<blockquote>" * 50_000 + "text",
    "nested containers": '<div class="gmail_quote">a:' * 50_000,
    "signatures": '<div class="gmail_signature">a</div>' * 50_000,
    "hidden": "<div style='display:none'>" * 50_000,
    "unclosed tags": "<a href='" * 100_000,
    "unclosed links": "<a href=http://a.example>" * 50_000,
    "lists": "<ol><li>a" * 50_000,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=1000)
    mails = [parse(sample.raw) for sample in corpus(parser.parse_args().mails)]
    started = time.process_time()
    for mail in mails:
        new_words(mail)
    spent = time.process_time() - started
    print(f"{len(mails)} mails: {1000 * spent / len(mails):.3f} ms CPU per mail")
    for name, text in HOSTILE.items():
        print(f"{name:28} {_seconds(text):.2f} s with parsing")


def _seconds(text: str) -> float:
    kind = "html" if "<d" in text or "<b" in text or "<a " in text or "<o" in text else "plain"
    raw = f"Subject: Re: x\nContent-Type: text/{kind}\n\n{text}".encode()
    started = time.process_time()
    new_words(parse(raw))
    return time.process_time() - started


if __name__ == "__main__":
    main()
