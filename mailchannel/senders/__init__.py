"""Ways to send a mail. One module per protocol; drop a file in to add one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from mailchannel.compose.recipients import misdirected
from mailchannel.kernel.registry import Registry
from mailchannel.kernel.specs import FieldSpec
from mailchannel.network.faults import quoted
from mailchannel.network.way import Way


class Retry(StrEnum):
    """What a failed attempt means for the next one."""

    QUICK = "quick"  # a hiccup: connection lost, 4xx
    SLOW = "slow"  # the far side asks for patience: greylisting, quota
    PERMANENT = "permanent"  # a person has to change something


class SendError(Exception):
    """Said in words an agent understands; `retry` decides whether and when the outbox tries again, though never before
    `wait` seconds are over: so long the server wants to be left alone.
    """

    def __init__(self, message: str, *, retry: Retry, field: str = "", wait: float = 0) -> None:
        super().__init__(message)
        self.retry = retry
        self.field = field
        self.wait = wait


class Sender(Protocol):
    key: ClassVar[str]
    label: ClassVar[str]
    fields: ClassVar[tuple[FieldSpec, ...]]
    auths: ClassVar[tuple[str, ...]]  # as those of transports

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None: ...

    def send(self, raw: bytes, *, envelope_from: str, recipients: Sequence[str]) -> None:
        """Hands the bytes over, whole, to every recipient. Raises SendError."""
        ...

    def check(self) -> Sequence[str]:
        """Connects and signs in without sending; returns what was seen. Raises SendError."""
        ...


SENDERS: Registry[type[Sender]] = Registry(__name__)


def sender(cls: type[Any]) -> type[Any]:
    """Class decorator: makes a sender known under its `key`."""
    SENDERS.add(cls.key, cls)
    return cls


def check_recipients(raw: bytes, recipients: Sequence[str], *, server: str) -> None:
    """For a server that reads the recipients off the mail itself: nobody is left out, and nobody gets it by mistake.
    Raises SendError.
    """
    odd = misdirected(raw, recipients)
    if odd:
        raise SendError(
            f"{server} sends a mail to whom it is addressed, and this one is addressed to others than it should go to: "
            f"{quoted(', '.join(odd))}. It was not sent.",
            retry=Retry.PERMANENT,
        )
