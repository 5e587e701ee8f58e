"""Mail sent through Microsoft Graph."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.network.faults import Fault
from mailchannel.network.graph_client import CLOUDS, GraphClient, segment
from mailchannel.network.graph_faults import FULL, THROTTLED, Gone, GraphFault
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import Way
from mailchannel.senders import Retry, SendError, check_recipients, sender

#: What Graph takes in one request, in base64.
LARGEST = 4_000_000
#: What is wrong with the mail itself, or it is too large.
REFUSES_THE_MAIL = (400, 413)
#: PidTagDeleteAfterSubmit: no copy is kept in Sent Items.
NO_COPY = {"singleValueExtendedProperties": [{"id": "Boolean 0xe01", "value": "true"}]}


@sender
class Graph:
    """Graph reads the recipients off the mail itself, and puts a copy into Sent Items unless told otherwise."""

    key = "graph"
    label = "Microsoft Graph"
    auths = ("oauth_microsoft",)
    fields = (
        FieldSpec(
            "endpoint",
            "Graph endpoint",
            help="As for reading; national clouds have another one.",
            default=CLOUDS[0][0],
            required=True,
            choices=CLOUDS,
        ),
        FieldSpec(
            "mailbox",
            "Mailbox",
            help="The address of the mailbox to send from. Left empty: that of whoever signs in.",
        ),
        FieldSpec(
            "keep_copy",
            "Keep a copy in Sent Items",
            Kind.SWITCH,
            help="Without it a draft is made and sent, which needs the permission Mail.ReadWrite as well.",
            default=True,
        ),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        wanted = with_defaults(self.fields, settings)
        self._mailbox = str(wanted["mailbox"]).strip()
        self._keep_copy = bool(wanted["keep_copy"])
        self._client = GraphClient(str(wanted["endpoint"]), self._mailbox, way)
        self._seen: Watch = nobody

    def send(self, raw: bytes, *, envelope_from: str, recipients: Sequence[str]) -> None:
        check_recipients(raw, recipients, server="Microsoft Graph")
        encoded = base64.b64encode(raw)
        if len(encoded) > LARGEST:
            raise SendError(
                f"Microsoft Graph takes mails of up to {LARGEST * 3 // 4_000_000} MB, and this one is larger. Send "
                "smaller files, or a link to them.",
                retry=Retry.PERMANENT,
            )
        with self._explained():
            if self._keep_copy:
                self._client.post_mime("sendMail", encoded)
            else:
                self._send_without_copy(encoded)

    def watch(self, seen: Watch) -> None:
        self._seen = seen
        self._client.watch(seen)

    def check(self) -> Sequence[str]:
        with self._explained():
            whose = self._client.whose()
        leaves = f"Mail leaves from {self._mailbox or whose or 'the mailbox of whoever signed in'}."
        self._seen(Sight(Step.MAILBOX, leaves))
        return (self._client.answered, leaves)

    def _send_without_copy(self, encoded: bytes) -> None:
        draft = self._client.post_draft(encoded)
        try:
            self._client.patch(f"messages/{segment(draft)}", NO_COPY)
            self._client.send_draft(draft)
        except GraphFault:
            with suppress(GraphFault, Gone):  # what went wrong first is what people should hear of
                self._client.delete(f"messages/{segment(draft)}")
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The one place where what went wrong becomes a SendError."""
        try:
            yield
        except GraphFault as error:
            failure = error
        except Gone:
            failure = GraphFault(Fault(f"{self._client.host} has lost the draft of this mail."), status=500)
        else:
            return
        finally:
            self._client.close()
        fault = failure.fault
        raise SendError(fault.text, retry=_retry(failure), field=fault.field, wait=failure.wait) from None


def _retry(failure: GraphFault) -> Retry:
    if failure.code in FULL or failure.status == THROTTLED:
        return Retry.SLOW
    return Retry.PERMANENT if failure.fault.permanent or failure.status in REFUSES_THE_MAIL else Retry.QUICK
