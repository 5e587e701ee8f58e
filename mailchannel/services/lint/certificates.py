"""Which certificates a mail server's settings take for good."""

from __future__ import annotations

from collections.abc import Iterator

from mailchannel.services import authorities
from mailchannel.services.lint.remark import Draft, Remark

STEP = "connection"


def unchecked(draft: Draft) -> Iterator[Remark]:
    server = draft.server
    if server.verify_certificate:
        return
    yield Remark("verify_certificate", f"“Do not check the server's certificate” is on. {authorities.UNVERIFIED}", STEP)
    if server.authorities:
        text = "“Certificates to trust” has no effect: the server's certificate is not checked at all."
        yield Remark("authorities", text, STEP)


def ending(draft: Draft) -> Iterator[Remark]:
    found = authorities.endings(draft.server.authorities)
    if found and draft.server.verify_certificate:
        text = f"“Certificates to trust”: {'; '.join(map(str, found))}."
        yield Remark("authorities", text, STEP)


RULES = (unchecked, ending)
