"""The group of the people who answer tickets."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

AGENT = "Agent"
MAY = (
    "work_tickets",
    "view_ticket",
    "view_note",
    "view_attachment",
    "view_ticketevent",
    "view_participant",
    "view_contact",
    "view_tickettype",
    "view_tickettemplate",
)


def add_group(apps, schema_editor):
    """What an administrator gave the group besides stays."""
    database = schema_editor.connection.alias
    # Django writes permissions after the last migration; a group needs them now.
    create_permissions(installed.get_app_config("tickets"), verbosity=0, using=database, apps=apps)
    group, _ = apps.get_model("auth", "Group").objects.using(database).get_or_create(name=AGENT)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    group.permissions.add(*permissions.filter(content_type__app_label="tickets", codename__in=MAY))


def remove_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name=AGENT).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(add_group, remove_group, elidable=False)]
