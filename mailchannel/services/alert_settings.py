"""When people are told of trouble: the same for every mail server, changed in the admin without a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.models import MailDefaults
from mailchannel.services import audit
from mailchannel.services.audit import Person

ALERT_SPECS: Final = (
    FieldSpec(
        "connection_alerts",
        "Tell people when a mailbox cannot be reached",
        Kind.SWITCH,
        "Administrators by the bell, the mail server's team by mail.",
        default=True,
    ),
    FieldSpec(
        "failure_threshold",
        "After so many failed connections in a row",
        Kind.INTEGER,
        "Counted anew after each message, and after every success.",
        default=5,
        minimum=1,
        maximum=1000,
    ),
    FieldSpec(
        "application_errors",
        "Send a mail when an application error occurs",
        Kind.SWITCH,
        "Such as a mail that had to be moved to the fail folder.",
        default=True,
    ),
    FieldSpec(
        "self_test_hours",
        "Test every mail server so often (hours)",
        Kind.INTEGER,
        "Reading and sending, without changing anything. 0: never.",
        default=24,
        minimum=0,
        maximum=720,
    ),
    FieldSpec(
        "rotate_after_days",
        "Remind of passwords older than (days)",
        Kind.INTEGER,
        "0: never.",
        default=180,
        minimum=0,
        maximum=3650,
    ),
    FieldSpec(
        "egress_address",
        "Address our connections come from",
        help="Shown where a mail server's firewall has to let us in, such as 203.0.113.7.",
    ),
)


def current() -> dict[str, Any]:
    return with_defaults(ALERT_SPECS, MailDefaults.current().alerts)


@transaction.atomic
def save(values: Mapping[str, Any], *, by: Person | None) -> None:
    """In force at once, for every mail server."""
    row = MailDefaults.current()
    before, after = with_defaults(ALERT_SPECS, row.alerts), with_defaults(ALERT_SPECS, values)
    row.alerts = dict(values)
    row.save()
    if changes := audit.differences(ALERT_SPECS, before, after):
        audit.record(row, by=by, message=f"Changed {audit.listed(changes)}.")
