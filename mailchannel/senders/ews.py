"""Mail sent through an Exchange server of one's own, by Exchange Web Services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.network.ews_account import FIELDS, EwsAccount
from mailchannel.network.sights import Watch, nobody
from mailchannel.network.way import Way
from mailchannel.senders import Retry, SendError, check_recipients, sender

if TYPE_CHECKING:
    from mailchannel.network.ews_client import EwsClient
    from mailchannel.network.ews_faults import Trouble


@sender
class Ews:
    key = "ews"
    label = "Exchange (on-premises)"
    auths = ("password", "oauth_microsoft")
    fields = (
        *FIELDS,
        FieldSpec(
            "keep_copy",
            "Keep a copy in Sent Items",
            Kind.SWITCH,
            default=True,
        ),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        known = with_defaults(self.fields, settings)
        self._account = EwsAccount.of(known)
        self._keep_copy = bool(known["keep_copy"])
        self._way = way
        self._seen: Watch = nobody

    def send(self, raw: bytes, *, envelope_from: str, recipients: Sequence[str]) -> None:
        """Exchange reads the recipients off the mail itself, and nobody else's address may be there."""
        check_recipients(raw, recipients, server="Exchange")
        with self._explained() as client:
            client.open()
            client.send(raw, keep_copy=self._keep_copy)

    def watch(self, seen: Watch) -> None:
        self._seen = seen

    def check(self) -> Sequence[str]:
        account = self._account
        with self._explained() as client:
            client.watch(self._seen)
            client.open()
            return (
                f"{account.url} answered: {client.server}.",
                account.signed_in(token=self._way.token is not None),
                f"Answers leave by the mailbox {account.mailbox}.",
            )

    @contextmanager
    def _explained(self) -> Iterator[EwsClient]:
        """The one place where what Exchange refused becomes a SendError."""
        # exchangelib takes half a second and 30 MB, which only those should pay who have such a mailbox.
        from mailchannel.network import ews_client, ews_faults

        client = ews_client.EwsClient(self._account, self._way)
        try:
            yield client
        except ews_faults.FAILURES as error:
            trouble = ews_faults.explain(error, self._account, tokens=self._way.token is not None)
            fault = trouble.fault
            # Not chained: tracebacks of the libraries hold the password in their frames.
            raise SendError(fault.text, retry=_retry(trouble), field=fault.field, wait=trouble.wait) from None
        finally:
            client.close()


def _retry(trouble: Trouble) -> Retry:
    if trouble.fault.permanent:
        return Retry.PERMANENT
    return Retry.SLOW if trouble.busy else Retry.QUICK
