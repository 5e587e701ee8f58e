"""The groups every installation starts with."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection

from mailchannel.admin.mail_actions import MAY_CHANGE_LISTS, MAY_JUDGE

AGENTS = import_module("tickets.migrations.0002_agents")
ROLES = import_module("mailchannel.migrations.0002_roles")
ROUTING = import_module("mailchannel.migrations.0007_routing_for_roles")
SCHEMA_EDITOR: Any = SimpleNamespace(connection=connection)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups")]


def test_an_agent_may_work_on_tickets_and_see_no_mail_server() -> None:
    agent = _member("Agent")

    assert agent.has_perm("tickets.work_tickets")
    assert agent.has_perm("tickets.view_ticket")
    assert not agent.has_perm("tickets.view_restricted_fields")
    assert not agent.has_module_perms("mailchannel")


@pytest.mark.req("S2-01", "S4-01")
def test_a_channel_administrator_may_run_mail_servers_and_not_read_tickets() -> None:
    person = _member("Channel administrator")

    for verb in ("add", "change", "view", "publish"):
        assert person.has_perm(f"mailchannel.{verb}_mailserver"), verb
    assert person.has_perm("mailchannel.view_raw_mail")
    assert person.has_perm("tickets.view_tickettemplate")
    assert not person.has_perm("tickets.change_tickettemplate")
    assert not person.has_perm("tickets.work_tickets")
    assert not person.has_perm("auth.change_user")


@pytest.mark.req("S2-01")
def test_an_administrator_may_do_both_and_manage_people() -> None:
    person = _member("Administrator")

    assert person.get_all_permissions() > _member("Agent").get_all_permissions()
    assert person.get_all_permissions() > _member("Channel administrator").get_all_permissions()
    for permission in ("auth.add_user", "tickets.view_restricted_fields", "mailchannel.delete_mailserver"):
        assert person.has_perm(permission), permission


def test_only_administrators_hold_permissions_on_people_and_nobody_on_background_work() -> None:
    granted = Permission.objects.filter(group__isnull=False).distinct()

    assert not granted.filter(content_type__app_label="django_q").exists()
    assert set(Group.objects.filter(permissions__content_type__app_label="auth").values_list("name", flat=True)) == {
        "Administrator"
    }


def test_running_the_migrations_again_keeps_what_was_added_by_hand() -> None:
    agents = Group.objects.get(name="Agent")
    agents.permissions.add(Permission.objects.get(codename="view_restricted_fields"))
    before = set(agents.permissions.all())

    AGENTS.add_group(apps, SCHEMA_EDITOR)
    ROLES.add_groups(apps, SCHEMA_EDITOR)

    assert set(Group.objects.get(name="Agent").permissions.all()) == before
    assert Group.objects.count() == 4


def test_the_migrations_can_be_taken_back() -> None:
    ROUTING.take_back(apps, SCHEMA_EDITOR)
    ROLES.remove_groups(apps, SCHEMA_EDITOR)
    AGENTS.remove_group(apps, SCHEMA_EDITOR)

    assert not Group.objects.exists()


def _member(group: str) -> User:
    user = User.objects.create_user(group)
    user.groups.add(Group.objects.get(name=group))
    return User.objects.get(pk=user.pk)


@pytest.mark.req("S2-01", "S4-01")
def test_an_auditor_is_made_of_permissions_to_look_and_can_do_nothing_else() -> None:
    person = User.objects.create_user("audra", is_staff=True)
    looking = ("view_mailserver", "view_inboundmail", "view_outboundmail", "view_maildefaults")
    person.user_permissions.set(Permission.objects.filter(codename__in=looking))
    person = User.objects.get(pk=person.pk)

    assert person.get_all_permissions() == {f"mailchannel.{name}" for name in looking}
    assert not person.has_perm("mailchannel.view_raw_mail")
    assert not person.has_perms(MAY_CHANGE_LISTS)
    assert not person.has_perm(MAY_JUDGE)


@pytest.mark.req("S2-01", "S4-01")
def test_who_looks_after_the_channel_may_judge_mail_and_an_agent_may_not() -> None:
    for group, may in {"Channel administrator": True, "Administrator": True, "Agent": False}.items():
        person = _member(group)
        for permission in (MAY_JUDGE, *MAY_CHANGE_LISTS, "mailchannel.restore_files", "mailchannel.view_inboundmail"):
            assert person.has_perm(permission) is may, (group, permission)


@pytest.mark.req("S0-50", "S1-33")
def test_an_administrator_may_change_restricted_fields_and_say_where_tickets_go() -> None:
    person, agent = _member("Administrator"), _member("Agent")

    assert person.has_perm("tickets.edit_restricted_fields")
    assert person.has_perm("tickets.add_department")
    assert not agent.has_perm("tickets.edit_restricted_fields")
    assert not agent.has_perm("tickets.add_department")


def test_an_auditor_only_looks() -> None:
    auditor = _member("Auditor")

    assert {name.partition(".")[2].split("_")[0] for name in auditor.get_all_permissions()} == {"view"}
    assert not auditor.has_perm("mailchannel.view_raw_mail")
    assert auditor.has_perm("mailchannel.view_inboundmail")
