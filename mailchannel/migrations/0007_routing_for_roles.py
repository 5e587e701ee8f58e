"""Who looks after everything may also say where tickets go, and change restricted fields; auditors only look."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

AUDITOR = "Auditor"
PLACES = ("department", "service", "process")
MAY = {
    "Channel administrator": [f"tickets.view_{model}" for model in PLACES],
    "Administrator": [
        *(f"tickets.{verb}_{model}" for verb in ("add", "change", "delete", "view") for model in PLACES),
        "tickets.edit_restricted_fields",
    ],
    "Agent": [f"tickets.view_{model}" for model in PLACES],
    AUDITOR: [f"mailchannel.view_{model}" for model in ("mailserver", "inboundmail", "outboundmail", "maildefaults")],
}


def grant(apps, schema_editor):
    """Groups that were deleted since stay deleted; what an administrator gave a group besides stays."""
    database = schema_editor.connection.alias
    for label in ("tickets", "mailchannel"):
        # Django writes permissions after the last migration; a group needs them now.
        create_permissions(installed.get_app_config(label), verbosity=0, using=database, apps=apps)
    groups = apps.get_model("auth", "Group").objects.using(database)
    groups.get_or_create(name=AUDITOR)
    for group in groups.filter(name__in=MAY):
        group.permissions.add(*_permissions(apps, database, MAY[group.name]))


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(database)
    groups.filter(name=AUDITOR).delete()
    for group in groups.filter(name__in=MAY):
        group.permissions.remove(*_permissions(apps, database, MAY[group.name]))


def _permissions(apps, database, names):
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    wanted = [name.split(".") for name in names]
    return [permissions.get(content_type__app_label=app, codename=codename) for app, codename in wanted]


class Migration(migrations.Migration):
    dependencies = [("mailchannel", "0006_settings_of_vendors")]

    operations = [migrations.RunPython(grant, take_back, elidable=False)]
