"""A mail server that uses every setting: exported, it can be built anew, and it comes back from its versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from mailchannel.compose.confirmation import CONFIRMATION_SPECS
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.models import FolderMapping, MailDefaults, MailServer, Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.pipeline.file_rules import FILE_SPECS
from mailchannel.pipeline.gates import acceptance_specs
from mailchannel.pipeline.routing import ROUTING_SPECS
from mailchannel.senders import SENDERS
from mailchannel.services import after, drafts, versions
from mailchannel.services.alert_settings import ALERT_SPECS
from mailchannel.services.config_file import apply, apply_and_report, export, read
from mailchannel.services.rollback import restore
from mailchannel.services.settings_document import flat
from mailchannel.services.sign_in.specs import specs_of
from mailchannel.services.trouble import TROUBLE_SPECS
from mailchannel.transports import TRANSPORTS
from tickets.models import Department, Process, Service, TicketTemplate, TicketType

pytestmark = pytest.mark.django_db

#: Values with a spelling of their own; every other text takes anything.
SPELLED: Final[Mapping[str, tuple[Any, ...]]] = {
    "host": ("mail.example.net", "2001:db8::7"),
    "blocked_senders": (["spam@example.com", "*@ads.example"],),
    "new_tickets_exceptions": (["*@*.example.org"],),
    "attachment_extensions": (["tar.gz", "exe"],),
    "department": ("Human Resources",),
    "service": ("Payroll = pay",),
    "alias_departments": (["other@example.com = Human Resources"],),
    "service_words": (["salary, “1 = 1” = Payroll", "a: b # c = Payroll"],),
    "process_words": (["new employee = Onboarding"],),
}
TEXTS: Final = ("Ä: “quoted” # no comment", "- yes")
LINES: Final = (["out of office", "*: & !", "2026-01-01"], ["no"])
PARAGRAPHS: Final = (
    "Hello {name},\r\n\r\n  indented: {number}\tand a tab \r\n# no comment",
    "one line {number}",
)
#: Nothing else can be chosen.
#: Decides which other settings there are; told apart by the turns.
APART: Final = {"status", "protocol", "auth", "sending_protocol", "sending_auth"}
#: Transport, sender, and how each signs in, by turn.
WAYS: Final = (
    ("pop3", "oauth", "graph", "oauth_microsoft"),
    ("ews", "oauth_microsoft", "ews", "oauth_microsoft"),
    ("graph", "oauth_microsoft", "smtp", "oauth"),
)


#: Signed itself; nothing trusts it but this test.
PEM: Final = """\
-----BEGIN CERTIFICATE-----
MIIBMzCB2qADAgECAgEBMAoGCCqGSM49BAMCMBgxFjAUBgNVBAMMDU93biBhdXRo
b3JpdHkwIBcNMjYwMTAxMDAwMDAwWhgPMjEyNjAxMDEwMDAwMDBaMBgxFjAUBgNV
BAMMDU93biBhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS89a6N
pHfq2HWzXIuzeiEG/e+K7FZCh7OZbqvujM6v4WmtzPw9R2SU5Zz/dcUxdf/FcHZk
aif5eTkjGT7xKhzcoxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIFBc+dKFuMGrzrLaCvwJH6kN/EIKUl+maQ0cl4Ur3tsOAiEAyVY4hy04HWmM
TjO3THuFfdaJ9+K4udv0nD42Re0m89c=
-----END CERTIFICATE-----
"""


def values(spec: FieldSpec) -> tuple[Any, ...]:
    """Values it may have, other than its default."""
    if spec.name in SPELLED:
        return SPELLED[spec.name]
    match spec.kind:
        case Kind.SWITCH:
            return (not spec.default,)
        case Kind.INTEGER:
            return tuple(each for each in (spec.minimum, spec.maximum) if each != spec.default)
        case Kind.CHOICE:
            return tuple(key for key, _ in spec.choices if key != spec.default)
        case Kind.LINES:
            return LINES
        case Kind.PARAGRAPH:
            return PARAGRAPHS
        case _:
            return TEXTS


def chosen(specs: Iterable[FieldSpec], turn: int) -> dict[str, Any]:
    open_ones = [spec for spec in specs if spec.kind is not Kind.SECRET]
    return {spec.name: (found := values(spec))[turn % len(found)] for spec in open_ones}


@pytest.fixture
def names(template: TicketTemplate) -> None:
    """What a routing may name, spelled so that it is hard to take apart."""
    wanted = (
        (Department, "Human Resources"),
        (Service, "Payroll"),
        (Service, "Payroll = pay"),
        (Process, "Onboarding"),
    )
    for model, name in wanted:
        model._default_manager.get_or_create(name=name)
    User.objects.create_user("mara", "mara@example.com")


def make(turn: int, template: TicketTemplate) -> MailServer:
    """Everything a mail server has, as the wizard stores it, and everything of the system defaults."""
    protocol, auth, sending_protocol, sending_auth = WAYS[turn]
    proxy, _ = Proxy.objects.get_or_create(
        name="Way out: “1”", kind="socks5", host="proxy.example.com", port=1080, username="jürgen: # “x”"
    )
    MailDefaults(attachments=chosen(FILE_SPECS, turn + 1), alerts=chosen(ALERT_SPECS, turn)).save()
    server = MailServer.objects.create(
        name="Support: “all” # 1",
        address="support@example.com",
        reply_to="answers@example.com",
        protocol=protocol,
        auth=auth,
        connection=chosen(TRANSPORTS[protocol].fields, turn),
        oauth=chosen(specs_of(auth), turn),
        sending_protocol=sending_protocol,
        sending_auth=sending_auth,
        sending=chosen(SENDERS[sending_protocol].fields, turn),
        sending_oauth=chosen(specs_of(sending_auth), turn + 1),
        secrets=Secrets({"oauth.client_secret": "one", "sending-oauth.client_secret": "two"}),
        proxy=proxy,
        authorities=PEM,
        verify_certificate=False,
        timeout_ms=7000,
        max_tries=4,
        cool_off_minutes=9,
        fetch_every_minutes=17,
        skip_times=["23:30-00:30"],
        sync_start=parse_datetime("2026-03-01T07:08:09+02:00"),
        acceptance=chosen(acceptance_specs(), turn),
        attachments=chosen(FILE_SPECS, turn),
        after=chosen(after.specs_of(protocol), turn),
        trouble=chosen(TROUBLE_SPECS, turn),
        confirmation=chosen(CONFIRMATION_SPECS, turn),
        routing=chosen(ROUTING_SPECS, turn),
        template=template,
        attach_email=True,
    )
    server.aliases.create(address="other@example.com")
    for domain in ("example.com", "*.example.org"):
        server.domains.create(domain=domain)
    for role in FolderMapping.Role.values:
        server.folders.create(role=role, folder=f"INBOX.{role} & “more”/Ärger")
    server.folders.create(role="source", folder="Second")
    server.mappings.create(field="title", property="subject", default="no: title #", position=0)
    server.mappings.create(field="affected_system", default="unknown", restricted=True, position=1)
    server.whitelisted_types.set(TicketType.objects.all())
    server.alert_to.set(User.objects.all())
    return MailServer.objects.get(pk=server.pk)


TURNS: Final = range(3)


@pytest.mark.parametrize("turn", TURNS)
def test_the_table_leaves_no_setting_as_it_is_by_itself(turn: int, names: None, template: TicketTemplate) -> None:
    used = dict(flat("", versions.document(make(turn, template))))

    protocol, auth, sending_protocol, sending_auth = WAYS[turn]
    ways = {"sending_protocol": sending_protocol, "sending_auth": sending_auth}
    server = MailServer.objects.create(name="Bare", protocol=protocol, auth=auth, **ways)
    bare = dict(flat("", versions.document(server)))

    same = {path for path in bare if used.get(path) == bare[path]}
    assert same <= APART
    assert max(len(values(spec)) for spec in (*acceptance_specs(), *ROUTING_SPECS, *ALERT_SPECS)) <= len(TURNS)


@pytest.mark.parametrize("turn", TURNS)
def test_every_setting_is_exported_and_built_anew(turn: int, names: None, template: TicketTemplate) -> None:
    make(turn, template)
    exported = export()
    assert apply_and_report(read(exported, folder=Path())) == []

    MailServer.objects.all().delete()
    Proxy.objects.all().delete()
    MailDefaults.objects.all().delete()
    apply(read(exported, folder=Path()))

    assert export() == exported


@pytest.mark.parametrize("turn", TURNS)
def test_every_setting_is_carried_by_a_draft(turn: int, names: None, template: TicketTemplate) -> None:
    server = make(turn, template)
    wanted, secrets = versions.document(server), dict(server.secrets)

    drafts.begin(server)
    assert versions.pending(server) == []
    blank = MailServer.objects.create(name="Blank")
    server.update(**{name: getattr(blank, name) for name in drafts.COLUMNS if name != "name"})
    for name in drafts.ROWS:
        getattr(server, name).all().delete()
    for name in drafts.CHOSEN:
        getattr(server, name).clear()
    drafts.adopt(server)

    again = MailServer.objects.get(pk=server.pk)
    assert (versions.document(again), dict(again.secrets)) == (wanted, secrets)


@pytest.mark.parametrize("turn", TURNS)
def test_every_setting_comes_back_from_an_earlier_version(turn: int, names: None, template: TicketTemplate) -> None:
    server = make(turn, template)
    server.update(published_at=timezone.now())
    version = versions.record(server, by=None)
    wanted = versions.document(server)
    server.update(
        acceptance={}, attachments={}, after={}, trouble={}, confirmation={}, routing={}, max_tries=1, reply_to=""
    )
    server.aliases.all().delete()
    server.mappings.all().delete()

    draft = restore(version, by=None)

    assert versions.document(MailServer.everything.get(pk=draft.pk)) == wanted


@pytest.mark.parametrize("turn", TURNS)
def test_a_version_of_before_there_were_several_ways_comes_back_as_it_was(
    turn: int, names: None, template: TicketTemplate
) -> None:
    server = make(turn, template)
    server.update(published_at=timezone.now())
    version = versions.record(server, by=None)
    new = {"oauth", "sending_protocol", "sending_auth", "sending_oauth", "proxy", "authorities", "verify_certificate"}
    old = {key: value for key, value in version.document.items() if key not in {*new, "after"}}
    version.document = {**old, "protocol": "imap", "auth": "password"}
    version.document |= {"connection": {"host": "imap.example.com"}, "sending": {"host": "smtp.example.com"}}

    draft = restore(version, by=None)

    assert (draft.sending_protocol, draft.sending_auth) == ("smtp", "password")
    assert draft.sending["host"] == "smtp.example.com"
    assert set(after.in_force(draft).values()) == {"move"}
    assert not draft.secrets
