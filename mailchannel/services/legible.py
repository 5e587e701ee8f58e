"""Settings as far as they can be read: `readiness` tells of a stored value of the wrong shape; no page fails by it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

from django.core.exceptions import ValidationError

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec
from mailchannel.models import MailServer
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services.after import AFTER_SPECS
from mailchannel.services.sign_in.specs import specs_of
from mailchannel.services.spec_check import spec_problems
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.services.validation import skip_time
from mailchannel.transports import TRANSPORTS


def legible(server: MailServer) -> MailServer:
    """A copy to look at, never to save: without the values that do not fit what they are for."""
    shown = copy(server)
    for column, specs in _options(server):
        setattr(shown, column, _fitting(specs, getattr(server, column)))
    shown.skip_times = [span for span in server.skip_times if _is_span(span)]
    return shown


def _options(server: MailServer) -> Iterator[tuple[str, tuple[FieldSpec, ...]]]:
    if server.protocol in TRANSPORTS:
        yield "connection", TRANSPORTS[server.protocol].fields
    if server.sending_protocol in SENDERS:
        yield "sending", SENDERS[server.sending_protocol].fields
    yield "oauth", specs_of(server.auth)
    yield "sending_oauth", specs_of(server.sending_auth)
    yield "acceptance", acceptance_specs()
    yield "routing", ROUTING_SPECS
    yield "attachments", FILE_SPECS
    yield "after", AFTER_SPECS
    yield "trouble", TROUBLE_SPECS
    yield "confirmation", CONFIRMATION_SPECS


def _fitting(specs: tuple[FieldSpec, ...], stored: dict[str, Any]) -> dict[str, Any]:
    wrong = {name for name, _ in spec_problems(specs, stored)}
    return {name: value for name, value in stored.items() if name not in wrong}


def _is_span(span: Any) -> bool:
    try:
        return isinstance(span, str) and skip_time(span) == span
    except ValidationError:
        return False
