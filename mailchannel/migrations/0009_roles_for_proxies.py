"""Administrators set proxies up; who runs mail servers chooses among them and, like auditors, may look at them."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEW = ["view_proxy"]
MAY = {
    "Channel administrator": VIEW,
    "Administrator": [*(f"{verb}_proxy" for verb in ("add", "change", "delete")), *VIEW],
    "Auditor": VIEW,
}


def grant(apps, schema_editor):
    """Groups that were deleted since stay deleted; what an administrator gave a group besides stays."""
    database = schema_editor.connection.alias
    # Django writes permissions after the last migration; a group needs them now.
    create_permissions(installed.get_app_config("mailchannel"), verbosity=0, using=database, apps=apps)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=MAY):
        group.permissions.add(*_permissions(apps, database, MAY[group.name]))


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=MAY):
        group.permissions.remove(*_permissions(apps, database, MAY[group.name]))


def _permissions(apps, database, names):
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    return permissions.filter(content_type__app_label="mailchannel", codename__in=names)


class Migration(migrations.Migration):
    dependencies = [("mailchannel", "0008_ways_in_and_out")]

    operations = [migrations.RunPython(grant, take_back, elidable=False)]
