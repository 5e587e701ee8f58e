"""Who looks after the mail channel may also edit its system defaults, and restore files."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUPS = ("Channel administrator", "Administrator")
NAMES = ("view_maildefaults", "change_maildefaults", "restore_files")


def grant(apps, schema_editor):
    """Groups that were deleted since stay deleted."""
    database = schema_editor.connection.alias
    # Django writes permissions after the last migration; a group needs them now.
    create_permissions(installed.get_app_config("mailchannel"), verbosity=0, using=database, apps=apps)
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.add(*_permissions(apps, database))


def take_back(apps, schema_editor):
    database = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(database).filter(name__in=GROUPS):
        group.permissions.remove(*_permissions(apps, database))


def _permissions(apps, database):
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    return permissions.filter(content_type__app_label="mailchannel", codename__in=NAMES)


class Migration(migrations.Migration):
    dependencies = [("mailchannel", "0003_attachment_rules")]

    operations = [migrations.RunPython(grant, take_back, elidable=False)]
