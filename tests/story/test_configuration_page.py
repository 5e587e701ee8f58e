"""docs/configuration.md is complete: every key a settings file may hold is described, and its example applies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from mailchannel.mapping.properties import PROPERTIES
from mailchannel.models import MailServer
from mailchannel.senders import SENDERS
from mailchannel.services.config_file import apply, plan, read
from mailchannel.services.config_file.readers import ListOf, Section
from mailchannel.services.config_file.schema import (
    Ways,
    root_section,
    secret_names,
    server_section,
    template_section,
    type_section,
)
from mailchannel.services.config_file.secret_sources import SOURCES
from mailchannel.transports import TRANSPORTS

PAGE = (settings.BASE_DIR / "docs" / "configuration.md").read_text(encoding="utf-8")


def keys_of(reader: Any) -> Iterator[str]:
    if isinstance(reader, ListOf):
        yield from keys_of(reader.item)
    elif isinstance(reader, Section):
        for key, inner in reader.keys.items():
            yield key
            yield from keys_of(inner)


def known_keys() -> list[str]:
    found = [*keys_of(root_section(Path())), *keys_of(type_section()), *keys_of(template_section())]
    for ways in all_ways():
        found += [*keys_of(server_section(ways, Path())), *secret_names(ways)]
    return sorted({*found, *SOURCES, *PROPERTIES, *(each.key for each in (*TRANSPORTS, *SENDERS))})


def all_ways() -> Iterator[Ways]:
    for transport, sender in product(TRANSPORTS, SENDERS):
        yield from (Ways(transport.key, a, sender.key, b) for a, b in product(transport.auths, sender.auths))


@pytest.mark.parametrize("key", known_keys())
def test_every_key_is_on_the_page(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_the_page_describes_no_key_that_does_not_exist() -> None:
    described = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)

    assert set(described) - set(known_keys()) == {"export", "plan", "apply"}


@pytest.mark.django_db
def test_the_example_of_the_page_applies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", "one")
    (tmp_path / "smtp").write_text("two\n")
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    example = example.replace("/run/secrets/smtp", str(tmp_path / "smtp"))

    apply(read(example, folder=tmp_path))

    assert MailServer.objects.get(name="Support").secrets == {"password": "one", "sending.password": "two"}
    assert plan(read(example, folder=tmp_path)) == []
