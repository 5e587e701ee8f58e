"""The groups of the people who look after the mail channel, and after everything."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

CHANNEL_ADMINISTRATOR = "Channel administrator"
ADMINISTRATOR = "Administrator"
AGENT = "Agent"  # made by tickets

CHANNEL = [
    *(
        f"mailchannel.{verb}_{model}"
        for verb in ("add", "change", "view")
        for model in (
            "mailserver",
            "alias",
            "alloweddomain",
            "foldermapping",
            "fieldmapping",
            "inboundmail",
            "rawmail",
            "outboundmail",
            "fetchrun",
        )
    ),
    # Rows of a mail server's lists: whoever may change the server may shorten a list.
    *(f"mailchannel.delete_{model}" for model in ("alias", "alloweddomain", "foldermapping", "fieldmapping")),
    "mailchannel.publish_mailserver",
    "mailchannel.view_raw_mail",
    *(f"tickets.view_{model}" for model in ("tickettype", "tickettemplate", "templatefield", "offer")),
]
EVERYTHING_ELSE = [
    "mailchannel.delete_mailserver",
    "tickets.view_restricted_fields",
    *(
        f"tickets.{verb}_{model}"
        for verb in ("add", "change", "delete")
        for model in ("tickettype", "tickettemplate", "templatefield", "offer")
    ),
    *(f"auth.{verb}_user" for verb in ("add", "change", "delete", "view")),
    "auth.view_group",
]


def add_groups(apps, schema_editor):
    """What an administrator gave the groups besides stays."""
    database = schema_editor.connection.alias
    for label in ("auth", "tickets", "mailchannel"):
        # Django writes permissions after the last migration; a group needs them now.
        create_permissions(installed.get_app_config(label), verbosity=0, using=database, apps=apps)
    groups = apps.get_model("auth", "Group").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database).filter(group__name=AGENT)
    agent = [f"{app}.{name}" for app, name in permissions.values_list("content_type__app_label", "codename")]
    _grant(apps, groups.get_or_create(name=CHANNEL_ADMINISTRATOR)[0], CHANNEL)
    _grant(apps, groups.get_or_create(name=ADMINISTRATOR)[0], [*agent, *CHANNEL, *EVERYTHING_ELSE])


def remove_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=(CHANNEL_ADMINISTRATOR, ADMINISTRATOR)).delete()


def _grant(apps, group, names):
    permissions = apps.get_model("auth", "Permission").objects.using(group._state.db)
    for name in names:
        app, _, codename = name.partition(".")
        group.permissions.add(permissions.get(content_type__app_label=app, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("mailchannel", "0001_initial"),
        ("tickets", "0002_agents"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_groups, remove_groups, elidable=False)]
