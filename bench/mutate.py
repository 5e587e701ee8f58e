"""Hundreds of thousands of damaged mails through the parser: none may raise, and everything read must be storable.

The same seed damages in the same way, so `--seed N --only K` repeats mutation K that was found bad.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import django

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.mime import parse
from tests.hostile.mutation import mutated

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "corpus"
CHUNK = 500
SHOWN = 10  # different defects


@dataclass
class Report:
    """What became of some mutations. A defect is named by where it came up."""

    mutations: int = 0
    exceptions: int = 0
    unstorable: int = 0
    slowest: tuple[float, int] = (0.0, -1)  # CPU seconds, number of the mutation
    megabytes: float = 0.0
    defects: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        self.mutations += other.mutations
        self.exceptions += other.exceptions
        self.unstorable += other.unstorable
        self.slowest = max(self.slowest, other.slowest)
        self.megabytes = max(self.megabytes, other.megabytes)
        self.defects += other.defects
        self.examples = {**other.examples, **self.examples}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=200_000, help="how many mutations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="K", help="just this mutation, in this process")
    parser.add_argument("--directory", type=Path, default=CORPUS, help="of .eml files to damage; default: the corpus")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    check = _checker()
    mails = [path.read_bytes() for path in sorted(options.directory.rglob("*.eml"))]
    if options.only is not None:
        check(parse(_mutation(mails, options.seed, options.only)))
        return 0
    total = Report()
    chunks = range(0, options.mails, CHUNK)
    with multiprocessing.Pool(options.processes, _begin, (_Work(mails, options.seed, options.mails, check),)) as pool:
        for report in pool.imap_unordered(_examine, chunks):
            total.add(report)
    print("\n".join(_lines(total)))
    return 1 if total.defects else 0


def _lines(report: Report) -> Iterator[str]:
    seconds, number = report.slowest
    yield (
        f"{report.mutations} mutations, {report.exceptions} exceptions, {report.unstorable} unstorable, "
        f"slowest parse {1000 * seconds:.0f} ms CPU (mutation {number}), peak memory {report.megabytes:.0f} MB"
    )
    for defect, count in report.defects.most_common(SHOWN):
        yield f"{count} x {defect}; such as --only {report.examples[defect]}"


def _mutation(mails: list[bytes], seed: int, number: int) -> bytes:
    return mutated(random.Random(f"{seed}/{number}"), mails)


def _checker() -> Callable[[ParsedMail], None]:
    """What reads a mail besides the parser; commands among it, so Django has to be there."""
    import tests.environment  # noqa: F401

    os.environ["DJANGO_SETTINGS_MODULE"] = "helpdesk.settings"
    django.setup()
    from tests.hostile.reading import check

    return check


@dataclass
class _Work:
    mails: list[bytes]
    seed: int
    count: int
    check: Callable[[ParsedMail], None]


_work: _Work


def _begin(work: _Work) -> None:
    global _work
    _work = work


def _examine(start: int) -> Report:
    report = Report()
    for number in range(start, min(start + CHUNK, _work.count)):
        _try(_mutation(_work.mails, _work.seed, number), number, report)
    report.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return report


def _try(raw: bytes, number: int, report: Report) -> None:
    report.mutations += 1
    before = time.process_time()
    try:
        mail = parse(raw)
        report.slowest = max(report.slowest, (time.process_time() - before, number))
        _work.check(mail)
    except (AssertionError, UnicodeError) as error:
        report.unstorable += 1
        _note(error, number, report)
    except Exception as error:
        report.exceptions += 1
        _note(error, number, report)


def _note(error: Exception, number: int, report: Report) -> None:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    defect = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno} ({frame.name})"
    report.defects[defect] += 1
    report.examples.setdefault(defect, number)


if __name__ == "__main__":
    raise SystemExit(main())
