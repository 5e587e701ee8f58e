"""What must hold before a mail server's settings can be published, and where each thing can be mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth import get_user_model

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec, asked_for, with_defaults
from mailchannel.models import FolderMapping, MailServer, SignIn
from mailchannel.network.way import SignInFailed
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services import after, file_settings, routing_settings
from mailchannel.services.after import AFTER_SPECS
from mailchannel.services.leaving import can_send
from mailchannel.services.same_mailbox import Reader, readers, whose
from mailchannel.services.sign_in.waiting import waits_at
from mailchannel.services.spec_check import spec_problems
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.services.validation import TARGETS, folder_problems
from mailchannel.services.vault import connection_settings, sending_settings
from mailchannel.transports import TRANSPORTS
from tickets.api import published_templates, template_fields

#: Prefix of the inputs of a group of settings → step of the wizard that has them.
STEP_OF: Final = {
    "": "connection",
    "sending-": "connection",
    "after-": "folders",
    "trouble-": "folders",
    "accept-": "senders",
    "route-": "ticket",
    "files-": "ticket",
    "confirm-": "answers",
}
PERSONAL_ADDRESS = (
    "{} belongs to a person who signs in here. Use a mailbox of its own, or their mail would become tickets."
)

RIVAL = (
    "“{}” reads {} of the same account, and only one of the two may: every mail would become two tickets. "
    "Pause it first."
)
NOBODY = (
    "Nobody has signed in at {} for this mail server: if “{}” made way, nobody would read the mailbox. Sign in first."
)
TAKING_IN = "“{}” is still taking in mail from {} of the same account. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a mail server from being published. `step` and `field` lead to where it can be mended."""

    step: str
    field: str
    text: str


def problems(server: MailServer) -> list[Problem]:
    return [
        *_connection(server),
        *_folders(server),
        *_senders(server),
        *_ticket(server),
        *_specs("confirm-", CONFIRMATION_SPECS, server.confirmation),
    ]


def rivals(server: MailServer) -> list[Problem]:
    """What keeps it from being live although all its settings are right: another one is, for the same mailbox."""
    return [Problem("connection", whose(server)[0], _why_not(each)) for each in readers(server) if each.at_work]


def unattended(server: MailServer, others: Sequence[MailServer]) -> list[Problem]:
    """What keeps it from taking over from others that are live: it could not read the mailbox itself."""
    live = [each for each in others if each.status in MailServer.LIVE]
    try:
        provider = waits_at(server, SignIn.Purpose.READING) if live else ""
    except SignInFailed as error:
        return [Problem("connection", "auth", f"“Sign in” for {SignIn.Purpose.READING.label}: {error}")]
    return [Problem("connection", "auth", NOBODY.format(provider, live[0]))] if provider else []


def _why_not(other: Reader) -> str:
    words = RIVAL if other.server.status in MailServer.LIVE else TAKING_IN
    return words.format(other.server, other.folder)


def _connection(server: MailServer) -> Iterator[Problem]:
    if MailServer.objects.filter(name=server.name).exclude(pk=server.live.pk).exists():
        yield Problem("connection", "name", f"Another mail server is called “{server.name}”. Choose another name.")
    if not server.address:
        yield Problem("connection", "address", "Mail address is missing.")
    elif get_user_model().objects.filter(email__iexact=server.address).exists():
        yield Problem("connection", "address", PERSONAL_ADDRESS.format(server.address))
    if server.protocol not in TRANSPORTS:
        yield Problem("connection", "protocol", f"There is no protocol called “{server.protocol}”.")
        return
    yield from _specs("", asked_for(TRANSPORTS[server.protocol].fields, server.auth), connection_settings(server))
    if can_send(server):  # without it mail comes in but no answer leaves; the review says so
        sending = asked_for(SENDERS[server.sending_protocol].fields, server.sending_auth)
        yield from _specs("sending-", sending, sending_settings(server))


def _specs(prefix: str, specs: tuple[FieldSpec, ...], stored: Mapping[str, object]) -> Iterator[Problem]:
    for name, text in spec_problems(specs, stored):
        yield Problem(STEP_OF[prefix], prefix + name, text)


def _folders(server: MailServer) -> Iterator[Problem]:
    if server.protocol in TRANSPORTS and TRANSPORTS[server.protocol].has_folders:
        yield from _folder_roles(server)
        yield from _specs("trouble-", TROUBLE_SPECS, server.trouble)
    if after.specs_of(server.protocol):
        yield from _specs("after-", AFTER_SPECS, server.after)


def _folder_roles(server: MailServer) -> Iterator[Problem]:
    by_role: dict[str, list[str]] = {role: [] for role in FolderMapping.Role.values}
    for row in server.folders.all():
        by_role[row.role].append(row.folder)
    if not by_role["source"]:
        yield Problem("folders", "source", "No folder to read mail from is chosen.")
    if not by_role["fail"] and after.moves_failed(server):
        yield Problem("folders", "fail", "The folder for failed mail is missing.")
    targets = {role: folders[0] for role in TARGETS if (folders := by_role[role])}
    for role, text in folder_problems(by_role["source"], targets, by_role["never_read"]).items():
        yield Problem("folders", role, text)


def _senders(server: MailServer) -> Iterator[Problem]:
    yield from _specs("accept-", acceptance_specs(), server.acceptance)


def _routing(server: MailServer) -> Iterator[Problem]:
    """Names are looked up only where every setting has the right shape."""
    wrong = list(_specs("route-", ROUTING_SPECS, server.routing))
    yield from wrong
    found = () if wrong else routing_settings.problems(server.routing, routing_settings.addresses(server))
    for each in found:
        label = next(spec.label for spec in ROUTING_SPECS if spec.name == each.setting)
        yield Problem("ticket", f"route-{each.setting}", f"{label}: {each}")


def _module(server: MailServer) -> str:
    return str(with_defaults(ROUTING_SPECS, server.routing)["module"])


def _ticket(server: MailServer) -> Iterator[Problem]:
    yield from _routing(server)
    yield from _specs("files-", FILE_SPECS, file_settings.in_force(server))
    if not server.template_id:
        yield Problem("ticket", "template", "No ticket template is chosen.")
        return
    if server.template_id not in dict(published_templates()):
        yield Problem("ticket", "template", f"The template “{server.template}” is not published.")
    elif not server.template_is_locked and server.template_id not in dict(published_templates(_module(server))):
        wrong = f"The template “{server.template}” is of another kind than “What does a mail become?” says. "
        yield Problem("ticket", "template", f"{wrong}Choose another template, or the other kind.")
    filled = {row.field for row in server.mappings.all() if row.property or row.default}
    for field in template_fields(server.template_id):
        if field.required and field.key not in filled:
            yield Problem("ticket", f"map-{field.key}", f"{field.label} is required: choose what fills it.")
