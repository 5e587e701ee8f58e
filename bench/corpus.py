"""Mails to measure with: the same count and seed always give the same bytes.

60 % short text, 25 % HTML of 10-40 KB beside text, 10 % with one or two files of 50-300 KB in all, 5 % replies.
Senders come from a pool a quarter as large as the corpus. A part of the text is iso-8859-1 with 8 bits.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

NOUNS = (
    "printer scanner laptop monitor invoice order account password calendar router camera room report tunnel".split()
)
VERBS = "stopped refuses fails hangs blinks reboots disconnects crashes disappeared froze slowed expired".split()
ADJECTIVES = "new second broken shared slow red urgent quiet local remote empty wrong missing duplicate late".split()
PLACES = "Lisbon Oslo Graz Turin Leeds Porto Ghent Riga basement reception annex depot office".split()
FIRST = "Ana Bruno Clara Dario Elin Farid Greta Hugo Ines Jonas Katja Levi Mira Nils Olga Pavel Rosa Sven".split()
LAST = "Almeida Brandt Costa Dvorak Eriksen Ferri Grau Hansen Jansen Kovacs Larsen Moreau Novak Olsen Silva".split()
DOMAINS = ("client.example", "partner.example", "north.example.org", "shop.example.net", "plant.example")
LATIN = ("coração", "Größe", "déjà", "señal", "smörgås", "façade")
ACCENTED = (*LATIN, "zażółć", "čeština", "日本語")
SHARES = {"html": 0.25, "files": 0.10, "reply": 0.05}  # the rest is text
START = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
MAGIC = {"pdf": b"%PDF-1.5\n", "png": b"\x89PNG\r\n\x1a\n", "zip": b"PK\x03\x04"}
TYPES = {"pdf": ("application", "pdf"), "png": ("image", "png"), "zip": ("application", "zip")}


@dataclass(frozen=True)
class Sample:
    kind: str
    message_id: str
    sender: Address
    subject: str
    raw: bytes


def corpus(count: int, *, seed: int = 7, to: str = "support@helpdesk.example") -> list[Sample]:
    chance = random.Random(seed)
    kinds = _kinds(count, chance)
    people = _people(max(10, count // 4), chance)
    written: list[Sample] = []
    for number, kind in enumerate(kinds):
        roots = [sample for sample in written if sample.kind != "reply"] if kind == "reply" else []
        # A generator of its own per mail: one more word in one mail does not change all the others.
        own = random.Random(f"{seed}/{number}")
        written.append(_write(number, kind, own, people, own.choice(roots) if roots else None, to))
    return written


def _kinds(count: int, chance: random.Random) -> list[str]:
    kinds = [kind for kind, share in SHARES.items() for _ in range(int(count * share))]
    kinds += ["text"] * (count - len(kinds))
    chance.shuffle(kinds)
    first = next(place for place, kind in enumerate(kinds) if kind != "reply")  # a reply needs somebody to answer
    kinds[0], kinds[first] = kinds[first], kinds[0]
    return kinds


def _people(count: int, chance: random.Random) -> list[Address]:
    people = []
    for number in range(count):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        user = f"{first}.{last}{number}".lower()
        people.append(Address(f"{first} {last}", user, chance.choice(DOMAINS)))
    return people


def _write(
    number: int, kind: str, chance: random.Random, people: list[Address], answered: Sample | None, to: str
) -> Sample:
    message_id = f"<{number:06d}.{chance.getrandbits(48):x}@corpus.example>"
    sender = answered.sender if answered else chance.choice(people)
    subject = f"Re: {answered.subject}" if answered else _title(chance)
    mail = EmailMessage(policy.SMTP)
    mail["Received"] = f"from mx.{sender.domain} by mx.helpdesk.example; {_date(number)}"
    mail["Date"] = _date(number)
    mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = message_id
    if answered:
        mail["In-Reply-To"] = mail["References"] = answered.message_id
    if chance.random() < 0.06:
        mail["Importance"] = "high"
    _fill(mail, kind, chance, answered)
    if mail.is_multipart():
        mail.set_boundary(f"=_{chance.getrandbits(64):016x}")
    return Sample(kind, message_id, sender, subject, mail.as_bytes())


def _fill(mail: EmailMessage, kind: str, chance: random.Random, answered: Sample | None) -> None:
    latin = kind in ("text", "reply") and chance.random() < 0.25
    text = _letter(chance, LATIN if latin else ACCENTED)
    if answered:
        text += "\nOn Monday Support wrote:\n" + "".join(f"> {_sentence(chance)}\n" for _ in range(5))
    if latin:
        mail.set_content(text, charset="iso-8859-1", cte="8bit")
    else:
        mail.set_content(text, cte="quoted-printable")
    if kind == "html":
        encoding = "base64" if chance.random() < 0.4 else "quoted-printable"
        mail.add_alternative(_html(chance, chance.randint(10_000, 40_000)), subtype="html", cte=encoding)
    if kind == "files":
        _attach(mail, chance)


def _attach(mail: EmailMessage, chance: random.Random) -> None:
    count = 2 if chance.random() < 0.3 else 1
    size = chance.randint(50_000, 300_000) // count
    for number in range(count):
        suffix = chance.choice(sorted(MAGIC))
        content = MAGIC[suffix] + chance.randbytes(size - len(MAGIC[suffix]))
        main, sub = TYPES[suffix]
        mail.add_attachment(content, maintype=main, subtype=sub, filename=f"{chance.choice(NOUNS)}-{number}.{suffix}")


def _html(chance: random.Random, size: int) -> str:
    """Looks like what office programs write: styles everywhere, tables, links, a tracking picture, a quoted part."""
    parts = ["<html><head><style>p{margin:0;font-family:Calibri}</style></head><body lang='EN'>"]
    while sum(map(len, parts)) < size:
        parts.append(next(_blocks(chance)))
    return "".join(parts) + "</body></html>\n"


def _blocks(chance: random.Random) -> Iterator[str]:
    pick, words = chance.random(), _paragraph(chance)
    if pick < 0.55:
        colour = f"#{chance.randrange(0x1000000):06x}"
        yield f"<p class='MsoNormal' style='margin-bottom:6pt'><span style='color:{colour}'>{words}</span></p>"
    if pick < 0.75:
        cells = "".join(f"<td style='padding:2px'>{chance.choice(NOUNS)}</td>" for _ in range(4))
        yield f"<table border='0' cellspacing='0'>{f'<tr>{cells}</tr>' * chance.randint(2, 6)}</table>"
    if pick < 0.87:
        site = chance.choice(DOMAINS)
        yield f"<p><a href='https://{site}/?id={chance.randrange(10**6)}'>{words}</a><img src='https://{site}/1.gif'></p>"
    yield f"<blockquote style='margin:0 0 0 .8ex'>On Monday someone wrote:<br>{words}</blockquote>"


def _letter(chance: random.Random, accented: tuple[str, ...]) -> str:
    body = "\n\n".join(_paragraph(chance) for _ in range(chance.randint(1, 3)))
    signature = f"-- \n{chance.choice(FIRST)} {chance.choice(LAST)}\nPhone +000 {chance.randint(1000, 9999)}\n"
    return f"Hello support,\n\n{body}\n\n{chance.choice(accented)}\n\nThanks\n{signature}"


def _title(chance: random.Random) -> str:
    words = (chance.choice(ADJECTIVES).capitalize(), chance.choice(NOUNS), chance.choice(VERBS))
    return f"{' '.join(words)} in {chance.choice(PLACES)}"


def _sentence(chance: random.Random) -> str:
    halves = [f"the {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)} {chance.choice(VERBS)}" for _ in range(2)]
    return f"{' while '.join(halves).capitalize()} in {chance.choice(PLACES)}."


def _paragraph(chance: random.Random) -> str:
    return "\n".join(_sentence(chance) for _ in range(chance.randint(2, 5)))


def _date(number: int) -> str:
    return (START + timedelta(seconds=37 * number)).strftime("%a, %d %b %Y %H:%M:%S +0000")


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the corpus as .eml files and says what is in it.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    samples = corpus(options.mails, seed=options.seed)
    for number, sample in enumerate(samples):
        (options.directory / f"{number:06d}.eml").write_bytes(sample.raw)
    sizes = Counter[str]()
    for sample in samples:
        sizes[sample.kind] += len(sample.raw)
    print(f"{len(samples)} mails, {sum(sizes.values()):,} bytes: {dict(sizes)}", file=sys.stderr)


if __name__ == "__main__":
    main()
