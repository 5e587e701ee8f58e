"""The task queue's own pages are taken away: one badly edited schedule stops all of them."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin


def hide() -> None:
    for model in apps.get_app_config("django_q").get_models():
        if admin.site.is_registered(model):
            admin.site.unregister(model)
