"""Strange mails, each with what must be understood of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailchannel.management.commands.inspect_mail import as_json
from mailchannel.parsing.mime import parse

CORPUS = Path(__file__).parent.parent / "corpus"


@pytest.mark.parametrize("mail", sorted(CORPUS.glob("*.eml")), ids=lambda path: path.stem)
def test_a_mail_of_the_corpus_is_understood(mail: Path) -> None:
    expected = json.loads(mail.with_suffix(".json").read_text())

    understood = as_json(parse(mail.read_bytes()))

    assert {key: understood[key] for key in expected} == expected
